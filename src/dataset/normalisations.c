/*
 * The usual ways to normalise images, and what to try for a given set. Means
 * and deviations are those of the training sets after division by 255, as
 * published with torchvision and the common training scripts.
 */
#include "dataset/format.h"

#include "base/array.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MEASURED_SAMPLES = 1000 };

/* Rows of one data set (near: its mean says whether it is likely). */
static const struct row {
    const char *name;
    double scale;
    int channels;
    bool near;
    double mean[3], std[3];
} rows[] = {
    {"fashion-mnist", 255, 1, true, {0.2860}, {0.3530}},
    {"mnist", 255, 1, true, {0.1307}, {0.3081}},
    {"imagenet", 255, 3, true, {0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}},
    {"cifar-10",
     255,
     3,
     true,
     {0.4914, 0.4822, 0.4465},
     {0.2470, 0.2435, 0.2616}},
    {"cifar-100",
     255,
     3,
     true,
     {0.5071, 0.4867, 0.4408},
     {0.2675, 0.2565, 0.2761}},
    {"0\xe2\x80\xa6"
     "1",
     255,
     1,
     false,
     {0},
     {1}},
    {"-1\xe2\x80\xa6"
     "1",
     255,
     1,
     false,
     {0.5},
     {0.5}},
    {"raw", 1, 1, false, {0}, {1}},
};

/* Mean and deviation per channel of bytes/255 over samples spread evenly. */
static struct transform measure(const struct dataset_input *input,
                                int64_t count)
{
    int64_t channels = input->sample.dims[0];
    int64_t area = input->sample.dims[1] * input->sample.dims[2];
    int64_t n = count < MEASURED_SAMPLES ? count : MEASURED_SAMPLES;
    struct transform t = {.scale = 255,
                          .channels = channels > 4 ? 4 : (int)channels,
                          .name = "data"};
    for (int c = 0; c < t.channels; c++) {
        uint64_t sum = 0, squares = 0;
        for (int64_t k = 0; k < n; k++) {
            const unsigned char *p = (const unsigned char *)input->tensor.data +
                                     (k * count / n * channels + c) * area;
            for (int64_t i = 0; i < area; i++) {
                sum += p[i];
                squares += (uint64_t)p[i] * p[i];
            }
        }
        double all = (double)n * (double)area;
        double mean = all > 0 ? (double)sum / all : 0;
        double variance = all > 0 ? (double)squares / all - mean * mean : 0;
        t.mean[c] = mean / 255;
        t.std[c] = variance > 0 ? sqrt(variance) / 255 : 1;
    }
    return t;
}

static struct transform transform_of(const struct row *row)
{
    struct transform t = {.scale = row->scale, .channels = row->channels};
    snprintf(t.name, sizeof t.name, "%s", row->name);
    memcpy(t.mean, row->mean, sizeof row->mean);
    memcpy(t.std, row->std, sizeof row->std);
    return t;
}

/* How far a row's statistics are from the measured ones. */
static double distance(const struct row *row, const struct transform *measured)
{
    if (!row->near)
        return 1; /* ranges come after data sets, before "data" */
    double sum = 0;
    for (int c = 0; c < row->channels; c++) {
        int m = c < measured->channels ? c : measured->channels - 1;
        sum += fabs(row->mean[c] - measured->mean[m]) +
               fabs(row->std[c] - measured->std[m]);
    }
    double mean = sum / row->channels;
    /* Another colour model's statistics are a late guess for grey images. */
    return row->channels == measured->channels ? mean : 2 + mean;
}

size_t transform_candidates(const struct dataset *dataset,
                            struct transform *list, size_t room)
{
    if (!dataset_is_image(dataset) || !room)
        return 0;
    struct transform measured = measure(dataset->inputs, dataset->count);
    double far[ARRAY_LENGTH(rows)];
    size_t order[ARRAY_LENGTH(rows)], count = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        if (measured.channels != 1 && rows[i].near && rows[i].channels == 1)
            continue; /* no grey statistics for colour images */
        far[i] = distance(&rows[i], &measured);
        size_t k = count++;
        for (; k && far[order[k - 1]] > far[i]; k--)
            order[k] = order[k - 1];
        order[k] = i;
    }
    size_t n = 0;
    for (; n < count && n + 1 < room; n++)
        list[n] = transform_of(&rows[order[n]]);
    list[n++] = measured;
    return n;
}

#include "dataset/format.h"

#include "base/array.h"
#include "base/file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first that recognises a path opens it; IDX claims every folder. */
static const struct dataset_format *const formats[] = {
    &dataset_format_npz, &dataset_format_cifar, &dataset_format_image_folder,
    &dataset_format_csv, &dataset_format_idx,
};

static const char INSTALLED[] = "/usr/share/datasets/fashion-mnist";
static const char SAMPLE[] = "fashion-mnist-sample";

static int probe_path(struct dataset_probe *probe, const char *path,
                      struct error *err)
{
    *probe =
        (struct dataset_probe){.path = path, .folder = file_is_folder(path)};
    if (probe->folder)
        return 0;
    FILE *f = fopen(path, "rb");
    if (!f)
        return error_set(err, ERROR_IO, "cannot open: %s", strerror(errno));
    size_t got = fread(probe->head, 1, sizeof probe->head, f);
    int failed = ferror(f);
    fclose(f);
    if (failed)
        return error_set(err, ERROR_IO, "cannot read");
    if (!got)
        return error_set(err, ERROR_FORMAT,
                         "the file is empty, expected a data set");
    return 0;
}

static const struct dataset_format *format_of(const struct dataset_probe *probe)
{
    for (size_t i = 0; i < ARRAY_LENGTH(formats); i++)
        if (formats[i]->recognises(probe))
            return formats[i];
    return NULL;
}

/* What the format left to do of sizes and channels. */
static int shape_all(struct dataset *dataset,
                     const struct dataset_format *format,
                     const struct picture_shape *shape, struct error *err)
{
    bool sizes =
        !format->shapes && (shape->resize_height || shape->crop_height);
    int result = 0;
    for (size_t i = 0; i < dataset->input_count && !result; i++) {
        struct dataset_input *input = &dataset->inputs[i];
        if (!input->image)
            continue;
        if (sizes)
            result = dataset_shape_images(input, shape, err);
        if (!result && shape->bgr)
            result = dataset_swap_channels(input, err);
    }
    return result < 0 ? error_prefix(err, "%s", dataset->path) : 0;
}

int dataset_open(struct dataset **out, const char *path,
                 const struct dataset_options *options, struct error *err)
{
    static const struct dataset_options usual = {0};
    struct dataset_probe probe;
    if (probe_path(&probe, path, err) < 0)
        return error_prefix(err, "%s", path);
    const struct dataset_format *format = format_of(&probe);
    if (!format)
        return error_set(err, ERROR_UNSUPPORTED,
                         "%s: not a data set, expected an IDX pair (.gz or "
                         "not), .npz, .npy, .csv, CIFAR's binary files or a "
                         "folder of class folders with PNG or JPEG",
                         path);
    struct dataset *dataset = calloc(1, sizeof *dataset);
    if (!dataset)
        return error_memory(err, sizeof *dataset);
    dataset->format = format->name;
    dataset->split = "";
    dataset->path = string_copy(path);
    if (!dataset->path) {
        dataset_close(dataset);
        return error_memory(err, strlen(path));
    }
    options = options ? options : &usual;
    dataset->shape = options->shape;
    if (format->open(dataset, path, options, err) < 0 ||
        shape_all(dataset, format, &options->shape, err) < 0) {
        dataset_close(dataset);
        return -1;
    }
    *out = dataset;
    return 0;
}

void dataset_close(struct dataset *dataset)
{
    if (!dataset)
        return;
    for (size_t i = 0; i < dataset->input_count; i++) {
        free(dataset->inputs[i].name);
        tensor_release(&dataset->inputs[i].tensor);
    }
    free(dataset->inputs);
    free(dataset->labels);
    free(dataset->path);
    free(dataset);
}

int dataset_add_inputs(struct dataset *dataset, size_t count, struct error *err)
{
    dataset->inputs = array_create(count, sizeof *dataset->inputs);
    if (!dataset->inputs)
        return error_memory(err, count * sizeof *dataset->inputs);
    dataset->input_count = count;
    for (size_t i = 0; i < count; i++)
        if (!(dataset->inputs[i].name = string_copy("")))
            return error_memory(err, 1);
    return 0;
}

/* Whether (n, a, b, c) is (n, h, w, c): images are not 1 or 3 rows high. */
static bool is_channels_last(const struct shape *shape)
{
    int64_t first = shape->dims[1], last = shape->dims[3];
    return first != 1 && first != 3 && (last == 1 || last == 3 || last == 4);
}

/* (n, h, w, c) to (n, c, h, w). */
static int channels_to_front(struct tensor *tensor, struct error *err)
{
    const struct shape *s = &tensor->shape;
    struct shape shape = {
        .rank = 4, .dims = {s->dims[0], s->dims[3], s->dims[1], s->dims[2]}};
    struct tensor front;
    if (tensor_init(&front, tensor->dtype, &shape, err) < 0)
        return -1;
    const unsigned char *from = tensor->data;
    unsigned char *to = front.data;
    int64_t area = s->dims[1] * s->dims[2], channels = s->dims[3];
    for (int64_t n = 0; n < s->dims[0]; n++, from += area * channels)
        for (int64_t c = 0; c < channels; c++)
            for (int64_t i = 0; i < area; i++)
                *to++ = from[i * channels + c];
    tensor_release(tensor);
    *tensor = front;
    return 0;
}

int dataset_set_images(struct dataset_input *input, struct error *err)
{
    const struct shape *s = &input->tensor.shape;
    bool bytes = input->tensor.dtype == DTYPE_UINT8;
    input->sample = (struct shape){.rank = s->rank - 1};
    for (int i = 1; i < s->rank; i++)
        input->sample.dims[i - 1] = s->dims[i];
    if (bytes && s->rank == 3) {
        input->sample = (struct shape){3, {1, s->dims[1], s->dims[2]}};
        input->image = true;
    } else if (bytes && s->rank == 4) {
        input->image = true;
        if (is_channels_last(s) && channels_to_front(&input->tensor, err) < 0)
            return -1;
        input->sample = (struct shape){3, {s->dims[1], s->dims[2], s->dims[3]}};
    }
    return 0;
}

int dataset_set_labels(struct dataset *dataset, const struct tensor *labels,
                       struct error *err)
{
    char text[SHAPE_TEXT_BYTES];
    const struct shape *s = &labels->shape;
    if (!dtype_is_integer(labels->dtype))
        return error_set(err, ERROR_FORMAT,
                         "labels are %s, expected integers (class numbers)",
                         dtype_name(labels->dtype));
    if (s->rank < 1 || s->rank > 2 || (s->rank == 2 && s->dims[1] != 1))
        return error_set(err, ERROR_FORMAT,
                         "labels have shape %s, expected one per sample",
                         shape_text(s, text));
    if (s->dims[0] < dataset->count)
        return error_set(err, ERROR_FORMAT,
                         "%" PRId64 " labels, expected %" PRId64, s->dims[0],
                         dataset->count);
    dataset->labels =
        array_create((size_t)dataset->count, sizeof *dataset->labels);
    if (!dataset->labels)
        return error_memory(err, (size_t)dataset->count * 8);
    for (int64_t i = 0; i < s->dims[0]; i++) {
        int64_t label = tensor_integer(labels, i);
        if (label < 0 || label > INT32_MAX)
            return error_set(err, ERROR_RANGE,
                             "label %" PRId64 " of sample %" PRId64
                             " is no class number, expected 0 or more",
                             label, i);
        if (i < dataset->count)
            dataset->labels[i] = label;
        if (label >= dataset->classes)
            dataset->classes = label + 1;
    }
    return 0;
}

const char *dataset_path(const struct dataset *dataset)
{
    return dataset->path;
}

const char *dataset_format(const struct dataset *dataset)
{
    return dataset->format;
}

const struct picture_shape *dataset_shape(const struct dataset *dataset)
{
    return &dataset->shape;
}

const char *dataset_split(const struct dataset *dataset)
{
    return dataset->split;
}

int64_t dataset_count(const struct dataset *dataset)
{
    return dataset->count;
}

size_t dataset_input_count(const struct dataset *dataset)
{
    return dataset->input_count;
}

const char *dataset_input_name(const struct dataset *dataset, size_t input)
{
    return dataset->inputs[input].name;
}

enum dtype dataset_input_dtype(const struct dataset *dataset, size_t input)
{
    return dataset->inputs[input].tensor.dtype;
}

struct shape dataset_sample_shape(const struct dataset *dataset, size_t input)
{
    return dataset->inputs[input].sample;
}

bool dataset_is_image(const struct dataset *dataset)
{
    return dataset->input_count == 1 && dataset->inputs[0].image;
}

int64_t dataset_label(const struct dataset *dataset, int64_t i)
{
    return dataset->labels ? dataset->labels[i] : -1;
}

int64_t dataset_classes(const struct dataset *dataset)
{
    return dataset->classes;
}

static bool has_images(const char *folder)
{
    static const char *const names[] = {"t10k-images-idx3-ubyte.gz",
                                        "t10k-images-idx3-ubyte"};
    bool found = false;
    for (size_t i = 0; i < ARRAY_LENGTH(names) && !found; i++) {
        char *path = path_join(folder, names[i]);
        found = path && file_exists(path);
        free(path);
    }
    return found;
}

char *dataset_default_path(const char *data_folder)
{
    if (has_images(INSTALLED))
        return string_copy(INSTALLED);
    char *sample = path_join(data_folder, SAMPLE);
    if (sample && has_images(sample))
        return sample;
    free(sample);
    return NULL;
}

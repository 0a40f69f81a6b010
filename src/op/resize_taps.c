/*
 * Every mode of Resize is separable: along an axis each output is a weighted
 * sum of a few inputs. Nearest has one, linear two, cubic four; a filter
 * against aliasing is stretched by the shrinking.
 */
#include "base/array.h"
#include "op/resize.h"

#include <math.h>
#include <stdlib.h>

/* Where output o lies in the input. */
static double source(const struct resize_axis *axis, int64_t o)
{
    double x = (double)o, in = (double)axis->in, out = (double)axis->out;
    double scale = axis->scale, span = axis->roi_end - axis->roi_begin;
    double adjusted = out / (scale * in); /* below one where out is rounded */
    switch (axis->place) {
    case RESIZE_HALF_PIXEL:
        return (x + 0.5) / scale - 0.5;
    case RESIZE_HALF_PIXEL_SYMMETRIC:
        return in / 2 * (1 - adjusted) + (x + 0.5) / scale - 0.5;
    case RESIZE_PYTORCH_HALF_PIXEL:
        return axis->out > 1 ? (x + 0.5) / scale - 0.5 : 0;
    case RESIZE_ALIGN_CORNERS:
        return axis->out > 1 ? x * (in - 1) / (out - 1) : 0;
    case RESIZE_ASYMMETRIC:
        return x / scale;
    case RESIZE_TF_HALF_PIXEL_FOR_NN:
        return (x + 0.5) / scale;
    case RESIZE_TF_CROP_AND_RESIZE:
        if (axis->out > 1)
            return axis->roi_begin * (in - 1) + x * span * (in - 1) / (out - 1);
        return 0.5 * (axis->roi_begin + axis->roi_end) * (in - 1);
    }
    return x;
}

static double rounded(double x, enum resize_round round)
{
    switch (round) {
    case RESIZE_ROUND_PREFER_FLOOR:
        return ceil(x - 0.5);
    case RESIZE_ROUND_PREFER_CEIL:
        return floor(x + 0.5);
    case RESIZE_FLOOR:
        return floor(x);
    case RESIZE_CEIL:
        return ceil(x);
    }
    return x;
}

static int64_t inside(double x, int64_t size)
{
    if (!(x > 0))
        return 0;
    return x > (double)(size - 1) ? size - 1 : (int64_t)x;
}

static double triangle(double x)
{
    double distance = fabs(x);
    return distance < 1 ? 1 - distance : 0;
}

/* Keys' cubic convolution. */
static double cubic(double x, double a)
{
    double d = fabs(x);
    if (d <= 1)
        return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

/* Half the width of the filter in inputs, and how much it is stretched. */
static double stretch(const struct resize_axis *axis)
{
    return axis->antialias && axis->scale < 1 ? 1 / axis->scale : 1;
}

static int64_t tap_count(const struct resize_axis *axis)
{
    if (axis->mode == RESIZE_NEAREST)
        return 1;
    double half = axis->mode == RESIZE_LINEAR ? 1 : 2;
    return 2 * (int64_t)ceil(half * stretch(axis));
}

/* The taps of one output, their weights adding up to one. */
static void fill(struct resize_taps *taps, const struct resize_axis *axis,
                 int64_t o)
{
    double x = source(axis, o), wide = stretch(axis), sum = 0;
    int64_t *index = taps->index + o * taps->count;
    float *weight = taps->weight + o * taps->count;
    taps->outside[o] = axis->place == RESIZE_TF_CROP_AND_RESIZE &&
                       (x < 0 || x > (double)(axis->in - 1));
    if (axis->mode == RESIZE_NEAREST) {
        index[0] = inside(rounded(x, axis->round), axis->in);
        weight[0] = 1;
        return;
    }
    double first = floor(x) - (double)(taps->count / 2 - 1);
    for (int64_t k = 0; k < taps->count; k++) {
        double at = first + (double)k, d = (x - at) / wide;
        bool beyond = at < 0 || at > (double)(axis->in - 1);
        double w =
            axis->mode == RESIZE_LINEAR ? triangle(d) : cubic(d, axis->cubic);
        index[k] = inside(at, axis->in);
        weight[k] = beyond && axis->exclude_outside ? 0 : (float)w;
        sum += (double)weight[k];
    }
    for (int64_t k = 0; k < taps->count && sum != 0; k++)
        weight[k] = (float)((double)weight[k] / sum);
}

int resize_taps_init(struct resize_taps *taps, const struct resize_axis *axis,
                     struct error *err)
{
    taps->count = tap_count(axis);
    size_t outputs = (size_t)axis->out, count;
    if (__builtin_mul_overflow(outputs, (size_t)taps->count, &count))
        count = SIZE_MAX / 2;
    taps->index = array_create(count + 1, sizeof *taps->index);
    taps->weight = array_create(count + 1, sizeof *taps->weight);
    taps->outside = array_create(outputs + 1, sizeof *taps->outside);
    if (!taps->index || !taps->weight || !taps->outside) {
        resize_taps_release(taps);
        return error_memory(err, count * sizeof *taps->index);
    }
    for (int64_t o = 0; o < axis->out; o++)
        fill(taps, axis, o);
    return 0;
}

void resize_taps_release(struct resize_taps *taps)
{
    free(taps->index);
    free(taps->weight);
    free(taps->outside);
    *taps = (struct resize_taps){0};
}

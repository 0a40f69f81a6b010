#include "op/window.h"

#include <string.h>

static const struct {
    const char *name;
    enum padding_mode mode;
} padding_modes[] = {
    {"NOTSET", PADDING_EXPLICIT},       {"", PADDING_EXPLICIT},
    {"SAME_UPPER", PADDING_SAME_UPPER}, {"SAME_LOWER", PADDING_SAME_LOWER},
    {"VALID", PADDING_VALID},
};

enum { MODE_COUNT = sizeof padding_modes / sizeof padding_modes[0] };

static int read_mode(struct window *window, const char *name, struct error *err)
{
    window->mode = PADDING_EXPLICIT;
    if (!name)
        return 0;
    for (int i = 0; i < MODE_COUNT; i++) {
        if (strcmp(padding_modes[i].name, name) == 0) {
            window->mode = padding_modes[i].mode;
            return 0;
        }
    }
    return error_set(err, ERROR_UNSUPPORTED, "auto_pad '%s' is not known",
                     name);
}

/* Copies `spatial` numbers of at least `least` to the last places of to. */
static int read_list(int64_t *to, const char *name, const struct integers *list,
                     int spatial, int64_t least, struct error *err)
{
    if (!list->count)
        return 0;
    if (list->count != (size_t)spatial)
        return error_set(err, ERROR_SHAPE, "%s has %zu values, expected %d",
                         name, list->count, spatial);
    for (int i = 0; i < spatial; i++) {
        int64_t value = list->values[i];
        if (value < least || value > INT32_MAX)
            return error_set(err, ERROR_RANGE, "%s %lld is out of range", name,
                             (long long)value);
        to[WINDOW_AXES - spatial + i] = value;
    }
    return 0;
}

static int read_pads(struct window *window, const struct integers *pads,
                     int spatial, struct error *err)
{
    if (!pads->count)
        return 0;
    if (pads->count != 2 * (size_t)spatial)
        return error_set(err, ERROR_SHAPE, "pads has %zu values, expected %d",
                         pads->count, 2 * spatial);
    struct integers half = {pads->values, (size_t)spatial, true};
    if (read_list(window->begin, "pads", &half, spatial, 0, err) < 0)
        return -1;
    half.values += spatial;
    return read_list(window->end, "pads", &half, spatial, 0, err);
}

int window_read(struct window *window, const struct window_params *params,
                int spatial, const int64_t *kernel, struct error *err)
{
    *window = (struct window){
        .kernel = {1, 1, 1}, .stride = {1, 1, 1}, .dilation = {1, 1, 1}};
    const struct integers *shape = &params->kernel_shape;
    if (!shape->count && !kernel)
        return error_set(err, ERROR_FORMAT, "kernel_shape is missing");
    if (read_mode(window, params->auto_pad, err) < 0 ||
        read_list(window->kernel, "kernel_shape", shape, spatial, 1, err) < 0 ||
        read_list(window->stride, "strides", &params->strides, spatial, 1,
                  err) < 0 ||
        read_list(window->dilation, "dilations", &params->dilations, spatial, 1,
                  err) < 0)
        return -1;
    for (int i = 0; kernel && i < spatial; i++) {
        if (shape->count && shape->values[i] != kernel[i])
            return error_set(err, ERROR_SHAPE,
                             "kernel_shape is %lld, but the weight has %lld",
                             (long long)shape->values[i], (long long)kernel[i]);
        if (kernel[i] > INT32_MAX)
            return error_set(err, ERROR_RANGE, "kernel %lld is out of range",
                             (long long)kernel[i]);
        window->kernel[WINDOW_AXES - spatial + i] = kernel[i];
    }
    if (window->mode != PADDING_EXPLICIT)
        return 0;
    return read_pads(window, &params->pads, spatial, err);
}

int64_t window_extent(const struct window *window, int i)
{
    return (window->kernel[i] - 1) * window->dilation[i] + 1;
}

void window_divide(struct window *window, int i, int64_t total)
{
    int64_t small = total / 2, large = total - total / 2;
    bool upper = window->mode == PADDING_SAME_UPPER;
    window->begin[i] = upper ? small : large;
    window->end[i] = upper ? large : small;
}

int window_output(struct window *window, int i, int64_t in, bool ceiling,
                  int64_t *out, struct error *err)
{
    int64_t stride = window->stride[i], extent = window_extent(window, i);
    if (in < 1 || in > INT32_MAX)
        return error_set(err, ERROR_SHAPE, "a spatial dimension of %lld",
                         (long long)in);
    if (window->mode == PADDING_SAME_UPPER ||
        window->mode == PADDING_SAME_LOWER) {
        *out = (in + stride - 1) / stride;
        int64_t total = (*out - 1) * stride + extent - in;
        window_divide(window, i, total > 0 ? total : 0);
        return 0;
    }
    int64_t room = in + window->begin[i] + window->end[i] - extent;
    if (room < 0)
        return error_set(err, ERROR_SHAPE,
                         "a window of %lld does not fit into %lld with "
                         "padding %lld and %lld",
                         (long long)extent, (long long)in,
                         (long long)window->begin[i],
                         (long long)window->end[i]);
    *out = room / stride + 1;
    /* A window that would begin in the padding behind the input is dropped,
     * as PyTorch and ONNX 22 have it. */
    if (ceiling && room % stride && *out * stride < in + window->begin[i])
        ++*out;
    return 0;
}

/* Sliding windows: kernel, stride, dilation, padding of three dimensions. */
#ifndef OP_WINDOW_H
#define OP_WINDOW_H

#include "op/support.h"

enum padding_mode {
    PADDING_EXPLICIT, /* NOTSET */
    PADDING_SAME_UPPER,
    PADDING_SAME_LOWER,
    PADDING_VALID,
};

/* The attributes that windows share; embed and list with WINDOW_PARAMETERS. */
struct window_params {
    struct integers kernel_shape, strides, dilations, pads;
    const char *auto_pad;
};

#define WINDOW_PARAMETERS(type, member)                                        \
    {"kernel_shape", ATTRIBUTE_INTS, offsetof(type, member.kernel_shape), 0},  \
        {"strides", ATTRIBUTE_INTS, offsetof(type, member.strides), 0},        \
        {"pads", ATTRIBUTE_INTS, offsetof(type, member.pads), 0},              \
    {                                                                          \
        "auto_pad", ATTRIBUTE_STRING, offsetof(type, member.auto_pad), 0       \
    }

#define WINDOW_DILATIONS(type, member)                                         \
    {                                                                          \
        "dilations", ATTRIBUTE_INTS, offsetof(type, member.dilations), 0       \
    }

enum { WINDOW_DEPTH, WINDOW_HEIGHT, WINDOW_WIDTH, WINDOW_AXES };

/* Windows of fewer dimensions have a depth, a height of one. */
struct window {
    enum padding_mode mode;
    int64_t kernel[WINDOW_AXES], stride[WINDOW_AXES], dilation[WINDOW_AXES];
    int64_t begin[WINDOW_AXES], end[WINDOW_AXES];
};

/*
 * Reads the attributes for `spatial` (1 to 3) dimensions, the last ones.
 *
 * kernel  (spatial) the kernel's shape, from the weight; NULL: kernel_shape
 *         is required
 *
 * Errors: ERROR_SHAPE (counts, kernel_shape unlike the weight), ERROR_RANGE
 * (not positive, negative padding), ERROR_UNSUPPORTED (auto_pad).
 */
int window_read(struct window *window, const struct window_params *params,
                int spatial, const int64_t *kernel, struct error *err);

/* How far the kernel reaches: (kernel - 1) * dilation + 1. */
int64_t window_extent(const struct window *window, int i);

/*
 * Output size along dimension i for an input of `in`, resolving auto_pad into
 * begin and end. Errors: ERROR_SHAPE when the window does not fit.
 */
int window_output(struct window *window, int i, int64_t in, bool ceiling,
                  int64_t *out, struct error *err);

/* Divides `total` padding as auto_pad wants it; only SAME_UPPER puts the
 * larger half behind. */
void window_divide(struct window *window, int i, int64_t total);

#endif

/*
 * Three dimensions as slices of two: what a window adds along the depth is a
 * sum (or a maximum) over its slices. Only the plain code does it.
 */
#ifndef OP_VOLUME_H
#define OP_VOLUME_H

#include "op/window.h"

/* The window along the depth; {1, 1, 1, 1, 1}: planes only. */
struct depth {
    int64_t in, out, kernel, stride, dilation, begin, end;
};

/* The depth of an input of shape (n, c, [d,] [h,] w) under a window whose
 * output has `out`; planes only below rank 5. */
struct depth volume_depth(const struct window *window, const struct shape *x,
                          int64_t out);

/* (n, c, h, w) of one slice of a shape of rank 2 to 5. */
void volume_slice(const struct shape *shape, int64_t dims[4]);

/* Writes the spatial dimensions of a result to a shape of rank 3 to 5. */
void volume_give(struct shape *shape, int64_t depth, int64_t height,
                 int64_t width);

typedef void volume_compute(const struct conv_spec *plane, const float *src,
                            float *dst);
/* reference_conv_backward or its like. */
typedef void volume_backward(const struct conv_spec *plane, const float *src,
                             const float *gradient, float *src_gradient,
                             float *weight_gradient, float *bias_gradient);

/*
 * Convolution, transposed or not: src (n, ic, d, ih, iw), plane->weight
 * (…, kernel, kh, kw), dst (n, oc, out, oh, ow) written. plane describes one
 * slice of all n images. Errors: ERROR_MEMORY, ERROR_CANCELLED.
 */
int volume_conv(const struct conv_spec *plane, const struct depth *depth,
                volume_compute *compute, bool transposed, const float *src,
                float *dst, const struct cancel *cancel, struct error *err);

/* The gradients of a convolution by its operands; NULL: not wanted. */
struct volume_gradients {
    const float *by_dst;
    float *by_src, *by_weight, *by_bias;
};
int volume_conv_backward(const struct conv_spec *plane,
                         const struct depth *depth, volume_backward *backward,
                         bool transposed, const float *src,
                         const struct volume_gradients *gradients,
                         const struct cancel *cancel, struct error *err);

/* Pooling: src (n, c, d, ih, iw), dst (n, c, out, oh, ow) written. */
int volume_pool(const struct pool_spec *plane, const struct depth *depth,
                const float *src, float *dst, struct error *err);
/* A maximum's gradient goes to the first slice that has it. */
int volume_pool_backward(const struct pool_spec *plane,
                         const struct depth *depth, const float *src,
                         const float *gradient, float *src_gradient,
                         struct error *err);

#endif

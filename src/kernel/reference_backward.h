/*
 * Naive, readable backward kernels on plain row-major float32: the oracle of
 * every fast one, and what an operator's `gradient` uses. `gradient` is that
 * of the loss by the result; results may be NULL where they are not wanted.
 */
#ifndef KERNEL_REFERENCE_BACKWARD_H
#define KERNEL_REFERENCE_BACKWARD_H

#include "kernel/spec.h"

/* src_gradient (n, ic, ih, iw), weight_gradient and bias_gradient as the
 * weight and bias. The same for the transposed convolution below. */
void reference_conv_backward(const struct conv_spec *spec, const float *src,
                             const float *gradient, float *src_gradient,
                             float *weight_gradient, float *bias_gradient);
void reference_deconv_backward(const struct conv_spec *spec, const float *src,
                               const float *gradient, float *src_gradient,
                               float *weight_gradient, float *bias_gradient);

/* A maximum's gradient goes to the first of equal elements. */
void reference_pool_backward(const struct pool_spec *spec, const float *src,
                             const float *gradient, float *src_gradient);

/* Batch norm by the statistics of the batch itself: writes them (c). */
void reference_norm_statistics(const struct affine_spec *spec, const float *src,
                               float *mean, float *variance);

/*
 * Of batch norm with the statistics of spec. When `training`, these are the
 * batch's own, so the gradient also flows through them; mean_gradient and
 * variance_gradient are then zero.
 */
void reference_norm_backward(const struct affine_spec *spec, bool training,
                             const float *src, const float *gradient,
                             float *src_gradient, float *gamma_gradient,
                             float *beta_gradient, float *mean_gradient,
                             float *variance_gradient);

/* dst is the forward result. */
void reference_softmax_backward(const struct softmax_spec *spec,
                                const float *dst, const float *gradient,
                                float *src_gradient);

/* The derivative of reference_eltwise at x; at a kink one of the sides. */
double reference_eltwise_slope(const struct eltwise_spec *spec, double x);

#endif

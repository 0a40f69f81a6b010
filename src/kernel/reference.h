/*
 * Naive, readable kernels on plain row-major float32: the oracle of every
 * fast one, and what an operator's `run` uses. Accumulate in double.
 */
#ifndef KERNEL_REFERENCE_H
#define KERNEL_REFERENCE_H

#include "kernel/spec.h"

/* dst (n, oc, oh, ow) = convolution of src (n, ic, ih, iw). */
void reference_conv(const struct conv_spec *spec, const float *src, float *dst);
void reference_deconv(const struct conv_spec *spec, const float *src,
                      float *dst);
/* dst (n, out) = src (n, in) * weight + bias. */
void reference_product(const struct product_spec *spec, const float *src,
                       float *dst);
void reference_matmul(const struct matmul_spec *spec, const float *a,
                      const float *b, float *dst);
void reference_pool(const struct pool_spec *spec, const float *src, float *dst);
void reference_affine(const struct affine_spec *spec, const float *src,
                      float *dst);
void reference_softmax(const struct softmax_spec *spec, const float *src,
                       float *dst);
void reference_norm(const struct norm_spec *spec, const float *src, float *dst);

/* mask: NULL where the spec has none. */
void reference_attention(const struct attention_spec *spec, const float *query,
                         const float *key, const float *value,
                         const float *mask, float *result);
float reference_eltwise(const struct eltwise_spec *spec, float x);
float reference_binary(enum binary_kind kind, float a, float b);
/* In place: value[i] = activation(value[i] + other[i]); other may be NULL. */
void reference_epilogue(const struct epilogue *epilogue, float *value,
                        const float *other, int64_t count);

#endif

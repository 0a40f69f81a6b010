/* The one inner loop of layout changes that is worth vectors: a transpose. */
#ifndef KERNEL_LAYOUT_TRANSPOSE_H
#define KERNEL_LAYOUT_TRANSPOSE_H

#include <stdint.h>

/* A matrix and its transpose: dst[col * dst_stride + row] =
 * src[row * src_stride + col]. */
struct transpose {
    const float *src;
    float *dst;
    int64_t src_stride, dst_stride;
    int64_t rows, cols;
};

void layout_transpose_scalar(const struct transpose *t);
#if defined(__x86_64__)
void layout_transpose_avx2(const struct transpose *t);
void layout_transpose_avx512(const struct transpose *t);
#endif

#endif

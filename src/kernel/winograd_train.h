/*
 * Winograd's F(4x4, 3x3) in training, in blocks of 16 channels: a 3x3
 * convolution of stride 1 forward, its gradient by the source (the same
 * convolution with turned weights) and by the weights (36 products over all
 * tiles, then the weights' transform turned round).
 *
 * Tiles are taken by rows of tiles, whose lines are transformed together:
 * columns that neighbouring tiles share are computed once.
 *
 * Source: Lavin and Gray 2015; see winograd.h.
 */
#ifndef KERNEL_WINOGRAD_TRAIN_H
#define KERNEL_WINOGRAD_TRAIN_H

#include "base/cpu.h"
#include "kernel/spec.h"

#include <stddef.h>

/* One convolution; src and dst are BLOCK16. */
struct winograd_pass {
    int64_t n, ic, ih, iw, oc, oh, ow, pad_top, pad_left;
    int64_t rows, columns; /* tiles of a plane */
    int64_t together;      /* rows of tiles in a group */
    /* Floats from one of the 36 matrices to the next: (tiles, ic) of the
     * source and (tiles, oc) of the result. */
    int64_t step_in, step_out;
};

/* False: not 3x3 with stride 1, or it does not pay. */
bool winograd_train_serves(const struct conv_spec *conv);
struct winograd_pass winograd_forward_pass(const struct conv_spec *conv);
/* From the result's gradient to the source's. */
struct winograd_pass winograd_data_pass(const struct conv_spec *conv);
/* Bytes of packed weights, and of scratch for any of a pass's kernels. */
size_t winograd_weight_bytes(const struct winograd_pass *pass);
size_t winograd_scratch_bytes(const struct winograd_pass *pass);

/* All memory is 64-byte aligned. */
struct winograd_kernels {
    /* weight: plain (oc, ic, 3, 3) of the convolution; turned: for its data
     * pass. */
    void (*pack)(const struct winograd_pass *pass, const float *weight,
                 bool turned, float *packed);
    /* dst = conv(src) + bias, or dst += it. bias: (oc) or NULL. */
    void (*convolve)(const struct winograd_pass *pass, const float *packed,
                     const float *bias, const float *src, bool adds, float *dst,
                     float *scratch);
    /* by_weight (9, ic, oc) and by_bias (oc) or NULL, written or added to. */
    void (*gradient)(const struct winograd_pass *forward, const float *src,
                     const float *by_dst, bool adds, float *by_weight,
                     float *by_bias, float *scratch);
    /* (9, ic, oc) to plain (oc, ic, 3, 3). */
    void (*unpack)(const struct winograd_pass *forward, const float *by_weight,
                   float *plain);
};

/* NULL: none for this instruction set. */
const struct winograd_kernels *winograd_kernels_of(enum cpu_isa isa);

#if defined(__x86_64__)
extern const struct winograd_kernels winograd_kernels_avx512;
#endif

#endif

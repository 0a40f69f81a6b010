/*
 * Training where 16 images are one vector (LAYOUT_IMAGE16): convolutions of
 * few or odd numbers of channels, which blocks of channels would pad, and the
 * pooling between them. Every kernel size, stride and dilation takes the same
 * loops, and no product is wasted on padding.
 *
 * A tap is one weight of a filter: (channel, row, column).
 */
#ifndef KERNEL_IMAGE_TRAIN_H
#define KERNEL_IMAGE_TRAIN_H

#include "base/cpu.h"
#include "kernel/spec.h"

#include <stddef.h>

enum {
    IMAGE_LANES = 16,
    IMAGE_GROUP = 3,  /* filters, or taps, that a tile multiplies by */
    IMAGE_PIXELS = 8, /* neighbours in a row that a tile takes, at most */
    IMAGE_CORNER = 5, /* filters and taps of a tile of gradients */
};

/* One convolution of a multiple of 16 images. */
struct image_conv {
    struct conv_spec conv; /* weight and bias are not read */
    int64_t taps;          /* ic * kh * kw */
    int64_t height, width; /* of a source plane with its padding */
    bool pads;
    int64_t rows; /* of the result that a sum by weights takes together */
    /* Winograd's points: tiles of out x out pixels of the result; out 0: taps
     * and pixels as they are. */
    int64_t out, tile_rows, tile_columns;
};

/* False: groups, or a batch that is no multiple of 16 images. */
bool image_conv_serves(const struct conv_spec *conv);
struct image_conv image_conv_of(const struct conv_spec *conv);
/* Bytes of the weight packed for the pass forward (`by_taps` false) or by the
 * source, and of scratch for any of the kernels. */
size_t image_weight_bytes(const struct image_conv *conv, bool by_taps);
size_t image_scratch_bytes(const struct image_conv *conv);

/* All memory is 64-byte aligned. Gradients are added where `adds`. */
struct image_kernels {
    /* weight: plain (oc, ic, kh, kw) */
    void (*pack)(const struct image_conv *conv, const float *weight,
                 bool by_taps, float *packed);
    /* dst = conv(src) + bias; bias (oc) or NULL. */
    void (*forward)(const struct image_conv *conv, const float *packed,
                    const float *bias, const float *src, float *dst,
                    float *scratch);
    void (*by_src)(const struct image_conv *conv, const float *packed,
                   const float *by_dst, bool adds, float *by_src,
                   float *scratch);
    /* by_weight plain, by_bias (oc) or NULL. */
    void (*by_weight)(const struct image_conv *conv, const float *src,
                      const float *by_dst, bool adds, float *by_weight,
                      float *by_bias, float *scratch);
    void (*pool)(const struct pool_spec *pool, const float *src, float *dst);
    /* src and dst as `pool` had them; a maximum's gradient goes to the first
     * of equal elements. */
    void (*pool_by_src)(const struct pool_spec *pool, const float *src,
                        const float *dst, const float *by_dst, bool adds,
                        float *by_src);
};

/* NULL: none for this instruction set. */
const struct image_kernels *image_kernels_of(enum cpu_isa isa);

#if defined(__x86_64__)
extern const struct image_kernels image_kernels_avx512;
#endif

/* --- for the instruction sets' files --- */

/* Where a tap reads, from where the pixel does. */
struct image_tap {
    int32_t channel, y, x;
};

/* Parts of scratch. */
struct image_scratch {
    int32_t *offsets;       /* of taps or filters, in floats */
    struct image_tap *taps; /* (taps) */
    float *source;          /* a block of images with its padding */
    float *sums;            /* (taps, CORNER, 16) */
    float *edge;            /* six tiles that are not stored as a whole */
    float *points;          /* a line of both sides' points */
    float *totals;          /* (36, filters): sums of all points */
};

struct image_scratch image_scratch_of(const struct image_conv *conv,
                                      float *memory);
/* From point to point in totals, filters filled up to vectors. */
int64_t image_filters(const struct image_conv *conv);
void image_taps_pack(const struct image_conv *conv, const float *weight,
                     bool by_taps, float *packed);
void image_list_taps(const struct image_conv *conv, struct image_tap *taps);

/* The passes by points of one block of images: src padded, by_src added to;
 * sums by points, then their weights. */
void image_points_pack(const struct image_conv *conv, const float *weight,
                       bool by_taps, float *packed);
void image_points_forward(const struct image_conv *conv, const float *packed,
                          const float *bias, const float *src, float *dst,
                          const struct image_scratch *scratch);
void image_points_by_src(const struct image_conv *conv, const float *packed,
                         const float *by_dst, float *by_src,
                         const struct image_scratch *scratch);
void image_points_sum(const struct image_conv *conv, const float *src,
                      const float *by_dst, bool begins,
                      const struct image_scratch *scratch);
void image_points_end(const struct image_conv *conv, bool adds,
                      float *by_weight, const struct image_scratch *scratch);

#endif

/*
 * Convolution of blocks of 16 images that reads the source where it lies: no
 * borders, no copies. A tile is part of an output row; every entry adds its
 * weight times that many source pixels, one vector of 16 images each.
 *
 * Rows: taps that fall above or below the source depend on the output row
 * only, so that rows of one class (the same taps inside) share a list of
 * entries. Columns: a tap may miss the source at the first or the last pixel
 * of a row; the low bits of its offset say so and zeros are read there.
 *
 * Source channels go in slices whose rows fit the first-level cache; sums wait
 * in scratch from one slice to the next.
 */
#ifndef KERNEL_SPARSE_ROWS16_H
#define KERNEL_SPARSE_ROWS16_H

#include "kernel/sparse_pack.h"

enum { ROWS16_MISSES_FIRST = 1, ROWS16_MISSES_LAST = 2, ROWS16_PIXELS = 14 };

/* Entries are ordered by (class, slice, output channel or group of them, tap);
 * starts holds where each of these lists begins and the end. */
struct rows16_packed {
    int64_t classes, slices;
    int64_t rows, lists; /* output channels that share entries; lists of them */
    int64_t pixels;      /* of a tile, at most ROWS16_PIXELS */
    size_t row_class;    /* oh bytes: the class of every output row */
    size_t starts, bias, entries;
};

#define SPARSE_FACES(method)                                                   \
    bool sparse_##method##_serves(const struct kernel_spec *spec);             \
    size_t sparse_##method##_pack_bytes(const struct kernel_spec *spec);       \
    void sparse_##method##_pack(const struct kernel_spec *spec, void *packed); \
    size_t sparse_##method##_scratch_bytes(const struct kernel_spec *spec,     \
                                           int64_t src_border);
SPARSE_FACES(conv_rows16)
SPARSE_FACES(conv_rows16_rows4)
#undef SPARSE_FACES

#endif

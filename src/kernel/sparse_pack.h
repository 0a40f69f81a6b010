/*
 * What the sparse kernels of all instruction sets share: the packed form of
 * weights and the geometry that its offsets are made for.
 *
 * A kernel computes output pixels in "runs": the source is a plane with rows
 * `pitch` apart that holds, for every tap, the element which output (y, x)
 * needs at y * pitch + x + offset(tap). A run of outputs then meets a run of
 * source elements, whatever the tap, and the pitch - ow outputs between two
 * rows are computed for nothing and not kept. One pixel is `unit` floats: 1,
 * or 16 images side by side.
 *
 * Where the source is such a plane already (stride 1 and enough border) it is
 * read in place. Else it is copied to scratch, strip by strip: each of the
 * sh * sw phases (rows and columns of one remainder modulo the stride) becomes
 * a plane of its own, in which the taps move by whole elements again.
 */
#ifndef KERNEL_SPARSE_PACK_H
#define KERNEL_SPARSE_PACK_H

#include "kernel/spec.h"

#include <stddef.h>

enum {
    SPARSE_BLOCK = 16,
    SPARSE_ROWS = 4,
    SPARSE_SETS = 1 << SPARSE_ROWS,
    SPARSE_INPUTS = 16,
    SPARSE_WINDOW = 64 /* output channels among which pairs are found */
};

/* Spans a product (1x1 over 1x1 planes) and a convolution. */
struct sparse_problem {
    struct conv_spec conv;
    bool transposed; /* weight is (ic, oc): a product stored by inputs */
    int unit;
    int rows;     /* output channels that share entries: 1 or SPARSE_ROWS */
    bool quartet; /* entries hold the kept weights of four, sorted by set */
    bool chunk;   /* entries hold SPARSE_INPUTS weights of one */
    bool pair;    /* lists of two (sparse_pair.c) */
};

/* A kept weight: its source element, relative to that of output 0, and its
 * value. */
struct sparse_entry {
    int32_t offset;
    float value;
};

/* The same for the output channels of one group, some of which may be zero. */
struct sparse_entry4 {
    int32_t offset;
    float value[SPARSE_ROWS];
};

/* Weights of one output channel for `count` input channels in a row, some of
 * which may be zero; the offset is that of the first. */
struct sparse_entry16 {
    int32_t offset, count;
    float value[SPARSE_INPUTS];
};

/* A quartet's entries are words of four bytes: an offset, then a float for each
 * of the four channels that keeps its weight. They are sorted by which these
 * are (a set: a bit for each), so that every set has a loop of its own. */

/* A pair's entries are words as well. Two channels that keep as many weights
 * keep as many apart from each other: first come couples of these, an offset
 * and a float for the one and for the other, then what both keep, an offset and
 * two floats. A list has three starts: of the couples, of the rest, its end.
 * Which channels its two are is in a table; list k's lie in window k /
 * (SPARSE_WINDOW / 2). */

/* Which of four channels keep their weight. */
unsigned sparse_set_of(const float value[SPARSE_ROWS]);

/* Where an entry's weight was: input channel, and how far its tap is from the
 * kernel's first in source rows and columns. */
struct sparse_tap {
    int32_t channel;
    int16_t y, x;
};

/* From the index (channel * kh + ky) * kw + kx. */
struct sparse_tap sparse_tap_of(const struct conv_spec *conv, int64_t index);

/* All lengths in pixels. */
struct sparse_geometry {
    int unit;
    bool in_place;  /* canonical planes are bordered source planes */
    int64_t border; /* that the taps reach; the border of in-place planes */
    int64_t origin_y, origin_x;   /* plane (0, 0) is source -origin */
    int64_t sh, sw;               /* phases: 1, 1 in place */
    int64_t pitch, height, plane; /* plane: from one to the next */
    int64_t strip;                /* output rows that one plane serves */
};

/* Packed weights: this header, then starts (a list per output channel or per
 * group of them, and the end), run (which lists are: those that somebody
 * reads), bias (oc, rounded up to groups), entries and taps (one each), every
 * part 64-byte aligned. A quartet has SPARSE_SETS starts: where its sets end,
 * in words, that of the empty set where the first begins; its taps lie where
 * the offsets do. */
struct sparse_packed {
    struct sparse_geometry geometry;
    int rows; /* as the problem's */
    bool quartet, chunk, pair;
    int64_t count;     /* entries; words of quartets and pairs */
    int64_t run_count; /* lists that are run */
    /* Bytes from the header; channels of pairs only, -1 where there is none. */
    size_t starts, run, bias, entries, taps, channels;
};

void sparse_problem_of(struct sparse_problem *problem,
                       const struct kernel_spec *spec, enum layout layout);
struct sparse_geometry sparse_geometry_of(const struct sparse_problem *problem);
/* Whether sizes are sane and offsets fit. */
bool sparse_problem_served(const struct sparse_problem *problem);
/* The first pixel of a tap's run. */
int64_t sparse_tap_offset(const struct sparse_geometry *geometry,
                          const struct conv_spec *conv, struct sparse_tap tap);
/* The same planes with another border: geometry of the source as it lies. */
struct sparse_geometry sparse_geometry_in_place(
    const struct sparse_geometry *canonical, const struct conv_spec *conv,
    int64_t border);

/* Scratch: a table of the run's vectors, then entries for another border, then
 * planes. */
struct sparse_scratch {
    size_t entries, planes, bytes;
};
struct sparse_scratch sparse_scratch_of(const struct sparse_problem *problem,
                                        int64_t count, int64_t src_border);

/* Whether a stride of 2 is run on the planes as they lie (sparse_strided.h). */
bool sparse_runs_strided(const struct sparse_packed *packed,
                         const struct conv_spec *conv, int64_t src_border);

/* The faces of struct sparse_kernel that do not depend on vectors. */
#define SPARSE_FACES(method)                                                   \
    bool sparse_##method##_serves(const struct kernel_spec *spec);             \
    size_t sparse_##method##_pack_bytes(const struct kernel_spec *spec);       \
    void sparse_##method##_pack(const struct kernel_spec *spec, void *packed); \
    size_t sparse_##method##_scratch_bytes(const struct kernel_spec *spec,     \
                                           int64_t src_border);
SPARSE_FACES(conv_plane)
SPARSE_FACES(conv_image16)
SPARSE_FACES(conv_plane_rows4)
SPARSE_FACES(conv_plane_few)
SPARSE_FACES(conv_plane_quartet)
SPARSE_FACES(conv_plane_quartet_chunk)
SPARSE_FACES(conv_plane_chunk)
SPARSE_FACES(conv_plane_pair)
SPARSE_FACES(product_image16_pair)
SPARSE_FACES(conv_short_chunk)
SPARSE_FACES(conv_image16_rows4)
SPARSE_FACES(product_plain)
SPARSE_FACES(product_image16)
SPARSE_FACES(product_image16_rows4)

#endif

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
 *
 * Entries are ordered by kernel column first, so that those which miss an edge
 * follow each other: in any other order, asking costs wrong guesses.
 *
 * Planes whose distance is 16 lines or a multiple meet in a quarter of the
 * first-level cache or less. Where so many channels do that a tile's lines
 * drive each other out, some rows of all channels are copied to scratch (held),
 * where they do not.
 *
 * Quartet: four output channels are summed together, and an input is loaded
 * once for those of the four that keep its weight. Entries are sorted by which
 * these are (15 sets): every set has a loop of its own with its sums in
 * registers. The four are alike (sparse_alike.c): in blocks of 1x16 most keep
 * the same inputs. Channels without weights are in no quartet (sparse_idle.h).
 *
 * Chunk: 16 weights of one output channel for as many inputs in a row (1x16).
 * An entry for 16 multiplications of each pixel: where it lies and what misses
 * the edges is found once, and a list ends after few of them.
 *
 * Pick: the weights that one output channel keeps of 16 inputs in a row. The
 * same for N:M, where all entries have as many.
 */
#ifndef KERNEL_SPARSE_ROWS16_H
#define KERNEL_SPARSE_ROWS16_H

#include "kernel/sparse_pack.h"

enum {
    ROWS16_MISSES_FIRST = 1,
    ROWS16_MISSES_LAST = 2,
    ROWS16_PIXELS = 14,
    ROWS16_CHUNK_INPUTS = 16
};

/* What a list holds. */
enum rows16_kind {
    ROWS16_SINGLE,  /* struct sparse_entry: of one output channel */
    ROWS16_SHARED,  /* struct sparse_entry4: of four, zeros stored */
    ROWS16_QUARTET, /* of four: int32_t offset, a float for each of the set */
    ROWS16_CHUNK,   /* struct rows16_chunk: of one output channel */
    ROWS16_PICK,    /* of one: int32_t offset, count; for each place, float */
};

/* Weights for `count` input channels in a row from the offset on. */
struct rows16_chunk {
    int32_t offset, count;
    float value[ROWS16_CHUNK_INPUTS];
};

/* Entries are ordered by (class, slice, output channel or group of them, set,
 * tap); starts holds where each of these lists begins and the end. A quartet
 * has SPARSE_SETS of them, where its sets end, in words of four bytes; that of
 * the empty set is where the first begins. */
struct rows16_packed {
    enum rows16_kind kind;
    int64_t classes, slices;
    int64_t rows, lists; /* output channels of a list; lists of a slice */
    int64_t idle;        /* output channels without weights, in no list */
    int64_t inputs;      /* input channels of an entry */
    int64_t sets;        /* starts of a list */
    int64_t pixels;      /* of a tile, at most ROWS16_PIXELS */
    int64_t held;        /* output rows whose source is copied at once; or 0 */
    int64_t held_rows;   /* as many source rows, */
    int64_t plane;       /* pixels from one source channel to the next */
    int32_t misses;      /* of all taps */
    size_t row_class;    /* oh bytes: the class of every output row */
    size_t starts;
    size_t channels, bias; /* of lists, -1 where there is none, then idle */
    size_t entries;
};

/* Output channels in the order of lists, a window at a time. */
struct sparse_order {
    int64_t next;                    /* the first that was not asked yet */
    int64_t count;                   /* a multiple of what a list serves */
    int32_t channels[SPARSE_WINDOW]; /* -1: none */
};

/* The next channels that keep any weights, such that four that follow each
 * other keep many of the same inputs; false: no more. */
bool sparse_next_alike(const struct conv_spec *conv,
                       struct sparse_order *order);

SPARSE_FACES(conv_rows16)
SPARSE_FACES(conv_rows16_rows4)
SPARSE_FACES(conv_rows16_few)
SPARSE_FACES(conv_quartet)
SPARSE_FACES(conv_quartet_chunk)
SPARSE_FACES(conv_rows16_chunk)
SPARSE_FACES(conv_rows16_pick)

#endif

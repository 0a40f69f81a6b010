/*
 * Fetching ahead for the convolution of blocks of 16 images; see
 * sparse_rows16.h. Part of sparse_rows16_tile.h.
 *
 * A row reads short pieces of many channels, in an order that the processor
 * does not foresee. Where source and destination exceed the second-level cache
 * it would wait for most of them; so while one row is summed, what the next
 * one reads and writes is fetched: a share with every list of entries.
 */
#ifndef KERNEL_SPARSE_AHEAD_H
#define KERNEL_SPARSE_AHEAD_H

#include "kernel/sparse_run.h"

/* What the processor copes with by itself: 2 MB. */
enum { NEAR_FLOATS = (2 << 20) / (int)sizeof(float) };

struct row_ahead {
    const float *from;   /* source rows that the next output row reads first */
    int64_t plane;       /* floats from one channel to the next */
    int64_t pixels, at;  /* of a channel; how many were fetched of this one */
    int64_t left, share; /* of all channels; for one list */
    int64_t next;        /* floats from an output to the next row's; or 0 */
};

/* An output row of a block of images. */
struct row_place {
    int64_t block, y;
};

/* What source and destination of so many output rows have. */
static inline int64_t floats_of(const struct conv_spec *c, int64_t blocks,
                                int64_t rows)
{
    int64_t pixels = c->ic * c->sh * c->iw + c->oc * c->ow;
    return blocks * rows * pixels * SPARSE_BLOCK;
}

/* lists: that are run until the next row. */
static inline struct row_ahead ahead_of(const struct conv_spec *c,
                                        const float *src, struct row_place now,
                                        struct row_place next, int64_t lists)
{
    int64_t top = next.y * c->sh - c->pad_top;
    int64_t last = top + (c->kh - 1) * c->dh + 1;
    int64_t first = larger(next.block == now.block ? last - c->sh : top, top);
    first = larger(first, 0);
    last = smaller(last, c->ih);
    struct row_ahead a = {.plane = c->ih * c->iw * SPARSE_BLOCK};
    a.from = src + (next.block * c->ic * c->ih + first) * c->iw * SPARSE_BLOCK;
    a.pixels = larger((last - first) * c->iw, 0);
    a.left = c->ic * a.pixels;
    a.share = (a.left + lists - 1) / lists;
    int64_t blocks = next.block - now.block;
    a.next = (blocks * c->oc * c->oh + next.y - now.y) * c->ow * SPARSE_BLOCK;
    return a;
}

/* A share of the source. */
ALWAYS_INLINE void fetch_source(struct row_ahead *a)
{
    int64_t count = smaller(a->share, a->left);
    a->left -= count;
    for (int64_t i = 0; i < count; i++) {
        __builtin_prefetch(a->from + a->at * SPARSE_BLOCK, 0, 2);
        if (++a->at == a->pixels) {
            a->at = 0;
            a->from += a->plane;
        }
    }
}

/* n vectors, `stride` floats apart, of the next row. */
ALWAYS_INLINE void fetch_result(const struct row_ahead *a, const float *now,
                                const int n, const int stride)
{
    if (a->next == 0 || now == NULL)
        return;
#pragma GCC unroll 14
    for (int j = 0; j < n; j++)
        __builtin_prefetch(now + a->next + j * stride, 1, 2);
}

#endif

/*
 * The convolution of blocks of 16 images over rows of the source as it lies;
 * see sparse_rows16.h. Included by sparse_<isa>.c after sparse_run.h.
 */
#ifndef KERNEL_SPARSE_ROWS16_RUN_H
#define KERNEL_SPARSE_ROWS16_RUN_H

#include "kernel/sparse_idle.h"
#include "kernel/sparse_rows16_tile.h"
#if defined(SPARSE_AVX512) || defined(SPARSE_NEON)
#include "kernel/sparse_quartet.h"
#endif

/* Pixels of a tile, at most, and its function for as many and each step. */
static const struct row_way {
    pixels_function *const (*functions)[2];
    int64_t most;
} row_ways[] = {
    [ROWS16_SINGLE] = {pixels_functions, MOST_PIXELS},
    [ROWS16_SHARED] = {pixels4_functions, MOST_SHARED_PIXELS},
#if defined(SPARSE_AVX512) || defined(SPARSE_NEON)
    [ROWS16_QUARTET] = {quartet_functions, MOST_QUARTET},
#endif
#if !defined(SPARSE_AVX512)
    [ROWS16_CHUNK] = {chunks_functions, MOST_PIXELS},
    [ROWS16_PICK] = {picks_functions, MOST_PIXELS},
#endif
};

/* Cuts an output row into tiles of nearly equal size. */
static inline void run_row(struct row_tile *t, const struct row_way *way,
                           int64_t most, int32_t misses)
{
    const struct conv_spec *c = t->run->conv;
    const float *src = t->src, *other = t->other;
    float *dst = t->dst;
    int64_t count = (c->ow + most - 1) / most, done = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t next = c->ow * (i + 1) / count;
        t->src = src + done * c->sw * SPARSE_BLOCK;
        t->dst = dst + done * SPARSE_BLOCK;
        t->other = other != NULL ? other + done * SPARSE_BLOCK : NULL;
        t->misses = misses & ((done == 0 ? ROWS16_MISSES_FIRST : 0) |
                              (next == c->ow ? ROWS16_MISSES_LAST : 0));
        way->functions[next - done][c->sw - 1](t);
        done = next;
    }
}

/* Copies what output rows from y on read of all channels; returns the first
 * row's. */
static int64_t hold_rows(const struct conv_spec *c,
                         const struct rows16_packed *h, const float *src,
                         int64_t y, float *held)
{
    int64_t top = larger(y * c->sh - c->pad_top, 0);
    int64_t rows = larger(smaller(h->held_rows, c->ih - top), 0);
    for (int64_t channel = 0; channel < c->ic; channel++) {
        const float *from =
            src + (channel * c->ih + top) * c->iw * SPARSE_BLOCK;
        float *to = held + channel * h->plane * SPARSE_BLOCK;
        for (int64_t i = 0; i < rows * c->iw * SPARSE_BLOCK; i += LANES)
            vec_store(to + i, vec_load(from + i));
    }
    return top;
}

static inline void run_rows16(const struct conv_spec *c,
                              const void *packed_weights, const float *src,
                              float *dst, const struct epilogue *epilogue,
                              const float *other, void *scratch,
                              const struct sparse_part *part)
{
    const struct rows16_packed *h = packed_weights;
    const char *base = packed_weights;
    const uint8_t *row_class = (const uint8_t *)base + h->row_class;
    const int32_t *starts = (const int32_t *)(const void *)(base + h->starts);
    struct run r = {.conv = c,
                    .bias = (const float *)(const void *)(base + h->bias),
                    .epilogue = epilogue,
                    .first = part->first,
                    .last = part->last,
                    .dst_plane = c->oh * c->ow * SPARSE_BLOCK};
    struct row_tile t = {
        .run = &r,
        .entries = base + h->entries,
        .channels = (const int32_t *)(const void *)(base + h->channels),
        .slices = h->slices,
        .lists = h->lists,
        .sets = h->sets,
        .waiting = scratch,
        .plane = h->plane * SPARSE_BLOCK};
    float *held = t.waiting + h->lists * h->rows * ROWS16_PIXELS * SPARSE_BLOCK;
    const struct row_way *way = &row_ways[h->kind];
    int64_t most = smaller(h->pixels, way->most);
    int64_t blocks = (c->n + SPARSE_BLOCK - 1) / SPARSE_BLOCK;
    set_activation(&r);
    int64_t rows = part->bottom - part->top;
    int64_t lists = h->kind == ROWS16_QUARTET
                        ? h->lists
                        : (r.last + h->rows - 1) / h->rows - r.first / h->rows;
    lists *= (c->ow + most - 1) / most * h->slices;
    bool far = floats_of(c, blocks, rows) > NEAR_FLOATS;
    const struct row_idle idle = {.channels = t.channels + h->lists * h->rows,
                                  .bias = r.bias + h->lists * h->rows,
                                  .count = h->idle,
                                  .vectors = rows * c->ow * PARTS};
    struct row_place now = {0, part->top}, next = now;
    int64_t top = 0;
    for (; now.block < blocks && r.first < r.last; now = next) {
        int64_t y = now.y, from = now.block * c->ic * c->ih + y * c->sh;
        int64_t to = (now.block * c->oc * c->oh + y) * c->ow * SPARSE_BLOCK;
        next = y + 1 < part->bottom
                   ? (struct row_place){now.block, y + 1}
                   : (struct row_place){now.block + 1, part->top};
        struct row_ahead ahead = {0};
        if (far && next.block < blocks && lists > 0)
            ahead = ahead_of(c, src, now, next, lists);
        t.ahead = &ahead;
        t.starts = starts + row_class[y] * h->slices * h->lists * h->sets;
        t.src = src + from * c->iw * SPARSE_BLOCK;
        if (h->held > 0 && (y - part->top) % h->held == 0)
            top = hold_rows(
                c, h, src + now.block * c->ic * c->ih * c->iw * SPARSE_BLOCK, y,
                held);
        if (h->held > 0)
            t.src = held + (y * c->sh - top) * c->iw * SPARSE_BLOCK;
        t.dst = dst + to;
        t.other = other != NULL ? other + to : NULL;
        run_row(&t, way, most, h->misses);
        if (next.block == now.block)
            continue;
        to -= (y - part->top) * c->ow * SPARSE_BLOCK;
        write_idle(&r, &idle, dst + to, other != NULL ? other + to : NULL);
    }
}

#define SPARSE_BY_ROWS16(name)                                                 \
    void name(SPARSE_ARGUMENTS);                                               \
    void name(SPARSE_ARGUMENTS)                                                \
    {                                                                          \
        (void)src_border;                                                      \
        (void)dst_border;                                                      \
        run_rows16(&spec->conv, packed, src, dst, epilogue, other, scratch,    \
                   part);                                                      \
    }

#endif

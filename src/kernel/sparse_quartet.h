/*
 * Tiles of quartets: see sparse_rows16.h. Part of sparse_rows16_run.h.
 *
 * A channel alone pays a load for every multiplication; here a vector of the
 * source is loaded once for all of four channels that want it. Where a block
 * of images is several vectors, they are run one after another: a tile has as
 * many pixels as registers can sum for four channels.
 */
#ifndef KERNEL_SPARSE_QUARTET_H
#define KERNEL_SPARSE_QUARTET_H

#include "kernel/sparse_rows16_tile.h"
#include "kernel/sparse_tile_quartet.h"

/* yes ? a : b without a jump, which would often be guessed wrong. */
ALWAYS_INLINE const float *either(bool yes, const float *a, const float *b)
{
    uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;
    return (const float *)(y ^ ((x ^ y) & -(uintptr_t)yes));
}

/* As pixels_of: a set has too few entries for jumps to be guessed. Most tiles
 * touch no edge. */
ALWAYS_INLINE struct set_source set_pixels(const struct row_tile *t,
                                           int32_t offset, const int n,
                                           const int step, const bool edges)
{
    const float *from = t->src + (offset & ~(SPARSE_BLOCK - 1));
    const float *end = from + (n - 1) * step * SPARSE_BLOCK;
    if (!edges)
        return (struct set_source){from, from, end};
    int32_t misses = offset & t->misses;
    bool first = (misses & ROWS16_MISSES_FIRST) != 0;
    bool last = (misses & ROWS16_MISSES_LAST) != 0;
    return (struct set_source){
        .from = from,
        .first = either(n == 1 ? misses != 0 : first, row_zeros, from),
        .last = either(last, row_zeros, end)};
}

/* All entries of one set. */
ALWAYS_INLINE void add_entries(const struct row_tile *t, const int32_t *ends,
                               vec *sum, const int n, const int step,
                               const bool edges, const unsigned set)
{
    const int32_t *words = t->entries;
    const int32_t *e = words + ends[set - 1], *end = words + ends[set];
    for (; e < end; e += 1 + __builtin_popcount(set)) {
        const struct set_source x = set_pixels(t, e[0], n, step, edges);
        add_set(e + 1, &x, sum, n, step * SPARSE_BLOCK, set);
    }
}

/* One vector of each of n pixels. */
ALWAYS_INLINE void run_quartet(const struct row_tile *t, const int32_t *ends,
                               int64_t slice, int64_t quartet, float *waiting,
                               const int n, const int step, const bool edges)
{
    const struct run *r = t->run;
    vec sum[SPARSE_ROWS * MOST_QUARTET];
#pragma GCC unroll 28
    for (int j = 0; j < SPARSE_ROWS * n; j++)
        sum[j] = slice > 0 ? vec_load(waiting + j * LANES)
                           : vec_all(r->bias[quartet * SPARSE_ROWS + j / n]);
#pragma GCC unroll 16
    for (unsigned set = 1; set < SPARSE_SETS; set++)
        add_entries(t, ends, sum, n, step, edges, set);
    if (slice < t->slices - 1) {
#pragma GCC unroll 28
        for (int j = 0; j < SPARSE_ROWS * n; j++)
            vec_store(waiting + j * LANES, sum[j]);
        return;
    }
#pragma GCC unroll 4
    for (int k = 0; k < SPARSE_ROWS; k++) {
        int64_t channel = t->channels[quartet * SPARSE_ROWS + k];
        if (channel >= r->first && channel < r->last)
            finish_pixels(t, channel, sum + k * n, n, SPARSE_BLOCK);
    }
}

/* Whether any of four channels is to be computed. */
ALWAYS_INLINE bool is_wanted(const struct row_tile *t, int64_t quartet)
{
    const int32_t *channel = t->channels + quartet * SPARSE_ROWS;
    const int32_t *end = channel + SPARSE_ROWS;
    while (channel < end &&
           (*channel < t->run->first || *channel >= t->run->last))
        channel++;
    return channel < end;
}

/* All channels of a tile of n pixels. */
ALWAYS_INLINE void run_quartets(const struct row_tile *tile, const int n,
                                const int step)
{
    struct row_tile t = *tile;
    for (int part = 0; part < PARTS; part++) {
        for (int64_t slice = 0; slice < t.slices; slice++)
            for (int64_t q = 0; q < t.lists; q++) {
                if (!is_wanted(&t, q))
                    continue;
                const int32_t *ends =
                    t.starts + (slice * t.lists + q) * SPARSE_SETS;
                float *waiting = t.waiting + q * SPARSE_ROWS * n * LANES;
                fetch_source(t.ahead);
                if (t.misses == 0)
                    run_quartet(&t, ends, slice, q, waiting, n, step, false);
                else
                    run_quartet(&t, ends, slice, q, waiting, n, step, true);
            }
        t.src += LANES;
        t.dst += LANES;
        t.other += t.other != NULL ? LANES : 0;
    }
}

#define TILE(n)                                                                \
    static void quartet_##n##_step_1(const struct row_tile *t)                 \
    {                                                                          \
        run_quartets(t, n, 1);                                                 \
    }                                                                          \
    static void quartet_##n##_step_2(const struct row_tile *t)                 \
    {                                                                          \
        run_quartets(t, n, 2);                                                 \
    }
#define ROW(n)                                                                 \
    {                                                                          \
        quartet_##n##_step_1, quartet_##n##_step_2                             \
    }
TILE(1)
TILE(2)
TILE(3)
#if defined(SPARSE_AVX512) || defined(SPARSE_NEON)
TILE(4)
TILE(5)
TILE(6)
TILE(7)
#endif
static pixels_function *const quartet_functions[MOST_QUARTET + 1][2] = {
    {NULL, NULL}, ROW(1), ROW(2),
    ROW(3),
#if defined(SPARSE_AVX512) || defined(SPARSE_NEON)
    ROW(4),       ROW(5), ROW(6),
    ROW(7)
#endif
};
#undef TILE
#undef ROW

#endif

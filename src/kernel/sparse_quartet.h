/*
 * Tiles of quartets: see sparse_rows16.h. Part of sparse_rows16_run.h.
 *
 * A channel alone pays a load for every multiplication; here a vector of the
 * source is loaded once for all of four channels that want it. Where a block
 * of images is several vectors, they are run one after another: a tile has as
 * many pixels as registers can sum for four channels; 16 registers are too few.
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

/* As pixels_of: a set has too few entries for jumps to be guessed. */
ALWAYS_INLINE struct row_pixels set_pixels(const struct row_tile *t,
                                           int32_t offset, const int n,
                                           const int step)
{
    const float *from = t->src + (offset & ~(SPARSE_BLOCK - 1));
    int32_t misses = offset & t->misses;
    bool first = (misses & ROWS16_MISSES_FIRST) != 0;
    bool last = (misses & ROWS16_MISSES_LAST) != 0;
    return (struct row_pixels){
        .from = from,
        .first = either(n == 1 ? misses != 0 : first, row_zeros, from),
        .last = either(last, row_zeros, from + (n - 1) * step * SPARSE_BLOCK)};
}

/* One entry: n pixels for the channels of `set`. */
ALWAYS_INLINE void add_set(const struct row_tile *t, const char *entry,
                           vec *sum, const int n, const int step,
                           const unsigned set)
{
    int32_t offset;
    vec w[SPARSE_ROWS];
    size_t at = sizeof offset;
    memcpy(&offset, entry, sizeof offset);
    const struct row_pixels p = set_pixels(t, offset, n, step);
#pragma GCC unroll 4
    for (int k = 0; k < SPARSE_ROWS; k++)
        if ((set >> k & 1) != 0) {
            float value;
            memcpy(&value, entry + at, sizeof value);
            w[k] = vec_all(value);
            at += sizeof value;
        }
#pragma GCC unroll 7
    for (int j = 0; j < n; j++) {
        vec x = load_once(pixel_at(&p, j, n, step));
#pragma GCC unroll 4
        for (int k = 0; k < SPARSE_ROWS; k++)
            if ((set >> k & 1) != 0)
                sum[k * n + j] = vec_multiply_add(w[k], x, sum[k * n + j]);
    }
}

/* All entries of one set. */
ALWAYS_INLINE void add_entries(const struct row_tile *t, const int32_t *ends,
                               vec *sum, const int n, const int step,
                               const unsigned set)
{
    const size_t words = 1 + (size_t)__builtin_popcount(set);
    const char *entries = t->entries;
    const char *e = entries + (size_t)ends[set - 1] * sizeof(float);
    const char *end = entries + (size_t)ends[set] * sizeof(float);
    for (; e < end; e += words * sizeof(float))
        add_set(t, e, sum, n, step, set);
}

/* One vector of each of n pixels. */
ALWAYS_INLINE void run_quartet(const struct row_tile *t, const int32_t *ends,
                               int64_t slice, int64_t quartet, float *waiting,
                               const int n, const int step)
{
    const struct run *r = t->run;
    vec sum[SPARSE_ROWS * MOST_QUARTET];
#pragma GCC unroll 28
    for (int j = 0; j < SPARSE_ROWS * n; j++)
        sum[j] = slice > 0 ? vec_load(waiting + j * LANES)
                           : vec_all(r->bias[quartet * SPARSE_ROWS + j / n]);
#pragma GCC unroll 16
    for (unsigned set = 1; set < SPARSE_SETS; set++)
        add_entries(t, ends, sum, n, step, set);
    if (slice < t->slices - 1) {
#pragma GCC unroll 28
        for (int j = 0; j < SPARSE_ROWS * n; j++)
            vec_store(waiting + j * LANES, sum[j]);
        return;
    }
#pragma GCC unroll 4
    for (int k = 0; k < SPARSE_ROWS; k++) {
        int64_t channel = quartet * SPARSE_ROWS + k;
        if (channel >= r->first && channel < r->last)
            finish_pixels(t, channel, sum + k * n, n, SPARSE_BLOCK);
    }
}

/* All channels of a tile of n pixels. */
ALWAYS_INLINE void run_quartets(const struct row_tile *tile, const int n,
                                const int step)
{
    const struct run *r = tile->run;
    int64_t begin = r->first / SPARSE_ROWS;
    int64_t end = (r->last + SPARSE_ROWS - 1) / SPARSE_ROWS;
    struct row_tile t = *tile;
    for (int part = 0; part < PARTS; part++) {
        for (int64_t slice = 0; slice < t.slices; slice++)
            for (int64_t q = begin; q < end; q++) {
                const int32_t *ends =
                    t.starts + (slice * t.lists + q) * SPARSE_SETS;
                float *waiting = t.waiting + q * SPARSE_ROWS * n * LANES;
                fetch_source(t.ahead);
                run_quartet(&t, ends, slice, q, waiting, n, step);
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
TILE(4)
TILE(5)
TILE(6)
TILE(7)
static pixels_function *const quartet_functions[MOST_QUARTET + 1][2] = {
    {NULL, NULL}, ROW(1), ROW(2), ROW(3), ROW(4), ROW(5), ROW(6), ROW(7)};
#undef TILE
#undef ROW

#endif

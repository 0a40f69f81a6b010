/*
 * Tiles for four output channels of which each keeps other weights: a vector of
 * the source is loaded once for all of the four that want it. In planes most
 * loads span two cache lines and cost twice what a multiplication does. Part of
 * sparse_strip.h.
 */
#ifndef KERNEL_SPARSE_TILE_QUARTET_H
#define KERNEL_SPARSE_TILE_QUARTET_H

#include "kernel/sparse_tile.h"

/* 16 registers hold the sums of three vectors. */
#if defined(SPARSE_AVX512) || defined(SPARSE_NEON)
enum { MOST_QUARTET = 7 };
#else
enum { MOST_QUARTET = 3 };
#endif

/* Where n vectors lie: `stride` floats apart, but the first and the last. */
struct set_source {
    const float *from, *first, *last;
};

ALWAYS_INLINE vec load_source(const struct set_source *s, int j, const int n,
                              const int stride, const unsigned set)
{
    const float *at = j == 0       ? s->first
                      : j == n - 1 ? s->last
                                   : s->from + j * stride;
    return (set & (set - 1)) != 0 ? vec_load_once(at) : vec_load(at);
}

/* One entry: n vectors times what each channel of `set` keeps. */
ALWAYS_INLINE void add_set(const int32_t *weights, const struct set_source *s,
                           vec *sum, const int n, const int stride,
                           const unsigned set)
{
    vec w[SPARSE_ROWS], x[MOST_QUARTET];
    int at = 0;
#pragma GCC unroll 7
    for (int j = 0; j < n && MOST_QUARTET == 3; j++)
        x[j] = load_source(s, j, n, stride, set);
#pragma GCC unroll 4
    for (int k = 0; k < SPARSE_ROWS; k++) {
        float value;
        if ((set >> k & 1) == 0)
            continue;
        memcpy(&value, weights + at++, sizeof value);
        w[k] = vec_all(value);
#pragma GCC unroll 7
        for (int j = 0; j < n && MOST_QUARTET == 3; j++)
            sum[k * n + j] = vec_multiply_add(w[k], x[j], sum[k * n + j]);
    }
#pragma GCC unroll 7
    for (int j = 0; j < n && MOST_QUARTET > 3; j++) {
        x[j] = load_source(s, j, n, stride, set);
#pragma GCC unroll 4
        for (int k = 0; k < SPARSE_ROWS; k++)
            if ((set >> k & 1) != 0)
                sum[k * n + j] = vec_multiply_add(w[k], x[j], sum[k * n + j]);
    }
}

/* A tile of n vectors for all quartets. */
ALWAYS_INLINE void run_tile_quartet(const struct run *r, const struct strip *s,
                                    const int n)
{
    const float *src = tile_source(s);
    for (int64_t i = r->begin; i < r->end; i++) {
        int64_t group = r->run[i];
        const int32_t *ends = r->starts + group * SPARSE_SETS;
        const int32_t *e = r->words + ends[0];
        vec sum[SPARSE_ROWS * MOST_QUARTET];
#pragma GCC unroll 28
        for (int j = 0; j < SPARSE_ROWS * n; j++)
            sum[j] = vec_all(r->bias[group * SPARSE_ROWS + j / n]);
#pragma GCC unroll 16
        for (unsigned set = 1; set < SPARSE_SETS; set++)
            for (const int32_t *end = r->words + ends[set]; e < end;
                 e += 1 + __builtin_popcount(set)) {
                const float *from = src + e[0];
                const struct set_source x = {from, from,
                                             from + (n - 1) * LANES};
                add_set(e + 1, &x, sum, n, LANES, set);
            }
#pragma GCC unroll 4
        for (int k = 0; k < SPARSE_ROWS; k++) {
            int64_t channel = group * SPARSE_ROWS + k;
            if (channel >= r->first && channel < r->last)
                finish_tile(r, s, channel, sum + k * n, n);
        }
    }
}

#define TILE_QUARTET(n)                                                        \
    static void tile_quartet_##n(const struct run *r, const struct strip *s)   \
    {                                                                          \
        run_tile_quartet(r, s, n);                                             \
    }
TILE_QUARTET(1)
TILE_QUARTET(2)
TILE_QUARTET(3)
#if defined(SPARSE_AVX512) || defined(SPARSE_NEON)
TILE_QUARTET(4)
TILE_QUARTET(5)
TILE_QUARTET(6)
TILE_QUARTET(7)
#endif
#undef TILE_QUARTET

static tile_function *const tiles_quartet[MOST_QUARTET + 1] = {
    NULL,           tile_quartet_1, tile_quartet_2, tile_quartet_3,
#if defined(SPARSE_AVX512) || defined(SPARSE_NEON)
    tile_quartet_4, tile_quartet_5, tile_quartet_6, tile_quartet_7,
#endif
};

#endif

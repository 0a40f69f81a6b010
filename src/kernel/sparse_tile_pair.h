/*
 * Tiles for two output channels that keep as many weights (N:M): what both keep
 * is loaded once, and where they differ each has a weight in every step, so
 * that there are two loops without a guess about whose turn it is. Pairs that
 * have most in common are found when weights are packed. Part of
 * sparse_strip.h.
 */
#ifndef KERNEL_SPARSE_TILE_PAIR_H
#define KERNEL_SPARSE_TILE_PAIR_H

#include "kernel/sparse_tile.h"

enum { PAIR = 2, MOST_PAIRED = 6 };

ALWAYS_INLINE vec word_all(const int32_t *word)
{
    float value;
    memcpy(&value, word, sizeof value);
    return vec_all(value);
}

/* A weight of each channel. */
ALWAYS_INLINE void add_couple(const int32_t *e, const float *src, vec *sum,
                              const int n)
{
#pragma GCC unroll 2
    for (int k = 0; k < PAIR; k++) {
        const float *from = src + e[2 * k];
        vec w = word_all(e + 2 * k + 1);
#pragma GCC unroll 6
        for (int j = 0; j < n; j++)
            sum[k * n + j] =
                vec_multiply_add(w, vec_load(from + j * LANES), sum[k * n + j]);
    }
}

/* A weight of both for one input. */
ALWAYS_INLINE void add_both(const int32_t *e, const float *src, vec *sum,
                            const int n)
{
    const float *from = src + e[0];
    const vec w[PAIR] = {word_all(e + 1), word_all(e + 2)};
#pragma GCC unroll 6
    for (int j = 0; j < n; j++) {
        vec x = vec_load_once(from + j * LANES);
#pragma GCC unroll 2
        for (int k = 0; k < PAIR; k++)
            sum[k * n + j] = vec_multiply_add(w[k], x, sum[k * n + j]);
    }
}

/* Pairs lie by windows of channels: of some a part wants none or one. */
ALWAYS_INLINE bool is_wanted(const struct run *r, int32_t channel)
{
    return channel >= r->first && channel < r->last;
}

/* A tile of n vectors for all pairs; `sets` as in run_tile. */
ALWAYS_INLINE void run_tile_pair(const struct run *r, const struct strip *s,
                                 const int n, const int sets)
{
    const int sums = PAIR * n;
    const float *src = tile_source(s);
    for (int64_t i = r->begin; i < r->end; i++) {
        int64_t pair = r->run[i];
        const int32_t *channels = r->channels + pair * PAIR;
        if (!is_wanted(r, channels[0]) && !is_wanted(r, channels[1]))
            continue;
        const int32_t *starts = r->starts + pair * 3;
        const int32_t *e = r->words + starts[0];
        const int32_t *both = r->words + starts[1];
        const int32_t *end = r->words + starts[2];
        vec sum[PAIR * MOST_PAIRED];
#pragma GCC unroll 12
        for (int j = 0; j < sums * sets; j++)
            sum[j] = vec_all(j < sums ? r->bias[pair * PAIR + j / n] : 0.0F);
        for (; sets > 1 && both - e >= 4 * sets; e += 4 * sets)
#pragma GCC unroll 4
            for (int k = 0; k < sets; k++)
                add_couple(e + 4 * k, src, sum + k * sums, n);
        for (; e < both; e += 4)
            add_couple(e, src, sum, n);
        for (; sets > 1 && end - e >= 3 * sets; e += 3 * sets)
#pragma GCC unroll 4
            for (int k = 0; k < sets; k++)
                add_both(e + 3 * k, src, sum + k * sums, n);
        for (; e < end; e += 3)
            add_both(e, src, sum, n);
#pragma GCC unroll 12
        for (int j = sums; j < sums * sets; j++)
            sum[j % sums] = vec_add(sum[j % sums], sum[j]);
#pragma GCC unroll 2
        for (int k = 0; k < PAIR; k++)
            if (is_wanted(r, channels[k]))
                finish_tile(r, s, channels[k], sum + k * n, n);
    }
}

#define TILE_PAIR(n, sets)                                                     \
    static void tile_pair_##n(const struct run *r, const struct strip *s)      \
    {                                                                          \
        run_tile_pair(r, s, n, sets);                                          \
    }
TILE_PAIR(1, 4)
TILE_PAIR(2, 2)
TILE_PAIR(3, 2)
TILE_PAIR(4, 1)
TILE_PAIR(5, 1)
TILE_PAIR(6, 1)
#undef TILE_PAIR

static tile_function *const tiles_pair[MOST_PAIRED + 1] = {
    NULL,        tile_pair_1, tile_pair_2, tile_pair_3,
    tile_pair_4, tile_pair_5, tile_pair_6,
};

#endif

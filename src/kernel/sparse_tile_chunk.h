/*
 * Tiles for 16 weights of one output channel in a row (1x16): where an entry
 * reads is found once for all of them, and lists end after few entries. Part
 * of sparse_strip.h, for the instruction sets whose rows use it.
 */
#ifndef KERNEL_SPARSE_TILE_CHUNK_H
#define KERNEL_SPARSE_TILE_CHUNK_H

#include "kernel/sparse_tile.h"

/* All of a chunk's inputs are written out: as many are always there. */
ALWAYS_INLINE void add_inputs(const struct sparse_entry16 *e, const float *src,
                              int64_t plane, vec *sum, const int n,
                              const int sets)
{
    const float *from = src + e->offset;
    int left = e->count;
#pragma GCC unroll 16
    for (int k = 0; k < SPARSE_INPUTS; k++) {
        if (left-- == 0)
            break;
        vec w = vec_all(e->value[k]);
        vec *to = sum + k % sets * n;
#pragma GCC unroll 28
        for (int j = 0; j < n; j++)
            to[j] = vec_multiply_add(w, vec_load(from + j * LANES), to[j]);
        from += plane;
    }
}

/* A tile of n vectors for all channels; `sets` as in run_tile. */
ALWAYS_INLINE void run_tile_chunk(const struct run *r, const struct strip *s,
                                  const int n, const int sets)
{
    const struct sparse_geometry *g = &r->geometry;
    const int64_t plane = g->sh * g->sw * g->plane;
    const float *src = tile_source(s);
    for (int64_t i = r->begin; i < r->end; i++) {
        int64_t channel = r->run[i];
        const struct sparse_entry16 *e = r->entries16 + r->starts[channel];
        const struct sparse_entry16 *end =
            r->entries16 + r->starts[channel + 1];
        vec sum[MOST_VECTORS + 1];
#pragma GCC unroll 28
        for (int j = 0; j < n * sets; j++)
            sum[j] = vec_all(j < n ? r->bias[channel] : 0.0F);
        for (; e < end; e++)
            add_inputs(e, src, plane, sum, n, sets);
#pragma GCC unroll 28
        for (int j = n; j < n * sets; j++)
            sum[j % n] = vec_add(sum[j % n], sum[j]);
        finish_tile(r, s, channel, sum, n);
    }
}

#define TILE_CHUNK(n, sets)                                                    \
    static void tile_chunk_##n(const struct run *r, const struct strip *s)     \
    {                                                                          \
        run_tile_chunk(r, s, n, sets);                                         \
    }
TILE_CHUNK(1, 8)
TILE_CHUNK(2, 4)
TILE_CHUNK(3, 3)
TILE_CHUNK(4, 2)
TILE_CHUNK(5, 2)
TILE_CHUNK(6, 1)
TILE_CHUNK(7, 1)
TILE_CHUNK(8, 1)
TILE_CHUNK(9, 1)
TILE_CHUNK(10, 1)
TILE_CHUNK(11, 1)
TILE_CHUNK(12, 1)
#if defined(SPARSE_AVX2) || defined(SPARSE_AVX512)
TILE_CHUNK(13, 1)
TILE_CHUNK(14, 1)
#endif
#if defined(SPARSE_AVX512)
TILE_CHUNK(15, 1)
TILE_CHUNK(16, 1)
TILE_CHUNK(17, 1)
TILE_CHUNK(18, 1)
#endif
#undef TILE_CHUNK

static tile_function *const tiles_chunk[MOST_VECTORS + 1] = {
    NULL,          tile_chunk_1,  tile_chunk_2,  tile_chunk_3,  tile_chunk_4,
    tile_chunk_5,  tile_chunk_6,  tile_chunk_7,  tile_chunk_8,  tile_chunk_9,
    tile_chunk_10, tile_chunk_11, tile_chunk_12,
#if defined(SPARSE_AVX2) || defined(SPARSE_AVX512)
    tile_chunk_13, tile_chunk_14,
#endif
#if defined(SPARSE_AVX512)
    tile_chunk_15, tile_chunk_16, tile_chunk_17, tile_chunk_18,
#endif
};

#endif

/*
 * Transposes in tiles of 16 x 16 floats: four rounds of register shuffles,
 * with masked loads and stores so that ragged tiles take the same path.
 */
#include "kernel/layout_transpose.h"

#if defined(__x86_64__)

#include <immintrin.h>

enum { TILE = 16 };

static __mmask16 first(int64_t count)
{
    return (__mmask16)(count >= TILE ? 0xffff : (1u << count) - 1);
}

/* In place: row[i][j] becomes row[j][i]. Rounds move single floats, pairs,
 * groups of 4 and groups of 8 across the diagonal. */
static inline void transpose_registers(__m512 row[TILE])
{
    __m512 t[TILE];
#pragma GCC unroll 8
    for (int i = 0; i < TILE; i += 2) {
        t[i] = _mm512_unpacklo_ps(row[i], row[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(row[i], row[i + 1]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < TILE; i += 4) {
        __m512d a = _mm512_castps_pd(t[i]), b = _mm512_castps_pd(t[i + 1]);
        __m512d c = _mm512_castps_pd(t[i + 2]), d = _mm512_castps_pd(t[i + 3]);
        row[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
        row[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
        row[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
        row[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_f32x4(row[i], row[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_f32x4(row[i], row[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_f32x4(row[i + 8], row[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_f32x4(row[i + 8], row[i + 12], 0xdd);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        row[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
        row[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xdd);
        row[i + 4] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0x88);
        row[i + 12] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0xdd);
    }
}

static void transpose_tile(const struct transpose *t, int64_t r0, int64_t c0)
{
    int64_t rows = t->rows - r0 < TILE ? t->rows - r0 : TILE;
    int64_t cols = t->cols - c0 < TILE ? t->cols - c0 : TILE;
    const float *src = t->src + r0 * t->src_stride + c0;
    float *dst = t->dst + c0 * t->dst_stride + r0;
    __mmask16 load = first(cols), store = first(rows);
    __m512 row[TILE];
#pragma GCC unroll 16
    for (int i = 0; i < TILE; i++)
        row[i] = i < rows ? _mm512_maskz_loadu_ps(load, src + i * t->src_stride)
                          : _mm512_setzero_ps();
    transpose_registers(row);
#pragma GCC unroll 16
    for (int i = 0; i < TILE; i++)
        if (i < cols)
            _mm512_mask_storeu_ps(dst + i * t->dst_stride, store, row[i]);
}

void layout_transpose_avx512(const struct transpose *t)
{
    for (int64_t r0 = 0; r0 < t->rows; r0 += TILE)
        for (int64_t c0 = 0; c0 < t->cols; c0 += TILE)
            transpose_tile(t, r0, c0);
}

#endif

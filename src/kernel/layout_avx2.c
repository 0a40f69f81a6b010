/* Transposes in tiles of 8 x 8 floats; ragged edges go one by one. */
#include "kernel/layout_transpose.h"

#if defined(__x86_64__)

#include <immintrin.h>

enum { TILE = 8 };

static inline void transpose_tile(const float *src, int64_t src_stride,
                                  float *dst, int64_t dst_stride)
{
    __m256 row[TILE], t[TILE];
#pragma GCC unroll 8
    for (int i = 0; i < TILE; i++)
        row[i] = _mm256_loadu_ps(src + i * src_stride);
#pragma GCC unroll 4
    for (int i = 0; i < TILE; i += 2) {
        t[i] = _mm256_unpacklo_ps(row[i], row[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(row[i], row[i + 1]);
    }
#pragma GCC unroll 2
    for (int i = 0; i < TILE; i += 4) {
        row[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
        row[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
        row[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        row[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
    }
#pragma GCC unroll 4
    for (int i = 0; i < TILE / 2; i++) {
        _mm256_storeu_ps(dst + i * dst_stride,
                         _mm256_permute2f128_ps(row[i], row[i + 4], 0x20));
        _mm256_storeu_ps(dst + (i + 4) * dst_stride,
                         _mm256_permute2f128_ps(row[i], row[i + 4], 0x31));
    }
}

/* The part [r0, rows) x [c0, cols), element by element. */
static void transpose_rest(const struct transpose *t, int64_t r0, int64_t r1,
                           int64_t c0)
{
    for (int64_t c = c0; c < t->cols; c++)
        for (int64_t r = r0; r < r1; r++)
            t->dst[c * t->dst_stride + r] = t->src[r * t->src_stride + c];
}

void layout_transpose_avx2(const struct transpose *t)
{
    int64_t whole_rows = t->rows - t->rows % TILE;
    int64_t whole_cols = t->cols - t->cols % TILE;
    for (int64_t r = 0; r < whole_rows; r += TILE) {
        for (int64_t c = 0; c < whole_cols; c += TILE)
            transpose_tile(t->src + r * t->src_stride + c, t->src_stride,
                           t->dst + c * t->dst_stride + r, t->dst_stride);
        transpose_rest(t, r, r + TILE, whole_cols);
    }
    transpose_rest(t, whole_rows, t->rows, 0);
}

#endif

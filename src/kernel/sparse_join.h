/* Sums over lanes, for kernels whose lanes are inputs. */
#ifndef KERNEL_SPARSE_JOIN_H
#define KERNEL_SPARSE_JOIN_H

#include "kernel/sparse_vector.h"

/* Lane i becomes the sum of the lanes of vector i. */
ALWAYS_INLINE vec join_lanes(const vec *a)
{
#if defined(SPARSE_AVX512)
    vec t[8], u[4];
#pragma GCC unroll 8
    for (int k = 0; k < 8; k++)
        t[k] = _mm512_add_ps(_mm512_unpacklo_ps(a[2 * k], a[2 * k + 1]),
                             _mm512_unpackhi_ps(a[2 * k], a[2 * k + 1]));
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++) {
        __m512d x = _mm512_castps_pd(t[2 * k]);
        __m512d y = _mm512_castps_pd(t[2 * k + 1]);
        u[k] = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(x, y)),
                             _mm512_castpd_ps(_mm512_unpackhi_pd(x, y)));
    }
    vec v = _mm512_add_ps(_mm512_shuffle_f32x4(u[0], u[1], 0x88),
                          _mm512_shuffle_f32x4(u[0], u[1], 0xdd));
    vec w = _mm512_add_ps(_mm512_shuffle_f32x4(u[2], u[3], 0x88),
                          _mm512_shuffle_f32x4(u[2], u[3], 0xdd));
    return _mm512_add_ps(_mm512_shuffle_f32x4(v, w, 0x88),
                         _mm512_shuffle_f32x4(v, w, 0xdd));
#elif defined(SPARSE_AVX2)
    vec low =
        _mm256_hadd_ps(_mm256_hadd_ps(a[0], a[1]), _mm256_hadd_ps(a[2], a[3]));
    vec high =
        _mm256_hadd_ps(_mm256_hadd_ps(a[4], a[5]), _mm256_hadd_ps(a[6], a[7]));
    return _mm256_add_ps(_mm256_permute2f128_ps(low, high, 0x20),
                         _mm256_permute2f128_ps(low, high, 0x31));
#elif defined(SPARSE_NEON)
    return vpaddq_f32(vpaddq_f32(a[0], a[1]), vpaddq_f32(a[2], a[3]));
#else
    vec sums;
    for (int i = 0; i < LANES; i++)
        sums[i] = (a[i][0] + a[i][1]) + (a[i][2] + a[i][3]);
    return sums;
#endif
}

#endif

/*
 * One vector of floats for each instruction set, so that the dense kernels
 * are written once. The file that includes this says which: DENSE_AVX512,
 * DENSE_AVX2, else four portable lanes. Sums and products are the compiler's
 * own vector operators.
 */
#ifndef KERNEL_DENSE_VECTOR_H
#define KERNEL_DENSE_VECTOR_H

#include <stdint.h>
#include <string.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* LANES divides 16, the channels that packed weights keep together. */

#if defined(DENSE_AVX512)

#include <immintrin.h>

enum { LANES = 16 };
typedef __m512 vec;

ALWAYS_INLINE vec vec_all(float x)
{
    return _mm512_set1_ps(x);
}

ALWAYS_INLINE vec vec_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

ALWAYS_INLINE void vec_store(float *p, vec v)
{
    _mm512_storeu_ps(p, v);
}

ALWAYS_INLINE vec vec_multiply_add(vec a, vec b, vec c)
{
    return _mm512_fmadd_ps(a, b, c);
}

/* min(max(x, low), high); NaN stays NaN. */
ALWAYS_INLINE vec vec_clamp(vec x, vec low, vec high)
{
    return _mm512_min_ps(high, _mm512_max_ps(low, x));
}

/* The sum and the largest of all lanes. */
ALWAYS_INLINE float vec_sum(vec v)
{
    return _mm512_reduce_add_ps(v);
}

ALWAYS_INLINE float vec_most(vec v)
{
    return _mm512_reduce_max_ps(v);
}

#elif defined(DENSE_AVX2)

#include <immintrin.h>

enum { LANES = 8 };
typedef __m256 vec;

ALWAYS_INLINE vec vec_all(float x)
{
    return _mm256_set1_ps(x);
}

ALWAYS_INLINE vec vec_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

ALWAYS_INLINE void vec_store(float *p, vec v)
{
    _mm256_storeu_ps(p, v);
}

ALWAYS_INLINE vec vec_multiply_add(vec a, vec b, vec c)
{
    return _mm256_fmadd_ps(a, b, c);
}

ALWAYS_INLINE vec vec_clamp(vec x, vec low, vec high)
{
    return _mm256_min_ps(high, _mm256_max_ps(low, x));
}

ALWAYS_INLINE float vec_sum(vec v)
{
    __m128 half =
        _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    half = _mm_add_ss(half, _mm_shuffle_ps(half, half, 1));
    return _mm_cvtss_f32(half);
}

ALWAYS_INLINE float vec_most(vec v)
{
    __m128 half =
        _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    half = _mm_max_ps(half, _mm_movehl_ps(half, half));
    half = _mm_max_ss(half, _mm_shuffle_ps(half, half, 1));
    return _mm_cvtss_f32(half);
}

#else

enum { LANES = 4 };
typedef float vec __attribute__((vector_size(16)));

ALWAYS_INLINE vec vec_all(float x)
{
    return (vec){x, x, x, x};
}

ALWAYS_INLINE vec vec_load(const float *p)
{
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

ALWAYS_INLINE void vec_store(float *p, vec v)
{
    memcpy(p, &v, sizeof v);
}

ALWAYS_INLINE vec vec_multiply_add(vec a, vec b, vec c)
{
    return a * b + c;
}

ALWAYS_INLINE vec vec_clamp(vec x, vec low, vec high)
{
    for (int i = 0; i < LANES; i++) {
        x[i] = x[i] < low[i] ? low[i] : x[i];
        x[i] = x[i] > high[i] ? high[i] : x[i];
    }
    return x;
}

ALWAYS_INLINE float vec_sum(vec v)
{
    return (v[0] + v[2]) + (v[1] + v[3]);
}

ALWAYS_INLINE float vec_most(vec v)
{
    float a = v[0] > v[1] ? v[0] : v[1], b = v[2] > v[3] ? v[2] : v[3];
    return a > b ? a : b;
}

#endif

#endif

/*
 * One vector of floats for each instruction set, so that the sparse loops are
 * written once. The file that includes this says which: SPARSE_AVX512,
 * SPARSE_AVX2, SPARSE_NEON, else four portable lanes that every compiler
 * knows.
 */
#ifndef KERNEL_SPARSE_VECTOR_H
#define KERNEL_SPARSE_VECTOR_H

#include <stdint.h>
#include <string.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* LANES; MOST_VECTORS: accumulators of one tile, such that they, a weight and
 * what a multiply-add needs besides fit the registers. MOST_SHARED: the same
 * where each vector that was loaded serves four sums. */

#if defined(SPARSE_AVX512)

#include <immintrin.h>

enum { LANES = 16, MOST_VECTORS = 18, MOST_SHARED = 6 };
typedef __m512 vec;

static inline vec vec_all(float x)
{
    return _mm512_set1_ps(x);
}

static inline vec vec_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

static inline void vec_store(float *p, vec v)
{
    _mm512_storeu_ps(p, v);
}

/* The first `count` lanes, at most all. */
static inline void vec_store_first(float *p, vec v, int64_t count)
{
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), v);
}

/* The first `count` lanes of memory (0 or fewer: none), zeros behind them. */
static inline vec vec_load_first(const float *p, int64_t count)
{
    uint32_t bits = count <= 0 ? 0 : count < LANES ? (1u << count) - 1 : 0xffff;
    return _mm512_maskz_loadu_ps((__mmask16)bits, p);
}

/* Lanes 0, 2, 4, ... of a followed by b. */
static inline vec vec_even(vec a, vec b)
{
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18,
                                           20, 22, 24, 26, 28, 30);
    return _mm512_permutex2var_ps(a, even, b);
}

/* Lanes 1, 3, 5, ... */
static inline vec vec_odd(vec a, vec b)
{
    const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21,
                                          23, 25, 27, 29, 31);
    return _mm512_permutex2var_ps(a, odd, b);
}

static inline vec vec_add(vec a, vec b)
{
    return _mm512_add_ps(a, b);
}

static inline vec vec_multiply_add(vec a, vec b, vec c)
{
    return _mm512_fmadd_ps(a, b, c);
}

/* min(max(x, low), high); NaN stays NaN. */
static inline vec vec_clamp(vec x, vec low, vec high)
{
    return _mm512_min_ps(high, _mm512_max_ps(low, x));
}

/* Lanes whose bit is not set become zero. */
static inline vec vec_keep(vec x, uint32_t bits)
{
    return _mm512_maskz_mov_ps((__mmask16)bits, x);
}

#elif defined(SPARSE_AVX2)

#include <immintrin.h>

enum { LANES = 8, MOST_VECTORS = 14, MOST_SHARED = 3 };
typedef __m256 vec;

static inline vec vec_all(float x)
{
    return _mm256_set1_ps(x);
}

static inline vec vec_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

static inline void vec_store(float *p, vec v)
{
    _mm256_storeu_ps(p, v);
}

static inline __m256i lanes_of(uint32_t bits)
{
    const __m256i lane = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    __m256i all = _mm256_set1_epi32((int)bits);
    return _mm256_cmpeq_epi32(_mm256_and_si256(all, lane), lane);
}

static inline void vec_store_first(float *p, vec v, int64_t count)
{
    _mm256_maskstore_ps(p, lanes_of((1u << count) - 1), v);
}

static inline vec vec_load_first(const float *p, int64_t count)
{
    uint32_t bits = count <= 0 ? 0 : count < LANES ? (1u << count) - 1 : 0xff;
    return _mm256_maskload_ps(p, lanes_of(bits));
}

static inline vec vec_even(vec a, vec b)
{
    __m256d pairs = _mm256_castps_pd(_mm256_shuffle_ps(a, b, 0x88));
    return _mm256_castpd_ps(_mm256_permute4x64_pd(pairs, 0xd8));
}

static inline vec vec_odd(vec a, vec b)
{
    __m256d pairs = _mm256_castps_pd(_mm256_shuffle_ps(a, b, 0xdd));
    return _mm256_castpd_ps(_mm256_permute4x64_pd(pairs, 0xd8));
}

static inline vec vec_add(vec a, vec b)
{
    return _mm256_add_ps(a, b);
}

static inline vec vec_multiply_add(vec a, vec b, vec c)
{
    return _mm256_fmadd_ps(a, b, c);
}

static inline vec vec_clamp(vec x, vec low, vec high)
{
    return _mm256_min_ps(high, _mm256_max_ps(low, x));
}

static inline vec vec_keep(vec x, uint32_t bits)
{
    return _mm256_and_ps(_mm256_castsi256_ps(lanes_of(bits)), x);
}

#elif defined(SPARSE_NEON)

#include <arm_neon.h>

enum { LANES = 4, MOST_VECTORS = 18, MOST_SHARED = 6 };
typedef float32x4_t vec;

static inline vec vec_all(float x)
{
    return vdupq_n_f32(x);
}

static inline vec vec_load(const float *p)
{
    return vld1q_f32(p);
}

static inline void vec_store(float *p, vec v)
{
    vst1q_f32(p, v);
}

static inline void vec_store_first(float *p, vec v, int64_t count)
{
    float lane[LANES];
    vst1q_f32(lane, v);
    for (int i = 0; i < count && i < LANES; i++)
        p[i] = lane[i];
}

static inline vec vec_load_first(const float *p, int64_t count)
{
    float lane[LANES] = {0};
    if (count >= LANES)
        return vld1q_f32(p);
    for (int i = 0; i < count; i++)
        lane[i] = p[i];
    return vld1q_f32(lane);
}

static inline vec vec_even(vec a, vec b)
{
    return vuzp1q_f32(a, b);
}

static inline vec vec_odd(vec a, vec b)
{
    return vuzp2q_f32(a, b);
}

static inline vec vec_add(vec a, vec b)
{
    return vaddq_f32(a, b);
}

static inline vec vec_multiply_add(vec a, vec b, vec c)
{
    return vfmaq_f32(c, a, b);
}

/* Minimum and maximum keep NaN. */
static inline vec vec_clamp(vec x, vec low, vec high)
{
    return vminq_f32(high, vmaxq_f32(low, x));
}

static inline vec vec_keep(vec x, uint32_t bits)
{
    const uint32x4_t lane = {1, 2, 4, 8};
    uint32x4_t kept = vtstq_u32(vdupq_n_u32(bits), lane);
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(x), kept));
}

#else

enum { LANES = 4, MOST_VECTORS = 12, MOST_SHARED = 3 };
typedef float vec __attribute__((vector_size(16)));

static inline vec vec_all(float x)
{
    return (vec){x, x, x, x};
}

static inline vec vec_load(const float *p)
{
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void vec_store(float *p, vec v)
{
    memcpy(p, &v, sizeof v);
}

static inline void vec_store_first(float *p, vec v, int64_t count)
{
    for (int i = 0; i < count && i < LANES; i++)
        p[i] = v[i];
}

static inline vec vec_load_first(const float *p, int64_t count)
{
    vec v = {0, 0, 0, 0};
    for (int i = 0; i < count && i < LANES; i++)
        v[i] = p[i];
    return v;
}

static inline vec vec_even(vec a, vec b)
{
    return (vec){a[0], a[2], b[0], b[2]};
}

static inline vec vec_odd(vec a, vec b)
{
    return (vec){a[1], a[3], b[1], b[3]};
}

static inline vec vec_add(vec a, vec b)
{
    return a + b;
}

static inline vec vec_multiply_add(vec a, vec b, vec c)
{
    return a * b + c;
}

static inline vec vec_clamp(vec x, vec low, vec high)
{
    for (int i = 0; i < LANES; i++) {
        x[i] = x[i] < low[i] ? low[i] : x[i];
        x[i] = x[i] > high[i] ? high[i] : x[i];
    }
    return x;
}

static inline vec vec_keep(vec x, uint32_t bits)
{
    for (int i = 0; i < LANES; i++)
        x[i] = (bits >> i & 1) != 0 ? x[i] : 0.0F;
    return x;
}

#endif

/* Which lanes of vectors are kept, where that was written down before: a bit
 * for each or, without registers for bits, all bits of a word. keep_not: lane
 * `at` of them all is not. */
#if defined(SPARSE_AVX512)
typedef uint16_t keep_word;
enum { KEEP_LANES = LANES };

static inline void keep_not(keep_word *keep, int64_t at)
{
    keep[at / LANES] &= (keep_word) ~(1u << at % LANES);
}

static inline vec vec_keep_of(vec x, const keep_word *keep)
{
    return vec_keep(x, *keep);
}
#else
typedef uint32_t keep_word;
enum { KEEP_LANES = 1 };

static inline void keep_not(keep_word *keep, int64_t at)
{
    keep[at] = 0;
}

static inline vec vec_keep_of(vec x, const keep_word *keep)
{
#if defined(SPARSE_AVX2)
    const __m256i *at = (const __m256i *)(const void *)keep;
    return _mm256_and_ps(_mm256_castsi256_ps(_mm256_loadu_si256(at)), x);
#elif defined(SPARSE_NEON)
    uint32x4_t bits = vandq_u32(vreinterpretq_u32_f32(x), vld1q_u32(keep));
    return vreinterpretq_f32_u32(bits);
#else
    uint32_t bits[LANES];
    memcpy(bits, &x, sizeof bits);
    for (int i = 0; i < LANES; i++)
        bits[i] &= keep[i];
    memcpy(&x, bits, sizeof x);
    return x;
#endif
}
#endif

/* Loads into a register; the compiler would rather load for each use. */
ALWAYS_INLINE vec vec_load_once(const float *p)
{
    vec x = vec_load(p);
#if defined(SPARSE_AVX512)
    __asm__("" : "+v"(x));
#elif defined(SPARSE_AVX2)
    __asm__("" : "+x"(x));
#endif
    return x;
}

#endif

/*
 * Picks of one chunk of 16 inputs for a tile of pixels: per step 16 weights
 * and, for each, the place of its input in the chunk. Part of
 * sparse_lane_run.h; written per instruction set, because fetching lanes by
 * place is what sets differ in most.
 */
#ifndef KERNEL_SPARSE_PICK_H
#define KERNEL_SPARSE_PICK_H

#include "kernel/sparse_lane.h"
#include "kernel/sparse_vector.h"

/*
 * weights, places  `steps` of 16 each
 * from             n chunks of 16 inputs
 * sum              n times 16 sums, added to
 */
#define PICK_ARGUMENTS                                                         \
    const float(*weights)[LANE_CHANNELS], const uint8_t(*places)[LANE_INPUTS], \
        int64_t steps, const float *const *from, vec *sum, const int n

#if defined(SPARSE_AVX512)

ALWAYS_INLINE void pick_chunk(PICK_ARGUMENTS)
{
    vec x[14];
#pragma GCC unroll 14
    for (int j = 0; j < n; j++)
        x[j] = vec_load(from[j]);
    for (int64_t s = 0; s < steps; s++) {
        __m128i bytes =
            _mm_loadu_si128((const __m128i *)(const void *)places[s]);
        __m512i place = _mm512_cvtepu8_epi32(bytes);
        vec w = vec_load(weights[s]);
#pragma GCC unroll 14
        for (int j = 0; j < n; j++)
            sum[j] =
                vec_multiply_add(w, _mm512_permutexvar_ps(place, x[j]), sum[j]);
    }
}

#elif defined(SPARSE_AVX2)

/* Half of a step: 8 channels. Patterns of 4 and of 8 inputs keep all of a
 * step's places in one half of the chunk; others need both. */
ALWAYS_INLINE void pick_half(const float *weight, const uint8_t *place,
                             const float *const *from, vec *sum, const int n)
{
    int64_t bytes;
    memcpy(&bytes, place, sizeof bytes);
    const int64_t high = INT64_C(0x0808080808080808);
    __m256i lane = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(bytes));
    vec w = vec_load(weight);
    bool one = (bytes & high) == 0 || (bytes & high) == high;
    int64_t half = (bytes & high) == high ? LANES : 0;
    if (one) {
#pragma GCC unroll 6
        for (int j = 0; j < n; j++) {
            vec x = _mm256_permutevar8x32_ps(vec_load(from[j] + half), lane);
            sum[2 * j] = vec_multiply_add(w, x, sum[2 * j]);
        }
        return;
    }
    vec second = _mm256_castsi256_ps(_mm256_slli_epi32(lane, 28));
#pragma GCC unroll 6
    for (int j = 0; j < n; j++) {
        vec x = _mm256_permutevar8x32_ps(vec_load(from[j]), lane);
        vec y = _mm256_permutevar8x32_ps(vec_load(from[j] + LANES), lane);
        sum[2 * j] =
            vec_multiply_add(w, _mm256_blendv_ps(x, y, second), sum[2 * j]);
    }
}

ALWAYS_INLINE void pick_chunk(PICK_ARGUMENTS)
{
    for (int64_t s = 0; s < steps; s++) {
        pick_half(weights[s], places[s], from, sum, n);
        pick_half(weights[s] + LANES, places[s] + LANES, from, sum + 1, n);
    }
}

#elif defined(SPARSE_NEON)

/* A table of 64 bytes holds the chunk: places become bytes, four to a float. */
ALWAYS_INLINE void pick_chunk(PICK_ARGUMENTS)
{
    for (int64_t s = 0; s < steps; s++) {
        const uint8x16_t place = vld1q_u8(places[s]);
        const uint8x16_t four = {0, 1, 2, 3, 0, 1, 2, 3,
                                 0, 1, 2, 3, 0, 1, 2, 3};
        uint8x16_t bytes = vshlq_n_u8(place, 2);
        uint8x16_t low = vzip1q_u8(bytes, bytes),
                   high = vzip2q_u8(bytes, bytes);
        const uint8x16_t lane[] = {
            vaddq_u8(vzip1q_u8(low, low), four),
            vaddq_u8(vzip2q_u8(low, low), four),
            vaddq_u8(vzip1q_u8(high, high), four),
            vaddq_u8(vzip2q_u8(high, high), four),
        };
#pragma GCC unroll 5
        for (int j = 0; j < n; j++) {
            const uint8_t *at = (const uint8_t *)(const void *)from[j];
            const uint8x16x4_t table = {{vld1q_u8(at), vld1q_u8(at + 16),
                                         vld1q_u8(at + 32), vld1q_u8(at + 48)}};
#pragma GCC unroll 4
            for (int k = 0; k < 4; k++) {
                vec x = vreinterpretq_f32_u8(vqtbl4q_u8(table, lane[k]));
                sum[4 * j + k] = vec_multiply_add(vec_load(weights[s] + 4 * k),
                                                  x, sum[4 * j + k]);
            }
        }
    }
}

#else

ALWAYS_INLINE void pick_chunk(PICK_ARGUMENTS)
{
    for (int64_t s = 0; s < steps; s++)
        for (int j = 0; j < n; j++)
            for (int k = 0; k < LANE_CHANNELS / LANES; k++) {
                const uint8_t *place = places[s] + k * LANES;
                const vec x = {from[j][place[0]], from[j][place[1]],
                               from[j][place[2]], from[j][place[3]]};
                vec *to = &sum[j * (LANE_CHANNELS / LANES) + k];
                *to =
                    vec_multiply_add(vec_load(weights[s] + k * LANES), x, *to);
            }
}

#endif

#endif

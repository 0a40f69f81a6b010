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
 * sum              added to: n sums of 16 channels or, where a block of
 * channels takes several turns, of the LANES channels of this one
 */
#define PICK_ARGUMENTS                                                         \
    const float(*weights)[LANE_CHANNELS], const uint8_t(*places)[LANE_INPUTS], \
        int64_t steps, const float *const *from, vec *sum, const int n,        \
        const int turn

/* PICK_TURNS over a block of channels; PICK_PIXELS: of a tile, at most. */

#if defined(SPARSE_AVX512)

enum { PICK_TURNS = 1, PICK_PIXELS = 16 };

/* One step of all pixels, or two that share what they load. */
ALWAYS_INLINE void pick_steps(const float (*weights)[LANE_CHANNELS],
                              const uint8_t (*places)[LANE_INPUTS],
                              const float *const *from, vec *sum, const int n,
                              const int steps)
{
    __m512i place[2];
    vec w[2];
#pragma GCC unroll 2
    for (int s = 0; s < steps; s++) {
        place[s] = _mm512_cvtepu8_epi32(
            _mm_loadu_si128((const __m128i *)(const void *)places[s]));
        w[s] = vec_load_once(weights[s]);
    }
#pragma GCC unroll 16
    for (int j = 0; j < n; j++) {
        vec x = vec_load_once(from[j]);
#pragma GCC unroll 2
        for (int s = 0; s < steps; s++)
            sum[j] = vec_multiply_add(w[s], _mm512_permutexvar_ps(place[s], x),
                                      sum[j]);
    }
}

ALWAYS_INLINE void pick_chunk(PICK_ARGUMENTS)
{
    int64_t s = 0;
    (void)turn;
    for (; s + 2 <= steps; s += 2)
        pick_steps(weights + s, places + s, from, sum, n, 2);
    if (s < steps)
        pick_steps(weights + s, places + s, from, sum, n, 1);
}

#elif defined(SPARSE_AVX2)

enum { PICK_TURNS = 2, PICK_PIXELS = 8 };

/* One step of 8 channels or two. Patterns of 4 and of 8 inputs keep all of a
 * step's places in one half of the chunk; others need both. */
ALWAYS_INLINE void pick_steps(const float (*weights)[LANE_CHANNELS],
                              const uint8_t (*places)[LANE_INPUTS],
                              const float *const *from, vec *sum, const int n,
                              const int turn, const int steps)
{
    const int64_t high = INT64_C(0x0808080808080808);
    __m256i lane[2];
    vec w[2];
    int64_t bytes[2], any = 0, all = high;
#pragma GCC unroll 2
    for (int s = 0; s < steps; s++) {
        memcpy(&bytes[s], places[s] + turn * LANES, sizeof bytes[s]);
        any |= bytes[s] & high;
        all &= bytes[s];
        lane[s] = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(bytes[s]));
        w[s] = vec_load_once(weights[s] + turn * LANES);
    }
    if (any == 0 || all == high) {
        int64_t half = any == 0 ? 0 : LANES;
#pragma GCC unroll 8
        for (int j = 0; j < n; j++) {
            vec x = vec_load_once(from[j] + half);
#pragma GCC unroll 2
            for (int s = 0; s < steps; s++)
                sum[j] = vec_multiply_add(
                    w[s], _mm256_permutevar8x32_ps(x, lane[s]), sum[j]);
        }
        return;
    }
#pragma GCC unroll 2
    for (int s = 0; s < steps; s++) {
        vec second = _mm256_castsi256_ps(_mm256_slli_epi32(lane[s], 28));
#pragma GCC unroll 8
        for (int j = 0; j < n; j++) {
            vec x = _mm256_permutevar8x32_ps(vec_load(from[j]), lane[s]);
            vec y =
                _mm256_permutevar8x32_ps(vec_load(from[j] + LANES), lane[s]);
            sum[j] =
                vec_multiply_add(w[s], _mm256_blendv_ps(x, y, second), sum[j]);
        }
    }
}

ALWAYS_INLINE void pick_chunk(PICK_ARGUMENTS)
{
    int64_t s = 0;
    for (; s + 2 <= steps; s += 2)
        pick_steps(weights + s, places + s, from, sum, n, turn, 2);
    if (s < steps)
        pick_steps(weights + s, places + s, from, sum, n, turn, 1);
}

#elif defined(SPARSE_NEON)

enum { PICK_TURNS = 1, PICK_PIXELS = 5 };

/* A table of 64 bytes holds the chunk: places become bytes, four to a float. */
ALWAYS_INLINE void pick_chunk(PICK_ARGUMENTS)
{
    (void)turn;
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

enum { PICK_TURNS = 1, PICK_PIXELS = 2 };

ALWAYS_INLINE void pick_chunk(PICK_ARGUMENTS)
{
    (void)turn;
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

/* Winograd's F(4x4, 3x3): lines of points and products on one kind of vector,
 * which inference and training share. */
#ifndef KERNEL_WINOGRAD_VECTOR_H
#define KERNEL_WINOGRAD_VECTOR_H

#include "kernel/dense_vector.h"
#include "kernel/winograd.h"

/* B^T d for one line of six. */
ALWAYS_INLINE void winograd_in(const vec d[6], vec t[6])
{
    const vec two = vec_all(2), four = vec_all(4), five = vec_all(5);
    vec even = d[4] - four * d[2], odd = d[3] - four * d[1];
    vec near = d[4] - d[2], far = two * (d[3] - d[1]);
    t[0] = vec_multiply_add(four, d[0], d[4] - five * d[2]);
    t[1] = even + odd;
    t[2] = even - odd;
    t[3] = near + far;
    t[4] = near - far;
    t[5] = vec_multiply_add(four, d[1], d[5] - five * d[3]);
}

/* A^T m for one line of six. */
ALWAYS_INLINE void winograd_out(const vec m[6], vec y[4])
{
    vec near = m[1] + m[2], skew = m[1] - m[2];
    vec far = m[3] + m[4], twist = m[3] - m[4];
    y[0] = m[0] + near + far;
    y[1] = vec_multiply_add(vec_all(2), twist, skew);
    y[2] = vec_multiply_add(vec_all(4), far, near);
    y[3] = vec_multiply_add(vec_all(8), twist, skew + m[5]);
}

/* m(rows, panels * PANEL) = v(rows, ic) * u; vectors: of one row. */
ALWAYS_INLINE void winograd_block(const float *v, const float *u, float *m,
                                  int64_t ic, int64_t oc, int rows, int vectors)
{
    vec sums[8][4];
    for (int r = 0; r < rows; r++)
        for (int k = 0; k < vectors; k++)
            sums[r][k] = vec_all(0);
    for (int64_t i = 0; i < ic; i++) {
        vec weights[4];
        for (int k = 0; k < vectors; k++) {
            int lane = k * LANES;
            weights[k] =
                vec_load(u + lane / WINOGRAD_PANEL * ic * WINOGRAD_PANEL +
                         i * WINOGRAD_PANEL + lane % WINOGRAD_PANEL);
        }
        for (int r = 0; r < rows; r++) {
            vec x = vec_all(v[r * ic + i]);
            for (int k = 0; k < vectors; k++)
                sums[r][k] = vec_multiply_add(x, weights[k], sums[r][k]);
        }
    }
    for (int r = 0; r < rows; r++)
        for (int k = 0; k < vectors; k++)
            vec_store(m + r * oc + k * LANES, sums[r][k]);
}

/* All tiles by `vectors` vectors of output channels; at most `most` rows of
 * sums fit the registers. */
ALWAYS_INLINE void winograd_strip(const float *v, const float *u, float *m,
                                  int64_t ic, int64_t oc, int64_t tiles,
                                  int most, int vectors)
{
    int64_t t = 0;
    for (; t + most <= tiles; t += most)
        winograd_block(v + t * ic, u, m + t * oc, ic, oc, most, vectors);
#define WINOGRAD_REST(rows)                                                    \
    case rows:                                                                 \
        winograd_block(v + t * ic, u, m + t * oc, ic, oc, rows, vectors);      \
        break;
    switch (tiles - t) {
        WINOGRAD_REST(1)
        WINOGRAD_REST(2)
        WINOGRAD_REST(3)
        WINOGRAD_REST(4)
        WINOGRAD_REST(5)
        WINOGRAD_REST(6)
        WINOGRAD_REST(7)
    default:
        break;
    }
#undef WINOGRAD_REST
}

#if defined(DENSE_AVX512)
enum { WINOGRAD_WIDE = 4, WINOGRAD_WIDE_ROWS = 6, WINOGRAD_NARROW = 1 };
#elif defined(DENSE_AVX2)
enum { WINOGRAD_WIDE = 2, WINOGRAD_WIDE_ROWS = 6, WINOGRAD_NARROW = 2 };
#else
enum { WINOGRAD_WIDE = 4, WINOGRAD_WIDE_ROWS = 3, WINOGRAD_NARROW = 4 };
#endif

static inline void winograd_multiply(const float *v, const float *u, float *m,
                                     int64_t ic, int64_t oc, int64_t tiles)
{
    int64_t o = 0;
    for (; o + WINOGRAD_WIDE * LANES <= oc; o += WINOGRAD_WIDE * LANES)
        winograd_strip(v, u + o * ic, m + o, ic, oc, tiles, WINOGRAD_WIDE_ROWS,
                       WINOGRAD_WIDE);
#if defined(DENSE_AVX512)
    for (; o + 2 * LANES <= oc; o += 2 * LANES)
        winograd_strip(v, u + o * ic, m + o, ic, oc, tiles, 8, 2);
    for (; o + LANES <= oc; o += LANES)
        winograd_strip(v, u + o * ic, m + o, ic, oc, tiles, 8, 1);
#endif
}

#endif

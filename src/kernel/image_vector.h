/* What the files of images as lanes share: the two loops of products. For
 * vectors of 16 (DENSE_AVX512) only. */
#ifndef KERNEL_IMAGE_VECTOR_H
#define KERNEL_IMAGE_VECTOR_H

#include "kernel/dense_vector.h"
#include "kernel/image_train.h"

#if defined(DENSE_AVX512)

enum { GROUP = IMAGE_GROUP, PIXELS = IMAGE_PIXELS, CORNER = IMAGE_CORNER };

static inline int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Loaded once: GCC would load it again for every product. */
ALWAYS_INLINE vec held(vec v)
{
    __asm__("" : "+v"(v));
    return v;
}

/* dst[r][i] = or += first[r] + sum over k of weight[k][r] *
 * src[offsets[k] + i * src_step] */
struct tile {
    const float *src, *weight;
    const int32_t *offsets;
    int64_t count, src_step, dst_step;
    float first[GROUP];
    bool adds;
    float *dst[GROUP];
};

/* pixels: 1 to PIXELS */
void image_tile_run(const struct tile *t, int64_t pixels);

/* Lane i of the result is the sum of v[i]. */
static inline vec sum_lanes(const vec v[LANES])
{
    vec q[4];
    for (int i = 0; i < 4; i++) {
        const vec *u = v + 4 * i;
        __m512d a = _mm512_castps_pd(_mm512_unpacklo_ps(u[0], u[1]) +
                                     _mm512_unpackhi_ps(u[0], u[1]));
        __m512d b = _mm512_castps_pd(_mm512_unpacklo_ps(u[2], u[3]) +
                                     _mm512_unpackhi_ps(u[2], u[3]));
        q[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b)) +
               _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
    }
    vec e = _mm512_shuffle_f32x4(q[0], q[1], 0x44) +
            _mm512_shuffle_f32x4(q[0], q[1], 0xee);
    vec f = _mm512_shuffle_f32x4(q[2], q[3], 0x44) +
            _mm512_shuffle_f32x4(q[2], q[3], 0xee);
    return _mm512_shuffle_f32x4(e, f, 0x88) + _mm512_shuffle_f32x4(e, f, 0xdd);
}

/* Sums over pixels of 5 filters by 5 taps; each lane keeps its own. */
struct corner {
    const float *src, *by_dst; /* at the first pixel */
    int64_t dst_plane;
    int64_t offsets[CORNER];          /* taps */
    int64_t rows, columns, row, step; /* row, step: of src, in floats */
    int filters;
    float *sums; /* (CORNER, CORNER, 16) */
    bool begins;
};

ALWAYS_INLINE void corner_run(const struct corner *c, int64_t step,
                              vec s[CORNER][CORNER])
{
    const float *d[CORNER], *x[CORNER];
#pragma GCC unroll 8
    for (int a = 0; a < CORNER; a++) {
        d[a] = c->by_dst + (a < c->filters ? a : 0) * c->dst_plane;
        x[a] = c->src + c->offsets[a];
    }
    for (int64_t y = 0; y < c->rows; y++) {
        for (int64_t i = 0; i < c->columns; i++) {
            vec by[CORNER];
#pragma GCC unroll 8
            for (int a = 0; a < CORNER; a++)
                by[a] = vec_load(d[a] + i * LANES);
#pragma GCC unroll 8
            for (int b = 0; b < CORNER; b++) {
                vec v = held(vec_load(x[b] + i * step));
#pragma GCC unroll 8
                for (int a = 0; a < CORNER; a++)
                    s[a][b] = vec_multiply_add(v, by[a], s[a][b]);
            }
        }
#pragma GCC unroll 8
        for (int a = 0; a < CORNER; a++) {
            d[a] += c->columns * LANES;
            x[a] += c->row;
        }
    }
}

static inline void corner_sum(const struct corner *c)
{
    vec s[CORNER][CORNER];
#pragma GCC unroll 8
    for (int a = 0; a < CORNER; a++)
#pragma GCC unroll 8
        for (int b = 0; b < CORNER; b++)
            s[a][b] = c->begins ? vec_all(0)
                                : vec_load(c->sums + (a * CORNER + b) * LANES);
    if (c->step == LANES)
        corner_run(c, LANES, s);
    else
        corner_run(c, c->step, s);
#pragma GCC unroll 8
    for (int a = 0; a < CORNER; a++)
#pragma GCC unroll 8
        for (int b = 0; b < CORNER; b++)
            vec_store(c->sums + (a * CORNER + b) * LANES, s[a][b]);
}

/* Adds lanes, 25 sums in two vectors, to a matrix whose rows are filters. */
static inline void corner_end(const float *sums, int64_t filters, int64_t taps,
                              bool adds, int64_t row, float *to)
{
    enum { ALL = CORNER * CORNER };
    float totals[2 * LANES];
    for (int half = 0; half < 2; half++) {
        vec v[LANES];
        for (int i = 0; i < LANES; i++) {
            int at = half * LANES + i;
            v[i] = at < ALL ? vec_load(sums + at * LANES) : vec_all(0);
        }
        vec_store(totals + half * LANES, sum_lanes(v));
    }
    for (int64_t a = 0; a < smaller(filters, CORNER); a++)
        for (int64_t b = 0; b < smaller(taps, CORNER); b++) {
            float *place = to + a * row + b;
            float total = totals[a * CORNER + b];
            *place = adds ? *place + total : total;
        }
}

#endif

#endif

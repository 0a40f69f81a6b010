/*
 * Winograd's F(4x4, 3x3) on one kind of vector: tiles are taken in groups
 * whose V and M stay in the second-level cache. Lanes are channels.
 */
#ifndef KERNEL_WINOGRAD_RUN_H
#define KERNEL_WINOGRAD_RUN_H

#include "kernel/dense.h"
#include "kernel/dense_vector.h"
#include "kernel/winograd.h"

/* Where a tile lies: its image and its first output pixel. */
struct winograd_tile {
    int64_t image, y, x;
};

ALWAYS_INLINE struct winograd_tile winograd_tile_of(struct winograd_size s,
                                                    int64_t tile)
{
    int64_t row = tile / s.columns;
    return (struct winograd_tile){row / s.rows, row % s.rows * WINOGRAD_OUT,
                                  tile % s.columns * WINOGRAD_OUT};
}

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

/* The input of one tile and one vector of channels. d: the tile's first
 * pixel, which may lie outside of the plane; from, to: what lies inside. */
ALWAYS_INLINE void winograd_load(const float *d, int64_t row, int64_t pixel,
                                 const int from[2], const int to[2],
                                 vec lines[6][6])
{
    for (int y = 0; y < 6; y++) {
        vec in[6];
        for (int x = 0; x < 6; x++) {
            bool inside =
                y >= from[0] && y < to[0] && x >= from[1] && x < to[1];
            in[x] = inside ? vec_load(d + y * row + x * pixel) : vec_all(0);
        }
        winograd_in(in, lines[y]);
    }
}

ALWAYS_INLINE void winograd_load_whole(const float *d, int64_t row,
                                       int64_t pixel, vec lines[6][6])
{
    for (int y = 0; y < 6; y++) {
        vec in[6];
        for (int x = 0; x < 6; x++)
            in[x] = vec_load(d + y * row + x * pixel);
        winograd_in(in, lines[y]);
    }
}

static void winograd_transform(const struct conv_spec *c, const float *src,
                               struct winograd_tile tile, float *v,
                               int64_t step)
{
    const int64_t origin[2] = {tile.y - c->pad_top, tile.x - c->pad_left};
    const int64_t size[2] = {c->ih, c->iw};
    int from[2], to[2];
    bool whole = true;
    for (int k = 0; k < 2; k++) {
        int64_t room = size[k] - origin[k];
        from[k] = origin[k] < 0 ? (int)-origin[k] : 0;
        to[k] = room < 6 ? (int)room : 6;
        whole = whole && from[k] == 0 && to[k] == 6;
    }
    const int64_t pixel = c->ic, row = c->iw * c->ic;
    const int64_t first =
        (tile.image * c->ih + origin[0]) * row + origin[1] * pixel;
    for (int64_t i = 0; i < c->ic; i += LANES) {
        vec lines[6][6], column[6], out[6];
        if (whole)
            winograd_load_whole(src + first + i, row, pixel, lines);
        else
            winograd_load(src + first + i, row, pixel, from, to, lines);
        for (int x = 0; x < 6; x++) {
            for (int y = 0; y < 6; y++)
                column[y] = lines[y][x];
            winograd_in(column, out);
            for (int y = 0; y < 6; y++)
                vec_store(v + i + (y * 6 + x) * step, out[y]);
        }
    }
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

static void winograd_multiply(const float *v, const float *u, float *m,
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

static void winograd_finish(const struct dense_call *call, const float *m,
                            int64_t step, struct winograd_tile tile)
{
    const struct conv_spec *c = &call->spec->conv;
    const float *bias = (const float *)call->packed + winograd_floats(c);
    const int64_t pixel = c->oc, row = c->ow * c->oc;
    const int64_t first = (tile.image * c->oh + tile.y) * row + tile.x * pixel;
    const int height = c->oh - tile.y < 4 ? (int)(c->oh - tile.y) : 4;
    const int width = c->ow - tile.x < 4 ? (int)(c->ow - tile.x) : 4;
    float bounds[2];
    dense_clamps(call->epilogue, &bounds[0], &bounds[1]);
    const vec low = vec_all(bounds[0]), high = vec_all(bounds[1]);
    for (int64_t o = 0; o < c->oc; o += LANES) {
        vec lines[6][4], column[6], out[4];
        const vec shift = vec_load(bias + o);
        for (int y = 0; y < 6; y++) {
            for (int x = 0; x < 6; x++)
                column[x] = vec_load(m + o + (y * 6 + x) * step);
            winograd_out(column, lines[y]);
        }
        for (int x = 0; x < width; x++) {
            for (int y = 0; y < 6; y++)
                column[y] = lines[y][x];
            winograd_out(column, out);
            for (int y = 0; y < height; y++) {
                int64_t at = first + y * row + x * pixel + o;
                vec value = out[y] + shift;
                if (call->other)
                    value = value + vec_load(call->other + at);
                vec_store(call->dst + at, vec_clamp(value, low, high));
            }
        }
    }
}

static void winograd_run(const struct dense_call *call, float *scratch,
                         int64_t first, int64_t last)
{
    const struct conv_spec *c = &call->spec->conv;
    const struct winograd_size s = winograd_size_of(c);
    const float *u = call->packed;
    float *v = scratch, *m = scratch + WINOGRAD_POINTS * s.step_in;
    for (int64_t begin = first; begin < last; begin += s.together) {
        int64_t rest = last - begin;
        int64_t tiles = rest < s.together ? rest : s.together;
        for (int64_t t = 0; t < tiles; t++)
            winograd_transform(c, call->src, winograd_tile_of(s, begin + t),
                               v + t * c->ic, s.step_in);
        for (int64_t p = 0; p < WINOGRAD_POINTS; p++)
            winograd_multiply(v + p * s.step_in, u + p * c->ic * c->oc,
                              m + p * s.step_out, c->ic, c->oc, tiles);
        for (int64_t t = 0; t < tiles; t++)
            winograd_finish(call, m + t * c->oc, s.step_out,
                            winograd_tile_of(s, begin + t));
    }
}

#endif

/*
 * Winograd's F(4x4, 3x3) on one kind of vector: tiles are taken in groups
 * whose V and M stay in the second-level cache. Lanes are channels.
 */
#ifndef KERNEL_WINOGRAD_RUN_H
#define KERNEL_WINOGRAD_RUN_H

#include "kernel/dense.h"
#include "kernel/winograd_vector.h"

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

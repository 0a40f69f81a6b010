/*
 * Copies of source planes to scratch, for strides and for borders that the
 * source does not have. Part of sparse_run.h.
 */
#ifndef KERNEL_SPARSE_COPY_H
#define KERNEL_SPARSE_COPY_H

#include "kernel/sparse_pack.h"
#include "kernel/sparse_vector.h"

/* The planes that one strip reads: of channels [first, last), for output rows
 * from y0 on. */
struct copy {
    const struct sparse_geometry *geometry;
    const struct conv_spec *conv;
    const float *src;                         /* element (0, 0) of channel 0 */
    int64_t src_pitch, src_plane, src_border; /* floats but the border */
    const float *end; /* what may be read, vectors included */
    float *planes;
    int64_t first, last, y0;
};

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Whether a tap along one axis falls into this phase. */
static bool phase_used(int64_t phase, int64_t stride, int64_t taps,
                       int64_t dilation)
{
    for (int64_t k = 0; k < taps && k < stride; k++)
        if (k * dilation % stride == phase)
            return true;
    return false;
}

/* Whole vectors: up to LANES - 1 floats behind are zeroed too. */
ALWAYS_INLINE void zero_floats(float *dst, int64_t count)
{
    for (int64_t i = 0; i < count; i += LANES)
        vec_store(dst + i, vec_all(0.0F));
}

/* These and no more. */
ALWAYS_INLINE void zero_exactly(float *dst, int64_t count)
{
    for (int64_t i = 0; i < count; i += LANES)
        vec_store_first(dst + i, vec_all(0.0F),
                        count - i < LANES ? count - i : LANES);
}

/* Every step-th of the floats from src on, `count` of them, then zeros up to
 * `length`; whole vectors. */
ALWAYS_INLINE void copy_floats(float *dst, const float *src, int64_t count,
                               int64_t step, int64_t length)
{
    if (step > 2) {
        for (int64_t i = 0; i < count; i++)
            dst[i] = src[i * step];
        zero_floats(dst + count, length - count);
        return;
    }
    for (int64_t i = 0; i < length; i += LANES) {
        const float *from = src + i * step;
        int64_t left = (count - i) * step - (step - 1);
        vec v = vec_load_first(from, left);
        if (step == 2 && left > 0) {
            int64_t second = left > LANES ? LANES : 0;
            v = vec_even(v, vec_load_first(from + second, left - LANES));
        }
        vec_store(dst + i, v);
    }
}

/* The same with pixels of 16 floats; count and length are in pixels. */
ALWAYS_INLINE void copy_blocks(float *dst, const float *src, int64_t count,
                               int64_t step, int64_t length)
{
    enum { PARTS = SPARSE_BLOCK / LANES };
    for (int64_t i = 0; i < count; i++)
        for (int k = 0; k < PARTS; k++)
            vec_store(dst + i * SPARSE_BLOCK + k * LANES,
                      vec_load(src + i * step * SPARSE_BLOCK + k * LANES));
    zero_floats(dst + count * SPARSE_BLOCK, (length - count) * SPARSE_BLOCK);
}

/* The rows of one phase of one channel, in the order of their addresses, so
 * that what a whole vector zeroes beyond one is written later. */
static void copy_phase(const struct copy *k, const float *src, float *dst,
                       int64_t py, int64_t px)
{
    const struct sparse_geometry *g = k->geometry;
    const struct conv_spec *c = k->conv;
    int64_t unit = g->unit, shift = px - g->origin_x;
    /* Columns whose source x = col * sw + shift lies inside. */
    int64_t from = shift < 0 ? (-shift + g->sw - 1) / g->sw : 0;
    int64_t inside = c->iw - 1 - shift;
    int64_t to = inside < 0 ? 0 : smaller(inside / g->sw + 1, g->pitch);
    from = smaller(from, g->pitch);
    to = larger(to, from);
    for (int64_t row = 0; row < g->height; row++, dst += g->pitch * unit) {
        int64_t y = (k->y0 + row) * g->sh + py - g->origin_y;
        if (y < 0 || y >= c->ih || to == from) {
            zero_floats(dst, g->pitch * unit);
            continue;
        }
        const float *at =
            src + y * k->src_pitch + (from * g->sw + shift) * unit;
        zero_floats(dst, from * unit);
        if (unit == 1 && g->sw == 1)
            copy_floats(dst + from, at, to - from, 1, g->pitch - from);
        else if (unit == 1 && g->sw == 2)
            copy_floats(dst + from, at, to - from, 2, g->pitch - from);
        else if (unit == 1)
            copy_floats(dst + from, at, to - from, g->sw, g->pitch - from);
        else
            copy_blocks(dst + from * unit, at, to - from, g->sw,
                        g->pitch - from);
    }
}

/*
 * The same for stride 2 where the source has a border that serves: both
 * phases of a row at once, nothing to zero. What is read beyond a row only
 * reaches sums that are not kept.
 */
static void split_phases(const struct copy *k, const float *src, float *dst,
                         int64_t py)
{
    const struct sparse_geometry *g = k->geometry;
    const struct conv_spec *c = k->conv;
    bool odd = phase_used(1, 2, c->kw, c->dw);
    for (int64_t row = 0; row < g->height; row++, dst += g->pitch) {
        int64_t y = (k->y0 + row) * g->sh + py - g->origin_y;
        if (y >= c->ih + k->src_border)
            break;
        const float *from = src + y * k->src_pitch - g->origin_x;
        for (int64_t i = 0; i < g->pitch; i += LANES, from += 2 * LANES) {
            int64_t left = k->end - from;
            bool whole = left >= 2 * LANES;
            vec a = whole ? vec_load(from) : vec_load_first(from, left);
            vec b = whole          ? vec_load(from + LANES)
                    : left > LANES ? vec_load_first(from + LANES, left - LANES)
                                   : vec_all(0.0F);
            vec_store(dst + i, vec_even(a, b));
            if (odd)
                vec_store(dst + g->plane + i, vec_odd(a, b));
        }
    }
}

static void copy_planes(const struct copy *k)
{
    const struct sparse_geometry *g = k->geometry;
    const struct conv_spec *c = k->conv;
    int64_t plane = g->plane * g->unit, phases = g->sh * g->sw;
    bool splits = g->unit == 1 && g->sw == 2 && k->src_border >= g->border;
    for (int64_t channel = k->first; channel < k->last; channel++) {
        const float *src = k->src + channel * k->src_plane;
        float *dst = k->planes + channel * phases * plane;
        for (int64_t phase = 0; phase < phases; phase++, dst += plane) {
            int64_t py = phase / g->sw, px = phase % g->sw;
            if (!phase_used(py, c->sh, c->kh, c->dh))
                continue;
            if (splits && px == 0)
                split_phases(k, src, dst, py);
            else if (!splits && phase_used(px, c->sw, c->kw, c->dw))
                copy_phase(k, src, dst, py, px);
        }
    }
}

#endif

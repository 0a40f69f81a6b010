/* The tiles of depthwise.h; included by dense_<isa>.c. */
#ifndef KERNEL_DEPTHWISE_RUN_H
#define KERNEL_DEPTHWISE_RUN_H

#include "kernel/dense.h"
#include "kernel/dense_vector.h"
#include "kernel/depthwise.h"

/* Some pixels of one output row. */
struct depthwise_tile {
    const float *src;      /* what tap 0 of the first pixel reads */
    float *dst;            /* the first pixel */
    const float *other;    /* as dst; or NULL */
    int64_t row, channels; /* floats from a source row, a pixel to the next */
    int64_t top, bottom;   /* kernel rows inside the source */
    const float *weight;   /* [9][channels], bias */
    float low, high;
};

/* Loads into a register; the compiler would rather load for each use, which
 * costs where that is three times (stride 1). */
ALWAYS_INLINE vec depthwise_load(const float *p)
{
    vec v = vec_load(p);
#if defined(DENSE_AVX512)
    __asm__("" : "+v"(v));
#elif defined(DENSE_AVX2)
    __asm__("" : "+x"(v));
#endif
    return v;
}

/* One kernel row of n pixels for a vector of channels. left, right: the first
 * and the last source column lie outside. */
ALWAYS_INLINE void depthwise_row(const struct depthwise_tile *t,
                                 const float *line, const float *weight,
                                 vec *sum, const int n, const int stride,
                                 const bool left, const bool right)
{
    const int first = left ? 1 : 0;
    const int last = (n - 1) * stride + (right ? 2 : 3);
    vec w[3];
#pragma GCC unroll 3
    for (int kx = 0; kx < 3; kx++)
        w[kx] = vec_load(weight + kx * t->channels);
#pragma GCC unroll 15
    for (int x = first; x < last; x++) {
        const float *from = line + x * t->channels;
        vec v = stride == 1 ? depthwise_load(from) : vec_load(from);
#pragma GCC unroll 3
        for (int kx = 0; kx < 3; kx++) {
            int at = x - kx;
            if (at >= 0 && at % stride == 0 && at / stride < n)
                sum[at / stride] = vec_multiply_add(w[kx], v, sum[at / stride]);
        }
    }
}

ALWAYS_INLINE void depthwise_pixels(const struct depthwise_tile *t, const int n,
                                    const int stride, const bool left,
                                    const bool right)
{
    const vec low = vec_all(t->low), high = vec_all(t->high);
    for (int64_t c = 0; c < t->channels; c += LANES) {
        vec sum[DEPTHWISE_PIXELS];
        const vec bias = vec_load(t->weight + DEPTHWISE_TAPS * t->channels + c);
#pragma GCC unroll 7
        for (int j = 0; j < n; j++)
            sum[j] = bias;
        for (int64_t ky = t->top; ky < t->bottom; ky++)
            depthwise_row(t, t->src + ky * t->row + c,
                          t->weight + ky * 3 * t->channels + c, sum, n, stride,
                          left, right);
#pragma GCC unroll 7
        for (int j = 0; j < n; j++) {
            if (t->other != NULL)
                sum[j] = sum[j] + vec_load(t->other + j * t->channels + c);
            vec_store(t->dst + j * t->channels + c,
                      vec_clamp(sum[j], low, high));
        }
    }
}

ALWAYS_INLINE void depthwise_edges(const struct depthwise_tile *t, const int n,
                                   const int stride, bool left, bool right)
{
    if (left && right)
        depthwise_pixels(t, n, stride, true, true);
    else if (left)
        depthwise_pixels(t, n, stride, true, false);
    else if (right)
        depthwise_pixels(t, n, stride, false, true);
    else
        depthwise_pixels(t, n, stride, false, false);
}

#define TILE(n)                                                                \
    static void depthwise_##n(const struct depthwise_tile *t, int64_t stride,  \
                              bool left, bool right)                           \
    {                                                                          \
        if (stride == 1)                                                       \
            depthwise_edges(t, n, 1, left, right);                             \
        else                                                                   \
            depthwise_edges(t, n, 2, left, right);                             \
    }
TILE(1)
TILE(2)
TILE(3)
TILE(4)
TILE(5)
TILE(6)
TILE(7)
#undef TILE

static void (*const depthwise_tiles[DEPTHWISE_PIXELS + 1])(
    const struct depthwise_tile *t, int64_t stride, bool left, bool right) = {
    NULL,        depthwise_1, depthwise_2, depthwise_3,
    depthwise_4, depthwise_5, depthwise_6, depthwise_7,
};

/* Cuts an output row into tiles of nearly equal size. */
static void depthwise_run(const struct dense_call *call, int64_t first,
                          int64_t last)
{
    const struct conv_spec *c = &call->spec->conv;
    const int64_t pixel = c->ic;
    struct depthwise_tile t = {
        .row = c->iw * pixel, .channels = pixel, .weight = call->packed};
    dense_clamps(call->epilogue, &t.low, &t.high);
    for (int64_t unit = first; unit < last; unit++) {
        int64_t image = unit / c->oh, y = unit % c->oh;
        int64_t iy = y * c->sh - c->pad_top;
        int64_t count = (c->ow + DEPTHWISE_PIXELS - 1) / DEPTHWISE_PIXELS;
        t.top = iy < 0 ? -iy : 0;
        t.bottom = c->ih - iy < 3 ? c->ih - iy : 3;
        for (int64_t i = 0, x = 0; i < count; i++) {
            int64_t next = c->ow * (i + 1) / count;
            int64_t ix = x * c->sw - c->pad_left;
            int64_t end = (next - 1) * c->sw - c->pad_left + 3;
            int64_t to = (unit * c->ow + x) * pixel;
            t.src = call->src + ((image * c->ih + iy) * c->iw + ix) * pixel;
            t.dst = call->dst + to;
            t.other = call->other != NULL ? call->other + to : NULL;
            depthwise_tiles[next - x](&t, c->sw, ix<0, end> c->iw);
            x = next;
        }
    }
}

#endif

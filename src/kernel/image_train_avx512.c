/*
 * Images as lanes, AVX-512: one vector is a pixel of 16 images.
 *
 * Forward, a tile is 3 filters by up to 8 neighbouring pixels, summed over all
 * taps. By the source it is 3 taps by up to 8 pixels of the result's gradient,
 * summed over all filters and then added to where the taps read: no product
 * meets an edge. By the weights it is 5 filters by 5 taps, summed over pixels;
 * lanes are added last.
 */
#if defined(__x86_64__)
#define DENSE_AVX512

#include "kernel/image_train.h"

#include "kernel/image_vector.h"

#include <math.h>

/* --- sums of products --- */

ALWAYS_INLINE void tile_run(const struct tile *t, int pixels, int64_t src_step,
                            int64_t dst_step)
{
    const bool adds = t->adds;
    vec sums[GROUP][PIXELS];
#pragma GCC unroll 8
    for (int r = 0; r < GROUP; r++)
#pragma GCC unroll 8
        for (int i = 0; i < pixels; i++)
            sums[r][i] = vec_all(t->first[r]);
    for (int64_t k = 0; k < t->count; k++) {
        const float *x = t->src + t->offsets[k];
        vec w[GROUP];
#pragma GCC unroll 8
        for (int r = 0; r < GROUP; r++)
            w[r] = vec_all(t->weight[k * GROUP + r]);
#pragma GCC unroll 8
        for (int i = 0; i < pixels; i++) {
            vec v = held(vec_load(x + i * src_step));
#pragma GCC unroll 8
            for (int r = 0; r < GROUP; r++)
                sums[r][i] = vec_multiply_add(v, w[r], sums[r][i]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < GROUP; r++)
#pragma GCC unroll 8
        for (int i = 0; i < pixels; i++) {
            float *to = t->dst[r] + i * dst_step;
            if (adds)
                sums[r][i] = sums[r][i] + vec_load(to);
            vec_store(to, sums[r][i]);
        }
}

typedef void tile_function(const struct tile *t);

#define TILE(pixels)                                                           \
    static void near_##pixels(const struct tile *t)                            \
    {                                                                          \
        tile_run(t, pixels, LANES, LANES);                                     \
    }                                                                          \
    static void apart_##pixels(const struct tile *t)                           \
    {                                                                          \
        tile_run(t, pixels, t->src_step, t->dst_step);                         \
    }
TILE(1)
TILE(2)
TILE(3)
TILE(4)
TILE(5)
TILE(6)
TILE(7)
TILE(8)
#undef TILE

void image_tile_run(const struct tile *t, int64_t pixels)
{
    static tile_function *const runs[2][PIXELS] = {
        {apart_1, apart_2, apart_3, apart_4, apart_5, apart_6, apart_7,
         apart_8},
        {near_1, near_2, near_3, near_4, near_5, near_6, near_7, near_8},
    };
    bool near = t->src_step == LANES && t->dst_step == LANES;
    runs[near][pixels - 1](t);
}

/* A row in as few tiles as possible, all about as wide. */
static int64_t tile_width(int64_t width)
{
    int64_t tiles = (width + PIXELS - 1) / PIXELS;
    return (width + tiles - 1) / tiles;
}

/* --- forward --- */

static const float *padded(const struct image_conv *p, const float *src,
                           float *to)
{
    const struct conv_spec *c = &p->conv;
    const int64_t from_row = c->iw * LANES, row = p->width * LANES;
    if (!p->pads)
        return src;
    memset(to, 0, (size_t)(c->ic * p->height * row) * sizeof *to);
    for (int64_t i = 0; i < c->ic; i++)
        for (int64_t y = 0; y < c->ih; y++)
            memcpy(to + (i * p->height + c->pad_top + y) * row +
                       c->pad_left * LANES,
                   src + (i * c->ih + y) * from_row,
                   (size_t)from_row * sizeof *to);
    return to;
}

/* Offsets of taps in a padded source; those behind the last repeat it. */
static void list_offsets(const struct image_conv *p,
                         const struct image_scratch *s)
{
    image_list_taps(p, s->taps);
    for (int64_t i = 0; i < p->taps + CORNER; i++) {
        const struct image_tap *tap = &s->taps[smaller(i, p->taps - 1)];
        s->offsets[i] =
            (int32_t)(((tap->channel * p->height + tap->y) * p->width +
                       tap->x) *
                      LANES);
    }
}

static void forward_row(const struct image_conv *p, const float *packed,
                        const float *bias, const float *src, int64_t y,
                        float *dst, const struct image_scratch *s)
{
    const struct conv_spec *c = &p->conv;
    const int64_t wide = tile_width(c->ow);
    for (int64_t o = 0; o < c->oc; o += GROUP)
        for (int64_t x = 0; x < c->ow; x += wide) {
            struct tile t = {
                .src = src + (y * c->sh * p->width + x * c->sw) * LANES,
                .weight = packed + o * p->taps,
                .offsets = s->offsets,
                .count = p->taps,
                .src_step = c->sw * LANES,
                .dst_step = LANES,
            };
            for (int r = 0; r < GROUP; r++) {
                bool real = o + r < c->oc;
                int64_t at = ((o + r) * c->oh + y) * c->ow + x;
                t.first[r] = real && bias ? bias[o + r] : 0;
                t.dst[r] =
                    real ? dst + at * LANES : s->edge + r * PIXELS * LANES;
            }
            image_tile_run(&t, smaller(wide, c->ow - x));
        }
}

static void forward(const struct image_conv *p, const float *packed,
                    const float *bias, const float *src, float *dst,
                    float *memory)
{
    const struct conv_spec *c = &p->conv;
    const struct image_scratch s = image_scratch_of(p, memory);
    list_offsets(p, &s);
    for (int64_t n = 0; n < c->n / LANES; n++) {
        const float *x =
            padded(p, src + n * c->ic * c->ih * c->iw * LANES, s.source);
        float *to = dst + n * c->oc * c->oh * c->ow * LANES;
        if (p->out)
            image_points_forward(p, packed, bias, x, to, &s);
        for (int64_t y = 0; y < c->oh && !p->out; y++)
            forward_row(p, packed, bias, x, y, to, &s);
    }
}

/* --- by the source --- */

/* Adds what lies inside of one tap's pixels. */
static void add_inside(const struct conv_spec *c, const float *from, int64_t x,
                       int64_t pixels, float *row)
{
    for (int64_t i = 0; i < pixels; i++) {
        int64_t at = x + i * c->sw;
        if (at < 0 || at >= c->iw)
            continue;
        vec_store(row + at * LANES,
                  vec_load(row + at * LANES) + vec_load(from + i * LANES));
    }
}

static void by_src_tile(const struct image_conv *p, struct tile *t,
                        const struct image_tap *taps, int64_t count, int64_t y,
                        int64_t x, int64_t pixels, float *by_src, float *edge)
{
    const struct conv_spec *c = &p->conv;
    float *rows[GROUP];
    int64_t first[GROUP];
    bool whole = true;
    for (int r = 0; r < GROUP; r++) {
        const struct image_tap *tap = &taps[r < count ? r : 0];
        int64_t to = y * c->sh - c->pad_top + tap->y;
        bool inside = r < count && to >= 0 && to < c->ih;
        first[r] = x * c->sw - c->pad_left + tap->x;
        rows[r] = inside ? by_src + (tap->channel * c->ih + to) * c->iw * LANES
                         : NULL;
        whole = whole && inside && first[r] >= 0 &&
                first[r] + (pixels - 1) * c->sw < c->iw;
        t->dst[r] = edge + r * PIXELS * LANES;
    }
    t->adds = whole;
    t->dst_step = whole ? c->sw * LANES : LANES;
    for (int r = 0; r < GROUP && whole; r++)
        t->dst[r] = rows[r] + first[r] * LANES;
    image_tile_run(t, pixels);
    for (int r = 0; r < GROUP && !whole; r++)
        if (rows[r])
            add_inside(c, edge + r * PIXELS * LANES, first[r], pixels, rows[r]);
}

static void by_src_row(const struct image_conv *p, const float *packed,
                       const float *by_dst, int64_t y, float *by_src,
                       const struct image_scratch *s)
{
    const struct conv_spec *c = &p->conv;
    const int64_t wide = tile_width(c->ow);
    for (int64_t k = 0; k < p->taps; k += GROUP)
        for (int64_t x = 0; x < c->ow; x += wide) {
            struct tile t = {.src = by_dst + (y * c->ow + x) * LANES,
                             .weight = packed + k * c->oc,
                             .offsets = s->offsets,
                             .count = c->oc,
                             .src_step = LANES};
            by_src_tile(p, &t, s->taps + k, p->taps - k, y, x,
                        smaller(wide, c->ow - x), by_src, s->edge);
        }
}

static void by_src(const struct image_conv *p, const float *packed,
                   const float *by_dst, bool adds, float *to, float *memory)
{
    const struct conv_spec *c = &p->conv;
    const struct image_scratch s = image_scratch_of(p, memory);
    const int64_t from_floats = c->oc * c->oh * c->ow * LANES;
    const int64_t to_floats = c->ic * c->ih * c->iw * LANES;
    image_list_taps(p, s.taps);
    for (int64_t o = 0; o < c->oc; o++)
        s.offsets[o] = (int32_t)(o * c->oh * c->ow * LANES);
    for (int64_t n = 0; n < c->n / LANES; n++) {
        float *block = to + n * to_floats;
        if (!adds)
            memset(block, 0, (size_t)to_floats * sizeof *block);
        if (p->out)
            image_points_by_src(p, packed, by_dst + n * from_floats, block, &s);
        for (int64_t y = 0; y < c->oh && !p->out; y++)
            by_src_row(p, packed, by_dst + n * from_floats, y, block, &s);
    }
}

/* --- by the weights --- */

/* All taps of up to CORNER filters. */
static void by_filters(const struct image_conv *p, const float *src,
                       const float *by_dst, int64_t filters, bool adds,
                       float *by_weight, const struct image_scratch *s)
{
    const struct conv_spec *c = &p->conv;
    for (int64_t y = 0; y < c->oh; y += p->rows) {
        struct corner corner = {
            .src = src + y * c->sh * p->width * LANES,
            .by_dst = by_dst + y * c->ow * LANES,
            .dst_plane = c->oh * c->ow * LANES,
            .rows = smaller(p->rows, c->oh - y),
            .columns = c->ow,
            .row = c->sh * p->width * LANES,
            .step = c->sw * LANES,
            .filters = (int)smaller(filters, CORNER),
            .begins = y == 0,
        };
        for (int64_t k = 0; k < p->taps; k += CORNER) {
            for (int b = 0; b < CORNER; b++)
                corner.offsets[b] = s->offsets[k + b];
            corner.sums = s->sums + k * CORNER * LANES;
            corner_sum(&corner);
            if (y + p->rows >= c->oh)
                corner_end(corner.sums, filters, p->taps - k, adds, p->taps,
                           by_weight + k);
        }
    }
}

static void add_bias(const struct conv_spec *c, const float *by_dst, bool adds,
                     float *by_bias)
{
    const int64_t plane = c->oh * c->ow;
    for (int64_t o = 0; o < c->oc; o++) {
        vec sum = vec_all(0);
        for (int64_t i = 0; i < plane; i++)
            sum = sum + vec_load(by_dst + (o * plane + i) * LANES);
        by_bias[o] = (adds ? by_bias[o] : 0) + vec_sum(sum);
    }
}

static void by_weight(const struct image_conv *p, const float *src,
                      const float *by_dst, bool adds, float *to, float *by_bias,
                      float *memory)
{
    const struct conv_spec *c = &p->conv;
    const struct image_scratch s = image_scratch_of(p, memory);
    const int64_t plane = c->oh * c->ow * LANES;
    list_offsets(p, &s);
    for (int64_t n = 0; n < c->n / LANES; n++) {
        const float *x =
            padded(p, src + n * c->ic * c->ih * c->iw * LANES, s.source);
        const float *by = by_dst + n * c->oc * plane;
        if (p->out)
            image_points_sum(p, x, by, n == 0, &s);
        for (int64_t o = 0; o < c->oc && !p->out; o += CORNER)
            by_filters(p, x, by + o * plane, c->oc - o, adds || n > 0,
                       to + o * p->taps, &s);
        if (by_bias)
            add_bias(c, by, adds || n > 0, by_bias);
    }
    if (p->out)
        image_points_end(p, adds, to, &s);
}

/* --- pooling --- */

/* The window of one result that lies inside. */
struct window {
    int64_t y0, y1, x0, x1; /* taps */
    int64_t top, left;
    int64_t counted;
};

static void taps_inside(int64_t at, int64_t taps, int64_t dilation, int64_t in,
                        int64_t *from, int64_t *to)
{
    *from = at < 0 ? (-at + dilation - 1) / dilation : 0;
    *to = at + (taps - 1) * dilation < in ? taps
                                          : (in - at + dilation - 1) / dilation;
}

static struct window window_of(const struct pool_spec *p, int64_t y, int64_t x)
{
    struct window w = {.top = y * p->sh - p->pad_top,
                       .left = x * p->sw - p->pad_left};
    taps_inside(w.top, p->kh, p->dh, p->ih, &w.y0, &w.y1);
    taps_inside(w.left, p->kw, p->dw, p->iw, &w.x0, &w.x1);
    w.counted =
        p->count_padding ? p->kh * p->kw : (w.y1 - w.y0) * (w.x1 - w.x0);
    return w;
}

static void pool_pixel(const struct pool_spec *p, const struct window *w,
                       const float *plane, float *dst)
{
    vec result = vec_all(p->average ? 0 : -INFINITY);
    for (int64_t i = w->y0; i < w->y1; i++)
        for (int64_t j = w->x0; j < w->x1; j++) {
            int64_t at = (w->top + i * p->dh) * p->iw + w->left + j * p->dw;
            vec v = vec_load(plane + at * LANES);
            result = p->average ? _mm512_add_ps(result, v)
                                : _mm512_max_ps(v, result);
        }
    if (p->average)
        result = result * vec_all(1 / (float)w->counted);
    vec_store(dst, result);
}

static void pool(const struct pool_spec *p, const float *src, float *dst)
{
    for (int64_t plane = 0; plane < p->n / LANES * p->c; plane++) {
        const float *from = src + plane * p->ih * p->iw * LANES;
        for (int64_t y = 0; y < p->oh; y++)
            for (int64_t x = 0; x < p->ow; x++, dst += LANES) {
                const struct window w = window_of(p, y, x);
                pool_pixel(p, &w, from, dst);
            }
    }
}

/* `alone`: nothing else reads these pixels, so nothing was written to them. */
static void spread(const struct pool_spec *p, const struct window *w,
                   const float *plane, vec dst, vec by_dst, bool alone,
                   float *by_plane)
{
    __mmask16 open = 0xffff;
    vec share = by_dst * vec_all(1 / (float)w->counted);
    for (int64_t i = w->y0; i < w->y1; i++)
        for (int64_t j = w->x0; j < w->x1; j++) {
            int64_t at = (w->top + i * p->dh) * p->iw + w->left + j * p->dw;
            vec by = share;
            if (!p->average) {
                __mmask16 here = _mm512_mask_cmp_ps_mask(
                    open, vec_load(plane + at * LANES), dst, _CMP_EQ_OQ);
                by = _mm512_maskz_mov_ps(here, by_dst);
                open &= (__mmask16)~here;
            }
            float *to = by_plane + at * LANES;
            vec_store(to, alone ? by : _mm512_add_ps(by, vec_load(to)));
        }
}

static void pool_by_src(const struct pool_spec *p, const float *src,
                        const float *dst, const float *by_dst, bool adds,
                        float *by_src)
{
    const int64_t floats = p->ih * p->iw * LANES;
    const bool apart =
        p->sh >= p->kh && p->sw >= p->kw && p->dh == 1 && p->dw == 1;
    const bool covers =
        apart && p->oh * p->kh == p->ih && p->ow * p->kw == p->iw;
    for (int64_t plane = 0; plane < p->n / LANES * p->c; plane++) {
        float *to = by_src + plane * floats;
        if (!adds && !covers)
            memset(to, 0, (size_t)floats * sizeof *to);
        for (int64_t y = 0; y < p->oh; y++)
            for (int64_t x = 0; x < p->ow; x++) {
                const struct window w = window_of(p, y, x);
                spread(p, &w, src + plane * floats, vec_load(dst),
                       vec_load(by_dst), apart && !adds, to);
                dst += LANES;
                by_dst += LANES;
            }
    }
}

static void pack(const struct image_conv *p, const float *weight, bool by_taps,
                 float *packed)
{
    if (p->out)
        image_points_pack(p, weight, by_taps, packed);
    else
        image_taps_pack(p, weight, by_taps, packed);
}

const struct image_kernels image_kernels_avx512 = {
    pack, forward, by_src, by_weight, pool, pool_by_src,
};
#endif

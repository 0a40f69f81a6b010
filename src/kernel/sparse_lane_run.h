/*
 * The kernels whose lanes are output channels; see sparse_lane.h. Included by
 * sparse_<isa>.c after sparse_run.h.
 */
#ifndef KERNEL_SPARSE_LANE_RUN_H
#define KERNEL_SPARSE_LANE_RUN_H

#include "kernel/sparse_lane.h"
#include "kernel/sparse_pick.h"
#include "kernel/sparse_run.h"

enum { LANE_PARTS = LANE_CHANNELS / LANES, MOST_LANE_PIXELS = 16 };

/* One call. */
struct lane_call {
    struct run run; /* bias, activation, channels */
    const struct lane_packed *packed;
    const int32_t *starts, *channels;
    const uint8_t (*places)[LANE_INPUTS];
    const float (*weights)[LANE_CHANNELS];
    const struct conv_spec *conv;
    int64_t step; /* floats from the source of one pixel to the next's */
};

/* Some pixels of an output row. */
struct lane_tile {
    const float *src; /* what tap 0 of the first pixel reads: may lie outside */
    int64_t x, width; /* its column; the source has as many */
    int64_t ky, ky_end; /* kernel rows that lie inside */
    float *dst;
    const float *other; /* as dst; or NULL */
};

/* Where one tap's pixels lie: those outside [first, last) read zeros. */
struct lane_tap {
    const float *from;
    int64_t step, first, last;
};

static const float lane_zeros[LANE_INPUTS] = {0};

ALWAYS_INLINE const float *lane_pixel(const struct lane_tap *t, int64_t offset,
                                      int j, bool whole)
{
    const float *p = t->from + offset + j * t->step;
    return whole || (j >= t->first && j < t->last) ? p : lane_zeros;
}

/* One input of all channels for n pixels. */
ALWAYS_INLINE void add_column(const struct lane_call *c, int64_t at,
                              const struct lane_tap *t, vec *sum, const int n,
                              const bool whole)
{
    const float *weight = c->weights[at];
    vec w[LANE_PARTS];
#pragma GCC unroll 4
    for (int k = 0; k < LANE_PARTS; k++)
        w[k] = vec_load(weight + k * LANES);
#pragma GCC unroll 14
    for (int j = 0; j < n; j++) {
        vec x = vec_all(*lane_pixel(t, c->channels[at], j, whole));
#pragma GCC unroll 4
        for (int k = 0; k < LANE_PARTS; k++)
            sum[j * LANE_PARTS + k] =
                vec_multiply_add(w[k], x, sum[j * LANE_PARTS + k]);
    }
}

/* A list of columns. As in run_tile, `sets` of sums hide the latency. */
ALWAYS_INLINE void add_columns(const struct lane_call *c, int64_t list,
                               const struct lane_tap *t, vec *sum, const int n,
                               const int sets, const bool whole)
{
    int64_t at = c->starts[list], end = c->starts[list + 1];
    for (; sets > 1 && end - at >= sets; at += sets)
#pragma GCC unroll 4
        for (int k = 0; k < sets; k++)
            add_column(c, at + k, t, sum + k * n * LANE_PARTS, n, whole);
    for (; at < end; at++)
        add_column(c, at, t, sum, n, whole);
}

/* The lists of all chunks of inputs of one tap. */
ALWAYS_INLINE void add_picks(const struct lane_call *c, int64_t list,
                             int64_t base, const struct lane_tap *t, vec *sum,
                             const int n, const int turn, const bool whole)
{
    for (int64_t k = 0; k < c->packed->chunks; k++) {
        int64_t at = c->starts[list + k], end = c->starts[list + k + 1];
        const float *from[PICK_PIXELS];
        if (at == end)
            continue;
#pragma GCC unroll 16
        for (int j = 0; j < n; j++)
            from[j] = lane_pixel(t, base + k * LANE_INPUTS, j, whole);
        pick_chunk(c->weights + at, c->places + at, end - at, from, sum, n,
                   turn);
    }
}

ALWAYS_INLINE void finish_lanes(const struct lane_call *c,
                                const struct lane_tile *t, int64_t block,
                                const vec *sum, const int n)
{
    const struct run *r = &c->run;
    int64_t base = block * LANE_CHANNELS, oc = c->conv->oc;
    int64_t lo = larger(r->first - base, 0), hi = smaller(r->last - base, 16);
    const vec low = vec_all(r->low), high = vec_all(r->high);
    for (int j = 0; j < n; j++) {
        float lanes[LANE_CHANNELS];
        int64_t at = j * oc + base;
#pragma GCC unroll 4
        for (int k = 0; k < LANE_PARTS; k++) {
            vec v = sum[j * LANE_PARTS + k];
            int64_t left = hi - k * LANES;
            if (t->other != NULL && left > 0)
                v = vec_add(v, vec_load_first(t->other + at + k * LANES, left));
            v = r->slow ? activate_slowly(r, v) : vec_clamp(v, low, high);
            if (lo > 0)
                vec_store(lanes + k * LANES, v);
            else if (left >= LANES)
                vec_store(t->dst + at + k * LANES, v);
            else if (left > 0)
                vec_store_first(t->dst + at + k * LANES, v, left);
        }
        for (int64_t lane = lo; lo > 0 && lane < hi; lane++)
            t->dst[at + lane] = lanes[lane];
    }
}

/* Which of n pixels read inside the row for a tap `x` columns to the right of
 * what tap 0 of the first reads. */
static inline void clip_tap(struct lane_tap *t, int64_t x, int64_t stride,
                            int64_t width, int64_t n)
{
    t->first = x < 0 ? (-x + stride - 1) / stride : 0;
    t->last = x >= width ? 0 : smaller((width - 1 - x) / stride + 1, n);
}

/* One turn over a block of channels: the sums of n pixels, of `parts` vectors
 * each, from vector `turn` * parts of the block on. */
ALWAYS_INLINE void sum_lanes(const struct lane_call *c,
                             const struct lane_tile *t, int64_t block, vec *sum,
                             const int n, const int parts, const int sets,
                             const bool picks, const int turn)
{
    const struct conv_spec *v = c->conv;
    const struct lane_packed *h = c->packed;
    const int vectors = n * parts;
    const float *bias =
        c->run.bias + block * LANE_CHANNELS + turn * parts * LANES;
    int64_t base = block / h->block_group * (v->ic / v->groups);
#pragma GCC unroll 28
    for (int j = 0; j < vectors * sets; j++)
        sum[j] =
            j < vectors ? vec_load(bias + j % parts * LANES) : vec_all(0.0F);
    for (int64_t ky = t->ky; ky < t->ky_end; ky++)
        for (int64_t kx = 0; kx < v->kw; kx++) {
            int64_t list = ((block * v->kh + ky) * v->kw + kx) * h->chunks;
            int64_t x = t->x + kx * v->dw;
            struct lane_tap tap = {
                .from = t->src + (ky * v->dh * v->iw + kx * v->dw) * v->ic,
                .step = c->step};
            bool whole = x >= 0 && x + (n - 1) * v->sw < t->width;
            if (c->starts[list] == c->starts[list + h->chunks])
                continue;
            if (!whole)
                clip_tap(&tap, x, v->sw, t->width, n);
            if (picks && whole)
                add_picks(c, list, base, &tap, sum, n, turn, true);
            else if (picks)
                add_picks(c, list, base, &tap, sum, n, turn, false);
            else if (whole)
                add_columns(c, list, &tap, sum, n, sets, true);
            else
                add_columns(c, list, &tap, sum, n, sets, false);
        }
#pragma GCC unroll 28
    for (int j = vectors; j < vectors * sets; j++)
        sum[j % vectors] = vec_add(sum[j % vectors], sum[j]);
}

ALWAYS_INLINE void run_lanes(const struct lane_call *c,
                             const struct lane_tile *t, const int n,
                             const int sets, const bool picks)
{
    const int turns = picks ? PICK_TURNS : 1, parts = LANE_PARTS / turns;
    int64_t end = (c->run.last + LANE_CHANNELS - 1) / LANE_CHANNELS;
    for (int64_t b = c->run.first / LANE_CHANNELS; b < end; b++) {
        vec sums[MOST_LANE_PIXELS * LANE_PARTS];
#pragma GCC unroll 2
        for (int turn = 0; turn < turns; turn++) {
            vec sum[MOST_LANE_PIXELS * LANE_PARTS];
            sum_lanes(c, t, b, sum, n, parts, sets, picks, turn);
#pragma GCC unroll 28
            for (int j = 0; j < n * parts; j++)
                sums[j / parts * LANE_PARTS + turn * parts + j % parts] =
                    sum[j];
        }
        finish_lanes(c, t, b, sums, n);
    }
}

typedef void lane_function(const struct lane_call *c,
                           const struct lane_tile *t);

#define COLUMN(n, sets)                                                        \
    static void column_##n(const struct lane_call *c,                          \
                           const struct lane_tile *t)                          \
    {                                                                          \
        run_lanes(c, t, n, sets, false);                                       \
    }
#define PICK(n)                                                                \
    static void pick_##n(const struct lane_call *c, const struct lane_tile *t) \
    {                                                                          \
        run_lanes(c, t, n, 1, true);                                           \
    }
PICK(1)
PICK(2)
#if defined(SPARSE_AVX512)
COLUMN(1, 4)
COLUMN(2, 3)
COLUMN(3, 2)
COLUMN(4, 1)
COLUMN(5, 1)
COLUMN(6, 1)
COLUMN(7, 1)
COLUMN(8, 1)
COLUMN(9, 1)
COLUMN(10, 1)
COLUMN(11, 1)
COLUMN(12, 1)
COLUMN(13, 1)
COLUMN(14, 1)
PICK(3)
PICK(4)
PICK(5)
PICK(6)
PICK(7)
PICK(8)
PICK(9)
PICK(10)
PICK(11)
PICK(12)
PICK(13)
PICK(14)
PICK(15)
PICK(16)
static lane_function *const column_tiles[] = {
    NULL,      column_1,  column_2,  column_3,  column_4,
    column_5,  column_6,  column_7,  column_8,  column_9,
    column_10, column_11, column_12, column_13, column_14};
static lane_function *const pick_tiles[PICK_PIXELS + 1] = {
    NULL,    pick_1,  pick_2,  pick_3,  pick_4,  pick_5,
    pick_6,  pick_7,  pick_8,  pick_9,  pick_10, pick_11,
    pick_12, pick_13, pick_14, pick_15, pick_16};
#elif defined(SPARSE_AVX2)
COLUMN(1, 4)
COLUMN(2, 2)
COLUMN(3, 1)
COLUMN(4, 1)
COLUMN(5, 1)
COLUMN(6, 1)
PICK(3)
PICK(4)
PICK(5)
PICK(6)
PICK(7)
PICK(8)
static lane_function *const column_tiles[] = {
    NULL, column_1, column_2, column_3, column_4, column_5, column_6};
static lane_function *const pick_tiles[PICK_PIXELS + 1] = {
    NULL, pick_1, pick_2, pick_3, pick_4, pick_5, pick_6, pick_7, pick_8};
#elif defined(SPARSE_NEON)
COLUMN(1, 2)
COLUMN(2, 1)
COLUMN(3, 1)
COLUMN(4, 1)
COLUMN(5, 1)
PICK(3)
PICK(4)
PICK(5)
static lane_function *const column_tiles[] = {NULL,     column_1, column_2,
                                              column_3, column_4, column_5};
static lane_function *const pick_tiles[PICK_PIXELS + 1] = {
    NULL, pick_1, pick_2, pick_3, pick_4, pick_5};
#else
COLUMN(1, 1)
COLUMN(2, 1)
static lane_function *const column_tiles[] = {NULL, column_1, column_2};
static lane_function *const pick_tiles[PICK_PIXELS + 1] = {NULL, pick_1,
                                                           pick_2};
#endif
#undef COLUMN
#undef PICK

/* Functions for tiles of up to so many pixels. */
struct lane_way {
    lane_function *const *functions;
    int64_t most;
};

static const struct lane_way lane_ways[2] = {
    {column_tiles, sizeof column_tiles / sizeof *column_tiles - 1},
    {pick_tiles, PICK_PIXELS}};

/* Cuts `width` output pixels into tiles of nearly equal size; the tile is that
 * of the first pixel. */
static void run_lane_row(const struct lane_call *c, const struct lane_tile *row,
                         int64_t width, bool picks)
{
    const struct conv_spec *v = c->conv;
    const struct lane_way *way = &lane_ways[picks];
    int64_t count = (width + way->most - 1) / way->most, done = 0;
    for (int64_t i = 0; i < count; i++) {
        struct lane_tile t = *row;
        int64_t next = width * (i + 1) / count;
        t.src += done * c->step;
        t.x += done * v->sw;
        t.dst += done * v->oc;
        t.other = row->other != NULL ? row->other + done * v->oc : NULL;
        way->functions[next - done](c, &t);
        done = next;
    }
}

static void run_lane_image(const struct lane_call *c, const float *src,
                           float *dst, const float *other, bool picks)
{
    const struct conv_spec *v = c->conv;
    bool point = v->kh == 1 && v->kw == 1 && v->sh == 1 && v->sw == 1 &&
                 v->ih == v->oh && v->iw == v->ow;
    int64_t top = c->run.top, bottom = c->run.bottom;
    int64_t rows = point ? bottom - top : 1;
    for (int64_t y = top; y < bottom; y += rows) {
        int64_t iy = y * v->sh - v->pad_top, to = y * v->ow * v->oc;
        struct lane_tile t = {.src = src + (iy * v->iw - v->pad_left) * v->ic,
                              .x = -v->pad_left,
                              .width = v->iw * rows,
                              .dst = dst + to,
                              .other = other != NULL ? other + to : NULL};
        while (t.ky < v->kh && iy + t.ky * v->dh < 0)
            t.ky++;
        t.ky_end = t.ky;
        while (t.ky_end < v->kh && iy + t.ky_end * v->dh < v->ih)
            t.ky_end++;
        run_lane_row(c, &t, v->ow * rows, picks);
    }
}

static inline void run_lane_problem(const struct sparse_problem *problem,
                                    const void *packed, const float *src,
                                    float *dst, const struct epilogue *epilogue,
                                    const float *other,
                                    const struct sparse_part *part, bool picks)
{
    const struct lane_packed *h = packed;
    const char *base = packed;
    const struct conv_spec *v = &problem->conv;
    struct lane_call c = {
        .run = {.conv = v,
                .bias = (const float *)(const void *)(base + h->bias),
                .epilogue = epilogue,
                .first = part->first,
                .last = part->last,
                .top = part->top,
                .bottom = part->bottom},
        .packed = h,
        .starts = (const int32_t *)(const void *)(base + h->starts),
        .channels = (const int32_t *)(const void *)(base + h->inputs),
        .places = (const void *)(base + h->inputs),
        .weights = (const void *)(base + h->weights),
        .conv = v,
        .step = v->sw * v->ic};
    set_activation(&c.run);
    for (int64_t image = 0; image < v->n && part->first < part->last; image++) {
        int64_t from = image * v->ih * v->iw * v->ic;
        int64_t to = image * v->oh * v->ow * v->oc;
        run_lane_image(&c, src + from, dst + to,
                       other != NULL ? other + to : NULL, picks);
    }
}

#define SPARSE_BY_LANES(name, picks)                                           \
    void name(SPARSE_ARGUMENTS);                                               \
    void name(SPARSE_ARGUMENTS)                                                \
    {                                                                          \
        struct sparse_problem p;                                               \
        (void)src_border;                                                      \
        (void)dst_border;                                                      \
        (void)scratch;                                                         \
        sparse_lane_problem(&p, spec);                                         \
        run_lane_problem(&p, packed, src, dst, epilogue, other, part, picks);  \
    }

#define SPARSE_ALL_LANES(isa)                                                  \
    SPARSE_BY_LANES(sparse_conv_column_run_##isa, false)                       \
    SPARSE_BY_LANES(sparse_conv_pick_run_##isa, true)                          \
    SPARSE_BY_LANES(sparse_product_column_run_##isa, false)                    \
    SPARSE_BY_LANES(sparse_product_pick_run_##isa, true)

#endif

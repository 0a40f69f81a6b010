/* The kernels of sparse_chunk.h. Included by sparse_<isa>.c after
 * sparse_lane_run.h. */
#ifndef KERNEL_SPARSE_CHUNK_RUN_H
#define KERNEL_SPARSE_CHUNK_RUN_H

#include "kernel/sparse_chunk.h"
#include "kernel/sparse_join.h"
#include "kernel/sparse_lane_run.h"

#if defined(SPARSE_AVX512)
enum { CHUNK_PIXELS = 14 };
#else
enum { CHUNK_PIXELS = 7 };
#endif

/* Which pixels of a tile some tap may miss: none, the first and the last, or
 * any. */
enum chunk_edges { CHUNK_WHOLE, CHUNK_ENDS, CHUNK_ANY };

/* One tile of pixels. */
struct chunk_tile {
    const struct lane_call *call;
    const struct lane_tile *place;
    const int32_t *starts;
    const struct chunk_entry *entries;
    const float (*weights)[LANE_INPUTS];
    struct lane_tap taps[CHUNK_TAPS];
    enum chunk_edges edges;
};

/* Where pixel j of a tap's inputs lies. */
ALWAYS_INLINE const float *chunk_pixel(const struct lane_tap *tap,
                                       int64_t channel, int j, const int n,
                                       enum chunk_edges edges)
{
    if (edges == CHUNK_ANY || (edges == CHUNK_ENDS && (j == 0 || j == n - 1)))
        return lane_pixel(tap, channel, j, false);
    return lane_pixel(tap, channel, j, true);
}

/* One block of inputs for n pixels. */
ALWAYS_INLINE void add_chunk(const struct chunk_tile *t, int64_t at, vec *sum,
                             const int n, const enum chunk_edges edges)
{
    const struct chunk_entry *e = &t->entries[at];
    const struct lane_tap *tap = &t->taps[e->tap];
    if (edges != CHUNK_WHOLE && tap->first >= tap->last)
        return;
#pragma GCC unroll 4
    for (int k = 0; k < LANE_PARTS; k++) {
        vec w = vec_load(t->weights[at] + k * LANES);
        int64_t left = e->count - k * LANES;
        if (left >= LANES) {
#pragma GCC unroll 14
            for (int j = 0; j < n; j++)
                sum[j] = vec_multiply_add(
                    w,
                    vec_load(chunk_pixel(tap, e->channel, j, n, edges) +
                             k * LANES),
                    sum[j]);
            continue;
        }
        /* Unrolled: sums with an index would leave their registers. */
#pragma GCC unroll 14
        for (int j = 0; j < n; j++) {
            const float *p = lane_pixel(tap, e->channel, j, false) + k * LANES;
            sum[j] = vec_multiply_add(w, vec_load_first(p, left), sum[j]);
        }
    }
}

/* 16 output channels of n pixels. */
ALWAYS_INLINE void run_chunk_block(const struct chunk_tile *t, int64_t block,
                                   const int n, const enum chunk_edges edges)
{
    float sums[CHUNK_PIXELS][LANE_CHANNELS][LANES];
    vec joined[CHUNK_PIXELS * LANE_PARTS];
    const float *bias = t->call->run.bias + block * LANE_CHANNELS;
    for (int o = 0; o < LANE_CHANNELS; o++) {
        int64_t at = t->starts[block * LANE_CHANNELS + o];
        int64_t end = t->starts[block * LANE_CHANNELS + o + 1];
        vec sum[CHUNK_PIXELS];
#pragma GCC unroll 14
        for (int j = 0; j < n; j++)
            sum[j] = vec_all(0.0F);
        for (; at < end; at++)
            add_chunk(t, at, sum, n, edges);
#pragma GCC unroll 14
        for (int j = 0; j < n; j++)
            vec_store(sums[j][o], sum[j]);
    }
    for (int j = 0; j < n; j++)
        for (int k = 0; k < LANE_PARTS; k++) {
            vec lanes[LANES];
            for (int i = 0; i < LANES; i++)
                lanes[i] = vec_load(sums[j][k * LANES + i]);
            joined[j * LANE_PARTS + k] =
                vec_add(join_lanes(lanes), vec_load(bias + k * LANES));
        }
    finish_lanes(t->call, t->place, block, joined, n);
}

ALWAYS_INLINE void run_chunks(const struct chunk_tile *t, const int n)
{
    const struct run *r = &t->call->run;
    int64_t end = (r->last + LANE_CHANNELS - 1) / LANE_CHANNELS;
    for (int64_t b = r->first / LANE_CHANNELS; b < end; b++)
        if (t->edges == CHUNK_WHOLE)
            run_chunk_block(t, b, n, CHUNK_WHOLE);
        else if (t->edges == CHUNK_ENDS)
            run_chunk_block(t, b, n, CHUNK_ENDS);
        else
            run_chunk_block(t, b, n, CHUNK_ANY);
}

#define CHUNK_TILE(n)                                                          \
    static void chunk_##n(const struct chunk_tile *t)                          \
    {                                                                          \
        run_chunks(t, n);                                                      \
    }
CHUNK_TILE(1)
CHUNK_TILE(2)
CHUNK_TILE(3)
CHUNK_TILE(4)
CHUNK_TILE(5)
CHUNK_TILE(6)
CHUNK_TILE(7)
#if defined(SPARSE_AVX512)
CHUNK_TILE(8)
CHUNK_TILE(9)
CHUNK_TILE(10)
CHUNK_TILE(11)
CHUNK_TILE(12)
CHUNK_TILE(13)
CHUNK_TILE(14)
#endif
#undef CHUNK_TILE

static void (*const chunk_tiles[CHUNK_PIXELS + 1])(
    const struct chunk_tile *) = {
    NULL,    chunk_1, chunk_2,  chunk_3,  chunk_4,  chunk_5,  chunk_6,  chunk_7,
#if defined(SPARSE_AVX512)
    chunk_8, chunk_9, chunk_10, chunk_11, chunk_12, chunk_13, chunk_14,
#endif
};

/* Where the taps of a tile's pixels lie. */
static void place_taps(struct chunk_tile *t, const struct lane_tile *p,
                       int64_t n)
{
    const struct conv_spec *v = t->call->conv;
    t->edges = CHUNK_WHOLE;
    for (int64_t ky = 0; ky < v->kh; ky++)
        for (int64_t kx = 0; kx < v->kw; kx++) {
            struct lane_tap *tap = &t->taps[ky * v->kw + kx];
            int64_t x = p->x + kx * v->dw;
            *tap = (struct lane_tap){
                .from = p->src + (ky * v->dh * v->iw + kx * v->dw) * v->ic,
                .step = t->call->step};
            clip_tap(tap, x, v->sw, p->width, n);
            if (ky < p->ky || ky >= p->ky_end)
                tap->first = tap->last = 0;
            bool outside = tap->first >= tap->last;
            enum chunk_edges edges =
                tap->first == 0 && tap->last == n                  ? CHUNK_WHOLE
                : outside || (tap->first < 2 && tap->last > n - 2) ? CHUNK_ENDS
                                                                   : CHUNK_ANY;
            t->edges = edges > t->edges ? edges : t->edges;
        }
}

static void run_chunk_row(struct chunk_tile *t, const struct lane_tile *row,
                          int64_t width)
{
    const struct conv_spec *v = t->call->conv;
    int64_t count = (width + CHUNK_PIXELS - 1) / CHUNK_PIXELS, done = 0;
    for (int64_t i = 0; i < count; i++) {
        struct lane_tile p = *row;
        int64_t next = width * (i + 1) / count;
        p.src += done * t->call->step;
        p.x += done * v->sw;
        p.dst += done * v->oc;
        p.other = row->other != NULL ? row->other + done * v->oc : NULL;
        t->place = &p;
        place_taps(t, &p, next - done);
        chunk_tiles[next - done](t);
        done = next;
    }
}

static void run_chunk_problem(const struct sparse_problem *problem,
                              const void *packed, const float *src, float *dst,
                              const struct epilogue *epilogue,
                              const float *other,
                              const struct sparse_part *part)
{
    const struct chunk_packed *h = packed;
    const char *base = packed;
    const struct conv_spec *v = &problem->conv;
    struct lane_call c = {
        .run = {.conv = v,
                .bias = (const float *)(const void *)(base + h->bias),
                .epilogue = epilogue,
                .first = part->first,
                .last = part->last},
        .conv = v,
        .step = v->sw * v->ic};
    struct chunk_tile t = {
        .call = &c,
        .starts = (const int32_t *)(const void *)(base + h->starts),
        .entries =
            (const struct chunk_entry *)(const void *)(base + h->entries),
        .weights = (const void *)(base + h->weights)};
    int64_t rows = part->bottom - part->top;
    set_activation(&c.run);
    for (int64_t i = 0; part->first < part->last && i < v->n * rows; i++) {
        int64_t image = i / rows, y = part->top + i % rows;
        int64_t iy = y * v->sh - v->pad_top;
        int64_t to = (image * v->oh + y) * v->ow * v->oc;
        struct lane_tile p = {
            .src = src + ((image * v->ih + iy) * v->iw - v->pad_left) * v->ic,
            .x = -v->pad_left,
            .width = v->iw,
            .dst = dst + to,
            .other = other != NULL ? other + to : NULL};
        while (p.ky < v->kh && iy + p.ky * v->dh < 0)
            p.ky++;
        p.ky_end = p.ky;
        while (p.ky_end < v->kh && iy + p.ky_end * v->dh < v->ih)
            p.ky_end++;
        run_chunk_row(&t, &p, v->ow);
    }
}

#define SPARSE_BY_CHUNKS(name)                                                 \
    void name(SPARSE_ARGUMENTS);                                               \
    void name(SPARSE_ARGUMENTS)                                                \
    {                                                                          \
        struct sparse_problem p;                                               \
        (void)src_border;                                                      \
        (void)dst_border;                                                      \
        (void)scratch;                                                         \
        sparse_lane_problem(&p, spec);                                         \
        run_chunk_problem(&p, packed, src, dst, epilogue, other, part);        \
    }

#endif

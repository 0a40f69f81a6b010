/*
 * The sparse kernels themselves, compiled once per instruction set: a file
 * sparse_<isa>.c says which vectors it wants and includes this. What a run, a
 * strip and an entry are: sparse_pack.h.
 *
 * A strip's run is cut into tiles of as many vectors as registers can sum.
 * Tiles are the outer loop and output channels the inner one, so that the
 * source elements of a tile stay in the first-level cache for all channels.
 */
#ifndef KERNEL_SPARSE_RUN_H
#define KERNEL_SPARSE_RUN_H

#include "kernel/reference.h"
#include "kernel/sparse_pack.h"
#include "kernel/sparse_vector.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* One call of a kernel. */
struct run {
    const struct conv_spec *conv;
    struct sparse_geometry geometry; /* of the planes that are read */
    const struct sparse_entry *entries;
    const int32_t *starts;
    const float *bias;
    const struct epilogue *epilogue;
    float low, high; /* the activation as a clamp */
    bool slow;       /* the activation is no clamp */
    int64_t first, last;
    int64_t dst_border, dst_pitch, dst_plane; /* in floats but the border */
    struct sparse_store *store;
    bool by_rows; /* the run's rows do not lie as the destination's */
};

/* One strip of one image or block of images, and a tile of it. */
struct strip {
    const float *src;   /* the run's first output, tap 0 */
    float *dst;         /* output (first row, 0) of channel 0 */
    const float *other; /* as dst; or NULL */
    int64_t length;     /* floats of the run */
    int64_t at;         /* first float of the tile */
};

ALWAYS_INLINE vec activate(const struct run *r, vec v)
{
    if (r->slow) {
        float lane[LANES];
        vec_store(lane, v);
        for (int i = 0; i < LANES; i++)
            lane[i] = reference_eltwise(&r->epilogue->activation, lane[i]);
        return vec_load(lane);
    }
    return vec_clamp(v, vec_all(r->low), vec_all(r->high));
}

/* Stores the tile's vectors by the table. */
ALWAYS_INLINE void finish_vectors(const struct run *r, const struct strip *s,
                                  int64_t channel, const vec *sum, const int n)
{
    float *dst = s->dst + channel * r->dst_plane;
    const float *other =
        s->other != NULL ? s->other + channel * r->dst_plane : NULL;
    const struct sparse_store *store = r->store + s->at / LANES;
#pragma GCC unroll 28
    for (int j = 0; j < n; j++) {
        if (store[j].at < 0)
            continue;
        vec v = sum[j];
        if (other != NULL)
            v = vec_add(v, vec_load(other + store[j].at));
        v = vec_keep(activate(r, v), store[j].keep);
        if (store[j].count == LANES)
            vec_store(dst + store[j].at, v);
        else
            vec_store_first(dst + store[j].at, v, store[j].count);
    }
}

/* Stores a tile of one-float pixels whose pitch is not the destination's. */
static void finish_rows(const struct run *r, const struct strip *s,
                        int64_t channel, const float *sums, int64_t count)
{
    int64_t pitch = r->geometry.pitch, ow = r->conv->ow;
    int64_t end = s->at + count < s->length ? s->at + count : s->length;
    for (int64_t p = s->at; p < end;) {
        int64_t y = p / pitch, x = p - y * pitch;
        int64_t length = ow - x < end - p ? ow - x : end - p;
        int64_t to = channel * r->dst_plane + y * r->dst_pitch + x;
        for (int64_t i = 0; i < length; i += LANES) {
            vec v = vec_load(sums + (p - s->at) + i);
            if (s->other != NULL)
                v = vec_add(v, vec_load(s->other + to + i));
            v = activate(r, v);
            if (length - i >= LANES)
                vec_store(s->dst + to + i, v);
            else
                vec_store_first(s->dst + to + i, v, length - i);
        }
        p = (y + 1) * pitch;
    }
}

/* Adds one kept weight times n vectors. */
ALWAYS_INLINE void add_entry(const struct sparse_entry *e, const float *src,
                             vec *sum, const int n)
{
    const float *from = src + e->offset;
    vec w = vec_all(e->value);
#pragma GCC unroll 28
    for (int j = 0; j < n; j++)
        sum[j] = vec_multiply_add(w, vec_load(from + j * LANES), sum[j]);
}

/*
 * A tile of n vectors for all channels. Few vectors cannot hide the latency
 * of a multiply-add, so that `sets` entries are summed apart and joined.
 */
ALWAYS_INLINE void run_tile(const struct run *r, const struct strip *s,
                            const int n, const int sets)
{
    const float *src = s->src + s->at;
    for (int64_t channel = r->first; channel < r->last; channel++) {
        const struct sparse_entry *e = r->entries + r->starts[channel];
        const struct sparse_entry *end = r->entries + r->starts[channel + 1];
        vec sum[MOST_VECTORS + 1];
#pragma GCC unroll 28
        for (int j = 0; j < n * sets; j++)
            sum[j] = vec_all(j < n ? r->bias[channel] : 0.0F);
        for (; sets > 1 && end - e >= sets; e += sets)
#pragma GCC unroll 8
            for (int k = 0; k < sets; k++)
                add_entry(e + k, src, sum + k * n, n);
        for (; e < end; e++)
            add_entry(e, src, sum, n);
#pragma GCC unroll 28
        for (int j = n; j < n * sets; j++)
            sum[j % n] = vec_add(sum[j % n], sum[j]);
        if (!r->by_rows) {
            finish_vectors(r, s, channel, sum, n);
            continue;
        }
        float sums[(MOST_VECTORS + 1) * LANES];
#pragma GCC unroll 28
        for (int j = 0; j < n; j++)
            vec_store(sums + j * LANES, sum[j]);
        finish_rows(r, s, channel, sums, n * LANES);
    }
}

typedef void tile_function(const struct run *r, const struct strip *s);

#define TILE(n, sets)                                                          \
    static void tile_##n(const struct run *r, const struct strip *s)           \
    {                                                                          \
        run_tile(r, s, n, sets);                                               \
    }
TILE(1, 8)
TILE(2, 4)
TILE(3, 3)
TILE(4, 2)
TILE(5, 2)
TILE(6, 1)
TILE(7, 1)
TILE(8, 1)
TILE(9, 1)
TILE(10, 1)
TILE(11, 1)
TILE(12, 1)
#if defined(SPARSE_AVX2) || defined(SPARSE_AVX512)
TILE(13, 1)
TILE(14, 1)
#endif
#if defined(SPARSE_AVX512)
TILE(15, 1)
TILE(16, 1)
TILE(17, 1)
TILE(18, 1)
TILE(19, 1)
TILE(20, 1)
TILE(21, 1)
TILE(22, 1)
TILE(23, 1)
TILE(24, 1)
TILE(25, 1)
TILE(26, 1)
TILE(27, 1)
TILE(28, 1)
#endif
#undef TILE

static tile_function *const tiles[MOST_VECTORS + 1] = {
    NULL,    tile_1,  tile_2,  tile_3,  tile_4,  tile_5,  tile_6,
    tile_7,  tile_8,  tile_9,  tile_10, tile_11, tile_12,
#if defined(SPARSE_AVX2) || defined(SPARSE_AVX512)
    tile_13, tile_14,
#endif
#if defined(SPARSE_AVX512)
    tile_15, tile_16, tile_17, tile_18, tile_19, tile_20, tile_21,
    tile_22, tile_23, tile_24, tile_25, tile_26, tile_27, tile_28,
#endif
};

/* Cuts the strip's run into tiles of nearly equal size. */
static void run_strip(const struct run *r, struct strip *s)
{
    int64_t vectors = (s->length + LANES - 1) / LANES;
    int64_t count = (vectors + MOST_VECTORS - 1) / MOST_VECTORS;
    int64_t done = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t next = vectors * (i + 1) / count;
        s->at = done * LANES;
        tiles[next - done](r, s);
        done = next;
    }
}

/* Where the vectors of a run of `rows` output rows go. */
static void fill_store(const struct run *r, int64_t rows)
{
    int64_t unit = r->geometry.unit, pitch = r->geometry.pitch;
    int64_t ow = r->conv->ow;
    int64_t length = ((rows - 1) * pitch + ow) * unit;
    int64_t vectors = (length + LANES - 1) / LANES;
    if (unit == 1) {
        for (int64_t v = 0; v < vectors; v++) {
            int64_t left = length - v * LANES;
            r->store[v].at = (int32_t)(v * LANES);
            r->store[v].count = (int32_t)(left < LANES ? left : LANES);
            r->store[v].keep = UINT32_MAX;
        }
        for (int64_t y = 0; y + 1 < rows; y++)
            for (int64_t p = y * pitch + ow; p < (y + 1) * pitch; p++)
                r->store[p / LANES].keep &= ~(1u << p % LANES);
        return;
    }
    int64_t parts = unit / LANES;
    for (int64_t v = 0; v < vectors; v++) {
        int64_t y = v / parts / pitch, x = v / parts - y * pitch;
        int64_t at = (y * ow + x) * unit + v % parts * LANES;
        r->store[v].at = (int32_t)(x < ow ? at : -1);
        r->store[v].count = LANES;
        r->store[v].keep = UINT32_MAX;
    }
}

/* count pixels of `unit` floats, `step` pixels apart in the source. */
ALWAYS_INLINE void copy_pixels(float *dst, const float *src, int64_t count,
                               int64_t step, int64_t unit)
{
    if (step == 1) {
        memcpy(dst, src, (size_t)(count * unit) * sizeof *dst);
    } else if (unit == 1 && step == 2) {
        for (int64_t i = 0; i < count; i++)
            dst[i] = src[2 * i];
    } else {
        for (int64_t i = 0; i < count; i++)
            for (int64_t k = 0; k < unit; k++)
                dst[i * unit + k] = src[i * step * unit + k];
    }
}

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

/* The rows of one phase of one channel for output rows from y0 on. src is the
 * channel's element (0, 0), its rows src_pitch floats apart. */
static void copy_phase(const struct run *r, const float *src, int64_t src_pitch,
                       float *dst, int64_t y0, int64_t py, int64_t px)
{
    const struct sparse_geometry *g = &r->geometry;
    const struct conv_spec *c = r->conv;
    int64_t unit = g->unit, shift = px - g->origin_x;
    /* Columns whose source x = col * sw + shift lies inside. */
    int64_t from = shift < 0 ? (-shift + g->sw - 1) / g->sw : 0;
    int64_t inside = c->iw - 1 - shift;
    int64_t to = inside < 0 ? 0 : smaller(inside / g->sw + 1, g->pitch);
    from = smaller(from, g->pitch);
    to = larger(to, from);
    for (int64_t row = 0; row < g->height; row++, dst += g->pitch * unit) {
        int64_t y = (y0 + row) * g->sh + py - g->origin_y;
        if (y < 0 || y >= c->ih) {
            memset(dst, 0, (size_t)(g->pitch * unit) * sizeof *dst);
            continue;
        }
        memset(dst, 0, (size_t)(from * unit) * sizeof *dst);
        copy_pixels(dst + from * unit,
                    src + y * src_pitch + (from * g->sw + shift) * unit,
                    to - from, g->sw, unit);
        memset(dst + to * unit, 0,
               (size_t)((g->pitch - to) * unit) * sizeof *dst);
    }
}

/* Copies the planes that a strip reads. src is element (0, 0) of channel 0. */
static void copy_strip(const struct run *r, const float *src, int64_t src_pitch,
                       int64_t src_plane, float *planes, int64_t y0)
{
    const struct sparse_geometry *g = &r->geometry;
    const struct conv_spec *c = r->conv;
    int64_t plane = g->pitch * g->height * g->unit;
    int64_t oc_group = c->oc / c->groups, ic_group = c->ic / c->groups;
    int64_t begin = r->first / oc_group * ic_group;
    int64_t end = ((r->last - 1) / oc_group + 1) * ic_group;
    for (int64_t channel = begin; channel < end; channel++) {
        for (int64_t phase = 0; phase < g->sh * g->sw; phase++) {
            int64_t py = phase / g->sw, px = phase % g->sw;
            if (phase_used(py, c->sh, c->kh, c->dh) &&
                phase_used(px, c->sw, c->kw, c->dw))
                copy_phase(r, src + channel * src_plane, src_pitch,
                           planes + (channel * g->sh * g->sw + phase) * plane,
                           y0, py, px);
        }
    }
}

/* Zeroes the border of one destination plane; the sides only where storing
 * the runs does not. */
static void clear_border(const struct run *r, float *plane, bool sides)
{
    int64_t b = r->dst_border, pitch = r->dst_pitch;
    int64_t ow = r->conv->ow, oh = r->conv->oh;
    if (b == 0)
        return;
    memset(plane, 0, (size_t)(b * pitch + b) * sizeof *plane);
    for (int64_t y = 0; sides && y + 1 < oh; y++)
        memset(plane + (b + y) * pitch + b + ow, 0,
               (size_t)(2 * b) * sizeof *plane);
    memset(plane + (b + oh - 1) * pitch + b + ow, 0,
           (size_t)(b + b * pitch) * sizeof *plane);
}

/* The activation as a clamp where it is one. */
static void set_activation(struct run *r)
{
    const struct eltwise_spec *a = &r->epilogue->activation;
    r->low = -INFINITY;
    r->high = INFINITY;
    if (a->kind == ELTWISE_RELU && a->alpha == 0.0F) {
        r->low = 0.0F;
    } else if (a->kind == ELTWISE_CLIP) {
        r->low = a->alpha;
        r->high = a->beta;
    } else {
        r->slow = a->kind != ELTWISE_NONE;
    }
}

/* The entries for planes with another border than they were packed for. */
static const struct sparse_entry *move_entries(
    const struct run *r, const struct sparse_packed *packed,
    struct sparse_entry *moved)
{
    const char *base = (const char *)packed;
    const int32_t *taps = (const int32_t *)(const void *)(base + packed->taps);
    for (int64_t i = r->starts[r->first]; i < r->starts[r->last]; i++) {
        int64_t pixel = sparse_tap_offset(&r->geometry, r->conv, taps[i]);
        moved[i].offset = (int32_t)pixel;
        moved[i].value = r->entries[i].value;
    }
    return moved;
}

/* How one call finds its operands. */
struct operands {
    const float *src, *other;
    float *dst, *planes;
    int64_t src_border;
    bool copies;
};

static void run_image(struct run *r, const struct operands *o, int64_t image,
                      int64_t *filled)
{
    const struct sparse_geometry *g = &r->geometry;
    const struct conv_spec *c = r->conv;
    int64_t unit = g->unit, b = o->src_border, d = r->dst_border;
    int64_t src_pitch = (c->iw + 2 * b) * unit;
    int64_t src_plane = src_pitch * (c->ih + 2 * b);
    const float *src = o->src + image * c->ic * src_plane;
    int64_t to = image * c->oc * r->dst_plane;
    bool sides = r->by_rows || g->strip < c->oh;
    for (int64_t channel = r->first; unit == 1 && channel < r->last; channel++)
        clear_border(r, o->dst + to + channel * r->dst_plane, sides);
    for (int64_t y0 = 0; y0 < c->oh; y0 += g->strip) {
        int64_t rows = smaller(g->strip, c->oh - y0);
        if (!r->by_rows && *filled != rows)
            fill_store(r, rows);
        *filled = rows;
        if (o->copies)
            copy_strip(r, src + b * src_pitch + b * unit, src_pitch, src_plane,
                       o->planes, y0);
        int64_t at = to + (y0 + d) * r->dst_pitch + d * unit;
        struct strip s = {.src = o->copies ? o->planes : src,
                          .dst = o->dst + at,
                          .other = o->other != NULL ? o->other + at : NULL,
                          .length = ((rows - 1) * g->pitch + c->ow) * unit};
        run_strip(r, &s);
    }
}

static void run_problem(const struct sparse_problem *problem,
                        const void *packed_weights, struct operands *o,
                        int64_t dst_border, const struct epilogue *epilogue,
                        void *scratch, int64_t first, int64_t last)
{
    const struct sparse_packed *packed = packed_weights;
    const char *base = packed_weights;
    const struct conv_spec *c = &problem->conv;
    int64_t unit = problem->unit;
    if (first >= last)
        return;
    struct sparse_scratch layout =
        sparse_scratch_of(problem, packed->nonzeros, o->src_border);
    struct run r = {
        .conv = c,
        .geometry = packed->geometry,
        .entries =
            (const struct sparse_entry *)(const void *)(base + packed->entries),
        .starts = (const int32_t *)(const void *)(base + packed->starts),
        .bias = (const float *)(const void *)(base + packed->bias),
        .epilogue = epilogue,
        .first = first,
        .last = last,
        .dst_border = dst_border,
        .dst_pitch = (c->ow + 2 * dst_border) * unit,
        .store = (struct sparse_store *)scratch,
    };
    r.dst_plane = r.dst_pitch * (c->oh + 2 * dst_border);
    set_activation(&r);
    o->planes = (float *)(void *)((char *)scratch + layout.planes);
    o->copies =
        !packed->geometry.in_place || o->src_border < packed->geometry.border;
    if (!o->copies && o->src_border > packed->geometry.border) {
        r.geometry =
            sparse_geometry_in_place(&packed->geometry, c, o->src_border);
        r.entries = move_entries(
            &r, packed,
            (struct sparse_entry *)(void *)((char *)scratch + layout.entries));
    }
    r.by_rows = unit == 1 && r.geometry.pitch != r.dst_pitch;
    int64_t images = unit == 1 ? c->n : (c->n + unit - 1) / unit;
    int64_t filled = 0;
    for (int64_t image = 0; image < images; image++)
        run_image(&r, o, image, &filled);
}

/* A matrix-vector product: rows of kept weights against a short vector. */
static void run_vector(const struct sparse_problem *problem,
                       const void *packed_weights, const float *src, float *dst,
                       const struct epilogue *epilogue, const float *other,
                       int64_t first, int64_t last)
{
    enum { SUMS = 8 };
    const struct sparse_packed *packed = packed_weights;
    const char *base = packed_weights;
    const struct sparse_entry *entries =
        (const struct sparse_entry *)(const void *)(base + packed->entries);
    const int32_t *starts =
        (const int32_t *)(const void *)(base + packed->starts);
    const float *bias = (const float *)(const void *)(base + packed->bias);
    struct run r = {.conv = &problem->conv, .epilogue = epilogue};
    set_activation(&r);
    for (int64_t row = first; row < last; row++) {
        const struct sparse_entry *e = entries + starts[row];
        const struct sparse_entry *end = entries + starts[row + 1];
        float sum[SUMS] = {0};
        for (; end - e >= SUMS; e += SUMS)
#pragma GCC unroll 8
            for (int k = 0; k < SUMS; k++)
                sum[k] += e[k].value * src[e[k].offset];
        for (; e < end; e++)
            sum[0] += e->value * src[e->offset];
        float y = bias[row] + (((sum[0] + sum[1]) + (sum[2] + sum[3])) +
                               ((sum[4] + sum[5]) + (sum[6] + sum[7])));
        if (other != NULL)
            y += other[row];
        if (r.slow)
            y = reference_eltwise(&epilogue->activation, y);
        y = y < r.low ? r.low : y;
        dst[row] = y > r.high ? r.high : y;
    }
}

#define SPARSE_ARGUMENTS                                                       \
    const struct kernel_spec *spec, const void *packed, const float *src,      \
        int64_t src_border, float *dst, int64_t dst_border,                    \
        const struct epilogue *epilogue, const float *other, void *scratch,    \
        int64_t first, int64_t last

#define SPARSE_BY_RUNS(name, layout)                                           \
    void name(SPARSE_ARGUMENTS);                                               \
    void name(SPARSE_ARGUMENTS)                                                \
    {                                                                          \
        struct sparse_problem p;                                               \
        bool bordered = (layout) == LAYOUT_PLANE;                              \
        struct operands o = {.src = src,                                       \
                             .other = other,                                   \
                             .dst = dst,                                       \
                             .src_border = bordered ? src_border : 0};         \
        sparse_problem_of(&p, spec, layout);                                   \
        run_problem(&p, packed, &o, bordered ? dst_border : 0, epilogue,       \
                    scratch, first, last);                                     \
    }

#define SPARSE_BY_VECTOR(name)                                                 \
    void name(SPARSE_ARGUMENTS);                                               \
    void name(SPARSE_ARGUMENTS)                                                \
    {                                                                          \
        struct sparse_problem p;                                               \
        (void)src_border;                                                      \
        (void)dst_border;                                                      \
        (void)scratch;                                                         \
        sparse_problem_of(&p, spec, LAYOUT_PLAIN);                             \
        run_vector(&p, packed, src, dst, epilogue, other, first, last);        \
    }

#endif

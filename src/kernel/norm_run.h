/*
 * The kernels of norm.h on vectors of NORM_LANES floats, which the compiler
 * maps to the instruction set of the including file. A tensor is a list of
 * tiles: rows of up to NORM_LANES neighbouring elements. In a tile of BLOCK16
 * or NHWC each lane is a channel; a PLAIN plane is cut into tiles of one
 * channel.
 */
#ifndef KERNEL_NORM_RUN_H
#define KERNEL_NORM_RUN_H

#include "kernel/norm.h"

#include <string.h>

#ifndef NORM_LANES
#define NORM_LANES 4
#endif

enum { LANES = NORM_LANES, BLOCK = 16 };

typedef float lanes __attribute__((vector_size(NORM_LANES * 4)));
typedef int32_t lane_masks __attribute__((vector_size(NORM_LANES * 4)));

static inline lanes lanes_load(const float *from)
{
    lanes v;
    memcpy(&v, from, sizeof v);
    return v;
}

static inline void lanes_store(float *to, lanes v)
{
    memcpy(to, &v, sizeof v);
}

static inline lanes lanes_all(float x)
{
    return x - (lanes){0};
}

static inline lanes lanes_choose(lane_masks test, lanes yes, lanes no)
{
    return (lanes)(((lane_masks)yes & test) | ((lane_masks)no & ~test));
}

/* value where the test holds, else 0. */
static inline lanes lanes_where(lane_masks test, lanes value)
{
    return (lanes)((lane_masks)value & test);
}

struct tile {
    int64_t offset, rows, stride, channel;
    int width;
    bool one_channel;
};

struct tiles {
    int64_t outer, groups, inner, lanes; /* see tiles_of */
    int64_t at, end, parts; /* parts: tiles of one (outer, group) */
    bool plain;
};

/* Elements as [outer][groups][inner][lanes]. */
static inline struct tiles tiles_of(const struct layout_desc *d)
{
    struct tiles t = {.outer = d->n, .groups = 1, .inner = d->h * d->w};
    t.plain = d->layout == LAYOUT_PLAIN;
    if (t.plain)
        t.groups = d->c;
    else if (d->layout == LAYOUT_BLOCK16)
        t.groups = (d->c + BLOCK - 1) / BLOCK;
    t.lanes = t.plain ? 1 : d->layout == LAYOUT_BLOCK16 ? BLOCK : d->c;
    t.parts = t.plain ? 1 + (t.inner % LANES != 0 && t.inner > LANES)
                      : (t.lanes + LANES - 1) / LANES;
    t.end = t.outer * t.groups * t.parts;
    return t;
}

static inline bool tiles_next(struct tiles *t, struct tile *tile)
{
    if (t->at >= t->end)
        return false;
    int64_t part = t->at % t->parts, group = t->at / t->parts;
    int64_t base = group * t->inner * t->lanes;
    t->at++;
    if (t->plain) {
        int64_t whole = t->inner / LANES, first = part * whole * LANES;
        bool rest = part || !whole;
        *tile = (struct tile){.offset = base + first,
                              .rows = rest ? 1 : whole,
                              .stride = LANES,
                              .channel = group % t->groups,
                              .width = rest ? (int)(t->inner % LANES) : LANES,
                              .one_channel = true};
        return true;
    }
    int64_t left = t->lanes - part * LANES;
    *tile =
        (struct tile){.offset = base + part * LANES,
                      .rows = t->inner,
                      .stride = t->lanes,
                      .channel = group % t->groups * t->lanes + part * LANES,
                      .width = left < LANES ? (int)left : LANES};
    return true;
}

/* The tile's part of a per-channel array. */
static inline lanes tile_factors(const struct tile *tile, const float *values)
{
    return tile->one_channel ? lanes_all(values[tile->channel])
                             : lanes_load(values + tile->channel);
}

/* A row; lanes behind the width are 0. */
static inline lanes row_load(const struct tile *tile, const float *row)
{
    if (tile->width == LANES)
        return lanes_load(row);
    float part[LANES] = {0};
    memcpy(part, row, (size_t)tile->width * sizeof *part);
    return lanes_load(part);
}

static inline void row_store(const struct tile *tile, float *row, lanes v)
{
    if (tile->width == LANES) {
        lanes_store(row, v);
        return;
    }
    float part[LANES];
    lanes_store(part, v);
    memcpy(row, part, (size_t)tile->width * sizeof *part);
}

static inline void tile_add(const struct tile *tile, lanes v, double *sums)
{
    float part[LANES];
    lanes_store(part, v);
    for (int i = 0; i < tile->width; i++)
        sums[tile->one_channel ? tile->channel : tile->channel + i] +=
            (double)part[i];
}

static void run_statistics(const struct layout_desc *desc, const float *x,
                           const float *shift, double *sum, double *squares)
{
    struct tiles tiles = tiles_of(desc);
    struct tile tile;
    while (tiles_next(&tiles, &tile)) {
        lanes middle = tile_factors(&tile, shift);
        lanes s = lanes_all(0), q = lanes_all(0);
        const float *row = x + tile.offset;
        for (int64_t i = 0; i < tile.rows; i++, row += tile.stride) {
            lanes d = row_load(&tile, row) - middle;
            s += d;
            q += d * d;
        }
        tile_add(&tile, s, sum);
        tile_add(&tile, q, squares);
    }
}

static void run_apply(const struct layout_desc *desc, const float *x,
                      const float *scale, const float *offset,
                      const float *other, struct norm_clip clip, float *y)
{
    struct tiles tiles = tiles_of(desc);
    struct tile tile;
    const lanes low = lanes_all(clip.low), high = lanes_all(clip.high);
    while (tiles_next(&tiles, &tile)) {
        lanes factor = tile_factors(&tile, scale);
        lanes addend = tile_factors(&tile, offset);
        int64_t at = tile.offset;
        for (int64_t i = 0; i < tile.rows; i++, at += tile.stride) {
            lanes v = row_load(&tile, x + at) * factor + addend;
            if (other)
                v += row_load(&tile, other + at);
            v = lanes_choose(v > low, v, low);
            row_store(&tile, y + at, lanes_choose(v < high, v, high));
        }
    }
}

/* A gate's factors of one tile. */
struct gate {
    lanes low, high, scale, offset;
};

enum gate_kind { GATE_OPEN, GATE_RESULT, GATE_SOURCE };

static inline enum gate_kind gate_kind_of(const struct norm_gate *gate)
{
    return gate->y ? GATE_RESULT : gate->scale ? GATE_SOURCE : GATE_OPEN;
}

static inline struct gate gate_of(const struct norm_gate *gate,
                                  enum gate_kind kind, const struct tile *tile)
{
    struct gate g = {.low = lanes_all(gate->clip.low),
                     .high = lanes_all(gate->clip.high)};
    if (kind == GATE_SOURCE) {
        g.scale = tile_factors(tile, gate->scale);
        g.offset = tile_factors(tile, gate->offset);
    }
    return g;
}

/* The gradient of one row, at `at` of the result y; v: the source's row. */
static inline lanes gate_pass(const struct gate *gate, enum gate_kind kind,
                              const struct tile *tile, const float *y,
                              int64_t at, lanes v, lanes gradient)
{
    if (kind == GATE_OPEN)
        return gradient;
    if (kind == GATE_RESULT)
        v = row_load(tile, y + at);
    else
        v = v * gate->scale + gate->offset;
    return lanes_where((v > gate->low) & (v < gate->high), gradient);
}

__attribute__((always_inline)) static inline void sums_by(
    enum gate_kind kind, const struct layout_desc *desc, const float *x,
    const float *mean, const struct norm_gate *norm_gate, const float *dy,
    bool adds, float *passed, double *sum, double *products)
{
    struct tiles tiles = tiles_of(desc);
    struct tile tile;
    while (tiles_next(&tiles, &tile)) {
        const struct gate gate = gate_of(norm_gate, kind, &tile);
        lanes middle = tile_factors(&tile, mean);
        lanes s = lanes_all(0), p = lanes_all(0);
        int64_t at = tile.offset;
        for (int64_t i = 0; i < tile.rows; i++, at += tile.stride) {
            lanes v = row_load(&tile, x + at);
            lanes g = gate_pass(&gate, kind, &tile, norm_gate->y, at, v,
                                row_load(&tile, dy + at));
            s += g;
            p += g * (v - middle);
            if (passed && adds)
                g += row_load(&tile, passed + at);
            if (passed)
                row_store(&tile, passed + at, g);
        }
        tile_add(&tile, s, sum);
        tile_add(&tile, p, products);
    }
}

static void run_sums(const struct layout_desc *desc, const float *x,
                     const float *mean, const struct norm_gate *gate,
                     const float *dy, bool adds, float *passed, double *sum,
                     double *products)
{
    switch (gate_kind_of(gate)) {
    case GATE_OPEN:
        sums_by(GATE_OPEN, desc, x, mean, gate, dy, adds, passed, sum,
                products);
        break;
    case GATE_RESULT:
        sums_by(GATE_RESULT, desc, x, mean, gate, dy, adds, passed, sum,
                products);
        break;
    case GATE_SOURCE:
        sums_by(GATE_SOURCE, desc, x, mean, gate, dy, adds, passed, sum,
                products);
        break;
    }
}

__attribute__((always_inline)) static inline void through_by(
    enum gate_kind kind, const struct layout_desc *desc, const float *x,
    const struct norm_gate *norm_gate, const float *dy, const float *a,
    const float *b, const float *offset, float *dx)
{
    struct tiles tiles = tiles_of(desc);
    struct tile tile;
    while (tiles_next(&tiles, &tile)) {
        const struct gate gate = gate_of(norm_gate, kind, &tile);
        lanes by_gradient = tile_factors(&tile, a);
        lanes by_source = tile_factors(&tile, b);
        lanes addend = tile_factors(&tile, offset);
        int64_t at = tile.offset;
        for (int64_t i = 0; i < tile.rows; i++, at += tile.stride) {
            lanes v = row_load(&tile, x + at);
            lanes g = gate_pass(&gate, kind, &tile, norm_gate->y, at, v,
                                row_load(&tile, dy + at));
            row_store(&tile, dx + at, g * by_gradient + v * by_source + addend);
        }
    }
}

static void run_through(const struct layout_desc *desc, const float *x,
                        const struct norm_gate *gate, const float *dy,
                        const float *a, const float *b, const float *offset,
                        float *dx)
{
    switch (gate_kind_of(gate)) {
    case GATE_OPEN:
        through_by(GATE_OPEN, desc, x, gate, dy, a, b, offset, dx);
        break;
    case GATE_RESULT:
        through_by(GATE_RESULT, desc, x, gate, dy, a, b, offset, dx);
        break;
    case GATE_SOURCE:
        through_by(GATE_SOURCE, desc, x, gate, dy, a, b, offset, dx);
        break;
    }
}

static void run_clip(int64_t count, const float *x, struct norm_clip clip,
                     float *y)
{
    for (int64_t i = 0; i < count; i++) {
        float v = x[i] > clip.low ? x[i] : clip.low;
        y[i] = v < clip.high ? v : clip.high;
    }
}

static void run_unclip(int64_t count, const float *y, struct norm_clip clip,
                       const float *dy, float *dx)
{
    for (int64_t i = 0; i < count; i++) {
        bool inside = (y[i] > clip.low) & (y[i] < clip.high);
        dx[i] = inside ? dy[i] : 0;
    }
}

static void run_add(int64_t count, const float *a, const float *b, float *y)
{
    for (int64_t i = 0; i < count; i++)
        y[i] = a[i] + b[i];
}

static void run_accumulate(int64_t count, const float *from, float *to)
{
    for (int64_t i = 0; i < count; i++)
        to[i] += from[i];
}

static void run_descend(int64_t count, const struct norm_descent *descent,
                        const float *gradient, float *restrict v,
                        float *restrict w)
{
    const struct norm_descent d = *descent;
    if (d.nesterov) {
        for (int64_t i = 0; i < count; i++) {
            float g = gradient[i] * d.scale + d.decay * w[i];
            v[i] = d.momentum * v[i] + g;
            w[i] -= d.rate * (g + d.momentum * v[i]);
        }
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        v[i] = d.momentum * v[i] + (gradient[i] * d.scale + d.decay * w[i]);
        w[i] -= d.rate * v[i];
    }
}

#define NORM_KERNELS(symbol)                                                   \
    const struct norm_kernels symbol = {                                       \
        run_statistics, run_apply, run_sums,       run_through, run_clip,      \
        run_unclip,     run_add,   run_accumulate, run_descend,                \
    };

#endif

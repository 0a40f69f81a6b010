/*
 * The inner loops of the sparse kernels: sums of one tile for all output
 * channels and their way to the destination. Part of sparse_run.h.
 */
#ifndef KERNEL_SPARSE_TILE_H
#define KERNEL_SPARSE_TILE_H

#include "kernel/reference.h"
#include "kernel/sparse_pack.h"
#include "kernel/sparse_vector.h"

#include <math.h>
#include <string.h>

/* How sums reach the destination: as whole vectors with the border between
 * the rows, as vectors of one pixel each, or the slow general way. */
enum finish { FINISH_FLAT, FINISH_BLOCKS, FINISH_SLOWLY };

/* One call of a kernel. */
struct run {
    const struct conv_spec *conv;
    struct sparse_geometry geometry; /* of the planes that are read */
    const struct sparse_entry *entries;
    const struct sparse_entry4 *entries4;   /* instead, where rows share */
    const struct sparse_entry16 *entries16; /* instead, of chunks */
    const int32_t *words;                   /* instead, of quartets */
    int rows;
    bool quartet, chunk, pair;
    const int32_t *starts;
    const int32_t *channels; /* of pairs */
    const int32_t *run;      /* the lists that are run, */
    int64_t begin, end;      /* which of them */
    const float *bias;
    const struct epilogue *epilogue;
    float low, high;     /* the activation as a clamp */
    bool slow;           /* the activation is no clamp */
    int64_t first, last; /* output channels */
    int64_t top, bottom; /* output rows */
    /* In floats but the border. */
    int64_t dst_border, dst_lead, dst_pitch, dst_plane;
    enum finish finish;
    /* One of: the lanes of a run's vectors that are outputs; for each vector,
     * its place behind the first output, -1 between the rows. */
    keep_word *keep;
    int32_t *place;
};

/* One strip of one image or block of images, and a tile of it. */
struct strip {
    const float *src;   /* the run's first output, tap 0 */
    float *dst;         /* output (first row, 0) of channel 0 */
    const float *other; /* as dst; or NULL */
    int64_t length;     /* floats of the run */
    int64_t at;         /* first float of the tile */
};

/* Stores a tile's sums; every activation, every destination. */
static void finish_slowly(const struct run *r, const struct strip *s,
                          int64_t channel, const float *sums, int64_t count);

/* Stores the sums of n vectors of a run of one-float pixels whose rows lie as
 * the destination's do: what is between the rows becomes border. */
ALWAYS_INLINE void finish_flat(const struct run *r, const struct strip *s,
                               int64_t channel, vec *sum, const int n)
{
    float *dst = s->dst + channel * r->dst_plane + s->at;
    const keep_word *keep = r->keep + s->at / KEEP_LANES;
    const vec low = vec_all(r->low), high = vec_all(r->high);
    if (s->other != NULL) {
        const float *other = s->other + channel * r->dst_plane + s->at;
#pragma GCC unroll 28
        for (int j = 0; j < n; j++)
            sum[j] = vec_add(sum[j], vec_load(other + j * LANES));
    }
#pragma GCC unroll 28
    for (int j = 0; j < n; j++)
        sum[j] = vec_keep_of(vec_clamp(sum[j], low, high),
                             keep + j * (LANES / KEEP_LANES));
#pragma GCC unroll 28
    for (int j = 0; j < n - 1; j++)
        vec_store(dst + j * LANES, sum[j]);
    int64_t left = s->length - s->at - (n - 1) * LANES;
    if (left >= LANES)
        vec_store(dst + (n - 1) * LANES, sum[n - 1]);
    else
        vec_store_first(dst + (n - 1) * LANES, sum[n - 1], left);
}

/* The same where a pixel is a block of images: no vector spans two pixels,
 * those between the rows are dropped. */
ALWAYS_INLINE void finish_blocks(const struct run *r, const struct strip *s,
                                 int64_t channel, vec *sum, const int n)
{
    float *dst = s->dst + channel * r->dst_plane;
    const int32_t *place = r->place + s->at / LANES;
    const vec low = vec_all(r->low), high = vec_all(r->high);
    if (s->other != NULL) {
        const float *other = s->other + channel * r->dst_plane;
#pragma GCC unroll 28
        for (int j = 0; j < n; j++)
            if (place[j] >= 0)
                sum[j] = vec_add(sum[j], vec_load(other + place[j]));
    }
#pragma GCC unroll 28
    for (int j = 0; j < n; j++)
        if (place[j] >= 0)
            vec_store(dst + place[j], vec_clamp(sum[j], low, high));
}

ALWAYS_INLINE void finish_tile(const struct run *r, const struct strip *s,
                               int64_t channel, vec *sum, const int n)
{
    if (r->finish == FINISH_FLAT) {
        finish_flat(r, s, channel, sum, n);
    } else if (r->finish == FINISH_BLOCKS) {
        finish_blocks(r, s, channel, sum, n);
    } else {
        float sums[(MOST_VECTORS + 1) * LANES];
#pragma GCC unroll 28
        for (int j = 0; j < n; j++)
            vec_store(sums + j * LANES, sum[j]);
        finish_slowly(r, s, channel, sums, n * LANES);
    }
}

/* Where a tile's first vectors lie. Hidden from the compiler, which else adds
 * the tile's place to an offset once for every vector: a third more
 * instructions. */
ALWAYS_INLINE const float *tile_source(const struct strip *s)
{
    const float *src = s->src + s->at;
    __asm__("" : "+r"(src));
    return src;
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
    const float *src = tile_source(s);
    for (int64_t i = r->begin; i < r->end; i++) {
        int64_t channel = r->run[i];
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
        finish_tile(r, s, channel, sum, n);
    }
}

/*
 * A tile of n vectors for groups of channels that share their entries: what is
 * loaded once serves all of a group.
 */
ALWAYS_INLINE void run_tile4(const struct run *r, const struct strip *s,
                             const int n)
{
    const float *src = tile_source(s);
    for (int64_t i = r->begin; i < r->end; i++) {
        int64_t group = r->run[i];
        const struct sparse_entry4 *e = r->entries4 + r->starts[group];
        const struct sparse_entry4 *stop = r->entries4 + r->starts[group + 1];
        vec sum[SPARSE_ROWS * MOST_SHARED];
#pragma GCC unroll 28
        for (int j = 0; j < SPARSE_ROWS * n; j++)
            sum[j] = vec_all(r->bias[group * SPARSE_ROWS + j / n]);
        for (; e < stop; e++) {
            const float *from = src + e->offset;
            vec x[MOST_SHARED];
#pragma GCC unroll 8
            for (int j = 0; j < n; j++)
                x[j] = vec_load(from + j * LANES);
#pragma GCC unroll 4
            for (int k = 0; k < SPARSE_ROWS; k++) {
                vec w = vec_all(e->value[k]);
#pragma GCC unroll 8
                for (int j = 0; j < n; j++)
                    sum[k * n + j] = vec_multiply_add(w, x[j], sum[k * n + j]);
            }
        }
#pragma GCC unroll 4
        for (int k = 0; k < SPARSE_ROWS; k++) {
            int64_t channel = group * SPARSE_ROWS + k;
            if (channel >= r->first && channel < r->last)
                finish_tile(r, s, channel, sum + k * n, n);
        }
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
#if defined(SPARSE_AVX2) || defined(SPARSE_AVX512) || defined(SPARSE_NEON)
TILE(13, 1)
TILE(14, 1)
#endif
#if defined(SPARSE_AVX512) || defined(SPARSE_NEON)
TILE(15, 1)
TILE(16, 1)
TILE(17, 1)
TILE(18, 1)
#endif
#undef TILE

static tile_function *const tiles[MOST_VECTORS + 1] = {
    NULL,    tile_1,  tile_2,  tile_3,  tile_4,  tile_5,  tile_6,
    tile_7,  tile_8,  tile_9,  tile_10, tile_11, tile_12,
#if defined(SPARSE_AVX2) || defined(SPARSE_AVX512) || defined(SPARSE_NEON)
    tile_13, tile_14,
#endif
#if defined(SPARSE_AVX512) || defined(SPARSE_NEON)
    tile_15, tile_16, tile_17, tile_18,
#endif
};

#define TILE4(n)                                                               \
    static void tile4_##n(const struct run *r, const struct strip *s)          \
    {                                                                          \
        run_tile4(r, s, n);                                                    \
    }
TILE4(1)
TILE4(2)
TILE4(3)
#if defined(SPARSE_AVX512) || defined(SPARSE_NEON)
TILE4(4)
TILE4(5)
TILE4(6)
#endif
#undef TILE4

static tile_function *const tiles4[MOST_SHARED + 1] = {
    NULL,    tile4_1, tile4_2, tile4_3,
#if defined(SPARSE_AVX512) || defined(SPARSE_NEON)
    tile4_4, tile4_5, tile4_6,
#endif
};

static vec leaky_relu(vec x, const struct eltwise_spec *spec)
{
    const vec none = vec_all(0.0F);
    vec above = vec_clamp(x, none, vec_all(INFINITY));
    vec below = vec_clamp(x, vec_all(-INFINITY), none);
    return vec_multiply_add(vec_all(spec->alpha), below, above);
}

static vec hard_sigmoid(vec x, const struct eltwise_spec *spec)
{
    vec line = vec_multiply_add(vec_all(spec->alpha), x, vec_all(spec->beta));
    return vec_clamp(line, vec_all(0.0F), vec_all(1.0F));
}

static vec hard_swish(vec x, const struct eltwise_spec *spec)
{
    const struct eltwise_spec gate = {ELTWISE_HARDSIGMOID, 1.0F / 6, 0.5F};
    (void)spec;
    return vec_multiply_add(x, hard_sigmoid(x, &gate), vec_all(0.0F));
}

/* Activations that are no clamp but are worth vectors. */
static vec (*const activations[ELTWISE_KIND_COUNT])(
    vec x, const struct eltwise_spec *spec) = {
    [ELTWISE_RELU] = leaky_relu,
    [ELTWISE_HARDSIGMOID] = hard_sigmoid,
    [ELTWISE_HARDSWISH] = hard_swish,
};

static vec activate_slowly(const struct run *r, vec v)
{
    const struct eltwise_spec *spec = &r->epilogue->activation;
    if (activations[spec->kind] != NULL)
        return activations[spec->kind](v, spec);
    float lane[LANES];
    vec_store(lane, v);
    for (int i = 0; i < LANES; i++)
        lane[i] = reference_eltwise(spec, lane[i]);
    return vec_load(lane);
}

/* Row by row: also where the destination's pitch is not the run's. */
static void finish_slowly(const struct run *r, const struct strip *s,
                          int64_t channel, const float *sums, int64_t count)
{
    int64_t unit = r->geometry.unit;
    int64_t pitch = r->geometry.pitch * unit, row = r->conv->ow * unit;
    int64_t end = s->at + count < s->length ? s->at + count : s->length;
    const vec low = vec_all(r->low), high = vec_all(r->high);
    for (int64_t p = s->at; p < end;) {
        int64_t y = p / pitch, x = p - y * pitch;
        int64_t length = row - x < end - p ? row - x : end - p;
        int64_t to = channel * r->dst_plane + y * r->dst_pitch + x;
        for (int64_t i = 0; i < length; i += LANES) {
            vec v = vec_load(sums + (p - s->at) + i);
            if (s->other != NULL)
                v = vec_add(v, vec_load(s->other + to + i));
            v = r->slow ? activate_slowly(r, v) : vec_clamp(v, low, high);
            if (length - i >= LANES)
                vec_store(s->dst + to + i, v);
            else
                vec_store_first(s->dst + to + i, v, length - i);
        }
        p = (y + 1) * pitch;
    }
}

#endif

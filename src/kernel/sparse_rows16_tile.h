/*
 * Tiles of the convolution of blocks of 16 images; see sparse_rows16.h. Part of
 * sparse_rows16_run.h.
 */
#ifndef KERNEL_SPARSE_ROWS16_TILE_H
#define KERNEL_SPARSE_ROWS16_TILE_H

#include "kernel/sparse_ahead.h"
#include "kernel/sparse_rows16.h"

enum {
    PARTS = SPARSE_BLOCK / LANES,
    MOST_PIXELS = 14 / PARTS,
    MOST_SHARED_PIXELS = MOST_SHARED / PARTS > 0 ? MOST_SHARED / PARTS : 1,
};

/* One tile: part of one output row of one block of images. */
struct row_tile {
    const struct run *run;   /* bias, activation, channels */
    const void *entries;     /* of a kind */
    const int32_t *starts;   /* of the row's class: slices * lists + 1 */
    const int32_t *channels; /* of lists */
    int64_t slices, lists, sets;
    const float *src;        /* pixel (oy * sh, ox * sw) of channel 0 */
    float *dst;              /* pixel (oy, ox) of channel 0 */
    const float *other;      /* as dst; or NULL */
    float *waiting;          /* (oc, n) pixels */
    int32_t misses;          /* bits of edges that this tile touches */
    int64_t plane;           /* floats from a source channel to the next */
    struct row_ahead *ahead; /* what the next row needs */
};

/* The pixels that an offset means: the first and the last may miss. */
struct row_pixels {
    const float *from, *first, *last;
};

static const float row_zeros[SPARSE_BLOCK] = {0};

ALWAYS_INLINE struct row_pixels pixels_of(const struct row_tile *t,
                                          int32_t offset, const int n,
                                          const int step)
{
    const float *from = t->src + (offset & ~(SPARSE_BLOCK - 1));
    struct row_pixels p = {from, from, from + (n - 1) * step * SPARSE_BLOCK};
    int32_t misses = offset & t->misses;
    if ((misses & ROWS16_MISSES_FIRST) != 0)
        p.first = row_zeros;
    if ((misses & ROWS16_MISSES_LAST) != 0)
        p.last = row_zeros;
    if (n == 1 && misses != 0)
        p.first = row_zeros;
    return p;
}

ALWAYS_INLINE const float *pixel_at(const struct row_pixels *p, int j,
                                    const int n, const int step)
{
    if (j == 0)
        return p->first;
    return j == n - 1 ? p->last : p->from + j * step * SPARSE_BLOCK;
}

/* Adds a weight times n pixels, `step` apart in the source. */
ALWAYS_INLINE void add_weight(const struct row_pixels *p, float weight,
                              vec *sum, const int n, const int step)
{
    vec w = vec_all(weight);
#pragma GCC unroll 14
    for (int j = 0; j < n; j++) {
        const float *pixel = pixel_at(p, j, n, step);
#pragma GCC unroll 4
        for (int k = 0; k < PARTS; k++)
            sum[j * PARTS + k] = vec_multiply_add(
                w, vec_load(pixel + k * LANES), sum[j * PARTS + k]);
    }
}

/* As in run_tile, `sets` of sums hide the latency of few pixels. */
ALWAYS_INLINE void add_singles(const struct row_tile *t, int64_t list, vec *sum,
                               const int n, const int step, const int sets)
{
    const struct sparse_entry *e = t->entries;
    const struct sparse_entry *end = e + t->starts[list + 1];
    for (e += t->starts[list]; sets > 1 && end - e >= sets; e += sets)
#pragma GCC unroll 4
        for (int k = 0; k < sets; k++) {
            const struct row_pixels p = pixels_of(t, e[k].offset, n, step);
            add_weight(&p, e[k].value, sum + k * n * PARTS, n, step);
        }
    for (; e < end; e++) {
        const struct row_pixels p = pixels_of(t, e->offset, n, step);
        add_weight(&p, e->value, sum, n, step);
    }
}

/* Pixels that miss the source stay zeros from channel to channel. All inputs
 * are written out: where an instruction reads at equal distances, processors
 * fetch what nobody wants. */
ALWAYS_INLINE void add_chunks(const struct row_tile *t, int64_t list, vec *sum,
                              const int n, const int step, const int sets)
{
    const struct rows16_chunk *e = t->entries;
    const struct rows16_chunk *end = e + t->starts[list + 1];
    for (e += t->starts[list]; e < end; e++) {
        struct row_pixels p = pixels_of(t, e->offset, n, step);
        const int64_t first = p.first == row_zeros ? 0 : t->plane;
        const int64_t last = p.last == row_zeros ? 0 : t->plane;
        int left = e->count;
#pragma GCC unroll 16
        for (int k = 0; k < ROWS16_CHUNK_INPUTS; k++) {
            if (left-- == 0)
                break;
            add_weight(&p, e->value[k], sum + k % sets * n * PARTS, n, step);
            p.from += t->plane;
            p.first += first;
            p.last += last;
        }
    }
}

/* The weights of one pick. Pixels that miss the source stay zeros. */
ALWAYS_INLINE void add_pick(const int32_t *e, const struct row_pixels *base,
                            int32_t first, int32_t last, vec *sum, const int n,
                            const int step)
{
    float weight;
    const struct row_pixels p = {.from = base->from + e[0],
                                 .first = base->first + (e[0] & first),
                                 .last = base->last + (e[0] & last)};
    memcpy(&weight, e + 1, sizeof weight);
    add_weight(&p, weight, sum, n, step);
}

/* All weights of one pick. */
ALWAYS_INLINE void add_pick_of(const int32_t *e, int32_t count,
                               const struct row_pixels *p, int32_t first,
                               int32_t last, vec *sum, const int n,
                               const int step, const int sets)
{
    for (; sets > 1 && count >= sets; count -= sets)
#pragma GCC unroll 4
        for (int k = 0; k < sets; k++, e += 2)
            add_pick(e, p, first, last, sum + k * n * PARTS, n, step);
    for (; count > 0; count--, e += 2)
        add_pick(e, p, first, last, sum, n, step);
}

ALWAYS_INLINE void add_row_picks(const struct row_tile *t, int64_t list,
                                 vec *sum, const int n, const int step,
                                 const int sets)
{
    const int32_t *words = t->entries;
    const int32_t *e = words + t->starts[list];
    const int32_t *end = words + t->starts[list + 1];
    for (; e < end; e += 2 + 2 * e[1]) {
        int32_t misses = e[0] & t->misses;
        if (misses == 0) {
            const float *from = t->src + (e[0] & ~(SPARSE_BLOCK - 1));
            const struct row_pixels p = {from, from,
                                         from + (n - 1) * step * SPARSE_BLOCK};
            add_pick_of(e + 2, e[1], &p, -1, -1, sum, n, step, sets);
            continue;
        }
        const struct row_pixels p = pixels_of(t, e[0], n, step);
        add_pick_of(e + 2, e[1], &p, p.first == row_zeros ? 0 : -1,
                    p.last == row_zeros ? 0 : -1, sum, n, step, sets);
    }
}

/* Writes sums whose places are `stride` numbers apart. */
ALWAYS_INLINE void finish_pixels(const struct row_tile *t, int64_t channel,
                                 const vec *sum, const int count,
                                 const int stride)
{
    const struct run *r = t->run;
    float *dst = t->dst + channel * r->dst_plane;
    const float *other =
        t->other != NULL ? t->other + channel * r->dst_plane : NULL;
    const vec low = vec_all(r->low), high = vec_all(r->high);
    fetch_result(t->ahead, dst, count, stride);
    fetch_result(t->ahead, other, count, stride);
#pragma GCC unroll 14
    for (int j = 0; j < count; j++) {
        vec v = sum[j];
        if (other != NULL)
            v = vec_add(v, vec_load(other + j * stride));
        vec_store(dst + j * stride, vec_clamp(v, low, high));
    }
    for (int j = 0; r->slow && j < count; j++)
        vec_store(dst + j * stride,
                  activate_slowly(r, vec_load(dst + j * stride)));
}

/* All channels of a tile of n pixels. */
ALWAYS_INLINE void run_pixels(const struct row_tile *t, const int n,
                              const int step, const int sets,
                              const enum rows16_kind kind)
{
    const struct run *r = t->run;
    const int vectors = n * PARTS;
    for (int64_t slice = 0; slice < t->slices; slice++)
        for (int64_t channel = r->first; channel < r->last; channel++) {
            int64_t list = slice * t->lists + channel;
            float *waiting = t->waiting + channel * vectors * LANES;
            vec sum[14];
            fetch_source(t->ahead);
#pragma GCC unroll 14
            for (int j = 0; j < vectors; j++)
                sum[j] = slice > 0 ? vec_load(waiting + j * LANES)
                                   : vec_all(r->bias[channel]);
#pragma GCC unroll 14
            for (int j = vectors; j < vectors * sets; j++)
                sum[j] = vec_all(0.0F);
            if (kind == ROWS16_CHUNK)
                add_chunks(t, list, sum, n, step, sets);
            else if (kind == ROWS16_PICK)
                add_row_picks(t, list, sum, n, step, sets);
            else
                add_singles(t, list, sum, n, step, sets);
#pragma GCC unroll 14
            for (int j = vectors; j < vectors * sets; j++)
                sum[j % vectors] = vec_add(sum[j % vectors], sum[j]);
            if (slice == t->slices - 1) {
                finish_pixels(t, channel, sum, vectors, LANES);
                continue;
            }
#pragma GCC unroll 14
            for (int j = 0; j < vectors; j++)
                vec_store(waiting + j * LANES, sum[j]);
        }
}

/* The same for groups of channels that share entries. */
ALWAYS_INLINE void run_pixels4(const struct row_tile *t, const int n,
                               const int step)
{
    enum { MOST = SPARSE_ROWS * MOST_SHARED_PIXELS * PARTS };
    const struct run *r = t->run;
    const int vectors = n * PARTS;
    int64_t end = (r->last + SPARSE_ROWS - 1) / SPARSE_ROWS;
    for (int64_t slice = 0; slice < t->slices; slice++) {
        const int32_t *starts = t->starts + slice * t->lists;
        for (int64_t g = r->first / SPARSE_ROWS; g < end; g++) {
            const struct sparse_entry4 *e = t->entries;
            const struct sparse_entry4 *stop = e + starts[g + 1];
            float *waiting = t->waiting + g * SPARSE_ROWS * vectors * LANES;
            vec sum[MOST];
            fetch_source(t->ahead);
#pragma GCC unroll 28
            for (int j = 0; j < SPARSE_ROWS * vectors; j++)
                sum[j] = slice > 0
                             ? vec_load(waiting + j * LANES)
                             : vec_all(r->bias[g * SPARSE_ROWS + j / vectors]);
            for (e += starts[g]; e < stop; e++) {
                const struct row_pixels p = pixels_of(t, e->offset, n, step);
                vec x[MOST_SHARED_PIXELS * PARTS];
#pragma GCC unroll 28
                for (int j = 0; j < vectors; j++)
                    x[j] = vec_load(pixel_at(&p, j / PARTS, n, step) +
                                    j % PARTS * LANES);
#pragma GCC unroll 4
                for (int k = 0; k < SPARSE_ROWS; k++) {
                    vec w = vec_all(e->value[k]);
#pragma GCC unroll 28
                    for (int j = 0; j < vectors; j++)
                        sum[k * vectors + j] =
                            vec_multiply_add(w, x[j], sum[k * vectors + j]);
                }
            }
            if (slice < t->slices - 1) {
#pragma GCC unroll 28
                for (int j = 0; j < SPARSE_ROWS * vectors; j++)
                    vec_store(waiting + j * LANES, sum[j]);
                continue;
            }
#pragma GCC unroll 4
            for (int k = 0; k < SPARSE_ROWS; k++) {
                int64_t channel = g * SPARSE_ROWS + k;
                if (channel >= r->first && channel < r->last)
                    finish_pixels(t, channel, sum + k * vectors, vectors,
                                  LANES);
            }
        }
    }
}

typedef void pixels_function(const struct row_tile *t);

#define PIXELS(method, n, sets, kind)                                          \
    static void method##_##n##_step_1(const struct row_tile *t)                \
    {                                                                          \
        run_pixels(t, n, 1, sets, kind);                                       \
    }                                                                          \
    static void method##_##n##_step_2(const struct row_tile *t)                \
    {                                                                          \
        run_pixels(t, n, 2, sets, kind);                                       \
    }
#if defined(SPARSE_AVX512)
PIXELS(pixels, 1, 4, ROWS16_SINGLE)
PIXELS(pixels, 2, 4, ROWS16_SINGLE)
PIXELS(pixels, 3, 4, ROWS16_SINGLE)
PIXELS(pixels, 4, 2, ROWS16_SINGLE)
PIXELS(pixels, 5, 1, ROWS16_SINGLE)
PIXELS(pixels, 6, 1, ROWS16_SINGLE)
PIXELS(pixels, 7, 1, ROWS16_SINGLE)
PIXELS(pixels, 8, 1, ROWS16_SINGLE)
PIXELS(pixels, 9, 1, ROWS16_SINGLE)
PIXELS(pixels, 10, 1, ROWS16_SINGLE)
PIXELS(pixels, 11, 1, ROWS16_SINGLE)
PIXELS(pixels, 12, 1, ROWS16_SINGLE)
PIXELS(pixels, 13, 1, ROWS16_SINGLE)
PIXELS(pixels, 14, 1, ROWS16_SINGLE)
#elif defined(SPARSE_AVX2)
PIXELS(pixels, 1, 4, ROWS16_SINGLE)
PIXELS(pixels, 2, 2, ROWS16_SINGLE)
PIXELS(pixels, 3, 1, ROWS16_SINGLE)
PIXELS(pixels, 4, 1, ROWS16_SINGLE)
PIXELS(pixels, 5, 1, ROWS16_SINGLE)
PIXELS(pixels, 6, 1, ROWS16_SINGLE)
PIXELS(pixels, 7, 1, ROWS16_SINGLE)
PIXELS(chunks, 1, 4, ROWS16_CHUNK)
PIXELS(chunks, 2, 2, ROWS16_CHUNK)
PIXELS(chunks, 3, 1, ROWS16_CHUNK)
PIXELS(chunks, 4, 1, ROWS16_CHUNK)
PIXELS(chunks, 5, 1, ROWS16_CHUNK)
PIXELS(chunks, 6, 1, ROWS16_CHUNK)
PIXELS(chunks, 7, 1, ROWS16_CHUNK)
PIXELS(picks, 1, 4, ROWS16_PICK)
PIXELS(picks, 2, 2, ROWS16_PICK)
PIXELS(picks, 3, 1, ROWS16_PICK)
PIXELS(picks, 4, 1, ROWS16_PICK)
PIXELS(picks, 5, 1, ROWS16_PICK)
PIXELS(picks, 6, 1, ROWS16_PICK)
PIXELS(picks, 7, 1, ROWS16_PICK)
#else
PIXELS(pixels, 1, 2, ROWS16_SINGLE)
PIXELS(pixels, 2, 1, ROWS16_SINGLE)
PIXELS(pixels, 3, 1, ROWS16_SINGLE)
PIXELS(chunks, 1, 2, ROWS16_CHUNK)
PIXELS(chunks, 2, 1, ROWS16_CHUNK)
PIXELS(chunks, 3, 1, ROWS16_CHUNK)
PIXELS(picks, 1, 2, ROWS16_PICK)
PIXELS(picks, 2, 1, ROWS16_PICK)
PIXELS(picks, 3, 1, ROWS16_PICK)
#endif
#undef PIXELS

#if defined(SPARSE_AVX512)
#define ROWS(method)                                                           \
    ROW(method, 1), ROW(method, 2), ROW(method, 3), ROW(method, 4),            \
        ROW(method, 5), ROW(method, 6), ROW(method, 7), ROW(method, 8),        \
        ROW(method, 9), ROW(method, 10), ROW(method, 11), ROW(method, 12),     \
        ROW(method, 13), ROW(method, 14)
#elif defined(SPARSE_AVX2)
#define ROWS(method)                                                           \
    ROW(method, 1), ROW(method, 2), ROW(method, 3), ROW(method, 4),            \
        ROW(method, 5), ROW(method, 6), ROW(method, 7)
#else
#define ROWS(method) ROW(method, 1), ROW(method, 2), ROW(method, 3)
#endif
#define ROW(method, n)                                                         \
    {                                                                          \
        method##_##n##_step_1, method##_##n##_step_2                           \
    }
static pixels_function *const pixels_functions[][2] = {{NULL, NULL},
                                                       ROWS(pixels)};
#if !defined(SPARSE_AVX512)
static pixels_function *const chunks_functions[][2] = {{NULL, NULL},
                                                       ROWS(chunks)};
static pixels_function *const picks_functions[][2] = {{NULL, NULL},
                                                      ROWS(picks)};
#endif
#undef ROWS
#undef ROW

#define PIXELS4(n)                                                             \
    static void pixels4_##n##_step_1(const struct row_tile *t)                 \
    {                                                                          \
        run_pixels4(t, n, 1);                                                  \
    }                                                                          \
    static void pixels4_##n##_step_2(const struct row_tile *t)                 \
    {                                                                          \
        run_pixels4(t, n, 2);                                                  \
    }
#define ROW4(n)                                                                \
    {                                                                          \
        pixels4_##n##_step_1, pixels4_##n##_step_2                             \
    }
PIXELS4(1)
#if defined(SPARSE_AVX512)
PIXELS4(2)
PIXELS4(3)
PIXELS4(4)
PIXELS4(5)
PIXELS4(6)
#endif
static pixels_function *const pixels4_functions[MOST_SHARED_PIXELS + 1][2] = {
    {NULL, NULL}, ROW4(1),
#if defined(SPARSE_AVX512)
    ROW4(2),      ROW4(3), ROW4(4), ROW4(5), ROW4(6),
#endif
};
#undef PIXELS4
#undef ROW4

#endif

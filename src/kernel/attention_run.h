/*
 * Attention on one kind of vector; a unit is one matrix of queries. Keys are
 * packed with the queries running along vectors of keys, values as rows; the
 * scores of a few queries at a time stay in the first-level cache.
 */
#ifndef KERNEL_ATTENTION_RUN_H
#define KERNEL_ATTENTION_RUN_H

#include "kernel/attention.h"
#include "kernel/dense_vector.h"

#include <math.h>

/* Sums that fit the registers: queries times vectors. */
#if defined(DENSE_AVX512)
enum { ATTENTION_WIDE = 4 };
#else
enum { ATTENTION_WIDE = 2 };
#endif

typedef int32_t attention_integers __attribute__((vector_size(sizeof(vec))));

/* exp(x) for x <= 0, to a few units of the last place: 2^n times a polynomial
 * of what is left of x / log(2). Below -87 it is nearly zero. */
ALWAYS_INLINE vec attention_exp(vec x)
{
    const float shift = 12582912.0F; /* 1.5 * 2^23: rounds to integers */
    vec t = vec_clamp(x, vec_all(-87), vec_all(0)) * vec_all(1.44269504F);
    vec rounded = t + vec_all(shift);
    vec f = t - (rounded - vec_all(shift));
    vec p = vec_all(1.5403530e-4F);
    p = vec_multiply_add(p, f, vec_all(1.3333558e-3F));
    p = vec_multiply_add(p, f, vec_all(9.6181291e-3F));
    p = vec_multiply_add(p, f, vec_all(5.5504109e-2F));
    p = vec_multiply_add(p, f, vec_all(0.24022651F));
    p = vec_multiply_add(p, f, vec_all(0.69314718F));
    p = vec_multiply_add(p, f, vec_all(1));
    attention_integers power = (attention_integers)rounded << 23;
    return (vec)((attention_integers)p + power);
}

/* A product of a few rows: to(rows, vectors) = a(rows, depth) * b. */
struct attention_product {
    const float *a;
    int64_t row, column; /* strides of a */
    const float *b;      /* (depth, width), rows `next` apart */
    int64_t next, depth, width;
    float *to; /* (rows, width) */
};

ALWAYS_INLINE void attention_tile(const struct attention_product *p, int64_t at,
                                  const int rows, const int vectors)
{
    vec sum[ATTENTION_ROWS * ATTENTION_WIDE];
#pragma GCC unroll 24
    for (int i = 0; i < rows * vectors; i++)
        sum[i] = vec_all(0);
    for (int64_t d = 0; d < p->depth; d++) {
        const float *b = p->b + d * p->next + at;
        vec y[ATTENTION_WIDE];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            y[v] = vec_load(b + v * LANES);
#pragma GCC unroll 6
        for (int r = 0; r < rows; r++) {
            vec x = vec_all(p->a[r * p->row + d * p->column]);
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++)
                sum[r * vectors + v] =
                    vec_multiply_add(x, y[v], sum[r * vectors + v]);
        }
    }
#pragma GCC unroll 24
    for (int i = 0; i < rows * vectors; i++)
        vec_store(p->to + i / vectors * p->width + at + i % vectors * LANES,
                  sum[i]);
}

ALWAYS_INLINE void attention_columns(const struct attention_product *p,
                                     const int rows)
{
    int64_t at = 0, step = (int64_t)ATTENTION_WIDE * LANES;
    for (; at + step <= p->width; at += step)
        attention_tile(p, at, rows, ATTENTION_WIDE);
    for (; at + 2 * LANES <= p->width; at += (int64_t)2 * LANES)
        attention_tile(p, at, rows, 2);
    for (; at < p->width; at += LANES)
        attention_tile(p, at, rows, 1);
}

static void attention_multiply(const struct attention_product *p, int64_t rows)
{
    struct attention_product one = *p;
    if (rows == ATTENTION_ROWS) {
        attention_columns(p, ATTENTION_ROWS);
        return;
    }
    for (; rows >= 2; rows -= 2) {
        attention_columns(&one, 2);
        one.a += 2 * p->row;
        one.to += 2 * p->width;
    }
    if (rows > 0)
        attention_columns(&one, 1);
}

/* From 16 - n on: n zeros, then what makes scores of no key disappear. */
static const float attention_beyond[32] = {
    0,         0,         0,         0,         0,         0,         0,
    0,         0,         0,         0,         0,         0,         0,
    0,         0,         -INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY,
    -INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY,
    -INFINITY, -INFINITY, -INFINITY, -INFINITY};

/* exp(scores - largest) in place and their sums, of a few rows side by side:
 * one alone would wait for each of its steps. Places behind the last key
 * become nearly zero. */
ALWAYS_INLINE void attention_softmax(float *s, int64_t n, int64_t pitch,
                                     float *totals, const int rows)
{
    const vec infinity = vec_all(INFINITY);
    vec most[ATTENTION_ROWS], sums[ATTENTION_ROWS];
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++) {
        most[r] = vec_all(-INFINITY);
        sums[r] = vec_all(0);
    }
    for (int64_t j = 0; j < pitch; j += LANES) {
        int64_t keys = n - j > 0 ? n - j : 0;
#pragma GCC unroll 6
        for (int r = 0; r < rows; r++) {
            float *at = s + r * pitch + j;
            vec x = vec_load(at);
            if (keys < LANES) {
                x = x + vec_load(attention_beyond + 16 - keys);
                vec_store(at, x);
            }
            most[r] = vec_clamp(x, most[r], infinity);
        }
    }
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++)
        most[r] = vec_all(vec_most(most[r]));
    for (int64_t j = 0; j < pitch; j += LANES) {
#pragma GCC unroll 6
        for (int r = 0; r < rows; r++) {
            float *at = s + r * pitch + j;
            vec e = attention_exp(vec_load(at) - most[r]);
            vec_store(at, e);
            sums[r] = sums[r] + e;
        }
    }
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++)
        totals[r] = vec_sum(sums[r]);
}

/* A row of the result: sums of values over their shares' sum. */
ALWAYS_INLINE void attention_share(float *to, const float *from, int64_t w,
                                   float total)
{
    const float share = 1 / total;
    int64_t i = 0;
    for (; i + LANES <= w; i += LANES)
        vec_store(to + i, vec_load(from + i) * vec_all(share));
    for (; i < w; i++)
        to[i] = from[i] * share;
}

/* Scores that do not stay become `fill`. */
static void attention_choose(const struct attention_spec *a,
                             const struct attention_memory *memory,
                             const uint8_t *choice, int64_t rows)
{
    const int64_t step = a->choice_at.column;
    for (int64_t r = 0; r < rows; r++) {
        const uint8_t *stays = choice + r * a->choice_at.row;
        float *score = memory->scores + r * memory->key_pitch;
        for (int64_t j = 0; step == 1 && j < a->n; j++)
            score[j] = stays[j] != 0 ? score[j] : a->fill;
        for (int64_t j = 0; step != 1 && j < a->n; j++)
            score[j] = stays[j * step] != 0 ? score[j] : a->fill;
    }
}

static void attention_rows(const struct attention_spec *a,
                           const struct attention_memory *memory,
                           const struct attention_matrices *x, int64_t first,
                           int64_t rows)
{
    const struct attention_product scores = {.a = x->query +
                                                  first * a->query.row,
                                             .row = a->query.row,
                                             .column = a->query.column,
                                             .b = memory->keys,
                                             .next = memory->key_pitch,
                                             .width = memory->key_pitch,
                                             .depth = a->k,
                                             .to = memory->scores};
    const bool in_place = attention_in_place(a);
    const struct attention_product result = {
        .a = memory->scores,
        .row = memory->key_pitch,
        .column = 1,
        .b = in_place ? x->value : memory->values,
        .next = in_place ? a->value.row : memory->value_pitch,
        .width = memory->value_pitch,
        .depth = a->n,
        .to = memory->result};
    float sums[ATTENTION_ROWS];
    attention_multiply(&scores, rows);
    if (x->choice != NULL)
        attention_choose(a, memory, x->choice + first * a->choice_at.row, rows);
    for (int64_t r = 0; x->mask != NULL && r < rows; r++)
        for (int64_t j = 0; j < a->n; j++)
            memory->scores[r * memory->key_pitch + j] +=
                x->mask[(first + r) * a->mask.row + j * a->mask.column];
    if (rows == ATTENTION_ROWS)
        attention_softmax(memory->scores, a->n, memory->key_pitch, sums,
                          ATTENTION_ROWS);
    else
        for (int64_t r = 0; r < rows; r++)
            attention_softmax(memory->scores + r * memory->key_pitch, a->n,
                              memory->key_pitch, sums + r, 1);
    attention_multiply(&result, rows);
    for (int64_t r = 0; r < rows; r++)
        attention_share(x->result + (first + r) * a->result.row,
                        memory->result + r * memory->value_pitch, a->w,
                        sums[r]);
}

static void attention_run(const struct dense_call *call, void *scratch,
                          int64_t first, int64_t last)
{
    const struct attention_spec *a = &call->spec->attention;
    struct attention_memory memory;
    attention_memory_of(&memory, a, scratch);
    for (int64_t unit = first; unit < last; unit++) {
        const struct attention_matrices x = attention_matrices_of(call, unit);
        attention_pack(a, &memory, &x);
        for (int64_t row = 0; row < a->m; row += ATTENTION_ROWS)
            attention_rows(a, &memory, &x, row,
                           a->m - row < ATTENTION_ROWS ? a->m - row
                                                       : ATTENTION_ROWS);
    }
}

#endif

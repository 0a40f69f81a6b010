/*
 * The kernel of sparse_quad.h. Included by sparse_product_<isa>.c.
 */
#ifndef KERNEL_SPARSE_QUAD_RUN_H
#define KERNEL_SPARSE_QUAD_RUN_H

#include "kernel/sparse_quad.h"
#include "kernel/sparse_run.h"

/* QUAD_TURNS: steps that do not wait for each other's sums. */
enum { QUAD_PARTS = QUAD_LANES / LANES, QUAD_TURNS = QUAD_PARTS == 1 ? 4 : 2 };

/* Vector k of a step's inputs: each once for every output of its quartet.
 * pairs: quartets 0 and 1, 2 and 3 read the same. */
ALWAYS_INLINE vec quad_inputs(const float *src, const uint16_t *input, int k,
                              const bool pairs)
{
#if defined(SPARSE_AVX512)
    uint64_t at; /* one load for all: loads are what there is most of */
    memcpy(&at, input, sizeof at);
    __m256 low = _mm256_set1_ps(src[at & 0xffff]);
    __m256 high = _mm256_set1_ps(src[at >> 32 & 0xffff]);
    (void)k;
    if (!pairs) {
        low = _mm256_mask_broadcastss_ps(
            low, 0xf0, _mm_load_ss(src + (at >> 16 & 0xffff)));
        high = _mm256_mask_broadcastss_ps(high, 0xf0,
                                          _mm_load_ss(src + (at >> 48)));
    }
    return _mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
#elif defined(SPARSE_AVX2)
    if (pairs)
        return vec_all(src[input[2 * k]]);
    return _mm256_set_m128(_mm_broadcast_ss(src + input[2 * k + 1]),
                           _mm_broadcast_ss(src + input[2 * k]));
#else
    (void)pairs;
    return vec_all(src[input[k]]);
#endif
}

ALWAYS_INLINE void add_quad(const float *src, const uint16_t *inputs,
                            const float *weights, vec *sum, const bool pairs)
{
#pragma GCC unroll 4
    for (int k = 0; k < QUAD_PARTS; k++)
        sum[k] = vec_multiply_add(vec_load(weights + k * LANES),
                                  quad_inputs(src, inputs, k, pairs), sum[k]);
}

/* One call. */
struct quad_call {
    struct run run; /* the activation, outputs */
    const int32_t *starts, *order;
    const uint8_t *pairs;
    const float *bias, *src, *other;
    const uint16_t (*inputs)[QUAD_SIDE];
    const float (*weights)[QUAD_LANES];
    float *dst;
    bool whole; /* all outputs */
};

/* Outputs of the quartet at a place that are wanted: [*from, *to) of it. */
ALWAYS_INLINE int64_t quad_wanted(const struct quad_call *c, int64_t place,
                                  int64_t *from, int64_t *to)
{
    int64_t first = (int64_t)c->order[place] * SPARSE_ROWS;
    *from = larger(c->run.first - first, 0);
    *to = first < 0 ? 0 : smaller(c->run.last - first, SPARSE_ROWS);
    return first;
}

static void finish_group(const struct quad_call *c, int64_t group,
                         const vec *sum)
{
    const struct run *r = &c->run;
    float lane[QUAD_LANES], other[QUAD_LANES] = {0};
    int64_t from, to;
    for (int64_t k = 0; c->other != NULL && k < QUAD_SIDE; k++) {
        int64_t first = quad_wanted(c, group * QUAD_SIDE + k, &from, &to);
        for (int64_t o = from; o < to; o++)
            other[k * SPARSE_ROWS + o] = c->other[first + o];
    }
#pragma GCC unroll 4
    for (int k = 0; k < QUAD_PARTS; k++) {
        vec v =
            vec_add(sum[k], vec_load(c->bias + group * QUAD_LANES + k * LANES));
        v = vec_add(v, vec_load(other + k * LANES));
        vec_store(lane + k * LANES,
                  r->slow ? activate_slowly(r, v)
                          : vec_clamp(v, vec_all(r->low), vec_all(r->high)));
    }
    for (int64_t k = 0; k < QUAD_SIDE; k++) {
        int64_t first = quad_wanted(c, group * QUAD_SIDE + k, &from, &to);
        if (from == 0 && to == SPARSE_ROWS)
            memcpy(c->dst + first, lane + k * SPARSE_ROWS,
                   SPARSE_ROWS * sizeof *lane);
        else
            for (int64_t o = from; o < to; o++)
                c->dst[first + o] = lane[k * SPARSE_ROWS + o];
    }
}

/* All steps of a group. */
ALWAYS_INLINE void sum_group_of(const struct quad_call *c, int64_t group,
                                vec *sum, const bool pairs)
{
    int64_t at = c->starts[group], end = c->starts[group + 1];
    vec own[QUAD_TURNS * QUAD_PARTS];
#pragma GCC unroll 8
    for (int k = 0; k < QUAD_TURNS * QUAD_PARTS; k++)
        own[k] = vec_all(0.0F);
    for (; end - at >= QUAD_TURNS; at += QUAD_TURNS)
#pragma GCC unroll 4
        for (int k = 0; k < QUAD_TURNS; k++)
            add_quad(c->src, c->inputs[at + k], c->weights[at + k],
                     own + k * QUAD_PARTS, pairs);
    for (; at < end; at++)
        add_quad(c->src, c->inputs[at], c->weights[at], own, pairs);
#pragma GCC unroll 8
    for (int k = QUAD_PARTS; k < QUAD_TURNS * QUAD_PARTS; k++)
        own[k % QUAD_PARTS] = vec_add(own[k % QUAD_PARTS], own[k]);
#pragma GCC unroll 4
    for (int k = 0; k < QUAD_PARTS; k++)
        sum[k] = own[k];
}

static void run_quads(const struct quad_call *c, int64_t groups)
{
    for (int64_t group = 0; group < groups; group++) {
        int64_t wanted = 0, from, to;
        vec sum[QUAD_PARTS];
        for (int64_t k = 0; !c->whole && k < QUAD_SIDE; k++) {
            (void)quad_wanted(c, group * QUAD_SIDE + k, &from, &to);
            wanted += larger(to - from, 0);
        }
        if (!c->whole && wanted == 0)
            continue;
        if (c->pairs[group])
            sum_group_of(c, group, sum, true);
        else
            sum_group_of(c, group, sum, false);
        finish_group(c, group, sum);
    }
}

#define SPARSE_BY_QUADS(name)                                                  \
    void name(SPARSE_ARGUMENTS);                                               \
    void name(SPARSE_ARGUMENTS)                                                \
    {                                                                          \
        const struct quad_packed *h = packed;                                  \
        const char *base = packed;                                             \
        struct quad_call c = {                                                 \
            .run = {.epilogue = epilogue,                                      \
                    .first = part->first,                                      \
                    .last = part->last},                                       \
            .starts = (const int32_t *)(const void *)(base + h->starts),       \
            .order = (const int32_t *)(const void *)(base + h->order),         \
            .pairs = (const uint8_t *)base + h->pairs,                         \
            .bias = (const float *)(const void *)(base + h->bias),             \
            .inputs = (const void *)(base + h->inputs),                        \
            .weights = (const void *)(base + h->weights),                      \
            .src = src,                                                        \
            .other = other,                                                    \
            .dst = dst};                                                       \
        c.whole = part->first == 0 && part->last == spec->product.out;         \
        (void)src_border;                                                      \
        (void)dst_border;                                                      \
        (void)scratch;                                                         \
        set_activation(&c.run);                                                \
        run_quads(&c, h->groups);                                              \
    }

#endif

/*
 * Products of one image in 1x16: lanes are inputs. 16 inputs are held while
 * every output that has such a block adds it to its sum, so that no addition
 * waits for the last one and only the ends of lists are guessed; output by
 * output both cost more than the multiplications. Included by
 * sparse_product_<isa>.c.
 */
#ifndef KERNEL_SPARSE_PRODUCT_ROW_H
#define KERNEL_SPARSE_PRODUCT_ROW_H

#include "kernel/sparse_join.h"
#include "kernel/sparse_product_run.h"

/* All blocks of one list. */
ALWAYS_INLINE void add_row_chunk(const struct product_call *c, int64_t list)
{
    enum { VECTORS = PRODUCT_INPUTS / LANES };
    const int32_t *start = c->starts + list;
    int64_t at = blocks_before(c->outputs, start[0], start[1], c->first);
    int64_t end = blocks_before(c->outputs, at, start[1], c->last);
    int64_t input = list * PRODUCT_INPUTS;
    vec x[VECTORS];
#pragma GCC unroll 4
    for (int k = 0; k < VECTORS; k++)
        x[k] = input + k * LANES < c->in
                   ? vec_load_first(c->src + input + k * LANES,
                                    c->in - input - k * LANES)
                   : vec_all(0.0F);
    for (; at < end; at++) {
        float *to = c->waiting + (int64_t)c->outputs[at] * LANES;
        vec sum = vec_load(to);
#pragma GCC unroll 4
        for (int k = 0; k < VECTORS; k++)
            sum = vec_multiply_add(vec_load(c->weights[at] + k * LANES), x[k],
                                   sum);
        vec_store(to, sum);
    }
}

static void finish_row(const struct product_call *c)
{
    for (int64_t o = c->first; o < c->last; o += LANES) {
        int64_t count = smaller(LANES, c->last - o);
        vec lanes[LANES];
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++)
            lanes[i] = i < count ? vec_load(c->waiting + (o + i) * LANES)
                                 : vec_all(0.0F);
        vec v = vec_add(join_lanes(lanes), vec_load_first(c->bias + o, count));
        if (c->other != NULL)
            v = vec_add(v, vec_load_first(c->other + o, count));
        vec_store_first(c->dst + o, product_activated(&c->run, v), count);
    }
}

static void run_row_chunks(const struct product_call *c)
{
    for (int64_t o = c->first; o < c->last; o++)
        vec_store(c->waiting + o * LANES, vec_all(0.0F));
    for (int64_t list = 0; list < c->packed->lists; list++)
        add_row_chunk(c, list);
    finish_row(c);
}

#define SPARSE_BY_ROW(name)                                                    \
    void name(SPARSE_ARGUMENTS);                                               \
    void name(SPARSE_ARGUMENTS)                                                \
    {                                                                          \
        struct product_call c =                                                \
            product_call_of(packed, epilogue, scratch, part);                  \
        (void)src_border;                                                      \
        (void)dst_border;                                                      \
        c.in = spec->product.in;                                               \
        c.src = src;                                                           \
        c.dst = dst;                                                           \
        c.other = other;                                                       \
        run_row_chunks(&c);                                                    \
    }

#endif

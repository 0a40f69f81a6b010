/*
 * Convolutions with stride 2 along rows that have few weights for each input
 * channel, depthwise ones above all: each output row reads the bordered source
 * as it lies and keeps every second element, because copying the channel into
 * phases would cost more than it saves. Part of sparse_run.h.
 */
#ifndef KERNEL_SPARSE_STRIDED_H
#define KERNEL_SPARSE_STRIDED_H

#include "kernel/sparse_copy.h"
#include "kernel/sparse_tile.h"

/* Output rows that are summed together: as many chains of additions. */
enum { STRIDED_ROWS = 4 };

/* Outputs of one channel: `rows` rows from y on, `count` columns from x on. */
struct patch {
    const float *src; /* what output (y, x) needs at tap 0 */
    int64_t step;     /* from one output row to the next in the source */
    int64_t channel, at, count; /* at: of output (y, x) in its plane */
};

ALWAYS_INLINE vec every_second(const float *from, int64_t count)
{
    vec a = vec_load(from);
    /* What is read stays within a vector of the last element needed. */
    return vec_even(a, 2 * count - 1 > LANES ? vec_load(from + LANES) : a);
}

ALWAYS_INLINE void sum_patch(const struct run *r, const struct patch *p,
                             vec *sum, const int rows)
{
    const struct sparse_entry *e = r->entries + r->starts[p->channel];
    const struct sparse_entry *end = r->entries + r->starts[p->channel + 1];
#pragma GCC unroll 4
    for (int k = 0; k < rows; k++)
        sum[k] = vec_all(r->bias[p->channel]);
    for (; e < end; e++) {
        const float *from = p->src + e->offset;
        vec w = vec_all(e->value);
#pragma GCC unroll 4
        for (int k = 0; k < rows; k++)
            sum[k] = vec_multiply_add(
                w, every_second(from + k * p->step, p->count), sum[k]);
    }
}

/* Stores rows of sums; behind the last column the border's zeros. */
ALWAYS_INLINE void finish_patch(const struct run *r, const struct patch *p,
                                float *dst, const float *other, vec *sum,
                                const int rows)
{
    const vec low = vec_all(r->low), high = vec_all(r->high);
    int64_t zeros = p->count <= LANES ? 2 * r->dst_border : 0;
    int64_t count = smaller(p->count, LANES);
    int64_t stored = smaller(count + zeros, LANES);
    uint32_t keep = (uint32_t)((1u << count) - 1);
    for (int k = 0; k < rows; k++) {
        int64_t at = p->at + k * r->dst_pitch;
        if (other != NULL)
            sum[k] = vec_add(sum[k], vec_load_first(other + at, count));
        vec y =
            r->slow ? activate_slowly(r, sum[k]) : vec_clamp(sum[k], low, high);
        vec_store_first(dst + at, vec_keep(y, keep), stored);
        zero_exactly(dst + at + stored, count + zeros - stored);
    }
}

static void run_channel(const struct run *r, const float *src, float *dst,
                        const float *other, int64_t channel)
{
    const struct conv_spec *c = r->conv;
    const int64_t step = c->sh * r->geometry.pitch;
    vec sum[STRIDED_ROWS];
    for (int64_t x = 0; x < c->ow; x += LANES)
        for (int64_t y = r->top; y < r->bottom;) {
            struct patch p = {.src = src + y * step + 2 * x,
                              .step = step,
                              .channel = channel,
                              .at = y * r->dst_pitch + x,
                              .count = c->ow - x};
            if (r->bottom - y >= STRIDED_ROWS) {
                sum_patch(r, &p, sum, STRIDED_ROWS);
                finish_patch(r, &p, dst, other, sum, STRIDED_ROWS);
                y += STRIDED_ROWS;
            } else {
                sum_patch(r, &p, sum, 1);
                finish_patch(r, &p, dst, other, sum, 1);
                y++;
            }
        }
}

#endif

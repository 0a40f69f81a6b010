/*
 * The matrix-vector product that every processor can do: rows of kept weights
 * against a vector. Included by sparse_<isa>.c after sparse_run.h.
 */
#ifndef KERNEL_SPARSE_ROWS_H
#define KERNEL_SPARSE_ROWS_H

#include "kernel/sparse_run.h"

/* A matrix-vector product: rows of kept weights against a short vector. */
static void run_vector(const struct sparse_problem *problem,
                       const void *packed_weights, const float *src, float *dst,
                       const struct epilogue *epilogue, const float *other,
                       const struct sparse_part *part)
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
    for (int64_t row = part->first; row < part->last; row++) {
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

#define SPARSE_BY_VECTOR(name)                                                 \
    void name(SPARSE_ARGUMENTS);                                               \
    void name(SPARSE_ARGUMENTS)                                                \
    {                                                                          \
        struct sparse_problem p;                                               \
        (void)src_border;                                                      \
        (void)dst_border;                                                      \
        (void)scratch;                                                         \
        sparse_problem_of(&p, spec, LAYOUT_PLAIN);                             \
        run_vector(&p, packed, src, dst, epilogue, other, part);               \
    }

#endif

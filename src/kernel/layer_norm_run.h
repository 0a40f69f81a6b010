/* Layer norm on one kind of vector; a unit is a row. */
#ifndef KERNEL_LAYER_NORM_RUN_H
#define KERNEL_LAYER_NORM_RUN_H

#include "kernel/dense.h"
#include "kernel/dense_vector.h"

#include <math.h>

/* The sum of (x - shift) or of its squares. */
ALWAYS_INLINE float layer_norm_total(const float *in, int64_t width,
                                     float shift, bool square)
{
    const vec low = vec_all(shift);
    vec sums = vec_all(0);
    int64_t i = 0;
    for (; i + LANES <= width; i += LANES) {
        vec x = vec_load(in + i) - low;
        if (square)
            sums = vec_multiply_add(x, x, sums);
        else
            sums = sums + x;
    }
    float sum = vec_sum(sums);
    for (; i < width; i++) {
        float x = in[i] - shift;
        sum += square ? x * x : x;
    }
    return sum;
}

static void layer_norm_run(const struct dense_call *call, int64_t first,
                           int64_t last)
{
    const struct norm_spec *n = &call->spec->norm;
    const int64_t width = n->width;
    const float *gamma = call->packed, *beta = gamma + width;
    for (int64_t r = first; r < last; r++) {
        const float *in = call->src + r * width;
        float *out = call->dst + r * width;
        float mean = layer_norm_total(in, width, 0, false) / (float)width;
        float variance = layer_norm_total(in, width, mean, true) / (float)width;
        float scale = 1 / sqrtf(variance + n->epsilon);
        const vec low = vec_all(mean), factor = vec_all(scale);
        int64_t i = 0;
        for (; i + LANES <= width; i += LANES)
            vec_store(out + i, vec_multiply_add(
                                   (vec_load(in + i) - low) * factor,
                                   vec_load(gamma + i), vec_load(beta + i)));
        for (; i < width; i++)
            out[i] = (in[i] - mean) * scale * gamma[i] + beta[i];
    }
}

#endif

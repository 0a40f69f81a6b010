/* A batch norm that follows a convolution or product, folded into its weight
 * and bias: w' = w * s, b' = (b - mean) * s + beta, s = gamma / sqrt(var + e).
 * A weight that is zero stays exactly zero. */
#include "exec/fold.h"

#include "base/array.h"

#include <math.h>
#include <stdlib.h>

struct view {
    const float *weight, *bias;
    /* weight is (outer, channels, inner); groups take turns for DECONV */
    int64_t outer, channels, inner, groups;
};

static struct view view_of(const struct kernel_spec *spec)
{
    const struct conv_spec *c = &spec->conv;
    const struct product_spec *p = &spec->product;
    if (spec->kind == KERNEL_PRODUCT && p->transposed)
        return (struct view){p->weight, p->bias, p->in, p->out, 1, 1};
    if (spec->kind == KERNEL_PRODUCT)
        return (struct view){p->weight, p->bias, 1, p->out, p->in, 1};
    if (spec->kind == KERNEL_DECONV)
        return (struct view){c->weight,         c->bias,       c->ic,
                             c->oc / c->groups, c->kh * c->kw, c->groups};
    return (struct view){
        c->weight, c->bias, 1, c->oc, c->ic / c->groups * c->kh * c->kw, 1};
}

static double scale_of(const struct affine_spec *affine, int64_t channel)
{
    if (!affine->gamma)
        return 1;
    return affine->gamma[channel] /
           sqrt((double)affine->variance[channel] + affine->epsilon);
}

float fold_bias(const struct affine_spec *affine, int64_t channel, double bias)
{
    double mean = affine->mean ? affine->mean[channel] : 0.0;
    return (float)((bias - mean) * scale_of(affine, channel) +
                   affine->beta[channel]);
}

int fold_affine(struct kernel_spec *spec, const struct affine_spec *affine,
                float **weight, float **bias)
{
    struct view v = view_of(spec);
    int64_t total = v.outer * v.channels * v.inner;
    int64_t per_group = v.outer / v.groups;
    *weight = array_create((size_t)total, sizeof(float));
    *bias = array_create((size_t)affine->c, sizeof(float));
    if (!*weight || !*bias) {
        free(*weight);
        free(*bias);
        *weight = *bias = NULL;
        return -1;
    }
    for (int64_t o = 0; o < v.outer; o++) {
        int64_t first = v.groups > 1 ? o / per_group * v.channels : 0;
        for (int64_t c = 0; c < v.channels; c++) {
            double scale = scale_of(affine, first + c);
            const float *from = v.weight + (o * v.channels + c) * v.inner;
            float *to = *weight + (o * v.channels + c) * v.inner;
            for (int64_t i = 0; i < v.inner; i++)
                to[i] = from[i] == 0 ? 0 : (float)(from[i] * scale);
        }
    }
    for (int64_t c = 0; c < affine->c; c++)
        (*bias)[c] = fold_bias(affine, c, v.bias ? v.bias[c] : 0.0);
    if (spec->kind == KERNEL_PRODUCT) {
        spec->product.weight = *weight;
        spec->product.bias = *bias;
    } else {
        spec->conv.weight = *weight;
        spec->conv.bias = *bias;
    }
    return 0;
}

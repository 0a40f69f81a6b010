/* Depthwise 3x3 convolutions: what does not depend on vectors. */
#include "kernel/depthwise.h"

#include "kernel/dense.h"

bool dense_depthwise_serves(const struct kernel_spec *spec,
                            const struct epilogue *epilogue);
size_t dense_depthwise_pack_bytes(const struct kernel_spec *spec);
void dense_depthwise_pack(const struct kernel_spec *spec, void *packed);
size_t dense_depthwise_scratch_bytes(const struct kernel_spec *spec);
int64_t dense_depthwise_units(const struct kernel_spec *spec);

bool dense_depthwise_serves(const struct kernel_spec *spec,
                            const struct epilogue *epilogue)
{
    const struct conv_spec *c = &spec->conv;
    float low, high;
    if (spec->kind != KERNEL_CONV || c->weight == NULL || c->kh != 3 ||
        c->kw != 3 || c->dh != 1 || c->dw != 1 || c->sh != c->sw || c->sh < 1 ||
        c->sh > 2 || c->groups != c->ic || c->oc != c->ic ||
        c->ic % DEPTHWISE_CHANNELS != 0 || !dense_clamps(epilogue, &low, &high))
        return false;
    /* At most the first and the last column of a row lie outside. */
    return c->pad_left >= 0 && c->pad_left <= 1 && c->pad_top >= 0 &&
           (c->ow - 1) * c->sw - c->pad_left + 2 <= c->iw;
}

size_t dense_depthwise_pack_bytes(const struct kernel_spec *spec)
{
    return (size_t)(DEPTHWISE_TAPS + 1) * (size_t)spec->conv.oc * sizeof(float);
}

void dense_depthwise_pack(const struct kernel_spec *spec, void *packed)
{
    const struct conv_spec *c = &spec->conv;
    float *to = packed;
    for (int64_t o = 0; o < c->oc; o++) {
        for (int64_t tap = 0; tap < DEPTHWISE_TAPS; tap++)
            to[tap * c->oc + o] = c->weight[o * DEPTHWISE_TAPS + tap];
        to[DEPTHWISE_TAPS * c->oc + o] = c->bias != NULL ? c->bias[o] : 0.0F;
    }
}

size_t dense_depthwise_scratch_bytes(const struct kernel_spec *spec)
{
    (void)spec;
    return 0;
}

int64_t dense_depthwise_units(const struct kernel_spec *spec)
{
    return spec->conv.n * spec->conv.oh;
}

/* Convolutions and pooling whose lanes are 16 images. */
#include "train/program.h"

#include <string.h>

static size_t conv_packed_bytes(const struct step *step, enum train_pass pass)
{
    const struct image_conv *conv = &step->image.conv;
    if (pass == TRAIN_WEIGHT)
        return (size_t)(conv->taps * conv->conv.oc) * sizeof(float);
    if (pass == TRAIN_DATA && !step->by_src)
        return 0;
    return image_weight_bytes(conv, pass == TRAIN_DATA);
}

static size_t conv_scratch_bytes(const struct step *step)
{
    return image_scratch_bytes(&step->image.conv);
}

static void conv_forward(struct network *n, struct step *s, int64_t shard)
{
    const struct use *weight = &n->uses[s->uses[1]];
    const struct use *bias = s->uses[2] < 0 ? NULL : &n->uses[s->uses[2]];
    s->image.kernels->forward(
        &s->image.conv, weight->packed[TRAIN_FORWARD],
        bias ? bias->operand_data : NULL, slot_data(n, s->inputs[0], shard),
        slot_data(n, s->outputs[0], shard), lane_of(n, shard)->scratch);
}

static void conv_backward(struct network *n, struct step *s, int64_t shard)
{
    const struct use *weight = &n->uses[s->uses[1]];
    const struct use *bias = s->uses[2] < 0 ? NULL : &n->uses[s->uses[2]];
    struct lane *lane = lane_of(n, shard);
    const float *by_dst = slot_gradient(n, s->outputs[0], shard);
    float *by_src = slot_gradient(n, s->inputs[0], shard);
    s->image.kernels->by_weight(
        &s->image.conv, slot_data(n, s->inputs[0], shard), by_dst,
        !lane_begins(n, shard), lane->sums + weight->lane_at,
        bias ? lane->sums + bias->lane_at : NULL, lane->scratch);
    if (by_src)
        s->image.kernels->by_src(&s->image.conv, weight->packed[TRAIN_DATA],
                                 by_dst, s->adds[0], by_src, lane->scratch);
}

static void conv_pack(const struct step *step, enum train_pass pass,
                      const float *plain, void *packed)
{
    step->image.kernels->pack(&step->image.conv, plain, pass == TRAIN_DATA,
                              packed);
}

static void conv_unpack(const struct step *step, const float *by_weight,
                        float *plain)
{
    memcpy(plain, by_weight, conv_packed_bytes(step, TRAIN_WEIGHT));
}

static size_t pool_scratch_bytes(const struct step *step)
{
    (void)step;
    return 0;
}

static void pool_forward(struct network *n, struct step *s, int64_t shard)
{
    s->image.kernels->pool(&s->spec.pool, slot_data(n, s->inputs[0], shard),
                           slot_data(n, s->outputs[0], shard));
}

static void pool_backward(struct network *n, struct step *s, int64_t shard)
{
    float *by_src = slot_gradient(n, s->inputs[0], shard);
    if (by_src)
        s->image.kernels->pool_by_src(
            &s->spec.pool, slot_data(n, s->inputs[0], shard),
            slot_data(n, s->outputs[0], shard),
            slot_gradient(n, s->outputs[0], shard), s->adds[0], by_src);
}

bool image_step_init(const struct network *network, struct step *step,
                     bool by_src)
{
    static const struct step_face conv = {
        conv_forward,      conv_backward, conv_scratch_bytes,
        conv_packed_bytes, conv_pack,     conv_unpack,
    };
    static const struct step_face pool = {
        pool_forward, pool_backward, pool_scratch_bytes, NULL, NULL, NULL,
    };
    const bool pools = step->spec.kind == KERNEL_POOL;
    step->image.kernels = image_kernels_of(network->options.isa);
    if (!step->image.kernels)
        return false;
    if (!pools && !image_conv_serves(&step->spec.conv))
        return false;
    if (!pools)
        step->image.conv = image_conv_of(&step->spec.conv);
    step->kind = STEP_OWN;
    step->face = pools ? &pool : &conv;
    step->by_src = by_src;
    return true;
}

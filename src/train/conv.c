/* Convolutions by Winograd's method, forward and backward. */
#include "train/program.h"

/* (9, ic, oc) */
static int64_t gradient_floats(const struct step *step)
{
    return 9 * step->conv.forward.ic * step->conv.forward.oc;
}

static size_t packed_bytes(const struct step *step, enum train_pass pass)
{
    const struct step_conv *conv = &step->conv;
    if (pass == TRAIN_WEIGHT)
        return (size_t)gradient_floats(step) * sizeof(float);
    if (pass == TRAIN_DATA)
        return step->by_src ? winograd_weight_bytes(&conv->data) : 0;
    return winograd_weight_bytes(&conv->forward);
}

static size_t scratch_bytes(const struct step *step)
{
    size_t forward = winograd_scratch_bytes(&step->conv.forward);
    size_t data = winograd_scratch_bytes(&step->conv.data);
    return forward > data ? forward : data;
}

static void forward(struct network *n, struct step *s, int64_t shard)
{
    const struct use *weight = &n->uses[s->uses[1]];
    const struct use *bias = s->uses[2] < 0 ? NULL : &n->uses[s->uses[2]];
    s->conv.kernels->convolve(
        &s->conv.forward, weight->packed[TRAIN_FORWARD],
        bias ? bias->operand_data : NULL, slot_data(n, s->inputs[0], shard),
        false, slot_data(n, s->outputs[0], shard), lane_of(n, shard)->scratch);
}

static void backward(struct network *n, struct step *s, int64_t shard)
{
    const struct use *weight = &n->uses[s->uses[1]];
    const struct use *bias = s->uses[2] < 0 ? NULL : &n->uses[s->uses[2]];
    struct lane *lane = lane_of(n, shard);
    const float *by_dst = slot_gradient(n, s->outputs[0], shard);
    float *by_src = slot_gradient(n, s->inputs[0], shard);
    s->conv.kernels->gradient(
        &s->conv.forward, slot_data(n, s->inputs[0], shard), by_dst,
        !lane_begins(n, shard), lane->sums + weight->lane_at,
        bias ? lane->sums + bias->lane_at : NULL, lane->scratch);
    if (by_src)
        s->conv.kernels->convolve(&s->conv.data, weight->packed[TRAIN_DATA],
                                  NULL, by_dst, s->adds[0], by_src,
                                  lane->scratch);
}

static void pack(const struct step *step, enum train_pass pass,
                 const float *plain, void *packed)
{
    const struct step_conv *conv = &step->conv;
    bool turned = pass == TRAIN_DATA;
    conv->kernels->pack(turned ? &conv->data : &conv->forward, plain, turned,
                        packed);
}

static void unpack(const struct step *step, const float *by_weight,
                   float *plain)
{
    step->conv.kernels->unpack(&step->conv.forward, by_weight, plain);
}

bool conv_step_init(const struct network *network, struct step *step,
                    bool by_src)
{
    static const struct step_face face = {
        forward, backward, scratch_bytes, packed_bytes, pack, unpack,
    };
    const struct winograd_kernels *kernels =
        winograd_kernels_of(network->options.isa);
    if (!kernels || step->spec.kind != KERNEL_CONV ||
        !winograd_train_serves(&step->spec.conv))
        return false;
    step->kind = STEP_OWN;
    step->face = &face;
    step->by_src = by_src;
    step->conv = (struct step_conv){
        .kernels = kernels,
        .forward = winograd_forward_pass(&step->spec.conv),
        .data = winograd_data_pass(&step->spec.conv),
    };
    return true;
}

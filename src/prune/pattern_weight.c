/* Unstructured: every weight falls alone. */
#include "prune/criteria.h"
#include "prune/select.h"

static int64_t units(const struct structure *self, const struct layer *layer)
{
    (void)self;
    return layer->weights;
}

static int select_weights(const struct structure *self,
                          const struct layer *layer, const float *score,
                          int64_t remove, struct bitmask *mask,
                          struct error *err)
{
    (void)self;
    struct score_span span = {score, layer->weights};
    struct score_cut cut;
    if (score_cut_find(&cut, &span, 1, remove, err) < 0)
        return -1;
    if (bitmask_init(mask, (size_t)layer->weights, true) < 0)
        return error_memory(err, (unsigned long long)layer->weights / 8);
    score_cut_apply(&cut, &span, mask);
    return 0;
}

const struct structure structure_weight = {
    .name = "weight",
    .help = "single weights, anywhere in the layer",
    .unit = "weights",
    .units = units,
    .select = select_weights,
};

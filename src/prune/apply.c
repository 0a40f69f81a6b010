/* Masked weights are zero bytes, which is zero in every element type. */
#include "prune/apply.h"

#include "base/array.h"
#include "prune/score.h"

#include <stdlib.h>
#include <string.h>

void mask_set_release(struct mask_set *set)
{
    for (size_t i = 0; set->masks && i < set->count; i++)
        bitmask_release(&set->masks[i]);
    free(set->masks);
    free(set->removed);
    *set = (struct mask_set){0};
}

static int mask_layer(struct bitmask *mask, const struct graph *graph,
                      const struct layer *layer,
                      const struct decision *decision, struct error *err)
{
    int64_t units = decision->structure->units(layer);
    if (decision->remove < 0 || decision->remove > units)
        return error_set(err, ERROR_RANGE,
                         "layer '%s' has %lld removable %s, found %lld to "
                         "remove",
                         layer->name, (long long)units,
                         decision->structure->unit,
                         (long long)decision->remove);
    float *scores = score_layer(graph, layer, decision->criterion, err);
    if (!scores)
        return -1;
    int result =
        decision->structure->select(layer, scores, decision->remove, mask, err);
    free(scores);
    return result;
}

int mask_set_init(struct mask_set *set, const struct graph *graph,
                  const struct layer_table *layers,
                  const struct decision *decisions,
                  const struct mask_set *previous,
                  const struct decision *previous_decisions, struct error *err)
{
    *set = (struct mask_set){.count = layers->count};
    set->masks = array_create(layers->count, sizeof *set->masks);
    set->removed = array_create(layers->count, sizeof *set->removed);
    if (!set->masks || !set->removed) {
        mask_set_release(set);
        return error_memory(err, layers->count * sizeof *set->masks);
    }
    for (size_t i = 0; i < layers->count; i++) {
        const struct layer *layer = &layers->layers[i];
        if (!decisions[i].remove)
            continue;
        int result;
        if (previous && previous_decisions &&
            decision_equal(&decisions[i], &previous_decisions[i])) {
            result = bitmask_copy(&set->masks[i], &previous->masks[i]);
            if (result < 0)
                error_memory(err, (unsigned long long)layer->weights / 8);
        } else {
            result =
                mask_layer(&set->masks[i], graph, layer, &decisions[i], err);
        }
        if (result < 0) {
            mask_set_release(set);
            return -1;
        }
        set->removed[i] =
            layer->weights - (int64_t)bitmask_count(&set->masks[i]);
    }
    return 0;
}

/* A copy of `in` with the elements whose bit is 0 cleared. */
static int masked_copy(struct tensor *out, const struct tensor *in,
                       const struct bitmask *mask, struct error *err)
{
    if (tensor_init(out, in->dtype, &in->shape, err) < 0)
        return -1;
    size_t size = dtype_size(in->dtype);
    unsigned char *bytes = out->data;
    memcpy(bytes, in->data, mask->bits * size);
    for (size_t i = 0; i < mask->bits; i++)
        if (!bitmask_get(mask, i))
            memset(bytes + i * size, 0, size);
    return 0;
}

int mask_set_apply(struct graph **out, const struct graph *graph,
                   const struct layer_table *layers, const struct mask_set *set,
                   struct error *err)
{
    int result = -1;
    size_t count = 0;
    int *ids = array_create(layers->count, sizeof *ids);
    struct tensor *tensors = array_create(layers->count, sizeof *tensors);
    if (!ids || !tensors) {
        error_memory(err, layers->count * sizeof *tensors);
        goto out;
    }
    for (size_t i = 0; i < set->count; i++) {
        if (!set->masks[i].words)
            continue;
        int id = layers->layers[i].weight;
        if (masked_copy(&tensors[count], &graph->values[id].constant,
                        &set->masks[i], err) < 0) {
            error_prefix(err, "layer '%s'", layers->layers[i].name);
            goto out;
        }
        ids[count++] = id;
    }
    result = graph_with_constants(out, graph, count, ids, tensors, err);
out:
    for (size_t i = 0; tensors && i < count; i++)
        tensor_release(&tensors[i]);
    free(tensors);
    free(ids);
    return result;
}

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

static int mask_layer(struct bitmask *mask, const struct mask_source *source,
                      size_t row, struct error *err)
{
    const struct layer *layer = &source->layers->layers[row];
    const struct decision *decision = &source->decisions[row];
    const struct structure *structure = decision->structure;
    if (structure_fits(structure, layer, err) < 0)
        return -1;
    int64_t units = structure->units(structure, layer);
    if (decision->remove < 0 || decision->remove > units)
        return error_set(err, ERROR_RANGE,
                         "layer '%s' has %lld removable %s, found %lld to "
                         "remove",
                         layer->name, (long long)units, structure->unit,
                         (long long)decision->remove);
    float *scores = score_layer(source, row, decision->criterion, err);
    if (!scores)
        return -1;
    int result = structure->select(structure, layer, scores, decision->remove,
                                   mask, err);
    free(scores);
    return result;
}

/* A mask that is known: the weights' own, or one of the previous set. */
static const struct bitmask *known_mask(const struct mask_source *source,
                                        size_t row)
{
    const struct decision *decision = &source->decisions[row];
    const struct bitmask *own = weights_mask(source->weights, row, decision);
    if (own || !source->previous || !source->previous_decisions ||
        !decision_equal(decision, &source->previous_decisions[row]))
        return own;
    return &source->previous->masks[row];
}

static int mask_row(struct mask_set *set, const struct mask_source *source,
                    size_t row, struct error *err)
{
    const struct layer *layer = &source->layers->layers[row];
    const struct bitmask *known = known_mask(source, row);
    if (!known) {
        if (mask_layer(&set->masks[row], source, row, err) < 0)
            return -1;
    } else if (bitmask_copy(&set->masks[row], known) < 0) {
        return error_memory(err, (unsigned long long)layer->weights / 8);
    }
    set->removed[row] =
        layer->weights - (int64_t)bitmask_count(&set->masks[row]);
    return 0;
}

int mask_set_init(struct mask_set *set, const struct mask_source *source,
                  struct error *err)
{
    size_t count = source->layers->count;
    *set = (struct mask_set){.count = count};
    set->masks = array_create(count, sizeof *set->masks);
    set->removed = array_create(count, sizeof *set->removed);
    if (!set->masks || !set->removed) {
        mask_set_release(set);
        return error_memory(err, count * sizeof *set->masks);
    }
    for (size_t i = 0; i < count; i++) {
        if (source->decisions[i].remove && mask_row(set, source, i, err) < 0) {
            mask_set_release(set);
            return -1;
        }
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

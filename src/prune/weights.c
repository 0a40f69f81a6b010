#include "prune/weights.h"

#include "base/array.h"
#include "base/hash.h"
#include "op/instance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where value `id` stands in the list, or would stand. */
static size_t place_of(const struct weights *weights, int id)
{
    size_t at = 0;
    while (at < weights->count && weights->ids[at] < id)
        at++;
    return at;
}

/* Takes a share of the tensor; a later one of the same value replaces it. */
static void put(struct weights *weights, int id, const struct tensor *tensor)
{
    size_t at = place_of(weights, id);
    if (at < weights->count && weights->ids[at] == id) {
        tensor_release(&weights->tensors[at]);
    } else {
        size_t behind = weights->count - at;
        memmove(&weights->ids[at + 1], &weights->ids[at],
                behind * sizeof *weights->ids);
        memmove(&weights->tensors[at + 1], &weights->tensors[at],
                behind * sizeof *weights->tensors);
        weights->ids[at] = id;
        weights->count++;
    }
    weights->tensors[at] = tensor_share(tensor);
}

static int check(const struct weights_parts *parts, size_t i, struct error *err)
{
    const struct value *value = &parts->graph->values[parts->ids[i]];
    const struct tensor *own = &value->constant, *given = &parts->tensors[i];
    if (own->data && own->dtype == given->dtype &&
        shape_equal(&own->shape, &given->shape))
        return 0;
    return error_set(err, ERROR_SHAPE,
                     "constant '%s': found another type or shape than the "
                     "model's",
                     value->name);
}

static int take_constants(struct weights *weights,
                          const struct weights_parts *parts, struct error *err)
{
    size_t room = parts->count + (parts->base ? parts->base->count : 0);
    weights->ids = array_create(room, sizeof *weights->ids);
    weights->tensors = array_create(room, sizeof *weights->tensors);
    if (!weights->ids || !weights->tensors)
        return error_memory(err, room * sizeof *weights->tensors);
    for (size_t i = 0; parts->base && i < parts->base->count; i++)
        put(weights, parts->base->ids[i], &parts->base->tensors[i]);
    for (size_t i = 0; i < parts->count; i++) {
        if (check(parts, i, err) < 0)
            return -1;
        put(weights, parts->ids[i], &parts->tensors[i]);
    }
    return 0;
}

static int take_masks(struct weights *weights,
                      const struct weights_parts *parts, struct error *err)
{
    size_t count = parts->layers->count;
    const struct weights *base = parts->base;
    weights->layer_count = count;
    weights->masks = array_create(count, sizeof *weights->masks);
    weights->decisions = array_create(count, sizeof *weights->decisions);
    if (!weights->masks || !weights->decisions)
        return error_memory(err, count * sizeof *weights->masks);
    for (size_t i = 0; i < count; i++) {
        const struct bitmask *mask = parts->masks ? &parts->masks[i]
                                     : base       ? &base->masks[i]
                                                  : NULL;
        weights->decisions[i] = parts->masks ? parts->decisions[i]
                                : base       ? base->decisions[i]
                                             : decision_dense();
        if (mask && mask->words && bitmask_copy(&weights->masks[i], mask) < 0)
            return error_memory(err, mask->bits / 8);
    }
    return 0;
}

/* Masked positions of one layer get the model's own values. */
static int restore_masked(struct weights *weights, const struct layer *layer,
                          const struct bitmask *mask, const struct graph *graph,
                          struct error *err)
{
    size_t at = place_of(weights, layer->weight);
    const struct tensor *own = &graph->values[layer->weight].constant;
    struct tensor copy;
    if (!mask->words || at == weights->count ||
        weights->ids[at] != layer->weight)
        return 0;
    if (tensor_init(&copy, own->dtype, &own->shape, err) < 0)
        return -1;
    size_t size = dtype_size(own->dtype);
    const unsigned char *model = own->data;
    unsigned char *bytes = copy.data;
    memcpy(bytes, weights->tensors[at].data, mask->bits * size);
    for (size_t i = 0; i < mask->bits; i++)
        if (!bitmask_get(mask, i))
            memcpy(bytes + i * size, model + i * size, size);
    tensor_release(&weights->tensors[at]);
    weights->tensors[at] = copy;
    return 0;
}

/* Every graph with these weights asks for it. */
static int find_contents(struct weights *weights, struct error *err)
{
    size_t count = weights->count;
    weights->contents = array_create(count + 1, sizeof *weights->contents);
    if (!weights->contents)
        return error_memory(err, count * sizeof *weights->contents);
    for (size_t i = 0; i < count; i++)
        weights->contents[i] = graph_contents(&weights->tensors[i]);
    return 0;
}

static uint64_t hash_all(const struct weights *weights)
{
    uint64_t hash = hash_u64(1, weights->count);
    for (size_t i = 0; i < weights->count; i++) {
        const struct tensor *tensor = &weights->tensors[i];
        hash = hash_u64(hash, (uint64_t)weights->ids[i]);
        hash = hash_bytes(hash, tensor->data,
                          (size_t)tensor_elements(tensor) *
                              dtype_size(tensor->dtype));
    }
    for (size_t i = 0; i < weights->layer_count; i++) {
        const struct bitmask *mask = &weights->masks[i];
        if (!mask->words)
            continue;
        hash = hash_u64(hash, i);
        hash = hash_bytes(hash, mask->words,
                          (mask->bits + 63) / 64 * sizeof *mask->words);
    }
    return hash ? hash : 1;
}

int weights_create(struct weights **out, const struct weights_parts *parts,
                   struct error *err)
{
    struct weights *weights = calloc(1, sizeof *weights);
    if (!weights)
        return error_memory(err, sizeof *weights);
    atomic_init(&weights->holders, 1);
    int result = take_constants(weights, parts, err);
    if (!result)
        result = take_masks(weights, parts, err);
    for (size_t i = 0; !result && i < parts->layers->count; i++)
        result = restore_masked(weights, &parts->layers->layers[i],
                                &weights->masks[i], parts->graph, err);
    if (!result)
        result = find_contents(weights, err);
    if (result < 0) {
        weights_drop(weights);
        return -1;
    }
    weights->hash = hash_all(weights);
    *out = weights;
    return 0;
}

/* The count is the only part that ever changes. */
static struct weights *writable(const struct weights *weights)
{
    struct weights *w;
    memcpy(&w, &weights, sizeof w);
    return w;
}

struct weights *weights_retain(const struct weights *weights)
{
    struct weights *w = writable(weights);
    if (w)
        atomic_fetch_add_explicit(&w->holders, 1, memory_order_relaxed);
    return w;
}

void weights_drop(const struct weights *weights)
{
    struct weights *w = writable(weights);
    if (!w ||
        atomic_fetch_sub_explicit(&w->holders, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < w->count; i++)
        tensor_release(&w->tensors[i]);
    for (size_t i = 0; w->masks && i < w->layer_count; i++)
        bitmask_release(&w->masks[i]);
    free(w->ids);
    free(w->tensors);
    free(w->contents);
    free(w->masks);
    free(w->decisions);
    free(w);
}

int weights_apply(struct graph **out, const struct graph *graph,
                  const struct weights *weights, struct error *err)
{
    if (weights)
        return op_with_constants(out, graph, weights->count, weights->ids,
                                 weights->tensors, weights->contents, err);
    *out = graph_retain(graph);
    return 0;
}

const struct bitmask *weights_mask(const struct weights *weights, size_t layer,
                                   const struct decision *decision)
{
    if (!weights || !decision->remove || !weights->masks[layer].words ||
        !decision_equal(&weights->decisions[layer], decision))
        return NULL;
    return &weights->masks[layer];
}

void weights_lower_scores(const struct weights *weights, size_t layer,
                          float *scores, int64_t count)
{
    if (!weights || !weights->masks[layer].words)
        return;
    const struct bitmask *mask = &weights->masks[layer];
    for (int64_t i = 0; i < count; i++)
        if (!bitmask_get(mask, (size_t)i))
            scores[i] = -1 / (1 + fabsf(scores[i]));
}

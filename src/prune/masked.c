/*
 * Masked weights are zero bytes, which is zero in every element type. An edit
 * changes a layer or two, and an edited model runs in several graphs (batches
 * of several sizes), so a layer is masked, hashed and counted once. What is
 * kept is of a certain buffer: a graph with other weights gets its own.
 */
#include "prune/masked.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

void masked_release(struct mask_set *set)
{
    for (size_t i = 0; set->masked && i < set->count; i++) {
        tensor_release(&set->masked[i].from);
        tensor_release(&set->masked[i].weight);
    }
    free(set->masked);
    set->masked = NULL;
}

static int reserve(struct mask_set *set, struct error *err)
{
    if (!set->masked)
        set->masked = array_create(set->count + 1, sizeof *set->masked);
    return set->masked ? 0
                       : error_memory(err, set->count * sizeof(*set->masked));
}

int masked_keep(struct mask_set *set, const struct mask_set *previous,
                size_t row, struct error *err)
{
    if (!previous->masked || !previous->masked[row].weight.data)
        return 0;
    if (reserve(set, err) < 0)
        return -1;
    const struct masked *known = &previous->masked[row];
    set->masked[row] =
        (struct masked){tensor_share(&known->from),
                        tensor_share(&known->weight), known->contents};
    return 0;
}

/* Up to 64 elements, the kept ones of a word of bits; the rest are zero. */
static void copy_some(unsigned char *to, const unsigned char *from, size_t size,
                      size_t count, uint64_t kept)
{
    if (kept == UINT64_MAX) {
        memcpy(to, from, count * size);
        return;
    }
    for (; kept; kept &= kept - 1) {
        size_t at = (size_t)__builtin_ctzll(kept) * size;
        if (size == sizeof(float))
            memcpy(to + at, from + at, sizeof(float));
        else
            memcpy(to + at, from + at, size);
    }
}

/* A copy of `in` with the elements whose bit is 0 cleared. */
static int masked_copy(struct tensor *out, const struct tensor *in,
                       const struct bitmask *mask, struct error *err)
{
    if (tensor_init(out, in->dtype, &in->shape, err) < 0)
        return -1;
    size_t size = dtype_size(in->dtype);
    for (size_t i = 0; i < mask->bits; i += 64) {
        size_t left = mask->bits - i;
        copy_some((unsigned char *)out->data + i * size,
                  (const unsigned char *)in->data + i * size, size,
                  left < 64 ? left : 64, mask->words[i / 64]);
    }
    return 0;
}

/* What a set keeps of this weight; NULL: nothing. */
static const struct masked *find(const struct mask_set *set, size_t row,
                                 const struct tensor *weight)
{
    const struct masked *known = set->masked ? &set->masked[row] : NULL;
    return known && known->weight.data && known->from.data == weight->data
               ? known
               : NULL;
}

int mask_set_keep(struct mask_set *set, const struct graph *graph,
                  const struct layer_table *layers, struct error *err)
{
    if (reserve(set, err) < 0)
        return -1;
    for (size_t i = 0; i < set->count; i++) {
        const struct tensor *weight =
            &graph->values[layers->layers[i].weight].constant;
        struct masked *masked = &set->masked[i];
        struct tensor copy;
        if (!set->masks[i].words || find(set, i, weight))
            continue;
        if (masked_copy(&copy, weight, &set->masks[i], err) < 0)
            return error_prefix(err, "layer '%s'", layers->layers[i].name);
        tensor_release(&masked->from);
        tensor_release(&masked->weight);
        *masked =
            (struct masked){tensor_share(weight), copy, graph_contents(&copy)};
    }
    return 0;
}

int masked_graph(struct graph **out, const struct graph *graph,
                 const struct layer_table *layers, const struct mask_set *set,
                 struct error *err)
{
    int result = -1;
    size_t count = 0;
    int *ids = array_create(layers->count, sizeof *ids);
    struct tensor *tensors = array_create(layers->count, sizeof *tensors);
    struct contents *contents = array_create(layers->count, sizeof *contents);
    if (!ids || !tensors || !contents) {
        error_memory(err, layers->count * sizeof *tensors);
        goto out;
    }
    for (size_t i = 0; i < set->count; i++) {
        int id = layers->layers[i].weight;
        const struct tensor *weight = &graph->values[id].constant;
        const struct masked *known = find(set, i, weight);
        if (!set->masks[i].words)
            continue;
        if (known) {
            tensors[count] = tensor_share(&known->weight);
            contents[count] = known->contents;
        } else if (masked_copy(&tensors[count], weight, &set->masks[i], err) <
                   0) {
            error_prefix(err, "layer '%s'", layers->layers[i].name);
            goto out;
        }
        ids[count++] = id;
    }
    result = graph_with_known(out, graph, count, ids, tensors, contents, err);
out:
    for (size_t i = 0; tensors && i < count; i++)
        tensor_release(&tensors[i]);
    free(contents);
    free(tensors);
    free(ids);
    return result;
}

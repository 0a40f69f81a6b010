/*
 * Constants of nodes lose the positions that go, or have zeros there, and what
 * stays takes its new place. What several nodes read and lose or order
 * differently becomes several constants.
 *
 * Operators only move labels, tie and lock them, so what holds for channels
 * holds for them in another order: besides constants nothing changes.
 */
#include "prune/shrink_draft.h"

#include "base/array.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned char *keeps[SHAPE_MAX_RANK];

/* --- kept positions --- */

static bool goes(const struct shrink *shrink, int label)
{
    return label >= 0 && shrink->removal->labels[label];
}

int64_t shrink_count(const unsigned char *keep, int64_t size)
{
    if (!keep)
        return size;
    int64_t count = 0;
    for (int64_t i = 0; i < size; i++)
        count += keep[i];
    return count;
}

/* Adds what this map takes to `keep`. */
int shrink_take(struct shrink *shrink, const struct label_map *map,
                unsigned char *keep[SHAPE_MAX_RANK], struct error *err)
{
    struct group_slabs slabs;
    if (group_slabs_of(&slabs, shrink->table, map, &shrink->arena, err) < 0)
        return -1;
    for (int d = 0; d < map->shape.rank; d++) {
        size_t size = (size_t)map->shape.dims[d];
        for (size_t i = 0; slabs.labels[d] && i < size; i++) {
            if (!goes(shrink, slabs.labels[d][i]))
                continue;
            if (!keep[d]) {
                keep[d] = arena_alloc(&shrink->arena, size + 1);
                if (!keep[d])
                    return error_memory(err, size);
                memset(keep[d], 1, size);
            }
            keep[d][i] = 0;
        }
    }
    return 0;
}

int shrink_keep(struct shrink *shrink, const struct label_map *map, keeps keep,
                struct error *err)
{
    memset(keep, 0, sizeof(keeps));
    return shrink_take(shrink, map, keep, err);
}

/* --- places in another order --- */

/* A position and its label. */
struct spot {
    int label, at;
};

static int compare_spots(const void *a, const void *b)
{
    const struct spot *x = a, *y = b;
    if (x->label != y->label)
        return x->label < y->label ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* The first of `count` sorted spots with this label; `count`: none. */
static size_t first_spot(const struct spot *spots, size_t count, int label)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (spots[middle].label < label)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Of a label with several positions the first comes to the first place. */
static int order_axis(const int *order, const int *slab, int size, int *from,
                      struct error *err)
{
    size_t count = (size_t)size;
    struct spot *spots = array_create(count + 1, sizeof *spots);
    int result = spots ? 0 : error_memory(err, count * sizeof *spots);
    for (int i = 0; i < size && !result; i++)
        spots[i] = (struct spot){slab[i], i};
    if (!result)
        qsort(spots, count, sizeof *spots, compare_spots);
    for (size_t s = 0, first = 0; s < count && !result; s++) {
        int label = spots[s].label;
        if (spots[first].label != label)
            first = s;
        size_t source = s;
        if (label >= 0 && order[label] != label)
            source = first_spot(spots, count, order[label]) + (s - first);
        if (source >= count ||
            (label >= 0 && spots[source].label != order[label]))
            result = error_set(err, ERROR_MISMATCH,
                               "a channel does not fit the place of another");
        else
            from[spots[s].at] = spots[source].at;
    }
    free(spots);
    return result;
}

int shrink_order(struct shrink *shrink, const struct label_map *map,
                 int *from[SHAPE_MAX_RANK], struct error *err)
{
    const int *order = shrink->removal->order;
    struct group_slabs slabs;
    if (!order)
        return 0;
    if (group_slabs_of(&slabs, shrink->table, map, &shrink->arena, err) < 0)
        return -1;
    for (int d = 0; d < map->shape.rank; d++) {
        int size = (int)map->shape.dims[d];
        const int *slab = slabs.labels[d];
        bool moves = false;
        for (int i = 0; slab && i < size; i++)
            moves = moves || (slab[i] >= 0 && order[slab[i]] != slab[i]);
        if (!moves)
            continue;
        int *mine = arena_array(&shrink->arena, (size_t)size, sizeof *mine);
        if (!mine)
            return error_memory(err, (size_t)size * sizeof *mine);
        if (order_axis(order, slab, size, mine, err) < 0)
            return -1;
        /* A depthwise filter is where its input and its output are. */
        if (from[d] && memcmp(from[d], mine, (size_t)size * sizeof *mine))
            return error_set(err, ERROR_MISMATCH,
                             "its channels would take two orders");
        from[d] = mine;
    }
    return 0;
}

/* --- constants --- */

/* The elements at kept positions, or all with zeros in place of the rest. */
static int cut(struct tensor *out, const struct tensor *in,
               const struct shrink_places *places, bool compact,
               struct error *err)
{
    int rank = in->shape.rank;
    unsigned char *const *keep = places->keep;
    struct shape shape = in->shape;
    int64_t index[SHAPE_MAX_RANK] = {0}, strides[SHAPE_MAX_RANK];
    shape_strides(&shape, strides);
    for (int d = 0; compact && d < rank; d++) {
        shape.dims[d] = shrink_count(keep[d], in->shape.dims[d]);
        if (!shape.dims[d])
            return error_set(err, ERROR_MISMATCH, "nothing would be left");
    }
    if (tensor_init(out, in->dtype, &shape, err) < 0)
        return -1;
    size_t size = dtype_size(in->dtype);
    int64_t count = tensor_elements(in),
            row = rank ? in->shape.dims[rank - 1] : 1;
    const unsigned char *last = rank ? keep[rank - 1] : NULL;
    const int *from = rank && compact ? places->from[rank - 1] : NULL;
    char *to = out->data;
    for (int64_t e = 0; e < count; e += row) {
        bool kept = true;
        int64_t begin = 0;
        for (int d = 0; d < rank - 1; d++) {
            bool moves = compact && places->from[d];
            kept = kept && (!keep[d] || keep[d][index[d]]);
            begin +=
                strides[d] * (moves ? places->from[d][index[d]] : index[d]);
        }
        const char *line = (const char *)in->data + (size_t)begin * size;
        for (int64_t i = 0; i < row && (kept || !compact); i++) {
            bool here = kept && (!last || last[i]);
            if (here)
                memcpy(to, line + (size_t)(from ? from[i] : i) * size, size);
            if (here || !compact)
                to += size;
        }
        for (int d = rank - 2; d >= 0; d--) {
            if (++index[d] < in->shape.dims[d])
                break;
            index[d] = 0;
        }
    }
    return 0;
}

static const char *unused_name(struct shrink *shrink, const char *hint,
                               struct error *err)
{
    size_t room = strlen(hint) + 24;
    char *name = arena_alloc(&shrink->arena, room);
    if (!name) {
        error_memory(err, room);
        return NULL;
    }
    for (int i = 1;; i++) {
        snprintf(name, room, "%s.kept%d", hint, i);
        if (graph_find_value(shrink->out, name) < 0)
            return name;
    }
}

int shrink_operand(struct shrink *shrink, struct draft *draft, size_t input,
                   const char *hint, const struct tensor *tensor,
                   struct error *err)
{
    const char *name = unused_name(shrink, hint, err);
    int id = name ? graph_add_value(shrink->out, name, err) : -1;
    if (id < 0 || graph_set_constant(shrink->out, id, tensor, err) < 0)
        return -1;
    size_t count = draft->input_count > input ? draft->input_count : input + 1;
    const char **inputs = arena_array(&shrink->arena, count, sizeof *inputs);
    if (!inputs)
        return error_memory(err, count * sizeof *inputs);
    for (size_t i = 0; i < count; i++)
        inputs[i] = i < draft->input_count ? draft->inputs[i] : "";
    inputs[input] = name;
    draft->inputs = inputs;
    draft->input_count = count;
    return 0;
}

static bool same_bytes(const void *a, const void *b, size_t bytes)
{
    return !a == !b && (!a || !memcmp(a, b, bytes));
}

static bool same_places(const struct shape *shape,
                        const struct shrink_places *a,
                        const struct shrink_places *b)
{
    for (int d = 0; d < shape->rank; d++) {
        size_t size = (size_t)shape->dims[d];
        if (!same_bytes(a->keep[d], b->keep[d], size) ||
            !same_bytes(a->from[d], b->from[d], size * sizeof **a->from))
            return false;
    }
    return true;
}

/* What becomes of an operand; uses of one operand stand together (a
 * convolution's inputs and outputs). Returns the first use behind them, 0 after
 * an error. */
static size_t operand_places(struct shrink *shrink, size_t first,
                             struct shrink_places *places, struct error *err)
{
    const struct group_table *table = shrink->table;
    const struct label_use *use = &table->uses[first];
    size_t next = first;
    for (; next < table->use_count; next++) {
        const struct label_use *other = &table->uses[next];
        if (other->node != use->node || other->input != use->input)
            break;
        bool compact = shrink->mode == SHRINK_COMPACT;
        if ((compact || other->masked) &&
            shrink_take(shrink, &other->map, places->keep, err) < 0)
            return 0;
        if (compact && shrink_order(shrink, &other->map, places->from, err) < 0)
            return 0;
    }
    return next;
}

/* Operands that read a stored constant, also through nodes that move it. */
static int count_operands(const struct graph *graph, int stored)
{
    int count = 0;
    for (size_t n = 0; n < graph->node_count; n++) {
        const struct node *node = &graph->nodes[n];
        for (int i = 0; i < node->input_count; i++)
            count += !(graph->folded && graph->folded[n]) &&
                     node->inputs[i] >= 0 &&
                     graph_stored(graph, node->inputs[i]) == stored;
    }
    return count;
}

/*
 * Whether all readers of what `use` reads lose the same of it, perhaps through
 * Identities (exporters store equal tensors once): 1; 0; -1 after an error.
 * Then the stored constant is cut, and they go on sharing it.
 */
static int lose_alike(struct shrink *shrink, const struct label_use *use,
                      const struct shrink_places *places, struct error *err)
{
    const struct graph *graph = shrink->graph;
    const struct group_table *table = shrink->table;
    int stored = graph_stored(graph, use->value), readers = 0;
    const struct value *whole = &graph->values[stored];
    for (size_t i = 0, next; i < table->use_count; i = next) {
        const struct label_use *other = &table->uses[i];
        const struct value *value = &graph->values[other->value];
        struct shrink_places theirs = {{NULL}, {NULL}};
        next = i + 1;
        if (graph_stored(graph, other->value) != stored)
            continue;
        if (!(next = operand_places(shrink, i, &theirs, err)))
            return -1;
        if (value->content_hash != whole->content_hash ||
            !shape_equal(&value->constant.shape, &whole->constant.shape) ||
            !same_places(&whole->constant.shape, places, &theirs))
            return 0;
        readers++;
    }
    return readers == count_operands(graph, stored);
}

/* The weight of a layer changes where it is stored. */
static int cut_weight(struct shrink *shrink, const struct label_use *use,
                      const struct shrink_places *places, struct error *err)
{
    const struct graph *graph = shrink->graph;
    int stored = graph_stored(graph, use->value), axes[SHAPE_MAX_RANK];
    struct shrink_places turned = {{NULL}, {NULL}};
    if (shrink->constants[stored].data)
        return 0; /* by another node that shares it */
    group_stored_axes(graph, use->value, axes);
    for (int i = 0; i < use->map.shape.rank; i++) {
        turned.keep[axes[i]] = places->keep[i];
        turned.from[axes[i]] = places->from[i];
    }
    return cut(&shrink->constants[stored], &graph->values[stored].constant,
               &turned, shrink->mode == SHRINK_COMPACT, err);
}

static int cut_operand(struct shrink *shrink, const struct label_use *use,
                       const struct shrink_places *places, struct error *err)
{
    const struct graph *graph = shrink->graph;
    const struct value *value = &graph->values[use->value];
    bool compact = shrink->mode == SHRINK_COMPACT;
    if (graph->nodes[use->node].op->weight_input == use->input)
        return cut_weight(shrink, use, places, err);
    if (value->initializer && shrink->readers[use->value] == 1)
        return cut(&shrink->constants[use->value], &value->constant, places,
                   compact, err);
    int alike = lose_alike(shrink, use, places, err);
    int stored = graph_stored(graph, use->value);
    if (alike < 0 || (alike && shrink->constants[stored].data))
        return alike < 0 ? -1 : 0;
    if (alike)
        return cut(&shrink->constants[stored], &graph->values[stored].constant,
                   places, compact, err);
    struct tensor tensor;
    if (cut(&tensor, &value->constant, places, compact, err) < 0)
        return -1;
    int result = shrink_operand(shrink, &shrink->drafts[use->node],
                                (size_t)use->input, value->name, &tensor, err);
    tensor_release(&tensor);
    return result;
}

static bool is_empty(const struct shrink_places *places)
{
    for (int i = 0; i < SHAPE_MAX_RANK; i++)
        if (places->keep[i] || places->from[i])
            return false;
    return true;
}

int shrink_constants(struct shrink *shrink, struct error *err)
{
    const struct group_table *table = shrink->table;
    for (size_t i = 0, next; i < table->use_count; i = next) {
        const struct label_use *use = &table->uses[i];
        struct shrink_places places = {{NULL}, {NULL}};
        if (!(next = operand_places(shrink, i, &places, err)))
            return -1;
        if (!is_empty(&places) && cut_operand(shrink, use, &places, err) < 0)
            return error_prefix(err, "'%.200s'",
                                shrink->graph->values[use->value].name);
    }
    return 0;
}

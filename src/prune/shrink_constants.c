/*
 * Constants of nodes lose the positions that go, or have zeros there. What
 * several nodes read and lose different parts of becomes several constants.
 */
#include "prune/shrink_draft.h"

#include <stdio.h>
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

/* --- constants --- */

/* The elements at kept positions, or all with zeros in place of the rest. */
static int cut(struct tensor *out, const struct tensor *in, keeps keep,
               bool compact, struct error *err)
{
    int rank = in->shape.rank;
    struct shape shape = in->shape;
    int64_t index[SHAPE_MAX_RANK] = {0};
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
    const char *from = in->data;
    char *to = out->data;
    for (int64_t e = 0; e < count; e += row, from += (size_t)row * size) {
        bool kept = true;
        for (int d = 0; d < rank - 1; d++)
            kept = kept && (!keep[d] || keep[d][index[d]]);
        for (int64_t i = 0; i < row && (kept || !compact); i++) {
            bool here = kept && (!last || last[i]);
            if (here)
                memcpy(to, from + (size_t)i * size, size);
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

static bool same_keep(const struct shape *shape, keeps a, keeps b)
{
    for (int d = 0; d < shape->rank; d++)
        if (!a[d] != !b[d] ||
            (a[d] && memcmp(a[d], b[d], (size_t)shape->dims[d]) != 0))
            return false;
    return true;
}

/* What an operand loses; uses of one operand stand together (a convolution's
 * inputs and outputs). Returns the first use behind them, 0 after an error. */
static size_t operand_keep(struct shrink *shrink, size_t first, keeps keep,
                           struct error *err)
{
    const struct group_table *table = shrink->table;
    const struct label_use *use = &table->uses[first];
    size_t next = first;
    for (; next < table->use_count; next++) {
        const struct label_use *other = &table->uses[next];
        if (other->node != use->node || other->input != use->input)
            break;
        if ((shrink->mode == SHRINK_COMPACT || other->masked) &&
            shrink_take(shrink, &other->map, keep, err) < 0)
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
                      keeps keep, struct error *err)
{
    const struct graph *graph = shrink->graph;
    const struct group_table *table = shrink->table;
    int stored = graph_stored(graph, use->value), readers = 0;
    const struct value *whole = &graph->values[stored];
    for (size_t i = 0, next; i < table->use_count; i = next) {
        const struct label_use *other = &table->uses[i];
        const struct value *value = &graph->values[other->value];
        keeps theirs = {NULL};
        next = i + 1;
        if (graph_stored(graph, other->value) != stored)
            continue;
        if (!(next = operand_keep(shrink, i, theirs, err)))
            return -1;
        if (value->content_hash != whole->content_hash ||
            !shape_equal(&value->constant.shape, &whole->constant.shape) ||
            !same_keep(&whole->constant.shape, keep, theirs))
            return 0;
        readers++;
    }
    return readers == count_operands(graph, stored);
}

/* The weight of a layer changes where it is stored. */
static int cut_weight(struct shrink *shrink, const struct label_use *use,
                      keeps keep, struct error *err)
{
    const struct graph *graph = shrink->graph;
    int stored = graph_stored(graph, use->value), axes[SHAPE_MAX_RANK];
    keeps turned = {NULL};
    if (shrink->constants[stored].data)
        return 0; /* by another node that shares it */
    group_stored_axes(graph, use->value, axes);
    for (int i = 0; i < use->map.shape.rank; i++)
        turned[axes[i]] = keep[i];
    return cut(&shrink->constants[stored], &graph->values[stored].constant,
               turned, shrink->mode == SHRINK_COMPACT, err);
}

static int cut_operand(struct shrink *shrink, const struct label_use *use,
                       keeps keep, struct error *err)
{
    const struct graph *graph = shrink->graph;
    const struct value *value = &graph->values[use->value];
    bool compact = shrink->mode == SHRINK_COMPACT;
    if (graph->nodes[use->node].op->weight_input == use->input)
        return cut_weight(shrink, use, keep, err);
    if (value->initializer && shrink->readers[use->value] == 1)
        return cut(&shrink->constants[use->value], &value->constant, keep,
                   compact, err);
    int alike = lose_alike(shrink, use, keep, err);
    int stored = graph_stored(graph, use->value);
    if (alike < 0 || (alike && shrink->constants[stored].data))
        return alike < 0 ? -1 : 0;
    if (alike)
        return cut(&shrink->constants[stored], &graph->values[stored].constant,
                   keep, compact, err);
    struct tensor tensor;
    if (cut(&tensor, &value->constant, keep, compact, err) < 0)
        return -1;
    int result = shrink_operand(shrink, &shrink->drafts[use->node],
                                (size_t)use->input, value->name, &tensor, err);
    tensor_release(&tensor);
    return result;
}

static bool is_empty(keeps keep)
{
    for (int i = 0; i < SHAPE_MAX_RANK; i++)
        if (keep[i])
            return false;
    return true;
}

int shrink_constants(struct shrink *shrink, struct error *err)
{
    const struct group_table *table = shrink->table;
    for (size_t i = 0, next; i < table->use_count; i = next) {
        const struct label_use *use = &table->uses[i];
        keeps keep = {NULL};
        if (!(next = operand_keep(shrink, i, keep, err)))
            return -1;
        if (!is_empty(keep) && cut_operand(shrink, use, keep, err) < 0)
            return error_prefix(err, "'%.200s'",
                                shrink->graph->values[use->value].name);
    }
    return 0;
}

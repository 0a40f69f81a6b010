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

static int set_operand(struct shrink *shrink, struct draft *draft, size_t input,
                       const char *name, struct error *err)
{
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

int shrink_operand(struct shrink *shrink, struct draft *draft, size_t input,
                   const char *hint, const struct tensor *tensor,
                   struct error *err)
{
    const char *name = unused_name(shrink, hint, err);
    int id = name ? graph_add_value(shrink->out, name, err) : -1;
    if (id < 0 || graph_set_constant(shrink->out, id, tensor, err) < 0)
        return -1;
    return set_operand(shrink, draft, input, name, err);
}

/* A constant that was cut for one of its readers; others that lose the same
 * share it, as they shared the whole (perhaps through an Identity). */
struct cut_constant {
    struct cut_constant *next;
    int stored;
    uint64_t content_hash; /* of the whole */
    keeps keep;
    const char *name;
};

static bool same_keep(const struct shape *shape, keeps a, keeps b)
{
    for (int d = 0; d < shape->rank; d++)
        if (!a[d] != !b[d] ||
            (a[d] && memcmp(a[d], b[d], (size_t)shape->dims[d]) != 0))
            return false;
    return true;
}

static const char *find_cut(const struct shrink *shrink, int value, keeps keep)
{
    const struct value *whole = &shrink->graph->values[value];
    int stored = graph_stored(shrink->graph, value);
    for (struct cut_constant *c = shrink->cuts; c; c = c->next)
        if (c->stored == stored && c->content_hash == whole->content_hash &&
            same_keep(&whole->constant.shape, c->keep, keep))
            return c->name;
    return NULL;
}

static int note_cut(struct shrink *shrink, int value, keeps keep,
                    const char *name, struct error *err)
{
    struct cut_constant *c = arena_alloc(&shrink->arena, sizeof *c);
    if (!c)
        return error_memory(err, sizeof *c);
    *c = (struct cut_constant){.next = shrink->cuts,
                               .stored = graph_stored(shrink->graph, value),
                               .content_hash =
                                   shrink->graph->values[value].content_hash,
                               .name = name};
    memcpy(c->keep, keep, sizeof c->keep);
    shrink->cuts = c;
    return 0;
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
    const char *same = find_cut(shrink, use->value, keep);
    struct draft *draft = &shrink->drafts[use->node];
    size_t input = (size_t)use->input;
    if (same)
        return set_operand(shrink, draft, input, same, err);
    struct tensor tensor;
    if (cut(&tensor, &value->constant, keep, compact, err) < 0)
        return -1;
    int result =
        shrink_operand(shrink, draft, input, value->name, &tensor, err);
    tensor_release(&tensor);
    return result < 0
               ? -1
               : note_cut(shrink, use->value, keep, draft->inputs[input], err);
}

static bool is_empty(keeps keep)
{
    for (int i = 0; i < SHAPE_MAX_RANK; i++)
        if (keep[i])
            return false;
    return true;
}

/* Uses of one operand stand together: a convolution's inputs and outputs. */
int shrink_constants(struct shrink *shrink, struct error *err)
{
    const struct group_table *table = shrink->table;
    for (size_t i = 0, next; i < table->use_count; i = next) {
        const struct label_use *use = &table->uses[i];
        keeps keep = {NULL};
        for (next = i; next < table->use_count; next++) {
            const struct label_use *other = &table->uses[next];
            if (other->node != use->node || other->input != use->input)
                break;
            if ((shrink->mode == SHRINK_COMPACT || other->masked) &&

                shrink_take(shrink, &other->map, keep, err) < 0)
                return -1;
        }
        if (is_empty(keep))
            continue;
        if (cut_operand(shrink, use, keep, err) < 0)
            return error_prefix(err, "'%.200s'",
                                shrink->graph->values[use->value].name);
    }
    return 0;
}

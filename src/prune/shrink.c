/*
 * Every node of the model is drafted anew: its constants lose what goes, its
 * sizes are said anew (shrink_nodes.c), branches that are passed over leave
 * an Identity. What nobody needs then becomes a placeholder that folds away,
 * so that node and value ids stay those of the model.
 */
#include "prune/shrink.h"

#include "base/array.h"
#include "prune/block_plain.h"
#include "prune/shrink_draft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char nothing[] = "espalier.nothing"; /* what placeholders read */

static const char *name_of(const struct graph *graph, int id)
{
    return id < 0 ? "" : graph->values[id].name;
}

/* --- blocks --- */

/* The constants that make its result: it adds nothing, or hands on. */
static int mask_block(struct shrink *shrink, const struct block *block,
                      struct error *err)
{
    const struct graph *graph = shrink->graph;
    for (size_t i = 0; i < block->end_count; i++) {
        const struct block_end *end = &block->ends[i];
        int value = graph->nodes[end->node].inputs[end->input];
        struct tensor filled;
        if (block_end_fill(&filled, graph, end, err) < 0)
            return -1;
        int result = shrink_operand(shrink, &shrink->drafts[end->node],
                                    (size_t)end->input,
                                    graph->values[value].name, &filled, err);
        tensor_release(&filled);
        if (result < 0)
            return -1;
    }
    return 0;
}

static int pass_blocks(struct shrink *shrink, struct error *err)
{
    const struct block_table *blocks = shrink->layers->blocks;
    for (size_t i = 0; shrink->removal->blocks && i < blocks->count; i++) {
        const struct block *block = &blocks->blocks[i];
        if (!shrink->removal->blocks[i])
            continue;
        if (shrink->mode == SHRINK_MASK) {
            if (mask_block(shrink, block, err) < 0)
                return -1;
            continue;
        }
        struct draft *draft = &shrink->drafts[block->add];
        draft->type = "Identity";
        if (block->plain) {
            draft->inputs = arena_array(&shrink->arena, 1, sizeof(char *));
            if (!draft->inputs)
                return error_memory(err, sizeof(char *));
            draft->inputs[0] = name_of(shrink->graph, block->entry);
        } else {
            draft->inputs += !block->operand; /* the other operand */
        }
        draft->input_count = 1;
        draft->attribute_count = 0;
    }
    return 0;
}

/* --- drafts --- */

static int make_draft(struct shrink *shrink, size_t id, struct error *err)
{
    const struct node *node = &shrink->graph->nodes[id];
    struct draft *draft = &shrink->drafts[id];
    *draft = (struct draft){.type = node->type,
                            .input_count = (size_t)node->input_count,
                            .output_count = (size_t)node->output_count,
                            .attribute_count = node->attribute_count};
    draft->inputs = arena_array(&shrink->arena, draft->input_count + 1,
                                sizeof *draft->inputs);
    draft->outputs = arena_array(&shrink->arena, draft->output_count + 1,
                                 sizeof *draft->outputs);
    draft->attributes = arena_array(&shrink->arena, node->attribute_count + 1,
                                    sizeof *draft->attributes);
    if (!draft->inputs || !draft->outputs || !draft->attributes)
        return error_memory(err, sizeof *draft);
    for (int i = 0; i < node->input_count; i++) {
        draft->inputs[i] = name_of(shrink->graph, node->inputs[i]);
        if (node->inputs[i] >= 0)
            shrink->readers[node->inputs[i]]++;
    }
    for (int i = 0; i < node->output_count; i++)
        draft->outputs[i] = name_of(shrink->graph, node->outputs[i]);
    for (size_t i = 0; i < node->attribute_count; i++)
        draft->attributes[i] = node->attributes[i];
    return 0;
}

/* Names only: ids of the new graph are those of the model. */
static int begin(struct shrink *shrink, struct error *err)
{
    const struct graph *graph = shrink->graph;
    size_t values = graph->value_count, nodes = graph->node_count;
    shrink->drafts =
        arena_array(&shrink->arena, nodes + 1, sizeof *shrink->drafts);
    shrink->constants = array_create(values + 1, sizeof *shrink->constants);
    shrink->readers =
        arena_array(&shrink->arena, values + 1, sizeof *shrink->readers);
    if (!shrink->drafts || !shrink->constants || !shrink->readers)
        return error_memory(err, values * sizeof *shrink->constants);
    if (graph_create(&shrink->out, err) < 0)
        return -1;
    for (size_t i = 0; i < values; i++)
        if (graph_add_value(shrink->out, graph->values[i].name, err) < 0)
            return -1;
    for (size_t i = 0; i < nodes; i++)
        if (make_draft(shrink, i, err) < 0)
            return -1;
    return 0;
}

static int draft_nodes(struct shrink *shrink, struct error *err)
{
    const struct graph *graph = shrink->graph;
    for (size_t i = 0; i < graph->node_count; i++) {
        bool folded = graph->folded && graph->folded[i];
        if (!folded && shrink_node(shrink, (int)i, &shrink->drafts[i], err) < 0)
            return -1;
    }
    return shrink_shuffles(shrink, err);
}

/* --- what is still needed --- */

/* Marks the values that outputs depend on; nodes are in order. */
static bool *needed_values(struct shrink *shrink, struct error *err)
{
    const struct graph *graph = shrink->graph, *out = shrink->out;
    bool *needed = array_create(out->value_count + 1, sizeof *needed);
    if (!needed) {
        error_memory(err, out->value_count);
        return NULL;
    }
    for (size_t i = 0; i < graph->output_count; i++)
        needed[graph->outputs[i]] = true;
    for (size_t i = graph->node_count; i-- > 0;) {
        const struct draft *draft = &shrink->drafts[i];
        bool wanted = false;
        for (size_t j = 0; j < draft->output_count; j++)
            wanted =
                wanted || (draft->outputs[j][0] &&
                           needed[graph_find_value(out, draft->outputs[j])]);
        for (size_t j = 0; wanted && j < draft->input_count; j++)
            if (draft->inputs[j][0])
                needed[graph_find_value(out, draft->inputs[j])] = true;
    }
    return needed;
}

static void hold_place(const struct shrink *shrink, struct draft *draft)
{
    draft->type = "Identity";
    draft->inputs = shrink->placeholder;
    draft->input_count = 1;
    draft->output_count = 1;
    draft->attribute_count = 0;
}

static int add_nothing(struct shrink *shrink, struct error *err)
{
    struct tensor zero;
    struct shape scalar = {0};
    int id = graph_add_value(shrink->out, nothing, err);
    shrink->placeholder = arena_array(&shrink->arena, 1, sizeof(char *));
    if (!shrink->placeholder)
        return error_memory(err, sizeof(char *));
    shrink->placeholder[0] = nothing;
    if (id < 0 || tensor_init(&zero, DTYPE_FLOAT32, &scalar, err) < 0)
        return -1;
    int result = graph_set_constant(shrink->out, id, &zero, err);
    tensor_release(&zero);
    return result;
}

/* --- the new graph --- */

/* A Constant node says its tensor itself; it may have changed since. */
static void say_constant(struct shrink *shrink, size_t id)
{
    const struct node *node = &shrink->graph->nodes[id];
    struct draft *draft = &shrink->drafts[id];
    if (strcmp(draft->type, "Constant") != 0)
        return;
    const struct graph *model =
        shrink->graph->origin ? shrink->graph->origin : shrink->graph;
    int value = node->outputs[0];
    const struct tensor *tensor = &shrink->constants[value];
    if (!tensor->data) {
        if (shrink->graph->values[value].content_hash ==
            model->values[value].content_hash)
            return;
        tensor = &shrink->graph->values[value].constant;
    }
    for (size_t i = 0; i < draft->attribute_count; i++)
        if (!strcmp(draft->attributes[i].name, "value"))
            draft->attributes[i].tensor = *tensor;
}

static int add_node(struct shrink *shrink, size_t id, struct error *err)
{
    const struct node *node = &shrink->graph->nodes[id];
    struct draft *draft = &shrink->drafts[id];
    say_constant(shrink, id);
    return graph_add_node(shrink->out, node->name, draft->type, node->domain,
                          node->opset, draft->input_count, draft->inputs,
                          draft->output_count, draft->outputs,
                          draft->attribute_count, draft->attributes, err);
}

static int add_constants(struct shrink *shrink, const bool *needed,
                         struct error *err)
{
    const struct graph *graph = shrink->graph;
    for (size_t i = 0; i < graph->value_count; i++) {
        const struct value *value = &graph->values[i];
        const struct tensor *tensor = shrink->constants[i].data
                                          ? &shrink->constants[i]
                                          : &value->constant;
        if (value->initializer && needed[i] &&
            graph_set_constant(shrink->out, (int)i, tensor, err) < 0)
            return -1;
    }
    return 0;
}

static int add_ends(struct shrink *shrink, struct error *err)
{
    const struct graph *graph = shrink->graph;
    const struct graph *model = graph->origin ? graph->origin : graph;
    for (size_t i = 0; i < graph->input_count; i++) {
        int id = graph->inputs[i];
        shrink->out->values[id].dtype = model->values[id].dtype;
        shrink->out->values[id].shape = model->values[id].shape;
        if (graph_add_input(shrink->out, id, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < graph->output_count; i++)
        if (graph_add_output(shrink->out, graph->outputs[i], err) < 0)
            return -1;
    shrink->out->declared_batch = model->declared_batch;
    return 0;
}

static int finish(struct shrink *shrink, struct error *err)
{
    const struct graph *graph = shrink->graph;
    if (add_nothing(shrink, err) < 0)
        return -1;
    bool *needed = needed_values(shrink, err);
    if (!needed)
        return -1;
    int result = 0;
    for (size_t i = 0; i < graph->node_count && result == 0; i++) {
        struct draft *draft = &shrink->drafts[i];
        bool wanted = shrink->mode == SHRINK_MASK;
        for (size_t j = 0; j < draft->output_count; j++)
            wanted = wanted ||
                     (draft->outputs[j][0] &&
                      needed[graph_find_value(shrink->out, draft->outputs[j])]);
        if (!wanted)
            hold_place(shrink, draft);
        result = add_node(shrink, i, err);
    }
    for (size_t i = 0; shrink->mode == SHRINK_MASK && i < graph->value_count;
         i++)
        needed[i] = true;
    if (result == 0)
        result = add_constants(shrink, needed, err);
    free(needed);
    if (result < 0 || add_ends(shrink, err) < 0 ||
        graph_finish(shrink->out, err) < 0)
        return -1;
    return op_resolve(shrink->out, err);
}

static void release(struct shrink *shrink)
{
    for (size_t i = 0; shrink->constants && i < shrink->graph->value_count; i++)
        tensor_release(&shrink->constants[i]);
    free(shrink->constants);
    graph_drop(shrink->pair);
    graph_drop(shrink->out);
    arena_release(&shrink->arena);
}

int shrink_graph(struct graph **out, const struct graph *graph,
                 const struct layer_table *layers,
                 const struct removal *removal, enum shrink_mode mode,
                 struct error *err)
{
    struct shrink shrink = {.graph = graph,
                            .layers = layers,
                            .table = layers->groups,
                            .removal = removal,
                            .mode = mode};
    *out = NULL;
    int result = begin(&shrink, err);
    if (result == 0 && mode == SHRINK_COMPACT)
        result = draft_nodes(&shrink, err);
    if (result == 0)
        result = shrink_constants(&shrink, err);
    if (result == 0)
        result = pass_blocks(&shrink, err);
    if (result == 0)
        result = finish(&shrink, err);
    if (result == 0) {
        *out = shrink.out;
        shrink.out = NULL;
    }
    release(&shrink);
    return result;
}

int shrink_weight(const struct graph *graph, const struct layer_table *layers,
                  const struct removal *removal, size_t row,
                  struct shrink_places *places, struct arena *arena,
                  struct error *err)
{
    struct shrink shrink = {.graph = graph,
                            .layers = layers,
                            .table = layers->groups,
                            .removal = removal,
                            .mode = SHRINK_COMPACT,
                            .arena = *arena};
    const struct layer *layer = &layers->layers[row];
    int result = 0;
    struct shrink_places mine = {{NULL}, {NULL}};
    *places = mine;
    for (size_t i = 0; i < shrink.table->use_count && result == 0; i++) {
        const struct label_use *use = &shrink.table->uses[i];
        int axes[SHAPE_MAX_RANK];
        if (use->node != layer->node ||
            graph->nodes[use->node].op->weight_input != use->input)
            continue;
        group_stored_axes(graph, use->value, axes);
        result = shrink_take(&shrink, &use->map, mine.keep, err);
        if (result == 0)
            result = shrink_order(&shrink, &use->map, mine.from, err);
        for (int d = 0; d < use->map.shape.rank && result == 0; d++) {
            if (mine.keep[d])
                places->keep[axes[d]] = mine.keep[d];
            if (mine.from[d])
                places->from[axes[d]] = mine.from[d];
        }
    }
    *arena = shrink.arena;
    return result;
}

/*
 * The walk: every node's `couple` face in order of execution, then what needs
 * the whole graph: outputs are locked, constants that are read twice lose the
 * same elements for both readers, and every unit becomes a set of whole slabs
 * (what is left of a tensor must be a tensor again).
 */
#include "prune/group_walk.h"

#include "base/array.h"
#include "op/instance.h"

#include <stdlib.h>
#include <string.h>

/* --- one node --- */

struct frame {
    struct tensor *tensors;
    const struct tensor **inputs;
    struct tensor **outputs;
    struct label_map *input_maps, *output_maps;
};

static void frame_release(struct frame *frame)
{
    free(frame->tensors);
    free(frame->inputs);
    free(frame->outputs);
    free(frame->input_maps);
    free(frame->output_maps);
}

static int frame_init(struct frame *frame, const struct node *node,
                      struct error *err)
{
    size_t in = (size_t)node->input_count, out = (size_t)node->output_count;
    *frame = (struct frame){
        .tensors = array_create(in + out + 1, sizeof *frame->tensors),
        .inputs = array_create(in + 1, sizeof *frame->inputs),
        .outputs = array_create(out + 1, sizeof *frame->outputs),
        .input_maps = array_create(in + 1, sizeof *frame->input_maps),
        .output_maps = array_create(out + 1, sizeof *frame->output_maps),
    };
    if (frame->tensors && frame->inputs && frame->outputs &&
        frame->input_maps && frame->output_maps)
        return 0;
    frame_release(frame);
    return error_memory(err, (in + out) * sizeof *frame->tensors);
}

/* An operator without the face: nothing that reaches it can go. */
static void refuse(struct coupling *coupling)
{
    const char *why = couple_by(coupling, "no rule says what it means for");
    for (int i = 0; i < coupling->call->node->input_count; i++)
        couple_lock(coupling, i, why);
    for (int i = 0; i < coupling->call->node->output_count; i++)
        coupling->outputs[i].why = why;
}

static int visit(struct coupling *coupling, struct group_table *table,
                 const struct graph *graph, int id, struct error *err)
{
    const struct node *node = &graph->nodes[id];
    struct frame frame;
    struct op_call call;
    if (frame_init(&frame, node, err) < 0)
        return -1;
    op_call_of(graph, id, &call, frame.tensors, frame.inputs,
               frame.tensors + node->input_count, frame.outputs);
    coupling->call = &call;
    coupling->node = id;
    coupling->inputs = frame.input_maps;
    coupling->outputs = frame.output_maps;
    const char *why = "";
    for (int i = 0; i < node->input_count; i++) {
        if (node->inputs[i] < 0)
            continue;
        frame.input_maps[i] = table->values[node->inputs[i]];
        if (frame.input_maps[i].why && frame.input_maps[i].why[0])
            why = frame.input_maps[i].why;
    }
    for (int i = 0; i < node->output_count; i++)
        if (frame.outputs[i])
            frame.output_maps[i] =
                label_map_none(&frame.outputs[i]->shape, why);
    int result = 0;
    if (node->op->couple)
        result = node->op->couple(coupling, err);
    else
        refuse(coupling);
    for (int i = 0; i < node->output_count && result == 0; i++)
        if (node->outputs[i] >= 0)
            table->values[node->outputs[i]] = frame.output_maps[i];
    frame_release(&frame);
    return result < 0 ? error_prefix(err, "node '%.200s' (%.60s)", node->name,
                                     node->type)
                      : 0;
}

static int visit_all(struct group_table *table, const struct graph *graph,
                     struct error *err)
{
    struct coupling coupling = {.labels = &table->labels};
    int result = 0;
    for (size_t i = 0; i < graph->value_count; i++)
        table->values[i] = label_map_none(&graph->values[i].shape, "");
    for (size_t i = 0; i < graph->input_count; i++)
        table->values[graph->inputs[i]].why = "it meets the model's input";
    for (size_t i = 0; i < graph->node_count && result == 0; i++)
        if (!graph->folded[i])
            result = visit(&coupling, table, graph, (int)i, err);
    table->uses = coupling.uses;
    table->use_count = coupling.use_count;
    table->roots = coupling.roots;
    table->root_count = coupling.root_count;
    for (size_t i = 0; i < graph->output_count; i++)
        label_map_lock(&table->labels, &table->values[graph->outputs[i]],
                       "it is the model's output");
    return result;
}

/* --- weights with several readers --- */

static bool is_weight(const struct graph *graph, const struct label_use *use)
{
    return graph->nodes[use->node].op->weight_input == use->input;
}

/* Whether more than Identity, Cast and Transpose lie in front of it. */
static bool is_reshaped(const struct graph *graph, int value)
{
    static const char *const plain[] = {"Identity", "Cast", "Transpose"};
    int stored = graph_stored(graph, value);
    while (value != stored) {
        const struct node *node = &graph->nodes[graph->values[value].producer];
        bool is_plain = false;
        for (size_t i = 0; i < ARRAY_LENGTH(plain); i++)
            is_plain = is_plain || !strcmp(node->type, plain[i]);
        if (!is_plain)
            return true;
        value = node->inputs[0];
    }
    return false;
}

static bool overlap(const struct label_map *a, const struct label_map *b)
{
    for (int i = 0; i < a->shape.rank; i++)
        if (label_map_depends(a, i) && label_map_depends(b, i))
            return true;
    return false;
}

/*
 * A weight that two nodes share stays one weight: it loses the same elements
 * for both. What only one reader could lose stays, also where that reader is
 * computed at load (a recurrent cell's first step, on a state of zeros). Other
 * constants (a bias
 * that an exporter merged with an equal one) simply become two.
 */
static void meet_weight(struct group_table *table, const struct graph *graph,
                        size_t mine)
{
    const struct label_use *use = &table->uses[mine];
    int stored = graph_stored(graph, use->value);
    if (is_reshaped(graph, use->value))
        label_map_lock(&table->labels, &use->map,
                       "its weight is stored in another shape");
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        int input = node->op->weight_input;
        if ((int)i == use->node || input < 0 || input >= node->input_count ||
            node->inputs[input] < 0 ||
            !graph->values[node->inputs[input]].constant.data ||
            graph_stored(graph, node->inputs[input]) != stored)
            continue;
        bool met = false;
        for (size_t j = 0; j < table->use_count; j++) {
            const struct label_use *other = &table->uses[j];
            if (other->node != (int)i || other->input != input ||
                !shape_equal(&other->map.shape, &use->map.shape) ||
                !overlap(&use->map, &other->map))
                continue;
            label_map_tie(&table->labels, &use->map, &other->map);
            met = true;
        }
        if (!met)
            label_map_lock(&table->labels, &use->map,
                           "its weight is shared with a layer that keeps it");
    }
}

static void meet_weights(struct group_table *table, const struct graph *graph)
{
    for (size_t i = 0; i < table->use_count; i++)
        if (is_weight(graph, &table->uses[i]))
            meet_weight(table, graph, i);
}

/* --- permutations of channels --- */

static int only_consumer(const struct graph *graph, int value)
{
    int node;
    return graph_consumers(graph, value, &node, 1) == 1 &&
                   !graph_is_output(graph, value)
               ? node
               : -1;
}

/* (n, c, ...) as (n, g, c / g, ...), swapped, and back. */
static bool is_shuffle(const struct graph *graph, int swap,
                       struct group_shuffle *shuffle)
{
    const struct node *node = &graph->nodes[swap];
    if (graph->folded[swap] || strcmp(node->type, "Transpose") != 0)
        return false;
    int before = graph->values[node->inputs[0]].producer;
    int after = only_consumer(graph, node->outputs[0]);
    if (before < 0 || after < 0 ||
        only_consumer(graph, node->inputs[0]) != swap ||
        strcmp(graph->nodes[before].type, "Reshape") != 0 ||
        strcmp(graph->nodes[after].type, "Reshape") != 0 ||
        graph->nodes[after].inputs[0] != node->outputs[0])
        return false;
    const struct shape *in =
        &graph->values[graph->nodes[before].inputs[0]].shape;
    const struct shape *out =
        &graph->values[graph->nodes[after].outputs[0]].shape;
    const struct shape *wide = &graph->values[node->inputs[0]].shape;
    const struct shape *turned = &graph->values[node->outputs[0]].shape;
    if (!shape_equal(in, out) || in->rank < 2 || wide->rank != in->rank + 1 ||
        wide->dims[0] != in->dims[0] || turned->dims[1] != wide->dims[2] ||
        turned->dims[2] != wide->dims[1])
        return false;
    const struct attribute *perm = graph_attribute(node, "perm");
    if (!perm || perm->count != (size_t)wide->rank)
        return false;
    for (int i = 0; i < wide->rank; i++)
        if (perm->integers[i] != (i == 1   ? 2
                                  : i == 2 ? 1
                                           : i) ||
            (i > 2 && wide->dims[i] != in->dims[i - 1]))
            return false;
    *shuffle = (struct group_shuffle){before, swap, after};
    return true;
}

static int find_shuffles(struct group_table *table, const struct graph *graph,
                         struct error *err)
{
    size_t capacity = 0;
    for (size_t i = 0; i < graph->node_count; i++) {
        struct group_shuffle found;
        if (!is_shuffle(graph, (int)i, &found) ||
            label_map_axis(
                &table->values[graph->nodes[found.before].inputs[0]]) != 1)
            continue;
        if (array_reserve(&table->shuffles, &capacity, table->shuffle_count + 1,
                          sizeof *table->shuffles) < 0)
            return error_memory(err, sizeof found);
        table->shuffles[table->shuffle_count++] = found;
        /* What lies between is replaced as a whole when it shrinks. */
        table->values[graph->nodes[found.swap].inputs[0]].labels = NULL;
        table->values[graph->nodes[found.swap].outputs[0]].labels = NULL;
    }
    return 0;
}

/* --- whole slabs --- */

enum { UNSEEN = -2, MIXED = -1 };

/* Calls `each` for every position of the axes that the map depends on. */
static void each_position(const struct label_map *map,
                          void (*each)(void *context, const int64_t *index,
                                       int label),
                          void *context)
{
    int64_t index[SHAPE_MAX_RANK] = {0}, at = 0;
    for (;;) {
        each(context, index, map->labels[at]);
        int d = map->shape.rank - 1;
        for (; d >= 0; d--) {
            if (!label_map_depends(map, d))
                continue;
            at += map->strides[d];
            if (++index[d] < map->shape.dims[d])
                break;
            at -= map->strides[d] * index[d];
            index[d] = 0;
        }
        if (d < 0)
            return;
    }
}

struct slab_walk {
    struct group_table *table;
    const struct label_map *map;
    struct group_slabs *slabs;
    bool unexplained;
};

static void see(void *context, const int64_t *index, int label)
{
    struct slab_walk *walk = context;
    int root = labels_find(&walk->table->labels, label);
    for (int d = 0; d < walk->map->shape.rank; d++) {
        int *at = walk->slabs->labels[d];
        if (!at)
            continue;
        at += index[d];
        *at = *at == UNSEEN || *at == root ? root : MIXED;
    }
}

static void explain(void *context, const int64_t *index, int label)
{
    struct slab_walk *walk = context;
    if (labels_locked(&walk->table->labels, label))
        return;
    for (int d = 0; d < walk->map->shape.rank; d++)
        if (walk->slabs->labels[d] && walk->slabs->labels[d][index[d]] != MIXED)
            return;
    walk->unexplained = true;
}

static int fill_slabs(struct group_slabs *slabs, struct group_table *table,
                      const struct label_map *map, struct arena *arena,
                      bool *whole, struct error *err)
{
    struct slab_walk walk = {table, map, slabs, false};
    *slabs = (struct group_slabs){{NULL}};
    *whole = true;
    if (!map->labels || shape_elements(&map->shape) <= 0)
        return 0;
    for (int d = 0; d < map->shape.rank; d++) {
        if (!label_map_depends(map, d))
            continue;
        size_t size = (size_t)map->shape.dims[d];
        int *at = arena_array(arena, size, sizeof *at);
        if (!at)
            return error_memory(err, size * sizeof *at);
        for (size_t i = 0; i < size; i++)
            at[i] = UNSEEN;
        slabs->labels[d] = at;
    }
    each_position(map, see, &walk);
    each_position(map, explain, &walk);
    *whole = !walk.unexplained;
    return 0;
}

int group_slabs_of(struct group_slabs *slabs, struct group_table *table,
                   const struct label_map *map, struct arena *arena,
                   struct error *err)
{
    bool whole;
    if (fill_slabs(slabs, table, map, arena, &whole, err) < 0)
        return -1;
    for (int d = 0; d < map->shape.rank; d++)
        for (int64_t i = 0; slabs->labels[d] && i < map->shape.dims[d]; i++)
            if (slabs->labels[d][i] >= 0 &&
                labels_locked(&table->labels, slabs->labels[d][i]))
                slabs->labels[d][i] = MIXED;
    return 0;
}

/* Ties what is spread over several axes along all but the longest. */
static int make_whole(struct group_table *table, const struct label_map *map,
                      struct arena *arena, bool *changed, struct error *err)
{
    struct group_slabs slabs;
    bool whole = true, axes[SHAPE_MAX_RANK] = {false};
    int longest = -1, several = 0;
    for (int d = 0; d < map->shape.rank; d++) {
        axes[d] = label_map_depends(map, d);
        several += axes[d];
        if (axes[d] &&
            (longest < 0 || map->shape.dims[d] > map->shape.dims[longest]))
            longest = d;
    }
    if (several < 2)
        return 0;
    if (fill_slabs(&slabs, table, map, arena, &whole, err) < 0)
        return -1;
    if (whole)
        return 0;
    axes[longest] = false;
    label_map_merge(&table->labels, map, axes, "it is divided");
    *changed = true;
    return 0;
}

static int make_all_whole(struct group_table *table, struct error *err)
{
    struct arena arena = {0};
    int result = 0;
    for (bool changed = true; changed && result == 0;) {
        changed = false;
        for (size_t i = 0; i < table->value_count && result == 0; i++)
            result =
                make_whole(table, &table->values[i], &arena, &changed, err);
        for (size_t i = 0; i < table->use_count && result == 0; i++)
            result =
                make_whole(table, &table->uses[i].map, &arena, &changed, err);
        arena_release(&arena);
    }
    return result;
}

int group_walk(struct group_table *table, const struct graph *instance,
               struct error *err)
{
    if (visit_all(table, instance, err) < 0 ||
        find_shuffles(table, instance, err) < 0)
        return -1;
    meet_weights(table, instance);
    return make_all_whole(table, err);
}

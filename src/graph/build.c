/*
 * Making a template: values and nodes are added in any order, graph_finish
 * sorts and checks them.
 */
#include "base/array.h"
#include "graph/graph.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int graph_create(struct graph **out, struct error *err)
{
    struct graph *graph = calloc(1, sizeof *graph);
    *out = graph;
    if (!graph)
        return error_memory(err, sizeof *graph);
    atomic_init(&graph->holders, 1);
    return 0;
}

int graph_add_value(struct graph *graph, const char *name, struct error *err)
{
    size_t id;
    if (map_get(&graph->names, name, &id))
        return (int)id;
    id = graph->value_count;
    if (id >= INT_MAX)
        return error_set(err, ERROR_FORMAT, "too many values");
    char *copy = arena_strdup(&graph->arena, name);
    if (!copy ||
        array_reserve(&graph->values, &graph->value_capacity, id + 1,
                      sizeof *graph->values) < 0 ||
        map_set(&graph->names, name, id) < 0)
        return error_memory(err, sizeof *graph->values);
    graph->values[id] =
        (struct value){.name = copy, .shape.rank = -1, .producer = GRAPH_NONE};
    graph->value_count++;
    return (int)id;
}

/* "node 'a' (Conv)", or "node 3 (Conv)" where it has no name. */
static const char *describe(const struct graph *graph, size_t index,
                            char text[200])
{
    const struct node *node = &graph->nodes[index];
    if (node->name && node->name[0])
        snprintf(text, 200, "node '%.100s' (%.60s)", node->name, node->type);
    else
        snprintf(text, 200, "node %zu (%.60s)", index + 1, node->type);
    return text;
}

/* Copies what an attribute points to; its tensor gets one more holder. */
static int copy_attribute(struct arena *arena, struct attribute *to,
                          const struct attribute *from)
{
    *to = *from;
    to->name = arena_strdup(arena, from->name);
    bool good = to->name != NULL;
    if (from->string)
        good = good && (to->string = arena_strdup(arena, from->string));
    if (from->floats)
        good = good &&
               (to->floats = arena_memdup(arena, from->floats,
                                          from->count * sizeof *from->floats));
    if (from->integers)
        good = good && (to->integers =
                            arena_memdup(arena, from->integers,
                                         from->count * sizeof *from->integers));
    if (from->strings) {
        const char **copies =
            arena_array(arena, from->count + 1, sizeof *copies);
        to->strings = copies;
        good = good && copies;
        for (size_t i = 0; good && i < from->count; i++)
            good = (copies[i] = arena_strdup(arena, from->strings[i]));
    }
    return good ? 0 : -1;
}

static int copy_attributes(struct graph *graph, struct node *node, size_t count,
                           const struct attribute *attributes)
{
    struct attribute *copies =
        arena_array(&graph->arena, count + 1, sizeof *copies);
    if (!copies)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (copy_attribute(&graph->arena, &copies[i], &attributes[i]) < 0)
            return -1;
    /* Only when nothing can fail any more: graph_drop releases these. */
    for (size_t i = 0; i < count; i++)
        buffer_retain(copies[i].tensor.buffer);
    node->attributes = copies;
    node->attribute_count = count;
    return 0;
}

static int copy_ids(struct graph *graph, const int **out, size_t count,
                    const char *const *names, struct error *err)
{
    int *ids = arena_array(&graph->arena, count + 1, sizeof *ids);
    if (!ids)
        return error_memory(err, count * sizeof *ids);
    for (size_t i = 0; i < count; i++) {
        ids[i] = GRAPH_NONE;
        if (!names[i][0])
            continue;
        ids[i] = graph_add_value(graph, names[i], err);
        if (ids[i] < 0)
            return -1;
    }
    *out = ids;
    return 0;
}

static int claim_outputs(struct graph *graph, size_t index, struct error *err)
{
    const struct node *node = &graph->nodes[index];
    char mine[200], other[200];
    for (int i = 0; i < node->output_count; i++) {
        if (node->outputs[i] < 0)
            continue;
        struct value *value = &graph->values[node->outputs[i]];
        if (value->initializer)
            return error_set(err, ERROR_FORMAT,
                             "value '%s' is an initializer and an output of %s",
                             value->name, describe(graph, index, mine));
        if (value->producer >= 0)
            return error_set(
                err, ERROR_FORMAT, "value '%s' has two producers: %s and %s",
                value->name, describe(graph, (size_t)value->producer, other),
                describe(graph, index, mine));
        value->producer = (int)index;
    }
    return 0;
}

int graph_add_node(struct graph *graph, const char *name, const char *type,
                   const char *domain, int opset, size_t input_count,
                   const char *const *inputs, size_t output_count,
                   const char *const *outputs, size_t attribute_count,
                   const struct attribute *attributes, struct error *err)
{
    size_t index = graph->node_count;
    if (index >= INT_MAX || input_count >= INT_MAX || output_count >= INT_MAX)
        return error_set(err, ERROR_FORMAT, "too many nodes");
    struct node node = {.name = arena_strdup(&graph->arena, name ? name : ""),
                        .type = arena_strdup(&graph->arena, type),
                        .domain = arena_strdup(&graph->arena, domain),
                        .opset = opset,
                        .input_count = (int)input_count,
                        .output_count = (int)output_count};
    if (!node.name || !node.type || !node.domain ||
        array_reserve(&graph->nodes, &graph->node_capacity, index + 1,
                      sizeof *graph->nodes) < 0)
        return error_memory(err, sizeof node);
    if (copy_ids(graph, &node.inputs, input_count, inputs, err) < 0 ||
        copy_ids(graph, &node.outputs, output_count, outputs, err) < 0)
        return -1;
    if (copy_attributes(graph, &node, attribute_count, attributes) < 0)
        return error_memory(err, attribute_count * sizeof *attributes);
    graph->nodes[index] = node;
    graph->node_count++;
    return claim_outputs(graph, index, err);
}

static int add_id(int **ids, size_t *count, size_t *capacity, int id,
                  struct error *err)
{
    if (array_reserve(ids, capacity, *count + 1, sizeof **ids) < 0)
        return error_memory(err, sizeof **ids);
    (*ids)[(*count)++] = id;
    return 0;
}

int graph_add_input(struct graph *graph, int id, struct error *err)
{
    for (size_t i = 0; i < graph->input_count; i++)
        if (graph->inputs[i] == id)
            return error_set(err, ERROR_FORMAT, "input '%s' appears twice",
                             graph->values[id].name);
    return add_id(&graph->inputs, &graph->input_count, &graph->input_capacity,
                  id, err);
}

int graph_add_output(struct graph *graph, int id, struct error *err)
{
    return add_id(&graph->outputs, &graph->output_count,
                  &graph->output_capacity, id, err);
}

/* --- finishing --- */

static bool is_input(const struct graph *graph, int id)
{
    for (size_t i = 0; i < graph->input_count; i++)
        if (graph->inputs[i] == id)
            return true;
    return false;
}

static bool has_source(const struct graph *graph, int id)
{
    const struct value *value = &graph->values[id];
    return value->producer >= 0 || value->constant.data || is_input(graph, id);
}

static int check_sources(const struct graph *graph, struct error *err)
{
    char text[200];
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        for (int j = 0; j < node->input_count; j++)
            if (node->inputs[j] >= 0 && !has_source(graph, node->inputs[j]))
                return error_set(err, ERROR_FORMAT,
                                 "%s: input '%s' has no source",
                                 describe(graph, i, text),
                                 graph->values[node->inputs[j]].name);
    }
    for (size_t i = 0; i < graph->output_count; i++)
        if (!has_source(graph, graph->outputs[i]))
            return error_set(err, ERROR_FORMAT, "output '%s' has no source",
                             graph->values[graph->outputs[i]].name);
    for (size_t i = 0; i < graph->input_count; i++) {
        const struct value *value = &graph->values[graph->inputs[i]];
        if (value->producer >= 0)
            return error_set(
                err, ERROR_FORMAT, "value '%s' is an input and an output of %s",
                value->name, describe(graph, (size_t)value->producer, text));
    }
    return 0;
}

/* Depth first from each node in file order, its producers before it; the
 * path from the first node is kept in `path`, the next input in `next`. */
struct sort {
    int *order, *path, *next;
    unsigned char *seen; /* 0 not, 1 on the path, 2 placed */
    size_t placed, depth;
};

static void sort_push(struct sort *sort, int node)
{
    sort->path[sort->depth++] = node;
    sort->next[node] = 0;
    sort->seen[node] = 1;
}

static int sort_from(struct sort *sort, const struct graph *graph, int first,
                     struct error *err)
{
    sort_push(sort, first);
    while (sort->depth) {
        int id = sort->path[sort->depth - 1];
        const struct node *node = &graph->nodes[id];
        if (sort->next[id] == node->input_count) {
            sort->seen[id] = 2;
            sort->order[sort->placed++] = id;
            sort->depth--;
            continue;
        }
        int input = node->inputs[sort->next[id]++];
        int producer = input < 0 ? GRAPH_NONE : graph->values[input].producer;
        if (producer < 0 || sort->seen[producer] == 2)
            continue;
        char text[200];
        if (sort->seen[producer] == 1)
            return error_set(err, ERROR_FORMAT, "%s lies on a cycle",
                             describe(graph, (size_t)producer, text));
        sort_push(sort, producer);
    }
    return 0;
}

/* Brings nodes into `order` and renumbers producers. */
static int reorder(struct graph *graph, const int *order, struct error *err)
{
    size_t count = graph->node_count;
    struct node *sorted = array_create(count, sizeof *sorted);
    if (!sorted)
        return error_memory(err, count * sizeof *sorted);
    for (size_t i = 0; i < count; i++)
        sorted[i] = graph->nodes[order[i]];
    free(graph->nodes);
    graph->nodes = sorted;
    graph->node_capacity = count;
    for (size_t i = 0; i < count; i++)
        for (int j = 0; j < sorted[i].output_count; j++)
            if (sorted[i].outputs[j] >= 0)
                graph->values[sorted[i].outputs[j]].producer = (int)i;
    return 0;
}

static int sort_nodes(struct graph *graph, struct error *err)
{
    size_t count = graph->node_count;
    struct sort sort = {.order = array_create(count, sizeof(int)),
                        .path = array_create(count, sizeof(int)),
                        .next = array_create(count, sizeof(int)),
                        .seen = array_create(count, 1)};
    int result = 0;
    if (!sort.order || !sort.path || !sort.next || !sort.seen)
        result = error_memory(err, count * sizeof(int));
    for (size_t i = 0; i < count && result == 0; i++)
        if (!sort.seen[i])
            result = sort_from(&sort, graph, (int)i, err);
    if (result == 0)
        result = reorder(graph, sort.order, err);
    free(sort.order);
    free(sort.path);
    free(sort.next);
    free(sort.seen);
    return result;
}

/* Appends "#2", "#3" ... to a name that is taken. `taken` keeps the last
 * number of each name, so a thousand equal names do not search anew. */
static int make_unique(struct map *taken, char *name, size_t room)
{
    size_t length = strlen(name), last = 1;
    if (!map_get(taken, name, &last))
        return map_set(taken, name, 1);
    do
        snprintf(name + length, room - length, "#%zu", ++last);
    while (map_get(taken, name, NULL));
    int result = map_set(taken, name, 1);
    char mark = name[length];
    name[length] = '\0';
    result = map_set(taken, name, last) < 0 ? -1 : result;
    name[length] = mark;
    return result;
}

/* Names in the file are kept; "Conv_12" where there is none, "#2" behind a
 * name that was taken. */
static int name_nodes(struct graph *graph, struct error *err)
{
    struct map taken = {0};
    int result = 0;
    for (size_t i = 0; i < graph->node_count && result == 0; i++) {
        struct node *node = &graph->nodes[i];
        size_t room = strlen(node->name) + strlen(node->type) + 24;
        char *name = arena_alloc(&graph->arena, room);
        if (!name) {
            result = error_memory(err, room);
            break;
        }
        if (node->name[0])
            snprintf(name, room, "%s", node->name);
        else
            snprintf(name, room, "%s_%zu", node->type, i);
        node->name = name;
        if (make_unique(&taken, name, room) < 0)
            result = error_memory(err, room);
    }
    map_release(&taken);
    return result;
}

int graph_finish(struct graph *graph, struct error *err)
{
    if (check_sources(graph, err) < 0 || sort_nodes(graph, err) < 0)
        return -1;
    return name_nodes(graph, err);
}

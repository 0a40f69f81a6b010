/* Lifetime, copies and questions; graph/build.c makes templates. */
#include "graph/graph.h"
#include "base/hash.h"
#include "graph/view.h"

#include <stdlib.h>
#include <string.h>

static const struct graph *template_of(const struct graph *graph)
{
    return graph->origin ? graph->origin : graph;
}

struct graph *graph_retain(const struct graph *graph)
{
    struct graph *counted;
    memcpy(&counted, &graph, sizeof counted); /* the count is not content */
    if (counted)
        atomic_fetch_add_explicit(&counted->holders, 1, memory_order_relaxed);
    return counted;
}

static void release_attributes(const struct node *node)
{
    for (size_t i = 0; i < node->attribute_count; i++)
        buffer_drop(node->attributes[i].tensor.buffer);
}

void graph_drop(const struct graph *graph)
{
    struct graph *counted;
    memcpy(&counted, &graph, sizeof counted);
    if (!counted || atomic_fetch_sub_explicit(&counted->holders, 1,
                                              memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < counted->value_count; i++)
        tensor_release(&counted->values[i].constant);
    free(counted->values);
    free(counted->folded);
    if (counted->origin) {
        graph_drop(counted->origin);
    } else {
        for (size_t i = 0; i < counted->node_count; i++)
            release_attributes(&counted->nodes[i]);
        free(counted->nodes);
        free(counted->inputs);
        free(counted->outputs);
    }
    map_release(&counted->names);
    arena_release(&counted->arena);
    free(counted);
}

/* 0 says "computed at run time", so a hash of 0 becomes 1. Other types are
 * slow to count and seldom asked for. */
struct contents graph_contents(const struct tensor *tensor)
{
    uint64_t hash = hash_u64(0, (uint64_t)tensor->dtype);
    hash = hash_bytes(hash, tensor->data, tensor_bytes(tensor));
    return (struct contents){.hash = hash ? hash : 1,
                             .nonzeros = tensor->dtype == DTYPE_FLOAT32
                                             ? tensor_nonzeros(tensor)
                                             : -1};
}

int64_t value_nonzeros(const struct value *value)
{
    return value->content_hash && value->nonzeros >= 0
               ? value->nonzeros
               : tensor_nonzeros(&value->constant);
}

static int set_constant(struct graph *graph, int id,
                        const struct tensor *tensor,
                        const struct contents *contents, struct error *err)
{
    if (id < 0 || (size_t)id >= graph->value_count || !tensor->data)
        return error_set(err, ERROR_FORMAT, "value %d cannot be a constant",
                         id);
    struct value *value = &graph->values[id];
    struct tensor shared = tensor_share(tensor);
    tensor_release(&value->constant);
    value->constant = shared;
    value->dtype = shared.dtype;
    value->shape = shared.shape;
    value->initializer = value->producer == GRAPH_NONE;
    struct contents found = contents && contents->hash
                                ? *contents
                                : graph_contents(&value->constant);
    value->content_hash = found.hash;
    value->nonzeros = found.nonzeros;
    return 0;
}

int graph_set_constant(struct graph *graph, int id, const struct tensor *tensor,
                       struct error *err)
{
    return set_constant(graph, id, tensor, NULL, err);
}

int graph_copy(struct graph **out, const struct graph *graph, struct error *err)
{
    *out = NULL;
    struct graph *copy = calloc(1, sizeof *copy);
    if (!copy)
        return error_memory(err, sizeof *copy);
    size_t bytes = (graph->value_count + 1) * sizeof *copy->values;
    copy->values = malloc(bytes);
    copy->folded = calloc(graph->node_count + 1, sizeof *copy->folded);
    if (!copy->values || !copy->folded) {
        free(copy->values);
        free(copy->folded);
        free(copy);
        return error_memory(err, bytes);
    }
    atomic_init(&copy->holders, 1);
    copy->origin = graph_retain(template_of(graph));
    copy->nodes = graph->nodes;
    copy->node_count = graph->node_count;
    copy->value_count = graph->value_count;
    for (size_t i = 0; i < graph->value_count; i++) {
        copy->values[i] = graph->values[i];
        buffer_retain(copy->values[i].constant.buffer);
    }
    if (graph->folded)
        memcpy(copy->folded, graph->folded,
               graph->node_count * sizeof *copy->folded);
    copy->inputs = graph->inputs;
    copy->input_count = graph->input_count;
    copy->outputs = graph->outputs;
    copy->output_count = graph->output_count;
    copy->batch = graph->batch;
    copy->declared_batch = graph->declared_batch;
    *out = copy;
    return 0;
}

int graph_stored(const struct graph *graph, int id)
{
    while (graph->values[id].producer >= 0 &&
           view_is(&graph->nodes[graph->values[id].producer]))
        id = graph->nodes[graph->values[id].producer].inputs[0];
    return id;
}

static int replace(struct graph *graph, int id, const struct tensor *tensor,
                   const struct contents *contents, struct error *err)
{
    const struct value *value =
        id >= 0 && (size_t)id < graph->value_count ? &graph->values[id] : NULL;
    if (!value || !value->constant.data)
        return error_set(err, ERROR_NAME, "value %d is not a constant", id);
    if (value->dtype != tensor->dtype ||
        !shape_equal(&value->shape, &tensor->shape)) {
        char want[SHAPE_TEXT_BYTES], have[SHAPE_TEXT_BYTES];
        return error_set(
            err, ERROR_SHAPE,
            "constant '%s': found %s of %s, expected %s of %s", value->name,
            shape_text(&tensor->shape, have), dtype_name(tensor->dtype),
            shape_text(&value->shape, want), dtype_name(value->dtype));
    }
    return set_constant(graph, id, tensor, contents, err);
}

/* Nodes are in order, so one pass carries a change through chains. */
static int follow_views(struct graph *graph, bool *replaced, struct error *err)
{
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        if (!view_is(node) || !replaced[node->inputs[0]] ||
            replaced[node->outputs[0]] ||
            !graph->values[node->outputs[0]].constant.data)
            continue;
        struct tensor view;
        if (view_compute(&view, node, &graph->values[node->inputs[0]].constant,
                         &graph->values[node->outputs[0]], err) < 0)
            return -1;
        int result = graph_set_constant(graph, node->outputs[0], &view, err);
        tensor_release(&view);
        if (result < 0)
            return -1;
        replaced[node->outputs[0]] = true;
    }
    return 0;
}

int graph_with_known(struct graph **out, const struct graph *graph,
                     size_t count, const int *ids, const struct tensor *tensors,
                     const struct contents *contents, struct error *err)
{
    *out = NULL;
    struct graph *copy = NULL;
    bool *replaced = calloc(graph->value_count + 1, sizeof *replaced);
    if (!replaced)
        return error_memory(err, graph->value_count + 1);
    int result = graph_copy(&copy, graph, err);
    for (size_t i = 0; i < count && result == 0; i++) {
        result = replace(copy, ids[i], &tensors[i],
                         contents ? &contents[i] : NULL, err);
        if (result == 0)
            replaced[ids[i]] = true;
    }
    if (result == 0)
        result = follow_views(copy, replaced, err);
    free(replaced);
    if (result < 0) {
        graph_drop(copy);
        return -1;
    }
    *out = copy;
    return 0;
}

int graph_with_constants(struct graph **out, const struct graph *graph,
                         size_t count, const int *ids,
                         const struct tensor *tensors, struct error *err)
{
    return graph_with_known(out, graph, count, ids, tensors, NULL, err);
}

const struct attribute *graph_attribute(const struct node *node,
                                        const char *name)
{
    for (size_t i = 0; i < node->attribute_count; i++)
        if (strcmp(node->attributes[i].name, name) == 0)
            return &node->attributes[i];
    return NULL;
}

int graph_find_value(const struct graph *graph, const char *name)
{
    size_t id;
    if (!map_get(&template_of(graph)->names, name, &id))
        return GRAPH_NONE;
    return (int)id;
}

size_t graph_consumers(const struct graph *graph, int id, int *nodes,
                       size_t room)
{
    size_t count = 0;
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        bool reads = false;
        for (int j = 0; j < node->input_count && !reads; j++)
            reads = node->inputs[j] == id;
        if (!reads)
            continue;
        if (count < room)
            nodes[count] = (int)i;
        count++;
    }
    return count;
}

bool graph_is_output(const struct graph *graph, int id)
{
    for (size_t i = 0; i < graph->output_count; i++)
        if (graph->outputs[i] == id)
            return true;
    return false;
}

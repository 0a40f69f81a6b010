#include "prune/layer.h"
#include "base/array.h"
#include "base/map.h"
#include "base/suggest.h"
#include "op/instance.h"
#include "prune/block.h"
#include "prune/group.h"
#include "prune/layer_name.h"
#include "prune/permute.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- facts --- */

/* shape: of the weight as the node reads it */
static void describe(struct layer *layer, const struct node *node,
                     const struct shape *shape)
{
    int n = snprintf(layer->description, sizeof layer->description, "%s",
                     node->type);
    size_t used = (size_t)n, size = sizeof layer->description;
    bool convolution = strncmp(node->type, "Conv", 4) == 0;
    for (int i = 2; convolution && i < shape->rank && used < size; i++)
        used +=
            (size_t)snprintf(layer->description + used, size - used,
                             "%c%" PRId64, i == 2 ? ' ' : 'x', shape->dims[i]);
    const struct attribute *group = graph_attribute(node, "group");
    if (!convolution || !group || group->integer <= 1 || used >= size)
        return;
    if (shape->rank > 1 && shape->dims[1] == 1)
        snprintf(layer->description + used, size - used, " dw");
    else
        snprintf(layer->description + used, size - used, " g%" PRId64,
                 group->integer);
}

/* An initializer or the tensor of a Constant node. */
static bool is_stored(const struct graph *graph, const struct value *weight)
{
    if (weight->producer < 0)
        return true;
    const struct node *node = &graph->nodes[weight->producer];
    return strcmp(node->type, "Constant") == 0 &&
           graph_attribute(node, "value");
}

static const char *reason_against(const struct graph *graph,
                                  const struct value *weight, int64_t weights)
{
    if (!is_stored(graph, weight))
        return "its weight is computed from other constants";
    if (dtype_is_integer(weight->dtype))
        return "its weight is of integers";
    if (!dtype_size(weight->dtype))
        return "its weight is not of numbers";
    if (weights < 2)
        return "its weight has less than two elements";
    return "";
}

static int cost_of(const struct graph *instance, int id, struct op_cost *cost,
                   struct error *err)
{
    const struct node *node = &instance->nodes[id];
    *cost = (struct op_cost){0};
    if (!node->op->cost)
        return 0;
    size_t in = (size_t)node->input_count, out = (size_t)node->output_count;
    struct tensor *tensors = array_create(in + out, sizeof *tensors);
    const struct tensor **inputs = array_create(in, sizeof *inputs);
    struct tensor **outputs = array_create(out, sizeof *outputs);
    int result = 0;
    if (tensors && inputs && outputs) {
        struct op_call call;
        op_call_of(instance, id, &call, tensors, inputs, tensors + in, outputs);
        node->op->cost(&call, cost);
    } else {
        result = error_memory(err, (in + out) * sizeof *tensors);
    }
    free(tensors);
    free(inputs);
    free(outputs);
    return result;
}

/* The stored weight of a node, GRAPH_NONE when it has none. */
static int weight_of(const struct graph *instance, int id)
{
    const struct node *node = &instance->nodes[id];
    if (!node->op || node->op->weight_input < 0 ||
        node->op->weight_input >= node->input_count ||
        (instance->folded && instance->folded[id]))
        return GRAPH_NONE;
    int input = node->inputs[node->op->weight_input];
    if (input < 0 || !instance->values[input].constant.data)
        return GRAPH_NONE;
    return graph_stored(instance, input);
}

static struct layer *find_weight(const struct layer_table *table, int weight)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->layers[i].weight == weight)
            return &table->layers[i];
    return NULL;
}

static int add_layer(struct layer_table *table, const struct graph *instance,
                     int id, int weight, struct map *taken, struct error *err)
{
    struct op_cost cost;
    if (cost_of(instance, id, &cost, err) < 0)
        return -1;
    struct layer *shared = find_weight(table, weight);
    if (shared) {
        shared->macs += cost.macs;
        return 0;
    }
    const struct node *node = &instance->nodes[id];
    const struct value *value = &instance->values[weight];
    struct layer *layer = &table->layers[table->count];
    *layer = (struct layer){.row = (int)table->count + 1,
                            .node = id,
                            .weight = weight,
                            .op = node->type,
                            .shape = value->constant.shape,
                            .matrix = layer_matrix_of(instance, id, weight),
                            .weights = tensor_elements(&value->constant),
                            .macs = cost.macs};
    layer->parameters =
        cost.parameters > layer->weights ? cost.parameters : layer->weights;
    layer->reason = reason_against(instance, value, layer->weights);
    layer->prunable = !layer->reason[0];
    describe(layer, node,
             &instance->values[node->inputs[node->op->weight_input]].shape);
    table->count++; /* from here on its texts are released with the table */
    return layer_name(layer, instance, taken, err);
}

int layer_table_init(struct layer_table *table, const struct graph *instance,
                     struct error *err)
{
    *table = (struct layer_table){
        .layers = array_create(instance->node_count, sizeof *table->layers)};
    if (!table->layers)
        return error_memory(err, instance->node_count * sizeof *table->layers);
    struct map taken = {0};
    int result = 0;
    for (size_t i = 0; i < instance->node_count && result == 0; i++) {
        int weight = weight_of(instance, (int)i);
        if (weight >= 0)
            result = add_layer(table, instance, (int)i, weight, &taken, err);
    }
    map_release(&taken);
    if (result == 0)
        result = group_table_create(&table->groups, instance, table, err);
    if (result == 0)
        result = block_table_create(&table->blocks, instance, table, err);
    for (size_t i = 0; i < table->count && result == 0; i++) {
        int block = table->blocks->block_of[i];
        table->layers[i].group = group_of_layer(table->groups, i);
        table->layers[i].block =
            block < 0 ? NULL : &table->blocks->blocks[block];
        table->layers[i].block_reason = table->blocks->reasons[i];
        result =
            permute_fixed(&table->layers[i].fixed, instance, table, i, err);
    }
    if (result < 0)
        layer_table_release(table);
    return result;
}

void layer_table_release(struct layer_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        free(table->layers[i].name);
        free(table->layers[i].parameter);
    }
    free(table->layers);
    group_table_destroy(table->groups);
    block_table_destroy(table->blocks);
    *table = (struct layer_table){0};
}

/* --- patterns --- */

static void no_layer(const struct layer_table *table, const char *name,
                     struct error *err)
{
    struct suggestion near = {.word = name};
    for (size_t i = 0; i < table->count; i++)
        suggest_offer(&near, table->layers[i].name);
    if (!table->count)
        error_set(err, ERROR_NAME, "no layer '%.100s': there are none", name);
    else if (near.best)
        error_set(err, ERROR_NAME, "no layer '%.100s', the nearest is '%s'",
                  name, near.best);
    else
        error_set(err, ERROR_NAME,
                  "no layer '%.100s' among %zu from '%s' to '%s' ('inspect' "
                  "lists them)",
                  name, table->count, table->layers[0].name,
                  table->layers[table->count - 1].name);
}

static size_t match_row(const struct layer_table *table, const char *pattern,
                        size_t *rows, struct error *err)
{
    char *end;
    errno = 0;
    long row = strtol(pattern + 1, &end, 10);
    if (!isdigit((unsigned char)pattern[1]) || *end || errno || row < 1 ||
        (size_t)row > table->count) {
        error_set(err, ERROR_NAME, "no row '%.100s', expected @1 to @%zu",
                  pattern, table->count);
        return 0;
    }
    rows[0] = (size_t)row - 1;
    return 1;
}

size_t layer_match(const struct layer_table *table, const char *pattern,
                   size_t *rows, struct error *err)
{
    if (pattern[0] == '@')
        return match_row(table, pattern, rows, err);
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->layers[i].name, pattern) == 0) {
            rows[0] = i;
            return 1;
        }
    }
    size_t count = 0;
    for (size_t i = 0; i < table->count; i++)
        if (fnmatch(pattern, table->layers[i].name, 0) == 0)
            rows[count++] = i;
    if (!count)
        no_layer(table, pattern, err);
    return count;
}

/*
 * From the layer onwards: its kernel must be able to be one at the place that
 * reads its own position, a norm behind it one over a variance of one.
 */
#include "prune/block_plain.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

enum { ENDS_MOST = 16, NODES_MOST = 8 };

struct chain {
    const struct graph *graph;
    const int *readers;
    const bool *taken;
    int entry, last; /* value that is read; node that ends it */
    int nodes[NODES_MOST];
    size_t node_count;
    struct block_end ends[ENDS_MOST];
    size_t end_count;
};

static bool is_constant(const struct graph *graph, int value)
{
    return value >= 0 && graph->values[value].constant.data;
}

static int64_t number(const struct node *node, const char *name, size_t at,
                      int64_t otherwise)
{
    const struct attribute *a = graph_attribute(node, name);
    if (!a)
        return otherwise;
    if (a->kind == ATTRIBUTE_INT)
        return a->integer;
    return a->kind == ATTRIBUTE_INTS && at < a->count ? a->integers[at]
                                                      : otherwise;
}

static bool add_end(struct chain *chain, int node, int input,
                    enum block_fill fill)
{
    const struct node *n = &chain->graph->nodes[node];
    if (input >= n->input_count || n->inputs[input] < 0)
        return true;
    if (!is_constant(chain->graph, n->inputs[input]) ||
        chain->graph->values[n->inputs[input]].dtype != DTYPE_FLOAT32 ||
        chain->end_count == ENDS_MOST)
        return false;
    chain->ends[chain->end_count++] = (struct block_end){node, input, fill};
    return true;
}

/* --- the layer --- */

static int64_t pad_of(const struct node *node, size_t axis, int64_t kernel,
                      int64_t dilation)
{
    const struct attribute *mode = graph_attribute(node, "auto_pad");
    int64_t total = dilation * (kernel - 1);
    if (!mode || strncmp(mode->string, "SAME", 4) != 0)
        return number(node, "pads", axis, 0);
    return !strcmp(mode->string, "SAME_LOWER") ? total - total / 2 : total / 2;
}

/* Whether an element of the kernel reads its own position. */
static const char *check_window(const struct node *node,
                                const struct shape *kernel)
{
    for (int axis = 2; axis < kernel->rank; axis++) {
        size_t at = (size_t)(axis - 2);
        int64_t dilation = number(node, "dilations", at, 1);
        int64_t pad = pad_of(node, at, kernel->dims[axis], dilation);
        if (number(node, "strides", at, 1) != 1)
            return "is in no residual branch, and its stride makes its output "
                   "smaller";
        if (pad % dilation || pad / dilation >= kernel->dims[axis])
            return "is in no residual branch, and its padding shifts positions";
    }
    return NULL;
}

static bool is_one(const struct node *node, const char *name)
{
    const struct attribute *a = graph_attribute(node, name);
    return !a || (a->kind == ATTRIBUTE_FLOAT && a->number == 1);
}

/* Its operands become one and zero; NULL when they can. */
static const char *check_layer(struct chain *chain, int id)
{
    const struct node *node = &chain->graph->nodes[id];
    const struct shape *weight = &chain->graph->values[node->inputs[1]].shape;
    bool conv = !strcmp(node->type, "Conv");
    bool gemm = !strcmp(node->type, "Gemm");
    if (conv && check_window(node, weight))
        return check_window(node, weight);
    if (gemm && (!is_one(node, "alpha") || number(node, "transA", 0, 0)))
        return "is in no residual branch, and it scales or transposes what it "
               "reads";
    if (!conv && !gemm && strcmp(node->type, "MatMul") != 0)
        return "is in no residual branch, and its operator has no form that "
               "hands on "
               "what it reads";
    if (!add_end(chain, id, 1, BLOCK_FILL_IDENTITY) ||
        !add_end(chain, id, 2, BLOCK_FILL_ZERO))
        return "is in no residual branch, and its operands are no float32 "
               "constants";
    return NULL;
}

/* --- what follows it --- */

/* The only node that reads a value; -1. */
static int only_reader(const struct chain *chain, int value)
{
    const struct graph *graph = chain->graph;
    if (chain->readers[value] != 1 || graph_is_output(graph, value))
        return -1;
    for (size_t i = 0; i < graph->node_count; i++)
        for (int j = 0; !graph->folded[i] && j < graph->nodes[i].input_count;
             j++)
            if (graph->nodes[i].inputs[j] == value)
                return (int)i;
    return -1;
}

/* Whether a value has passed a Relu. */
static bool is_rectified(const struct graph *graph, int value)
{
    static const char *const through[] = {
        "MaxPool", "AveragePool", "GlobalAveragePool", "Identity",
        "Dropout", "Flatten",     "Reshape",           "Squeeze"};
    for (size_t steps = 0; steps < graph->node_count; steps++) {
        int id = graph->values[value].producer;
        if (id < 0)
            return false;
        const struct node *node = &graph->nodes[id];
        if (!strcmp(node->type, "Relu"))
            return true;
        bool passes = false;
        for (size_t i = 0; i < ARRAY_LENGTH(through); i++)
            passes = passes || !strcmp(node->type, through[i]);
        if (!passes)
            return false;
        value = node->inputs[0];
    }
    return false;
}

static bool is_next(struct chain *chain, int id)
{
    const struct graph *graph = chain->graph;
    const struct node *node = &graph->nodes[id];
    int read = graph->nodes[chain->last].outputs[0];
    if (chain->taken[id] || node->inputs[0] != read ||
        chain->node_count == NODES_MOST ||
        !shape_equal(&graph->values[node->outputs[0]].shape,
                     &graph->values[chain->entry].shape))
        return false;
    if (!strcmp(node->type, "Relu"))
        return is_rectified(graph, chain->entry);
    if (!strcmp(node->type, "Add"))
        return add_end(chain, id, 1, BLOCK_FILL_ZERO);
    return !strcmp(node->type, "BatchNormalization") &&
           add_end(chain, id, 1, BLOCK_FILL_ONE) &&
           add_end(chain, id, 2, BLOCK_FILL_ZERO) &&
           add_end(chain, id, 3, BLOCK_FILL_ZERO) &&
           add_end(chain, id, 4, BLOCK_FILL_VARIANCE);
}

static void follow(struct chain *chain)
{
    const struct graph *graph = chain->graph;
    for (;;) {
        size_t ends = chain->end_count;
        int id = only_reader(chain, graph->nodes[chain->last].outputs[0]);
        if (id < 0)
            return;
        if (!is_next(chain, id)) {
            chain->end_count = ends;
            return;
        }
        chain->nodes[chain->node_count++] = chain->last;
        chain->last = id;
    }
}

static int fill_block(struct block *block, const struct chain *chain, int row,
                      struct error *err)
{
    *block = (struct block){
        .add = chain->last,
        .entry = chain->entry,
        .plain = true,
        .layers = array_create(1, sizeof *block->layers),
        .nodes = array_create(chain->node_count + 1, sizeof *block->nodes),
        .ends = array_create(chain->end_count + 1, sizeof *block->ends),
    };
    if (!block->layers || !block->nodes || !block->ends) {
        free(block->layers);
        free(block->nodes);
        free(block->ends);
        return error_memory(err, chain->end_count * sizeof *block->ends);
    }
    block->layers[block->layer_count++] = row;
    memcpy(block->nodes, chain->nodes,
           chain->node_count * sizeof *block->nodes);
    block->node_count = chain->node_count;
    memcpy(block->ends, chain->ends, chain->end_count * sizeof *block->ends);
    block->end_count = chain->end_count;
    return 0;
}

int block_plain(struct block *block, const char **reason,
                const struct graph *graph, const struct layer *layer,
                const int *readers, const bool *taken, struct error *err)
{
    const struct node *node = &graph->nodes[layer->node];
    struct chain chain = {.graph = graph,
                          .readers = readers,
                          .taken = taken,
                          .entry = node->inputs[0],
                          .last = layer->node};
    *reason = NULL;
    if (chain.entry < 0 || is_constant(graph, chain.entry) ||
        node->input_count < 2 || !is_constant(graph, node->inputs[1]))
        *reason =
            "is in no residual branch, and it reads nothing that could go on";
    else if (!shape_equal(&graph->values[chain.entry].shape,
                          &graph->values[node->outputs[0]].shape))
        *reason = "is in no residual branch, and its output has another shape "
                  "than its "
                  "input";
    else if (readers[node->inputs[1]] != 1 || readers[layer->weight] > 1)
        *reason = "is in no residual branch, and other nodes share its weights";
    else
        *reason = check_layer(&chain, layer->node);
    if (*reason)
        return 0;
    follow(&chain);
    if (graph_is_output(graph, graph->nodes[chain.last].outputs[0])) {
        *reason =
            "is in no residual branch, and it gives an output of the model";
        return 0;
    }
    return fill_block(block, &chain, layer->row - 1, err);
}

/* --- constants that hand on --- */

/* One where output o of its group's channels reads input o. */
static void fill_identity(float *x, const struct node *node,
                          const struct shape *shape)
{
    int64_t inputs = shape->rank > 1 ? shape->dims[1] : 1, place = 0, area = 1;
    for (int axis = 2; axis < shape->rank; axis++) {
        size_t at = (size_t)(axis - 2);
        int64_t dilation = number(node, "dilations", at, 1);
        int64_t pad = pad_of(node, at, shape->dims[axis], dilation);
        place = place * shape->dims[axis] + pad / dilation;
        area *= shape->dims[axis];
    }
    for (int64_t o = 0; o < shape->dims[0]; o++)
        x[(o * inputs + o % inputs) * area + place] = 1;
}

int block_end_fill(struct tensor *out, const struct graph *graph,
                   const struct block_end *end, struct error *err)
{
    const struct node *node = &graph->nodes[end->node];
    const struct value *value = &graph->values[node->inputs[end->input]];
    if (tensor_init(out, value->dtype, &value->shape, err) < 0)
        return -1;
    if (end->fill == BLOCK_FILL_ZERO)
        return 0;
    float *x = out->data;
    const struct attribute *epsilon = graph_attribute(node, "epsilon");
    float one = 1;
    if (end->fill == BLOCK_FILL_VARIANCE)
        one -= epsilon ? (float)epsilon->number : 1e-5F;
    if (end->fill == BLOCK_FILL_IDENTITY)
        fill_identity(x, node, &value->shape);
    for (int64_t i = 0;
         end->fill != BLOCK_FILL_IDENTITY && i < shape_elements(&value->shape);
         i++)
        x[i] = one;
    return 0;
}

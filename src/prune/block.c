#include "prune/block.h"

#include "base/array.h"
#include "prune/block_plain.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 64 };

struct search {
    const struct graph *graph;
    const struct layer_table *layers;
    const int *readers; /* per value */
    int *inside;        /* per node: the search that took it */
    bool *taken;        /* per node: part of a block already */
    int *stack;
    int number;
    struct block block;
    size_t end_capacity;
};

/* --- what the branch consists of --- */

static bool is_computed(const struct graph *graph, int value)
{
    return value >= 0 && !graph->values[value].constant.data;
}

/* Walks back from `from` to `entry`; false when it ends anywhere else. */
static bool walk_back(struct search *search, int from, int entry)
{
    const struct graph *graph = search->graph;
    size_t depth = 0;
    bool met = from == entry;
    int first = graph->values[from].producer;
    if (met || first < 0)
        return false;
    search->number++;
    search->block.node_count = 0;
    search->stack[depth++] = first;
    search->inside[first] = search->number;
    while (depth) {
        int id = search->stack[--depth];
        const struct node *node = &graph->nodes[id];
        search->block.node_count++;
        if (search->taken[id])
            return false;
        for (int i = 0; i < node->input_count; i++) {
            int value = node->inputs[i];
            if (!is_computed(graph, value))
                continue;
            if (value == entry) {
                met = true;
                continue;
            }
            int producer = graph->values[value].producer;
            if (producer < 0)
                return false;
            if (search->inside[producer] == search->number)
                continue;
            search->inside[producer] = search->number;
            search->stack[depth++] = producer;
        }
    }
    return met;
}

/* Nobody outside may read what is computed inside. */
static bool is_closed(const struct search *search, int result)
{
    const struct graph *graph = search->graph;
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        if (search->inside[i] != search->number)
            continue;
        for (int j = 0; j < node->output_count; j++) {
            int value = node->outputs[j], readers = value == result;
            if (value < 0)
                continue;
            if (graph_is_output(graph, value))
                return false;
            for (size_t k = i + 1; k < graph->node_count; k++)
                for (int l = 0; search->inside[k] == search->number &&
                                l < graph->nodes[k].input_count;
                     l++)
                    readers += graph->nodes[k].inputs[l] == value;
            if (readers != search->readers[value])
                return false;
        }
    }
    return true;
}

/* --- constants without which its result is zero --- */

static bool add_end(struct search *search, int node, int input)
{
    const struct node *n = &search->graph->nodes[node];
    struct block *block = &search->block;
    if (input >= n->input_count || n->inputs[input] < 0)
        return true; /* no bias */
    if (is_computed(search->graph, n->inputs[input]) ||
        array_reserve(&block->ends, &search->end_capacity, block->end_count + 1,
                      sizeof *block->ends) < 0)
        return false;
    block->ends[block->end_count++] =
        (struct block_end){node, input, BLOCK_FILL_ZERO};
    return true;
}

static bool make_zero(struct search *search, int value, int depth);

/* Products and scales: their constants, and the bias behind them. */
static bool zero_weights(struct search *search, int id, int depth)
{
    (void)depth;
    return add_end(search, id, 1) && add_end(search, id, 2);
}

static bool zero_matmul(struct search *search, int id, int depth)
{
    const struct node *node = &search->graph->nodes[id];
    (void)depth;
    int constant = !is_computed(search->graph, node->inputs[0]) ? 0 : 1;
    return add_end(search, id, constant);
}

static bool zero_product(struct search *search, int id, int depth)
{
    const struct node *node = &search->graph->nodes[id];
    for (int i = 0; i < 2; i++)
        if (!is_computed(search->graph, node->inputs[i]))
            return add_end(search, id, i);
    return make_zero(search, node->inputs[0], depth) ||
           make_zero(search, node->inputs[1], depth);
}

static bool zero_all(struct search *search, int id, int depth)
{
    const struct node *node = &search->graph->nodes[id];
    for (int i = 0; i < node->input_count; i++)
        if (is_computed(search->graph, node->inputs[i])
                ? !make_zero(search, node->inputs[i], depth)
                : !add_end(search, id, i))
            return false;
    return true;
}

static bool zero_first(struct search *search, int id, int depth)
{
    return make_zero(search, search->graph->nodes[id].inputs[0], depth);
}

static const struct {
    const char *type;
    bool (*zero)(struct search *search, int id, int depth);
} endings[] = {
    {"Conv", zero_weights},
    {"ConvTranspose", zero_weights},
    {"Gemm", zero_weights},
    {"BatchNormalization", zero_weights},
    {"InstanceNormalization", zero_weights},
    {"MatMul", zero_matmul},
    {"Mul", zero_product},
    {"Add", zero_all},
    {"Concat", zero_all},
    {"Relu", zero_first},
    {"Identity", zero_first},
    {"Dropout", zero_first},
    {"Reshape", zero_first},
    {"Flatten", zero_first},
    {"Squeeze", zero_first},
    {"Unsqueeze", zero_first},
    {"Transpose", zero_first},
    {"Slice", zero_first},
    {"Split", zero_first},
};

static bool make_zero(struct search *search, int value, int depth)
{
    const struct graph *graph = search->graph;
    int id = graph->values[value].producer;
    if (id < 0 || search->inside[id] != search->number || depth > DEPTH_MAX)
        return false;
    for (size_t i = 0; i < ARRAY_LENGTH(endings); i++)
        if (!strcmp(endings[i].type, graph->nodes[id].type))
            return endings[i].zero(search, id, depth + 1);
    return false;
}

/* --- one addition --- */

static int fill_block(struct search *search, struct error *err)
{
    struct block *block = &search->block;
    const struct layer_table *layers = search->layers;
    block->layers = array_create(layers->count + 1, sizeof *block->layers);
    block->nodes = array_create(block->node_count + 1, sizeof *block->nodes);
    if (!block->layers || !block->nodes)
        return error_memory(err, block->node_count * sizeof *block->nodes);
    block->node_count = block->layer_count = 0;
    for (size_t i = 0; i < search->graph->node_count; i++)
        if (search->inside[i] == search->number)
            block->nodes[block->node_count++] = (int)i;
    for (size_t i = 0; i < layers->count; i++)
        if (search->inside[layers->layers[i].node] == search->number)
            block->layers[block->layer_count++] = (int)i;
    return 0;
}

static void drop_block(struct block *block)
{
    free(block->layers);
    free(block->nodes);
    free(block->ends);
    *block = (struct block){0};
}

/* Whether operand `operand` of the addition is a branch; fills the block. */
static bool find_branch(struct search *search, int add, int operand)
{
    const struct graph *graph = search->graph;
    const struct node *node = &graph->nodes[add];
    int branch = node->inputs[operand], other = node->inputs[!operand];
    search->block = (struct block){.add = add, .operand = operand};
    search->end_capacity = 0;
    if (!is_computed(graph, branch) || !is_computed(graph, other) ||
        !shape_equal(&graph->values[branch].shape, &graph->values[other].shape))
        return false;
    if (walk_back(search, branch, other) && is_closed(search, branch) &&
        make_zero(search, branch, 0))
        return true;
    drop_block(&search->block);
    return false;
}

static int find_branches(struct block_table *table, struct search *search,
                         struct error *err)
{
    const struct graph *graph = search->graph;
    size_t capacity = 0;
    for (size_t i = 0; i < graph->node_count; i++) {
        if (graph->folded[i] || strcmp(graph->nodes[i].type, "Add") != 0)
            continue;
        if (!find_branch(search, (int)i, 0) && !find_branch(search, (int)i, 1))
            continue;
        if (fill_block(search, err) < 0 ||
            array_reserve(&table->blocks, &capacity, table->count + 1,
                          sizeof *table->blocks) < 0) {
            drop_block(&search->block);
            return error_memory(err, sizeof *table->blocks);
        }
        if (!search->block.layer_count) {
            drop_block(&search->block);
            continue;
        }
        for (size_t j = 0; j < search->block.node_count; j++)
            search->taken[search->block.nodes[j]] = true;
        for (size_t j = 0; j < search->block.layer_count; j++)
            table->block_of[search->block.layers[j]] = (int)table->count;
        table->blocks[table->count++] = search->block;
    }
    return 0;
}

/* Layers of a chain that are in no branch. */
static int find_plain(struct block_table *table, struct search *search,
                      struct error *err)
{
    size_t capacity = table->count;
    for (size_t i = 0; i < search->layers->count; i++) {
        struct block block = {0};
        if (table->block_of[i] >= 0)
            continue;
        if (block_plain(&block, &table->reasons[i], search->graph,
                        &search->layers->layers[i], search->readers,
                        search->taken, err) < 0)
            return -1;
        if (table->reasons[i])
            continue;
        if (array_reserve(&table->blocks, &capacity, table->count + 1,
                          sizeof *table->blocks) < 0) {
            drop_block(&block);
            return error_memory(err, sizeof *table->blocks);
        }
        table->block_of[i] = (int)table->count;
        table->blocks[table->count++] = block;
    }
    return 0;
}

static int fill(struct block_table *table, const struct graph *graph,
                const struct layer_table *layers, struct error *err)
{
    int *readers = array_create(graph->value_count + 1, sizeof *readers);
    struct search search = {
        .graph = graph,
        .layers = layers,
        .readers = readers,
        .inside = array_create(graph->node_count + 1, sizeof(int)),
        .taken = array_create(graph->node_count + 1, sizeof(bool)),
        .stack = array_create(graph->node_count + 1, sizeof(int)),
    };
    int result = -1;
    table->block_of = array_create(layers->count + 1, sizeof(int));
    table->reasons = array_create(layers->count + 1, sizeof *table->reasons);
    if (!readers || !search.inside || !search.taken || !search.stack ||
        !table->block_of || !table->reasons) {
        error_memory(err, graph->value_count * sizeof *readers);
        goto out;
    }
    for (size_t i = 0; i < layers->count; i++)
        table->block_of[i] = -1;
    for (size_t i = 0; i < graph->node_count; i++)
        /* Who asks for a shape only reads nothing. */
        for (int j = 0; !graph->folded[i] && j < graph->nodes[i].input_count;
             j++)
            if (graph->nodes[i].inputs[j] >= 0)
                readers[graph->nodes[i].inputs[j]]++;
    result = find_branches(table, &search, err);
    if (result == 0)
        result = find_plain(table, &search, err);
out:
    free(readers);
    free(search.inside);
    free(search.taken);
    free(search.stack);
    return result;
}

int block_table_create(struct block_table **out, const struct graph *instance,
                       const struct layer_table *layers, struct error *err)
{
    *out = NULL;
    struct block_table *table = calloc(1, sizeof *table);
    if (!table)
        return error_memory(err, sizeof *table);
    if (fill(table, instance, layers, err) < 0) {
        block_table_destroy(table);
        return -1;
    }
    *out = table;
    return 0;
}

void block_table_destroy(struct block_table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->count; i++)
        drop_block(&table->blocks[i]);
    free(table->blocks);
    free(table->block_of);
    free(table->reasons);
    free(table);
}

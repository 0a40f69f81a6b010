/*
 * What was folded although a parameter is in it: a class token that is
 * expanded to every sample, rows of a table of places, a table of relative
 * positions behind a small network. Such nodes become steps again, so that
 * gradients reach what the file stores.
 *
 * A stored constant moves where all that is made of it goes through nodes
 * that hand gradients on; one other reader (a root, a difference: statistics
 * of a norm that was spelt out) keeps it as it is.
 */
#include "base/array.h"
#include "graph/view.h"
#include "train/program.h"

#include <stdlib.h>
#include <string.h>

/* Operands (bits) by which operators hand on what has learnt. */
static bool carries(const struct node *node, int operand)
{
    static const struct {
        const char *type;
        unsigned operands;
    } rows[] = {
        {"Add", 3},   {"Mul", 3},     {"MatMul", 3},    {"Gemm", 7},
        {"Max", ~0u}, {"Min", ~0u},   {"Concat", ~0u},  {"Clip", 1},
        {"Exp", 1},   {"Relu", 1},    {"Sigmoid", 1},   {"Tanh", 1},
        {"Gelu", 1},  {"Softmax", 1}, {"Gather", 1},    {"Slice", 1},
        {"Split", 1}, {"Expand", 1},  {"ScatterND", 5},
    };
    if (operand == 0 && view_is(node))
        return true;
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
        if (strcmp(rows[i].type, node->type) == 0)
            return operand < 32 && rows[i].operands >> operand & 1u &&
                   node->op->gradient;
    return false;
}

struct unfolding {
    struct graph *graph;
    const bool *closed; /* per value: a reader hands no gradient on */
    bool *needed;       /* a run reads what is made of it */
    bool *moves;        /* made of a parameter, by more than a view */
};

static bool is_float(const struct graph *graph, int id)
{
    return id >= 0 && graph->values[id].dtype == DTYPE_FLOAT32;
}

/* The left side of a product of two constants is data: a table of places. */
static bool is_data(const struct graph *graph, const struct node *node,
                    int operand)
{
    return operand == 0 &&
           (!strcmp(node->type, "MatMul") || !strcmp(node->type, "Gemm")) &&
           graph->values[graph_stored(graph, node->inputs[0])].initializer &&
           graph->values[node->inputs[1]].constant.data;
}

/* From the readers back: who is needed, and by whom only. */
static void look_back(struct unfolding *u, bool *closed_values, int id)
{
    const struct node *node = &u->graph->nodes[id];
    bool folded = u->graph->folded[id], needed = !folded, closed = false;
    for (int i = 0; i < node->output_count; i++) {
        int value = node->outputs[i];
        if (value < 0 || !folded)
            continue;
        needed = needed || u->needed[value];
        closed = closed || closed_values[value] || !is_float(u->graph, value);
    }
    for (int i = 0; needed && i < node->input_count; i++) {
        int value = node->inputs[i];
        if (value < 0 || node->op->shape_only)
            continue;
        u->needed[value] = true;
        if (closed || !carries(node, i) || is_data(u->graph, node, i))
            closed_values[value] = true;
    }
}

static bool is_parameter(const struct unfolding *u, int id)
{
    const struct value *value = &u->graph->values[id];
    return value->initializer && is_float(u->graph, id) && !u->closed[id] &&
           u->needed[id] && tensor_elements(&value->constant) > 1;
}

/* Whether the node makes more than a view of a parameter. */
static bool is_moved(const struct unfolding *u, const struct node *node)
{
    for (int i = 0; i < node->input_count; i++) {
        int value = node->inputs[i];
        if (value < 0 || !carries(node, i))
            continue;
        if (u->moves[value] ||
            (!view_is(node) && is_parameter(u, graph_stored(u->graph, value))))
            return true;
    }
    return false;
}

static bool is_wanted(const struct unfolding *u, const struct node *node)
{
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i] >= 0 && u->needed[node->outputs[i]])
            return true;
    return false;
}

static void unfold(struct network *network, struct unfolding *u, int id)
{
    struct graph *graph = u->graph;
    const struct node *node = &graph->nodes[id];
    if (!graph->folded[id] || !is_wanted(u, node) || !is_moved(u, node))
        return;
    graph->folded[id] = false;
    network->unfolded[id] = true;
    for (int i = 0; i < node->output_count; i++) {
        if (node->outputs[i] < 0)
            continue;
        u->moves[node->outputs[i]] = true;
        tensor_release(&graph->values[node->outputs[i]].constant);
    }
}

bool unfolded_use(const struct network *network, const struct node *node,
                  int operand)
{
    const struct graph *graph = network->instance;
    int stored = graph_stored(graph, node->inputs[operand]);
    const struct value *value = &graph->values[stored];
    return carries(node, operand) && !is_data(graph, node, operand) &&
           value->initializer && !network->closed[stored] &&
           tensor_elements(&value->constant) > 1;
}

int program_unfold(struct network *network, struct error *err)
{
    struct graph *graph = network->instance;
    struct unfolding u = {
        .graph = graph,
        .needed = array_create(graph->value_count + 1, sizeof(bool)),
        .moves = array_create(graph->value_count + 1, sizeof(bool))};
    network->unfolded = array_create(graph->node_count + 1, sizeof(bool));
    network->closed = array_create(graph->value_count + 1, sizeof(bool));
    u.closed = network->closed;
    bool good = u.needed && u.moves && network->closed && network->unfolded;
    for (size_t i = graph->node_count; good && i-- > 0;)
        look_back(&u, network->closed, (int)i);
    for (size_t i = 0; good && i < graph->node_count; i++)
        unfold(network, &u, (int)i);
    free(u.needed);
    free(u.moves);
    return good ? 0 : error_memory(err, graph->value_count);
}

/* How patterns read the graph. Internal to exec. */
#ifndef EXEC_PATTERN_GRAPH_H
#define EXEC_PATTERN_GRAPH_H

#include "exec/lowering.h"

#include <string.h>

static inline const struct node *node_at(const struct lowering *l, int node)
{
    return &l->graph->nodes[node];
}

static inline int result_of(const struct lowering *l, int node)
{
    return node_at(l, node)->outputs[0];
}

static inline bool is_type(const struct lowering *l, int node, const char *type)
{
    const struct graph *g = l->graph;
    return node >= 0 && !(g->folded && g->folded[node]) &&
           l->pattern_of[node] < 0 && strcmp(g->nodes[node].type, type) == 0;
}

/* The node of a type that computes `value` for exactly `readers` uses; -1. */
static inline int maker(const struct lowering *l, int value, const char *type,
                        int readers)
{
    if (value == GRAPH_NONE || l->uses[value] != readers)
        return -1;
    int node = l->graph->values[value].producer;
    return is_type(l, node, type) ? node : -1;
}

/* The only reader of a node's result, if it is of a type; -1. */
static inline int follower(const struct lowering *l, int node, const char *type)
{
    int value = result_of(l, node);
    int reader = l->uses[value] == 1 ? l->reader[value] : -1;
    return is_type(l, reader, type) ? reader : -1;
}

static inline int other_input(const struct lowering *l, int node, int value)
{
    const int *inputs = node_at(l, node)->inputs;
    return inputs[0] == value ? inputs[1] : inputs[0];
}

/* Whether the value is one constant number; it is written. */
static inline bool is_number(const struct lowering *l, int value,
                             double *number)
{
    if (value == GRAPH_NONE)
        return false;
    const struct tensor *constant = &l->graph->values[value].constant;
    if (!constant->data || tensor_elements(constant) != 1)
        return false;
    *number = tensor_number(constant, 0);
    return true;
}

static inline const struct shape *shape_of(const struct lowering *l, int value)
{
    return &l->graph->values[value].shape;
}

static inline void add_node(struct pattern *p, int node)
{
    p->nodes[p->count++] = node;
    p->root = node;
}

#endif

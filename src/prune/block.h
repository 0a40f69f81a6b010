/*
 * Blocks that can be removed whole: the branch of a residual addition whose
 * other operand is the branch's own input. Without the branch the addition
 * passes that operand on.
 */
#ifndef PRUNE_BLOCK_H
#define PRUNE_BLOCK_H

#include "prune/layer.h"

/* A constant operand inside a branch. */
struct block_end {
    int node, input;
};

struct block {
    int add;            /* the Add node */
    int operand;        /* its operand that the branch computes: 0 or 1 */
    int *layers;        /* rows inside the branch, ascending */
    size_t layer_count; /* at least one */
    int *nodes;         /* of the branch, ascending */
    size_t node_count;
    struct block_end *ends; /* the branch gives zero when these are zero */
    size_t end_count;
};

struct block_table {
    struct block *blocks; /* in order of execution; none inside another */
    size_t count;
    int *block_of; /* per layer row: -1: none */
};

/* instance  one sample; borrowed during the call */
int block_table_create(struct block_table **out, const struct graph *instance,
                       const struct layer_table *layers, struct error *err);
void block_table_destroy(struct block_table *table);

#endif

/*
 * Blocks that can be removed whole: the branch of a residual addition whose
 * other operand is the branch's own input, without which the addition passes
 * that operand on; and layers of a chain that give the shape that they read
 * (prune/block_plain.h).
 */
#ifndef PRUNE_BLOCK_H
#define PRUNE_BLOCK_H

#include "prune/layer.h"

/* What a constant becomes where a block's weights are there, but do nothing. */
enum block_fill {
    BLOCK_FILL_ZERO,
    BLOCK_FILL_ONE,
    BLOCK_FILL_IDENTITY, /* each output is its own input */
    BLOCK_FILL_VARIANCE, /* one with the norm's epsilon */
};

/* A constant operand inside a block. */
struct block_end {
    int node, input;
    enum block_fill fill;
};

struct block {
    int add;            /* the Add node; of a plain layer the last node */
    int operand;        /* its operand that the branch computes: 0 or 1 */
    bool plain;         /* a layer of a chain: its result is then `entry` */
    int entry;          /* value that a plain layer reads */
    int *layers;        /* rows inside it, ascending */
    size_t layer_count; /* at least one */
    int *nodes;         /* that go, ascending */
    size_t node_count;
    struct block_end *ends; /* filled so, it adds nothing, hands on */
    size_t end_count;
};

struct block_table {
    struct block *blocks; /* in order of execution; none inside another */
    size_t count;
    int *block_of;        /* per layer row: -1: none */
    const char **reasons; /* per layer row: why none; static text */
};

/* instance  one sample; borrowed during the call */
int block_table_create(struct block_table **out, const struct graph *instance,
                       const struct layer_table *layers, struct error *err);
void block_table_destroy(struct block_table *table);

#endif

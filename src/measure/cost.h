/* Counted costs: parameters, multiply-accumulates, bytes. */
#ifndef MEASURE_COST_H
#define MEASURE_COST_H

#include "graph/graph.h"

struct cost {
    int64_t parameters;     /* elements of constants that weights are made of */
    int64_t nonzeros;       /* of them, not zero */
    int64_t macs;           /* dense, for one sample */
    int64_t effective_macs; /* macs * (nonzero share of the weight) */
    int64_t dense_bytes;    /* parameters as float32 */
    int64_t encoded_bytes;  /* smallest of dense, bitmap + values and
                               CSR (16-bit column gaps) per weight */
};

/* Cost of one node / of the whole instance (batch 1). */
void cost_of_node(const struct graph *instance, int node, struct cost *cost);
void cost_of_graph(const struct graph *instance, struct cost *cost);

/* Bytes to store `count` weights of which `nonzeros` are not zero. */
int64_t cost_encoded_bytes(int64_t count, int64_t nonzeros);

#endif

/* Some nodes of an instance as a graph of their own, to run them alone. */
#ifndef EXEC_PART_H
#define EXEC_PART_H

#include "graph/graph.h"

struct part {
    struct graph *graph; /* an instance of the same batch; owned */
    size_t input_count, output_count;
    int *inputs, *outputs; /* value ids of the whole instance, in the order
                              of graph->inputs and graph->outputs */
};

/*
 * Makes a part of `nodes` (ascending ids). What they read and do not compute
 * becomes its inputs, in order of use; constants are shared.
 *
 * outputs  value ids that the nodes compute
 *
 * Errors: those of op_instantiate, for a node that cannot stand alone.
 */
int part_create(struct part *part, const struct graph *instance,
                const int *nodes, size_t node_count, const int *outputs,
                size_t output_count, struct error *err);
void part_release(struct part *part);

#endif

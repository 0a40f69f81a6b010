/* Nodes that only move or retype a constant's elements. */
#ifndef GRAPH_VIEW_H
#define GRAPH_VIEW_H

#include "graph/graph.h"

/* Whether a node's output holds exactly the elements of its first input:
 * Identity, Reshape, Flatten, Squeeze, Unsqueeze, Transpose, Cast. */
bool view_is(const struct node *node);

/*
 * The output of such a node for a constant input.
 *
 * to   the output's value, whose type and shape are known
 * out  owned by the caller; may share the input's buffer
 *
 * Errors: ERROR_SHAPE when the node does not fit, ERROR_MEMORY.
 */
int view_compute(struct tensor *out, const struct node *node,
                 const struct tensor *in, const struct value *to,
                 struct error *err);

#endif

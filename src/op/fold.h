/* Computing what is constant, and naming nodes in errors. */
#ifndef OP_FOLD_H
#define OP_FOLD_H

#include "op/op.h"

/* What all computed constants of a graph may hold beside four times what is
 * stored in the file: a small file cannot ask for all memory. */
#define OP_FOLD_BYTES ((uint64_t)1 << 26)

/*
 * Infers the outputs of node `id` of a graph that nobody shares yet; when its
 * inputs are constants, runs it and makes the outputs constants.
 */
int op_fold(struct graph *graph, int id, struct error *err);

/* Puts "node 'NAME' (TYPE, 12 of 53)" before the message. Returns -1. */
int op_prefix(const struct graph *graph, int id, struct error *err);

/* Every row of op_list.h. */
size_t op_count(void);
const struct op *op_at(size_t index);

#endif

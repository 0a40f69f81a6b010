/* From a resolved template to a graph of one batch size. */
#ifndef OP_INSTANCE_H
#define OP_INSTANCE_H

#include "op/op.h"

/*
 * Infers every type and shape for `batch` samples and folds what is constant
 * (shape arithmetic included).
 *
 * batch  the leading dimension of every graph input: replaces a dynamic one;
 *        a declared one (usually 1) is replaced when re-batching is safe:
 *        every reshape target that began with the declared batch now begins
 *        with `batch`, and every output's leading dimension must come out as
 *        `batch`, else ERROR_UNSUPPORTED says which node fixes the batch.
 * out    owned by the caller (graph_drop)
 *
 * Errors: ERROR_SHAPE and others prefixed by "node 'NAME' (TYPE, 12 of 53)".
 * A dynamic dimension other than the leading one becomes the error
 * "input 'x' has a dynamic dimension 2 ..." (ERROR_UNSUPPORTED).
 */
int op_instantiate(struct graph **out, const struct graph *model, int64_t batch,
                   struct error *err);

/*
 * graph_with_constants of an instance or a template; in an instance what was
 * folded from a replaced constant is folded again.
 *
 * contents  as graph_with_known; NULL: not known
 *
 * Errors: graph_with_constants's and those of folding.
 */
int op_with_constants(struct graph **out, const struct graph *graph,
                      size_t count, const int *ids,
                      const struct tensor *tensors,
                      const struct contents *contents, struct error *err);

/* Fills a call for node `id` of an instance: tensors point to the arrays the
 * caller lends (room for input_count and output_count entries). Run-time
 * values have dtype and shape, no data. */
void op_call_of(const struct graph *instance, int id, struct op_call *call,
                struct tensor *inputs, const struct tensor **input_pointers,
                struct tensor *outputs, struct tensor **output_pointers);

#endif

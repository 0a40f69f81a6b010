/* What the gradients of operators share. */
#ifndef OP_BACKWARD_H
#define OP_BACKWARD_H

#include "op/support.h"

/* The gradient by output i; NULL where the loss does not depend on it. */
const float *op_gradient_of(const struct op_gradient *gradient, int i);

/* Where the gradient by input i goes; NULL where it is not wanted. */
float *op_gradient_to(const struct op_gradient *gradient, int i);

/*
 * The reverse of op_copy: out[offset + i · strides] += in[i] over the
 * row-major `shape`, from zero, summed in double. All of out is written.
 */
int op_accumulate(const struct op_gradient *gradient, int input,
                  const struct shape *shape, const float *in, int64_t offset,
                  const int64_t *strides, struct error *err);

/* The gradient by input `input` that was broadcast to `shape`: `full` summed
 * over what it was repeated along. Nothing where it is not wanted. */
int op_unbroadcast(const struct op_gradient *gradient, int input,
                   const struct shape *shape, const float *full,
                   struct error *err);

/* `gradient` of the aliases: the bytes as they are. */
int op_gradient_copy(const struct op_call *call,
                     const struct op_gradient *gradient, struct error *err);

/* `gradient` of a function of one operand. */
int op_unary_gradient(const struct op_call *call,
                      const struct eltwise_spec *spec,
                      const struct op_gradient *gradient, struct error *err);

#endif

/* Broadcasting of all operands of a call. */
#ifndef OP_BINARY_H
#define OP_BINARY_H

#include "op/support.h"

/* The shape that all inputs broadcast to (none may be omitted).
 * Errors: ERROR_SHAPE. */
int op_infer_broadcast(const struct op_call *call, struct shape *shape,
                       struct error *err);

#endif

/* Operands that broadcast, and their gradients. */
#ifndef OP_BINARY_H
#define OP_BINARY_H

#include "op/support.h"

/* The shape that all inputs broadcast to (none may be omitted).
 * Errors: ERROR_SHAPE. */
int op_infer_broadcast(const struct op_call *call, struct shape *shape,
                       struct error *err);

/* The derivatives of a function of two operands by each. */
struct partials {
    double a, b;
};
typedef struct partials op_partials(double a, double b);

op_partials op_partials_add, op_partials_subtract, op_partials_multiply,
    op_partials_divide, op_partials_power;

/* `gradient` of a function of two operands that broadcast. */
int op_binary_gradient(const struct op_call *call, op_partials *partials,
                       const struct op_gradient *gradient, struct error *err);

/* `gradient` of Max, Min, Sum and Mean. */
int op_variadic_gradient(const struct op_call *call,
                         const struct op_gradient *gradient, struct error *err);

#endif

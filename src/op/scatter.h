/* What scattering operators do with an element that is already there. */
#ifndef OP_SCATTER_H
#define OP_SCATTER_H

#include "op/support.h"

enum scatter_reduction {
    SCATTER_NONE,
    SCATTER_ADD,
    SCATTER_MUL,
    SCATTER_MAX,
    SCATTER_MIN,
};

/* NULL means none. Errors: ERROR_UNSUPPORTED for names not known. */
int scatter_reduction_find(const char *name, enum scatter_reduction *out,
                           struct error *err);

/* Whether elements of a type can be joined so; all can be replaced.
 * Errors: ERROR_UNSUPPORTED. */
int scatter_check_type(enum scatter_reduction reduction, enum dtype dtype,
                       struct error *err);

/* Element `at` of `to` takes element i of `from`, of the same type. */
void scatter_put(enum scatter_reduction reduction, struct tensor *to,
                 int64_t at, const struct tensor *from, int64_t i);

#endif

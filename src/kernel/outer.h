/*
 * Sums of outer products: the gradient of a product's weight over a whole
 * batch at once. Every element is one sum in one order, written once; panels
 * of columns are independent pieces of work.
 */
#ifndef KERNEL_OUTER_H
#define KERNEL_OUTER_H

#include "base/cpu.h"

#include <stdint.h>

enum { OUTER_PANEL = 48 /* columns */ };

/*
 * result(rows, columns) = sum over parts p and k < depth of
 * left[p][k][row] * right[p][k][column], all row-major
 */
struct outer {
    int64_t rows, columns, parts, depth;
    const float *const *left;  /* (parts) of (depth, rows) */
    const float *const *right; /* (parts) of (depth, columns) */
    float *result;
};

/* Writes columns [first, first + OUTER_PANEL) of the result. */
typedef void outer_function(const struct outer *outer, int64_t first);

outer_function *outer_of(enum cpu_isa isa);

void outer_panel_scalar(const struct outer *outer, int64_t first);
#if defined(__x86_64__)
void outer_panel_avx2(const struct outer *outer, int64_t first);
void outer_panel_avx512(const struct outer *outer, int64_t first);
#endif

#endif

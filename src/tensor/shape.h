/* Shapes: up to eight dimensions. */
#ifndef TENSOR_SHAPE_H
#define TENSOR_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHAPE_MAX_RANK = 8, SHAPE_TEXT_BYTES = 200 };

/* Rank 0 is a scalar with one element. A dimension of -1 is not known yet
 * (a symbolic dimension of a model's declared shape). */
struct shape {
    int rank;
    int64_t dims[SHAPE_MAX_RANK];
};

/* The product of the dimensions; -1 when one is unknown or negative, or the
 * product overflows. */
int64_t shape_elements(const struct shape *shape);

bool shape_equal(const struct shape *a, const struct shape *b);

/*
 * Multidirectional (NumPy) broadcasting of a and b into out.
 * Returns 0, or -1 when they do not fit.
 */
int shape_broadcast(struct shape *out, const struct shape *a,
                    const struct shape *b);

/* Row-major strides in elements; 0 along dimensions of size 1, so that the
 * strides of a broadcast operand can be used as they are. */
void shape_strides(const struct shape *shape, int64_t strides[SHAPE_MAX_RANK]);

/* "64x3x3x3" (unknown dimensions as "?"), "scalar" for rank 0.
 * Writes at most SHAPE_TEXT_BYTES to text and returns it. */
const char *shape_text(const struct shape *shape, char *text);

#endif

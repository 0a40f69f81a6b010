/* Structures whose units are sets of elements of the layer's matrix. */
#ifndef PRUNE_UNIT_H
#define PRUNE_UNIT_H

#include "prune/decision.h"

/* The unit of element (row, input, place) of the layer's matrix. */
typedef int64_t unit_of(const struct structure *self,
                        const struct layer_matrix *matrix, int64_t row,
                        int64_t input, int64_t place);

/*
 * Selects whole units by the mean of their scores, so that a smaller unit at
 * the edge is judged like the others; sums are taken in double.
 * The rest as structure->select.
 */
int unit_select(const struct structure *self, const struct layer *layer,
                unit_of *unit, int64_t units, const float *score,
                int64_t remove, struct bitmask *mask, struct error *err);

/*
 * Reads "PREFIX" first separator second (two numbers of at least 1 without
 * leading zeros). Returns whether `name` has this form; numbers beyond 10^6
 * come out as 10^6.
 */
bool unit_numbers(const char *name, const char *prefix, char separator,
                  int *first, int *second);

/* Fits' error for a weight without a matrix; 0 when it has one. */
int unit_needs_matrix(const struct layer *layer, struct error *err);

#endif

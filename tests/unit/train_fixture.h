/*
 * What tests of training kernels share: memory exactly as large as promised,
 * values in a kernel's layout, comparison with the naive reference.
 */
#ifndef TESTS_UNIT_TRAIN_FIXTURE_H
#define TESTS_UNIT_TRAIN_FIXTURE_H

#include "kernel/layout.h"

#include <stddef.h>

/* 64-byte aligned, not a number wherever nothing is written. */
void *aligned(size_t bytes);
float *floats(int64_t count);

/* What is compared: the name of the result, the number of the case. */
struct compared {
    const char *what;
    int number;
    double tolerance; /* of the largest element expected, at least of 1 */
};

/* Found against expected and what was there before (NULL: nothing). */
void check_floats(const struct compared *compared, const float *found,
                  const float *expected, const float *before, int64_t count);

/* The plain values in another layout. */
float *in_layout(enum layout layout, const struct layout_desc *plain,
                 const float *data);
/* check_floats of values found in that layout. */
void check_layout(const struct compared *compared, enum layout layout,
                  const struct layout_desc *plain, const float *found,
                  const float *expected, const float *before);

#endif

/* Runs one oneDNN problem on plain operands. */
#ifndef UNIT_ONEDNN_FIXTURE_H
#define UNIT_ONEDNN_FIXTURE_H

#include "base/rng.h"
#include "kernel/onednn.h"

/* Aligned floats with slack, zero or seeded normal; the caller frees them. */
float *onednn_make(int64_t elements);
float *onednn_make_random(struct rng *rng, int64_t elements);

void onednn_assert_close(const float *a, const float *b, int64_t count);

/*
 * Converts plain operands to the problem's layouts, runs, converts back.
 *
 * other   second operand or epilogue's tensor, NULL where there is none
 * before  what stands in dst before the run (in-place addition); NULL: zeros
 * Returns the plain result, which the caller frees.
 */
float *onednn_run_problem(const struct onednn_problem *problem,
                          const float *src, const float *other,
                          const float *before);

#endif

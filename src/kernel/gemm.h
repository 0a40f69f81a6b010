/* One dense product of run-time matrices, for plain code that would crawl. */
#ifndef KERNEL_GEMM_H
#define KERNEL_GEMM_H

#include <stdbool.h>
#include <stdint.h>

/*
 * y(m, n) = x(m, k) * w + (accumulate ? y : 0), all row-major.
 *
 * w        (n, k) when `transposed`, else (k, n)
 * y_row    elements from one row of y to the next, at least n
 *
 * Uses the calling thread's oneDNN threads. Returns 0, or -1 without memory.
 */
int gemm_run(int64_t m, int64_t n, int64_t k, const float *x, const float *w,
             bool transposed, bool accumulate, float *y, int64_t y_row);

#endif

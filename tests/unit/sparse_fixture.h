/*
 * Problems for the sparse kernels and the comparison with the naive reference,
 * in memory that is exactly as large as promised, so that the address
 * sanitizer sees a read or write beyond.
 */
#ifndef TESTS_UNIT_SPARSE_FIXTURE_H
#define TESTS_UNIT_SPARSE_FIXTURE_H

#include "base/rng.h"
#include "kernel/layout.h"
#include "kernel/sparse.h"

#define COUNT(a) (int)(sizeof(a) / sizeof *(a))

enum { OVERREAD = 64, SEED = 20261124 };

struct problem_shape {
    int64_t n, groups, ic, ih, iw, oc, kh, kw, stride, dilation;
    int64_t top, left, bottom, right;
};

/* One problem with everything that it needs in plain layout. */
struct problem {
    struct kernel_spec spec;
    struct layout_desc from, to; /* layout and border are the kernel's */
    float *weight, *bias, *src, *other, *expected;
    int64_t weights, oc;
};

/* Bytes that are no numbers. */
void *allocate(size_t bytes);

/* Of the weights about `density` are kept; the middle row keeps none. */
void conv_problem(struct problem *p, struct rng *rng,
                  const struct problem_shape *shape, double density, bool bias);
/* shape: n, in, out, transposed */
void product_problem(struct problem *p, struct rng *rng, const int64_t shape[4],
                     double density, bool bias);
void release_problem(struct problem *p);

/* Every kernel that serves the problem, whole and in parts, with the borders
 * that tell. Returns how many there are. */
int check_all(struct problem *p, const struct epilogue *e, const char *text);

#endif

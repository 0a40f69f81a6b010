/* Small graphs and the example models, planned and run. */
#ifndef UNIT_EXEC_FIXTURE_H
#define UNIT_EXEC_FIXTURE_H

#include "exec/plan.h"

/* --- building templates by hand; a failure fails the test --- */

struct graph *exec_graph(void);
/* A float32 constant with seeded normal values times `scale`. */
void exec_constant(struct graph *graph, const char *name, uint64_t seed,
                   float scale, int rank, const int64_t *dims);
/* inputs and attributes end with NULL; attributes are integers, lists or
 * numbers, as "group=2", "strides=2,2" or "alpha=0.5". */
void exec_node(struct graph *graph, const char *type, const char *const *inputs,
               const char *output, const char *const *attributes);
/* Names input and output, finishes, resolves, instantiates; drops `graph`. */
struct graph *exec_finish(struct graph *graph, const char *input, int rank,
                          const int64_t *dims, const char *output);

/* data/NAME.onnx for a batch. */
struct graph *exec_model(const char *name, int64_t batch);

/* A copy in which the smallest `share` of every layer's weights is zero; at
 * least `only` >= 0 names one convolution or product. Drops `graph`. */
struct graph *exec_prune(struct graph *graph, double share, int only);

/* --- running --- */

struct plan *exec_plan(const struct graph *graph, enum plan_kernels kernels,
                       struct timing *timing, const struct plan *previous);
/* Seeded normal inputs. */
void exec_fill(struct runner *runner, const struct plan *plan, uint64_t seed);
/* Makes a runner, fills and runs it; the output's copy is the caller's. */
float *exec_run(const struct plan *plan, uint64_t seed, int64_t *count);

void exec_assert_close(const float *a, const float *b, int64_t count,
                       double tolerance);

#endif

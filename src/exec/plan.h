/*
 * From an instance graph to steps that run: plan -> runner (reserve) -> run.
 *
 * A plan is immutable and counted: workers share it (packed weights, kernel
 * objects). Each worker has its own runner (arena by lifetimes, bindings).
 *
 * Making a plan: constant parts are folded already; nodes are lowered
 * (op->lower), fused (convolution or product + batch norm + residual add +
 * activation), given candidate kernels (dense: oneDNN with the layout it
 * picks; sparse: ours; plain: the operator's own `run`), and assigned so that
 * measured step times plus layout crossings are smallest. Sparse kernels are
 * candidates only where weights hold zeros.
 */
#ifndef EXEC_PLAN_H
#define EXEC_PLAN_H

#include "base/cancel.h"
#include "base/cpu.h"
#include "exec/timing.h"
#include "graph/graph.h"
#include "op/op.h"

enum plan_kernels {
    PLAN_KERNELS_AUTO,      /* measured choice per step */
    PLAN_KERNELS_DENSE,     /* oneDNN wherever it serves */
    PLAN_KERNELS_SPARSE,    /* ours wherever they serve */
    PLAN_KERNELS_REFERENCE, /* every node by its plain `run`, unfused */
};

struct plan_options {
    enum plan_kernels kernels;
    int threads; /* inside a run; 1 for evaluation workers */
    enum cpu_isa isa;
    struct timing *timing; /* measured times, shared; needed for AUTO */
    /* A plan of the same instance with other weights: steps whose constants
     * are the same bytes are shared instead of made again. May be NULL. */
    const struct plan *previous;
    /* AUTO: nothing is measured, and a kernel whose time is not known yet is
     * no candidate where another serves (plan_is_settled). */
    bool at_once;
    const struct cancel *cancel; /* polled between steps; may be NULL */
};

struct plan;

/*
 * instance  retained
 * out       one holder: the caller (plan_drop)
 * Errors: ERROR_MEMORY, ERROR_UNSUPPORTED, ERROR_CANCELLED.
 */
int plan_create(struct plan **out, const struct graph *instance,
                const struct plan_options *options, struct error *err);
struct plan *plan_retain(const struct plan *plan);
void plan_drop(const struct plan *plan);

const struct graph *plan_instance(const struct plan *plan);
/* Whether it is what measurements choose; made at once, it need not be. */
bool plan_is_settled(const struct plan *plan);

/* What one step is, for tables and traces. */
struct plan_step {
    int node;             /* the main node of the step (its convolution, …) */
    const char *kernel;   /* "onednn conv nhwc", "sparse_conv_plane_avx512" */
    bool sparse;          /* one of our sparse kernels */
    bool reorder;         /* only a change of layout */
    double expected_ns;   /* from the planner's measurements; 0: not measured */
    uint64_t prefix_hash; /* identifies the values of everything up to here:
                             nodes, weights' contents, kernels, layouts */
    int64_t live_bytes;   /* bytes needed to resume after this step */
};
size_t plan_step_count(const struct plan *plan);
struct plan_step plan_step_at(const struct plan *plan, size_t step);
/* The step that computes node `id`; -1 when folded or absent. */
int plan_step_of_node(const struct plan *plan, int id);

int64_t plan_arena_bytes(const struct plan *plan);
int64_t plan_packed_bytes(const struct plan *plan);

struct runner;

/* Memory and bindings for one thread that runs. Owned by the caller. */
int runner_create(struct runner **out, const struct plan *plan,
                  struct error *err);
void runner_destroy(struct runner *runner);

/*
 * Where to write input i of the graph (in the order of graph->inputs), as
 * the caller's type and shape say: plain row-major, the graph's dtype. What
 * was written stays until it is written again.
 */
void *runner_input(struct runner *runner, size_t input);

/* Where output i stands after a run: plain row-major. */
const struct tensor *runner_output(const struct runner *runner, size_t output);

/*
 * Runs steps [first, last) - 0, plan_step_count for all. Allocates nothing.
 * step_ns   written per step when not NULL (plan_step_count entries)
 * Returns 0, or -1 with ERROR_CANCELLED; cancel polled per step.
 */
int runner_run(struct runner *runner, size_t first, size_t last,
               const struct cancel *cancel, int64_t *step_ns,
               struct error *err);

/*
 * The values that are alive after step `step` (computed before or at it and
 * read behind it, or graph outputs), packed: plan_step_at(step).live_bytes.
 */
void runner_save(const struct runner *runner, size_t step, void *bytes);
void runner_load(struct runner *runner, size_t step, const void *bytes);

#endif

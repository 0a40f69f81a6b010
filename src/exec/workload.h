/* What the steps of a plan, or of an instance that has none, ask of kernels:
 * the features that predictions of time are made from. */
#ifndef EXEC_WORKLOAD_H
#define EXEC_WORKLOAD_H

#include "exec/plan.h"
#include "kernel/workload.h"

/* What a step of a plan is and which way it runs. */
void plan_workload(const struct plan *plan, size_t step, struct workload *out);

struct workload_row {
    int node; /* as plan_step's */
    struct workload workload;
};

struct workload_list {
    struct workload_row *rows; /* in order of execution; owned */
    size_t count;
};

/*
 * The steps that a plan of `instance` would have, layout changes apart, from
 * its operators fused as a plan fuses them: dense, with zeros counted. Costs
 * some nanoseconds a weight; measures and packs nothing.
 *
 * counted  a plan of the same model, of any batch, that has counted the zeros
 *          of layers with the same weights; NULL: none
 *
 * Errors: ERROR_MEMORY.
 */
int workload_list_init(struct workload_list *out, const struct graph *instance,
                       const struct plan *counted, struct error *err);
/* Owned by the caller. */
int workload_list_copy(struct workload_list *out,
                       const struct workload_list *in, struct error *err);
void workload_list_release(struct workload_list *list);

#endif

/*
 * Channels that need no work because of zeros in weights, found over all tasks
 * of a plan. A channel whose weights are all zero has one known value: what
 * reads it takes that value into its bias and reads it no longer. A channel
 * that nothing reads any more needs no weights of its own. Internal to exec.
 */
#ifndef EXEC_IDLE_H
#define EXEC_IDLE_H

#include "base/error.h"
#include "exec/choose.h"
#include "exec/task.h"

/* What a task leaves out. */
struct idle {
    uint8_t *rows;    /* (outputs) 1: nobody reads this channel */
    uint8_t *columns; /* (inputs) 1: the channel is `values`, in the bias */
    float *values;    /* (inputs) */
    int64_t row_count;
    bool skips; /* no reader touches the memory of idle rows */
    uint64_t hash;
};

/*
 * Finds them in tasks that have weights and many zeros, whose nonzeros are
 * counted; sets `filled` and `idle` and counts nonzeros again without what is
 * idle. Work that `previous` (may be NULL) did already is taken from it.
 * Errors: ERROR_MEMORY.
 */
int idle_find(struct task_list *list, const struct graph *instance,
              const struct plan *previous, struct error *err);

/* The spec without what is idle: it points to copies, which the caller owns.
 * Returns 0, or -1 without memory. */
int idle_apply(struct kernel_spec *spec, const struct idle *idle,
               float **weight, float **bias);

/* Idle rows need not be written where every reader's kernel passes them over,
 * in the layout in which they are. Choices are made. */
void idle_decide_skips(const struct choosing *c, size_t index);

/* Weight rows and columns of a convolution or product. */
int64_t idle_outputs(const struct task *task);
int64_t idle_inputs(const struct task *task);

void idle_destroy(struct idle *idle);

#endif

/* What plan, runner and prefix share; not for other folders. */
#ifndef EXEC_PLAN_INTERNAL_H
#define EXEC_PLAN_INTERNAL_H

#include "exec/compiled.h"
#include "exec/plan.h"

/* A value in one layout, in the arena while it is alive. */
struct slot {
    int value;
    struct layout_desc desc;
    size_t bytes;
    int first, last;      /* steps: written by, last read by; inputs -1, outputs
                             one behind the last step */
    int64_t offset;       /* in the arena */
    const void *constant; /* the instance's bytes instead; NULL: arena */
};

/* One step; plain steps read slots[operands], others have fixed roles. */
struct step {
    struct plan_step info;
    struct compiled *compiled;
    double cost;             /* expected, estimated where it was not measured */
    int *operands, *results; /* slots, GRAPH_NONE where omitted */
    int operand_count, result_count;
};

struct plan {
    atomic_int holders;
    struct graph *instance;
    struct engine_box *box;
    int threads;
    enum cpu_isa isa;
    enum plan_kernels kernels;
    bool settled;
    struct step *steps;
    size_t step_count;
    struct slot *slots;
    size_t slot_count;
    int *inputs, *outputs; /* slots, in the order of the graph's */
    int *step_of;          /* per node, -1 */
    int64_t arena_bytes, scratch_bytes, packed_bytes;
    struct arena arena; /* operands and results */
};

/* The kernel that `plan` (may be NULL) has for the same problem with the same
 * constants at the task's node; NULL: none. */
const struct compiled *plan_unchanged(const struct plan *plan,
                                      const struct task *task);

/* The same where only what is known of its zeros matters: in whatever batch;
 * NULL also where they were not counted. */
const struct compiled *plan_same_zeros(const struct plan *plan,
                                       const struct task *task);

/* Counting reads every weight: what a plan (may be NULL) counted is taken. */
void plan_count_nonzeros(const struct plan *counted, struct task *task);

/* Offsets of all slots; the arena's size is written. Returns 0 or -1. */
int memory_assign(struct plan *plan);

static inline bool slot_is_alive(const struct slot *slot, int step)
{
    return !slot->constant && slot->first <= step && slot->last > step;
}

#endif

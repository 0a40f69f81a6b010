/*
 * Which kernel and layouts for each task. Internal to exec.
 */
#ifndef EXEC_CHOOSE_H
#define EXEC_CHOOSE_H

#include "exec/compiled.h"
#include "exec/plan.h"

enum { CHOICE_MAX = 32 };

/* The candidates of one task and the one that is taken. */
struct choice {
    struct candidate candidates[CHOICE_MAX];
    int count, taken;
};

/* All that choosing needs and decides. */
struct choosing {
    const struct graph *instance;
    const struct task_list *list;
    struct value_view *views; /* borders are set by choosing_candidates */
    const struct compile_context *context;
    const struct plan_options *options;
    struct choice *choices; /* per task */
    bool zeros;             /* some layer has enough of them */
    bool measures;          /* times are measured, not estimated */
    bool guessed;           /* a time was not known, nor measured */
    double line_ns;         /* of a line from another processor's cache */
    double total_ns;
};

/* Lists candidates and decides borders. Errors: ERROR_MEMORY. */
int choosing_candidates(struct choosing *c, struct error *err);

/* Takes the candidates whose times plus layout crossings are smallest. Errors:
 * ERROR_MEMORY, ERROR_CANCELLED. */
int choosing_assign(struct choosing *c, struct error *err);

/* Expected time of a candidate: measured when choosing says so; INFINITY where
 * it does not serve. Returns 0, or -1 with ERROR_MEMORY, ERROR_CANCELLED. */
int candidate_time(struct choosing *c, const struct task *task,
                   struct candidate *candidate, struct error *err);

/* Expected time that `task`, shared as `to`, waits for the lines of `value`
 * that a step shared as `from` left in other processors' caches. */
double handover_time(const struct choosing *c, const struct task *task,
                     int value, enum sharing from, enum sharing to);

/* Expected time of a layout change of `value`. */
double reorder_time(struct choosing *c, int value, enum layout from,
                    enum layout to);

#endif

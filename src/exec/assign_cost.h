/*
 * What a choice of candidates costs: times of steps, crossings of layouts,
 * lines handed over between processors. Internal to exec.
 *
 * The whole is a sum of one term for each task and one for each value, and a
 * choice enters few of them, so that a changed choice costs what its
 * neighbours do, however long the graph.
 */
#ifndef EXEC_ASSIGN_COST_H
#define EXEC_ASSIGN_COST_H

#include "exec/choose.h"

struct assign_cost {
    struct choosing *c;
    int *producer;        /* per value: task, -1 */
    size_t *first_reader; /* per value and one more: place in `readers` */
    int *readers;         /* tasks, by value */
    bool *returned;       /* per value: by the graph */
    int *values;          /* those that tasks touch or the graph returns */
    size_t value_count;
    enum layout *canonical; /* per value and layout */
    double *reorders; /* per value and pair of layouts; NAN: not asked yet */
    size_t *task_round, *value_round; /* in which each was counted last */
    size_t round;
};

/* Borrows `c`, whose choices it reads whenever it is asked. Errors:
 * ERROR_MEMORY (nothing to release then). */
int assign_cost_init(struct assign_cost *out, struct choosing *c,
                     struct error *err);
void assign_cost_release(struct assign_cost *cost);

/* Nanoseconds of everything. */
double assign_cost_total(struct assign_cost *cost);

/* Nanoseconds of the terms that the choices of these tasks enter, each once:
 * what the total changes by when they change. */
double assign_cost_around(struct assign_cost *cost, const size_t *tasks,
                          size_t count);

#endif

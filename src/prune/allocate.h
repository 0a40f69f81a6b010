/*
 * Distributing one budget over layers. To add an allocator: a file
 * allocate_<name>.c that defines its row, a line in allocate.c, a case in
 * tests/unit/test_allocate.c.
 */
#ifndef PRUNE_ALLOCATE_H
#define PRUNE_ALLOCATE_H

#include "prune/apply.h"
#include "prune/cliff.h"

/*
 * What an allocator knows. Layers are numbered by their place in `rows`.
 * costs[place * level_count + level] is what the layer costs (time, bytes, ...)
 * when levels[level] of it is removed; levels ascend from 0, so that leaving
 * a layer dense is always an option.
 */
struct allocation {
    struct mask_source source; /* graph, layers, weights */
    const size_t *rows;
    size_t row_count;
    const struct structure *structure;
    const struct criterion *criterion;
    const struct curve *curves; /* per place; count 0: not scanned */
    const double *levels, *costs;
    size_t level_count;
    double fixed; /* cost of everything else */
};

/* Cost of one layer when `amount` of it is removed: linear between levels, but
 * that of the level below where the one above is a jump away. */
double allocation_cost(const struct allocation *a, size_t place, double amount);
/* Of the whole model. */
double allocation_total(const struct allocation *a, const double *amounts);
/* Drop of accuracy when drops of layers add up, at most the baseline. */
double allocation_drop(const struct allocation *a, const double *amounts);

/* Decisions of one share per place; the others are dense. */
int allocation_decide(struct decision *decisions, const struct allocation *a,
                      const double *amounts, struct error *err);

/*
 * A method. `strength` runs from 0 (dense) to 1 (all that can go goes); the
 * cost falls with it, so that a budget is met by bisection.
 */
struct allocator {
    const char *name, *help;
    bool needs_scan;
    /* amounts  (row_count) shares to remove, written */
    int (*allocate)(const struct allocation *a, double strength,
                    double *amounts, struct error *err);
};
extern const struct allocator *const allocators[]; /* NULL-terminated */
const struct allocator *allocator_find(const char *name);

extern const struct allocator allocator_uniform, allocator_uniform_plus,
    allocator_erk, allocator_global, allocator_lamp, allocator_sensitivity,
    allocator_hull, allocator_knapsack;

/*
 * The least strength whose cost is at most `budget`, by bisection.
 * Errors: ERROR_RANGE when even full strength costs more.
 */
int allocate_for(const struct allocator *allocator, const struct allocation *a,
                 double budget, double *amounts, struct error *err);

#endif

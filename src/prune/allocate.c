#include "prune/allocate.h"

#include <math.h>
#include <string.h>

enum { HALVINGS = 30 };

const struct allocator *const allocators[] = {
    &allocator_uniform, &allocator_uniform_plus, &allocator_erk,
    &allocator_global,  &allocator_lamp,         &allocator_sensitivity,
    &allocator_hull,    &allocator_knapsack,     NULL,
};

const struct allocator *allocator_find(const char *name)
{
    for (size_t i = 0; allocators[i]; i++)
        if (strcmp(allocators[i]->name, name) == 0)
            return allocators[i];
    return NULL;
}

/* Falling faster than what is kept, by this much, is a jump: another kernel
 * takes over at the level above, and nobody knows where before it. */
static const double JUMP = 0.9;

static bool is_jump(const struct allocation *a, const double *costs, size_t i)
{
    double fair = costs[i] * (1 - a->levels[i + 1]) / (1 - a->levels[i]);
    return costs[i + 1] < JUMP * fair;
}

double allocation_cost(const struct allocation *a, size_t place, double amount)
{
    const double *costs = a->costs + place * a->level_count;
    size_t last = a->level_count - 1;
    for (size_t i = 0; i < last; i++) {
        if (amount > a->levels[i + 1])
            continue;
        if (amount < a->levels[i + 1] && is_jump(a, costs, i))
            return costs[i];
        double share =
            (amount - a->levels[i]) / (a->levels[i + 1] - a->levels[i]);
        return costs[i] + share * (costs[i + 1] - costs[i]);
    }
    return costs[last];
}

double allocation_total(const struct allocation *a, const double *amounts)
{
    double total = a->fixed;
    for (size_t i = 0; i < a->row_count; i++)
        total += allocation_cost(a, i, amounts[i]);
    return total;
}

double allocation_drop(const struct allocation *a, const double *amounts)
{
    double drop = 0, baseline = 1;
    for (size_t i = 0; i < a->row_count; i++) {
        if (!a->curves[i].count)
            continue;
        baseline = a->curves[i].baseline;
        drop += baseline - curve_at(&a->curves[i], amounts[i]);
    }
    return fmin(drop, baseline);
}

int allocation_decide(struct decision *decisions, const struct allocation *a,
                      const double *amounts, struct error *err)
{
    const struct layer_table *layers = a->source.layers;
    for (size_t i = 0; i < layers->count; i++)
        decisions[i] = decision_dense();
    for (size_t i = 0; i < a->row_count; i++) {
        const struct layer *layer = &layers->layers[a->rows[i]];
        int64_t most = structure_most(a->structure, layer);
        int64_t remove =
            decision_units(amounts[i], structure_units(a->structure, layer));
        struct choice choice = {a->structure, a->criterion,
                                remove < most ? remove : most};
        if (choice.remove &&
            decision_choose(decisions, layers, a->rows[i], &choice, err) < 0)
            return -1;
    }
    return 0;
}

int allocate_for(const struct allocator *allocator, const struct allocation *a,
                 double budget, double *amounts, struct error *err)
{
    double low = 0, high = 1;
    if (allocator->allocate(a, 1, amounts, err) < 0)
        return -1;
    double least = allocation_total(a, amounts);
    if (least > budget)
        return error_set(err, ERROR_RANGE,
                         "%s cannot get below %.4g of the %.4g wanted",
                         allocator->name, least, budget);
    for (int i = 0; i < HALVINGS; i++) {
        double middle = (low + high) / 2;
        if (allocator->allocate(a, middle, amounts, err) < 0)
            return -1;
        if (allocation_total(a, amounts) <= budget)
            high = middle;
        else
            low = middle;
    }
    return allocator->allocate(a, high, amounts, err);
}

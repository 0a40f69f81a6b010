/*
 * The cheapest drop under a cost: dynamic programming over buckets of cost.
 * Costs are rounded up, so that the sum never exceeds the budget; leaving a
 * layer dense is always an option.
 * Source: Frantar and Alistarh 2022 (SPDY), section 3, with ceil instead of
 * rounding; drops are on the scale log(1 + drop / half a point), on which
 * those of layers add up without the largest one deciding everything.
 */
#include "prune/allocate.h"

#include "base/array.h"

#include <math.h>
#include <stdlib.h>

enum { BUCKETS = 10000 };
#define HALF_POINT 0.005

struct table {
    double *best, *next;    /* least loss with at most b buckets */
    unsigned char *choices; /* per place and bucket */
};

static double loss_of(const struct curve *curve, double amount)
{
    return log1p((curve->baseline - curve_at(curve, amount)) / HALF_POINT);
}

static bool is_scanned(const struct allocation *a, size_t place, size_t level)
{
    const struct curve *curve = &a->curves[place];
    return !level ||
           (curve->count &&
            a->levels[level] <= curve->amounts[curve->count - 1] + 1e-9);
}

/* The least that a layer can cost. */
static double least_cost(const struct allocation *a, size_t place)
{
    double least = INFINITY;
    for (size_t i = 0; i < a->level_count; i++)
        if (is_scanned(a, place, i))
            least = fmin(least, a->costs[place * a->level_count + i]);
    return least;
}

static void add_layer(const struct allocation *a, struct table *t, size_t place,
                      double bucket)
{
    double least = least_cost(a, place);
    for (int b = 0; b <= BUCKETS; b++)
        t->next[b] = INFINITY;
    for (size_t i = 0; i < a->level_count; i++) {
        if (!is_scanned(a, place, i))
            continue;
        double above = a->costs[place * a->level_count + i] - least;
        double need = ceil(above / bucket - 1e-9);
        if (!(need <= BUCKETS))
            continue;
        double loss = loss_of(&a->curves[place], a->levels[i]);
        for (int b = (int)need; b <= BUCKETS; b++) {
            double sum = t->best[b - (int)need] + loss;
            if (sum < t->next[b]) {
                t->next[b] = sum;
                t->choices[place * (BUCKETS + 1) + (size_t)b] =
                    (unsigned char)i;
            }
        }
    }
    double *swap = t->best;
    t->best = t->next;
    t->next = swap;
}

static void read_back(const struct allocation *a, const struct table *t,
                      double bucket, double *amounts)
{
    int b = BUCKETS;
    for (size_t place = a->row_count; place-- > 0;) {
        size_t i = t->choices[place * (BUCKETS + 1) + (size_t)b];
        double above =
            a->costs[place * a->level_count + i] - least_cost(a, place);
        amounts[place] = a->levels[i];
        b -= (int)ceil(above / bucket - 1e-9);
    }
}

static int allocate(const struct allocation *a, double strength,
                    double *amounts, struct error *err)
{
    size_t width = BUCKETS + 1;
    struct table t = {array_create(width, sizeof *t.best),
                      array_create(width, sizeof *t.next),
                      array_create(width * (a->row_count + 1), 1)};
    double range = 0;
    int code = t.best && t.next && t.choices
                   ? 0
                   : error_memory(err, width * (a->row_count + 1));
    for (size_t i = 0; i < a->row_count; i++)
        range += a->costs[i * a->level_count] - least_cost(a, i);
    /* What may be spent above the least; a little more than all at 0. */
    double bucket = (1 - strength) * range * 1.01 / BUCKETS + 1e-300;
    for (size_t i = 0; i < a->row_count && code == 0; i++)
        add_layer(a, &t, i, bucket);
    if (code == 0)
        read_back(a, &t, bucket, amounts);
    free(t.best);
    free(t.next);
    free(t.choices);
    return code;
}

const struct allocator allocator_knapsack = {
    .name = "knapsack",
    .help = "the least drop under the budget, by dynamic programming",
    .needs_scan = true,
    .allocate = allocate,
};

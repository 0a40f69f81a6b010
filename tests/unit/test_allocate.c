#include "prune/allocate.h"

#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { PLACES = 4, LEVELS = 4, ROUNDS = 60 };

static const double levels[LEVELS] = {0, 0.3, 0.6, 0.9};
static const size_t rows[PLACES] = {0, 1, 2, 3};

/* Four layers of known shapes with random curves and costs. */
struct problem {
    struct layer list[PLACES];
    struct layer_table layers;
    struct curve curves[PLACES];
    double costs[PLACES * LEVELS];
    struct allocation a;
};

static void make(struct problem *p, struct rng *rng)
{
    static const int64_t shapes[PLACES][4] = {
        {16, 1, 3, 3}, {16, 16, 3, 3}, {32, 16, 3, 3}, {10, 32, 1, 1}};
    static const char *const ops[PLACES] = {"Conv", "Conv", "Conv", "Gemm"};
    *p = (struct problem){.layers = {.layers = p->list, .count = PLACES}};
    for (size_t i = 0; i < PLACES; i++) {
        struct curve *c = &p->curves[i];
        double drop = 0, cost = 1 + rng_uniform(rng);
        p->list[i].op = ops[i];
        p->list[i].prunable = true;
        p->list[i].shape.rank = i < 3 ? 4 : 2;
        p->list[i].weights = 1;
        for (int d = 0; d < p->list[i].shape.rank; d++) {
            p->list[i].shape.dims[d] = shapes[i][d];
            p->list[i].weights *= shapes[i][d];
        }
        *c = (struct curve){.count = LEVELS - 1, .baseline = 0.9};
        for (size_t l = 0; l < LEVELS; l++) {
            p->costs[i * LEVELS + l] = cost;
            cost *= 0.3 + 0.6 * rng_uniform(rng);
            if (!l)
                continue;
            drop += 0.1 * rng_uniform(rng);
            c->amounts[l - 1] = levels[l];
            c->values[l - 1] = 0.9 - drop;
            c->low[l - 1] = c->values[l - 1] - 0.01;
            c->high[l - 1] = c->values[l - 1] + 0.01;
        }
        curve_fit(c);
    }
    p->a = (struct allocation){.source = {.layers = &p->layers},
                               .rows = rows,
                               .row_count = PLACES,
                               .structure = structures[0],
                               .criterion = criteria[0],
                               .curves = p->curves,
                               .levels = levels,
                               .costs = p->costs,
                               .level_count = LEVELS,
                               .fixed = 0.5};
}

static double loss(const struct problem *p, const double *amounts)
{
    double sum = 0;
    for (size_t i = 0; i < PLACES; i++)
        sum += log1p((0.9 - curve_at(&p->curves[i], amounts[i])) / 0.005);
    return sum;
}

/* The least loss of all combinations within a budget. */
static double best_of_all(const struct problem *p, double budget)
{
    double best = INFINITY;
    for (int n = 0; n < LEVELS * LEVELS * LEVELS * LEVELS; n++) {
        double amounts[PLACES];
        for (int i = 0, rest = n; i < PLACES; i++, rest /= LEVELS)
            amounts[i] = levels[rest % LEVELS];
        if (allocation_total(&p->a, amounts) <= budget)
            best = fmin(best, loss(p, amounts));
    }
    return best;
}

/* No budget is broken, and nothing that is cheaper by more than the rounding
 * of buckets is better. */
static void the_knapsack_is_packed_best(void **state)
{
    (void)state;
    struct rng rng;
    struct error err = {0};
    rng_init(&rng, 8);
    for (int round = 0; round < ROUNDS; round++) {
        struct problem p;
        double amounts[PLACES], none[PLACES] = {0};
        make(&p, &rng);
        double dense = allocation_total(&p.a, none);
        double budget = dense * (0.5 + 0.5 * rng_uniform(&rng));
        if (best_of_all(&p, budget) == INFINITY)
            continue;
        assert_int_equal(
            allocate_for(&allocator_knapsack, &p.a, budget, amounts, &err), 0);
        assert_true(allocation_total(&p.a, amounts) <= budget);
        assert_true(loss(&p, amounts) <=
                    best_of_all(&p, budget - 0.002 * dense) + 1e-9);
    }
}

static void budgets_are_met_or_refused(void **state)
{
    (void)state;
    static const struct allocator *const some[] = {
        &allocator_uniform,     &allocator_uniform_plus, &allocator_erk,
        &allocator_sensitivity, &allocator_hull,         &allocator_knapsack};
    struct rng rng;
    rng_init(&rng, 9);
    for (int round = 0; round < ROUNDS; round++) {
        struct problem p;
        double amounts[PLACES], none[PLACES] = {0};
        make(&p, &rng);
        double dense = allocation_total(&p.a, none);
        for (size_t k = 0; k < sizeof some / sizeof *some; k++) {
            struct error err = {0};
            double budget = dense * (0.3 + 0.7 * rng_uniform(&rng));
            if (allocate_for(some[k], &p.a, budget, amounts, &err) == 0) {
                assert_true(allocation_total(&p.a, amounts) <= budget);
                for (size_t i = 0; i < PLACES; i++)
                    assert_true(amounts[i] >= 0 && amounts[i] <= 1);
            } else {
                assert_int_equal(err.code, ERROR_RANGE);
            }
            assert_int_equal(some[k]->allocate(&p.a, 0, amounts, &err), 0);
            assert_true(allocation_total(&p.a, amounts) >= dense - 1e-9);
        }
    }
}

static void erk_keeps_what_was_asked(void **state)
{
    (void)state;
    struct rng rng;
    struct error err = {0};
    struct problem p;
    rng_init(&rng, 10);
    make(&p, &rng);
    for (double s = 0.05; s < 1; s += 0.05) {
        double amounts[PLACES], kept = 0, all = 0;
        assert_int_equal(allocator_erk.allocate(&p.a, s, amounts, &err), 0);
        for (size_t i = 0; i < PLACES; i++) {
            kept += (1 - amounts[i]) * (double)p.list[i].weights;
            all += (double)p.list[i].weights;
            assert_true(amounts[i] > -1e-9);
        }
        assert_true(fabs(kept / all - (1 - s)) < 1e-9);
    }
    /* Densities are as (sum of dimensions) / (product of dimensions). */
    double amounts[PLACES];
    assert_int_equal(allocator_erk.allocate(&p.a, 0.9, amounts, &err), 0);
    double one = (16. + 16 + 3 + 3) / (16 * 16 * 9);
    double two = (32. + 16 + 3 + 3) / (32 * 16 * 9);
    assert_true(fabs((1 - amounts[1]) / (1 - amounts[2]) - one / two) < 1e-9);
}

static void uniform_plus_spares_the_ends(void **state)
{
    (void)state;
    struct rng rng;
    struct error err = {0};
    struct problem p;
    double amounts[PLACES];
    rng_init(&rng, 11);
    make(&p, &rng);
    assert_int_equal(allocator_uniform_plus.allocate(&p.a, 0.95, amounts, &err),
                     0);
    assert_true(amounts[0] == 0 && amounts[1] == 0.95 && amounts[3] == 0.8);
    assert_ptr_equal(allocator_find("uniform+"), &allocator_uniform_plus);
    assert_null(allocator_find("luck"));
}

static void costs_are_linear_but_for_jumps(void **state)
{
    /* From 0.3 on another kernel runs, in half the time that what is kept
     * would take; then time follows what is kept. */
    double costs[LEVELS] = {10, 3.5, 2, 0.5};
    struct allocation a = {.row_count = 1,
                           .levels = levels,
                           .costs = costs,
                           .level_count = LEVELS};
    (void)state;
    assert_true(allocation_cost(&a, 0, 0.29) == 10);
    assert_true(allocation_cost(&a, 0, 0.3) == 3.5);
    assert_float_equal(allocation_cost(&a, 0, 0.45), 2.75, 1e-12);
    assert_float_equal(allocation_cost(&a, 0, 0.75), 1.25, 1e-12);
    assert_true(allocation_cost(&a, 0, 0.95) == 0.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(costs_are_linear_but_for_jumps),
        cmocka_unit_test(the_knapsack_is_packed_best),
        cmocka_unit_test(budgets_are_met_or_refused),
        cmocka_unit_test(erk_keeps_what_was_asked),
        cmocka_unit_test(uniform_plus_spares_the_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

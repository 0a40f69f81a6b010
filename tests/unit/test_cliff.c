#include "prune/cliff.h"

#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { ROUNDS = 200 };

/* Amounts 10 … 90, 95 % of a curve that drops by `factor` more with each
 * tenth behind `at`, with intervals of ±half. */
static struct curve make_curve(double at, double factor, double half,
                               struct rng *rng)
{
    struct curve curve = {.count = 10, .baseline = 0.93};
    for (size_t i = 0; i < 10; i++) {
        double x = i == 9 ? 0.95 : 0.1 * (double)(i + 1);
        double drop =
            x > at ? 0.005 * (exp(log(factor) * (x - at) * 10) - 1) : 0;
        double noise = rng ? half / 1.96 * rng_normal(rng) : 0;
        curve.amounts[i] = x;
        curve.values[i] = fmax(0.1, 0.93 - drop + noise);
        curve.low[i] = curve.values[i] - half;
        curve.high[i] = curve.values[i] + half;
    }
    curve_fit(&curve);
    return curve;
}

static double mean(const struct curve *c, size_t from, size_t to)
{
    double sum = 0, weights = 0;
    for (size_t i = from; i <= to; i++) {
        double width = c->high[i] - c->low[i], weight = 1 / (width * width);
        sum += weight * c->values[i];
        weights += weight;
    }
    return sum / weights;
}

/* Against the minimum over beginnings of the maximum over ends of means. */
static void the_fit_is_the_isotonic_one(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 2);
    for (int round = 0; round < ROUNDS; round++) {
        struct curve c = {.count = 12, .baseline = 2};
        for (size_t i = 0; i < c.count; i++) {
            double half = 0.01 + 0.2 * rng_uniform(&rng);
            c.values[i] = 1 - 0.03 * (double)i + 0.1 * rng_normal(&rng);
            c.low[i] = c.values[i] - half;
            c.high[i] = c.values[i] + half;
        }
        curve_fit(&c);
        for (size_t i = 0; i < c.count; i++) {
            double least = INFINITY;
            for (size_t from = 0; from <= i; from++) {
                double most = -INFINITY;
                for (size_t to = i; to < c.count; to++)
                    most = fmax(most, mean(&c, from, to));
                least = fmin(least, most);
            }
            assert_true(fabs(c.fit[i] - least) < 1e-9);
        }
    }
}

static void the_change_point_is_found(void **state)
{
    (void)state;
    for (double at = 0.2; at < 0.85; at += 0.05) {
        struct curve curve = make_curve(at, 4, 0.002, NULL);
        struct cliff cliff = cliff_find(&curve);
        assert_true(cliff.found);
        assert_true(fabs(cliff.amount - at) < 0.03);
        assert_true(cliff.low <= cliff.amount && cliff.amount <= cliff.high);
    }
}

/* A first layer of few weights: one jump, then steps; the amounts behind the
 * jump are no line and must not move the change point before the plateau's
 * end. Figures of ResNet-20's stem, 1,000 test images. */
static void what_lies_behind_a_jump_does_not_move_it(void **state)
{
    (void)state;
    static const double lost[] = {0.001, -0.002, -0.002, 0.008, 0.094,
                                  0.109, 0.148,  0.584,  0.700, 0.715};
    static const double half[] = {0.003, 0.004, 0.005, 0.008, 0.012,
                                  0.012, 0.015, 0.030, 0.025, 0.025};
    struct curve curve = {.count = 10, .baseline = 0.946};
    for (size_t i = 0; i < 10; i++) {
        curve.amounts[i] = i == 9 ? 0.95 : 0.1 * (double)(i + 1);
        curve.values[i] = curve.baseline - lost[i];
        curve.low[i] = curve.values[i] - half[i];
        curve.high[i] = curve.values[i] + half[i];
    }
    curve_fit(&curve);
    struct cliff cliff = cliff_find(&curve);
    assert_true(cliff.found);
    assert_true(cliff.amount >= 0.3 && cliff.amount <= 0.4);
    assert_true(cliff.low >= 0.2 && cliff.high <= 0.45);
}

/* With noise of the size that the intervals say, 95 of 100 intervals should
 * hold the change point; 90 of 100 is where a defect would show. */
static void its_interval_holds_the_truth(void **state)
{
    (void)state;
    struct rng rng;
    int held = 0;
    double width = 0;
    rng_init(&rng, 4);
    for (int round = 0; round < ROUNDS; round++) {
        double at = 0.25 + 0.5 * rng_uniform(&rng);
        struct curve curve =
            make_curve(at, 2.5 + 3 * rng_uniform(&rng), 0.004, &rng);
        struct cliff cliff = cliff_find(&curve);
        assert_true(cliff.found);
        held += cliff.low - 0.0051 <= at && at <= cliff.high + 0.0051;
        width += cliff.high - cliff.low;
    }
    print_message("%d of %d held, mean width %.3f\n", held, (int)ROUNDS,
                  width / ROUNDS);
    assert_true(held >= ROUNDS * 90 / 100);
    assert_true(width / ROUNDS < 0.3);
}

static void a_plateau_has_no_cliff(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 6);
    for (int round = 0; round < ROUNDS; round++) {
        struct curve curve = make_curve(2, 4, 0.004, &rng);
        assert_false(cliff_find(&curve).found);
    }
    struct curve none = {.baseline = 0.9};
    assert_false(cliff_find(&none).found);
}

static void curves_are_read_between_points(void **state)
{
    (void)state;
    struct curve c = {.count = 2,
                      .baseline = 0.9,
                      .amounts = {0.5, 1},
                      .values = {0.9, 0.5},
                      .low = {0.89, 0.49},
                      .high = {0.91, 0.51}};
    curve_fit(&c);
    assert_true(curve_at(&c, 0.25) == 0.9);
    assert_true(fabs(curve_at(&c, 0.75) - 0.7) < 1e-12);
    assert_true(fabs(curve_amount(&c, 0.2) - 0.75) < 1e-12);
    assert_true(curve_amount(&c, 0.5) == 1);
    assert_true(fabs(curve_sensitivity(&c) - 0.2) < 1e-12);
}

static void a_curve_is_taken_from_a_table(void **state)
{
    (void)state;
    static char name[] = "fc";
    struct sensitivity table = {.baseline = 0.9};
    struct error err = {0};
    struct curve curve;
    for (int i = 3; i > 0; i--) {
        struct sensitivity_point p = {.row = 2,
                                      .layer = name,
                                      .structure = "weight",
                                      .amount = 0.1 * i,
                                      .removed = i,
                                      .value = 0.8,
                                      .low = 0.7,
                                      .high = 0.9};
        snprintf(p.criterion, sizeof p.criterion, "%s", i == 2 ? "lamp" : "l1");
        assert_int_equal(sensitivity_add(&table, &p, &err), 0);
    }
    assert_int_equal(curve_of(&curve, &table, 2, NULL, NULL), 2);
    assert_true(curve.amounts[0] == 0.1 && fabs(curve.amounts[1] - 0.3) < 1e-9);
    assert_int_equal(curve_of(&curve, &table, 2, "weight", "lamp"), 1);
    assert_int_equal(curve_of(&curve, &table, 1, NULL, NULL), 0);
    sensitivity_release(&table);
}

static void words_go_by_rank(void **state)
{
    (void)state;
    int counts[4] = {0};
    static const char *const words[] = {"Low", "Medium", "High", "Top 5 %"};
    for (size_t i = 0; i < 100; i++)
        for (int w = 0; w < 4; w++)
            counts[w] += strcmp(sensitivity_word(i, 100), words[w]) == 0;
    assert_int_equal(counts[0], 33);
    assert_int_equal(counts[1], 33);
    assert_int_equal(counts[2], 29);
    assert_int_equal(counts[3], 5);
}

static void words_go_by_the_mean_drop(void **state)
{
    (void)state;
    static char name[] = "x";
    static const double values[] = {0.5, 0.89, 0.7};
    static const char *const words[] = {"High", "Low", "Medium"};
    struct sensitivity table = {.baseline = 0.9};
    struct error err = {0};
    for (int row = 0; row <= 3; row++) {
        struct sensitivity_point p = {.row = row,
                                      .layer = name,
                                      .amount = 0.5,
                                      .value = row ? values[row - 1] : 0.1,
                                      .low = 0,
                                      .high = 1};
        assert_int_equal(sensitivity_add(&table, &p, &err), 0);
    }
    for (int row = 1; row <= 3; row++)
        assert_string_equal(sensitivity_word_of(&table, row, NULL, NULL),
                            words[row - 1]);
    assert_string_equal(sensitivity_word_of(&table, 0, NULL, NULL), "");
    assert_string_equal(sensitivity_word_of(&table, 9, NULL, NULL), "");
    sensitivity_release(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fit_is_the_isotonic_one),
        cmocka_unit_test(the_change_point_is_found),
        cmocka_unit_test(what_lies_behind_a_jump_does_not_move_it),
        cmocka_unit_test(its_interval_holds_the_truth),
        cmocka_unit_test(a_plateau_has_no_cliff),
        cmocka_unit_test(curves_are_read_between_points),
        cmocka_unit_test(a_curve_is_taken_from_a_table),
        cmocka_unit_test(words_go_by_rank),
        cmocka_unit_test(words_go_by_the_mean_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

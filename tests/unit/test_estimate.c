/* Outcomes and intervals: against their definitions, against published
 * tables, and by counting how often they cover the truth. */
#include "base/rng.h"
#include "eval/estimate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const double Z95 = 1.959963984540054; /* tables of the normal */

static void expect_near(double found, double expected, double tolerance)
{
    if (!(fabs(found - expected) <= tolerance))
        fail_msg("found %.12g, expected %.12g", found, expected);
}

/* P(X = k) of a binomial, from logarithms of factorials. */
static double binomial(int k, int n, double p)
{
    if (p <= 0 || p >= 1)
        return (p <= 0 ? k == 0 : k == n) ? 1 : 0;
    return exp(lgamma(n + 1.) - lgamma(k + 1.) - lgamma(n - k + 1.) +
               k * log(p) + (n - k) * log1p(-p));
}

/* Newcombe 1998, Statistics in Medicine 17:857, table I. */
static void intervals_are_the_published_ones(void **state)
{
    (void)state;
    static const struct {
        int k, n;
        double wilson[2], exact[2];
    } cases[] = {
        {81, 263, {0.2553, 0.3662}, {0.2527, 0.3676}},
        {15, 148, {0.0624, 0.1605}, {0.0578, 0.1617}},
        {0, 20, {0.0000, 0.1611}, {0.0000, 0.1684}},
        {1, 29, {0.0061, 0.1718}, {0.0009, 0.1776}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int k = cases[i].k, n = cases[i].n;
        struct estimate w = estimate_wilson(k, n, 0.95);
        struct estimate e = estimate_clopper_pearson(k, n, 0.95);
        expect_near(w.low, cases[i].wilson[0], 5e-5);
        expect_near(w.high, cases[i].wilson[1], 5e-5);
        expect_near(e.low, cases[i].exact[0], 5e-5);
        expect_near(e.high, cases[i].exact[1], 5e-5);
        expect_near(w.value, (double)k / n, 1e-15);
        assert_int_equal(w.samples, n);
        assert_int_equal(w.total, n);
    }
}

/* At a Wilson bound p, |p^ - p| is z standard errors of p itself. */
static void wilson_bounds_are_roots_of_the_score(void **state)
{
    (void)state;
    for (int n = 1; n <= 60; n++)
        for (int k = 0; k <= n; k++) {
            struct estimate e = estimate_wilson(k, n, 0.95);
            double p = (double)k / n;
            if (k > 0)
                expect_near(p - e.low, Z95 * sqrt(e.low * (1 - e.low) / n),
                            1e-12);
            if (k < n)
                expect_near(e.high - p, Z95 * sqrt(e.high * (1 - e.high) / n),
                            1e-12);
            assert_true(k > 0 || e.low == 0);
            assert_true(k < n || e.high == 1);
            assert_true(e.low <= p && p <= e.high);
        }
}

/* At a Clopper-Pearson bound the tail beyond k holds exactly 2.5 %. */
static void exact_bounds_leave_equal_tails(void **state)
{
    (void)state;
    for (int n = 1; n <= 60; n++)
        for (int k = 0; k <= n; k++) {
            struct estimate e = estimate_clopper_pearson(k, n, 0.95);
            double above = 0, below = 0;
            for (int i = 0; i <= n; i++) {
                above += i >= k ? binomial(i, n, e.low) : 0;
                below += i <= k ? binomial(i, n, e.high) : 0;
            }
            if (k > 0)
                expect_near(above, 0.025, 1e-9);
            if (k < n)
                expect_near(below, 0.025, 1e-9);
            assert_true(k > 0 || e.low == 0);
            assert_true(k < n || e.high == 1);
        }
}

/* GSL's quantile of the beta distribution does not converge at 258 of 260
 * and ends the process. */
static void exact_bounds_exist_for_every_count(void **state)
{
    (void)state;
    struct estimate e = estimate_clopper_pearson(258, 260, 0.95);
    double above = 0;
    for (int i = 258; i <= 260; i++)
        above += binomial(i, 260, e.low);
    expect_near(above, 0.025, 1e-9);
    for (int n = 250; n <= 500; n += 50)
        for (int k = 0; k <= n; k++) {
            e = estimate_clopper_pearson(k, n, 0.95);
            assert_true(e.low <= e.value && e.value <= e.high);
        }
    for (int64_t n = 10000; n <= 100000000; n *= 100)
        for (int64_t i = 1; i < 10; i++) {
            struct estimate w = estimate_wilson(n / 10 * i, n, 0.95);
            e = estimate_clopper_pearson(n / 10 * i, n, 0.95);
            expect_near(e.low, w.low, 3. / (double)n);
            expect_near(e.high, w.high, 3. / (double)n);
        }
}

/* Sums the probability of every count whose interval holds p. */
static double coverage(struct estimate interval(int64_t, int64_t, double),
                       int n, double p)
{
    double sum = 0;
    for (int k = 0; k <= n; k++) {
        struct estimate e = interval(k, n, 0.95);
        sum += e.low <= p && p <= e.high ? binomial(k, n, p) : 0;
    }
    return sum;
}

static void exact_intervals_cover_at_least_what_they_say(void **state)
{
    (void)state;
    for (int i = 1; i < 100; i++)
        assert_true(coverage(estimate_clopper_pearson, 20, i / 100.) >= 0.95);
}

static void wilson_covers_what_it_says_on_average(void **state)
{
    (void)state;
    double sum = 0, least = 1;
    for (int i = 1; i < 200; i++) {
        double c = coverage(estimate_wilson, 50, i / 200.);
        sum += c;
        least = fmin(least, c);
    }
    expect_near(sum / 199, 0.95, 0.01);
    assert_true(least > 0.83); /* its known dip near 0 and 1 */
}

static void nothing_seen_means_nothing_known(void **state)
{
    (void)state;
    struct estimate e = estimate_wilson(0, 0, 0.95);
    assert_true(isnan(e.value) && e.low == 0 && e.high == 1);
    e = estimate_clopper_pearson(0, 0, 0.95);
    assert_true(isnan(e.value) && e.low == 0 && e.high == 1);
    e = estimate_paired(0, 0, 0, 0, 0.95);
    assert_true(isnan(e.value) && e.low == -1 && e.high == 1);
}

static void more_confidence_is_wider(void **state)
{
    (void)state;
    struct estimate a = estimate_wilson(93, 100, 0.9);
    struct estimate b = estimate_wilson(93, 100, 0.99);
    assert_true(b.low < a.low && a.high < b.high);
    a = estimate_clopper_pearson(93, 100, 0.9);
    b = estimate_clopper_pearson(93, 100, 0.99);
    assert_true(b.low < a.low && a.high < b.high);
    a = estimate_paired(80, 5, 3, 100, 0.9);
    b = estimate_paired(80, 5, 3, 100, 0.99);
    assert_true(b.low < a.low && a.high < b.high);
}

/* Newcombe 1998, Statistics in Medicine 17:2635: (36, 12, 2, 0). */
static void the_paired_interval_is_the_published_one(void **state)
{
    (void)state;
    struct estimate e = estimate_paired(36, 2, 12, 50, 0.95);
    expect_near(e.value, 0.2, 1e-15);
    expect_near(e.low, 0.0569, 5e-5);
    expect_near(e.high, 0.3404, 5e-5);
}

static void swapping_the_two_mirrors_the_paired_interval(void **state)
{
    (void)state;
    for (int both = 0; both <= 12; both += 3)
        for (int a = 0; a <= 6; a++)
            for (int b = 0; b <= 6; b++) {
                struct estimate e = estimate_paired(both, a, b, 25, 0.95);
                struct estimate f = estimate_paired(both, b, a, 25, 0.95);
                expect_near(e.value, (b - a) / 25., 1e-15);
                expect_near(e.low, -f.high, 1e-12);
                expect_near(e.high, -f.low, 1e-12);
                assert_true(-1 <= e.low && e.low <= e.value);
                assert_true(e.value <= e.high && e.high <= 1);
            }
}

/* The probability of every table of n pairs whose interval holds the truth. */
static double paired_coverage(int n, double both, double a, double b)
{
    double sum = 0, rest = 1 - both - a - b;
    for (int i = 0; i <= n; i++)
        for (int j = 0; i + j <= n; j++)
            for (int k = 0; i + j + k <= n; k++) {
                struct estimate e = estimate_paired(i, j, k, n, 0.95);
                if (e.low > b - a || b - a > e.high)
                    continue;
                int l = n - i - j - k;
                sum += exp(lgamma(n + 1.) - lgamma(i + 1.) - lgamma(j + 1.) -
                           lgamma(k + 1.) - lgamma(l + 1.) + i * log(both) +
                           j * log(a) + k * log(b) + l * log(rest));
            }
    return sum;
}

static void the_paired_interval_covers_what_it_says(void **state)
{
    (void)state;
    static const double truths[][3] = {{0.88, 0.03, 0.02}, {0.7, 0.15, 0.05},
                                       {0.4, 0.1, 0.2},    {0.3, 0.3, 0.1},
                                       {0.85, 0.1, 0.01},  {0.5, 0.02, 0.02}};
    double sum = 0;
    for (int i = 0; i < 6; i++) {
        double c =
            paired_coverage(40, truths[i][0], truths[i][1], truths[i][2]);
        if (!(c > 0.93))
            fail_msg("truth %d: coverage %g", i, c);
        sum += c;
    }
    assert_true(sum / 6 < 0.995);
}

/* Counts of many pairs, where tables cannot be listed; seed 1. */
static void the_paired_interval_covers_in_simulation(void **state)
{
    (void)state;
    enum { TRIALS = 2000, PAIRS = 1000 };
    struct rng rng;
    rng_init(&rng, 1);
    int held = 0;
    for (int t = 0; t < TRIALS; t++) {
        int both = 0, a = 0, b = 0;
        for (int i = 0; i < PAIRS; i++) {
            double u = rng_uniform(&rng);
            both += u < 0.90;
            a += u >= 0.90 && u < 0.93;
            b += u >= 0.93 && u < 0.94;
        }
        struct estimate e = estimate_paired(both, a, b, PAIRS, 0.95);
        held += e.low <= -0.02 && -0.02 <= e.high;
    }
    if (held < 0.93 * TRIALS || held > 0.98 * TRIALS)
        fail_msg("seed 1: %d of %d", held, TRIALS);
}

/* By listing every outcome of n fair coins. */
static void mcnemar_counts_coins(void **state)
{
    (void)state;
    for (int n = 0; n <= 16; n++)
        for (int a = 0; a <= n; a++) {
            int fewer = a < n - a ? a : n - a, extreme = 0;
            for (int coins = 0; coins < 1 << n; coins++)
                extreme += __builtin_popcount((unsigned)coins) <= fewer;
            double p = fmin(1, 2. * extreme / (1 << n));
            expect_near(estimate_mcnemar(a, n - a), p, 1e-12);
        }
    expect_near(estimate_mcnemar(0, 5), 0.0625, 1e-12);
    assert_true(estimate_mcnemar(1000, 1200) < 1e-4);
    assert_true(estimate_mcnemar(5000000, 5000000) == 1);
}

static void the_largest_logit_is_the_answer(void **state)
{
    (void)state;
    static const float logits[] = {1, 4, -2, 4, 0, 0.5f, 3};
    struct outcome o = outcome_of(logits, 7, 1);
    assert_int_equal(o.predicted, 1); /* the lower of two equals */
    assert_true(o.correct && o.top5 && o.margin == 0);
    double sum = 0;
    for (int i = 0; i < 7; i++)
        sum += exp((double)logits[i]);
    expect_near((double)o.loss, log(sum) - 4, 1e-6);
    o = outcome_of(logits, 7, 3);
    assert_int_equal(o.predicted, 1);
    assert_false(o.correct);
    assert_true(o.margin == 0 && o.top5);
    o = outcome_of(logits, 7, 4);
    assert_true(o.margin == -4 && !o.top5 && !o.correct);
    o = outcome_of(logits, 7, 5);
    assert_true(o.top5 && o.margin == -3.5f); /* the fifth of seven */
    o = outcome_of(logits, 7, -1);
    assert_true(o.predicted == 1 && !o.correct && !o.top5);
    assert_true(isnan(o.loss) && o.margin == 0);
}

static void probabilities_count_by_their_logarithms(void **state)
{
    (void)state;
    static const float shares[] = {0.125f, 0.25f, 0.5f, 0, 0.0625f, 0.0625f};
    const struct op_answer softmax = {6, 6, true}, raw = {6, 6, false};
    struct outcome o = outcome_read(&softmax, shares, 2);
    assert_true(o.correct && o.predicted == 2 && o.rival == 1);
    expect_near((double)o.margin, log(2), 1e-6);
    assert_true(o.margin5 > 80); /* the fifth other is 0 */
    expect_near((double)o.loss, log(2), 1e-6);
    o = outcome_read(&softmax, shares, 3);
    assert_true(!o.correct && !o.top5 && isfinite(o.loss) && o.loss > 80);
    o = outcome_read(&raw, shares, 2);
    assert_true(o.margin == 0.25f);
}

static void one_number_tells_two_classes(void **state)
{
    (void)state;
    const struct op_answer sigmoid = {1, 2, true}, logit = {1, 2, false};
    const float surely = 0.75f, hardly = 0.25f, never = 0, above = 2;
    struct outcome o = outcome_read(&sigmoid, &surely, 1);
    assert_true(o.predicted == 1 && o.correct && o.rival == 0);
    expect_near((double)o.loss, -log(0.75), 1e-6);
    expect_near((double)o.margin, log(3), 1e-6);
    o = outcome_read(&sigmoid, &hardly, 1);
    assert_true(o.predicted == 0 && !o.correct);
    expect_near((double)o.loss, -log(0.25), 1e-6);
    o = outcome_read(&sigmoid, &never, -1);
    assert_true(o.predicted == 0 && isfinite(o.margin));
    o = outcome_read(&logit, &hardly, 1);
    assert_true(o.predicted == 1 && o.margin == 0.25f);
    o = outcome_read(&logit, &above, 0);
    assert_true(!o.correct && o.predicted == 1);
    expect_near((double)o.loss, log1p(exp(2)), 1e-5);
}

static void large_logits_do_not_overflow_the_loss(void **state)
{
    (void)state;
    static const float logits[] = {1e30f, -1e30f, 1e30f};
    struct outcome o = outcome_of(logits, 3, 2);
    expect_near((double)o.loss, log(2), 1e-6);
    static const float far[] = {0, 1000};
    expect_near((double)outcome_of(far, 2, 0).loss, 1000, 1e-3);
    expect_near((double)outcome_of(far, 2, 1).loss, 0, 1e-12);
}

static void one_class_has_no_rival(void **state)
{
    (void)state;
    static const float logit = 3;
    struct outcome o = outcome_of(&logit, 1, 0);
    assert_true(o.correct && o.top5 && isinf(o.margin) && o.loss == 0);
}

/* A broken model is never right by accident. */
static void logits_that_are_no_numbers_are_wrong(void **state)
{
    (void)state;
    static const float all[] = {NAN, NAN, NAN}, some[] = {NAN, 1, 2};
    struct outcome o = outcome_of(all, 3, 0);
    assert_true(!o.correct && !o.top5 && isnan(o.loss));
    assert_int_equal(o.predicted, 0);
    o = outcome_of(some, 3, 0);
    assert_true(!o.correct && !o.top5 && o.predicted == 2);
    o = outcome_of(some, 3, 2);
    assert_true(o.correct && o.margin == 1);
}

static void tallies_add_up_however_they_are_split(void **state)
{
    (void)state;
    enum { SAMPLES = 64 };
    struct tally all = {0}, parts[3] = {{0}}, merged = {0};
    for (int i = 0; i < SAMPLES; i++) {
        struct outcome base = {.correct = i & 1, .loss = 1};
        struct outcome variant = {.correct = (i & 2) != 0,
                                  .top5 = (i & 4) != 0,
                                  .loss = (float)(i % 5)};
        const struct outcome *pair = i % 8 ? &base : NULL;
        tally_add(&all, &variant, pair);
        tally_add(&parts[i % 3], &variant, pair);
    }
    for (int i = 0; i < 3; i++)
        tally_merge(&merged, &parts[i]);
    assert_int_equal(all.samples, 64);
    assert_int_equal(all.correct, 32);
    assert_int_equal(all.top5, 32);
    assert_int_equal(all.paired, 56);
    assert_int_equal(all.both, 16);
    assert_int_equal(all.base_only, 16);
    assert_int_equal(all.variant_only, 16);
    assert_true(all.loss == 126 && all.loss_squares == 12 * 30 + 1 + 4 + 9);
    assert_memory_equal(&all, &merged, sizeof all);
}

/* Equal halves add as squares; what lies apart by more is no chance. */
static void gap_of_two_samples(void **state)
{
    (void)state;
    struct estimate a = {0.5, 0.47, 0.53, 100, 100};
    struct estimate b = {0.45, 0.41, 0.49, 80, 80};
    struct estimate gap = estimate_gap(&a, &b);
    assert_true(fabs(gap.value - 0.05) < 1e-12);
    assert_true(fabs(gap.low) < 1e-12);
    assert_true(fabs(gap.high - 0.10) < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_are_the_published_ones),
        cmocka_unit_test(wilson_bounds_are_roots_of_the_score),
        cmocka_unit_test(exact_bounds_leave_equal_tails),
        cmocka_unit_test(exact_bounds_exist_for_every_count),
        cmocka_unit_test(exact_intervals_cover_at_least_what_they_say),
        cmocka_unit_test(wilson_covers_what_it_says_on_average),
        cmocka_unit_test(nothing_seen_means_nothing_known),
        cmocka_unit_test(more_confidence_is_wider),
        cmocka_unit_test(the_paired_interval_is_the_published_one),
        cmocka_unit_test(swapping_the_two_mirrors_the_paired_interval),
        cmocka_unit_test(the_paired_interval_covers_what_it_says),
        cmocka_unit_test(the_paired_interval_covers_in_simulation),
        cmocka_unit_test(mcnemar_counts_coins),
        cmocka_unit_test(the_largest_logit_is_the_answer),
        cmocka_unit_test(probabilities_count_by_their_logarithms),
        cmocka_unit_test(one_number_tells_two_classes),
        cmocka_unit_test(large_logits_do_not_overflow_the_loss),
        cmocka_unit_test(one_class_has_no_rival),
        cmocka_unit_test(logits_that_are_no_numbers_are_wrong),
        cmocka_unit_test(tallies_add_up_however_they_are_split),
        cmocka_unit_test(gap_of_two_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

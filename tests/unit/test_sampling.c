#include "eval/sampling.h"

#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { COUNT = 10000, SETS = 12, EDITS = 40 };

static struct outcome outcome_with(double margin)
{
    return (struct outcome){.margin = (float)margin, .correct = margin > 0};
}

/* Margins as trained classifiers have them: mostly sure, some wrong. */
static struct outcome *make_base(struct rng *rng, int64_t count)
{
    struct outcome *base = calloc((size_t)count, sizeof *base);
    assert_non_null(base);
    for (int64_t i = 0; i < count; i++)
        base[i] = outcome_with(4.5 + 3 * rng_normal(rng));
    return base;
}

static void every_sample_comes_once(void **state)
{
    (void)state;
    static const int64_t counts[] = {0, 1, 2, 3, 19, 21, 300};
    struct rng rng;
    rng_init(&rng, 3);
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        int64_t n = counts[c], total = 0;
        struct outcome *base = make_base(&rng, n + 1);
        struct sampling sampling;
        struct error err = {0};
        assert_int_equal(sampling_init(&sampling, base, n, 1, &err), 0);
        unsigned char seen[300] = {0};
        for (int64_t i = 0; i < n; i++)
            seen[sampling.order[i]]++;
        for (int64_t i = 0; i < n; i++)
            assert_int_equal(seen[i], 1);
        for (int h = 0; h < sampling.count; h++)
            total += sampling.sizes[h];
        assert_int_equal(total, n);
        sampling_release(&sampling);
        free(base);
    }
}

static void wrong_and_right_never_share_a_stratum(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 5);
    struct outcome *base = make_base(&rng, 2000);
    base[7] = (struct outcome){.margin = 0, .correct = true}; /* a tie won */
    base[8] = (struct outcome){.margin = 0, .correct = false};
    struct sampling sampling;
    struct error err = {0};
    assert_int_equal(sampling_init(&sampling, base, 2000, 1, &err), 0);
    for (int64_t i = 0; i < 2000; i++)
        assert_int_equal(sampling.of[i] < sampling.wrong, !base[i].correct);
    sampling_release(&sampling);
    free(base);
}

/* Adds the outcomes of the first samples of the order, from .. to. */
static void add(struct sampling_sums *sums, const struct sampling *sampling,
                const struct outcome *base, const struct outcome *edited,
                int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++) {
        int64_t s = sampling->order[i];
        sampling_add(sums, sampling, s, &base[s], &edited[s]);
    }
}

static double true_difference(const struct outcome *base,
                              const struct outcome *edited)
{
    int64_t gained = 0;
    for (int64_t i = 0; i < COUNT; i++)
        gained += edited[i].correct - base[i].correct;
    return (double)gained / COUNT;
}

static void all_samples_give_the_difference_itself(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 11);
    struct outcome *base = make_base(&rng, COUNT);
    struct outcome *edited = calloc(COUNT, sizeof *edited);
    for (int64_t i = 0; i < COUNT; i++)
        edited[i] =
            outcome_with((double)base[i].margin - 0.5 + rng_normal(&rng));
    struct sampling sampling;
    struct sampling_sums sums = {0};
    struct error err = {0};
    assert_int_equal(sampling_init(&sampling, base, COUNT, 1, &err), 0);
    struct sampling_difference none = sampling_estimate(&sampling, &sums);
    assert_true(none.within == 1 && none.overall == 1);
    add(&sums, &sampling, base, edited, 0, COUNT);
    struct sampling_difference all = sampling_estimate(&sampling, &sums);
    assert_true(fabs(all.value - true_difference(base, edited)) < 1e-12);
    assert_true(all.within == 0);
    assert_true(all.overall > 0 && all.overall < 0.01);
    sampling_release(&sampling);
    free(edited);
    free(base);
}

/*
 * Edits of many sizes: 95 of 100 intervals should hold the truth; with 480
 * of them 90 of 100 is four standard deviations below. They must also be
 * narrower than those of as many samples drawn plainly.
 */
static void intervals_hold_the_truth(void **state)
{
    (void)state;
    struct rng rng;
    struct error err = {0};
    struct outcome *edited = calloc(COUNT, sizeof *edited);
    int held = 0, all = 0;
    double ratio = 0;
    rng_init(&rng, 17);
    for (int set = 0; set < SETS; set++) {
        struct outcome *base = make_base(&rng, COUNT);
        struct sampling sampling;
        assert_int_equal(
            sampling_init(&sampling, base, COUNT, (uint64_t)set, &err), 0);
        for (int e = 0; e < EDITS; e++) {
            double spread = 0.1 * exp2(e % 20 * 0.3);
            for (int64_t i = 0; i < COUNT; i++)
                edited[i] = outcome_with((double)base[i].margin -
                                         spread * spread * 0.1 +
                                         spread * rng_normal(&rng));
            struct sampling_sums sums = {0};
            int64_t seen = 256 << e % 3;
            add(&sums, &sampling, base, edited, 0, seen);
            struct sampling_difference d = sampling_estimate(&sampling, &sums);
            double truth = true_difference(base, edited);
            held += fabs(d.value - truth) <= d.within;
            all++;
            double flips = 0;
            for (int64_t i = 0; i < COUNT; i++)
                flips += edited[i].correct != base[i].correct;
            double plain =
                1.96 * sqrt((flips / COUNT - truth * truth) / (double)seen);
            ratio += log(d.within / plain);
        }
        sampling_release(&sampling);
        free(base);
    }
    print_message("%d of %d held, %.2f times as wide as by plain sampling\n",
                  held, all, exp(ratio / all));
    assert_true(held >= all * 90 / 100);
    assert_true(ratio < 0);
    free(edited);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sample_comes_once),
        cmocka_unit_test(wrong_and_right_never_share_a_stratum),
        cmocka_unit_test(all_samples_give_the_difference_itself),
        cmocka_unit_test(intervals_hold_the_truth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Two models on the same samples against counting by hand. */
#include "eval/paired.h"

#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { SAMPLES = 1000, CLASSES = 7 };

static struct outcome before[SAMPLES], after[SAMPLES];
static int64_t right[SAMPLES];

/* Class 3 has no samples; every tenth sample has no label. */
static int setup(void **state)
{
    struct rng rng;
    (void)state;
    rng_init(&rng, 5);
    for (int i = 0; i < SAMPLES; i++) {
        right[i] = (int64_t)(rng_uniform(&rng) * CLASSES);
        right[i] = i % 10 == 9 ? -1 : right[i] == 3 ? 4 : right[i];
        before[i].predicted = rng_uniform(&rng) < 0.8 ? (int32_t)right[i] : 3;
        after[i].predicted = rng_uniform(&rng) < 0.9 - 0.1 * (double)right[i]
                                 ? (int32_t)right[i]
                                 : 3;
    }
    return 0;
}

static void counts_and_test_are_those_of_the_samples(void **state)
{
    (void)state;
    struct paired paired;
    assert_int_equal(paired_init(&paired, before, after, right, SAMPLES, NULL),
                     0);
    int64_t both = 0, a_only = 0, b_only = 0, all = 0;
    for (int i = 0; i < SAMPLES; i++) {
        bool a = before[i].predicted == right[i];
        bool b = after[i].predicted == right[i];
        if (right[i] < 0)
            continue;
        all++;
        both += a && b;
        a_only += a && !b;
        b_only += !a && b;
    }
    assert_int_equal(paired.all.samples, all);
    assert_int_equal(paired.all.both, both);
    assert_int_equal(paired.all.before_only, a_only);
    assert_int_equal(paired.all.after_only, b_only);
    assert_true(fabs(paired.all.difference.value -
                     (double)(b_only - a_only) / (double)all) < 1e-12);
    assert_true(paired.all.p_value == estimate_mcnemar(a_only, b_only));
    paired_release(&paired);
}

static void classes_add_up_and_the_worst_is_first(void **state)
{
    (void)state;
    struct paired paired;
    assert_int_equal(paired_init(&paired, before, after, right, SAMPLES, NULL),
                     0);
    assert_int_equal(paired.class_count, CLASSES - 1);
    int64_t samples = 0, a_only = 0, b_only = 0;
    for (size_t i = 0; i < paired.class_count; i++) {
        const struct paired_class *c = &paired.classes[i];
        samples += c->counts.samples;
        a_only += c->counts.before_only;
        b_only += c->counts.after_only;
        assert_true(c->label != 3);
        if (i)
            assert_true(paired.classes[i - 1].counts.difference.value <=
                        c->counts.difference.value);
    }
    assert_int_equal(samples, paired.all.samples);
    assert_int_equal(a_only, paired.all.before_only);
    assert_int_equal(b_only, paired.all.after_only);
    paired_release(&paired);
}

static void the_same_answers_differ_in_nothing(void **state)
{
    (void)state;
    struct paired paired;
    assert_int_equal(paired_init(&paired, before, before, right, SAMPLES, NULL),
                     0);
    assert_true(paired.all.difference.value == 0);
    assert_true(paired.all.p_value == 1);
    paired_release(&paired);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(counts_and_test_are_those_of_the_samples, setup),
        cmocka_unit_test_setup(classes_add_up_and_the_worst_is_first, setup),
        cmocka_unit_test_setup(the_same_answers_differ_in_nothing, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

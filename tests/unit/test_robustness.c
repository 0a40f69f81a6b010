/* Robustness as work: figures, what is kept, and that nobody waits for it. */
#include "engine/robustness_known.h"
#include "engine/work.h"
#include "engine_fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define DATA "data/fashion-mnist-sample"

static struct session *session;
static struct engine *engine;

static int start(void **state)
{
    (void)state;
    const struct session_options options = {.model_path = ENGINE_MODEL,
                                            .data_path = DATA,
                                            .samples = 300,
                                            .seed = 1,
                                            .preprocess_auto = true};
    struct error err = {0};
    if (session_open(&session, &options, &err) < 0)
        fail_msg("%s", err.message);
    engine = engine_start(session, false);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    engine_destroy(engine);
    session_close(session);
    return 0;
}

static struct work_status until_finished(void)
{
    struct work_status status;
    const struct timespec pause = {.tv_nsec = 1000000};
    while (engine_work_poll(engine, &status) && !status.finished) {
        work_status_release(&status);
        nanosleep(&pause, NULL);
    }
    return status;
}

static void begin(const char *line)
{
    struct error err = {0};
    if (engine_work_start(engine, session_current(session), line, &err) < 0)
        fail_msg("%s: %s", line, err.message);
}

static void run(const char *line)
{
    begin(line);
    struct work_status status = until_finished();
    if (status.failed)
        fail_msg("%s: %s", line, status.error.message);
    work_status_release(&status);
}

static void assert_estimates(const struct estimate *a, const struct estimate *b)
{
    assert_int_equal(a->samples, b->samples);
    assert_true(a->value == b->value);
    assert_true(a->low == b->low && a->high == b->high);
}

static void assert_rows(const struct robustness *a, const struct robustness *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        const struct robustness_row *x = &a->rows[i], *y = &b->rows[i];
        assert_string_equal(x->condition, y->condition);
        assert_int_equal(x->severity, y->severity);
        assert_estimates(&x->value, &y->value);
        assert_estimates(&x->dense, &y->dense);
        assert_estimates(&x->difference, &y->difference);
        int64_t won = 0, samples = 0;
        for (int64_t c = 0; c < a->classes; c++) {
            won += x->classes[c].after_only - x->classes[c].before_only;
            samples += x->classes[c].samples;
            assert_int_equal(robustness_right(x, c), robustness_right(y, c));
            assert_int_equal(robustness_dense(x, c), robustness_dense(y, c));
            if (x->classes[c].samples)
                assert_estimates(&x->classes[c].difference,
                                 &y->classes[c].difference);
        }
        assert_int_equal(samples, x->samples);
        assert_true(fabs(x->difference.value - (double)won / (double)samples) <
                    1e-12);
    }
}

static void figures_are_those_of_the_command_line(void **state)
{
    (void)state;
    const struct variant *variant = engine_edit(session, "set * 80%");
    run("robustness gaussian-noise,jpeg contrast 300 samples severity 1,4");
    const struct robustness_known *known =
        engine_robustness_known(engine, variant->hash);
    assert_non_null(known);
    assert_int_equal(known->variant, variant->id);
    assert_int_equal(known->samples, 300);
    assert_int_equal(known->found.count, 2 + 6);
    assert_int_equal(known->planned, known->found.count);
    struct robustness_request request = {.corruptions =
                                             "gaussian-noise,contrast,jpeg",
                                         .severities = 1u << 1 | 1u << 4};
    const struct engine_options options = {.workers = 2};
    struct robustness expected;
    struct error err = {0};
    /* The other side is this session's dense variant. */
    struct session *dense;
    struct session_options same = *session_options(session);
    same.preprocess_auto = false;
    same.transform = *session_transform(session);
    assert_int_equal(session_open(&dense, &same, &err), 0);
    assert_int_equal(
        engine_robustness(&expected, session, dense, &options, &request, &err),
        0);
    assert_rows(&known->found, &expected);
    assert_true(known->found.rows[0].difference.samples == 300);
    assert_true(known->found.rows[2].value.value !=
                known->found.rows[0].value.value); /* else it says nothing */
    robustness_release(&expected);
    robustness_known_drop(known);
    session_close(dense);
}

static void dense_answers_are_kept_for_the_next_variant(void **state)
{
    (void)state;
    const struct variant *first = engine_edit(session, "set * 60%");
    run("robustness impulse-noise 200");
    const struct variant *second = engine_edit(session, "set * 80%");
    const struct robustness_known *a =
        engine_robustness_known(engine, second->hash);
    assert_true(a->hash == first->hash); /* the last one looked at */
    run("robustness impulse-noise 200");
    const struct robustness_known *b =
        engine_robustness_known(engine, second->hash);
    assert_true(b->hash == second->hash);
    assert_int_equal(a->found.count, b->found.count);
    for (size_t i = 0; i < a->found.count; i++) {
        assert_estimates(&a->found.rows[i].dense, &b->found.rows[i].dense);
        assert_int_equal(b->found.rows[i].difference.samples,
                         b->found.rows[i].samples);
    }
    robustness_known_drop(a);
    robustness_known_drop(b);
    a = engine_robustness_known(engine, first->hash);
    assert_true(a->hash == first->hash);
    robustness_known_drop(a);
}

static void dense_model_stands_alone(void **state)
{
    (void)state;
    run("robustness brightness severity 2");
    const struct robustness_known *known =
        engine_robustness_known(engine, session_variant(session, 0)->hash);
    assert_int_equal(known->found.count, 3);
    assert_int_equal(known->found.rows[2].dense.samples, 0);
    robustness_known_drop(known);
}

static void edits_are_answered_meanwhile(void **state)
{
    (void)state;
    begin("robustness");
    const struct variant *variant = engine_edit(session, "set fc1 50%");
    engine_show(engine, variant, 0);
    struct result result = {0};
    struct work_status status = {0};
    bool known = false;
    const struct timespec pause = {.tv_nsec = 1000000};
    while (!known) {
        work_status_release(&status);
        assert_true(engine_work_poll(engine, &status));
        known = engine_lookup(engine, variant->hash, &result) &&
                result.accuracy.samples == 300;
        result_release(&result);
        nanosleep(&pause, NULL);
    }
    assert_false(status.finished);
    work_status_release(&status);
    engine_work_cancel(engine);
    status = until_finished();
    assert_true(status.failed);
    assert_int_equal(status.error.code, ERROR_CANCELLED);
    work_status_release(&status);
}

static void what_was_found_before_a_stop_is_kept(void **state)
{
    (void)state;
    uint64_t hash = session_variant(session, 0)->hash;
    const struct timespec pause = {.tv_nsec = 1000000};
    begin("robustness");
    const struct robustness_known *known = NULL;
    while (!known || known->found.count < 4) {
        nanosleep(&pause, NULL);
        robustness_known_drop(known);
        known = engine_robustness_known(engine, hash);
    }
    engine_work_cancel(engine);
    struct work_status status = until_finished();
    assert_true(status.failed);
    work_status_release(&status);
    robustness_known_drop(known);
    known = engine_robustness_known(engine, hash);
    assert_in_range(known->found.count, 4, known->planned - 1);
    robustness_known_drop(known);
}

static void other_data_is_a_row(void **state)
{
    (void)state;
    engine_edit(session, "set * 50%");
    run("robustness also " DATA " 100 samples");
    const struct robustness_known *known =
        engine_robustness_known(engine, session_current(session)->hash);
    assert_int_equal(known->found.count, 3);
    assert_string_equal(known->found.rows[2].condition, DATA);
    assert_int_equal(known->found.rows[2].samples, 100);
    robustness_known_drop(known);
}

static void words_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const char *const lines[][2] = {
        {"robustness fog", "fog"},      {"robustness severity", "severity"},
        {"robustness severity 6", "6"}, {"robustness also", "also"},
        {"robustness -3", "-3"},        {"robustness 0", "0"},
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct error err = {0};
        assert_int_equal(engine_work_check(session, lines[i][0], &err), -1);
        assert_int_equal(err.code, ERROR_USAGE);
        assert_non_null(strstr(err.message, lines[i][1]));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(figures_are_those_of_the_command_line),
        TEST(dense_answers_are_kept_for_the_next_variant),
        TEST(dense_model_stands_alone),
        TEST(edits_are_answered_meanwhile),
        TEST(what_was_found_before_a_stop_is_kept),
        TEST(other_data_is_a_row),
        TEST(words_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "engine_fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void baseline_is_exact_on_all_samples(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    assert_true(engine_wait(engine, -1));
    const struct report *report = engine_report(engine);
    assert_non_null(report);
    assert_true(report->complete);
    assert_true(report->has_baseline);
    assert_int_equal(report->variant, 0);
    assert_int_equal(report->result.metric, METRIC_TOP1);
    assert_int_equal(report->result.accuracy.samples, SAMPLES);
    assert_int_equal(report->result.accuracy.total, SAMPLES);
    assert_true(report->result.accuracy.low < report->result.accuracy.value);
    assert_true(report->result.difference.value == 0);
    struct outcome outcomes[SAMPLES];
    struct error err = {0};
    assert_int_equal(
        engine_outcomes(engine, report->hash, outcomes, SAMPLES, &err), 0);
    int correct = 0;
    for (int i = 0; i < SAMPLES; i++) {
        assert_in_range(outcomes[i].predicted, 0, CLASSES - 1);
        correct += outcomes[i].correct;
    }
    assert_true(fabs(report->result.accuracy.value -
                     (double)correct / SAMPLES) < 1e-12);
    report_drop(report);
    engine_destroy(engine);
    session_close(session);
}

static void difference_is_paired_with_the_dense_model(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    const struct variant *variant = engine_edit(session, "set fc1 90%");
    const struct report *report = engine_shown(engine, variant);
    struct outcome a[SAMPLES], b[SAMPLES];
    struct error err = {0};
    uint64_t dense = session_variant(session, 0)->hash;
    assert_int_equal(engine_outcomes(engine, dense, a, SAMPLES, &err), 0);
    assert_int_equal(engine_outcomes(engine, variant->hash, b, SAMPLES, &err),
                     0);
    int a_only = 0, b_only = 0, flips = 0;
    for (int i = 0; i < SAMPLES; i++) {
        a_only += a[i].correct && !b[i].correct;
        b_only += !a[i].correct && b[i].correct;
        flips += a[i].predicted != b[i].predicted;
    }
    assert_true(flips > 0); /* else the test says nothing */
    const struct result *result = &report->result;
    assert_int_equal(result->base_only, a_only);
    assert_int_equal(result->variant_only, b_only);
    assert_int_equal(result->difference.samples, SAMPLES);
    assert_true(fabs(result->difference.value -
                     (double)(b_only - a_only) / SAMPLES) < 1e-12);
    assert_true(fabs(result->accuracy.value - report->baseline.accuracy.value -
                     result->difference.value) < 1e-12);
    assert_int_equal(result->layers[0].weights - result->layers[0].nonzeros,
                     784 * 300 * 9 / 10);
    report_drop(report);
    engine_destroy(engine);
    session_close(session);
}

static void figures_do_not_depend_on_workers_or_batches(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    const struct variant *variant = engine_edit(session, "set * 80%");
    static const struct engine_options all[] = {
        {.workers = 1, .eval_batch = 16},
        {.workers = 3, .eval_batch = 7, .memory_bytes = 1 << 20},
        {.workers = 2, .eval_batch = 1000, .kernels = "sparse"},
    };
    int64_t base_only = -1;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct engine *engine;
        struct error err = {0};
        assert_int_equal(engine_create(&engine, session, &all[i], &err), 0);
        const struct report *report = engine_shown(engine, variant);
        if (i)
            assert_int_equal(report->result.base_only, base_only);
        base_only = report->result.base_only;
        report_drop(report);
        engine_destroy(engine);
    }
    session_close(session);
}

static void known_variants_are_shown_at_once(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    const struct variant *one = engine_edit(session, "set fc2 50%");
    report_drop(engine_shown(engine, one));
    report_drop(engine_shown(engine, engine_edit(session, "set fc2 60%")));
    engine_show(engine, one, -1); /* undo */
    const struct report *report = engine_report(engine);
    assert_true(report->complete);
    assert_int_equal(report->variant, one->id);
    assert_int_equal(report->result.accuracy.samples, SAMPLES);
    assert_true(engine_idle(engine));
    report_drop(report);
    struct result result;
    assert_true(engine_lookup(engine, one->hash, &result));
    assert_int_equal(result.accuracy.samples, SAMPLES);
    result_release(&result);
    assert_false(engine_lookup(engine, one->hash + 1, &result));
    engine_destroy(engine);
    session_close(session);
}

static void reports_never_go_back(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    uint64_t last = 0;
    for (int i = 0; i < 60; i++) {
        char line[64];
        snprintf(line, sizeof line, "set fc1 %d", 1000 * i + 1);
        engine_show(engine, engine_edit(session, line), 0);
        if (i % 3 == 0)
            engine_wait(engine, 1);
        const struct report *report = engine_report(engine);
        assert_true(report->generation >= last);
        assert_int_equal(report->variant, session_current(session)->id);
        last = report->generation;
        report_drop(report);
    }
    assert_true(engine_wait(engine, -1));
    const struct report *report = engine_report(engine);
    assert_true(report->complete);
    assert_true(report->generation == 60);
    report_drop(report);
    engine_destroy(engine);
    session_close(session);
}

static void an_interrupted_variant_goes_on_where_it_stopped(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    const struct variant *one = engine_edit(session, "set fc1 70%");
    const struct variant *two = engine_edit(session, "set fc1 75%");
    for (int i = 0; i < 40; i++) {
        engine_show(engine, one, 0);
        engine_wait(engine, i % 4);
        engine_show(engine, two, 0);
        engine_wait(engine, i % 3);
    }
    const struct report *report = engine_shown(engine, one);
    assert_int_equal(report->result.accuracy.samples, SAMPLES);
    report_drop(report);
    engine_destroy(engine);
    session_close(session);
}

static void nothing_runs_while_paused(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    engine_wait(engine, -1);
    engine_pause(engine, true);
    engine_show(engine, engine_edit(session, "set fc1 33%"), 0);
    assert_false(engine_wait(engine, 20));
    assert_false(engine_idle(engine));
    const struct report *report = engine_report(engine);
    assert_false(report->complete);
    assert_int_equal(report->result.accuracy.samples, 0);
    report_drop(report);
    engine_pause(engine, false);
    assert_true(engine_wait(engine, -1));
    report = engine_report(engine);
    assert_true(report->complete);
    report_drop(report);
    engine_destroy(engine);
    session_close(session);
}

static void cancelled_work_is_not_taken_up_by_itself(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    engine_pause(engine, true);
    engine_show(engine, engine_edit(session, "set fc1 33%"), 0);
    engine_cancel(engine);
    engine_pause(engine, false);
    assert_true(engine_wait(engine, -1));
    const struct report *report = engine_report(engine);
    assert_false(report->complete);
    assert_int_equal(report->stage, ENGINE_IDLE);
    report_drop(report);
    report =
        engine_shown(engine, session_current(session)); /* but when asked */
    assert_true(report->complete);
    report_drop(report);
    engine_destroy(engine);
    session_close(session);
}

static void without_labels_the_dense_model_is_right(void **state)
{
    (void)state;
    struct session *session = engine_open_session("unlabelled.npz");
    struct engine *engine = engine_start(session, false);
    const struct report *report =
        engine_shown(engine, session_current(session));
    assert_int_equal(report->result.metric, METRIC_FIDELITY);
    assert_true(report->result.accuracy.value == 1);
    assert_true(isnan(report->result.loss.value));
    report_drop(report);
    const struct variant *variant = engine_edit(session, "set * 95%");
    report = engine_shown(engine, variant);
    struct outcome a[SAMPLES], b[SAMPLES];
    struct error err = {0};
    engine_outcomes(engine, session_variant(session, 0)->hash, a, SAMPLES,
                    &err);
    engine_outcomes(engine, variant->hash, b, SAMPLES, &err);
    int agree = 0;
    for (int i = 0; i < SAMPLES; i++)
        agree += a[i].predicted == b[i].predicted;
    assert_true(agree < SAMPLES);
    assert_true(fabs(report->result.accuracy.value - (double)agree / SAMPLES) <
                1e-12);
    report_drop(report);
    engine_destroy(engine);
    session_close(session);
}

static void latency_is_measured_for_every_layer(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, true);
    const struct report *report =
        engine_shown(engine, engine_edit(session, "set * 90%"));
    const struct result *result = &report->result;
    assert_true(result->has_latency);
    assert_true(result->latency_ms.median > 0);
    assert_true(result->dense_latency_ms.median > 0);
    for (size_t i = 0; i < result->layer_count; i++) {
        assert_true(result->layers[i].ms > 0);
        assert_true(result->layers[i].dense_ms > 0);
        assert_true(result->layers[i].kernel[0]);
    }
    report_drop(report);
    engine_destroy(engine);
    session_close(session);
}

static void without_data_only_latency_is_reported(void **state)
{
    (void)state;
    struct session *session = engine_open_session(NULL);
    struct engine *engine = engine_start(session, true);
    const struct report *report =
        engine_shown(engine, engine_edit(session, "set fc1 90%"));
    assert_int_equal(report->result.accuracy.samples, 0);
    assert_true(report->result.has_latency);
    assert_true(report->result.cost.nonzeros <
                report->result.dense_cost.nonzeros);
    report_drop(report);
    engine_destroy(engine);
    session_close(session);
}

static void a_failure_leaves_the_engine_alive(void **state)
{
    (void)state;
    engine_write_data("wrong.npz", CLASSES + 5); /* the model has 10 classes */
    char path[256];
    engine_path("wrong.npz", path, sizeof path);
    struct error err = {0};
    struct session_options options = {.model_path = ENGINE_MODEL,
                                      .data_path = path,
                                      .transform = transform_identity()};
    struct session *session;
    if (session_open(&session, &options, &err) < 0) {
        assert_non_null(strstr(err.message, "wrong.npz")); /* even earlier */
        return;
    }
    struct engine *engine = engine_start(session, false);
    for (int i = 0; i < 3; i++) {
        engine_show(engine, engine_edit(session, "set fc1 50%"), 0);
        assert_true(engine_wait(engine, -1));
        const struct report *report = engine_report(engine);
        assert_true(report->failed);
        assert_int_equal(report->error.code, ERROR_RANGE);
        report_drop(report);
    }
    engine_destroy(engine);
    session_close(session);
}

static void a_thousand_edits_end_with_the_last(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    for (int i = 0; i < 1000; i++) {
        char line[64];
        snprintf(line, sizeof line, "set fc%d %d", i % 3 + 1, i % 997 + 1);
        engine_show(engine, engine_edit(session, line), i % 3);
        if (i % 100 == 99)
            engine_wait(engine, -1);
    }
    assert_true(engine_wait(engine, -1));
    const struct report *report = engine_report(engine);
    assert_true(report->complete);
    assert_int_equal(report->variant, session_current(session)->id);
    report_drop(report);
    engine_acknowledge(engine);
    engine_destroy(engine);
    session_close(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(baseline_is_exact_on_all_samples),
        cmocka_unit_test(difference_is_paired_with_the_dense_model),
        cmocka_unit_test(figures_do_not_depend_on_workers_or_batches),
        cmocka_unit_test(known_variants_are_shown_at_once),
        cmocka_unit_test(reports_never_go_back),
        cmocka_unit_test(an_interrupted_variant_goes_on_where_it_stopped),
        cmocka_unit_test(nothing_runs_while_paused),
        cmocka_unit_test(cancelled_work_is_not_taken_up_by_itself),
        cmocka_unit_test(without_labels_the_dense_model_is_right),
        cmocka_unit_test(latency_is_measured_for_every_layer),
        cmocka_unit_test(without_data_only_latency_is_reported),
        cmocka_unit_test(a_failure_leaves_the_engine_alive),
        cmocka_unit_test(a_thousand_edits_end_with_the_last),
    };
    return cmocka_run_group_tests(tests, engine_make_folder,
                                  engine_remove_folder);
}

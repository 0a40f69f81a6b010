/* Latency that is expected before it is measured, and what the machine's
 * noise is called. */
#include "engine/forecast.h"
#include "engine/structures.h"
#include "engine_fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct error err;

struct bench {
    struct session *session;
    struct setup setup;
    struct forecast forecast;
    struct result baseline;
};

static void check(int code)
{
    if (code < 0)
        fail_msg("%s", err.message);
}

static struct result blank(const struct setup *setup)
{
    struct result result = {0};
    result.layers = setup_layers(setup, setup->cost_graph);
    result.layer_count = session_layers(setup->session)->count;
    assert_non_null(result.layers);
    return result;
}

static struct crew *crew_of(const struct bench *b,
                            const struct variant *variant)
{
    struct mask_set masks;
    struct crew *crew;
    check(session_masks(b->session, variant, NULL, NULL, &masks, &err));
    check(setup_crew(&b->setup, &crew, variant, &masks, NULL, NULL, &err));
    mask_set_release(&masks);
    return crew;
}

/* Pretends that every step took `ms`: no test depends on the machine. */
static void learn(struct bench *b, const struct variant *variant, double ms)
{
    struct crew *crew = crew_of(b, variant);
    struct latency latency = {.steps = plan_step_count(crew_plan(crew))};
    double steps[64];
    assert_true(latency.steps <= 64);
    for (size_t i = 0; i < latency.steps; i++)
        steps[i] = ms;
    latency.step_ms = steps;
    latency.run_ms.median = ms * (double)latency.steps;
    check(forecast_learn(&b->forecast, crew, &latency, &err));
    crew_destroy(crew);
}

static struct graph *masked(const struct bench *b,
                            const struct variant *variant)
{
    struct mask_set masks;
    struct graph *graph;
    check(session_masks(b->session, variant, NULL, NULL, &masks, &err));
    check(setup_latency(&b->setup, &graph, variant, &masks, &err));
    mask_set_release(&masks);
    return graph;
}

static int predict(struct bench *b, const struct variant *variant,
                   struct result *result)
{
    struct graph *graph = masked(b, variant);
    int code = forecast_change(result, &b->forecast, graph, NULL,
                               b->setup.latency_graph, &b->baseline,
                               session_layers(b->session), &err);
    check(code);
    graph_drop(graph);
    return code;
}

static int begin(void **state)
{
    static struct bench b;
    struct engine_options options = {0};
    b = (struct bench){.session = engine_open_session(NULL)};
    check(setup_init(&b.setup, b.session, &options, &err));
    check(forecast_init(&b.forecast, &err));
    b.baseline = blank(&b.setup);
    *state = &b;
    return 0;
}

/* The dense model was measured: 1 ms a layer, 4 ms a run. */
static void measured(struct bench *b)
{
    b->baseline.has_latency = true;
    b->baseline.latency_ms.median = 4;
    for (size_t i = 0; i < b->baseline.layer_count; i++)
        b->baseline.layers[i].ms = 1;
}

static int end(void **state)
{
    struct bench *b = *state;
    result_release(&b->baseline);
    forecast_release(&b->forecast);
    setup_release(&b->setup);
    session_close(b->session);
    return 0;
}

static void nothing_is_predicted_before_a_run_was_measured(void **state)
{
    struct bench *b = *state;
    struct result result = blank(&b->setup);
    assert_int_equal(predict(b, session_variant(b->session, 0), &result), 1);
    assert_false(result.latency_predicted);
    result_release(&result);
}

static void zeros_are_not_predicted_before_zeros_were_measured(void **state)
{
    struct bench *b = *state;
    struct result result = blank(&b->setup);
    measured(b);
    learn(b, session_variant(b->session, 0), 1);
    /* Dense kernels serve as well: nothing faster is known. */
    assert_int_equal(
        predict(b, engine_edit(b->session, "set fc1 90%"), &result), 0);
    assert_true(fabs(result.latency_ms.median - 4) < 0.01);
    result_release(&result);
}

static void only_what_was_edited_changes(void **state)
{
    struct bench *b = *state;
    struct result result = blank(&b->setup);
    measured(b);
    learn(b, session_variant(b->session, 0), 1);
    learn(b, engine_edit(b->session, "set * 95%"), 0.1);
    learn(b, engine_edit(b->session, "set * 60%"), 0.4);
    engine_edit(b->session, "reset *");
    assert_int_equal(
        predict(b, engine_edit(b->session, "set fc1 94%"), &result), 0);
    assert_true(result.latency_predicted);
    assert_false(result.has_latency);
    assert_true(result.layers[0].sparse_kernel);
    assert_true(result.layers[0].ms < 0.3);
    assert_true(result.layers[0].dense_ms == 1);
    for (size_t i = 1; i < result.layer_count; i++) {
        assert_true(fabs(result.layers[i].ms - 1) < 1e-9);
        assert_false(result.layers[i].sparse_kernel);
    }
    assert_true(result.latency_ms.median < 3.5);
    assert_true(result.latency_ms.median > 2);
    assert_true(result.dense_latency_ms.median == 4);
    result_release(&result);
}

static void an_engine_ends_with_what_was_measured(void **state)
{
    (void)state;
    struct session *session = engine_open_session(NULL);
    struct engine_options options = {.measure_latency = true,
                                     .learn_latency = true};
    struct engine *engine;
    check(engine_create(&engine, session, &options, &err));
    engine_wait(engine, -1);
    const struct report *report =
        engine_shown(engine, engine_edit(session, "set fc1 93%"));
    assert_true(report->complete);
    assert_true(report->result.has_latency);
    assert_false(report->result.latency_predicted);
    assert_true(report->result.latency_ms.p10 <= report->result.latency_ms.p90);
    assert_int_not_equal(report->result.noise.kind, NOISE_UNKNOWN);
    report_drop(report);
    engine_destroy(engine);
    session_close(session);
}

static struct structure_times structures_of(struct engine *engine, int row,
                                            double share)
{
    struct structure_times times;
    for (int i = 0; i < 60000; i++) {
        if (engine_structures(engine, row, share, &times) && times.complete)
            return times;
        usleep(1000);
    }
    fail_msg("structures were not timed within a minute");
    return times;
}

static void every_structure_that_fits_has_a_speed(void **state)
{
    (void)state;
    struct session *session = engine_open_session(NULL);
    struct engine_options options = {.measure_latency = true};
    struct engine *engine;
    bool channel = false, nm = false;
    check(engine_create(&engine, session, &options, &err));
    struct structure_times times = structures_of(engine, 0, 0.9);
    assert_int_equal(times.row, 0);
    assert_true(times.count >= 5);
    for (size_t i = 0; i < times.count; i++) {
        const struct structure_time *t = &times.times[i];
        assert_true(t->speed > 0);
        assert_false(t->predicted);
        /* No kernel uses these zeros: the layer is as it was. */
        if (!t->sparse && !t->structure->narrows)
            assert_true(t->speed == 1);
        channel = channel || strcmp(t->structure->name, "channel") == 0;
        if (strcmp(t->structure->name, "2:4") == 0)
            nm = t->share == 0.5;
        if (strcmp(t->structure->name, "weight") == 0)
            assert_true(fabs(t->share - 0.9) < 0.001);
        assert_string_not_equal(t->structure->name, "kernel");
        assert_string_not_equal(t->structure->name, "head");
    }
    assert_true(channel);
    assert_true(nm);
    /* Another amount is another question. */
    times = structures_of(engine, 1, 0);
    assert_int_equal(times.row, 1);
    assert_true(times.share == 0.5);
    engine_destroy(engine);
    session_close(session);
}

static void a_device_predicts_everything_at_once(void **state)
{
    (void)state;
    char path[128];
    struct survey survey;
    struct survey_options brief = {.dense = survey_onednn, .brief = true};
    struct device_info info;
    struct session *session = engine_open_session("labelled.npz");
    engine_path("device.json", path, sizeof path);
    check(cpu_isa_select(&brief.isa, &err));
    check(survey_run(&survey, &brief, &err));
    device_info_here(&info, brief.isa);
    snprintf(info.name, sizeof info.name, "Test Board");
    check(device_write(path, &info, &survey, &err));
    survey_release(&survey);
    struct engine_options options = {.measure_latency = true, .device = path};
    struct engine *engine;
    check(engine_create(&engine, session, &options, &err));
    assert_string_equal(engine_device(engine), "Test Board");
    const struct report *report =
        engine_shown(engine, engine_edit(session, "set * 95%"));
    const struct result *result = &report->result;
    assert_true(result->has_latency && result->latency_predicted);
    assert_string_equal(result->device, "Test Board");
    assert_true(result->latency_ms.median > 0);
    assert_true(result->latency_ms.median <= result->dense_latency_ms.median);
    assert_int_equal(result->noise.kind, NOISE_UNKNOWN);
    report_drop(report);
    struct structure_times times = structures_of(engine, 0, 0.9);
    assert_true(times.times[0].predicted);
    engine_destroy(engine);
    options.device = ENGINE_MODEL; /* no profile */
    assert_int_equal(engine_create(&engine, session, &options, &err), -1);
    assert_int_equal(err.code, ERROR_FORMAT);
    unlink(path);
    session_close(session);
}

static void noise_has_a_cause_and_a_word(void **state)
{
    (void)state;
    assert_int_equal(noise_judge(0.02, 0.03), NOISE_QUIET);
    assert_int_equal(noise_judge(0.5, 0.03), NOISE_BUSY);
    assert_int_equal(noise_judge(0.5, 0.9), NOISE_BUSY);
    assert_int_equal(noise_judge(0.02, 0.9), NOISE_UNSTEADY);
    assert_int_equal(noise_judge(NAN, 0.03), NOISE_QUIET);
    assert_string_equal(noise_word(NOISE_UNKNOWN), "");
    assert_string_equal(noise_word(NOISE_UNSTEADY), "unsteady");
    struct noise_watch watch;
    struct stats_summary runs = {.median = 2, .p10 = 1.9, .p90 = 2.1};
    noise_begin(&watch);
    struct noise noise = noise_end(&watch, &runs);
    assert_true(fabs(noise.spread - 0.1) < 1e-9);
    assert_true(isnan(noise.others) || noise.others >= 0);
}

int main(void)
{
#define BENCH(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        BENCH(nothing_is_predicted_before_a_run_was_measured),
        BENCH(zeros_are_not_predicted_before_zeros_were_measured),
        BENCH(only_what_was_edited_changes),
        cmocka_unit_test(an_engine_ends_with_what_was_measured),
        cmocka_unit_test(every_structure_that_fits_has_a_speed),
        cmocka_unit_test(a_device_predicts_everything_at_once),
        cmocka_unit_test(noise_has_a_cause_and_a_word),
    };
    return cmocka_run_group_tests(tests, engine_make_folder,
                                  engine_remove_folder);
}

#include "engine/engine.h"

#include "base/file.h"
#include "base/rng.h"
#include "dataset/npz.h"
#include "engine/bench.h"
#include "engine/outputs.h"
#include "engine/pool.h"
#include "engine/setup.h"
#include "engine/verify.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MODEL "data/mlp.onnx"
enum { SAMPLES = 300, CLASSES = 10 };

static char folder[] = "/tmp/espalier-engine-XXXXXX";

static void path_of(const char *name, char *path, size_t bytes)
{
    snprintf(path, bytes, "%s/%s", folder, name);
}

/* A data set of seeded noise; the highest label is `highest`, -1: none. */
static void write_data(const char *name, int64_t highest)
{
    struct error err = {0};
    struct npz_array arrays[2] = {0};
    struct shape images = {4, {SAMPLES, 1, 28, 28}}, labels = {1, {SAMPLES}};
    char label[] = "labels", path[256];
    struct onnx_model *model;
    assert_int_equal(onnx_open(&model, MODEL, &err), 0);
    const struct graph *graph = onnx_graph(model);
    arrays[0].name = strdup(graph->values[graph->inputs[0]].name);
    onnx_close(model);
    arrays[1].name = label;
    tensor_init(&arrays[0].tensor, DTYPE_FLOAT32, &images, &err);
    tensor_init(&arrays[1].tensor, DTYPE_INT64, &labels, &err);
    struct rng rng;
    rng_init(&rng, 7);
    float *pixels = arrays[0].tensor.data;
    for (int64_t i = 0; i < SAMPLES * 28 * 28; i++)
        pixels[i] = (float)rng_normal(&rng);
    int64_t *values = arrays[1].tensor.data;
    for (int64_t i = 0; i < SAMPLES; i++)
        values[i] = highest < 0 ? 0 : (i * 7) % (highest + 1);
    path_of(name, path, sizeof path);
    assert_int_equal(npz_write(path, arrays, highest < 0 ? 1 : 2, &err), 0);
    free(arrays[0].name);
    tensor_release(&arrays[0].tensor);
    tensor_release(&arrays[1].tensor);
}

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    write_data("labelled.npz", CLASSES - 1);
    write_data("unlabelled.npz", -1);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    static const char *const names[] = {
        "labelled.npz", "unlabelled.npz", "wrong.npz",  "out.onnx",
        "outputs.npz",  "out.masks.npz",  "out.recipe", "out.md",
    };
    char path[256];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        path_of(names[i], path, sizeof path);
        unlink(path);
    }
    return rmdir(folder);
}

static struct session *open_session(const char *data)
{
    char path[256];
    struct error err = {0};
    struct session_options options = {.model_path = MODEL,
                                      .transform = transform_identity()};
    if (data) {
        path_of(data, path, sizeof path);
        options.data_path = path;
    }
    struct session *session = NULL;
    int code = session_open(&session, &options, &err);
    if (code < 0)
        print_error("%s\n", err.message);
    assert_int_equal(code, 0);
    return session;
}

static struct engine *start(const struct session *session, bool latency)
{
    struct engine *engine;
    struct error err = {0};
    struct engine_options options = {
        .workers = 2, .measure_latency = latency, .memory_bytes = 8 << 20};
    int code = engine_create(&engine, session, &options, &err);
    if (code < 0)
        print_error("%s\n", err.message);
    assert_int_equal(code, 0);
    return engine;
}

static const struct variant *edit(struct session *session, const char *line)
{
    struct command_result result = {0};
    struct error err = {0};
    int code = session_execute(session, line, &result, &err);
    if (code < 0)
        print_error("%s\n", err.message);
    assert_int_equal(code, 0);
    command_result_release(&result);
    return session_current(session);
}

/* Shows and waits; the complete report, retained. */
static const struct report *show(struct engine *engine,
                                 const struct variant *variant)
{
    engine_show(engine, variant, 0);
    assert_true(engine_wait(engine, -1));
    const struct report *report = engine_report(engine);
    assert_non_null(report);
    if (report->failed)
        print_error("%s\n", report->error.message);
    assert_false(report->failed);
    assert_true(report->complete);
    assert_int_equal(report->variant, variant->id);
    assert_true(report->hash == variant->hash);
    return report;
}

static void baseline_is_exact_on_all_samples(void **state)
{
    (void)state;
    struct session *session = open_session("labelled.npz");
    struct engine *engine = start(session, false);
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
    struct session *session = open_session("labelled.npz");
    struct engine *engine = start(session, false);
    const struct variant *variant = edit(session, "set fc1 90%");
    const struct report *report = show(engine, variant);
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
    struct session *session = open_session("labelled.npz");
    const struct variant *variant = edit(session, "set * 80%");
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
        const struct report *report = show(engine, variant);
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
    struct session *session = open_session("labelled.npz");
    struct engine *engine = start(session, false);
    const struct variant *one = edit(session, "set fc2 50%");
    report_drop(show(engine, one));
    report_drop(show(engine, edit(session, "set fc2 60%")));
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
    struct session *session = open_session("labelled.npz");
    struct engine *engine = start(session, false);
    uint64_t last = 0;
    for (int i = 0; i < 60; i++) {
        char line[64];
        snprintf(line, sizeof line, "set fc1 %d", 1000 * i + 1);
        engine_show(engine, edit(session, line), 0);
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
    struct session *session = open_session("labelled.npz");
    struct engine *engine = start(session, false);
    const struct variant *one = edit(session, "set fc1 70%");
    const struct variant *two = edit(session, "set fc1 75%");
    for (int i = 0; i < 40; i++) {
        engine_show(engine, one, 0);
        engine_wait(engine, i % 4);
        engine_show(engine, two, 0);
        engine_wait(engine, i % 3);
    }
    const struct report *report = show(engine, one);
    assert_int_equal(report->result.accuracy.samples, SAMPLES);
    report_drop(report);
    engine_destroy(engine);
    session_close(session);
}

static void nothing_runs_while_paused(void **state)
{
    (void)state;
    struct session *session = open_session("labelled.npz");
    struct engine *engine = start(session, false);
    engine_wait(engine, -1);
    engine_pause(engine, true);
    engine_show(engine, edit(session, "set fc1 33%"), 0);
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
    struct session *session = open_session("labelled.npz");
    struct engine *engine = start(session, false);
    engine_pause(engine, true);
    engine_show(engine, edit(session, "set fc1 33%"), 0);
    engine_cancel(engine);
    engine_pause(engine, false);
    assert_true(engine_wait(engine, -1));
    const struct report *report = engine_report(engine);
    assert_false(report->complete);
    assert_int_equal(report->stage, ENGINE_IDLE);
    report_drop(report);
    report = show(engine, session_current(session)); /* but when asked */
    assert_true(report->complete);
    report_drop(report);
    engine_destroy(engine);
    session_close(session);
}

static void without_labels_the_dense_model_is_right(void **state)
{
    (void)state;
    struct session *session = open_session("unlabelled.npz");
    struct engine *engine = start(session, false);
    const struct report *report = show(engine, session_current(session));
    assert_int_equal(report->result.metric, METRIC_FIDELITY);
    assert_true(report->result.accuracy.value == 1);
    assert_true(isnan(report->result.loss));
    report_drop(report);
    const struct variant *variant = edit(session, "set * 95%");
    report = show(engine, variant);
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
    struct session *session = open_session("labelled.npz");
    struct engine *engine = start(session, true);
    const struct report *report = show(engine, edit(session, "set * 90%"));
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
    struct session *session = open_session(NULL);
    struct engine *engine = start(session, true);
    const struct report *report = show(engine, edit(session, "set fc1 90%"));
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
    write_data("wrong.npz", CLASSES + 5); /* the model has 10 classes */
    char path[256];
    path_of("wrong.npz", path, sizeof path);
    struct error err = {0};
    struct session_options options = {.model_path = MODEL,
                                      .data_path = path,
                                      .transform = transform_identity()};
    struct session *session;
    if (session_open(&session, &options, &err) < 0) {
        assert_non_null(strstr(err.message, "wrong.npz")); /* even earlier */
        return;
    }
    struct engine *engine = start(session, false);
    for (int i = 0; i < 3; i++) {
        engine_show(engine, edit(session, "set fc1 50%"), 0);
        assert_true(engine_wait(engine, -1));
        const struct report *report = engine_report(engine);
        assert_true(report->failed);
        assert_int_equal(report->error.code, ERROR_RANGE);
        report_drop(report);
    }
    engine_destroy(engine);
    session_close(session);
}

static void export_of(struct engine *engine, const struct variant *variant,
                      const char *path, struct engine_export_result *result)
{
    char copy[256];
    struct error err = {0};
    snprintf(copy, sizeof copy, "%s", path);
    struct engine_export request = {.path = copy,
                                    .masks = true,
                                    .recipe = true,
                                    .report = true,
                                    .verify = true};
    assert_int_equal(engine_export_start(engine, variant, &request, &err), 0);
    assert_true(engine_wait(engine, -1));
    assert_true(engine_export_poll(engine, result));
    assert_true(result->finished);
}

static void an_export_is_read_back_and_equal(void **state)
{
    (void)state;
    struct session *session = open_session("labelled.npz");
    struct engine *engine = start(session, false);
    const struct variant *variant = edit(session, "set * 90%");
    engine_show(engine, variant, 0); /* the export interrupts this */
    char path[256];
    path_of("out.onnx", path, sizeof path);
    struct engine_export_result result;
    export_of(engine, variant, path, &result);
    if (result.failed)
        print_error("%s\n", result.error.message);
    assert_false(result.failed);
    assert_true(result.verified);
    assert_int_equal(result.samples, SAMPLES);
    assert_int_equal(result.different_answers, 0);
    assert_true(result.accuracy_before == result.accuracy_after);
    assert_int_equal(result.file_bytes, file_size(path));
    assert_string_equal(result.path, path);
    engine_export_result_release(&result);
    const struct report *report = engine_report(engine);
    assert_true(report->complete); /* the evaluation went on */
    assert_int_equal(report->variant, variant->id);
    report_drop(report);
    engine_destroy(engine);
    session_close(session);
}

static void an_export_that_cannot_be_written_fails_alone(void **state)
{
    (void)state;
    struct session *session = open_session("labelled.npz");
    struct engine *engine = start(session, false);
    const struct variant *variant = edit(session, "set fc1 90%");
    struct engine_export_result result;
    export_of(engine, variant, "/nonexistent/folder/out.onnx", &result);
    assert_true(result.failed);
    assert_int_equal(result.error.code, ERROR_IO);
    assert_non_null(strstr(result.error.message, "/nonexistent/folder"));
    engine_export_result_release(&result);
    report_drop(show(engine, variant));
    engine_destroy(engine);
    session_close(session);
}

static void verification_notices_another_model(void **state)
{
    (void)state;
    struct session *session = open_session("labelled.npz");
    const struct variant *variant = edit(session, "set * 97%");
    struct error err = {0};
    struct setup setup;
    struct engine_options options = {.workers = 2};
    struct mask_set masks;
    struct graph *graph;
    struct plan *plan;
    struct pool *pool;
    struct verification found;
    assert_int_equal(setup_init(&setup, session, &options, &err), 0);
    assert_int_equal(mask_set_init(&masks, session_graph(session),
                                   session_layers(session), variant->decisions,
                                   NULL, NULL, &err),
                     0);
    assert_int_equal(
        setup_masked(&setup, &graph, setup.eval_graph, &masks, &err), 0);
    assert_int_equal(setup_plan(&setup, &plan, graph, 1, NULL, NULL, &err), 0);
    assert_int_equal(pool_create(&pool, 2, true, &err), 0);
    assert_int_equal(
        verify_file(&found, &setup, plan, MODEL, pool, NULL, NULL, NULL, &err),
        -1);
    assert_int_equal(err.code, ERROR_MISMATCH);
    assert_non_null(strstr(err.message, MODEL));
    assert_true(found.different_answers > 0);
    assert_int_equal(verify_file(&found, &setup, plan, "data/lenet5.onnx", pool,
                                 NULL, NULL, NULL, &err),
                     -1);
    pool_destroy(pool);
    plan_drop(plan);
    graph_drop(graph);
    mask_set_release(&masks);
    setup_release(&setup);
    session_close(session);
}

static void outputs_are_written_in_stored_order(void **state)
{
    (void)state;
    struct session *session = open_session("labelled.npz");
    struct engine *engine = start(session, false);
    engine_wait(engine, -1);
    char path[256];
    path_of("outputs.npz", path, sizeof path);
    struct engine_options options = {.workers = 2};
    struct error err = {0};
    struct npz npz;
    const struct variant *variant = session_current(session);
    assert_int_equal(
        engine_write_outputs(session, variant, &options, path, NULL, &err), 0);
    assert_int_equal(npz_read(&npz, path, &err), 0);
    assert_int_equal(npz.count, 1);
    assert_int_equal(npz.arrays[0].tensor.shape.dims[0], SAMPLES);
    assert_int_equal(npz.arrays[0].tensor.shape.dims[1], CLASSES);
    struct outcome outcomes[SAMPLES];
    assert_int_equal(
        engine_outcomes(engine, variant->hash, outcomes, SAMPLES, &err), 0);
    const float *logits = npz.arrays[0].tensor.data;
    for (int i = 0; i < SAMPLES; i++)
        assert_int_equal(
            outcome_of(logits + i * CLASSES, CLASSES, -1).predicted,
            outcomes[i].predicted);
    npz_release(&npz);
    engine_destroy(engine);
    session_close(session);
}

static void bench_names_every_layer(void **state)
{
    (void)state;
    struct session *session = open_session(NULL);
    struct engine_options options = {.latency_batch = 2, .latency_threads = 1};
    struct error err = {0};
    struct bench bench;
    struct cancel cancel = {true};
    const struct variant *variant = session_current(session);
    assert_int_equal(
        engine_bench(&bench, session, variant, &options, &cancel, &err), -1);
    assert_int_equal(err.code, ERROR_CANCELLED);
    options.kernels = "magic";
    assert_int_equal(
        engine_bench(&bench, session, variant, &options, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_USAGE);
    options.kernels = "dense";
    assert_int_equal(
        engine_bench(&bench, session, variant, &options, NULL, &err), 0);
    assert_int_equal(bench.batch, 2);
    assert_true(bench.latency_ms.median > 0);
    int layers = 0;
    for (size_t i = 0; i < bench.count; i++)
        layers += bench.steps[i].layer >= 0;
    assert_int_equal(layers, 3);
    bench_release(&bench);
    session_close(session);
}

static void a_thousand_edits_end_with_the_last(void **state)
{
    (void)state;
    struct session *session = open_session("labelled.npz");
    struct engine *engine = start(session, false);
    for (int i = 0; i < 1000; i++) {
        char line[64];
        snprintf(line, sizeof line, "set fc%d %d", i % 3 + 1, i % 997 + 1);
        engine_show(engine, edit(session, line), i % 3);
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
        cmocka_unit_test(an_export_is_read_back_and_equal),
        cmocka_unit_test(an_export_that_cannot_be_written_fails_alone),
        cmocka_unit_test(verification_notices_another_model),
        cmocka_unit_test(outputs_are_written_in_stored_order),
        cmocka_unit_test(bench_names_every_layer),
        cmocka_unit_test(a_thousand_edits_end_with_the_last),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

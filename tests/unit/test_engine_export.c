#include "engine_fixture.h"

#include "base/file.h"
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

static void a_smaller_model_is_read_back_and_equal(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    engine_edit(session, "set fc1 50% channel");
    const struct variant *variant = engine_edit(session, "set fc2 60%");
    char path[256], whole[256];
    struct engine_export_result result;
    engine_path("whole.onnx", whole, sizeof whole);
    export_of(engine, session_variant(session, 0), whole, &result);
    engine_export_result_release(&result);
    engine_path("small.onnx", path, sizeof path);
    export_of(engine, variant, path, &result);
    if (result.failed)
        fail_msg("%s", result.error.message);
    assert_true(result.verified);
    assert_int_equal(result.samples, SAMPLES);
    assert_int_equal(result.different_answers, 0);
    assert_true(file_size(path) < 0.6 * (double)file_size(whole));
    engine_export_result_release(&result);
    const struct report *report = engine_shown(engine, variant);
    assert_false(report->failed);
    int64_t weights = report->result.layers[0].weights;
    assert_int_equal(report->result.layers[0].nonzeros, weights / 2);
    report_drop(report);
    engine_destroy(engine);
    session_close(session);
}

static void an_export_is_read_back_and_equal(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    const struct variant *variant = engine_edit(session, "set * 90%");
    engine_show(engine, variant, 0); /* the export interrupts this */
    char path[256];
    engine_path("out.onnx", path, sizeof path);
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

static struct session *open_parts(const char *name, const char *holdout)
{
    char data[256];
    struct session *session;
    struct error err = {0};
    engine_path(name, data, sizeof data);
    const struct session_options options = {.model_path = ENGINE_MODEL,
                                            .data_path = data,
                                            .seed = 1,
                                            .transform = transform_identity(),
                                            .holdout = holdout};
    if (session_open(&session, &options, &err) < 0)
        fail_msg("%s", err.message);
    return session;
}

static struct session *open_with(const char *holdout)
{
    return open_parts("labelled.npz", holdout);
}

static bool report_says(const char *text)
{
    char path[256], *content;
    size_t bytes;
    struct error err = {0};
    engine_path("exam.md", path, sizeof path);
    assert_int_equal(file_read(&content, &bytes, path, &err), 0);
    bool says = strstr(content, text) != NULL;
    free(content);
    return says;
}

/* A model written with 40 % of the data held out, beside all of it. */
struct shared_out {
    struct session *parts, *whole;
    struct engine *engine, *all;
    const struct report *here, *full;
    struct engine_export_result result;
};

static void share_out(struct shared_out *s, const char *data)
{
    char path[256];
    *s = (struct shared_out){.parts = open_parts(data, "40%"),
                             .whole = open_parts(data, NULL)};
    s->engine = engine_start(s->parts, false);
    s->all = engine_start(s->whole, false);
    const struct variant *variant = engine_edit(s->parts, "set * 95%");
    s->here = engine_shown(s->engine, variant);
    s->full = engine_shown(s->all, engine_edit(s->whole, "set * 95%"));
    engine_path("exam.onnx", path, sizeof path);
    export_of(s->engine, variant, path, &s->result);
    if (s->result.failed)
        fail_msg("%s", s->result.error.message);
    const struct exam *exam = &s->result.exam;
    assert_true(exam->taken);
    assert_int_equal(exam->samples, 120);
    assert_int_equal(s->here->result.accuracy.samples, 180);
    /* Right answers of both parts are those of the whole. */
    assert_int_equal(llround(120 * exam->value.value) +
                         llround(180 * s->here->result.accuracy.value),
                     llround(300 * s->full->result.accuracy.value));
}

static void release_shared_out(struct shared_out *s)
{
    engine_export_result_release(&s->result);
    report_drop(s->here);
    report_drop(s->full);
    engine_destroy(s->engine);
    engine_destroy(s->all);
    session_close(s->parts);
    session_close(s->whole);
}

static void exam_and_decisions_share_out_the_data(void **state)
{
    (void)state;
    struct shared_out s;
    share_out(&s, "labelled.npz");
    const struct exam *exam = &s.result.exam;
    assert_int_equal(llround(120 * exam->dense.value) +
                         llround(180 * s.here->baseline.accuracy.value),
                     llround(300 * s.full->baseline.accuracy.value));
    assert_true(exam->decided.value == s.here->result.difference.value);
    assert_true(fabs(exam->gap.value -
                     (exam->difference.value - exam->decided.value)) < 1e-12);
    assert_true(report_says("- Held out: 40%, 120 samples"));
    assert_true(report_says("--holdout '40%'"));
    assert_true(report_says("- Held out, 120 samples that decided nothing"));
    release_shared_out(&s);
}

/* The dense model agrees with itself everywhere. */
static void exam_without_labels_is_agreement(void **state)
{
    (void)state;
    struct shared_out s;
    share_out(&s, "unlabelled.npz");
    const struct exam *exam = &s.result.exam;
    assert_true(exam->agreement);
    assert_true(exam->dense.value == 1);
    assert_true(exam->value.value > 0 && exam->value.value < 1);
    assert_int_equal(exam->decided.samples, 180);
    assert_true(fabs(exam->decided.value -
                     (s.here->result.accuracy.value - 1)) < 1e-12);
    assert_true(report_says("decided nothing, agreement with the dense"));
    release_shared_out(&s);
}

static void exam_warns_when_other_data_loses_more(void **state)
{
    (void)state;
    /* On noise the model guesses before and after. */
    struct session *session = open_with("data/fashion-mnist-sample");
    struct engine *engine = engine_start(session, false);
    const struct variant *variant = engine_edit(session, "set * 99%");
    char path[256];
    struct engine_export_result result;
    engine_path("exam.onnx", path, sizeof path);
    export_of(engine, variant, path, &result); /* not evaluated before */
    if (result.failed)
        fail_msg("%s", result.error.message);
    assert_int_equal(result.exam.decided.samples, SAMPLES);
    assert_true(result.exam.gap.high < 0);
    assert_true(result.exam.warning);
    assert_true(report_says("**more than chance**"));
    engine_export_result_release(&result);
    engine_destroy(engine);
    session_close(session);
}

static void an_export_that_cannot_be_written_fails_alone(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    const struct variant *variant = engine_edit(session, "set fc1 90%");
    struct engine_export_result result;
    struct error err = {0};
    char lost[] = "/nonexistent/folder/out.onnx", path[256], taken[256];
    struct engine_export request = {.path = lost};
    /* The file itself at once, what lies beside it when its turn comes. */
    assert_int_equal(engine_export_start(engine, variant, &request, &err), -1);
    assert_int_equal(err.code, ERROR_IO);
    assert_non_null(strstr(err.message, "/nonexistent/folder"));
    engine_path("taken.onnx", path, sizeof path);
    engine_path("taken.md", taken, sizeof taken);
    assert_int_equal(mkdir(taken, 0700), 0);
    export_of(engine, variant, path, &result);
    assert_true(result.failed);
    assert_int_equal(result.error.code, ERROR_IO);
    assert_non_null(strstr(result.error.message, "taken.md: found a folder"));
    assert_false(file_exists(path));
    engine_export_result_release(&result);
    assert_int_equal(rmdir(taken), 0);
    report_drop(engine_shown(engine, variant));
    engine_destroy(engine);
    session_close(session);
}

static void verification_notices_another_model(void **state)
{
    (void)state;
    struct session *session = engine_open_session("labelled.npz");
    const struct variant *variant = engine_edit(session, "set * 97%");
    struct error err = {0};
    struct setup setup;
    struct engine_options options = {.workers = 2};
    struct mask_set masks;
    struct graph *graph;
    struct plan *plan;
    struct pool *pool;
    struct verification found;
    assert_int_equal(setup_init(&setup, session, &options, &err), 0);
    assert_int_equal(session_masks(session, variant, NULL, NULL, &masks, &err),
                     0);
    assert_int_equal(
        setup_masked(&setup, &graph, setup.eval_graph, variant, &masks, &err),
        0);
    assert_int_equal(setup_plan(&setup, &plan, graph, 1, NULL, NULL, &err), 0);
    assert_int_equal(pool_create(&pool, 2, true, &err), 0);
    assert_int_equal(verify_file(&found, &setup, plan, ENGINE_MODEL, pool, NULL,
                                 NULL, NULL, &err),
                     -1);
    assert_int_equal(err.code, ERROR_MISMATCH);
    assert_non_null(strstr(err.message, ENGINE_MODEL));
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
    struct session *session = engine_open_session("labelled.npz");
    struct engine *engine = engine_start(session, false);
    engine_wait(engine, -1);
    char path[256];
    engine_path("outputs.npz", path, sizeof path);
    struct engine_options options = {.workers = 2};
    struct error err = {0};
    struct npz npz;
    const struct variant *variant = session_current(session);
    assert_int_equal(engine_write_outputs(session, variant, &options, path,
                                          NULL, NULL, &err),
                     0);
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
    struct session *session = engine_open_session(NULL);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_export_is_read_back_and_equal),
        cmocka_unit_test(a_smaller_model_is_read_back_and_equal),
        cmocka_unit_test(exam_and_decisions_share_out_the_data),
        cmocka_unit_test(exam_without_labels_is_agreement),
        cmocka_unit_test(exam_warns_when_other_data_loses_more),
        cmocka_unit_test(an_export_that_cannot_be_written_fails_alone),
        cmocka_unit_test(verification_notices_another_model),
        cmocka_unit_test(outputs_are_written_in_stored_order),
        cmocka_unit_test(bench_names_every_layer),
    };
    return cmocka_run_group_tests(tests, engine_make_folder,
                                  engine_remove_folder);
}

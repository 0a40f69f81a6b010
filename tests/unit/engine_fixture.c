#include "engine_fixture.h"

#include "base/rng.h"
#include "dataset/npz.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/espalier-engine-XXXXXX";

void engine_path(const char *name, char *path, size_t bytes)
{
    snprintf(path, bytes, "%s/%s", folder, name);
}

void engine_write_data(const char *name, int64_t highest)
{
    struct error err = {0};
    struct npz_array arrays[2] = {0};
    struct shape images = {4, {SAMPLES, 1, 28, 28}}, labels = {1, {SAMPLES}};
    char label[] = "labels", path[256];
    struct onnx_model *model;
    assert_int_equal(onnx_open(&model, ENGINE_MODEL, &err), 0);
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
    engine_path(name, path, sizeof path);
    assert_int_equal(npz_write(path, arrays, highest < 0 ? 1 : 2, &err), 0);
    free(arrays[0].name);
    tensor_release(&arrays[0].tensor);
    tensor_release(&arrays[1].tensor);
}

int engine_make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    engine_write_data("labelled.npz", CLASSES - 1);
    engine_write_data("unlabelled.npz", -1);
    return 0;
}

int engine_remove_folder(void **state)
{
    (void)state;
    static const char *const names[] = {
        "labelled.npz",   "unlabelled.npz",  "wrong.npz",      "out.onnx",
        "outputs.npz",    "out.masks.npz",   "out.recipe",     "out.md",
        "small.onnx",     "small.masks.npz", "small.recipe",   "small.md",
        "whole.onnx",     "whole.masks.npz", "whole.recipe",   "whole.md",
        "out.masks.py",   "small.masks.py",  "whole.masks.py", "exam.onnx",
        "exam.masks.npz", "exam.recipe",     "exam.md",        "exam.masks.py",
    };
    char path[256];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        engine_path(names[i], path, sizeof path);
        unlink(path);
    }
    return rmdir(folder);
}

struct session *engine_open_session(const char *data)
{
    char path[256];
    struct error err = {0};
    struct session_options options = {.model_path = ENGINE_MODEL,
                                      .transform = transform_identity()};
    if (data) {
        engine_path(data, path, sizeof path);
        options.data_path = path;
    }
    struct session *session = NULL;
    int code = session_open(&session, &options, &err);
    if (code < 0)
        print_error("%s\n", err.message);
    assert_int_equal(code, 0);
    return session;
}

struct engine *engine_start(const struct session *session, bool latency)
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

const struct variant *engine_edit(struct session *session, const char *line)
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

const struct report *engine_shown(struct engine *engine,
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

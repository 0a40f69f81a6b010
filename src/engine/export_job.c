/* Writing a variant and proving that the file says the same. */
#include "engine/state.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/file.h"
#include "engine/verify.h"
#include "export/export.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct watcher {
    struct engine *engine;
    int64_t start_ns;
};

static void watch_verification(void *context, int64_t done, int64_t total)
{
    const struct watcher *watcher = context;
    struct news news = {
        .stage = ENGINE_EXPORTING,
        .done = done,
        .total = total,
        .seconds = (double)(clock_now_ns() - watcher->start_ns) * 1e-9,
    };
    engine_publish_progress(watcher->engine, &news);
}

/* The session's plan: of the evaluation instance, without data of one
 * sample. Owned by the caller. */
static int plan_of_session(struct engine *engine, const struct variant *variant,
                           struct plan **out, struct error *err)
{
    struct setup *setup = &engine->setup;
    const struct plan *plan;
    if (setup->eval_graph) {
        if (engine_plan(engine, variant, &engine->export_cancel, &plan, err) <
            0)
            return -1;
        *out = plan_retain(plan);
        return 0;
    }
    const struct mask_set *masks;
    struct graph *graph = NULL;
    if (engine_masks(engine, variant, &masks, err) < 0 ||
        setup_masked(setup, &graph, setup->cost_graph, variant, masks, err) < 0)
        return -1;
    int code =
        setup_plan(setup, out, graph, 1, NULL, &engine->export_cancel, err);
    graph_drop(graph);
    return code;
}

static int verify_export(struct engine *engine, const struct variant *variant,
                         struct engine_export_result *result, struct error *err)
{
    struct plan *plan = NULL;
    struct pool *pool = engine->pool;
    struct verification found = {0};
    struct watcher watcher = {engine, clock_now_ns()};
    int code = plan_of_session(engine, variant, &plan, err);
    if (code == 0 && !pool)
        code = pool_create(&pool, 1, true, err);
    if (code == 0)
        code = verify_file(&found, &engine->setup, plan, result->path, pool,
                           &engine->export_cancel, watch_verification, &watcher,
                           err);
    result->verified = code == 0;
    result->samples = found.samples;
    result->different_answers = found.different_answers;
    result->largest_difference = found.largest_difference;
    double labelled = (double)found.labelled;
    result->accuracy_before =
        labelled > 0 ? (double)found.correct_before / labelled : NAN;
    result->accuracy_after =
        labelled > 0 ? (double)found.correct_after / labelled : NAN;
    if (pool != engine->pool)
        pool_destroy(pool);
    plan_drop(plan);
    return code;
}

static int write_export(struct engine *engine, const struct variant *variant,
                        const struct engine_export *wanted,
                        const struct exam *exam, struct error *err)
{
    struct export_request request = {
        .path = wanted->path,
        .masks = wanted->masks,
        .recipe = wanted->recipe,
        .report = wanted->report,
        .variant = variant,
        .exam = exam->taken ? exam : NULL,
    };
    struct result figures;
    bool known = engine_lookup(engine, variant->hash, &figures);
    request.result = known ? &figures : NULL;
    /* Exporters want a mask set; of the dense model it has no masks. */
    struct mask_set none = {0}, *dense = &none;
    int code = engine_masks(engine, variant, &request.masks_set, err);
    if (code == 0 && !request.masks_set) {
        code = session_masks(engine->setup.session, variant, NULL, NULL, dense,
                             err);
        request.masks_set = dense;
    }
    if (code == 0)
        code = export_write(engine->setup.session, &request, err);
    mask_set_release(&none);
    result_release(&figures);
    return code;
}

static void run_export(struct engine *engine, struct job *job)
{
    struct engine_export wanted = {0};
    struct engine_export_result result = {0};
    struct error err = {0};
    pthread_mutex_lock(&engine->mutex);
    wanted = engine->export.request;
    engine->export.request = (struct engine_export){0};
    pthread_mutex_unlock(&engine->mutex);
    result.path = wanted.path;
    struct news news = {.stage = ENGINE_EXPORTING,
                        .total = engine->setup.samples};
    engine_publish_progress(engine, &news);
    int code = engine_take_exam(engine, job->variant, &engine->export_cancel,
                                &result.exam, &err);
    if (code == 0)
        code = write_export(engine, job->variant, &wanted, &result.exam, &err);
    if (code == 0) {
        result.file_bytes = file_size(wanted.path);
        if (wanted.verify)
            code = verify_export(engine, job->variant, &result, &err);
    }
    result.finished = true;
    result.failed = code < 0;
    result.error = err;
    pthread_mutex_lock(&engine->mutex);
    engine_export_result_release(&engine->export.result);
    engine->export.result = result;
    pthread_mutex_unlock(&engine->mutex);
    news.stage = ENGINE_IDLE;
    engine_publish_progress(engine, &news);
}

static bool take_export(struct engine *engine, struct job *job)
{
    if (!engine->export.pending)
        return false;
    engine->export.pending = false;
    job->variant = engine->export.variant;
    engine->export.variant = NULL;
    cancel_reset(&engine->export_cancel);
    return true;
}

void engine_forget_export(struct engine *engine)
{
    struct export_state *state = &engine->export;
    if (!state->pending)
        return;
    variant_drop(state->variant);
    state->variant = NULL;
    state->pending = false;
    state->result = (struct engine_export_result){
        .finished = true, .failed = true, .path = state->request.path};
    error_set(&state->result.error, ERROR_CANCELLED, "cancelled");
    state->request = (struct engine_export){0};
}

static void requeue_export(struct engine *engine, struct job *job)
{
    (void)engine;
    (void)job;
}

const struct job_kind job_export = {"export", take_export, run_export,
                                    requeue_export};

void engine_export_existing(const struct engine_export *request, char *names,
                            size_t bytes)
{
    const struct export_request wanted = {.path = request->path,
                                          .masks = request->masks,
                                          .recipe = request->recipe,
                                          .report = request->report};
    struct strbuf found = {0};
    export_existing(&wanted, true, &found);
    snprintf(names, bytes, "%s", strbuf_text(&found));
    strbuf_release(&found);
}

int engine_export_start(struct engine *engine, const struct variant *variant,
                        const struct engine_export *request, struct error *err)
{
    /* Before the exam, and while the question is still on the screen. */
    if (export_check(engine->setup.session, request->path, err) < 0)
        return -1;
    char *path = string_copy(request->path);
    if (!path)
        return error_memory(err, 1);
    int code = 0;
    pthread_mutex_lock(&engine->mutex);
    struct export_state *state = &engine->export;
    if (state->pending || engine->running == &job_export) {
        code = error_set(err, ERROR_USAGE, "another export is under way");
        free(path);
    } else {
        state->pending = state->any = true;
        state->variant = variant_retain(variant);
        state->request = *request;
        state->request.path = path;
        engine_export_result_release(&state->result);
        if (engine->running)
            cancel_raise(&engine->cancel);
        engine_call(engine);
    }
    pthread_mutex_unlock(&engine->mutex);
    return code;
}

bool engine_export_poll(struct engine *engine,
                        struct engine_export_result *result)
{
    pthread_mutex_lock(&engine->mutex);
    bool any = engine->export.any;
    *result = engine->export.result;
    result->path = string_copy(engine->export.result.path);
    pthread_mutex_unlock(&engine->mutex);
    return any;
}

void engine_export_result_release(struct engine_export_result *result)
{
    free(result->path);
    *result = (struct engine_export_result){0};
}

/*
 * How long does an edit wait while work runs on a variant at 80 %? Edits at
 * random times, the first soon after the work began, which is begun anew every
 * few edits: from the key to when the engine takes the edit up, and to its
 * first figure.
 *
 * usage: bench_wait [MODEL DATA TRAINING LINE [EDITS [SEED]]]   (LINE: "tune
 * 9 epochs", "scan again", "reconstruct", ...; "": what an edit takes by
 * itself)
 * Prints a CSV row for each: median and largest, ms; then what the work did
 * when an edit waited longest to be taken up.
 */
#include "base/array.h"
#include "base/clock.h"
#include "base/rng.h"
#include "base/stats.h"
#include "engine/calibration.h"
#include "engine/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    EDITS = 20,
    LOOK_US = 100,
    LONGEST_MS = 1500,
    FIRST_SEED = 1,
    BEGIN_EVERY = 5
};

static void fail(const struct error *err)
{
    fprintf(stderr, "bench_wait: %s\n", err->message);
    exit(1);
}

static double since(int64_t begin)
{
    return (double)(clock_now_ns() - begin) * 1e-6;
}

static void nap(int64_t us)
{
    nanosleep(&(struct timespec){.tv_sec = us / 1000000,
                                 .tv_nsec = us % 1000000 * 1000},
              NULL);
}

static bool is_taken(struct engine *engine)
{
    pthread_mutex_lock(&engine->mutex);
    bool taken = !engine->wanted.variant;
    pthread_mutex_unlock(&engine->mutex);
    return taken;
}

static bool is_complete(struct engine *engine, const struct variant *variant,
                        bool *any)
{
    const struct report *report = engine_report(engine);
    bool own = report && report->variant == variant->id;
    bool complete = own && report->complete;
    *any = own && report->result.accuracy.samples > 0;
    if (report)
        report_drop(report);
    return complete;
}

struct waits {
    double taken[1000], figure[1000], longest;
    char stage[WORK_STAGE_BYTES]; /* what was done during the longest */
};

static void note_stage(struct engine *engine, struct waits *waits, double ms)
{
    struct work_status status = {0};
    if (ms < waits->longest)
        return;
    waits->longest = ms;
    if (engine_work_poll(engine, &status))
        memcpy(waits->stage, status.stage, sizeof waits->stage);
    work_status_release(&status);
}

static const struct variant *execute(struct session *session, const char *line)
{
    struct error err = {0};
    struct command_result result = {0};
    if (session_execute(session, line, &result, &err) < 0)
        fail(&err);
    command_result_release(&result);
    return session_current(session);
}

static void edit(struct session *session, struct engine *engine, int number,
                 struct waits *waits)
{
    const struct layer_table *layers = session_layers(session);
    char line[64];
    snprintf(line, sizeof line, "set @%zu %d%%",
             1 + (size_t)number % layers->count, 30 + number % 60);
    const struct variant *variant = execute(session, line);
    int64_t begin = clock_now_ns();
    engine_show(engine, variant, -1);
    while (!is_taken(engine))
        nap(LOOK_US);
    waits->taken[number] = since(begin);
    note_stage(engine, waits, waits->taken[number]);
    bool any = false, complete = false;
    while (!any && !complete) {
        complete = is_complete(engine, variant, &any);
        nap(LOOK_US);
    }
    waits->figure[number] = since(begin);
    while (!is_complete(engine, variant, &any))
        nap(LOOK_US);
}

static bool is_running(struct engine *engine)
{
    struct work_status status = {0};
    engine_work_poll(engine, &status);
    if (status.failed && status.error.code != ERROR_CANCELLED)
        fail(&status.error);
    bool running = status.queued || status.running;
    work_status_release(&status);
    return running;
}

/* Work on a variant from its beginning. */
static void begin(struct engine *engine, const struct variant *variant,
                  const char *line)
{
    struct error err = {0};
    engine_work_cancel(engine);
    while (is_running(engine))
        nap(LOOK_US);
    if (engine_work_start(engine, variant, line, &err) < 0)
        fail(&err);
}

static void print_row(const char *model, const char *line, const char *name,
                      double *ms, int n)
{
    struct stats_summary s = stats_summarise(ms, (size_t)n);
    printf("wait,%s; %s; %s,%d,%.1f,%.1f\n", model, line, name, n, s.median,
           s.maximum);
}

/* The face of a session's worker. */
static int calibrate(void *context, const struct session *session,
                     const struct weights *weights, enum calibration_part part,
                     const struct calibration **out, struct error *err)
{
    return calibration_store_get(context, session, weights, part, out, err);
}

int main(int count, char **words)
{
    const char *model = count > 4 ? words[1] : "data/resnet20-bn.onnx";
    const char *line =
        count > 4 ? words[4] : "tune 1000 epochs lr 0.001 batch 128";
    int edits = count > 5 ? atoi(words[5]) : EDITS;
    struct rng rng;
    struct error err = {0};
    struct calibration_store *store;
    if (calibration_store_create(&store, 2, &err) < 0)
        fail(&err);
    const struct session_worker worker = {.context = store,
                                          .calibrate = calibrate};
    struct session_options options = {
        .model_path = model,
        .data_path = count > 4 ? words[2] : "data/fashion-mnist-sample",
        .train_path = count > 4 ? words[3] : "50%",
        .transform = transform_identity(),
        .worker = &worker};
    const struct engine_options engine_options = {.workers = 2,
                                                  .memory_bytes = 256 << 20,
                                                  .readonly = true,
                                                  .calibration = store};
    struct session *session;
    struct engine *engine;
    static struct waits waits;
    if (edits > (int)ARRAY_LENGTH(waits.taken) ||
        session_open(&session, &options, &err) < 0 ||
        engine_create(&engine, session, &engine_options, &err) < 0)
        fail(&err);
    engine_wait(engine, -1);
    /* What is worked on has weights to fit. */
    const struct variant *pruned = execute(session, "set * 80%");
    rng_init(&rng, count > 6 ? (uint64_t)atoi(words[6]) : FIRST_SEED);
    for (int i = 0; i < edits; i++) {
        if (*line && (i % BEGIN_EVERY == 0 || !is_running(engine)))
            begin(engine, pruned, line);
        nap((int64_t)(rng_uniform(&rng) * LONGEST_MS * 1000));
        edit(session, engine, i, &waits);
    }
    printf("bench,case,edits,median_ms,max_ms\n");
    print_row(model, line, "taken", waits.taken, edits);
    print_row(model, line, "first figure", waits.figure, edits);
    printf("wait,%s; %s; longest in,%s\n", model, line, waits.stage);
    engine_destroy(engine);
    session_close(session);
    calibration_store_destroy(store);
    return 0;
}

/*
 * How long does a tune under way hold up an edit? Random edits of one layer,
 * one after the other, alone and while `tune` runs and keeps checkpoints:
 * milliseconds to the first figure, median, nine tenths and the longest.
 *
 * usage: bench_held [MODEL [SECONDS [DATA [TUNE]]]]
 */
#include "base/array.h"
#include "base/clock.h"
#include "base/rng.h"
#include "engine/work.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { EDITS = 4096, ALONE = 20, PAUSE_US = 100000, TIMEOUT_MS = 60000 };

static const char checkpoint[] = "build/bench-held.npz";

static void fail(const struct error *err)
{
    fprintf(stderr, "bench_held: %s\n", err->message);
    exit(1);
}

static double since(int64_t begin)
{
    return (double)(clock_now_ns() - begin) * 1e-6;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Milliseconds to the first figure of a variant. */
static double show(struct engine *engine, const struct variant *variant,
                   int focus)
{
    int64_t begin = clock_now_ns();
    engine_show(engine, variant, focus);
    while (since(begin) < TIMEOUT_MS) {
        struct pollfd wait = {engine_descriptor(engine), POLLIN, 0};
        poll(&wait, 1, 100);
        engine_acknowledge(engine);
        const struct report *report = engine_report(engine);
        bool figure = report && report->hash == variant->hash &&
                      report->result.difference.samples > 0;
        report_drop(report);
        if (figure)
            break;
    }
    return since(begin);
}

/* Work goes on, or there was none. */
static bool runs(struct engine *engine, struct error *err)
{
    struct work_status status;
    bool known = engine_work_poll(engine, &status);
    bool going = !known || !status.finished;
    if (known && status.failed)
        *err = status.error;
    work_status_release(&status);
    return going;
}

static void edit_on(struct session *session, struct engine *engine,
                    double seconds, size_t most, const char *when)
{
    static double ms[EDITS];
    struct rng rng;
    struct error err = {0};
    size_t count = 0;
    int rows = (int)session_layers(session)->count;
    int64_t begin = clock_now_ns();
    rng_init(&rng, most);
    while (since(begin) < 1e3 * seconds && count < most && runs(engine, &err)) {
        struct command_result result = {0};
        int row = (int)(rng_next(&rng) % (uint64_t)rows);
        char line[64];
        snprintf(line, sizeof line, "set @%d %.3f%%", row + 1,
                 5 + 80 * rng_uniform(&rng));
        if (session_execute(session, line, &result, &err) < 0)
            fail(&err);
        command_result_release(&result);
        ms[count++] = show(engine, session_current(session), row);
        usleep(PAUSE_US);
    }
    if (err.code || !count)
        fail(&err);
    qsort(ms, count, sizeof *ms, by_size);
    printf("%s: %zu edits, first figure after %.0f ms (median), %.0f (nine "
           "tenths), %.0f (longest)\n",
           when, count, ms[count / 2], ms[count * 9 / 10], ms[count - 1]);
}

int main(int count, char **words)
{
    const char *model = count > 1 ? words[1] : "data/resnet20-bn.onnx";
    double seconds = count > 2 ? atof(words[2]) : 30;
    const struct session_options options = {
        .model_path = model,
        .data_path = count > 3 ? words[3] : "data/fashion-mnist-sample",
        .transform = {
            .scale = 255, .channels = 1, .mean = {0.2860}, .std = {0.3530}}};
    const char *line =
        count > 4 ? words[4] : "tune 1000 epochs batch 32 lr 0.001 best";
    const struct engine_options wanted = {.measure_latency = false,
                                          .memory_bytes = 256 << 20,
                                          .checkpoint = checkpoint};
    struct session *session;
    struct engine *engine;
    struct error err = {0};
    if (session_open(&session, &options, &err) < 0 ||
        engine_create(&engine, session, &wanted, &err) < 0)
        fail(&err);
    engine_wait(engine, -1);
    edit_on(session, engine, seconds, ALONE, "alone");
    if (engine_work_start(engine, session_current(session), line, &err) < 0)
        fail(&err);
    edit_on(session, engine, seconds, EDITS, "during a tune");
    int64_t begin = clock_now_ns();
    engine_work_cancel(engine);
    while (runs(engine, &err))
        usleep(1000);
    double ended = since(begin);
    engine_destroy(engine);
    session_close(session);
    unlink(checkpoint);
    printf("cancelled after %.0f ms\n", ended);
    return 0;
}

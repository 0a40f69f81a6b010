/*
 * How well is latency predicted after an edit? Random edits of one layer or
 * of all, each shown to an engine that has measured the dense model and found
 * out what zeros are worth: what it predicts before it measures, beside what
 * it measures then.
 *
 * usage: bench_forecast [MODEL [EDITS]]
 */
#include "base/array.h"
#include "base/clock.h"
#include "base/rng.h"
#include "base/stats.h"
#include "engine/engine.h"

#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum { EDITS = 60, TIMEOUT_MS = 20000 };

struct edit {
    double predicted, measured; /* ms */
    double first_ms;            /* until the prediction was there */
};

static void fail(const struct error *err)
{
    fprintf(stderr, "bench_forecast: %s\n", err->message);
    exit(1);
}

static double since(int64_t begin)
{
    return (double)(clock_now_ns() - begin) * 1e-6;
}

static struct edit show(struct engine *engine, const struct variant *variant)
{
    struct edit edit = {NAN, NAN, NAN};
    int64_t begin = clock_now_ns();
    engine_show(engine, variant, -1);
    for (bool complete = false; !complete && since(begin) < TIMEOUT_MS;) {
        struct pollfd wait = {engine_descriptor(engine), POLLIN, 0};
        poll(&wait, 1, 100);
        engine_acknowledge(engine);
        const struct report *report = engine_report(engine);
        if (!report)
            continue;
        const struct result *result = &report->result;
        bool own = report->hash == variant->hash;
        complete = own && report->complete;
        if (own && result->latency_predicted && isnan(edit.predicted)) {
            edit.predicted = result->latency_ms.median;
            edit.first_ms = since(begin);
        }
        if (own && result->has_latency)
            edit.measured = result->latency_ms.median;
        report_drop(report);
    }
    return edit;
}

static void execute(struct session *session, const char *line)
{
    struct error err = {0};
    struct command_result result = {0};
    if (session_execute(session, line, &result, &err) < 0)
        fail(&err);
    command_result_release(&result);
}

int main(int argc, char **argv)
{
    const char *model = argc > 1 ? argv[1] : "data/resnet20-bn.onnx";
    size_t wanted = argc > 2 ? (size_t)atoi(argv[2]) : EDITS, count = 0;
    struct error err = {0};
    struct session_options open = {.model_path = model};
    struct engine_options options = {.measure_latency = true,
                                     .learn_latency = true};
    struct session *session;
    struct engine *engine;
    if (session_open(&session, &open, &err) < 0 ||
        engine_create(&engine, session, &options, &err) < 0)
        fail(&err);
    engine_wait(engine, -1);
    double *errors = array_create(wanted + 1, sizeof *errors);
    double *firsts = array_create(wanted + 1, sizeof *firsts);
    struct rng rng;
    rng_init(&rng, 11);
    for (size_t i = 0; i < wanted && errors && firsts; i++) {
        char line[64];
        int amount = 5 + (int)rng_below(&rng, 93);
        int layer = (int)rng_below(&rng, session_layers(session)->count) + 1;
        /* Every third edit prunes the whole model. */
        if (i % 3 == 2)
            snprintf(line, sizeof line, "set * %d%%", amount);
        else
            snprintf(line, sizeof line, "set @%d %d%%", layer, amount);
        execute(session, "reset *");
        execute(session, line);
        struct edit edit = show(engine, session_current(session));
        if (getenv("BENCH_FORECAST_EDITS"))
            printf("# %s: %.4f ms, predicted %.4f after %.1f ms\n", line,
                   edit.measured, edit.predicted, edit.first_ms);
        if (isnan(edit.predicted) || isnan(edit.measured))
            continue;
        errors[count] = fabs(edit.predicted / edit.measured - 1);
        firsts[count++] = edit.first_ms;
    }
    struct stats_summary e = stats_summarise(errors, count);
    struct stats_summary f = stats_summarise(firsts, count);
    printf("bench,model,edits,predicted,median_error,p90_error,first_ms\n");
    printf("forecast,%s,%zu,%zu,%.4f,%.4f,%.1f\n", model, wanted, count,
           e.median, e.p90, f.median);
    free(errors);
    free(firsts);
    engine_destroy(engine);
    session_close(session);
    return 0;
}

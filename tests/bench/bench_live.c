/*
 * How soon after a key is the figure there? Random edits of one layer, each
 * shown to the engine once the one before is known in full: milliseconds to
 * the first figure, to half a point (drops under 1 point), to a tenth of the
 * drop (larger ones). LEAST: every edit removes that many percent or more
 * (5); few edits of one layer lose a point otherwise.
 *
 * usage: bench_live [MODEL [EDITS [DATA [LEAST]]]]
 */
#include "base/array.h"
#include "base/clock.h"
#include "base/rng.h"
#include "engine/engine.h"

#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum { EDITS = 12, TIMEOUT_MS = 20000, LEAST = 5, MOST = 97 };

struct look {
    double ms, half; /* half width in points */
};

struct edit {
    double first, half_point, tenth; /* ms; NAN: does not apply */
};

static void fail(const struct error *err)
{
    fprintf(stderr, "bench_live: %s\n", err->message);
    exit(1);
}

static double since(int64_t begin)
{
    return (double)(clock_now_ns() - begin) * 1e-6;
}

/* The time of the first look that is narrow enough; the last one is exact. */
static double reached(const struct look *looks, size_t count, double half)
{
    for (size_t i = 0; i < count; i++)
        if (looks[i].half <= half)
            return looks[i].ms;
    return count ? looks[count - 1].ms : NAN;
}

static struct edit show(struct engine *engine, const struct variant *variant,
                        int focus)
{
    enum { LOOKS = 1000 };
    struct look looks[LOOKS];
    size_t count = 0;
    double drop = 0;
    int64_t begin = clock_now_ns();
    engine_show(engine, variant, focus);
    for (bool complete = false; !complete && since(begin) < TIMEOUT_MS;) {
        struct pollfd wait = {engine_descriptor(engine), POLLIN, 0};
        poll(&wait, 1, 100);
        engine_acknowledge(engine);
        const struct report *report = engine_report(engine);
        if (!report)
            continue;
        const struct estimate *e = &report->result.difference;
        complete = report->complete && report->hash == variant->hash;
        bool exact = e->samples == e->total;
        if (report->hash == variant->hash && e->samples > 0 && count < LOOKS)
            looks[count++] = (struct look){since(begin),
                                           exact ? 0 : 50 * (e->high - e->low)};
        drop = 100 * fabs(e->value);
        report_drop(report);
    }
    struct edit edit = {count ? looks[0].ms : NAN, NAN, NAN};
    if (drop < 1)
        edit.half_point = reached(looks, count, 0.5);
    else
        edit.tenth = reached(looks, count, drop / 10);
    return edit;
}

static void print_row(const char *model, const char *what, double *values,
                      size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i]))
            values[kept++] = values[i];
    struct stats_summary s = stats_summarise(values, kept);
    printf("live,%s,%s,%zu,%.1f,%.1f,%.1f\n", model, what, kept, s.median,
           s.p10, s.p90);
}

int main(int argc, char **argv)
{
    const char *model = argc > 1 ? argv[1] : "data/resnet20-bn.onnx";
    size_t wanted = argc > 2 ? (size_t)atoi(argv[2]) : EDITS;
    int least = argc > 4 ? atoi(argv[4]) : LEAST;
    struct error err = {0};
    struct session_options options = {
        .model_path = model,
        .data_path = argc > 3 ? argv[3] : "/usr/share/datasets/fashion-mnist",
        .transform = {
            .scale = 255, .channels = 1, .mean = {0.286}, .std = {0.353}}};
    struct engine_options engine_options = {.memory_bytes = 512 << 20};
    struct session *session;
    struct engine *engine;
    if (session_open(&session, &options, &err) < 0 ||
        engine_create(&engine, session, &engine_options, &err) < 0)
        fail(&err);
    engine_wait(engine, -1);
    double *first = array_create(wanted, sizeof *first);
    double *half = array_create(wanted, sizeof *half);
    double *tenth = array_create(wanted, sizeof *tenth);
    struct rng rng;
    rng_init(&rng, 7);
    for (size_t i = 0; i < wanted; i++) {
        struct command_result result = {0};
        char line[64];
        int layer = (int)rng_below(&rng, session_layers(session)->count);
        snprintf(line, sizeof line, "set @%d %d%%", layer + 1,
                 least + (int)rng_below(&rng, (uint64_t)(MOST + 1 - least)));
        if (session_execute(session, "reset *", &result, &err) < 0)
            fail(&err);
        command_result_release(&result);
        if (session_execute(session, line, &result, &err) < 0)
            fail(&err);
        command_result_release(&result);
        struct edit edit = show(engine, session_current(session), layer);
        first[i] = edit.first;
        half[i] = edit.half_point;
        tenth[i] = edit.tenth;
    }
    printf("bench,model,what,edits,median_ms,p10_ms,p90_ms\n");
    print_row(model, "first figure", first, wanted);
    print_row(model, "half a point (drop < 1)", half, wanted);
    print_row(model, "a tenth of the drop (>= 1)", tenth, wanted);
    free(first);
    free(half);
    free(tenth);
    engine_destroy(engine);
    session_close(session);
    return 0;
}

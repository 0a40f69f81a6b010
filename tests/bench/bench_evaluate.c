/*
 * How fast is a whole evaluation in the explorer's engine? Rows, each a ratio
 * of times measured in turn: two workers beside one (edits of the first layer,
 * so that nothing is resumed); what two processors give at most (two
 * evaluations at once by engines of one worker that share nothing, as one
 * evaluation by two workers would be without any loss); and edits of the last
 * third of the layers, which resume at cached activations, beside edits of the
 * first.
 *
 * usage: bench_evaluate [MODEL [ROUNDS [DATA]]]
 */
#include "base/array.h"
#include "base/clock.h"
#include "engine/engine.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 5, TIMEOUT_MS = 60000 };

struct bench {
    struct session *session;
    struct engine *engine;
    int edits; /* so far: every one is new to the engine */
};

static void fail(const struct error *err)
{
    fprintf(stderr, "bench_evaluate: %s\n", err->message);
    exit(1);
}

static void bench_open(struct bench *bench, const char *model, const char *data,
                       int workers)
{
    struct error err = {0};
    struct session_options options = {
        .model_path = model,
        .data_path = data,
        .transform = {
            .scale = 255, .channels = 1, .mean = {0.286}, .std = {0.353}}};
    struct engine_options engine_options = {.memory_bytes = 512 << 20,
                                            .workers = workers};
    if (session_open(&bench->session, &options, &err) < 0 ||
        engine_create(&bench->engine, bench->session, &engine_options, &err) <
            0)
        fail(&err);
    engine_wait(bench->engine, -1);
}

static void bench_close(struct bench *bench)
{
    engine_destroy(bench->engine);
    session_close(bench->session);
}

static void execute(struct bench *bench, const char *line)
{
    struct command_result result = {0};
    struct error err = {0};
    if (session_execute(bench->session, line, &result, &err) < 0)
        fail(&err);
    command_result_release(&result);
}

/* Has every sample of the newest variant been counted? */
static bool complete(struct bench *bench)
{
    engine_acknowledge(bench->engine);
    const struct report *report = engine_report(bench->engine);
    if (!report)
        return false;
    const struct estimate *e = &report->result.difference;
    bool all = report->hash == session_current(bench->session)->hash &&
               e->total > 0 && e->samples == e->total;
    report_drop(report);
    return all;
}

/* Edits one layer of each (by other percents at every call); milliseconds until
 * all have counted every sample. */
static double edit_all(struct bench *benches, size_t count, int layer)
{
    struct pollfd wait[2];
    for (size_t i = 0; i < count; i++) {
        char line[64];
        snprintf(line, sizeof line, "set @%d %d%%", layer + 1,
                 2 + ++benches[i].edits % 90);
        execute(&benches[i], "reset *");
        execute(&benches[i], line);
        wait[i] =
            (struct pollfd){engine_descriptor(benches[i].engine), POLLIN, 0};
    }
    int64_t begin = clock_now_ns();
    for (size_t i = 0; i < count; i++)
        engine_show(benches[i].engine, session_current(benches[i].session),
                    layer);
    double ms = 0;
    for (size_t done = 0; done < count && ms < TIMEOUT_MS;) {
        poll(wait, count, 100);
        done = 0;
        for (size_t i = 0; i < count; i++)
            done += complete(&benches[i]);
        ms = (double)(clock_now_ns() - begin) * 1e-6;
    }
    /* Latency as well: nothing is left to do. */
    for (size_t i = 0; i < count; i++)
        engine_wait(benches[i].engine, -1);
    return ms;
}

static double edit(struct bench *bench, int layer)
{
    return edit_all(bench, 1, layer);
}

static double median(const double *values, size_t count)
{
    double *copy = array_create(count, sizeof *copy);
    memcpy(copy, values, count * sizeof *copy);
    double median = stats_summarise(copy, count).median;
    free(copy);
    return median;
}

static void print_row(const char *model, const char *what, const double *a,
                      const double *b, size_t count)
{
    double *ratios = array_create(count, sizeof *ratios);
    for (size_t i = 0; i < count; i++)
        ratios[i] = a[i] / b[i];
    struct stats_summary s = stats_summarise(ratios, count);
    printf("evaluate,%s,%s,%zu,%.1f,%.1f,%.3f,%.3f,%.3f\n", model, what, count,
           median(a, count), median(b, count), s.median, s.p10, s.p90);
    free(ratios);
}

int main(int argc, char **argv)
{
    const char *model = argc > 1 ? argv[1] : "data/resnet20-bn.onnx";
    size_t rounds = argc > 2 ? (size_t)atoi(argv[2]) : ROUNDS;
    const char *data = argc > 3 ? argv[3] : "/usr/share/datasets/fashion-mnist";
    struct bench one[2] = {0}, two = {0};
    bench_open(&one[0], model, data, 1);
    bench_open(&one[1], model, data, 1);
    bench_open(&two, model, data, 2);
    int layers = (int)session_layers(two.session)->count;
    double *first_one = array_create(rounds, sizeof *first_one);
    double *first_two = array_create(rounds, sizeof *first_two);
    double *half_both = array_create(rounds, sizeof *half_both);
    double *last_two = array_create(rounds, sizeof *last_two);
    edit_all(one, 2, 0);
    edit(&two, 0);
    for (size_t i = 0; i < rounds; i++) {
        first_one[i] = edit(one, 0);
        first_two[i] = edit(&two, 0);
        half_both[i] = edit_all(one, 2, 0) / 2;
        int layer = layers - layers / 3 + (int)(i % (size_t)(layers / 3));
        edit(&two, layer); /* fills the cache before this layer */
        last_two[i] = edit(&two, layer);
    }
    printf("bench,model,what,rounds,a_ms,b_ms,ratio,p10,p90\n");
    print_row(model, "one worker / two workers", first_one, first_two, rounds);
    print_row(model, "one worker / half of two evaluations at once", first_one,
              half_both, rounds);
    print_row(model, "edit of the last third / of the first layer", last_two,
              first_two, rounds);
    free(first_one);
    free(first_two);
    free(half_both);
    free(last_two);
    bench_close(&one[0]);
    bench_close(&one[1]);
    bench_close(&two);
    return 0;
}

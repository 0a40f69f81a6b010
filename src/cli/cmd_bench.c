/* espalier bench: latency of the model and of each layer. */
#include "cli/command.h"
#include "cli/print.h"
#include "cli/run.h"
#include "engine/bench.h"

#include <stdio.h>
#include <sys/resource.h>

static int64_t peak_memory_bytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (int64_t)usage.ru_maxrss * 1024;
}

static double throughput(const struct bench *bench)
{
    return 1000 * (double)bench->batch / bench->latency_ms.median;
}

static cJSON *step_json(const struct bench_step *step)
{
    cJSON *object = cJSON_CreateObject();
    json_string(object, "name", step->name);
    json_string(object, "op", step->op);
    json_string(object, "kernel", step->kernel);
    json_number(object, "ms", step->ms, 6);
    if (step->layer >= 0)
        json_number(object, "sparsity", step->sparsity, 6);
    return object;
}

static int print_json(const struct session *session, const struct bench *bench,
                      struct error *err)
{
    cJSON *document = cJSON_CreateObject();
    json_string(document, "model", onnx_path(session_model(session)));
    json_integer(document, "batch", bench->batch);
    json_integer(document, "threads", bench->threads);
    cJSON *latency = cJSON_AddObjectToObject(document, "latency_ms");
    json_number(latency, "median", bench->latency_ms.median, 6);
    json_number(latency, "p10", bench->latency_ms.p10, 6);
    json_number(latency, "p90", bench->latency_ms.p90, 6);
    json_integer(document, "runs", bench->runs);
    json_noise(document, &bench->noise);
    json_number(document, "throughput_per_s", throughput(bench), 2);
    json_integer(document, "peak_memory_bytes", peak_memory_bytes());
    json_integer(document, "arena_bytes", bench->arena_bytes);
    json_integer(document, "packed_bytes", bench->packed_bytes);
    cJSON *layers = cJSON_AddArrayToObject(document, "layers");
    cJSON *others = cJSON_AddArrayToObject(document, "other_steps");
    for (size_t i = 0; i < bench->count; i++)
        cJSON_AddItemToArray(bench->steps[i].layer >= 0 ? layers : others,
                             step_json(&bench->steps[i]));
    return json_print(document, err);
}

static int print_text(const struct session *session, const struct bench *bench,
                      struct error *err)
{
    static const char *const headings[] = {"step",   "operator",  ">ms",
                                           ">share", ">sparsity", "kernel"};
    const struct stats_summary *ms = &bench->latency_ms;
    char size[32], text[96];
    double sum = 0;
    for (size_t i = 0; i < bench->count; i++)
        sum += bench->steps[i].ms;
    printf("model       %s\n", onnx_path(session_model(session)));
    printf("latency     %.4f ms  [p10 %.4f, p90 %.4f], %lld runs, batch %lld, "
           "%d thread%s\n",
           ms->median, ms->p10, ms->p90, (long long)bench->runs,
           (long long)bench->batch, bench->threads,
           bench->threads == 1 ? "" : "s");
    printf("machine     %s\n", noise_text(&bench->noise, text, sizeof text));
    printf("throughput  %.1f samples/s\n", throughput(bench));
    printf("memory      %s peak\n\n",
           bytes_text(peak_memory_bytes(), size, sizeof size));
    struct table table;
    table_init(&table, headings, 6);
    for (size_t i = 0; i < bench->count; i++) {
        const struct bench_step *step = &bench->steps[i];
        table_add(&table, "%s", step->name);
        table_add(&table, "%s", step->op);
        table_add(&table, "%.4f", step->ms);
        table_add(&table, "%.1f %%", sum > 0 ? 100 * step->ms / sum : 0);
        if (step->layer >= 0)
            table_add(&table, "%.1f %%", 100 * step->sparsity);
        else
            table_add(&table, "%s", "");
        table_add(&table, "%s", step->kernel);
    }
    if (table_print(&table, err) < 0)
        return -1;
    return print_finish(err);
}

static int run(const struct cli_options *options, struct error *err)
{
    struct session *session;
    const char *data =
        options->argument_count > 1 ? options->arguments[1] : NULL;
    if (run_open(&session, options, options->arguments[0], data, err) < 0)
        return -1;
    struct engine_options wanted = {
        .latency_batch = options->batch,
        .latency_threads = (int)options->threads,
        .kernels = options->kernels,
        .measure_latency = true,
    };
    struct bench bench;
    int code = engine_bench(&bench, session, session_current(session), &wanted,
                            run_interrupt(), err);
    if (code == 0) {
        code = options->json ? print_json(session, &bench, err)
                             : print_text(session, &bench, err);
        bench_release(&bench);
    } else {
        error_prefix(err, "%s", options->arguments[0]);
    }
    session_close(session);
    return code;
}

const struct cli_command command_bench = {
    .name = "bench",
    .synopsis = "MODEL [DATA]",
    .help = "latency of the model and of each layer",
    .least = 1,
    .most = 2,
    .groups = OPTION_COMMON | OPTION_BENCH,
    .run = run,
};

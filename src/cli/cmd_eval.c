/* espalier eval: metrics with their interval. */
#include "cli/command.h"
#include "cli/print.h"
#include "cli/run.h"
#include "engine/outputs.h"

#include <stdio.h>
#include <stdlib.h>

/* What became of the samples of each class. */
struct class_count {
    int64_t samples, correct;
};

static int count_classes(struct engine *engine, const struct session *session,
                         uint64_t hash, struct class_count *counts,
                         struct error *err)
{
    const struct dataset *dataset = session_dataset(session);
    int64_t n = dataset_count(dataset);
    struct outcome *outcomes = calloc((size_t)n, sizeof *outcomes);
    if (!outcomes)
        return error_memory(err, (size_t)n * sizeof *outcomes);
    int code = engine_outcomes(engine, hash, outcomes, n, err);
    for (int64_t i = 0; i < n && code == 0; i++) {
        int64_t label = dataset_label(dataset, i);
        counts[label].samples++;
        counts[label].correct += outcomes[i].correct;
    }
    free(outcomes);
    return code;
}

static void add_classes(cJSON *document, const struct class_count *counts,
                        int64_t classes)
{
    cJSON *list = cJSON_AddArrayToObject(document, "per_class");
    for (int64_t c = 0; c < classes; c++) {
        cJSON *object = cJSON_CreateObject();
        json_integer(object, "class", c);
        json_integer(object, "samples", counts[c].samples);
        json_integer(object, "correct", counts[c].correct);
        json_number(object, "value",
                    (double)counts[c].correct / (double)counts[c].samples, 6);
        cJSON_AddItemToArray(list, object);
    }
}

static int print_json(const struct session *session,
                      const struct report *report,
                      const struct class_count *counts, struct error *err)
{
    const struct result *result = &report->result;
    const struct dataset *dataset = session_dataset(session);
    cJSON *document = cJSON_CreateObject();
    json_string(document, "model", onnx_path(session_model(session)));
    json_string(document, "data", dataset_path(dataset));
    json_string(document, "split", dataset_split(dataset));
    json_integer(document, "samples", result->accuracy.samples);
    json_string(document, "metric", metric_name(result->metric));
    json_estimate(document, &result->accuracy);
    json_number(document, "loss", result->loss.value, 6);
    json_number(document, "top5", result->top5.value, 6);
    add_classes(document, counts, dataset_classes(dataset));
    json_number(document, "seconds", report->seconds, 3);
    cJSON_AddItemToObject(document, "preprocess", run_transform_json(session));
    return json_print(document, err);
}

/* Whether pixels were found by trial on a model that others pruned. */
static bool was_pruned(const struct session *session,
                       const struct result *result)
{
    return session_preprocess(session)->count > 1 &&
           (double)result->cost.nonzeros <
               0.9 * (double)result->cost.parameters;
}

static int print_text(const struct session *session,
                      const struct report *report,
                      const struct class_count *counts, struct error *err)
{
    const struct result *result = &report->result;
    const struct dataset *dataset = session_dataset(session);
    bool labels = result->metric == METRIC_TOP1;
    char text[400];
    printf("model     %s\n", onnx_path(session_model(session)));
    printf("data      %s (%s%s%s, %lld samples)\n", dataset_path(dataset),
           dataset_format(dataset), dataset_split(dataset)[0] ? ", " : "",
           dataset_split(dataset), (long long)result->accuracy.samples);
    run_transform_text(session, text, sizeof text);
    printf("inputs    %s\n", text);
    printf("%s     %s\n", labels ? "top-1" : "agree",
           percent_text(&result->accuracy, text, sizeof text));
    if (labels) {
        printf("top-5     %s\n",
               percent_text(&result->top5, text, sizeof text));
        printf("loss      %.4f\n", result->loss.value);
        printf("classes  ");
        for (int64_t c = 0; c < dataset_classes(dataset); c++)
            printf(" %lld:%.1f", (long long)c,
                   100 * (double)counts[c].correct / (double)counts[c].samples);
        printf("\n");
    }
    printf("time      %.2f s\n", report->seconds);
    if (was_pruned(session, result))
        printf("note      %.0f %% of the parameters are zero. A pruned model "
               "may score higher under\n          other pixels than it was "
               "trained with; --scale, --mean and --std say them\n",
               100 - 100 * (double)result->cost.nonzeros /
                         (double)result->cost.parameters);
    return print_finish(err);
}

/* Outputs that are no classes have no accuracy: what was written is said. */
static int print_outputs(const struct session *session,
                         const struct cli_options *options, struct error *err)
{
    const struct dataset *dataset = session_dataset(session);
    const char *model = onnx_path(session_model(session));
    if (options->json) {
        cJSON *document = cJSON_CreateObject();
        json_string(document, "model", model);
        json_string(document, "data", dataset_path(dataset));
        json_string(document, "split", dataset_split(dataset));
        json_string(document, "outputs", options->outputs);
        cJSON_AddNullToObject(document, "metric");
        return json_print(document, err);
    }
    printf("model     %s\n", model);
    printf("data      %s (%s%s%s)\n", dataset_path(dataset),
           dataset_format(dataset), dataset_split(dataset)[0] ? ", " : "",
           dataset_split(dataset));
    printf("outputs   %s\n", options->outputs);
    printf("note      no accuracy: the first output is not one number per "
           "class\n");
    return print_finish(err);
}

static int evaluate(struct engine *engine, const struct session *session,
                    const struct cli_options *options, struct error *err)
{
    const struct variant *variant = session_current(session);
    int64_t classes = dataset_classes(session_dataset(session));
    const struct report *report;
    if (run_evaluate(engine, session, variant, options, &report, err) < 0)
        return -1;
    struct class_count *counts =
        calloc((size_t)(classes ? classes : 1), sizeof *counts);
    int code = counts ? 0 : error_memory(err, sizeof *counts);
    if (code == 0 && classes)
        code = count_classes(engine, session, variant->hash, counts, err);
    if (code == 0)
        code = options->json ? print_json(session, report, counts, err)
                             : print_text(session, report, counts, err);
    free(counts);
    report_drop(report);
    return code;
}

static int run(const struct cli_options *options, struct error *err)
{
    struct session *session;
    struct engine *engine = NULL;
    struct engine_options wanted = run_engine_options(options, false);
    if (run_open(&session, options, options->arguments[0],
                 options->arguments[1], err) < 0)
        return -1;
    int code = 0;
    bool classifies = true;
    if (options->outputs)
        code = engine_write_outputs(session, session_current(session), &wanted,
                                    options->outputs, &classifies,
                                    run_interrupt(), err);
    if (code == 0 && !classifies &&
        !dataset_classes(session_dataset(session))) {
        code = print_outputs(session, options, err);
    } else {
        if (code == 0)
            code = engine_create(&engine, session, &wanted, err);
        if (code == 0)
            code = evaluate(engine, session, options, err);
    }
    engine_destroy(engine);
    session_close(session);
    return code;
}

const struct cli_command command_eval = {
    .name = "eval",
    .synopsis = "MODEL DATA",
    .help = "accuracy (without labels: agreement) with its interval",
    .least = 2,
    .most = 2,
    .groups = OPTION_COMMON | OPTION_SAMPLES | OPTION_PIXELS | OPTION_ENGINE |
              OPTION_EVAL | OPTION_PROGRESS,
    .run = run,
};

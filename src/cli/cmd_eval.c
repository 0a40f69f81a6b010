/* espalier eval: metrics with their interval. */
#include "cli/command.h"
#include "cli/print.h"
#include "cli/run.h"
#include "cli/trust.h"
#include "engine/outputs.h"

#include <stdio.h>
#include <stdlib.h>

/* What is asked beside the accuracy. */
struct beside {
    struct session *dense; /* NULL: none */
    struct disagreement flips;
    struct robustness robustness;
    bool compared, corrupted;
};

static int beside_init(struct beside *beside, const struct session *session,
                       const struct outcome *outcomes,
                       const struct cli_options *options, struct error *err)
{
    *beside = (struct beside){0};
    if (options->dense) {
        struct cli_options same = *options;
        same.transform = *session_transform(session);
        same.user_pixels = same.user_scale = true;
        struct outcome *before = NULL;
        enum metric metric;
        if (run_open(&beside->dense, &same, options->dense,
                     options->arguments[1], err) < 0 ||
            trust_answers(beside->dense, &same, &before, &metric, err) < 0)
            return -1;
        int code =
            trust_compare(&beside->flips, session, before, outcomes, err);
        free(before);
        if (code < 0)
            return -1;
        beside->compared = true;
    }
    if (!trust_wants_robustness(options))
        return 0;
    if (trust_robustness(&beside->robustness, session, beside->dense, options,
                         err) < 0)
        return -1;
    beside->corrupted = true;
    return 0;
}

static void beside_release(struct beside *beside)
{
    if (beside->compared)
        disagreement_release(&beside->flips);
    robustness_release(&beside->robustness);
    session_close(beside->dense);
}

static void beside_json(cJSON *document, const struct beside *beside,
                        const struct cli_options *options)
{
    if (beside->compared) {
        json_string(document, "dense", options->dense);
        trust_flips_json(document, &beside->flips, options);
    }
    if (beside->corrupted)
        trust_robustness_json(document, &beside->robustness);
}

static int beside_text(const struct beside *beside,
                       const struct cli_options *options, struct error *err)
{
    if (beside->compared) {
        printf("\nagainst   %s: %zu answers changed, %zu right ones lost, %zu "
               "won\n",
               options->dense, beside->flips.count, beside->flips.lost,
               beside->flips.won);
        if (trust_flips_text(&beside->flips, options, err) < 0)
            return -1;
    }
    return beside->corrupted ? trust_robustness_text(&beside->robustness, err)
                             : 0;
}

/* What became of the samples of each class. */
struct class_count {
    int64_t samples, correct;
};

static void count_classes(const struct dataset *dataset,
                          const struct outcome *outcomes,
                          struct class_count *counts)
{
    for (int64_t i = 0; i < dataset_count(dataset); i++) {
        int64_t label = dataset_label(dataset, i);
        if (label < 0)
            continue;
        counts[label].samples++;
        counts[label].correct += outcomes[i].correct;
    }
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

/* Against the dense model, where one was named. */
static struct result result_of(const struct report *report,
                               const struct beside *beside)
{
    struct result result = report->result;
    if (beside->dense)
        cost_of_graph(session_graph(beside->dense), &result.dense_cost);
    return result;
}

static int print_json(const struct session *session,
                      const struct report *report,
                      const struct class_count *counts,
                      const struct beside *beside,
                      const struct cli_options *options, struct error *err)
{
    const struct result shown = result_of(report, beside), *result = &shown;
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
    if (result->has_latency)
        json_latency(document, result);
    json_energy(document, result);
    json_number(document, "seconds", report->seconds, 3);
    cJSON_AddItemToObject(document, "preprocess", run_transform_json(session));
    beside_json(document, beside, options);
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
                      const struct class_count *counts,
                      const struct beside *beside,
                      const struct cli_options *options, struct error *err)
{
    const struct result shown = result_of(report, beside), *result = &shown;
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
            if (counts[c].samples > 0)
                printf(" %lld:%.1f", (long long)c,
                       100 * (double)counts[c].correct /
                           (double)counts[c].samples);
            else
                printf(" %lld:-", (long long)c);
        printf("\n");
    }
    if (result->has_latency)
        printf("latency   %.4f ms on %s, predicted\n",
               result->latency_ms.median, result->device);
    printf("energy    %s\n", energy_text(result, text, sizeof text));
    printf("time      %.2f s\n", report->seconds);
    if (was_pruned(session, result))
        printf("note      %.0f %% of the parameters are zero. A pruned model "
               "may score higher under\n          other pixels than it was "
               "trained with; --scale, --mean and --std say them\n",
               100 - 100 * (double)result->cost.nonzeros /
                         (double)result->cost.parameters);
    if (beside_text(beside, options, err) < 0)
        return -1;
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
    size_t n = (size_t)dataset_count(session_dataset(session));
    struct class_count *counts =
        calloc((size_t)(classes ? classes : 1), sizeof *counts);
    struct outcome *outcomes = calloc(n, sizeof *outcomes);
    struct beside beside = {0};
    int code = counts && outcomes ? 0 : error_memory(err, n * sizeof *outcomes);
    if (code == 0)
        code =
            engine_outcomes(engine, variant->hash, outcomes, (int64_t)n, err);
    if (code == 0)
        count_classes(session_dataset(session), outcomes, counts);
    if (code == 0)
        code = beside_init(&beside, session, outcomes, options, err);
    if (code == 0)
        code = options->json
                   ? print_json(session, report, counts, &beside, options, err)
                   : print_text(session, report, counts, &beside, options, err);
    beside_release(&beside);
    free(outcomes);
    free(counts);
    report_drop(report);
    return code;
}

static int run(const struct cli_options *options, struct error *err)
{
    struct session *session;
    struct engine *engine = NULL;
    struct engine_options wanted = run_engine_options(options, options->device);
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
              OPTION_EVAL | OPTION_FLIPS | OPTION_PROGRESS | OPTION_DEVICE,
    .run = run,
};

#include "cli/trust.h"

#include "cli/print.h"
#include "cli/run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { USUAL_FLIPS = 20 };

/* --- answers --- */

int trust_answers(const struct session *session,
                  const struct cli_options *options, struct outcome **outcomes,
                  enum metric *metric, struct error *err)
{
    struct engine *engine = NULL;
    struct engine_options wanted = run_engine_options(options, false);
    const struct report *report = NULL;
    const struct variant *variant = session_current(session);
    int64_t samples = dataset_count(session_dataset(session));
    *outcomes = calloc((size_t)samples, sizeof **outcomes);
    int code = *outcomes ? 0 : error_memory(err, 1);
    if (code == 0)
        code = engine_create(&engine, session, &wanted, err);
    if (code == 0)
        code = run_evaluate(engine, session, variant, options, &report, err);
    if (code == 0) {
        *metric = report->result.metric;
        code = engine_outcomes(engine, variant->hash, *outcomes, samples, err);
    }
    report_drop(report);
    engine_destroy(engine);
    if (code < 0) {
        free(*outcomes);
        *outcomes = NULL;
    }
    return code;
}

/* --- flips --- */

int trust_compare(struct disagreement *out, const struct session *session,
                  const struct outcome *before, const struct outcome *after,
                  struct error *err)
{
    const struct dataset *dataset = session_dataset(session);
    int64_t n = dataset_count(dataset);
    bool labels = dataset_classes(dataset) > 0;
    int64_t *right = calloc((size_t)n, sizeof *right);
    if (!right)
        return error_memory(err, (size_t)n * sizeof *right);
    for (int64_t i = 0; i < n; i++)
        right[i] = labels ? dataset_label(dataset, i) : before[i].predicted;
    int code = disagreement_init(out, before, after, right, n, err);
    free(right);
    return code;
}

static size_t listed(const struct disagreement *found,
                     const struct cli_options *options)
{
    int64_t wanted = options->flips;
    if (wanted < 0)
        wanted = options->json ? USUAL_FLIPS : 0;
    return (uint64_t)wanted < found->count ? (size_t)wanted : found->count;
}

static void add_difference(cJSON *object, const struct estimate *difference,
                           double p_value)
{
    cJSON *one = cJSON_AddObjectToObject(object, "difference");
    json_estimate(one, difference);
    json_probability(one, "p_value", p_value);
}

/* A class's difference from what was lost and won in it. */
static struct paired_counts class_counts(const struct class_change *c)
{
    struct paired_counts counts = {.samples = c->samples,
                                   .both = c->before - c->lost,
                                   .before_only = c->lost,
                                   .after_only = c->won};
    paired_conclude(&counts);
    return counts;
}

void trust_flips_json(cJSON *document, const struct disagreement *found,
                      const struct cli_options *options)
{
    cJSON *list = cJSON_AddArrayToObject(document, "flipped");
    for (size_t i = 0; i < listed(found, options); i++) {
        const struct flip *flip = &found->flips[i];
        cJSON *object = cJSON_CreateObject();
        json_integer(object, "sample", flip->sample);
        json_string(object, "kind", flip_kind_name(flip->kind));
        json_integer(object, "label", flip->label);
        json_integer(object, "a", flip->before);
        json_integer(object, "b", flip->after);
        json_number(object, "a_margin", (double)flip->margin_before, 4);
        json_number(object, "b_margin", (double)flip->margin_after, 4);
        cJSON_AddItemToArray(list, object);
    }
    list = cJSON_AddArrayToObject(document, "class_changes");
    for (size_t i = 0; i < found->class_count; i++) {
        const struct class_change *c = &found->classes[i];
        cJSON *object = cJSON_CreateObject();
        json_integer(object, "class", c->label);
        json_integer(object, "samples", c->samples);
        json_integer(object, "a_correct", c->before);
        json_integer(object, "b_correct", c->after);
        json_integer(object, "lost", c->lost);
        json_integer(object, "won", c->won);
        struct paired_counts counts = class_counts(c);
        add_difference(object, &counts.difference, counts.p_value);
        cJSON_AddItemToArray(list, object);
    }
}

int trust_flips_text(const struct disagreement *found,
                     const struct cli_options *options, struct error *err)
{
    static const char *const classes[] = {
        ">class", ">samples", ">a", ">b", ">lost", ">won", ">change", ">95 %"};
    static const char *const flips[] = {
        ">sample", "kind", ">label", ">a", ">b", ">a margin", ">b margin"};
    struct table table;
    printf("\n");
    table_init(&table, classes, 8);
    for (size_t i = 0; i < found->class_count; i++) {
        const struct class_change *c = &found->classes[i];
        double n = (double)c->samples;
        table_add(&table, "%lld", (long long)c->label);
        table_add(&table, "%lld", (long long)c->samples);
        table_add(&table, "%.2f %%", 100 * (double)c->before / n);
        table_add(&table, "%.2f %%", 100 * (double)c->after / n);
        table_add(&table, "%lld", (long long)c->lost);
        table_add(&table, "%lld", (long long)c->won);
        struct paired_counts counts = class_counts(c);
        const struct estimate *change = &counts.difference;
        table_add(&table, "%+.2f", 100 * change->value);
        table_add(&table, "[%+.2f, %+.2f]", 100 * change->low,
                  100 * change->high);
    }
    if (table_print(&table, err) < 0)
        return -1;
    if (!listed(found, options))
        return 0;
    printf("\n");
    table_init(&table, flips, 7);
    for (size_t i = 0; i < listed(found, options); i++) {
        const struct flip *flip = &found->flips[i];
        table_add(&table, "%lld", (long long)flip->sample);
        table_add(&table, "%s", flip_kind_name(flip->kind));
        table_add(&table, "%lld", (long long)flip->label);
        table_add(&table, "%d", flip->before);
        table_add(&table, "%d", flip->after);
        table_add(&table, "%.3f", (double)flip->margin_before);
        table_add(&table, "%.3f", (double)flip->margin_after);
    }
    return table_print(&table, err);
}

/* --- worse data --- */

bool trust_wants_robustness(const struct cli_options *options)
{
    return options->corruptions || options->also_count;
}

static void show_progress(void *context, const char *condition, size_t done,
                          size_t total)
{
    const struct cli_options *options = context;
    bool terminal = isatty(STDERR_FILENO);
    if (terminal || options->progress)
        fprintf(stderr, "%s%s, %zu of %zu%s", terminal ? "\r\033[K" : "",
                condition, done + 1, total, terminal ? "" : "\n");
    if (terminal && done + 1 == total)
        fprintf(stderr, "\r\033[K");
}

int trust_robustness(struct robustness *out, const struct session *session,
                     const struct session *dense,
                     const struct cli_options *options, struct error *err)
{
    struct cli_options shown = *options;
    struct robustness_request request = {
        .corruptions = options->corruptions,
        .severities = options->severities,
        .also = options->also,
        .also_count = options->also_count,
        .samples = options->samples,
        .cancel = run_interrupt(),
        .progress = show_progress,
        .context = &shown,
    };
    struct engine_options wanted = run_engine_options(options, false);
    return engine_robustness(out, session, dense, &wanted, &request, err);
}

static void add_counts(cJSON *object, const struct robustness *found,
                       const struct robustness_row *row)
{
    cJSON *list = cJSON_AddArrayToObject(object, "per_class");
    for (int64_t c = 0; c < found->classes; c++) {
        const struct paired_counts *counts = &row->classes[c];
        int64_t right = robustness_right(row, c);
        struct estimate value = estimate_wilson(right, counts->samples, 0.95);
        cJSON *one = cJSON_CreateObject();
        json_integer(one, "class", c);
        json_integer(one, "samples", counts->samples);
        json_integer(one, "correct", right);
        if (counts->samples)
            json_estimate(one, &value);
        if (row->dense.samples)
            json_integer(one, "dense_correct", robustness_dense(row, c));
        if (row->dense.samples && counts->samples)
            add_difference(one, &counts->difference, counts->p_value);
        cJSON_AddItemToArray(list, one);
    }
}

void trust_robustness_json(cJSON *document, const struct robustness *found)
{
    cJSON *list = cJSON_AddArrayToObject(document, "robustness");
    for (size_t i = 0; i < found->count; i++) {
        const struct robustness_row *row = &found->rows[i];
        cJSON *object = cJSON_CreateObject();
        json_string(object, "condition", row->condition);
        json_integer(object, "severity", row->severity);
        json_integer(object, "samples", row->samples);
        json_estimate(object, &row->value);
        if (row->dense.samples) {
            json_estimate(cJSON_AddObjectToObject(object, "dense"),
                          &row->dense);
            add_difference(object, &row->difference, row->p_value);
        }
        add_counts(object, found, row);
        cJSON_AddItemToArray(list, object);
    }
}

/* The class that is worst, or that loses most to the dense model: its
 * accuracy or its difference. */
static int64_t worst_class(const struct robustness *found,
                           const struct robustness_row *row,
                           struct estimate *worst)
{
    int64_t label = -1;
    for (int64_t c = 0; c < found->classes; c++) {
        const struct paired_counts *counts = &row->classes[c];
        struct estimate here = row->dense.samples
                                   ? counts->difference
                                   : estimate_wilson(robustness_right(row, c),
                                                     counts->samples, 0.95);
        if (!counts->samples || (label >= 0 && here.value >= worst->value))
            continue;
        label = c;
        *worst = here;
    }
    return label;
}

static void add_dense(struct table *table, const struct robustness_row *row)
{
    if (!row->dense.samples) {
        for (int i = 0; i < 3; i++)
            table_add(table, "%s", "");
        return;
    }
    table_add(table, "%.2f", 100 * row->dense.value);
    table_add(table, "%+.2f", 100 * row->difference.value);
    table_add(table, "[%+.2f, %+.2f]", 100 * row->difference.low,
              100 * row->difference.high);
}

int trust_robustness_text(const struct robustness *found, struct error *err)
{
    static const char *const headings[] = {
        "condition", ">severity", ">samples",    ">value",       ">95 %",
        ">dense",    ">change",   ">95 % of it", ">worst class", ">95 % of it"};
    struct table table;
    printf("\n");
    table_init(&table, headings, 10);
    for (size_t i = 0; i < found->count; i++) {
        const struct robustness_row *row = &found->rows[i];
        struct estimate worst = {0};
        table_add(&table, "%s", row->condition);
        if (row->severity)
            table_add(&table, "%d", row->severity);
        else
            table_add(&table, "%s", "");
        table_add(&table, "%lld", (long long)row->samples);
        table_add(&table, "%.2f", 100 * row->value.value);
        table_add(&table, "[%.2f, %.2f]", 100 * row->value.low,
                  100 * row->value.high);
        add_dense(&table, row);
        int64_t label = worst_class(found, row, &worst);
        table_add(&table, row->dense.samples ? "%lld: %+.1f" : "%lld: %.1f",
                  (long long)label, 100 * worst.value);
        table_add(&table,
                  row->dense.samples ? "[%+.1f, %+.1f]" : "[%.1f, %.1f]",
                  100 * worst.low, 100 * worst.high);
    }
    return table_print(&table, err);
}

/* --- the exam --- */

void trust_exam_json(cJSON *document, const struct exam *exam)
{
    if (!exam->taken)
        return;
    cJSON *object = cJSON_AddObjectToObject(document, "holdout");
    json_integer(object, "samples", exam->samples);
    json_string(object, "metric", exam->agreement ? "fidelity" : "top1");
    json_estimate(object, &exam->value);
    json_estimate(cJSON_AddObjectToObject(object, "dense"), &exam->dense);
    json_estimate(cJSON_AddObjectToObject(object, "difference"),
                  &exam->difference);
    json_estimate(cJSON_AddObjectToObject(object, "gap"), &exam->gap);
    cJSON_AddBoolToObject(object, "warning", exam->warning);
}

void trust_exam_text(const struct exam *exam)
{
    if (!exam->taken)
        return;
    printf("held out    %s%.2f %%  ->  %.2f %%  (%+.2f points [%+.2f, %+.2f], "
           "%lld samples)\n",
           exam->agreement ? "agreement " : "", 100 * exam->dense.value,
           100 * exam->value.value, 100 * exam->difference.value,
           100 * exam->difference.low, 100 * exam->difference.high,
           (long long)exam->samples);
    printf("gap         %+.2f points [%+.2f, %+.2f]: %s\n",
           100 * exam->gap.value, 100 * exam->gap.low, 100 * exam->gap.high,
           !exam->warning ? "within chance"
           : exam->gap.value < 0
               ? "MORE THAN CHANCE - the decisions fit the data they were "
                 "made on"
               : "MORE THAN CHANCE - less is lost on the held-out data, which "
                 "may be easier");
}

/* espalier scan: how sensitive each layer is, point by point. */
#include "cli/command.h"
#include "cli/print.h"
#include "cli/run.h"
#include "engine/scan.h"
#include "prune/cliff.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- what is asked for --- */

static int find_methods(struct scan_request *request,
                        const struct cli_options *options, struct error *err)
{
    if (options->structure) {
        request->structure = structure_find(options->structure);
        if (!request->structure)
            return error_set(err, ERROR_USAGE,
                             "--structure: unknown structure '%s'",
                             options->structure);
    }
    if (options->criterion) {
        request->criterion = criterion_find(options->criterion);
        if (!request->criterion)
            return error_set(err, ERROR_USAGE,
                             "--criterion: unknown criterion '%s'",
                             options->criterion);
    }
    return 0;
}

static int compare_rows(const void *a, const void *b)
{
    const size_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* Adds what one glob names. */
static int add_rows(size_t *rows, size_t *count, const char *glob,
                    const struct layer_table *layers, struct error *err)
{
    size_t *found = calloc(layers->count + 1, sizeof *found);
    if (!found)
        return error_memory(err, layers->count * sizeof *found);
    size_t matches = layer_match(layers, glob, found, err);
    for (size_t i = 0; i < matches; i++) {
        bool known = false;
        for (size_t j = 0; j < *count; j++)
            known = known || rows[j] == found[i];
        if (!known)
            rows[(*count)++] = found[i];
    }
    free(found);
    return matches ? 0 : -1;
}

/* The rows of --layers, ascending; owned. */
static int find_rows(size_t **out, size_t *count,
                     const struct cli_options *options,
                     const struct session *session, struct error *err)
{
    const struct layer_table *layers = session_layers(session);
    size_t *rows = calloc(layers->count + 1, sizeof *rows);
    int code = rows ? 0 : error_memory(err, layers->count * sizeof *rows);
    *count = 0;
    for (size_t i = 0; i < options->layer_count && code == 0; i++) {
        char *list = strdup(options->layers[i]), *rest = NULL;
        if (!list)
            code = error_memory(err, strlen(options->layers[i]));
        for (char *glob = list ? strtok_r(list, ",", &rest) : NULL;
             glob && code == 0; glob = strtok_r(NULL, ",", &rest))
            code = add_rows(rows, count, glob, layers, err);
        free(list);
    }
    if (code == 0 && options->layer_count && !*count)
        code = error_set(err, ERROR_NAME, "--layers names no layer");
    if (code < 0) {
        free(rows);
        return error_prefix(err, "%s", session_options(session)->model_path);
    }
    qsort(rows, *count, sizeof *rows, compare_rows);
    *out = rows;
    return 0;
}

/* --- progress --- */

struct watching {
    bool shown, terminal;
};

static void show_progress(void *context, const struct scan_progress *p)
{
    struct watching *watching = context;
    if (!watching->shown)
        return;
    char place[48] = "", left[48] = "", found[64] = "";
    if (p->total)
        snprintf(place, sizeof place, " %zu of %zu", p->done, p->total);
    if (isfinite(p->seconds_left))
        snprintf(left, sizeof left, ", %.0f s left", ceil(p->seconds_left));
    if (p->point)
        snprintf(found, sizeof found, " %.4g %%: %.2f %% (%lld samples)",
                 100 * p->point->amount, 100 * p->point->value,
                 (long long)p->point->samples);
    fprintf(stderr, "%sscanning%s: %s%s%s%s",
            watching->terminal ? "\r\033[K" : "", place,
            p->layer ? p->layer : "the dense model", found, left,
            watching->terminal ? "" : "\n");
}

/* --- output --- */

/* Points and cliff of one row. */
static void add_entries(cJSON *list, const struct sensitivity *table, int row)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct sensitivity_point *p = &table->points[i];
        if ((p->row == 0) != (row == 0))
            continue;
        cJSON *entry = cJSON_CreateObject();
        json_string(entry, "layer", p->layer);
        json_string(entry, "structure", p->structure);
        json_string(entry, "criterion", p->criterion);
        json_number(entry, "amount", p->amount, 6);
        json_number(entry, "value", p->value, 6);
        json_number(entry, "low", p->low, 6);
        json_number(entry, "high", p->high, 6);
        json_integer(entry, "samples", p->samples);
        json_integer(entry, "removed", p->removed);
        json_integer(entry, "units", p->units);
        cJSON_AddItemToArray(list, entry);
    }
}

/* "cliff": null where there is none. */
static void add_cliff(cJSON *object, const struct curve *curve)
{
    struct cliff cliff = cliff_find(curve);
    if (!cliff.found) {
        cJSON_AddNullToObject(object, "cliff");
        return;
    }
    cJSON *found = cJSON_AddObjectToObject(object, "cliff");
    json_number(found, "amount", cliff.amount, 4);
    json_number(found, "low", cliff.low, 4);
    json_number(found, "high", cliff.high, 4);
}

static void add_layers(cJSON *document, const struct sensitivity *table)
{
    cJSON *list = cJSON_AddArrayToObject(document, "layers");
    struct curve curve;
    for (size_t i = 0; i < table->count; i++) {
        const struct sensitivity_point *p = &table->points[i];
        if (!p->row || (i && table->points[i - 1].row == p->row) ||
            !curve_of(&curve, table, p->row, NULL, NULL))
            continue;
        cJSON *layer = cJSON_CreateObject();
        json_string(layer, "name", p->layer);
        json_number(layer, "mean_drop", curve_sensitivity(&curve), 6);
        json_string(layer, "sensitivity",
                    sensitivity_word_of(table, p->row, NULL, NULL));
        add_cliff(layer, &curve);
        cJSON_AddItemToArray(list, layer);
    }
}

static int print_json(const struct sensitivity *table, struct error *err)
{
    cJSON *document = cJSON_CreateObject();
    char key[24];
    struct curve curve;
    snprintf(key, sizeof key, "%016llx", (unsigned long long)table->key);
    json_string(document, "model", table->model);
    json_string(document, "metric", table->metric);
    json_number(document, "baseline", table->baseline, 6);
    json_string(document, "scan", key);
    add_entries(cJSON_AddArrayToObject(document, "entries"), table, 1);
    add_layers(document, table);
    if (curve_of(&curve, table, 0, NULL, NULL)) {
        cJSON *whole = cJSON_AddObjectToObject(document, "whole");
        add_cliff(whole, &curve);
        add_entries(cJSON_AddArrayToObject(whole, "entries"), table, 0);
    }
    return json_print(document, err);
}

static int print_csv(const struct sensitivity *table, struct error *err)
{
    struct strbuf text = {0};
    sensitivity_heading(&text);
    for (size_t i = 0; i < table->count; i++)
        sensitivity_line(&text, table, &table->points[i]);
    int code = text.failed ? error_memory(err, text.length) : print_finish(err);
    if (code == 0) {
        fputs(strbuf_text(&text), stdout);
        code = print_finish(err);
    }
    strbuf_release(&text);
    return code;
}

static int print_table(const struct sensitivity *table,
                       const struct cli_options *options, struct error *err)
{
    return options->json ? print_json(table, err) : print_csv(table, err);
}

/* --- the two ways --- */

static int merge(const struct cli_options *options, struct error *err)
{
    struct sensitivity all = {0};
    int code = 0;
    for (size_t i = 0; i < options->argument_count && code == 0; i++) {
        struct sensitivity one = {0};
        const char *path = options->arguments[i];
        code = sensitivity_read(&one, path, err);
        if (code == 0 && sensitivity_merge(&all, &one, err) < 0)
            code = error_prefix(err, "%s", path);
        sensitivity_release(&one);
    }
    if (code == 0) {
        sensitivity_sort(&all);
        code = print_table(&all, options, err);
    }
    sensitivity_release(&all);
    return code;
}

static int scan(const struct session *session,
                const struct cli_options *options, struct error *err)
{
    struct scan_request request = scan_request_default();
    struct sensitivity table = {0};
    size_t *rows = NULL;
    if (find_methods(&request, options, err) < 0 ||
        find_rows(&rows, &request.row_count, options, session, err) < 0)
        return -1;
    if (options->layer_count)
        request.rows = rows;
    request.whole = !options->layer_count;
    request.amounts = options->amounts;
    request.amount_count = options->amount_count;
    request.restart = options->restart;
    request.shard = options->shard;
    request.shards = options->shards;
    if (options->tolerance >= 0)
        request.tolerance = options->tolerance;
    if (options->floor >= 0)
        request.floor = options->floor;
    struct watching watching = {.terminal = isatty(STDERR_FILENO)};
    watching.shown = watching.terminal || options->progress;
    struct scan_watch watch = {run_interrupt(), show_progress, &watching};
    struct engine_options wanted = run_engine_options(options, false);
    int code = engine_scan(&table, session, &wanted, &request, &watch, err);
    if (watching.terminal)
        fprintf(stderr, "\r\033[K");
    if (code == 0)
        code = print_table(&table, options, err);
    else
        run_check(err); /* rather than where exactly it stopped */
    sensitivity_release(&table);
    free(rows);
    return code;
}

static int run(const struct cli_options *options, struct error *err)
{
    if (options->merge)
        return merge(options, err);
    if (options->argument_count != 2)
        return error_set(err, ERROR_USAGE,
                         "scan: found %zu arguments, expected MODEL DATA",
                         options->argument_count);
    struct session *session;
    if (run_open(&session, options, options->arguments[0],
                 options->arguments[1], err) < 0)
        return -1;
    int code = scan(session, options, err);
    session_close(session);
    return code;
}

const struct cli_command command_scan = {
    .name = "scan",
    .synopsis = "MODEL DATA",
    .help = "the accuracy that pruning each layer alone leaves (CSV or JSON)",
    .least = 1,
    .most = SIZE_MAX,
    .groups = OPTION_COMMON | OPTION_SAMPLES | OPTION_PIXELS | OPTION_ENGINE |
              OPTION_SCAN | OPTION_PROGRESS,
    .run = run,
};

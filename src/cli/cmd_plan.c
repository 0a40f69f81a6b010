/* espalier plan: decisions under a budget, as a recipe. */
#include "base/file.h"
#include "cli/command.h"
#include "cli/print.h"
#include "cli/run.h"
#include "engine/planning.h"
#include "engine/training.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int parse_request(struct planning_request *request,
                         const struct cli_options *options, struct error *err)
{
    *request = (struct planning_request){
        .drop = options->drop >= 0 ? options->drop : NAN};
    if (options->budget &&
        planning_read_budget(request, options->budget, err) < 0)
        return error_prefix(err, "--budget");
    if (!options->budget && options->drop < 0)
        return error_set(err, ERROR_USAGE,
                         "plan needs --budget KIND=SHARE or --drop POINTS");
    if (options->allocator) {
        request->allocator = allocator_find(options->allocator);
        if (!request->allocator)
            return error_set(err, ERROR_USAGE,
                             "--allocator: unknown allocator '%s'",
                             options->allocator);
    }
    request->mix = options->mix;
    if (options->mix &&
        (request->kind != BUDGET_LATENCY || options->structure ||
         options->criterion || options->allocator))
        return error_set(err, ERROR_USAGE,
                         "--mix wants --budget latency=SHARE and chooses "
                         "structure, criterion and allocator itself");
    if (options->structure &&
        structure_read(&request->structure, options->structure, err) < 0) {
        err->code = ERROR_USAGE;
        return error_prefix(err, "--structure");
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

/* --- output --- */

static void add_figures(cJSON *document, const char *key,
                        const struct planning_figures *f)
{
    cJSON *object = cJSON_AddObjectToObject(document, key);
    json_number(object, "value", f->value, 6);
    json_number(object, "low", f->low, 6);
    json_number(object, "high", f->high, 6);
    json_number(object, "latency_ms", f->latency_ms, 6);
    json_integer(object, "size_bytes", llround(f->bytes));
}

static int print_json(const struct planning *p,
                      const struct planning_request *request,
                      const struct session *session, const char *recipe,
                      struct error *err)
{
    cJSON *document = cJSON_CreateObject();
    json_string(document, "model", onnx_path(session_model(session)));
    json_string(document, "recipe", recipe);
    json_string(document, "allocator", p->allocator->name);
    cJSON *budget = cJSON_AddObjectToObject(document, "budget");
    json_string(budget, "kind", budget_name(request->kind));
    json_number(budget, "share",
                request->kind == BUDGET_NONE ? NAN : request->share, 6);
    json_number(budget, "reached", p->ratio, 6);
    cJSON_AddBoolToObject(budget, "met", p->budget_met);
    json_number(budget, "drop", request->drop, 6);
    cJSON_AddBoolToObject(budget, "drop_met", p->drop_met);
    json_number(
        document, "sparsity",
        variant_sparsity(session_current(session), session_layers(session)), 6);
    cJSON *baseline = cJSON_AddObjectToObject(document, "baseline");
    json_number(baseline, "value", p->baseline, 6);
    json_number(baseline, "latency_ms", p->dense_latency_ms, 6);
    json_integer(baseline, "size_bytes", llround(p->dense_bytes));
    if (p->device[0])
        json_string(document, "device", p->device);
    else
        json_noise(document, &p->noise);
    add_figures(document, "predicted", &p->predicted);
    add_figures(document, "measured", &p->measured);
    cJSON *error = cJSON_AddObjectToObject(document, "prediction_error");
    json_number(error, "value", p->predicted.value - p->measured.value, 6);
    json_number(error, "latency_ms",
                p->predicted.latency_ms - p->measured.latency_ms, 6);
    json_number(error, "size_bytes", p->predicted.bytes - p->measured.bytes, 0);
    cJSON *trials = cJSON_AddArrayToObject(document, "trials");
    for (size_t i = 0; i < p->trial_count; i++) {
        cJSON *trial = cJSON_CreateObject();
        json_string(trial, "allocator", p->trials[i].allocator->name);
        if (p->trials[i].name[0])
            json_string(trial, "tried", p->trials[i].name);
        cJSON_AddBoolToObject(trial, "feasible", p->trials[i].feasible);
        json_number(trial, "value", p->trials[i].value, 6);
        cJSON_AddItemToArray(trials, trial);
    }
    return json_print(document, err);
}

static void print_row(const char *what, const struct planning_figures *f)
{
    char size[32], latency[32] = "-";
    if (isfinite(f->latency_ms))
        snprintf(latency, sizeof latency, "%.4f ms", f->latency_ms);
    printf("%-10s  %6.2f %%  [%.2f, %.2f]  %12s  %10s\n", what, 100 * f->value,
           100 * f->low, 100 * f->high, latency,
           bytes_text(llround(f->bytes), size, sizeof size));
}

static int print_text(const struct planning *p,
                      const struct planning_request *request,
                      const struct session *session, const char *recipe,
                      struct error *err)
{
    char size[32], text[96];
    printf("recipe      %s (removes %.2f %% of the prunable weights)\n", recipe,
           100 * variant_sparsity(session_current(session),
                                  session_layers(session)));
    printf("allocator   %s: %s\n", p->allocator->name, p->allocator->help);
    printf("dense       %6.2f %%  %30.4f ms  %10s\n", 100 * p->baseline,
           p->dense_latency_ms,
           bytes_text(llround(p->dense_bytes), size, sizeof size));
    print_row("predicted", &p->predicted);
    print_row("measured", &p->measured);
    for (size_t i = 0; i < p->trial_count && request->mix; i++) {
        const struct planning_trial *t = &p->trials[i];
        printf("%-10s  %s", i ? "" : "tried", t->name);
        if (t->feasible)
            printf(": %.2f %%\n", 100 * t->value);
        else
            printf(": too slow\n");
    }
    if (p->noise.kind > NOISE_QUIET)
        printf("machine     %s\n", noise_text(&p->noise, text, sizeof text));
    if (p->device[0])
        printf("latency     of %s, predicted\n", p->device);
    printf("error       %+.2f points",
           100 * (p->predicted.value - p->measured.value));
    if (isfinite(p->predicted.latency_ms))
        printf(", %+.4f ms", p->predicted.latency_ms - p->measured.latency_ms);
    printf(" (predicted minus measured)\n");
    if (request->kind != BUDGET_NONE)
        printf("budget      %s %.1f %% of the dense model's, asked for %.1f "
               "%%%s\n",
               budget_name(request->kind), 100 * p->ratio, 100 * request->share,
               p->budget_met ? "" : ": not met");
    if (isfinite(request->drop))
        printf("drop        %.2f points, allowed %.2f%s\n",
               100 * (p->baseline - p->measured.value), 100 * request->drop,
               p->drop_met ? "" : ": not met; reconstruct or tune");
    return print_finish(err);
}

/* MODEL's name without its ending, with ".plan.recipe"; owned. */
static char *default_recipe(const char *model)
{
    static const char ending[] = ".plan.recipe";
    const char *name = path_name(model), *dot = strrchr(name, '.');
    size_t length = dot && dot > name ? (size_t)(dot - name) : strlen(name);
    char *path = malloc(length + sizeof ending);
    if (path) {
        memcpy(path, name, length);
        memcpy(path + length, ending, sizeof ending);
    }
    return path;
}

static int write_recipe(const struct session *session, const char *path,
                        struct error *err)
{
    char *text = session_recipe(session, session_current(session), err);
    if (!text)
        return -1;
    int code = file_write(path, text, strlen(text), err);
    free(text);
    return code;
}

/* --- doing it --- */

struct watching {
    bool shown, terminal;
};

static void show_progress(void *context, const struct scan_progress *p)
{
    const struct watching *watching = context;
    if (!watching->shown)
        return;
    fprintf(stderr, "%splanning: %s, %.0f %%%s",
            watching->terminal ? "\r\033[K" : "",
            p->layer ? p->layer : "the dense model",
            p->total ? 100 * (double)p->done / (double)p->total : 0,
            watching->terminal ? "" : "\n");
}

static int adopt(struct session *session, struct planning *planning,
                 const struct planning_request *request, struct error *err)
{
    struct session_outcome outcome;
    if (planning_outcome(&outcome, planning, request, session, err) < 0)
        return -1;
    int id = session_adopt(session, 0, "budget", &outcome, err);
    session_outcome_release(&outcome);
    return id < 0 ? -1 : 0;
}

/* What was asked for and is not there: one line, and no success. */
static int check_met(const struct planning *p,
                     const struct planning_request *request, struct error *err)
{
    if (!p->drop_met)
        return error_set(
            err, ERROR_RANGE, "the plan loses %.2f points, allowed are %.2f",
            100 * (p->baseline - p->measured.value), 100 * request->drop);
    if (!p->budget_met)
        return error_set(err, ERROR_RANGE,
                         "the plan takes %.1f %% of the dense model's %s, "
                         "allowed are %.1f %%",
                         100 * p->ratio, budget_name(request->kind),
                         100 * request->share);
    return 0;
}

static int plan(struct session *session, const struct cli_options *options,
                const struct planning_request *request, struct error *err)
{
    struct planning planning;
    struct watching watching = {.terminal = isatty(STDERR_FILENO)};
    watching.shown = watching.terminal || options->progress;
    struct scan_watch watch = {run_interrupt(), show_progress, &watching};
    struct engine_options wanted = run_engine_options(options, true);
    int code =
        engine_planning(&planning, session, &wanted, request, &watch, err);
    if (watching.terminal)
        fprintf(stderr, "\r\033[K");
    if (code < 0) {
        run_check(err);
        return -1;
    }
    char *path = options->output ? strdup(options->output)
                                 : default_recipe(options->arguments[0]);
    code =
        path ? adopt(session, &planning, request, err) : error_memory(err, 1);
    if (code == 0)
        code = write_recipe(session, path, err);
    if (code == 0)
        code = options->json
                   ? print_json(&planning, request, session, path, err)
                   : print_text(&planning, request, session, path, err);
    if (code == 0)
        code = check_met(&planning, request, err);
    free(path);
    planning_release(&planning);
    return code;
}

/* Structures are mixed for a latency of this machine wherever there is
 * something to calibrate on and nobody says how to plan. Data that the user
 * named and that cannot be read are an error. */
static int choose_mix(struct planning_request *request,
                      const struct session *session,
                      const struct cli_options *options, struct error *err)
{
    struct dataset *opened = NULL;
    const struct dataset *data;
    struct error why = {0};
    bool may = planning_may_mix(request) && !options->device;
    if (!may && !options->train)
        return 0;
    bool found = training_data(&data, &opened, session, &why) == 0;
    dataset_close(opened);
    if (!found && options->train)
        return error_set(err, why.code, "%s", why.message);
    request->mix |= may && found;
    return 0;
}

static int run(const struct cli_options *options, struct error *err)
{
    struct planning_request request;
    struct session *session;
    if (parse_request(&request, options, err) < 0 ||
        run_open(&session, options, options->arguments[0],
                 options->arguments[1], err) < 0)
        return -1;
    int code = choose_mix(&request, session, options, err);
    if (code == 0)
        code = plan(session, options, &request, err);
    session_close(session);
    return code;
}

const struct cli_command command_plan = {
    .name = "plan",
    .synopsis = "MODEL DATA",
    .help = "choose what to prune under a budget, write a recipe",
    .least = 2,
    .most = 2,
    .groups = OPTION_COMMON | OPTION_SAMPLES | OPTION_PIXELS | OPTION_ENGINE |
              OPTION_PLAN | OPTION_PROGRESS | OPTION_DEVICE,
    .run = run,
};

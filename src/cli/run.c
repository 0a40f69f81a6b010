#include "cli/run.h"

#include "base/array.h"
#include "base/clock.h"
#include "cli/print.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { POLL_MS = 50, PROGRESS_EVERY_MS = 1000 };

/* Written by the signal handler alone, once; the reason for the one mutable
 * variable of the command line. */
static struct cancel interrupt;

static void on_signal(int number)
{
    (void)number;
    cancel_raise(&interrupt);
}

const struct cancel *run_interrupt(void)
{
    static const int signals[] = {SIGINT, SIGTERM};
    struct sigaction action = {.sa_handler = on_signal,
                               .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < ARRAY_LENGTH(signals); i++) {
        struct sigaction old;
        /* What the caller had ignored stays so (nohup, background jobs). */
        if (!cancel_raised(&interrupt) &&
            sigaction(signals[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
            sigaction(signals[i], &action, NULL);
    }
    return &interrupt;
}

int run_check(struct error *err)
{
    if (!cancel_raised(run_interrupt()))
        return 0;
    return error_set(err, ERROR_CANCELLED, "interrupted");
}

/* Without --scale bytes are brought to 0…1 first, other numbers are not. */
static int default_scale(struct transform *transform,
                         const struct cli_options *options, const char *data,
                         struct error *err)
{
    struct dataset_options first = {
        .split = options->split, .limit = 1, .shape = options->shape};
    struct dataset *dataset;
    if (dataset_open(&dataset, data, &first, err) < 0)
        return -1;
    transform->scale = dataset_is_image(dataset) ? 255 : 1;
    dataset_close(dataset);
    return 0;
}

int run_session_options(struct session_options *out,
                        const struct cli_options *options, const char *model,
                        const char *data, struct error *err)
{
    *out = (struct session_options){
        .model_path = model,
        .data_path = data,
        .split = options->split,
        .shape = options->shape,
        .samples = options->samples,
        .seed = options->seed,
        .train_path = options->train,
        .holdout = options->holdout,
        .masks = options->masks_file,
        .worker = &options->worker,
        .preprocess_auto = !options->preprocess_none && !options->user_pixels,
        .transform = options->transform,
    };
    if (!options->user_pixels)
        return 0;
    snprintf(out->transform.name, sizeof out->transform.name, "user");
    if (data && !options->user_scale)
        return default_scale(&out->transform, options, data, err);
    return 0;
}

struct engine_options run_engine_options(const struct cli_options *options,
                                         bool measure_latency)
{
    return (struct engine_options){
        .workers = (int)options->threads,
        .eval_batch = options->batch,
        .memory_bytes = options->memory_bytes,
        .kernels = options->kernels,
        .device = options->device,
        .measure_latency = measure_latency,
        .foreground = true,
    };
}

int run_open(struct session **out, const struct cli_options *options,
             const char *model, const char *data, struct error *err)
{
    struct session_options wanted;
    run_interrupt();
    if (run_session_options(&wanted, options, model, data, err) < 0 ||
        session_open(out, &wanted, err) < 0)
        return -1;
    if (run_check(err) < 0) {
        session_close(*out);
        return -1;
    }
    const char *summary = session_current(*out)->summary;
    if (options->masks_file && strstr(summary, "not zero"))
        fprintf(stderr, "espalier: %s: %s: they are now\n", options->masks_file,
                summary);
    return 0;
}

static const char *const stage_names[ENGINE_STAGE_COUNT] = {
    [ENGINE_IDLE] = "done",
    [ENGINE_BASELINE] = "evaluating",
    [ENGINE_PLANNING] = "planning",
    [ENGINE_EVALUATING] = "evaluating",
    [ENGINE_CALIBRATING] = "calibrating",
    [ENGINE_MEASURING] = "measuring",
    [ENGINE_EXPORTING] = "verifying",
};

static void show_progress(struct engine *engine, bool terminal)
{
    const struct report *report = engine_report(engine);
    if (!report)
        return;
    const struct estimate *accuracy = &report->result.accuracy;
    char figure[80] = "";
    if (accuracy->samples)
        snprintf(figure, sizeof figure, ", %.2f %% [%.2f, %.2f]",
                 100 * accuracy->value, 100 * accuracy->low,
                 100 * accuracy->high);
    fprintf(stderr, "%s%s %lld of %lld%s%s", terminal ? "\r\033[K" : "",
            stage_names[report->stage], (long long)report->done,
            (long long)report->total, figure, terminal ? "" : "\n");
    report_drop(report);
}

int run_wait(struct engine *engine, const struct cli_options *options,
             struct error *err)
{
    bool terminal = isatty(STDERR_FILENO);
    int64_t shown_ns = clock_now_ns();
    bool any = false;
    while (!engine_wait(engine, POLL_MS)) {
        if (cancel_raised(run_interrupt())) {
            engine_cancel(engine);
            engine_wait(engine, -1);
            break;
        }
        int64_t now_ns = clock_now_ns();
        int64_t every_ms = terminal ? POLL_MS : PROGRESS_EVERY_MS;
        if ((terminal || options->progress) &&
            now_ns - shown_ns >= every_ms * 1000000) {
            show_progress(engine, terminal);
            shown_ns = now_ns;
            any = true;
        }
    }
    if (terminal && any)
        fprintf(stderr, "\r\033[K");
    return run_check(err);
}

int run_evaluate(struct engine *engine, const struct session *session,
                 const struct variant *variant,
                 const struct cli_options *options, const struct report **out,
                 struct error *err)
{
    engine_show(engine, variant, -1);
    if (run_wait(engine, options, err) < 0)
        return -1;
    const struct report *report = engine_report(engine);
    if (!report)
        return error_memory(err, sizeof *report);
    if (report->failed) {
        *err = report->error;
        report_drop(report);
        const struct session_options *opened = session_options(session);
        /* What evaluation does not support is the model's. */
        bool of_model =
            err->code == ERROR_UNSUPPORTED || opened->data_path == NULL;
        const char *file = of_model ? opened->model_path : opened->data_path;
        return strstr(err->message, file) ? -1 : error_prefix(err, "%s", file);
    }
    *out = report;
    return 0;
}

static void list_text(char *text, size_t bytes, const double *list, int count)
{
    size_t at = 0;
    text[0] = '\0';
    for (int i = 0; i < count && at < bytes; i++)
        at += (size_t)snprintf(text + at, bytes - at, "%s%.6g", i ? "," : "",
                               list[i]);
}

void run_transform_text(const struct session *session, char *text, size_t bytes)
{
    const struct transform *t = session_transform(session);
    const struct preprocess_result *tried = session_preprocess(session);
    char mean[64], deviation[64];
    int channels = t->channels < 1 ? 1 : t->channels;
    list_text(mean, sizeof mean, t->mean, channels);
    list_text(deviation, sizeof deviation, t->std, channels);
    int n = snprintf(text, bytes, "%s: (x / %.6g - %s) / %s", t->name, t->scale,
                     mean, deviation);
    if (tried && tried->stated && n > 0 && (size_t)n < bytes)
        snprintf(text + n, bytes - (size_t)n, "; as the model's file says");
    if (!tried || tried->count < 2 || n < 0 || (size_t)n >= bytes)
        return;
    const struct preprocess_trial *best = &tried->trials[tried->chosen];
    const struct preprocess_trial *next = NULL;
    for (size_t i = 0; i < tried->count; i++)
        if (i != tried->chosen &&
            (!next || tried->trials[i].accuracy > next->accuracy))
            next = &tried->trials[i];
    snprintf(text + n, bytes - (size_t)n,
             "; found by trial: %.1f %% of %lld samples, next %s %.1f %% of "
             "%lld",
             100 * best->accuracy, (long long)best->samples,
             next->transform.name, 100 * next->accuracy,
             (long long)next->samples);
}

static void add_list(cJSON *object, const char *key, const double *list,
                     int count)
{
    cJSON *array = cJSON_AddArrayToObject(object, key);
    for (int i = 0; i < count; i++)
        cJSON_AddItemToArray(array, cJSON_CreateNumber(list[i]));
}

cJSON *run_transform_json(const struct session *session)
{
    const struct transform *t = session_transform(session);
    const struct preprocess_result *tried = session_preprocess(session);
    int channels = t->channels < 1 ? 1 : t->channels;
    cJSON *object = cJSON_CreateObject();
    json_string(object, "name", t->name);
    cJSON_AddBoolToObject(object, "stated", tried && tried->stated);
    cJSON_AddNumberToObject(object, "scale", t->scale);
    add_list(object, "mean", t->mean, channels);
    add_list(object, "std", t->std, channels);
    if (!tried || tried->count < 2)
        return object;
    json_integer(object, "samples", tried->samples);
    cJSON *trials = cJSON_AddArrayToObject(object, "trials");
    for (size_t i = 0; i < tried->count; i++) {
        cJSON *trial = cJSON_CreateObject();
        json_string(trial, "name", tried->trials[i].transform.name);
        json_number(trial, "accuracy", tried->trials[i].accuracy, 6);
        json_number(trial, "loss", tried->trials[i].loss, 6);
        json_integer(trial, "samples", tried->trials[i].samples);
        cJSON_AddItemToArray(trials, trial);
    }
    return object;
}

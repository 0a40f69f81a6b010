/* espalier tune: fine-tune under the masks, evaluate, write, verify. */
#include "base/file.h"
#include "base/strbuf.h"
#include "cli/command.h"
#include "cli/figures.h"
#include "cli/print.h"
#include "cli/run.h"
#include "cli/trust.h"
#include "engine/tune.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The options as the line of the command language that they stand for. */
static char *line_of(const struct cli_options *options)
{
    struct strbuf line = {0};
    strbuf_add(&line, "tune");
    if (options->epochs > 0)
        strbuf_addf(&line, " %.9g epochs", options->epochs);
    if (options->rate >= 0)
        strbuf_addf(&line, " lr %.9g", options->rate);
    if (options->batch)
        strbuf_addf(&line, " batch %lld", (long long)options->batch);
    if (options->schedule)
        strbuf_addf(&line, " %s", options->schedule);
    if (options->target)
        strbuf_addf(&line, " to %s", options->target);
    for (size_t i = 0; i < options->with_count; i++)
        strbuf_addf(&line, " %s", options->with[i]);
    char *text = strbuf_take(&line);
    strbuf_release(&line);
    return text;
}

static void add_history(cJSON *document, const struct tune_history *history)
{
    cJSON *list = cJSON_AddArrayToObject(document, "history");
    for (size_t i = 0; i < history->count; i++) {
        const struct tune_row *row = &history->rows[i];
        cJSON *entry = cJSON_CreateObject();
        json_number(entry, "epoch", row->epoch, 6);
        json_number(entry, "train_loss", row->train_loss, 6);
        json_number(entry, "value", row->value, 6);
        json_number(entry, "low", row->low, 6);
        json_number(entry, "high", row->high, 6);
        cJSON_AddItemToArray(list, entry);
    }
}

struct tuned {
    const struct session *session;
    const struct variant *variant;
    const struct report *report;
    const struct tune_history *history;
    struct engine_export_result written;
};

static int print_json(const struct tuned *t, struct error *err)
{
    const struct tune_row *first = &t->history->rows[0];
    const struct tune_row *kept = &t->history->rows[t->history->kept];
    cJSON *document = cJSON_CreateObject();
    json_string(document, "model", onnx_path(session_model(t->session)));
    json_string(document, "output", t->written.path);
    json_number(document, "before", first->value, 6);
    json_number(document, "after", kept->value, 6);
    json_number(document, "epochs", kept->epoch, 6);
    add_history(document, t->history);
    figures_json(document, t->session, t->variant, t->report);
    json_integer(document, "size_bytes", t->written.file_bytes);
    cJSON_AddBoolToObject(document, "verified", t->written.verified);
    json_integer(document, "different_answers", t->written.different_answers);
    trust_exam_json(document, &t->written.exam);
    return json_print(document, err);
}

static int print_text(const struct tuned *t, struct error *err)
{
    char size[32];
    printf("model       %s\n", onnx_path(session_model(t->session)));
    printf("output      %s (%s)\n", t->written.path,
           bytes_text(t->written.file_bytes, size, sizeof size));
    for (size_t i = 0; i < t->history->count; i++) {
        const struct tune_row *row = &t->history->rows[i];
        printf("epoch %-5.3g accuracy %.2f %% [%.2f, %.2f]", row->epoch,
               100 * row->value, 100 * row->low, 100 * row->high);
        if (isfinite(row->train_loss))
            printf(", train loss %.4f", row->train_loss);
        printf("%s\n", i == t->history->kept && i + 1 < t->history->count
                           ? ", kept"
                           : "");
    }
    figures_text(t->session, t->variant, t->report);
    printf("verified    %s: %lld samples read back and run, %lld answers "
           "differ\n",
           t->written.verified ? "yes" : "no", (long long)t->written.samples,
           (long long)t->written.different_answers);
    trust_exam_text(&t->written.exam);
    return print_finish(err);
}

static int finish(struct session *session, const struct cli_options *options,
                  const struct tune_history *history, struct error *err)
{
    struct engine *engine;
    struct engine_options wanted = run_engine_options(options, true);
    if (engine_create(&engine, session, &wanted, err) < 0)
        return -1;
    struct tuned t = {.session = session,
                      .variant = session_current(session),
                      .history = history};
    int code =
        run_evaluate(engine, session, t.variant, options, &t.report, err);
    if (code == 0)
        code = run_export(engine, t.variant, options, &t.written, err);
    if (code == 0) {
        code = options->json ? print_json(&t, err) : print_text(&t, err);
        engine_export_result_release(&t.written);
    }
    report_drop(t.report);
    engine_destroy(engine);
    return code;
}

/* A tune that was interrupted goes on, if it is the one that is wanted. */
static int check_kept(const struct cli_options *options, const char *line,
                      bool *resumes, struct error *err)
{
    struct tune_kept kept;
    *resumes = options->checkpoint && file_exists(options->checkpoint);
    if (!*resumes)
        return 0;
    if (tune_kept_read(&kept, options->checkpoint, err) < 0)
        return -1;
    int code = strcmp(kept.line, line) == 0
                   ? 0
                   : error_set(err, ERROR_MISMATCH,
                               "%s: was kept by '%s', found '%s': name another "
                               "file, or remove this one",
                               options->checkpoint, kept.line, line);
    tune_kept_release(&kept);
    return code;
}

static int work(struct session *session, const char *line,
                const struct cli_options *options, void **history,
                struct error *err)
{
    struct session_outcome outcome = {0};
    bool resumes;
    const struct variant *variant = session_current(session);
    if (engine_work_check(session, line, err) < 0 ||
        check_kept(options, line, &resumes, err) < 0)
        return -1;
    int code = run_work(session, variant, resumes ? "tune resume" : line,
                        options, &outcome, history, err);
    if (code == 0 &&
        session_adopt(session, variant->id, line, &outcome, err) < 0)
        code = -1;
    session_outcome_release(&outcome);
    return code;
}

static int tune(struct session *session, const struct cli_options *options,
                struct error *err)
{
    void *history = NULL;
    char *line = line_of(options);
    int code = line ? run_decide(session, options, err) : error_memory(err, 1);
    if (code == 0)
        code = work(session, line, options, &history, err);
    if (code == 0)
        code = finish(session, options, history, err);
    if (code == 0 && options->checkpoint)
        unlink(options->checkpoint);
    free(history);
    free(line);
    return code;
}

static int run(const struct cli_options *options, struct error *err)
{
    struct session *session;
    if (!options->output)
        return error_set(err, ERROR_USAGE, "tune needs -o OUT");
    if (run_open(&session, options, options->arguments[0],
                 options->arguments[1], err) < 0)
        return -1;
    int code = tune(session, options, err);
    session_close(session);
    return code;
}

const struct cli_command command_tune = {
    .name = "tune",
    .synopsis = "MODEL DATA -o OUT",
    .help = "fine-tune or gradually prune, write and verify a model",
    .least = 2,
    .most = 2,
    .groups = OPTION_COMMON | OPTION_SAMPLES | OPTION_PIXELS | OPTION_ENGINE |
              OPTION_PRUNE | OPTION_PROGRESS | OPTION_TUNE | OPTION_EXAM |
              OPTION_DEVICE,
    .run = run,
};

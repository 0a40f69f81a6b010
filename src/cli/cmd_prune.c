/* espalier prune: decisions applied, evaluated, written, verified. */
#include "cli/command.h"
#include "cli/figures.h"
#include "cli/print.h"
#include "cli/run.h"
#include "cli/trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int print_json(const struct session *session,
                      const struct variant *variant,
                      const struct report *report,
                      const struct engine_export_result *written,
                      struct error *err)
{
    cJSON *document = cJSON_CreateObject();
    json_string(document, "model", onnx_path(session_model(session)));
    json_string(document, "output", written->path);
    figures_json(document, session, variant, report);
    json_integer(document, "size_bytes", written->file_bytes);
    cJSON_AddBoolToObject(document, "verified", written->verified);
    json_integer(document, "different_answers", written->different_answers);
    json_number(document, "largest_difference", written->largest_difference, 9);
    cJSON_AddItemToObject(document, "preprocess", run_transform_json(session));
    trust_exam_json(document, &written->exam);
    return json_print(document, err);
}

static int print_text(const struct session *session,
                      const struct variant *variant,
                      const struct report *report,
                      const struct engine_export_result *written,
                      struct error *err)
{
    char size[32];
    printf("model       %s\n", onnx_path(session_model(session)));
    printf("output      %s (%s)\n", written->path,
           bytes_text(written->file_bytes, size, sizeof size));
    figures_text(session, variant, report);
    printf("verified    %s: %lld samples read back and run, %lld answers "
           "differ, largest difference %.3g\n",
           written->verified ? "yes" : "no", (long long)written->samples,
           (long long)written->different_answers, written->largest_difference);
    trust_exam_text(&written->exam);
    return print_finish(err);
}

static int prune(struct session *session, const struct cli_options *options,
                 struct error *err)
{
    if (run_decide(session, options, err) < 0)
        return -1;
    struct engine *engine;
    struct engine_options wanted = run_engine_options(options, true);
    if (engine_create(&engine, session, &wanted, err) < 0)
        return -1;
    const struct variant *variant = session_current(session);
    const struct report *report = NULL;
    struct engine_export_result written = {0};
    int code = run_evaluate(engine, session, variant, options, &report, err);
    if (code == 0)
        code = run_export(engine, variant, options, &written, err);
    if (code == 0) {
        code = options->json
                   ? print_json(session, variant, report, &written, err)
                   : print_text(session, variant, report, &written, err);
        engine_export_result_release(&written);
    }
    report_drop(report);
    engine_destroy(engine);
    return code;
}

static int run(const struct cli_options *options, struct error *err)
{
    if (!options->output)
        return error_set(err, ERROR_USAGE, "prune needs -o OUT");
    if (!options->recipe && !options->set_count && !options->masks_file)
        return error_set(err, ERROR_USAGE,
                         "prune needs --recipe FILE, --set LAYER=AMOUNT or "
                         "--masks FILE.npz");
    struct session *session;
    if (run_open(&session, options, options->arguments[0],
                 options->arguments[1], err) < 0)
        return -1;
    int code = prune(session, options, err);
    session_close(session);
    return code;
}

const struct cli_command command_prune = {
    .name = "prune",
    .synopsis = "MODEL DATA -o OUT",
    .help = "prune, evaluate, write and verify a model",
    .least = 2,
    .most = 2,
    .groups = OPTION_COMMON | OPTION_SAMPLES | OPTION_PIXELS | OPTION_ENGINE |
              OPTION_PRUNE | OPTION_EXAM | OPTION_PROGRESS | OPTION_DEVICE,
    .run = run,
};

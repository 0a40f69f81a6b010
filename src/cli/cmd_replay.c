/* espalier replay: a session's decisions again, without a screen. */
#include "cli/command.h"
#include "cli/figures.h"
#include "cli/print.h"
#include "cli/run.h"

#include <stdio.h>

static int print(const struct session *session, const char *path,
                 const struct report *report, const struct cli_options *options,
                 struct error *err)
{
    const struct variant *variant = session_current(session);
    const char *model = onnx_path(session_model(session));
    const struct dataset *dataset = session_dataset(session);
    if (options->json) {
        cJSON *document = cJSON_CreateObject();
        json_string(document, "session", path);
        json_string(document, "model", model);
        json_string(document, "data", dataset ? dataset_path(dataset) : "");
        json_integer(document, "variant", variant->id);
        json_integer(document, "variants", session_variant_count(session));
        figures_json(document, session, variant, report);
        return json_print(document, err);
    }
    printf("session     %s\n", path);
    printf("model       %s\n", model);
    if (dataset)
        printf("data        %s\n", dataset_path(dataset));
    printf("variant     %d of %d\n", variant->id,
           session_variant_count(session) - 1);
    figures_text(session, variant, report);
    return print_finish(err);
}

static int run(const struct cli_options *options, struct error *err)
{
    const char *path = options->arguments[0];
    struct session *session;
    run_interrupt();
    if (session_resume(&session, path, false, &options->worker, err) < 0)
        return -1;
    struct engine *engine = NULL;
    struct engine_options wanted = run_engine_options(options, true);
    const struct report *report = NULL;
    int code = run_check(err);
    if (code == 0)
        code = engine_create(&engine, session, &wanted, err);
    if (code == 0)
        code = run_evaluate(engine, session, session_current(session), options,
                            &report, err);
    if (code == 0)
        code = print(session, path, report, options, err);
    report_drop(report);
    engine_destroy(engine);
    session_close(session);
    return code;
}

const struct cli_command command_replay = {
    .name = "replay",
    .synopsis = "SESSION",
    .help = "run a session's commands again and print its figures",
    .least = 1,
    .most = 1,
    .groups = OPTION_COMMON | OPTION_ENGINE | OPTION_PROGRESS | OPTION_DEVICE,
    .run = run,
};

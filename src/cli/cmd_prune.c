/* espalier prune: decisions applied, evaluated, written, verified. */
#include "cli/command.h"
#include "cli/figures.h"
#include "cli/print.h"
#include "cli/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* LAYER=AMOUNT[:STRUCTURE[:CRITERION]] as a line of the command language.
 * A structure may itself hold ':' (2:4), so a criterion is what the last
 * part names. */
static char *line_of_set(const char *word)
{
    const char *equals = strrchr(word, '=');
    const char *rest = strchr(equals, ':');
    size_t bytes = strlen(word) + 16;
    char *line = malloc(bytes);
    if (!line)
        return NULL;
    int layer = (int)(equals - word);
    const char *amount = equals + 1;
    if (!rest) {
        snprintf(line, bytes, "set %.*s %s", layer, word, amount);
        return line;
    }
    const char *last = strrchr(rest, ':');
    bool criterion = last > rest && criterion_find(last + 1);
    size_t structure = criterion ? (size_t)(last - rest) - 1 : strlen(rest + 1);
    snprintf(line, bytes, "set %.*s %.*s %.*s%s%s", layer, word,
             (int)(rest - amount), amount, (int)structure, rest + 1,
             criterion ? " " : "", criterion ? last + 1 : "");
    return line;
}

static int execute_set(struct session *session, const char *word,
                       struct error *err)
{
    char *line = line_of_set(word);
    if (!line)
        return error_memory(err, strlen(word));
    struct command_result result = {0};
    int code = session_execute(session, line, &result, err);
    if (code < 0) {
        error_prefix(err, "--set %s", word);
        if (err->code != ERROR_MEMORY)
            error_prefix(err, "%s", session_options(session)->model_path);
    }
    command_result_release(&result);
    free(line);
    return code;
}

static int decide(struct session *session, const struct cli_options *options,
                  struct error *err)
{
    if (options->recipe &&
        session_execute_file(session, options->recipe, err) < 0) {
        /* A wrong line in a file is no wrong use of this command. */
        if (err->code == ERROR_USAGE)
            err->code = ERROR_FORMAT;
        return -1;
    }
    for (size_t i = 0; i < options->set_count; i++) {
        if (execute_set(session, options->sets[i], err) < 0)
            return -1;
    }
    return 0;
}

static int write_model(struct engine *engine, const struct variant *variant,
                       const struct cli_options *options,
                       struct engine_export_result *written, struct error *err)
{
    char *path = strdup(options->output);
    if (!path)
        return error_memory(err, strlen(options->output));
    struct engine_export request = {
        .path = path,
        .masks = options->masks,
        .recipe = options->write_recipe,
        .report = options->report,
        .verify = true,
    };
    int code = engine_export_start(engine, variant, &request, err);
    free(path);
    if (code == 0)
        code = run_wait(engine, options, err);
    if (code < 0)
        return -1;
    engine_export_poll(engine, written);
    if (!written->failed)
        return 0;
    *err = written->error;
    engine_export_result_release(written);
    return -1;
}

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
    return print_finish(err);
}

static int prune(struct session *session, const struct cli_options *options,
                 struct error *err)
{
    if (decide(session, options, err) < 0)
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
        code = write_model(engine, variant, options, &written, err);
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
    if (!options->recipe && !options->set_count)
        return error_set(err, ERROR_USAGE,
                         "prune needs --recipe FILE or --set LAYER=AMOUNT");
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
              OPTION_PRUNE | OPTION_PROGRESS,
    .run = run,
};

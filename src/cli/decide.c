/* What commands that change a model share: decisions from --recipe and --set,
 * and writing the outcome. */
#include "cli/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether it is the name of a structure, perhaps one with wrong numbers. */
static bool names_structure(const char *word)
{
    const struct structure *structure;
    struct error why = {0};
    return structure_read(&structure, word, &why) == 0 ||
           why.code != ERROR_NAME;
}

/* LAYER=AMOUNT[:STRUCTURE[:CRITERION]] or LAYER=STRUCTURE[:CRITERION], of a
 * structure that has an amount of its own, as a line of the command language.
 * A structure may itself hold ':' (2:4), so a criterion is what the last
 * part names. */
static char *line_of_set(const char *word)
{
    const char *equals = strrchr(word, '=');
    const char *rest = strchr(equals, ':'), *last = strrchr(equals, ':');
    const char *amount = equals + 1;
    size_t bytes = strlen(word) + 16;
    bool criterion = rest && criterion_find(last + 1);
    size_t length = criterion ? (size_t)(last - amount) : strlen(amount);
    char *line = malloc(bytes), *body = strndup(amount, length);
    if (!line || !body) {
        free(line);
        line = NULL;
    } else {
        bool whole = !rest || rest == amount + length || names_structure(body);
        size_t first = whole ? length : (size_t)(rest - amount);
        snprintf(line, bytes, "set %.*s %.*s%s%s%s%s", (int)(equals - word),
                 word, (int)first, body, whole ? "" : " ",
                 whole ? "" : body + first + 1, criterion ? " " : "",
                 criterion ? last + 1 : "");
    }
    free(body);
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

int run_decide(struct session *session, const struct cli_options *options,
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

int run_export(struct engine *engine, const struct variant *variant,
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

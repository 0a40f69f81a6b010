/* What commands that change a model share: decisions from --recipe and --set,
 * and writing the outcome. */
#include "base/strbuf.h"
#include "cli/run.h"
#include "session/amount.h"
#include "session/words.h"

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

static bool is_amount(const char *word)
{
    struct amount amount;
    return amount_parse(&amount, word, NULL) == 0;
}

/* Where AMOUNT ends in AMOUNT:STRUCTURE; NULL: it is one word of `set`, a
 * structure (2:4) or STRUCTURE:AMOUNT (channel:8, 2:4:100). */
static char *end_of_amount(char *words)
{
    char *first = strchr(words, ':'), *last = strrchr(words, ':');
    if (!first || names_structure(words))
        return NULL;
    *last = '\0';
    bool whole = names_structure(words) && is_amount(last + 1);
    *last = ':';
    *first = '\0';
    bool split =
        is_amount(words) && (!whole || structure_find(first + 1) != NULL);
    *first = ':';
    return split ? first : NULL;
}

/* Adds what stands behind '=' as words of the command language. */
static void add_parts(struct strbuf *line, char *words)
{
    char *last = strrchr(words, ':');
    bool criterion = last && criterion_find(last + 1);
    if (criterion)
        *last = '\0';
    char *end = end_of_amount(words);
    if (end)
        *end = '\0';
    strbuf_addf(line, " %s", words);
    if (end && end[1])
        strbuf_addf(line, " %s", end + 1);
    if (criterion)
        strbuf_addf(line, " %s", last + 1);
}

char *run_set_line(const char *word)
{
    struct strbuf line = {0};
    const char *equals = strrchr(word, '=');
    char *layer = strndup(word, (size_t)(equals - word));
    char *rest = strdup(equals + 1), *made = NULL;
    strbuf_add(&line, "set");
    if (layer && rest) {
        words_add(&line, layer);
        if (strchr(rest, ' '))
            strbuf_addf(&line, " %s", rest);
        else
            add_parts(&line, rest);
        made = strbuf_take(&line);
    }
    strbuf_release(&line);
    free(layer);
    free(rest);
    return made;
}

static int execute_set(struct session *session, const char *word,
                       struct error *err)
{
    char *line = run_set_line(word);
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

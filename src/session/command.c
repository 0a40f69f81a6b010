/*
 * One line: cut into words, each command looked up and run on the state,
 * neighbouring edits gathered into one variant (one undo step). A failure
 * gives the state back as it was.
 */
#include "session/command.h"

#include "base/array.h"
#include "base/strbuf.h"
#include "base/suggest.h"
#include "session/words.h"

#include <stdlib.h>
#include <string.h>

static const struct edit_command commands[] = {
#define COMMAND(name, synopsis, help, fewest, most, ...)                       \
    {#name, fewest, most, {__VA_ARGS__}, edit_command_##name},
#include "session/command_list.h"
#undef COMMAND
};

static const struct command_info infos[] = {
#define COMMAND(name, synopsis, help, ...) {#name, synopsis, help},
#include "session/command_list.h"
#undef COMMAND
    {NULL, NULL, NULL},
};

const struct command_info *session_commands(void)
{
    return infos;
}

const struct edit_command *edit_command_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(commands); i++)
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    return NULL;
}

static int unknown_command(const char *name, struct error *err)
{
    struct suggestion near = {.word = name};
    struct strbuf list = {0};
    for (size_t i = 0; i < ARRAY_LENGTH(commands); i++) {
        suggest_offer(&near, commands[i].name);
        strbuf_addf(&list, "%s%s", i ? ", " : "", commands[i].name);
    }
    if (near.best)
        error_set(err, ERROR_NAME, "unknown command '%.100s', nearest is '%s'",
                  name, near.best);
    else
        error_set(err, ERROR_NAME, "unknown command '%.100s', expected %s",
                  name, strbuf_text(&list));
    strbuf_release(&list);
    return -1;
}

void command_result_release(struct command_result *result)
{
    free(result->argument);
    free(result->message);
    *result = (struct command_result){0};
}

void execution_say(struct execution *execution, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (execution->message.length)
        strbuf_add(&execution->message, "; ");
    strbuf_vaddf(&execution->message, format, args);
    va_end(args);
}

void execution_affect(struct execution *execution, enum command_effect effect)
{
    static const int weights[] = {
        [COMMAND_NOTHING] = 0, [COMMAND_SETTING] = 1, [COMMAND_EDITED] = 2,
        [COMMAND_WORK] = 3,    [COMMAND_EXPORT] = 4,
    };
    if (weights[effect] > weights[execution->effect])
        execution->effect = effect;
}

struct decision *execution_draft(struct execution *execution, struct error *err)
{
    const struct variant *now = state_current(execution->state);
    size_t count = now->layer_count;
    if (!execution->draft) {
        execution->draft = array_create(count, sizeof *execution->draft);
        if (!execution->draft) {
            error_memory(err, count * sizeof *execution->draft);
            return NULL;
        }
        memcpy(execution->draft, now->decisions,
               count * sizeof *execution->draft);
    }
    return execution->draft;
}

int execution_flush(struct execution *execution, struct error *err)
{
    if (!execution->draft)
        return 0;
    struct state *state = execution->state;
    struct strbuf summary = {0};
    int result = 0;
    const struct variant *now = state_current(state);
    const struct weights *weights =
        execution->own_weights ? NULL : now->weights;
    summary_add(&summary, state->layers, now->decisions, execution->draft);
    if (weights != now->weights && !summary.length)
        strbuf_add(&summary, "the model's own weights");
    if (summary.failed) {
        result = error_memory(err, summary.length);
    } else if (!summary.length) {
        execution_say(execution, "nothing changed");
    } else {
        const char *text =
            execution->draft_commands == 1 && execution->label.length
                ? strbuf_text(&execution->label)
                : strbuf_text(&summary);
        execution_say(execution, "%s", text);
        execution_affect(execution, COMMAND_EDITED);
        result = state_add(state, execution->draft, weights, execution->line,
                           text, err);
    }
    strbuf_release(&summary);
    strbuf_clear(&execution->label);
    free(execution->draft);
    execution->draft = NULL;
    execution->draft_commands = 0;
    execution->own_weights = false;
    return result;
}

static int run_command(struct execution *execution, size_t count,
                       const char *const *words, struct error *err)
{
    const struct edit_command *command = edit_command_find(words[0]);
    if (!command)
        return unknown_command(words[0], err);
    if (execution->argument)
        return error_set(err, ERROR_USAGE,
                         "'%s' after export or work, which must come last",
                         words[0]);
    size_t given = count - 1;
    if (given < (size_t)command->fewest ||
        (command->most >= 0 && given > (size_t)command->most))
        return error_set(err, ERROR_USAGE, "%s: found %zu word%s, expected: %s",
                         words[0], given, given == 1 ? "" : "s",
                         infos[command - commands].synopsis);
    if (command->run(execution, given, words + 1, err) < 0)
        return error_prefix(err, "%s", words[0]);
    return 0;
}

static int run_words(struct execution *execution, const struct words *words,
                     struct error *err)
{
    for (size_t begin = 0, end; begin < words->count; begin = end + 1) {
        for (end = begin; words->items[end];)
            end++;
        if (run_command(execution, end - begin, words->items + begin, err) < 0)
            return -1;
    }
    return execution_flush(execution, err);
}

/* Without blanks around it and the line's end. */
static char *trimmed(const char *line)
{
    line += strspn(line, " \t");
    size_t length = strlen(line);
    while (length && strchr(" \t\r\n", line[length - 1]))
        length--;
    return strndup(line, length);
}

int state_execute(struct state *state, const char *line,
                  struct command_result *result, struct error *err)
{
    *result = (struct command_result){0};
    struct words words;
    if (words_parse(&words, line, err) < 0)
        return -1;
    const struct position before = state->at;
    struct execution execution = {.state = state};
    char *text = trimmed(line);
    execution.line = text;
    int status = text ? run_words(&execution, &words, err)
                      : error_memory(err, strlen(line));
    if (!status) {
        result->effect = execution.effect;
        result->message = string_copy(strbuf_text(&execution.message));
        if (execution.message.failed || !result->message)
            status = error_memory(err, execution.message.length);
    }
    if (status < 0) {
        free(result->message);
        free(execution.argument);
        *result = (struct command_result){0};
        state_restore(state, &before);
    } else {
        result->argument = execution.argument;
    }
    strbuf_release(&execution.message);
    strbuf_release(&execution.label);
    free(execution.draft);
    free(text);
    words_release(&words);
    return status;
}

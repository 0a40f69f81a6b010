/* Lines that come from outside: executed, journaled, or taken back. */
#include "base/array.h"
#include "base/file.h"
#include "session/parts.h"
#include "session/words.h"
#include "session/work.h"

#include <stdlib.h>
#include <string.h>

int session_journal(struct session *session, const char *lines,
                    const struct position *before, struct error *err)
{
    if (session->journal.descriptor < 0)
        return 0;
    if (journal_append(&session->journal, lines, err) < 0) {
        state_restore(&session->state, before);
        return -1;
    }
    session->journaled++;
    return 0;
}

/* Adds a line without blanks around it. */
static void add_line(struct strbuf *text, const char *line)
{
    line += strspn(line, " \t");
    size_t length = strcspn(line, "\r\n");
    strbuf_add_bytes(text, line, length);
    strbuf_add(text, "\n");
}

int session_execute(struct session *session, const char *line,
                    struct command_result *result, struct error *err)
{
    const struct position before = session->state.at;
    if (state_execute(&session->state, line, result, err) < 0)
        return -1;
    if (result->effect == COMMAND_NOTHING)
        return 0;
    struct strbuf text = {0};
    add_line(&text, line);
    int status = 0;
    if (text.failed) {
        state_restore(&session->state, &before);
        status = error_memory(err, strlen(line));
    } else {
        status = session_journal(session, text.text, &before, err);
    }
    strbuf_release(&text);
    if (status < 0)
        command_result_release(result);
    return status;
}

struct variant *session_preview(struct session *session, const char *line)
{
    struct state *state = &session->state;
    const struct position before = state->at;
    struct command_result result = {0};
    struct variant *made = NULL;
    if (state_execute(state, line, &result, NULL) < 0)
        return NULL;
    if (result.effect == COMMAND_EDITED && state->at.count > before.count)
        made = variant_retain(state_current(state));
    state_restore(state, &before);
    command_result_release(&result);
    return made;
}

void session_mark_saved(struct session *session)
{
    struct position *at = &session->state.at;
    const struct variant *saved = state_variant(&session->state, at->exported);
    if (!saved)
        saved = state_current(&session->state);
    const struct position before = *at;
    struct strbuf line = {0};
    strbuf_addf(&line, "saved %d\n", saved->id);
    at->saved_hash = saved->hash;
    /* Should the journal fail, the next session asks once too often. */
    if (!line.failed && session_journal(session, line.text, &before, NULL) < 0)
        at->saved_hash = saved->hash;
    strbuf_release(&line);
}

static void add_defaults(struct strbuf *text, const struct criterion *criterion,
                         const struct structure *structure)
{
    strbuf_addf(text, "criterion %s; structure %s\n", criterion->name,
                structure->name);
}

/* One line of a recipe; what counts is added to the journal's text. */
static int execute_recipe_line(struct session *session, const char *line,
                               struct strbuf *text, struct error *err)
{
    struct command_result result;
    if (state_execute(&session->state, line, &result, err) < 0)
        return -1;
    int status = 0;
    if (result.effect == COMMAND_EXPORT)
        status = error_set(err, ERROR_USAGE, "a recipe cannot export");
    else if (result.effect != COMMAND_NOTHING)
        add_line(text, line);
    if (!status && result.effect == COMMAND_WORK)
        status = session_do_work(session, result.argument, text, err);
    command_result_release(&result);
    return status;
}

static int execute_lines(struct session *session, char *data, size_t bytes,
                         const char *path, struct strbuf *text,
                         struct error *err)
{
    if (memchr(data, '\0', bytes))
        return error_set(err, ERROR_FORMAT,
                         "%s: found a zero byte, expected lines of text", path);
    int number = 1;
    for (char *line = data, *next; line; line = next, number++) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        if (execute_recipe_line(session, line, text, err) < 0)
            return error_prefix(err, "%s:%d", path, number);
    }
    return 0;
}

int session_execute_file(struct session *session, const char *path,
                         struct error *err)
{
    char *data;
    size_t bytes;
    if (file_read(&data, &bytes, path, err) < 0)
        return error_prefix(err, "%s", path);
    struct position *at = &session->state.at;
    const struct position before = *at;
    struct strbuf text = {0};
    at->criterion = criteria[0];
    at->structure = structures[0];
    if (before.criterion != at->criterion || before.structure != at->structure)
        add_defaults(&text, at->criterion, at->structure);
    size_t head = text.length;
    int result = execute_lines(session, data, bytes, path, &text, err);
    if (at->criterion != before.criterion || at->structure != before.structure)
        add_defaults(&text, before.criterion, before.structure);
    at->criterion = before.criterion;
    at->structure = before.structure;
    if (!result && text.failed)
        result = error_memory(err, bytes);
    if (result < 0)
        state_restore(&session->state, &before);
    else if (text.length > head)
        result = session_journal(session, text.text, &before, err);
    strbuf_release(&text);
    free(data);
    return result;
}

void session_add_word(struct strbuf *line, const char *word)
{
    words_add(line, word);
}

#include "base/array.h"
#include "base/file.h"
#include "session/checkpoint.h"
#include "session/words.h"
#include "session/work.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char adoption[] = "adopt ";

void session_outcome_release(struct session_outcome *outcome)
{
    free(outcome->decisions);
    weights_drop(outcome->weights);
    free(outcome->summary);
    free(outcome->line);
    *outcome = (struct session_outcome){0};
}

static bool changes_nothing(const struct session_outcome *outcome)
{
    return !outcome->decisions && !outcome->weights;
}

/* Adds the outcome as a child of `parent`. Somebody who has gone elsewhere
 * meanwhile stays there. Returns its id, or -1. */
static int add_outcome(struct state *state, int parent, const char *line,
                       const struct session_outcome *outcome, struct error *err)
{
    int here = state->at.current;
    const struct variant *from = state_variant(state, parent);
    if (outcome->line)
        line = outcome->line;
    state_go(state, parent);
    int result = state_add(
        state, outcome->decisions ? outcome->decisions : from->decisions,
        outcome->weights ? outcome->weights : from->weights, line,
        outcome->summary ? outcome->summary : line, err);
    int id = state->at.current;
    if (here != parent)
        state_go(state, here);
    return result < 0 ? -1 : id;
}

/* Writes the checkpoint of a variant beside the journal and the line that
 * leads to it. */
static int describe(const struct session *session, const struct variant *made,
                    struct strbuf *text, struct error *err)
{
    const char *journal = session->journal.path;
    if (session->journal.descriptor < 0)
        return 0;
    struct strbuf name = {0};
    char *folder = path_folder(journal);
    const char *base = path_name(journal);
    strbuf_addf(&name, "%.*s-%016" PRIx64 ".npz", (int)strcspn(base, "."), base,
                made->hash);
    char *path =
        folder && !name.failed ? path_join(folder, strbuf_text(&name)) : NULL;
    int result = path ? checkpoint_write(path, &session->state, made, err)
                      : error_memory(err, strlen(journal));
    strbuf_addf(text, "%s%d %s %s\n", adoption, made->parent,
                strbuf_text(&name), made->command);
    free(path);
    free(folder);
    strbuf_release(&name);
    return result;
}

int session_adopt(struct session *session, int parent, const char *line,
                  const struct session_outcome *outcome, struct error *err)
{
    struct state *state = &session->state;
    const struct position before = state->at;
    struct strbuf text = {0};
    if (changes_nothing(outcome))
        return parent;
    int id = add_outcome(state, parent, line, outcome, err);
    int result = id < 0 ? -1 : 0;
    if (!result)
        result = describe(session, state_variant(state, id), &text, err);
    if (!result && text.failed)
        result = error_memory(err, strlen(line));
    if (result < 0)
        state_restore(state, &before);
    else if (text.length)
        result = session_journal(session, text.text, &before, err);
    strbuf_release(&text);
    return result < 0 ? -1 : id;
}

/* The outcome of a line by the session's worker. */
static int work(const struct session *session, const struct variant *variant,
                const char *line, struct session_outcome *outcome,
                struct error *err)
{
    const struct session_worker *worker = session->options.worker;
    *outcome = (struct session_outcome){0};
    if (!worker || !worker->run)
        return error_set(err, ERROR_UNSUPPORTED,
                         "'%s' is work that nobody does here", line);
    return worker->run(worker->context, session, variant, line, outcome, err);
}

int session_do_work(struct session *session, const char *line,
                    struct strbuf *text, struct error *err)
{
    struct session_outcome outcome;
    struct state *state = &session->state;
    int parent = state->at.current, id = -1;
    if (work(session, state_current(state), line, &outcome, err) < 0)
        return -1;
    bool nothing = changes_nothing(&outcome);
    if (!nothing)
        id = add_outcome(state, parent, line, &outcome, err);
    session_outcome_release(&outcome);
    if (nothing)
        return 0;
    return id < 0 ? -1 : describe(session, state_variant(state, id), text, err);
}

/* --- replaying --- */

bool session_is_adoption(const char *line)
{
    return !strncmp(line, adoption, sizeof adoption - 1);
}

/* Cuts "PARENT FILE LINE..."; -1: it is none. */
static int cut(char *text, int count, char **file, char **line)
{
    char *end;
    long parent = strtol(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end != ' ' || parent >= count)
        return -1;
    *file = end + 1;
    end = strchr(*file, ' ');
    if (!end || end == *file || strchr(*file, '/'))
        return -1;
    *end = '\0';
    *line = end + 1;
    return (int)parent;
}

/* Whether a line gives the same whatever it is done on. */
static bool begins_anew(const char *line)
{
    return !strncmp(line, "reset;", 6);
}

/* The variant that a line's edits before its work make, and that work; the
 * state stays as it is. Both are the caller's. */
static int make_draft(struct session *session, int parent, const char *line,
                      struct variant **draft, char **order, struct error *err)
{
    struct state *state = &session->state;
    const struct position before = state->at;
    struct command_result result;
    state_go(state, parent);
    /* Such lines are written as recipes are. */
    state->at.criterion = criteria[0];
    state->at.structure = structures[0];
    int code = state_execute(state, line, &result, err);
    if (code == 0 && result.effect != COMMAND_WORK)
        code = error_set(err, ERROR_FORMAT, "found '%s', expected work", line);
    if (code == 0) {
        *draft = variant_retain(state_current(state));
        *order = result.argument;
        result.argument = NULL;
    }
    command_result_release(&result);
    state_restore(state, &before);
    return code;
}

/* Does a draft's line again: its edits, and its work on what they make. */
static int do_again(struct session *session, int parent, const char *line,
                    struct session_outcome *outcome, struct error *err)
{
    struct variant *draft;
    char *order;
    if (make_draft(session, parent, line, &draft, &order, err) < 0)
        return -1;
    int code = work(session, draft, order, outcome, err);
    size_t count = draft->layer_count;
    if (code == 0 && !outcome->decisions) {
        outcome->decisions = array_create(count + 1, sizeof *draft->decisions);
        if (outcome->decisions)
            memcpy(outcome->decisions, draft->decisions,
                   count * sizeof *draft->decisions);
        else
            code = error_memory(err, count * sizeof *draft->decisions);
    }
    if (code == 0 && !outcome->line && !(outcome->line = string_copy(line)))
        code = error_memory(err, strlen(line));
    if (code < 0)
        session_outcome_release(outcome);
    variant_drop(draft);
    free(order);
    return code;
}

static int read_outcome(struct session *session, const char *path, int parent,
                        const char *line, struct session_outcome *outcome,
                        struct error *err)
{
    *outcome = (struct session_outcome){0};
    /* Somebody else's journal may come without its checkpoints. */
    if (!file_exists(path) && session->options.worker &&
        session->options.worker->run)
        return begins_anew(line)
                   ? do_again(session, parent, line, outcome, err)
                   : work(session, state_variant(&session->state, parent), line,
                          outcome, err);
    return checkpoint_read(path, &session->state, outcome, err);
}

int session_replay_adoption(struct session *session, const char *journal,
                            const char *line, struct error *err)
{
    struct session_outcome outcome = {0};
    char *text = string_copy(line + sizeof adoption - 1);
    char *file = NULL, *order = NULL;
    char *folder = path_folder(journal);
    char *path = NULL;
    int result = text && folder ? 0 : error_memory(err, strlen(line));
    int parent =
        result ? -1 : cut(text, session->state.at.count, &file, &order);
    if (!result && parent < 0)
        result =
            error_set(err, ERROR_FORMAT,
                      "found '%s', expected adopt VARIANT FILE LINE", line);
    if (!result && !(path = path_join(folder, file)))
        result = error_memory(err, strlen(line));
    if (!result)
        result = read_outcome(session, path, parent, order, &outcome, err);
    if (!result &&
        add_outcome(&session->state, parent, order, &outcome, err) < 0)
        result = -1;
    session_outcome_release(&outcome);
    free(path);
    free(folder);
    free(text);
    return result;
}

/* --- recipes --- */

/* Layers that lose their decision: recipe_add leaves them out. */
static void add_dense(struct strbuf *text, const struct layer_table *layers,
                      const struct decision *before,
                      const struct decision *after)
{
    for (size_t i = 0; i < layers->count; i++) {
        struct choice choices[DECISION_CHOICES];
        size_t count = decision_choices(&before[i], choices);
        for (size_t j = 0; j < count; j++) {
            const struct structure *kind = choices[j].structure;
            struct strbuf line = {0};
            if (decision_choice(&after[i], kind).remove)
                continue;
            strbuf_add(&line, "set");
            words_add(&line, layers->layers[i].name);
            text->failed |= line.failed;
            strbuf_addf(text, "%s 0%%%s%s\n", strbuf_text(&line),
                        kind->narrows || kind->skips ? " " : "",
                        kind->narrows || kind->skips ? kind->name : "");
            strbuf_release(&line);
        }
    }
}

static bool same_decisions(const struct variant *a, const struct variant *b)
{
    for (size_t i = 0; i < a->layer_count; i++)
        if (!decision_equal(&a->decisions[i], &b->decisions[i]))
            return false;
    return true;
}

/* Lines from `from`, whose decisions stand, to the decisions of `to`. */
static void add_step(struct strbuf *text, const struct session *session,
                     const struct variant *from, const struct variant *to)
{
    if (same_decisions(from, to))
        return;
    add_dense(text, &session->layers, from->decisions, to->decisions);
    recipe_add(text, &session->layers, to->decisions);
}

/* The commands of a line, each on a line of its own; `reset`, with which a
 * draft begins, is left out of what begins dense. */
static void add_commands(struct strbuf *text, const char *line)
{
    struct words words;
    if (words_parse(&words, line, NULL) < 0) {
        strbuf_addf(text, "%s\n", line);
        return;
    }
    size_t begin = begins_anew(line) ? 2 : 0;
    for (size_t i = begin; i < words.count; i++) {
        struct strbuf command = {0};
        for (; words.items[i]; i++)
            words_add(&command, words.items[i]);
        text->failed |= command.failed;
        strbuf_addf(text, "%s\n", strbuf_text(&command));
        strbuf_release(&command);
    }
    words_release(&words);
}

/* Writes what leads to `variant` and returns the last that work made. */
static const struct variant *add_work(struct strbuf *text,
                                      const struct session *session,
                                      const struct variant *variant)
{
    const struct state *state = &session->state;
    if (!variant->weights)
        return state_variant(state, 0);
    const struct variant *made = variant;
    while (state_variant(state, made->parent)->weights == made->weights)
        made = state_variant(state, made->parent);
    const struct variant *before = state_variant(state, made->parent);
    if (!begins_anew(made->command))
        add_step(text, session, add_work(text, session, before), before);
    add_commands(text, made->command);
    return made;
}

void session_add_history(struct strbuf *text, const struct session *session,
                         const struct variant *variant)
{
    const struct variant *from = add_work(text, session, variant);
    if (!from->id)
        recipe_add(text, &session->layers, variant->decisions);
    else
        add_step(text, session, from, variant);
}

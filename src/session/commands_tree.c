/* The commands that walk the tree of variants, name them and hand them out.
 * Edits that stand before them on the line become a variant first. */
#include "base/array.h"
#include "session/command.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A whole number from 0 to `high`; -1 when the word is none. */
static int read_number(const char *word, int high)
{
    char *end;
    errno = 0;
    long value = strtol(word, &end, 10);
    if (!isdigit((unsigned char)word[0]) || *end || errno || value > high)
        return -1;
    return (int)value;
}

static int parent_of(const struct state *state, int id)
{
    return state_variant(state, id)->parent;
}

static int older_than(const struct state *state, int id)
{
    (void)state;
    return id - 1;
}

static int newer_than(const struct state *state, int id)
{
    return id + 1 < state->at.count ? id + 1 : -1;
}

static void say_where(struct execution *execution)
{
    const struct variant *now = state_current(execution->state);
    execution_say(execution, "#%d %s", now->id, now->summary);
    execution_affect(execution, COMMAND_EDITED);
}

/* Takes up to the asked number of steps; none at all is an error. */
static int walk(struct execution *execution, size_t count,
                const char *const *words,
                int (*next)(const struct state *state, int id),
                const char *nothing, struct error *err)
{
    struct state *state = execution->state;
    int steps = count ? read_number(words[0], 1000000) : 1;
    if (steps < 1)
        return error_set(err, ERROR_USAGE,
                         "found '%s', expected how many steps", words[0]);
    if (execution_flush(execution, err) < 0)
        return -1;
    int id = state->at.current;
    for (int to; steps > 0 && (to = next(state, id)) >= 0; steps--)
        id = to;
    if (id == state->at.current)
        return error_set(err, ERROR_RANGE, "%s", nothing);
    state_go(state, id);
    say_where(execution);
    return 0;
}

int edit_command_undo(struct execution *execution, size_t count,
                      const char *const *words, struct error *err)
{
    return walk(execution, count, words, parent_of, "nothing to undo", err);
}

int edit_command_redo(struct execution *execution, size_t count,
                      const char *const *words, struct error *err)
{
    return walk(execution, count, words, state_redo_target, "nothing to redo",
                err);
}

int edit_command_older(struct execution *execution, size_t count,
                       const char *const *words, struct error *err)
{
    return walk(execution, count, words, older_than,
                "this is the oldest variant", err);
}

int edit_command_newer(struct execution *execution, size_t count,
                       const char *const *words, struct error *err)
{
    return walk(execution, count, words, newer_than,
                "this is the newest variant", err);
}

int edit_command_goto(struct execution *execution, size_t count,
                      const char *const *words, struct error *err)
{
    (void)count;
    struct state *state = execution->state;
    if (execution_flush(execution, err) < 0)
        return -1;
    int named = state_find_snapshot(state, words[0]);
    int id = named >= 0 ? state->at.snapshots[named].id
                        : read_number(words[0], state->at.count - 1);
    if (id < 0)
        return error_set(err, ERROR_NAME,
                         "found '%s', expected a variant from 0 to %d or the "
                         "name of a snapshot",
                         words[0], state->at.count - 1);
    if (id == state->at.current) {
        execution_say(execution, "already at #%d", id);
        return 0;
    }
    state_go(state, id);
    say_where(execution);
    return 0;
}

/* The first letter that names nothing yet. */
static int free_letter(const struct state *state, char *name)
{
    name[1] = '\0';
    for (name[0] = 'A'; name[0] <= 'Z'; name[0]++)
        if (state_find_snapshot(state, name) < 0)
            return 0;
    return -1;
}

int edit_command_snapshot(struct execution *execution, size_t count,
                          const char *const *words, struct error *err)
{
    struct position *at = &execution->state->at;
    char letter[2];
    const char *name = count ? words[0] : letter;
    if (!count && free_letter(execution->state, letter) < 0)
        return error_set(err, ERROR_USAGE, "A to Z are taken, expected a name");
    size_t length = strlen(name);
    if (!length || length >= SNAPSHOT_NAME_BYTES ||
        isdigit((unsigned char)name[0]))
        return error_set(err, ERROR_USAGE,
                         "found the name '%s', expected 1 to %d bytes that do "
                         "not begin with a digit",
                         name, SNAPSHOT_NAME_BYTES - 1);
    if (execution_flush(execution, err) < 0)
        return -1;
    int index = state_find_snapshot(execution->state, name);
    if (index < 0 && at->snapshot_count == SNAPSHOT_MAX)
        return error_set(err, ERROR_RANGE, "there are %d snapshots already",
                         SNAPSHOT_MAX);
    if (index >= 0 && at->snapshots[index].id == at->current) {
        execution_say(execution, "%s is #%d already", name, at->current);
        return 0;
    }
    if (index >= 0)
        execution_say(execution, "%s is #%d now, was #%d", name, at->current,
                      at->snapshots[index].id);
    else
        execution_say(execution, "%s is #%d", name, at->current);
    if (index < 0)
        index = at->snapshot_count++;
    struct snapshot *snapshot = &at->snapshots[index];
    memcpy(snapshot->name, name, length + 1);
    snapshot->id = at->current;
    execution_affect(execution, COMMAND_SETTING);
    return 0;
}

int edit_command_export(struct execution *execution, size_t count,
                        const char *const *words, struct error *err)
{
    (void)count;
    if (!*words[0])
        return error_set(err, ERROR_USAGE, "found an empty path");
    if (execution_flush(execution, err) < 0)
        return -1;
    execution->argument = string_copy(words[0]);
    if (!execution->argument)
        return error_memory(err, strlen(words[0]));
    execution->state->at.exported = execution->state->at.current;
    execution_affect(execution, COMMAND_EXPORT);
    execution_say(execution, "export #%d to %s", execution->state->at.current,
                  words[0]);
    return 0;
}

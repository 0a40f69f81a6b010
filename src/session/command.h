/* Inside the session: executing lines of the command language. */
#ifndef SESSION_COMMAND_H
#define SESSION_COMMAND_H

#include "base/strbuf.h"
#include "session/session.h"
#include "session/state.h"

/* What a word of a command may be, for completion. */
enum word_kind {
    WORD_NONE,
    WORD_LAYER,
    WORD_AMOUNT,
    WORD_METHOD, /* structure or criterion */
    WORD_CRITERION_OR_LAYER,
    WORD_CRITERION,
    WORD_STRUCTURE,
    WORD_NUMBER,
    WORD_SNAPSHOT,
    WORD_PATH,
};

enum { COMMAND_WORD_KINDS = 3 };

/* A line while it is executed. */
struct execution {
    struct state *state;
    const char *line;       /* trimmed, for variant->command */
    struct decision *draft; /* edits not yet in the tree; owned, or NULL */
    int draft_commands;     /* edits that went into it */
    bool own_weights;       /* the draft goes back to the model's own weights */
    struct strbuf label;    /* summary of a single such edit, or empty */
    struct strbuf message;  /* what happened, for the status line */
    enum command_effect effect;
    char *argument; /* owned: path of an export, line of work */
};

/* One command: words follow its name. */
struct edit_command {
    const char *name;
    int fewest, most;
    enum word_kind kinds[COMMAND_WORD_KINDS];
    int (*run)(struct execution *execution, size_t count,
               const char *const *words, struct error *err);
};

/* The row of a name, NULL when there is none. */
const struct edit_command *edit_command_find(const char *name);

/*
 * Executes a line on the state alone (no journal). On failure the state is
 * as it was.
 */
int state_execute(struct state *state, const char *line,
                  struct command_result *result, struct error *err);

/* The decisions being edited, a copy of the current variant's at first. */
struct decision *execution_draft(struct execution *execution,
                                 struct error *err);

/* Puts pending edits into the tree as one variant, unless nothing changed. */
int execution_flush(struct execution *execution, struct error *err);

/* Adds one clause to the message. */
void execution_say(struct execution *execution, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Orders work: the words behind `name`, checked by the session's worker. */
int execution_order(struct execution *execution, const char *name, size_t count,
                    const char *const *words, struct error *err);

/* The effect that weighs more stays. */
void execution_affect(struct execution *execution, enum command_effect effect);

/* "conv1 80→85%" or "6 layers →85%": what two sets of decisions differ in;
 * empty when they are equal. */
void summary_add(struct strbuf *text, const struct layer_table *layers,
                 const struct decision *before, const struct decision *after);

#define COMMAND(name, ...)                                                     \
    int edit_command_##name(struct execution *execution, size_t count,         \
                            const char *const *words, struct error *err);
#include "session/command_list.h"
#undef COMMAND

#endif

/*
 * Work: lines that take long (reconstruct, tune, ...). The session only orders
 * it and adopts its outcome; the engine does it. A line that ordered work
 * replays as its edits alone; the `adopt` line that follows in the journal
 * leads to the outcome:
 *
 *     adopt PARENT FILE LINE...
 */
#ifndef SESSION_WORK_H
#define SESSION_WORK_H

#include "session/parts.h"

/* Does the work of a line on the current variant and adopts it, by the
 * session's worker; what the journal must say is added to `text`. */
int session_do_work(struct session *session, const char *line,
                    struct strbuf *text, struct error *err);

/* Whether a journal's line is an `adopt` line; and doing what it says, in
 * the journal's folder. */
bool session_is_adoption(const char *line);
int session_replay_adoption(struct session *session, const char *journal,
                            const char *line, struct error *err);

/* Adds the lines that lead from the dense model to a variant. */
void session_add_history(struct strbuf *text, const struct session *session,
                         const struct variant *variant);

#endif

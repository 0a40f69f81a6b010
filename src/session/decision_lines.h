/* Decisions as lines of text in checkpoints: ROW STRUCTURE CRITERION UNITS. */
#ifndef SESSION_DECISION_LINES_H
#define SESSION_DECISION_LINES_H

#include "base/strbuf.h"
#include "prune/decision.h"

/* Dense layers have no line. */
void decision_lines_add(struct strbuf *text, const struct decision *decisions,
                        size_t count);

/* decisions  (layers->count), written
 * Errors: ERROR_FORMAT (unlike the model). */
int decision_lines_read(struct decision *decisions, const char *text,
                        const struct layer_table *layers, struct error *err);

#endif

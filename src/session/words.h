/* A line of the command language, cut into words. */
#ifndef SESSION_WORDS_H
#define SESSION_WORDS_H

#include "base/error.h"
#include "base/strbuf.h"

#include <stddef.h>

/*
 * The words of all commands of a line, in order; NULL ends each command.
 * Blanks separate words, ';' separates commands, '#' at the beginning of a
 * word starts a comment. "..." and '...' keep what is inside together; a
 * backslash inside "..." makes the next character ordinary.
 */
struct words {
    char *buffer;
    const char **items;
    size_t count;
};

/* Errors: ERROR_USAGE (an open quote, a control character). */
int words_parse(struct words *words, const char *line, struct error *err);
void words_release(struct words *words);

/* Adds `word` so that words_parse gives it back, quoted only if needed. */
void words_add(struct strbuf *line, const char *word);

#endif

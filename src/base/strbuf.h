/* A growing string. */
#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* `struct strbuf s = {0};` is empty. After a failed growth `failed` stays
 * set and the text keeps what fitted, so callers may check once at the end. */
struct strbuf {
    char *text; /* NUL-terminated once anything was added, else NULL */
    size_t length, capacity;
    bool failed;
};

void strbuf_release(struct strbuf *s);
void strbuf_clear(struct strbuf *s);
void strbuf_add(struct strbuf *s, const char *text);
void strbuf_add_bytes(struct strbuf *s, const void *data, size_t bytes);
void strbuf_addf(struct strbuf *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void strbuf_vaddf(struct strbuf *s, const char *format, va_list args);

/* The text, "" when empty; borrowed. */
const char *strbuf_text(const struct strbuf *s);

/* Hands the text to the caller (free it) and empties s; NULL when failed. */
char *strbuf_take(struct strbuf *s);

#endif

/* Error values: one code and one sentence, written where the fact is known. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>

enum error_code {
    ERROR_NONE,
    ERROR_IO,          /* the system refused a file operation */
    ERROR_FORMAT,      /* bytes are not what their format demands */
    ERROR_SHAPE,       /* dimensions or types do not fit */
    ERROR_UNSUPPORTED, /* valid, but not something espalier can do */
    ERROR_RANGE,       /* a number is outside its bounds */
    ERROR_NAME,        /* something named does not exist */
    ERROR_USAGE,       /* the command was used wrongly */
    ERROR_MEMORY,      /* allocation failed or a size overflows */
    ERROR_CANCELLED,   /* somebody asked to stop */
    ERROR_MISMATCH,    /* a check of our own results failed */
};

enum { ERROR_MESSAGE_BYTES = 1024 };

/* A caller's storage; `struct error err = {0};` is ready for use. */
struct error {
    enum error_code code;
    char message[ERROR_MESSAGE_BYTES];
};

/*
 * Records what went wrong. Messages: lower case, no full stop, the subject in
 * single quotes, what was found and what was expected.
 *
 * err     written; may be NULL when the caller does not want to know
 *
 * Returns -1 always, so that a function can `return error_set(...)`.
 */
int error_set(struct error *err, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Puts "prefix: " before the message, when a caller knows the place (layer,
 * node, file). Returns -1 always.
 */
int error_prefix(struct error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Records that `bytes` could not be had. Returns -1 always. */
int error_memory(struct error *err, unsigned long long bytes);

#endif

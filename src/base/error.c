#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *err, enum error_code code, const char *format, ...)
{
    if (!err)
        return -1;
    va_list args;
    va_start(args, format);
    err->code = code;
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return -1;
}

int error_prefix(struct error *err, const char *format, ...)
{
    if (!err)
        return -1;
    char old[ERROR_MESSAGE_BYTES];
    memcpy(old, err->message, sizeof old);
    va_list args;
    va_start(args, format);
    int used = vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    if (used < 0 || (size_t)used >= sizeof err->message)
        return -1;
    size_t room = sizeof err->message - (size_t)used;
    /* A long message loses its end, never its beginning. */
    snprintf(err->message + used, room, ": %.*s",
             (int)(room > 3 ? room - 3 : 0), old);
    return -1;
}

int error_memory(struct error *err, unsigned long long bytes)
{
    return error_set(err, ERROR_MEMORY, "out of memory (%llu bytes wanted)",
                     bytes);
}

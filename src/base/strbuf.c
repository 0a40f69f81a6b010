#include "base/strbuf.h"
#include "base/array.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void strbuf_release(struct strbuf *s)
{
    free(s->text);
    *s = (struct strbuf){0};
}

void strbuf_clear(struct strbuf *s)
{
    s->length = 0;
    if (s->text)
        s->text[0] = '\0';
}

void strbuf_add_bytes(struct strbuf *s, const void *data, size_t bytes)
{
    if (s->failed ||
        array_reserve(&s->text, &s->capacity, s->length + bytes + 1, 1) < 0) {
        s->failed = true;
        return;
    }
    if (bytes)
        memcpy(s->text + s->length, data, bytes);
    s->length += bytes;
    s->text[s->length] = '\0';
}

void strbuf_add(struct strbuf *s, const char *text)
{
    strbuf_add_bytes(s, text, strlen(text));
}

void strbuf_vaddf(struct strbuf *s, const char *format, va_list args)
{
    char small[256];
    va_list again;
    va_copy(again, args);
    int need = vsnprintf(small, sizeof small, format, args);
    if (need < 0) {
        s->failed = true;
    } else if ((size_t)need < sizeof small) {
        strbuf_add_bytes(s, small, (size_t)need);
    } else if (array_reserve(&s->text, &s->capacity,
                             s->length + (size_t)need + 1, 1) < 0) {
        s->failed = true;
    } else {
        vsnprintf(s->text + s->length, (size_t)need + 1, format, again);
        s->length += (size_t)need;
    }
    va_end(again);
}

void strbuf_addf(struct strbuf *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    strbuf_vaddf(s, format, args);
    va_end(args);
}

const char *strbuf_text(const struct strbuf *s)
{
    return s->text ? s->text : "";
}

char *strbuf_take(struct strbuf *s)
{
    if (s->failed) {
        strbuf_release(s);
        return NULL;
    }
    if (!s->text)
        strbuf_add(s, "");
    char *text = s->failed ? NULL : s->text;
    *s = (struct strbuf){0};
    return text;
}

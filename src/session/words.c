#include "session/words.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

/* A position in the line and the place that the next character goes to. */
struct cutter {
    const char *in;
    char *out;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Tabs are blanks; nothing else below the blank may reach the journal. */
static bool is_control(char c)
{
    return ((unsigned char)c < ' ' && c != '\t') || c == 0x7f;
}

/* Copies one quoted part; in points at the quote. */
static int cut_quoted(struct cutter *cut, struct error *err)
{
    char quote = *cut->in++;
    while (*cut->in && *cut->in != quote) {
        if (quote == '"' && *cut->in == '\\' && cut->in[1])
            cut->in++;
        *cut->out++ = *cut->in++;
    }
    if (!*cut->in)
        return error_set(err, ERROR_USAGE, "a quote (%c) is not closed", quote);
    cut->in++;
    return 0;
}

static int cut_word(struct cutter *cut, struct error *err)
{
    while (*cut->in && !is_blank(*cut->in) && *cut->in != ';') {
        if (*cut->in != '"' && *cut->in != '\'')
            *cut->out++ = *cut->in++;
        else if (cut_quoted(cut, err) < 0)
            return -1;
    }
    *cut->out++ = '\0';
    return 0;
}

int words_parse(struct words *words, const char *line, struct error *err)
{
    *words = (struct words){0};
    size_t length = strlen(line);
    while (length && (line[length - 1] == '\n' || line[length - 1] == '\r'))
        length--;
    for (size_t i = 0; i < length; i++)
        if (is_control(line[i]))
            return error_set(err, ERROR_USAGE,
                             "found the control character %d at column %zu",
                             line[i], i + 1);
    /* Every word takes at least one character and a separator. */
    char *copy = strndup(line, length);
    words->buffer = array_create(length + 2, 1);
    words->items = array_create(length + 2, sizeof *words->items);
    if (!copy || !words->buffer || !words->items) {
        free(copy);
        words_release(words);
        return error_memory(err, length * sizeof *words->items);
    }
    struct cutter cut = {copy, words->buffer};
    int result = 0;
    while (!result && *cut.in && *cut.in != '#') {
        if (is_blank(*cut.in)) {
            cut.in++;
        } else if (*cut.in == ';') {
            cut.in++;
            if (words->count && words->items[words->count - 1])
                words->items[words->count++] = NULL;
        } else {
            words->items[words->count++] = cut.out;
            result = cut_word(&cut, err);
        }
    }
    free(copy);
    if (result < 0) {
        words_release(words);
        return -1;
    }
    if (words->count && words->items[words->count - 1])
        words->items[words->count++] = NULL;
    return 0;
}

void words_release(struct words *words)
{
    free(words->buffer);
    free(words->items);
    *words = (struct words){0};
}

void words_add(struct strbuf *line, const char *word)
{
    if (line->length)
        strbuf_add(line, " ");
    if (*word && *word != '#' && !strpbrk(word, " \t;\"'")) {
        strbuf_add(line, word);
        return;
    }
    strbuf_add(line, "\"");
    for (const char *p = word; *p; p++) {
        if (*p == '"' || *p == '\\')
            strbuf_add(line, "\\");
        strbuf_add_bytes(line, p, 1);
    }
    strbuf_add(line, "\"");
}

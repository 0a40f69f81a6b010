/* Completion: the kinds of words come from the table of commands. */
#include "base/array.h"
#include "session/command.h"
#include "session/parts.h"
#include "session/words.h"

#include <stdlib.h>
#include <string.h>

struct completion {
    const struct session *session;
    const char *prefix; /* of the word being typed */
    void (*add)(void *context, const char *word);
    void *context;
};

static void offer(const struct completion *c, const char *word)
{
    if (strncmp(word, c->prefix, strlen(c->prefix)))
        return;
    struct strbuf quoted = {0};
    words_add(&quoted, word);
    if (!quoted.failed)
        c->add(c->context, quoted.text);
    strbuf_release(&quoted);
}

static void offer_commands(const struct completion *c)
{
    for (const struct command_info *info = session_commands(); info->name;
         info++)
        offer(c, info->name);
}

static void offer_layers(const struct completion *c)
{
    const struct layer_table *layers = session_layers(c->session);
    for (size_t i = 0; i < layers->count; i++)
        if (layers->layers[i].prunable)
            offer(c, layers->layers[i].name);
}

static void offer_criteria(const struct completion *c)
{
    for (size_t i = 0; criteria[i]; i++)
        offer(c, criteria[i]->name);
}

static void offer_structures(const struct completion *c)
{
    for (size_t i = 0; structures[i]; i++)
        offer(c, structures[i]->name);
}

static void offer_methods(const struct completion *c)
{
    offer_structures(c);
    offer_criteria(c);
}

static void offer_criteria_and_layers(const struct completion *c)
{
    offer_criteria(c);
    offer_layers(c);
}

static void offer_snapshots(const struct completion *c)
{
    const struct position *at = &c->session->state.at;
    for (int i = 0; i < at->snapshot_count; i++)
        offer(c, at->snapshots[i].name);
}

/* Kinds that are not here (amounts, numbers, paths) offer nothing. */
static void (*const offers[])(const struct completion *c) = {
    [WORD_LAYER] = offer_layers,
    [WORD_METHOD] = offer_methods,
    [WORD_CRITERION_OR_LAYER] = offer_criteria_and_layers,
    [WORD_CRITERION] = offer_criteria,
    [WORD_STRUCTURE] = offer_structures,
    [WORD_SNAPSHOT] = offer_snapshots,
    [WORD_PATH] = NULL,
};

/* The last command's words begin here. */
static size_t last_command(const struct words *words)
{
    size_t begin = 0;
    for (size_t i = 0; i + 1 < words->count; i++)
        if (!words->items[i])
            begin = i + 1;
    return begin;
}

static void offer_for(struct completion *c, const char *const *words,
                      size_t before)
{
    if (!before) {
        offer_commands(c);
        return;
    }
    const struct edit_command *command = edit_command_find(words[0]);
    size_t kind =
        before <= COMMAND_WORD_KINDS ? before - 1 : COMMAND_WORD_KINDS - 1;
    if (command && offers[command->kinds[kind]])
        offers[command->kinds[kind]](c);
}

/*
 * A mark that nobody types is put behind the line: the word that ends in it
 * is the one under the cursor, be it empty, quoted or a comment (no word).
 */
void session_complete(const struct session *session, const char *line,
                      void (*add)(void *context, const char *word),
                      void *context)
{
    static const char mark[] = "\xee\x80\x80", *const ends[] = {"", "\"", "'"};
    struct completion c = {session, "", add, context};
    struct words words = {0};
    int status = -1;
    for (size_t i = 0; status < 0 && i < ARRAY_LENGTH(ends); i++) {
        struct strbuf marked = {0};
        strbuf_addf(&marked, "%s%s%s", line, mark, ends[i]);
        if (!marked.failed)
            status = words_parse(&words, marked.text, NULL);
        strbuf_release(&marked);
    }
    if (status < 0)
        return;
    const char *last = words.count ? words.items[words.count - 2] : "";
    char *cursor = strstr(last, mark);
    if (cursor && !strcmp(cursor, mark)) {
        size_t begin = last_command(&words);
        *cursor = '\0';
        c.prefix = last;
        offer_for(&c, words.items + begin, words.count - 2 - begin);
    }
    words_release(&words);
}

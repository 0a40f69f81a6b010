/*
 * Reading journals. Numbers of the head are read and written in the C
 * locale whatever the program's is, and as the shortest decimals that come
 * back as the same double.
 */
#include "session/journal.h"

#include "base/array.h"
#include "base/file.h"
#include "session/words.h"

#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JOURNAL_VERSION = 1 };

/* --- the head as text --- */

static void add_number(struct strbuf *s, double value)
{
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    strbuf_addf(s, " %s", text);
}

static void add_numbers(struct strbuf *s, const char *name, const double *list,
                        int count)
{
    strbuf_addf(s, " %s", name);
    for (int i = 0; i < count; i++)
        add_number(s, list[i]);
}

static void add_quoted(struct strbuf *s, const char *text)
{
    strbuf_add(s, " \"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            strbuf_add(s, "\\");
        strbuf_add_bytes(s, text, 1);
    }
    strbuf_add(s, "\"");
}

static void add_transform(struct strbuf *s, const struct transform *t)
{
    strbuf_add(s, " scale");
    add_number(s, t->scale);
    add_numbers(s, "mean", t->mean, t->channels);
    add_numbers(s, "std", t->std, t->channels);
    strbuf_add(s, " name");
    add_quoted(s, t->name);
}

static void add_head(struct strbuf *s, const struct journal_head *head)
{
    strbuf_addf(s, "session %d\nmodel", JOURNAL_VERSION);
    add_quoted(s, head->model_path);
    strbuf_addf(s, " %016" PRIx64, head->model_hash);
    if (head->external_hash)
        strbuf_addf(s, " %016" PRIx64, head->external_hash);
    strbuf_add(s, "\n");
    if (head->data_path) {
        strbuf_add(s, "data");
        add_quoted(s, head->data_path);
        if (head->split) {
            strbuf_add(s, " split");
            add_quoted(s, head->split);
        }
        picture_shape_text(s, &head->shape, "");
        strbuf_add(s, "\n");
    }
    if (head->train) {
        strbuf_add(s, "train");
        add_quoted(s, head->train);
        strbuf_add(s, "\n");
    }
    if (head->holdout) {
        strbuf_add(s, "holdout");
        add_quoted(s, head->holdout);
        strbuf_add(s, "\n");
    }
    strbuf_addf(s, "samples %" PRId64 "\nseed %" PRIu64 "\n", head->samples,
                head->seed);
    if (!head->has_transform)
        return;
    strbuf_add(s, "preprocess");
    add_transform(s, &head->transform);
    if (head->trial_samples) {
        add_numbers(s, "accuracy", &head->accuracy, 1);
        strbuf_addf(s, " samples %" PRId64, head->trial_samples);
    }
    strbuf_add(s, "\n");
}

/* Runs with the C locale in this thread; NULL when that is impossible. */
static locale_t enter_c_locale(locale_t *c)
{
    *c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    return *c ? uselocale(*c) : (locale_t)0;
}

static void leave_c_locale(locale_t old, locale_t c)
{
    if (old)
        uselocale(old);
    if (c)
        freelocale(c);
}

char *journal_head_text(const struct journal_head *head)
{
    struct strbuf s = {0};
    locale_t c, old = enter_c_locale(&c);
    add_head(&s, head);
    leave_c_locale(old, c);
    return strbuf_take(&s);
}

char *journal_transform_text(const struct transform *transform)
{
    struct strbuf s = {0};
    locale_t c, old = enter_c_locale(&c);
    add_transform(&s, transform);
    leave_c_locale(old, c);
    char *line = strbuf_take(&s), *text = line ? string_copy(line + 1) : NULL;
    free(line);
    return text;
}

/* --- the head from text: a table of its words --- */

/* The words of a line behind its name. */
struct head_line {
    const char *const *words;
    size_t count;
};

static int bad_line(struct error *err, const char *expected)
{
    return error_set(err, ERROR_FORMAT, "expected: %s", expected);
}

static bool read_double(const char *word, double *value)
{
    char *end;
    *value = strtod(word, &end);
    return end != word && !*end;
}

static bool read_integer(const char *word, int64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoll(word, &end, 10);
    return end != word && !*end && !errno;
}

static int keep_string(char **out, const char *text, struct error *err)
{
    free(*out);
    *out = string_copy(text);
    return *out ? 0 : error_memory(err, strlen(text));
}

static int read_session(struct journal_head *head, struct head_line line,
                        struct error *err)
{
    int64_t version;
    (void)head;
    if (line.count != 1 || !read_integer(line.words[0], &version))
        return bad_line(err, "session VERSION");
    if (version != JOURNAL_VERSION)
        return error_set(err, ERROR_UNSUPPORTED,
                         "found a session of version %lld, expected %d",
                         (long long)version, JOURNAL_VERSION);
    return 0;
}

static int read_model(struct journal_head *head, struct head_line line,
                      struct error *err)
{
    uint64_t *const hashes[] = {&head->model_hash, &head->external_hash};
    bool good = line.count == 2 || line.count == 3;
    for (size_t i = 1; good && i < line.count; i++) {
        char *end;
        *hashes[i - 1] = strtoull(line.words[i], &end, 16);
        good = end != line.words[i] && !*end;
    }
    if (!good)
        return bad_line(err, "model \"PATH\" HASH [HASH]");
    return keep_string(&head->model_path, line.words[0], err);
}

static int read_data(struct journal_head *head, struct head_line line,
                     struct error *err)
{
    static const char form[] = "data \"PATH\" [split NAME] [resize HxW] [crop "
                               "HxW] [channels bgr] [layout nhwc]";
    if (line.count % 2 == 0)
        return bad_line(err, form);
    for (size_t i = 1; i < line.count; i += 2) {
        const char *name = line.words[i], *value = line.words[i + 1];
        bool shape = picture_shape_knows(name);
        if (!shape && strcmp(name, "split"))
            return bad_line(err, form);
        if (shape ? picture_shape_word(&head->shape, name, value, err) < 0
                  : keep_string(&head->split, value, err) < 0)
            return -1;
    }
    return keep_string(&head->data_path, line.words[0], err);
}

static int read_train(struct journal_head *head, struct head_line line,
                      struct error *err)
{
    if (line.count != 1)
        return bad_line(err, "train \"DATA\"");
    return keep_string(&head->train, line.words[0], err);
}

static int read_holdout(struct journal_head *head, struct head_line line,
                        struct error *err)
{
    if (line.count != 1)
        return bad_line(err, "holdout \"DATA\"");
    return keep_string(&head->holdout, line.words[0], err);
}

static int read_samples(struct journal_head *head, struct head_line line,
                        struct error *err)
{
    if (line.count != 1 || !read_integer(line.words[0], &head->samples) ||
        head->samples < 0)
        return bad_line(err, "samples NUMBER");
    return 0;
}

static int read_seed(struct journal_head *head, struct head_line line,
                     struct error *err)
{
    char *end = NULL;
    if (line.count == 1)
        head->seed = strtoull(line.words[0], &end, 10);
    if (!end || end == line.words[0] || *end)
        return bad_line(err, "seed NUMBER");
    return 0;
}

/* Numbers until the next name; how many, at most `room`. */
static int read_numbers(struct head_line line, size_t *next, double *list,
                        int room)
{
    int count = 0;
    while (count < room && *next < line.count &&
           read_double(line.words[*next], &list[count])) {
        count++;
        (*next)++;
    }
    return count;
}

static int read_preprocess(struct journal_head *head, struct head_line line,
                           struct error *err)
{
    struct transform *t = &head->transform;
    int scales = 0, means = 0, stds = 0;
    size_t i = 0;
    *t = (struct transform){.scale = 1};
    while (i + 1 < line.count) {
        const char *name = line.words[i++];
        if (!strcmp(name, "scale"))
            scales = read_numbers(line, &i, &t->scale, 1);
        else if (!strcmp(name, "mean"))
            means = read_numbers(line, &i, t->mean, 4);
        else if (!strcmp(name, "std"))
            stds = read_numbers(line, &i, t->std, 4);
        else if (!strcmp(name, "name"))
            snprintf(t->name, sizeof t->name, "%s", line.words[i++]);
        else if (!strcmp(name, "accuracy"))
            read_numbers(line, &i, &head->accuracy, 1);
        else if (!strcmp(name, "samples") &&
                 read_integer(line.words[i], &head->trial_samples))
            i++;
        else
            break;
    }
    t->channels = means;
    head->has_transform = true;
    bool usable = t->scale != 0 && isfinite(t->scale);
    for (int j = 0; j < stds; j++)
        usable = usable && t->std[j] != 0;
    if (i != line.count || !scales || !means || means != stds || !usable)
        return bad_line(err, "preprocess scale X mean A [B C] std A [B C] "
                             "name \"NAME\"");
    return 0;
}

static const struct {
    const char *name;
    int (*read)(struct journal_head *head, struct head_line line,
                struct error *err);
} head_words[] = {
    {"session", read_session}, {"model", read_model},
    {"data", read_data},       {"train", read_train},
    {"holdout", read_holdout}, {"samples", read_samples},
    {"seed", read_seed},       {"preprocess", read_preprocess},
};

/* 1 when the line belongs to the head, 0 when not, -1 after an error. */
static int read_head_line(struct journal_head *head, const char *line,
                          bool first, struct error *err)
{
    struct words words;
    if (words_parse(&words, line, err) < 0)
        return -1;
    int result = 0;
    const char *name = words.count ? words.items[0] : "";
    if (first && strcmp(name, "session")) {
        result = error_set(err, ERROR_FORMAT,
                           "not an espalier session: expected 'session %d' in "
                           "the first line",
                           JOURNAL_VERSION);
    } else {
        for (size_t i = 0; i < ARRAY_LENGTH(head_words); i++)
            if (!strcmp(name, head_words[i].name)) {
                struct head_line rest = {words.items + 1, words.count - 2};
                result = head_words[i].read(head, rest, err);
                if (!result)
                    result = 1;
                break;
            }
    }
    words_release(&words);
    return result;
}

int journal_transform_read(struct transform *out, const char *text,
                           struct error *err)
{
    struct journal_head head = {0};
    struct words words; /* the last one ends the command */
    if (words_parse(&words, text, err) < 0)
        return -1;
    locale_t c, old = enter_c_locale(&c);
    int result = read_preprocess(
        &head, (struct head_line){words.items, words.count - 1}, err);
    leave_c_locale(old, c);
    words_release(&words);
    *out = head.transform;
    return result;
}

/* Cuts the bytes at line ends; a last line without one is torn. */
static int cut_lines(struct journal_text *text, size_t bytes, struct error *err)
{
    size_t lines = 0;
    for (size_t i = 0; i < bytes; i++)
        lines += text->data[i] == '\n';
    text->lines = array_create(lines, sizeof *text->lines);
    text->numbers = array_create(lines, sizeof *text->numbers);
    if (!text->lines || !text->numbers)
        return error_memory(err, lines * sizeof *text->lines);
    char *line = text->data, *end = text->data + bytes;
    for (size_t i = 0; i < lines; i++) {
        char *newline = memchr(line, '\n', (size_t)(end - line));
        if (memchr(line, '\0', (size_t)(newline - line))) {
            if (i + 1 < lines) /* zeros in the middle: not ours */
                return error_set(err, ERROR_FORMAT, "line %zu holds zero bytes",
                                 i + 1);
            break;
        }
        *newline = '\0';
        text->lines[i] = line;
        text->numbers[i] = i + 1;
        text->count++;
        line = newline + 1;
    }
    text->bytes = line - text->data;
    return 0;
}

/* Takes the head's lines off the front. */
static int take_head(struct journal_text *text, struct error *err)
{
    size_t head = 0;
    for (; head < text->count; head++) {
        int status =
            read_head_line(&text->head, text->lines[head], head == 0, err);
        if (status < 0)
            return error_prefix(err, "line %zu", head + 1);
        if (!status)
            break;
    }
    if (!text->head.model_path)
        return error_set(err, ERROR_FORMAT,
                         "the session's head is not complete: no 'model' line");
    text->count -= head;
    memmove(text->lines, text->lines + head, text->count * sizeof *text->lines);
    memmove(text->numbers, text->numbers + head,
            text->count * sizeof *text->numbers);
    text->closed =
        text->count && !strcmp(text->lines[text->count - 1], "close");
    return 0;
}

int journal_read(struct journal_text *text, const char *path, struct error *err)
{
    *text = (struct journal_text){.head = {.accuracy = NAN}};
    size_t bytes;
    int result = file_read(&text->data, &bytes, path, err);
    if (!result)
        result = cut_lines(text, bytes, err);
    if (!result) {
        locale_t c, old = enter_c_locale(&c);
        result = take_head(text, err);
        leave_c_locale(old, c);
    }
    if (result < 0) {
        journal_text_release(text);
        error_prefix(err, "%s", path);
    }
    return result;
}

void journal_text_release(struct journal_text *text)
{
    free(text->head.model_path);
    free(text->head.data_path);
    free(text->head.split);
    free(text->head.train);
    free(text->head.holdout);
    free(text->data);
    free(text->lines);
    free(text->numbers);
    *text = (struct journal_text){0};
}

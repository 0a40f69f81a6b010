/* The text is UTF-8 and the cursor stands on a character's first byte. */
#include "editor.h"

#include "base/array.h"
#include "key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void editor_release(struct editor *editor)
{
    for (size_t i = 0; i < editor->history_count; i++)
        free(editor->history[i]);
    *editor = (struct editor){0};
}

void editor_set(struct editor *editor, const char *text)
{
    snprintf(editor->text, sizeof editor->text, "%s", text);
    editor->length = strlen(editor->text);
    editor->cursor = editor->length;
    editor->history_at = editor->history_count;
}

void editor_remember(struct editor *editor)
{
    size_t count = editor->history_count;
    editor->history_at = count;
    if (editor->length == 0 ||
        (count > 0 && strcmp(editor->history[count - 1], editor->text) == 0))
        return;
    char *copy = string_copy(editor->text);
    if (copy == NULL)
        return; /* only comfort is lost */
    if (count == EDITOR_HISTORY) {
        free(editor->history[0]);
        memmove(editor->history, editor->history + 1,
                (count - 1) * sizeof *editor->history);
        count--;
    }
    editor->history[count] = copy;
    editor->history_count = editor->history_at = count + 1;
}

static bool continues(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

static size_t before(const struct editor *editor, size_t at)
{
    if (at > 0)
        at--;
    while (at > 0 && continues(editor->text[at]))
        at--;
    return at;
}

static size_t behind(const struct editor *editor, size_t at)
{
    if (at < editor->length)
        at++;
    while (at < editor->length && continues(editor->text[at]))
        at++;
    return at;
}

static void cut(struct editor *editor, size_t from, size_t to)
{
    memmove(editor->text + from, editor->text + to, editor->length - to + 1);
    editor->length -= to - from;
    editor->cursor = from;
}

static void insert(struct editor *editor, const char *bytes, size_t count)
{
    if (editor->length + count + 1 > sizeof editor->text)
        return;
    memmove(editor->text + editor->cursor + count,
            editor->text + editor->cursor, editor->length - editor->cursor + 1);
    memcpy(editor->text + editor->cursor, bytes, count);
    editor->length += count;
    editor->cursor += count;
}

static void type(struct editor *editor, int key)
{
    unsigned c = (unsigned)key;
    char bytes[4];
    size_t count = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = count; i-- > 1; c >>= 6)
        bytes[i] = (char)(0x80 | (c & 0x3f));
    bytes[0] = (char)(lead[count] | c);
    insert(editor, bytes, count);
}

static void walk_history(struct editor *editor, int step)
{
    size_t at = editor->history_at;
    if ((step < 0 && at == 0) || (step > 0 && at >= editor->history_count))
        return;
    if (at == editor->history_count)
        memcpy(editor->draft, editor->text, sizeof editor->draft);
    at = step < 0 ? at - 1 : at + 1;
    editor_set(editor, at == editor->history_count ? editor->draft
                                                   : editor->history[at]);
    editor->history_at = at;
}

static size_t word_start(const struct editor *editor)
{
    size_t at = editor->cursor;
    while (at > 0 && editor->text[at - 1] == ' ')
        at--;
    while (at > 0 && editor->text[at - 1] != ' ')
        at--;
    return at;
}

bool editor_key(struct editor *editor, int key)
{
    switch (key) {
    case KEY_CODE_LEFT:
    case KEY_CONTROL('B'):
        editor->cursor = before(editor, editor->cursor);
        return true;
    case KEY_CODE_RIGHT:
    case KEY_CONTROL('F'):
        editor->cursor = behind(editor, editor->cursor);
        return true;
    case KEY_CODE_HOME:
    case KEY_CONTROL('A'):
        editor->cursor = 0;
        return true;
    case KEY_CODE_END:
    case KEY_CONTROL('E'):
        editor->cursor = editor->length;
        return true;
    case KEY_CODE_BACKSPACE:
    case KEY_CONTROL('H'):
        cut(editor, before(editor, editor->cursor), editor->cursor);
        return true;
    case KEY_CODE_DELETE:
    case KEY_CONTROL('D'): {
        size_t at = editor->cursor;
        cut(editor, at, behind(editor, at));
        return true;
    }
    case KEY_CONTROL('U'):
        cut(editor, 0, editor->cursor);
        return true;
    case KEY_CONTROL('K'):
        cut(editor, editor->cursor, editor->length);
        return true;
    case KEY_CONTROL('W'):
        cut(editor, word_start(editor), editor->cursor);
        return true;
    case KEY_CODE_UP:
    case KEY_CONTROL('P'):
        walk_history(editor, -1);
        return true;
    case KEY_CODE_DOWN:
    case KEY_CONTROL('N'):
        walk_history(editor, 1);
        return true;
    default:
        if (key < ' ' || key == KEY_CODE_BACKSPACE || key >= KEY_CODE_FIRST)
            return false;
        type(editor, key);
        return true;
    }
}

void editor_complete(struct editor *editor, const char *word)
{
    size_t at = editor->cursor;
    while (at > 0 && strchr(" ;", editor->text[at - 1]) == NULL)
        at--;
    cut(editor, at, editor->cursor);
    insert(editor, word, strlen(word));
}

int editor_draw(const struct editor *editor, struct surface *surface, int row,
                int column, int width)
{
    size_t from = 0;
    char head[EDITOR_BYTES];
    int place;
    for (;;) {
        size_t count = editor->cursor - from;
        memcpy(head, editor->text + from, count);
        head[count] = '\0';
        place = surface_width(head);
        if (place < width || from >= editor->cursor)
            break;
        from = behind(editor, from);
    }
    surface_fill(surface, row, column, 1, width, ROLE_INPUT, ' ');
    surface_text(surface, row, column, width, ROLE_INPUT, editor->text + from);
    return column + (place < width ? place : width - 1);
}

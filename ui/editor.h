/* One editable line with history and completion. */
#ifndef UI_EDITOR_H
#define UI_EDITOR_H

#include "surface.h"

#include <stddef.h>

enum { EDITOR_BYTES = 512, EDITOR_HISTORY = 100 };

/* `struct editor e = {0};` is ready for use. */
struct editor {
    char text[EDITOR_BYTES];       /* UTF-8 */
    size_t length, cursor;         /* bytes */
    char *history[EDITOR_HISTORY]; /* owned, oldest first */
    size_t history_count, history_at;
    char draft[EDITOR_BYTES]; /* what was typed before walking history */
};

void editor_release(struct editor *editor);
/* Replaces the text; the cursor goes to its end. */
void editor_set(struct editor *editor, const char *text);
/* Keeps the text in history (unless empty or the same as the last). */
void editor_remember(struct editor *editor);

/* Handles typing, moving, deleting, history. Whether the key was one of
 * these; Enter, Escape and Tab are the caller's. */
bool editor_key(struct editor *editor, int key);

/* Replaces the word before the cursor's end (back to a blank or ';'). */
void editor_complete(struct editor *editor, const char *word);

/* Draws into `width` columns, scrolled so that the cursor is seen; returns
 * the cursor's column. */
int editor_draw(const struct editor *editor, struct surface *surface, int row,
                int column, int width);

#endif

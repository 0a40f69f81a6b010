/* Small pieces that every screen is made of. */
#include "screen.h"

#include "plot.h"

#include <math.h>
#include <stdio.h>

void widget_rule(struct surface *surface, int row, int column, int width,
                 const char *title, bool focus)
{
    for (int i = 0; i < width; i++)
        surface_put(surface, row, column + i, ROLE_BORDER, 0x2500);
    if (title == NULL || width < 6)
        return;
    int start = column + 2;
    surface_put(surface, row, start++, ROLE_TEXT, ' ');
    if (focus)
        start += surface_text(surface, row, start, width - 4, ROLE_TITLE, "▸");
    start += surface_text(surface, row, start, column + width - start - 1,
                          focus ? ROLE_TITLE : ROLE_TEXT, title);
    surface_put(surface, row, start, ROLE_TEXT, ' ');
}

void widget_box(struct surface *surface, struct rect box, const char *title)
{
    int bottom = box.row + box.rows - 1, right = box.column + box.columns - 1;
    surface_fill(surface, box.row, box.column, box.rows, box.columns, ROLE_TEXT,
                 ' ');
    for (int c = box.column; c <= right; c++) {
        surface_put(surface, box.row, c, ROLE_BORDER, 0x2500);
        surface_put(surface, bottom, c, ROLE_BORDER, 0x2500);
    }
    for (int r = box.row; r <= bottom; r++) {
        surface_put(surface, r, box.column, ROLE_BORDER, 0x2502);
        surface_put(surface, r, right, ROLE_BORDER, 0x2502);
    }
    surface_put(surface, box.row, box.column, ROLE_BORDER, 0x250c);
    surface_put(surface, box.row, right, ROLE_BORDER, 0x2510);
    surface_put(surface, bottom, box.column, ROLE_BORDER, 0x2514);
    surface_put(surface, bottom, right, ROLE_BORDER, 0x2518);
    if (title != NULL && box.columns > 8)
        surface_printf(surface, box.row, box.column + 2, box.columns - 4,
                       ROLE_TITLE, " %s ", title);
}

void widget_clip(struct surface *surface, int row, int column, int width,
                 enum role role, const char *text)
{
    if (width <= 0)
        return;
    surface_text(surface, row, column, width, role, text);
    if (surface_width(text) > width)
        surface_put(surface, row, column + width - 1, role, 0x203a);
}

/* Bytes of `text` that a row of `width` takes: up to the last blank, else
 * whole characters. */
static size_t row_bytes(const char *text, int width)
{
    size_t bytes = 0, blank = 0;
    char part[8] = "";
    for (int used = 0; text[bytes] != '\0';) {
        size_t n = 1;
        while (((unsigned char)text[bytes + n] & 0xc0) == 0x80 &&
               n < sizeof part - 1)
            n++;
        snprintf(part, n + 1, "%s", text + bytes);
        used += surface_width(part);
        if (used > width)
            return blank > 0 ? blank : bytes;
        bytes += n;
        if (text[bytes] == ' ')
            blank = bytes;
    }
    return bytes;
}

int widget_wrap(struct surface *surface, int row, int column, int width,
                int rows, enum role role, const char *text)
{
    int used = 0;
    if (width <= 0)
        return 0;
    for (; used < rows && *text != '\0'; used++) {
        size_t bytes = row_bytes(text, width);
        if (surface != NULL && used == rows - 1)
            widget_clip(surface, row + used, column, width, role, text);
        else if (surface != NULL) {
            char line[512];
            snprintf(line, bytes < sizeof line ? bytes + 1 : sizeof line, "%s",
                     text);
            surface_text(surface, row + used, column, width, role, line);
        }
        text += bytes > 0 ? bytes : 1;
        text += *text == ' ';
    }
    return used;
}

void widget_clip_start(struct surface *surface, int row, int column, int width,
                       enum role role, const char *text)
{
    int used = surface_width(text);
    if (width <= 0)
        return;
    if (used > width) {
        surface_put(surface, row, column++, role, 0x2039);
        width--;
    }
    while (used > width) {
        text++;
        while (((unsigned char)*text & 0xc0) == 0x80)
            text++; /* whole characters */
        used = surface_width(text);
    }
    surface_text(surface, row, column, width, role, text);
}

void widget_right(struct surface *surface, int row, int column, int width,
                  enum role role, const char *text)
{
    int used = surface_width(text);
    surface_text(surface, row, column + (used < width ? width - used : 0),
                 used < width ? used : width, role, text);
}

void widget_progress(struct surface *surface, int row, int column, int width,
                     double share)
{
    if (width < 3)
        return;
    surface_put(surface, row, column, ROLE_BORDER, 0x2595);
    plot_bar(surface, row, column + 1, width - 2, share, ROLE_BAR);
    for (int i = 1; i < width - 1; i++) {
        struct cell *cell =
            &surface->cells[row * surface->columns + column + i];
        if (cell->role == ROLE_BAR_EMPTY)
            cell->glyph = ' ';
    }
    surface_put(surface, row, column + width - 1, ROLE_BORDER, 0x258f);
}

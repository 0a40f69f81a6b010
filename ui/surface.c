/*
 * Cells are kept row by row. A glyph two columns wide owns its cell and the
 * next one, whose glyph is 0; whoever overwrites one half blanks the other.
 */
#include "surface.h"

#include "base/array.h"
#include "base/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

/* What a glyph becomes where only ASCII is to be had. */
struct twin {
    uint32_t glyph;
    char text[3];
};

static const struct twin twins[] = {
    {0x00b1, "+-"}, /* ± */
    {0x00b7, "."},  /* · */
    {0x00d7, "x"},  /* × */
    {0x0394, "d"},  /* Δ */
    {0x2020, "+"},  /* † */
    {0x2026, "?"},  /* … not known (yet) */
    {0x2039, "<"},  /* ‹ */
    {0x203a, ">"},  /* › */
    {0x2190, "<"},  /* ← */
    {0x2191, "^"},  /* ↑ */
    {0x2192, ">"},  /* → */
    {0x2193, "v"},  /* ↓ */
    {0x2264, "<"},  /* ≤ */
    {0x2265, ">"},  /* ≥ */
    {0x2500, "-"},  /* ─ */
    {0x2502, "|"},  /* │ */
    {0x2508, "."},  /* ┈ */
    {0x250a, ":"},  /* ┊ */
    {0x250c, "+"},  /* ┌ */
    {0x2510, "+"},  /* ┐ */
    {0x2514, "+"},  /* └ */
    {0x2518, "+"},  /* ┘ */
    {0x251c, "+"},  /* ├ */
    {0x2524, "+"},  /* ┤ */
    {0x252c, "+"},  /* ┬ */
    {0x2534, "+"},  /* ┴ */
    {0x253c, "+"},  /* ┼ */
    {0x254b, "+"},  /* ╋ */
    {0x2580, "\""}, /* ▀ */
    {0x2581, "_"},  /* ▁ */
    {0x2582, "."},  /* ▂ */
    {0x2583, "-"},  /* ▃ */
    {0x2584, "="},  /* ▄ */
    {0x2585, "+"},  /* ▅ */
    {0x2586, "*"},  /* ▆ */
    {0x2587, "%"},  /* ▇ */
    {0x2588, "#"},  /* █ */
    {0x2589, "#"},  /* ▉ */
    {0x258a, "#"},  /* ▊ */
    {0x258b, "#"},  /* ▋ */
    {0x258c, "="},  /* ▌ */
    {0x258d, "-"},  /* ▍ */
    {0x258e, "-"},  /* ▎ */
    {0x258f, "]"},  /* ▏ closes a bar */
    {0x2591, ":"},  /* ░ */
    {0x2592, "="},  /* ▒ */
    {0x2593, "%"},  /* ▓ */
    {0x2595, "["},  /* ▕ opens a bar */
    {0x25b8, ">"},  /* ▸ */
    {0x25c6, "@"},  /* ◆ */
    {0x25cb, "o"},  /* ○ */
    {0x25cf, "*"},  /* ● */
};

static const struct twin *twin_of(uint32_t glyph)
{
    size_t low = 0, high = ARRAY_LENGTH(twins);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (twins[middle].glyph == glyph)
            return &twins[middle];
        if (twins[middle].glyph < glyph)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* Reads one code point and moves on; malformed bytes give '?', one each. */
static uint32_t next_glyph(const unsigned char **text)
{
    static const uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
    const unsigned char *s = *text;
    *text = s + 1;
    if (*s < 0x80)
        return *s;
    int more = *s >= 0xf0 && *s < 0xf8 ? 3 : *s >= 0xe0 ? 2 : 1;
    if (*s < 0xc2 || *s >= 0xf8)
        return '?';
    uint32_t glyph = *s & (0x3fu >> more);
    for (int i = 1; i <= more; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return '?';
        glyph = glyph << 6 | (s[i] & 0x3fu);
    }
    if (glyph < smallest[more] || glyph > 0x10ffff ||
        (glyph >= 0xd800 && glyph < 0xe000))
        return '?';
    *text = s + 1 + more;
    return glyph;
}

/* Columns of a glyph: 0 combines, -1 cannot be shown. */
static int glyph_width(uint32_t glyph)
{
    if (glyph < 0x20 || (glyph >= 0x7f && glyph < 0xa0))
        return -1;
    if (glyph < 0x7f || twin_of(glyph) != NULL ||
        (glyph >= 0x2800 && glyph < 0x2900))
        return 1;
    return wcwidth((wchar_t)glyph);
}

int surface_resize(struct surface *surface, int rows, int columns)
{
    rows = rows < 0 ? 0 : rows;
    columns = columns < 0 ? 0 : columns;
    size_t count = (size_t)rows * (size_t)columns;
    struct cell *cells =
        realloc(surface->cells, (count ? count : 1) * sizeof *cells);
    if (cells == NULL)
        return -1;
    surface->cells = cells;
    surface->rows = rows;
    surface->columns = columns;
    surface_clear(surface);
    return 0;
}

void surface_release(struct surface *surface)
{
    free(surface->cells);
    *surface = (struct surface){0};
}

void surface_clear(struct surface *surface)
{
    size_t count = (size_t)surface->rows * (size_t)surface->columns;
    for (size_t i = 0; i < count; i++)
        surface->cells[i] = (struct cell){.glyph = ' ', .role = ROLE_TEXT};
}

static struct cell *cell_at(struct surface *surface, int row, int column)
{
    return &surface->cells[(size_t)row * (size_t)surface->columns +
                           (size_t)column];
}

/* Writes a glyph of `width` cells that fits. */
static void write_cell(struct surface *surface, int row, int column, int width,
                       enum role role, uint32_t glyph)
{
    struct cell *cell = cell_at(surface, row, column);
    if (cell->glyph == 0 && column > 0)
        cell[-1].glyph = ' ';
    if (column + width < surface->columns && cell[width].glyph == 0)
        cell[width].glyph = ' ';
    cell->glyph = glyph;
    cell->role = (uint8_t)role;
    if (width == 2)
        cell[1] = (struct cell){.glyph = 0, .role = (uint8_t)role};
}

static bool inside(const struct surface *surface, int row, int column)
{
    return row >= 0 && row < surface->rows && column >= 0 &&
           column < surface->columns;
}

void surface_put(struct surface *surface, int row, int column, enum role role,
                 uint32_t glyph)
{
    if (!inside(surface, row, column))
        return;
    if (surface->ascii && glyph >= 0x80) {
        const struct twin *twin = twin_of(glyph);
        bool braille = glyph >= 0x2800 && glyph < 0x2900;
        glyph = twin ? (unsigned char)twin->text[0] : braille ? '*' : '?';
    }
    if (glyph_width(glyph) != 1)
        glyph = '?';
    write_cell(surface, row, column, 1, role, glyph);
}

/* Where a text may go: columns [column, end). */
struct pen {
    struct surface *surface;
    int row, column, end;
    enum role role;
};

/* Writes one glyph or its twin; false when it does not fit. */
static bool pen_glyph(struct pen *pen, uint32_t glyph)
{
    char pair[3] = {0};
    int width = glyph_width(glyph);
    if (width == 0)
        return true;
    if (width < 0)
        glyph = '?', width = 1;
    if (pen->surface->ascii && glyph >= 0x80) {
        const struct twin *twin = twin_of(glyph);
        memcpy(pair, twin ? twin->text : width == 2 ? "??" : "?", 2);
        glyph = (unsigned char)pair[0];
        width = 1;
    }
    if (pen->column + width > pen->end)
        return false;
    if (pen->row >= 0 && pen->row < pen->surface->rows && pen->column >= 0)
        write_cell(pen->surface, pen->row, pen->column, width, pen->role,
                   glyph);
    pen->column += width;
    return pair[1] == '\0' || pen_glyph(pen, (unsigned char)pair[1]);
}

int surface_text(struct surface *surface, int row, int column, int width,
                 enum role role, const char *text)
{
    struct pen pen = {surface, row, column, surface->columns, role};
    if (width >= 0 && column + width < pen.end)
        pen.end = column + width;
    const unsigned char *s = (const unsigned char *)text;
    while (*s != '\0')
        if (!pen_glyph(&pen, next_glyph(&s)))
            break;
    return pen.column - column;
}

int surface_printf(struct surface *surface, int row, int column, int width,
                   enum role role, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return length < 0 ? 0
                      : surface_text(surface, row, column, width, role, text);
}

void surface_role(struct surface *surface, int row, int column, int width,
                  enum role role)
{
    for (int i = column; i < column + width; i++)
        if (inside(surface, row, i))
            cell_at(surface, row, i)->role = (uint8_t)role;
}

void surface_paint(struct surface *surface, int row, int column, uint8_t upper,
                   uint8_t lower)
{
    if (!inside(surface, row, column))
        return;
    write_cell(surface, row, column, 1, ROLE_PICTURE, 0x2580);
    cell_at(surface, row, column)->ink = upper;
    cell_at(surface, row, column)->paper = lower;
}

void surface_fill(struct surface *surface, int row, int column, int rows,
                  int columns, enum role role, uint32_t glyph)
{
    for (int r = row; r < row + rows; r++)
        for (int c = column; c < column + columns; c++)
            surface_put(surface, r, c, role, glyph);
}

int surface_width(const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    int columns = 0;
    while (*s != '\0') {
        int width = glyph_width(next_glyph(&s));
        columns += width < 0 ? 1 : width;
    }
    return columns;
}

static void add_glyph(struct strbuf *out, uint32_t glyph)
{
    char bytes[5] = {0};
    if (glyph < 0x80) {
        bytes[0] = (char)glyph;
    } else if (glyph < 0x800) {
        bytes[0] = (char)(0xc0 | glyph >> 6);
        bytes[1] = (char)(0x80 | (glyph & 0x3f));
    } else if (glyph < 0x10000) {
        bytes[0] = (char)(0xe0 | glyph >> 12);
        bytes[1] = (char)(0x80 | (glyph >> 6 & 0x3f));
        bytes[2] = (char)(0x80 | (glyph & 0x3f));
    } else {
        bytes[0] = (char)(0xf0 | glyph >> 18);
        bytes[1] = (char)(0x80 | (glyph >> 12 & 0x3f));
        bytes[2] = (char)(0x80 | (glyph >> 6 & 0x3f));
        bytes[3] = (char)(0x80 | (glyph & 0x3f));
    }
    strbuf_add(out, bytes);
}

char *surface_dump(const struct surface *surface)
{
    struct strbuf out = {0};
    for (int r = 0; r < surface->rows; r++) {
        const struct cell *row =
            &surface->cells[(size_t)r * (size_t)surface->columns];
        int used = surface->columns;
        while (used > 0 && row[used - 1].glyph == ' ')
            used--;
        for (int c = 0; c < used; c++)
            if (row[c].glyph != 0)
                add_glyph(&out, row[c].glyph);
        strbuf_add(&out, "\n");
    }
    return strbuf_take(&out);
}

char *surface_dump_roles(const struct surface *surface)
{
    struct strbuf out = {0};
    for (int r = 0; r < surface->rows; r++) {
        const struct cell *row =
            &surface->cells[(size_t)r * (size_t)surface->columns];
        int used = surface->columns;
        while (used > 0 && row[used - 1].role == ROLE_TEXT)
            used--;
        for (int c = 0; c < used; c++) {
            char letter[2] = {
                row[c].role == ROLE_TEXT ? '.' : (char)('a' + row[c].role), 0};
            strbuf_add(&out, letter);
        }
        strbuf_add(&out, "\n");
    }
    return strbuf_take(&out);
}

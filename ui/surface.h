/*
 * A grid of cells that screens draw on: glyph, role, marks. term.c blits it
 * to curses, tests compare it with goldens. Screens never see curses.
 */
#ifndef UI_SURFACE_H
#define UI_SURFACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Meanings, not colours: theme.c turns them into attributes. */
enum role {
    ROLE_TEXT,
    ROLE_DIM, /* secondary text, rules */
    ROLE_TITLE,
    ROLE_VALUE, /* headline figures */
    ROLE_GOOD,
    ROLE_WARN,
    ROLE_BAD,
    ROLE_CURSOR, /* the row under the cursor */
    ROLE_MARKED,
    ROLE_BAR, /* sparsity bars */
    ROLE_BAR_EMPTY,
    ROLE_KEY, /* key names in the bar */
    ROLE_KEY_LABEL,
    ROLE_BORDER,
    ROLE_INPUT,
    ROLE_PRUNED, /* histogram left of the threshold */
    ROLE_KEPT,
    ROLE_FRONT, /* trade-off plot */
    ROLE_POINT,
    ROLE_NOW,
    ROLE_BASE,
    ROLE_ERROR,
    ROLE_PICTURE, /* cells have colours of their own: ink and paper */
    ROLE_HEAT_1,  /* points lost: few */
    ROLE_HEAT_2,
    ROLE_HEAT_3,
    ROLE_HEAT_4, /* many */
    ROLE_COUNT,
};

struct cell {
    uint32_t glyph; /* Unicode; 0: the right half of a wide glyph */
    uint8_t role;
    /* With ROLE_PICTURE: xterm-256 indices from 16 up; 0: the terminal's. */
    uint8_t ink, paper;
};

struct surface {
    int rows, columns;
    bool ascii;   /* glyphs that have an ASCII twin are written as it */
    bool painted; /* 256 colours: pictures may use them */
    struct cell *cells;
};

/* Reuses memory when it can. Returns 0, or -1 when memory is exhausted. */
int surface_resize(struct surface *surface, int rows, int columns);
void surface_release(struct surface *surface);
void surface_clear(struct surface *surface);

/* Writes UTF-8 at (row, column), clipped to `width` columns (-1: to the
 * edge) on cell boundaries; control characters become '?'. Returns columns
 * used. In ASCII mode known glyphs are replaced, others become '?'. */
int surface_text(struct surface *surface, int row, int column, int width,
                 enum role role, const char *text);
int surface_printf(struct surface *surface, int row, int column, int width,
                   enum role role, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
void surface_put(struct surface *surface, int row, int column, enum role role,
                 uint32_t glyph);
/* Gives cells [column, column + width) of a row another role. */
void surface_role(struct surface *surface, int row, int column, int width,
                  enum role role);
/* A cell whose upper half has one colour and whose lower half another. */
void surface_paint(struct surface *surface, int row, int column, uint8_t upper,
                   uint8_t lower);
void surface_fill(struct surface *surface, int row, int column, int rows,
                  int columns, enum role role, uint32_t glyph);

/* Columns a UTF-8 text takes. */
int surface_width(const char *text);

/* The text of the surface, rows ended by '\n', trailing blanks cut; and one
 * letter per role. Owned by the caller. */
char *surface_dump(const struct surface *surface);
char *surface_dump_roles(const struct surface *surface);

#endif

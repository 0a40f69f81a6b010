/* What a role looks like: mono, 8 and 256 colours, on the terminal's own
 * background. Colour is never the only signal. */
#ifndef UI_THEME_H
#define UI_THEME_H

#include "surface.h"

struct style {
    short colour; /* terminal palette index, -1: the terminal's own */
    bool bold, dim, reverse, underline;
};

/* Colour counts that have a table of their own. */
enum theme_depth { THEME_MONO, THEME_8, THEME_256, THEME_DEPTH_COUNT };

/* The table that `colours` (terminfo's count) allows; NO_COLOR (set and not
 * empty, https://no-color.org) or `no_color` force mono. */
enum theme_depth theme_depth(int colours, bool no_color);

struct style theme_style(enum theme_depth depth, enum role role);

/* For messages and tests: "cursor". */
const char *theme_role_name(enum role role);

#endif

/* Where things go: pure functions from a size to rectangles. */
#ifndef UI_LAYOUT_H
#define UI_LAYOUT_H

#include <stdbool.h>

enum {
    LAYOUT_MIN_ROWS = 24,
    LAYOUT_MIN_COLUMNS = 80,
    LAYOUT_WIDE_COLUMNS = 120,
    LAYOUT_LOWER_ROWS = 8, /* of the lower panes, at least */
};

struct rect {
    int row, column, rows, columns;
};

/* Whether the screens can be drawn at all. */
bool layout_fits(int rows, int columns);

/* The parts of every screen: two headline rows, a body, status, key bar. */
struct layout_frame {
    struct rect headline, body, status, bar;
};
struct layout_frame layout_frame(int rows, int columns);

/*
 * The main screen. Panes that are not there have rows 0. `rule` rows hold
 * the titles of the panes below them.
 *
 * wanted  rows the table would like; space that it leaves goes to the panes
 * zoom    only the table
 */
struct layout_layers {
    bool wide;
    struct rect upper_rule; /* wide: above table and plot */
    struct rect head;       /* column titles */
    struct rect table;
    struct rect lower_rule;
    struct rect histogram;
    struct rect filters; /* wide: beside the histogram */
    struct rect plot;
    struct rect side_rule; /* wide: above history */
    struct rect history;   /* wide */
    int divider;           /* column of the vertical rule, -1: none */
    int divider_row, divider_rows;
};
struct layout_layers layout_layers(int rows, int columns, int wanted,
                                   bool zoom);

/* The detail screen: histogram and filters above, mask and trials below. */
struct layout_detail {
    struct rect upper_rule, histogram, filters, lower_rule, mask, trials, keys;
    int upper_divider, lower_divider; /* columns */
};
struct layout_detail layout_detail(int rows, int columns);

/* The trade-off screen: plot and, right of it, a card for the point. */
struct layout_tradeoff {
    struct rect plot, card, legend;
};
struct layout_tradeoff layout_tradeoff(int rows, int columns);

/* A box of the given size in the middle, never larger than the screen. */
struct rect layout_dialog(int rows, int columns, int box_rows, int box_columns);

/* First visible row so that `cursor` is seen, moving as little as possible.
 * top: what it was before. */
int layout_scroll(int top, int cursor, int visible, int count);

#endif

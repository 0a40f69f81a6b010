/* Sizes are cut, never checked by the caller: every rectangle stays inside
 * the screen, whatever its size. */
#include "layout.h"

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static int clamp(int value, int low, int high)
{
    return value < low ? low : value > high ? high : value;
}

static struct rect rect(int row, int column, int rows, int columns)
{
    return (struct rect){row, column, larger(rows, 0), larger(columns, 0)};
}

bool layout_fits(int rows, int columns)
{
    return rows >= LAYOUT_MIN_ROWS && columns >= LAYOUT_MIN_COLUMNS;
}

struct layout_frame layout_frame(int rows, int columns)
{
    return (struct layout_frame){
        .headline = rect(0, 0, smaller(rows, 2), columns),
        .body = rect(smaller(2, rows), 0, rows - 4, columns),
        .status = rect(larger(rows - 2, 0), 0, smaller(rows, 1), columns),
        .bar = rect(larger(rows - 1, 0), 0, smaller(rows, 1), columns),
    };
}

static struct layout_layers narrow(struct rect body, int wanted, bool zoom)
{
    struct layout_layers out = {.divider = -1};
    int lower =
        zoom ? 0
             : clamp(body.rows - 2 - wanted, LAYOUT_LOWER_ROWS, body.rows / 2);
    int rule = zoom ? 0 : 1;
    int table = body.rows - 1 - rule - lower;
    out.head = rect(body.row, 0, 1, body.columns);
    out.table = rect(body.row + 1, 0, table, body.columns);
    if (zoom)
        return out;
    int row = body.row + 1 + table;
    out.lower_rule = rect(row, 0, 1, body.columns);
    int left = (body.columns - 2) / 2 - 1;
    out.histogram = rect(row + 1, 0, lower, left);
    out.divider = left;
    out.divider_row = row;
    out.divider_rows = lower + 1;
    out.plot = rect(row + 1, left + 1, lower, body.columns - left - 1);
    return out;
}

static struct layout_layers wide(struct rect body, int wanted, bool zoom)
{
    struct layout_layers out = {.wide = true, .divider = -1};
    int side = zoom ? 0 : clamp(body.columns / 3, 40, 80);
    int left = zoom ? body.columns : body.columns - side - 1;
    int lower =
        zoom ? 0
             : clamp(body.rows - 3 - wanted, LAYOUT_LOWER_ROWS, body.rows / 2);
    int table = body.rows - 2 - (zoom ? 0 : 1) - lower;
    out.upper_rule = rect(body.row, 0, 1, body.columns);
    out.head = rect(body.row + 1, 0, 1, left);
    out.table = rect(body.row + 2, 0, table, left);
    if (zoom)
        return out;
    int row = body.row + 2 + table;
    int half = left / 2;
    out.lower_rule = rect(row, 0, 1, left);
    out.histogram = rect(row + 1, 0, lower, half);
    out.filters = rect(row + 1, half, lower, left - half);
    out.divider = left;
    out.divider_row = body.row;
    out.divider_rows = body.rows;
    out.plot = rect(body.row + 1, left + 1, row - body.row - 1, side);
    out.side_rule = rect(row, left + 1, 1, side);
    out.history = rect(row + 1, left + 1, lower, side);
    return out;
}

struct layout_layers layout_layers(int rows, int columns, int wanted, bool zoom)
{
    struct rect body = layout_frame(rows, columns).body;
    if (!layout_fits(rows, columns))
        return (struct layout_layers){.divider = -1};
    return columns >= LAYOUT_WIDE_COLUMNS ? wide(body, wanted, zoom)
                                          : narrow(body, wanted, zoom);
}

struct layout_detail layout_detail(int rows, int columns)
{
    struct layout_detail out = {.upper_divider = -1, .lower_divider = -1};
    if (!layout_fits(rows, columns))
        return out;
    struct rect body = layout_frame(rows, columns).body;
    int row = 1; /* one headline row is enough here */
    int space = body.row + body.rows - row;
    int upper = (space - 2) * 3 / 5;
    int lower = space - 2 - upper;
    int left = columns * 5 / 8;
    out.upper_rule = rect(row, 0, 1, columns);
    out.histogram = rect(row + 1, 0, upper, left);
    out.filters = rect(row + 1, left + 1, upper, columns - left - 1);
    out.upper_divider = left;
    int half = columns / 2;
    out.lower_rule = rect(row + 1 + upper, 0, 1, columns);
    out.mask = rect(row + 2 + upper, 0, lower, half);
    out.trials = rect(row + 2 + upper, half + 1, lower, columns - half - 1);
    out.lower_divider = half;
    return out;
}

struct layout_tradeoff layout_tradeoff(int rows, int columns)
{
    struct layout_tradeoff out = {0};
    if (!layout_fits(rows, columns))
        return out;
    int card = clamp(columns / 4, 24, 36);
    int height = rows - 1 - 3; /* title; legend, status, bar */
    out.plot = rect(1, 0, height, columns - card - 1);
    out.card = rect(1, columns - card, height, card);
    out.legend = rect(1 + height, 0, 1, columns);
    return out;
}

struct rect layout_dialog(int rows, int columns, int box_rows, int box_columns)
{
    box_rows = smaller(box_rows, rows);
    box_columns = smaller(box_columns, columns);
    return rect((rows - box_rows) / 2, (columns - box_columns) / 2, box_rows,
                box_columns);
}

int layout_scroll(int top, int cursor, int visible, int count)
{
    if (cursor < top)
        top = cursor;
    if (visible > 0 && cursor >= top + visible)
        top = cursor - visible + 1;
    return clamp(top, 0, larger(count - visible, 0));
}

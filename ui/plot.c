/* Ranges, ticks, bars and axes. The dot canvas is in canvas.c. */
#include "plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct range range_of(const double *values, size_t count)
{
    struct range range = {INFINITY, -INFINITY};
    double half = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i]))
            continue;
        range.low = fmin(range.low, values[i]);
        range.high = fmax(range.high, values[i]);
    }
    if (range.low > range.high)
        return (struct range){0, 1};
    if (range.high - range.low <= 1e-12 * fmax(1, fabs(range.high)))
        half = range.high != 0 ? fmin(1, fabs(range.high) / 2) : 1;
    return (struct range){range.low - half, range.high + half};
}

struct range range_pad(struct range range, double share)
{
    double width = range.high - range.low;
    return (struct range){range.low - share * width,
                          range.high + share * width};
}

int range_place(struct range range, double value, int resolution)
{
    if (!isfinite(value) || resolution <= 0 || value < range.low ||
        value > range.high)
        return -1;
    double place =
        (value - range.low) * (resolution - 1) / (range.high - range.low);
    return (int)lround(place);
}

/* The smallest 1, 2 or 5 times a power of ten that is not below `raw`. */
static double round_step(double raw)
{
    static const double steps[] = {1, 2, 5, 10};
    double power = pow(10, floor(log10(raw)));
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (steps[i] * power >= raw * (1 - 1e-9))
            return steps[i] * power;
    return 10 * power;
}

struct ticks ticks_of(struct range range, int wanted)
{
    struct ticks ticks = {0};
    double width = range.high - range.low;
    if (wanted > PLOT_TICKS_MAX)
        wanted = PLOT_TICKS_MAX;
    if (!(width > 0) || !isfinite(width) || wanted < 1)
        return ticks;
    double step = round_step(width / wanted);
    double first = ceil(range.low / step - 1e-9);
    while (floor(range.high / step + 1e-9) - first + 1 > wanted) {
        step = round_step(step * 1.01);
        first = ceil(range.low / step - 1e-9);
    }
    for (int i = 0; (first + i) * step <= range.high + step * 1e-9; i++)
        ticks.values[ticks.count++] = (first + i) * step + 0.0;
    double digits = -floor(log10(step) + 1e-9);
    ticks.digits = digits > 0 ? (int)digits : 0;
    return ticks;
}

static int label(char *text, size_t room, double value, int digits)
{
    if (fabs(value) < 0.5 * pow(10, -digits))
        value = 0; /* never "-0" */
    return snprintf(text, room, "%.*f", digits, value);
}

/* Width of the widest y label, at most a third of the area. */
static int label_width(const struct ticks *ticks, int columns)
{
    int width = 1;
    for (int i = 0; i < ticks->count; i++) {
        char text[32];
        int length = label(text, sizeof text, ticks->values[i], ticks->digits);
        width = length > width ? length : width;
    }
    return width < columns / 3 ? width : columns / 3;
}

static void draw_x_axis(struct surface *surface, const struct axes *axes,
                        const struct ticks *ticks, const char *unit)
{
    struct rect in = axes->inner;
    int row = in.row + in.rows;
    int free_from = in.column; /* labels never touch */
    int unit_columns = surface_width(unit);
    int edge = in.column + in.columns - (unit_columns ? unit_columns + 1 : 0);
    surface_put(surface, row, in.column - 1, ROLE_BORDER, 0x2514);
    for (int i = 0; i < in.columns; i++)
        surface_put(surface, row, in.column + i, ROLE_BORDER, 0x2500);
    for (int i = 0; i < ticks->count; i++) {
        char text[32];
        int length = label(text, sizeof text, ticks->values[i], ticks->digits);
        int place = range_place(axes->x, ticks->values[i], in.columns);
        int start = in.column + place - length / 2;
        start = start < in.column - 1 ? in.column - 1 : start;
        if (place < 0 || start < free_from - 1 || start + length > edge)
            continue;
        surface_put(surface, row, in.column + place, ROLE_BORDER, 0x252c);
        surface_text(surface, row + 1, start, length, ROLE_DIM, text);
        free_from = start + length + 2;
    }
    if (free_from - 2 <= edge)
        surface_text(surface, row + 1, edge + 1, unit_columns, ROLE_DIM, unit);
}

struct axes plot_axes(struct surface *surface, struct rect area, struct range x,
                      struct range y, const char *x_unit)
{
    int y_wanted = area.rows / 4 + 1;
    struct ticks y_ticks = ticks_of(y, y_wanted < 2 ? 2 : y_wanted);
    struct ticks x_ticks = ticks_of(x, area.columns / 8 + 1);
    int labels = label_width(&y_ticks, area.columns);
    struct axes axes = {
        .inner = {area.row, area.column + labels + 1, area.rows - 2,
                  area.columns - labels - 1},
        .x = x,
        .y = y,
    };
    struct rect in = axes.inner;
    if (in.rows < 1 || in.columns < 2) {
        axes.inner.rows = axes.inner.columns = 0;
        return axes;
    }
    for (int i = 0; i < in.rows; i++)
        surface_put(surface, in.row + i, in.column - 1, ROLE_BORDER, 0x2502);
    for (int i = 0; i < y_ticks.count; i++) {
        char text[32];
        int length =
            label(text, sizeof text, y_ticks.values[i], y_ticks.digits);
        int place = range_place(y, y_ticks.values[i], in.rows);
        int row = in.row + in.rows - 1 - place;
        if (place < 0 || length > labels)
            continue;
        surface_text(surface, row, area.column + labels - length, length,
                     ROLE_DIM, text);
        surface_put(surface, row, in.column - 1, ROLE_BORDER, 0x2524);
    }
    draw_x_axis(surface, &axes, &x_ticks, x_unit);
    return axes;
}

bool plot_cell(const struct axes *axes, double x, double y, int *row,
               int *column)
{
    int place_x = range_place(axes->x, x, axes->inner.columns);
    int place_y = range_place(axes->y, y, axes->inner.rows);
    if (place_x < 0 || place_y < 0)
        return false;
    *row = axes->inner.row + axes->inner.rows - 1 - place_y;
    *column = axes->inner.column + place_x;
    return true;
}

void plot_bar(struct surface *surface, int row, int column, int width,
              double share, enum role role)
{
    share = share > 0 ? fmin(share, 1) : 0; /* NAN gives 0 */
    int eighths = (int)lround(share * width * 8);
    if (eighths == 0 && share > 0)
        eighths = 1;
    if (surface->ascii)
        eighths = (eighths + 4) / 8 * 8;
    for (int i = 0; i < width; i++) {
        int here = eighths - 8 * i;
        if (here >= 8)
            surface_put(surface, row, column + i, role, 0x2588);
        else if (here > 0)
            surface_put(surface, row, column + i, role,
                        0x2590u - (uint32_t)here);
        else
            surface_put(surface, row, column + i, ROLE_BAR_EMPTY, 0xb7);
    }
}

void plot_columns(struct surface *surface, struct rect area,
                  const double *heights, int split, enum role below,
                  enum role above)
{
    for (int i = 0; i < area.columns; i++) {
        double height = heights[i] > 0 ? fmin(heights[i], 1) : 0;
        int eighths = (int)lround(height * area.rows * 8);
        if (eighths == 0 && height > 0)
            eighths = 1;
        enum role role = i < split ? below : above;
        for (int r = 0; r < area.rows; r++) {
            int here = eighths - 8 * r;
            if (here <= 0)
                break;
            surface_put(surface, area.row + area.rows - 1 - r, area.column + i,
                        role, here >= 8 ? 0x2588 : 0x2580u + (uint32_t)here);
        }
    }
}

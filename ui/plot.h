/* Plots in cells: a dot canvas (Braille or ASCII), axes with round numbers,
 * bars and columns of eighth blocks. */
#ifndef UI_PLOT_H
#define UI_PLOT_H

#include "layout.h"
#include "surface.h"

#include <stdbool.h>

/* --- ranges and ticks --- */

struct range {
    double low, high; /* low < high once made by range_of */
};

/* Of the finite values; equal ends part by half the value, at most by 1; no
 * values: 0…1. */
struct range range_of(const double *values, size_t count);
/* Widened by `share` of its width at both ends. */
struct range range_pad(struct range range, double share);

enum { PLOT_TICKS_MAX = 12 };

struct ticks {
    double values[PLOT_TICKS_MAX];
    int count;
    int digits; /* behind the point: as few as keep labels distinct */
};

/* At most `wanted` ticks inside the range, steps 1, 2, 5 times a power of
 * ten. Source: Heckbert 1990, without widening the range. */
struct ticks ticks_of(struct range range, int wanted);

/* round((value - low) * (resolution - 1) / width); -1 when outside or not
 * finite. */
int range_place(struct range range, double value, int resolution);

/* --- canvas: 2 x 4 dots in a cell, one role per cell (the highest) --- */

struct canvas {
    int rows, columns; /* cells */
    unsigned char *dots, *roles;
};

int canvas_init(struct canvas *canvas, int rows, int columns);
void canvas_release(struct canvas *canvas);
/* x 0 … 2*columns-1 to the right, y 0 … 4*rows-1 downwards; clipped. */
void canvas_dot(struct canvas *canvas, int x, int y, enum role role);
/* Between two points anywhere; the part outside is cut. */
void canvas_line(struct canvas *canvas, double x0, double y0, double x1,
                 double y1, enum role role);
/* Writes cells that have dots; the others stay. */
void canvas_draw(const struct canvas *canvas, struct surface *surface, int row,
                 int column);

/* --- axes --- */

struct axes {
    struct rect inner; /* where points go */
    struct range x, y;
};

/*
 * Draws axes with ticks along the left and bottom of `area` and returns the
 * inside. Labels take at most a third of the width.
 *
 * x_unit  behind the last x label ("ms"), may be ""
 */
struct axes plot_axes(struct surface *surface, struct rect area, struct range x,
                      struct range y, const char *x_unit);
/* Cell of a point; false when outside. */
bool plot_cell(const struct axes *axes, double x, double y, int *row,
               int *column);

/* --- bars --- */

/* A horizontal bar: `share` (0…1) of `width` cells, eighths at its end; the
 * rest is dotted. NAN draws only dots. */
void plot_bar(struct surface *surface, int row, int column, int width,
              double share, enum role role);

/*
 * Columns of `area.rows` cells growing upwards, heights 0…1 in eighths of a
 * cell; a height above 0 shows at least an eighth. Columns before `split`
 * take role `below`, the others `above`.
 */
void plot_columns(struct surface *surface, struct rect area,
                  const double *heights, int split, enum role below,
                  enum role above);

#endif

/*
 * Dots in cells. A Braille cell has one colour, so the highest role that put
 * a dot there owns it: roles of plots grow with importance.
 */
#include "plot.h"

#include "base/array.h"

#include <math.h>
#include <stdlib.h>

/* Bit of each dot in U+2800's numbering, [y][x]. */
static const unsigned char bits[4][2] = {
    {0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};

int canvas_init(struct canvas *canvas, int rows, int columns)
{
    size_t count =
        (size_t)(rows > 0 ? rows : 0) * (size_t)(columns > 0 ? columns : 0);
    canvas->dots = array_create(count + 1, 1);
    canvas->roles = array_create(count + 1, 1);
    canvas->rows = rows > 0 ? rows : 0;
    canvas->columns = columns > 0 ? columns : 0;
    if (canvas->dots != NULL && canvas->roles != NULL)
        return 0;
    canvas_release(canvas);
    return -1;
}

void canvas_release(struct canvas *canvas)
{
    free(canvas->dots);
    free(canvas->roles);
    *canvas = (struct canvas){0};
}

void canvas_dot(struct canvas *canvas, int x, int y, enum role role)
{
    if (x < 0 || y < 0 || x >= 2 * canvas->columns || y >= 4 * canvas->rows)
        return;
    size_t cell = (size_t)(y / 4) * (size_t)canvas->columns + (size_t)(x / 2);
    canvas->dots[cell] |= bits[y % 4][x % 2];
    if (role > canvas->roles[cell])
        canvas->roles[cell] = (unsigned char)role;
}

/* One edge of Liang and Barsky's clip: where along the line it is crossed. */
static bool clip_edge(double direction, double distance, double *enter,
                      double *leave)
{
    if (direction == 0)
        return distance >= 0;
    double at = distance / direction;
    if (direction < 0) {
        if (at > *leave)
            return false;
        *enter = fmax(*enter, at);
    } else {
        if (at < *enter)
            return false;
        *leave = fmin(*leave, at);
    }
    return true;
}

void canvas_line(struct canvas *canvas, double x0, double y0, double x1,
                 double y1, enum role role)
{
    if (!isfinite(x0) || !isfinite(y0) || !isfinite(x1) || !isfinite(y1))
        return;
    double dx = x1 - x0, dy = y1 - y0, enter = 0, leave = 1;
    double right = 2 * canvas->columns - 1, bottom = 4 * canvas->rows - 1;
    if (!clip_edge(-dx, x0, &enter, &leave) ||
        !clip_edge(dx, right - x0, &enter, &leave) ||
        !clip_edge(-dy, y0, &enter, &leave) ||
        !clip_edge(dy, bottom - y0, &enter, &leave) || enter > leave)
        return;
    double from_x = x0 + enter * dx, from_y = y0 + enter * dy;
    double to_x = x0 + leave * dx, to_y = y0 + leave * dy;
    int steps = (int)ceil(fmax(fabs(to_x - from_x), fabs(to_y - from_y)));
    for (int i = 0; i <= steps; i++) {
        double t = steps > 0 ? (double)i / steps : 0;
        canvas_dot(canvas, (int)lround(from_x + t * (to_x - from_x)),
                   (int)lround(from_y + t * (to_y - from_y)), role);
    }
}

/* The ASCII character nearest to the dots of a cell. */
static char ascii_of(unsigned char dots)
{
    unsigned char left = dots & 0x47, right = dots & 0xb8;
    unsigned char top = dots & 0x09, bottom = dots & 0xc0;
    unsigned char middle = dots & 0x36;
    if (top && bottom && middle)
        return left && right
                   ? (dots & 0x48) == 0x48 || (dots & 0x80) == 0 ? '/' : '\\'
                   : '|';
    if (top && !bottom)
        return middle ? (dots & 0x08) && (dots & 0x06)   ? '/'
                        : (dots & 0x01) && (dots & 0x30) ? '\\'
                                                         : '\''
                      : '\'';
    if (bottom && !top)
        return middle ? (dots & 0x40) && (dots & 0x30)   ? '/'
                        : (dots & 0x80) && (dots & 0x06) ? '\\'
                                                         : '.'
                      : '.';
    return middle ? '-' : ':';
}

void canvas_draw(const struct canvas *canvas, struct surface *surface, int row,
                 int column)
{
    for (int r = 0; r < canvas->rows; r++) {
        for (int c = 0; c < canvas->columns; c++) {
            size_t cell = (size_t)r * (size_t)canvas->columns + (size_t)c;
            unsigned char dots = canvas->dots[cell];
            if (dots == 0)
                continue;
            surface_put(surface, row + r, column + c,
                        (enum role)canvas->roles[cell],
                        surface->ascii ? (unsigned char)ascii_of(dots)
                                       : 0x2800u + dots);
        }
    }
}

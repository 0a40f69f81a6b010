/* A pixel of the drawing is the mean of the samples' pixels that it covers. */
#include "picture.h"

#include <math.h>

struct rect picture_place(struct rect space, int height, int width)
{
    struct rect place = {space.row, space.column, 0, 0};
    if (height < 1 || width < 1 || space.rows < 1 || space.columns < 1)
        return place;
    double across = (double)space.columns / width;
    double down = 2.0 * space.rows / height;
    double scale = across < down ? across : down;
    scale = scale >= 1 ? floor(scale) : scale;
    int columns = (int)lround(width * scale);
    int halves = (int)lround(height * scale);
    place.columns = columns < 1 ? 1 : columns;
    place.rows = halves < 1 ? 1 : (halves + 1) / 2;
    place.row += (space.rows - place.rows) / 2;
    place.column += (space.columns - place.columns) / 2;
    return place;
}

/* Pixels of one side that part `i` of `parts` covers: at least one. */
static void covered(int size, int parts, int i, int *first, int *end)
{
    *first = (int)((int64_t)i * size / parts);
    *end = (int)((int64_t)(i + 1) * size / parts);
    if (*end <= *first)
        *end = *first + 1;
}

/* The mean colour of a part of the picture; grey has three equal levels. */
static void mean_colour(const struct view_picture *picture, const int rows[2],
                        const int columns[2], double rgb[3])
{
    size_t width = (size_t)picture->width;
    size_t area = width * (size_t)picture->height;
    double count = (rows[1] - rows[0]) * (double)(columns[1] - columns[0]);
    for (int p = 0; p < 3; p++) {
        size_t plane = picture->planes == 3 ? (size_t)p * area : 0;
        rgb[p] = 0;
        for (int y = rows[0]; y < rows[1]; y++)
            for (int x = columns[0]; x < columns[1]; x++)
                rgb[p] +=
                    (double)
                        picture->levels[plane + (size_t)y * width + (size_t)x];
        rgb[p] /= count;
    }
}

static double square(double x)
{
    return x * x;
}

uint8_t picture_colour(const double rgb[3])
{
    static const int steps[6] = {0, 95, 135, 175, 215, 255};
    double nearest = 0, mean = 255 * (rgb[0] + rgb[1] + rgb[2]) / 3;
    int index = 0;
    for (int p = 0; p < 3; p++) {
        int best = 0;
        for (int s = 1; s < 6; s++)
            if (fabs(255 * rgb[p] - steps[s]) <
                fabs(255 * rgb[p] - steps[best]))
                best = s;
        nearest += square(255 * rgb[p] - steps[best]);
        index = 6 * index + best;
    }
    /* The grey ramp: 8, 18, … 238. */
    double step = fmax(0, fmin(round((mean - 8) / 10), 23)), grey = 0;
    for (int p = 0; p < 3; p++)
        grey += square(255 * rgb[p] - (8 + 10 * step));
    return (uint8_t)(grey < nearest ? 232 + (int)step : 16 + index);
}

static double lightness(const double rgb[3])
{
    return 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
}

static void draw_shade(struct surface *surface, int row, int column,
                       double light)
{
    static const uint32_t blocks[] = {' ', 0x2591, 0x2592, 0x2593, 0x2588};
    static const char letters[] = " .:-=+*#%@";
    int levels = surface->ascii ? 10 : 5;
    int level = (int)(light * levels);
    level = level < 0 ? 0 : level >= levels ? levels - 1 : level;
    surface_put(surface, row, column, ROLE_TEXT,
                surface->ascii ? (unsigned char)letters[level] : blocks[level]);
}

/* How many half rows a picture has in its place. */
static int half_rows(const struct rect *place, const struct view_picture *p)
{
    int halves = (int)lround((double)place->columns * p->height / p->width);
    int most = 2 * place->rows;
    return halves > most ? most : halves < 1 ? 1 : halves;
}

struct rect picture_draw(struct surface *surface, struct rect space,
                         const struct view_picture *picture)
{
    struct rect place = picture_place(space, picture->height, picture->width);
    int halves = half_rows(&place, picture);
    for (int r = 0; r < place.rows; r++) {
        for (int c = 0; c < place.columns; c++) {
            double rgb[2][3] = {{0}};
            int x[2], y[2], drawn = 0;
            covered(picture->width, place.columns, c, &x[0], &x[1]);
            for (; drawn < 2 && 2 * r + drawn < halves; drawn++) {
                covered(picture->height, halves, 2 * r + drawn, &y[0], &y[1]);
                mean_colour(picture, y, x, rgb[drawn]);
            }
            int row = place.row + r, column = place.column + c;
            if (surface->painted)
                surface_paint(surface, row, column, picture_colour(rgb[0]),
                              drawn > 1 ? picture_colour(rgb[1]) : 0);
            else
                draw_shade(surface, row, column,
                           (lightness(rgb[0]) + lightness(rgb[1])) / drawn);
        }
    }
    return place;
}

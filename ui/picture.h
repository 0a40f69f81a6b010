/* A sample drawn in cells: two pixels a cell, one above the other, in 256
 * colours; else shades, or ASCII characters, by lightness. */
#ifndef UI_PICTURE_H
#define UI_PICTURE_H

#include "layout.h"
#include "surface.h"
#include "view.h"

/* The cells a picture takes in a space, its sides in proportion: whole
 * multiples of a pixel where there is room, else made smaller. Cells count as
 * twice as high as wide. rows 0: no room. */
struct rect picture_place(struct rect space, int height, int width);

/* Draws it where picture_place says and returns that place. */
struct rect picture_draw(struct surface *surface, struct rect space,
                         const struct view_picture *picture);

/* The xterm-256 index (16 … 255) nearest to a colour of levels 0…1. */
uint8_t picture_colour(const double rgb[3]);

#endif

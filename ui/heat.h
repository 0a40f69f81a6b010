/* Points lost as glyphs and roles: one scale on every screen, so that layers
 * and screens can be compared. Arguments are shares, 0…1. */
#ifndef UI_HEAT_H
#define UI_HEAT_H

#include "surface.h"

/* "· <0.1  ░ <0.5 …", what the glyphs mean in points. */
extern const char heat_legend[];

enum role heat_role(double lost);
uint32_t heat_glyph(double lost); /* · ░ ▒ ▓ █ */
uint32_t heat_bar(double lost);   /* ▁ (below 0.1) … █ (8 and more) */

#endif

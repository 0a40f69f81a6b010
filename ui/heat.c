#include "heat.h"

#include "base/array.h"

#include <math.h>

const char heat_legend[] = "· <0.1  ░ <0.5  ▒ <1.5  ▓ <4  █ more";

static const struct band {
    double below;
    uint32_t glyph;
    enum role role;
} bands[] = {
    {0.001, 0xb7, ROLE_DIM},         {0.005, 0x2591, ROLE_HEAT_1},
    {0.015, 0x2592, ROLE_HEAT_2},    {0.04, 0x2593, ROLE_HEAT_3},
    {INFINITY, 0x2588, ROLE_HEAT_4},
};

static const double bars[] = {0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08};

static const struct band *band_of(double lost)
{
    const struct band *band = bands;
    while (lost >= band->below)
        band++;
    return band;
}

enum role heat_role(double lost)
{
    return band_of(lost)->role;
}

uint32_t heat_glyph(double lost)
{
    return band_of(lost)->glyph;
}

uint32_t heat_bar(double lost)
{
    uint32_t glyph = 0x2581;
    for (size_t i = 0; i < ARRAY_LENGTH(bars); i++)
        glyph += lost >= bars[i];
    return glyph;
}

/*
 * One row per role. 256 colours: Okabe and Ito's palette, nearest indices by
 * CIELAB, never red against green. 8 colours: cyan, yellow, magenta, blue.
 */
#include "theme.h"

#include <stdlib.h>

enum {
    OWN = -1,
    /* xterm-256 */
    ORANGE = 214,
    SKY = 74,
    GREEN = 36,
    BLUE = 32,
    VERMILLION = 166,
    PURPLE = 175,
    YELLOW = 178, /* darker than theirs: legible on white as well */
    GREY = 244,
    /* 8 colours */
    C8_YELLOW = 3,
    C8_BLUE = 4,
    C8_MAGENTA = 5,
    C8_CYAN = 6,
};

enum {
    B = 1, /* bold */
    D = 2, /* dim */
    R = 4, /* reverse */
    U = 8, /* underline */
};

struct look {
    short colour;
    unsigned char attributes;
};

struct row {
    const char *name;
    struct look looks[THEME_DEPTH_COUNT]; /* mono, 8, 256 */
};

static const struct row rows[ROLE_COUNT] = {
    [ROLE_TEXT] = {"text", {{OWN, 0}, {OWN, 0}, {OWN, 0}}},
    [ROLE_DIM] = {"dim", {{OWN, D}, {OWN, D}, {GREY, 0}}},
    [ROLE_TITLE] = {"title", {{OWN, B}, {OWN, B}, {OWN, B}}},
    [ROLE_VALUE] = {"value", {{OWN, B}, {OWN, B}, {OWN, B}}},
    [ROLE_GOOD] = {"good", {{OWN, B}, {C8_CYAN, B}, {GREEN, B}}},
    [ROLE_WARN] = {"warn", {{OWN, U}, {C8_YELLOW, 0}, {ORANGE, 0}}},
    [ROLE_BAD] = {"bad", {{OWN, B | U}, {C8_MAGENTA, B}, {VERMILLION, B}}},
    [ROLE_CURSOR] = {"cursor", {{OWN, R}, {OWN, R}, {OWN, R}}},
    [ROLE_MARKED] = {"marked", {{OWN, B}, {C8_YELLOW, B}, {ORANGE, B}}},
    [ROLE_BAR] = {"bar", {{OWN, 0}, {C8_CYAN, 0}, {SKY, 0}}},
    [ROLE_BAR_EMPTY] = {"bar-empty", {{OWN, D}, {OWN, D}, {GREY, 0}}},
    [ROLE_KEY] = {"key", {{OWN, B}, {OWN, B}, {OWN, B}}},
    [ROLE_KEY_LABEL] = {"key-label", {{OWN, R}, {OWN, R}, {OWN, R}}},
    [ROLE_BORDER] = {"border", {{OWN, 0}, {OWN, D}, {GREY, 0}}},
    [ROLE_INPUT] = {"input", {{OWN, U}, {OWN, U}, {OWN, U}}},
    [ROLE_PRUNED] = {"pruned", {{OWN, D}, {OWN, D}, {GREY, 0}}},
    [ROLE_KEPT] = {"kept", {{OWN, B}, {C8_CYAN, 0}, {SKY, 0}}},
    [ROLE_FRONT] = {"front", {{OWN, 0}, {C8_BLUE, 0}, {BLUE, 0}}},
    [ROLE_POINT] = {"point", {{OWN, 0}, {OWN, 0}, {PURPLE, 0}}},
    [ROLE_NOW] = {"now", {{OWN, B}, {C8_YELLOW, B}, {ORANGE, B}}},
    [ROLE_BASE] = {"base", {{OWN, B}, {C8_CYAN, B}, {GREEN, B}}},
    [ROLE_HEAT_1] = {"heat-1", {{OWN, 0}, {C8_CYAN, 0}, {SKY, 0}}},
    [ROLE_HEAT_2] = {"heat-2", {{OWN, 0}, {C8_YELLOW, 0}, {YELLOW, 0}}},
    [ROLE_HEAT_3] = {"heat-3", {{OWN, B}, {C8_YELLOW, B}, {ORANGE, 0}}},
    [ROLE_HEAT_4] = {"heat-4", {{OWN, B}, {C8_MAGENTA, B}, {VERMILLION, B}}},
    [ROLE_ERROR] = {"error", {{OWN, B | R}, {C8_MAGENTA, R}, {VERMILLION, R}}},
    [ROLE_PICTURE] = {"picture", {{OWN, 0}, {OWN, 0}, {OWN, 0}}},
};

enum theme_depth theme_depth(int colours, bool no_color)
{
    const char *environment = getenv("NO_COLOR");
    if (no_color || (environment != NULL && *environment != '\0') ||
        colours < 8)
        return THEME_MONO;
    return colours < 256 ? THEME_8 : THEME_256;
}

struct style theme_style(enum theme_depth depth, enum role role)
{
    struct look look = rows[role].looks[depth];
    return (struct style){
        .colour = look.colour,
        .bold = look.attributes & B,
        .dim = look.attributes & D,
        .reverse = look.attributes & R,
        .underline = look.attributes & U,
    };
}

const char *theme_role_name(enum role role)
{
    return rows[role].name;
}

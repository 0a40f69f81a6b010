/*
 * What goes for real: channels and heads of a dependency group, a block. The
 * units are the group's, so layers of one group have the same units.
 */
#include "prune/block.h"
#include "prune/criteria.h"
#include "prune/group.h"
#include "prune/unit.h"

#include <string.h>

enum { LARGEST = 4096 }; /* multiple that stays */

static int fits_group(const struct layer *layer, enum group_kind kind,
                      const char *what, struct error *err)
{
    const struct group *group = layer->group;
    if (!group)
        return error_set(err, ERROR_UNSUPPORTED, "has no group of %s", what);
    if (!group->most)
        return error_set(err, ERROR_UNSUPPORTED, "its %s stay: %s", what,
                         group->reason);
    if (group->kind != kind)
        return error_set(err, ERROR_UNSUPPORTED, "has no %s, but %s", what,
                         kind == GROUP_HEADS ? "channels" : "heads");
    return 0;
}

static int fits_channels(const struct structure *self,
                         const struct layer *layer, struct error *err)
{
    (void)self;
    return fits_group(layer, GROUP_CHANNELS, "channels", err);
}

static int fits_heads(const struct structure *self, const struct layer *layer,
                      struct error *err)
{
    (void)self;
    return fits_group(layer, GROUP_HEADS, "heads", err);
}

static int64_t units_of_group(const struct structure *self,
                              const struct layer *layer)
{
    (void)self;
    return layer->group->unit_count;
}

/* As many as leave a multiple, at least one of it. */
static int64_t most_of_group(const struct structure *self,
                             const struct layer *layer)
{
    int64_t most = layer->group->most, units = layer->group->unit_count;
    if (self->multiple > 1 && units - self->multiple < most)
        most = units - self->multiple;
    return most < 0 ? 0 : most;
}

/* channel/8 */
static int parse_multiple(const char *name, struct structure *out,
                          struct error *err)
{
    size_t length = strlen(out->name);
    if (strncmp(name, out->name, length) != 0 || name[length] != '/')
        return 0;
    int64_t number = 0;
    const char *digit = name + length + 1;
    for (; *digit >= '0' && *digit <= '9' && number < LARGEST; digit++)
        number = number * 10 + (*digit - '0');
    if (*digit == ':') /* an amount follows: channel/8:50% */
        return 0;
    number = *digit || number > LARGEST ? 0 : number;
    if (number < 1)
        return error_set(err, ERROR_RANGE,
                         "'%s': expected a multiple of 1 to %d behind '/'",
                         name, LARGEST);
    out->multiple = number;
    return 1;
}

const struct structure structure_channel = {
    .name = "channel",
    .help = "whole channels, in every layer that shares them; channel/8: a "
            "multiple of 8 stays",
    .unit = "channels",
    .narrows = true,
    .parse = parse_multiple,
    .fits = fits_channels,
    .units = units_of_group,
    .most = most_of_group,
};

const struct structure structure_head = {
    .name = "head",
    .help = "attention heads",
    .unit = "heads",
    .narrows = true,
    .parse = parse_multiple,
    .fits = fits_heads,
    .units = units_of_group,
    .most = most_of_group,
};

/* --- the whole layer, with the block that it is part of --- */

static int fits_block(const struct structure *self, const struct layer *layer,
                      struct error *err)
{
    (void)self;
    if (layer->block)
        return 0;
    return error_set(
        err, ERROR_UNSUPPORTED, "%s",
        layer->block_reason
            ? layer->block_reason
            : "is in no residual branch that could be passed over");
}

static int64_t one_block(const struct structure *self,
                         const struct layer *layer)
{
    (void)self;
    (void)layer;
    return 1;
}

const struct structure structure_layer = {
    .name = "layer",
    .help = "the whole layer, with the residual branch that it is part of",
    .unit = "blocks",
    .skips = true,
    .fits = fits_block,
    .units = one_block,
    .natural = one_block,
};

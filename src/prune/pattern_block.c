/*
 * Blocks of H outputs by W inputs of one place of the kernel fall together.
 * Blocks at the edges may be smaller; none spans two groups of a grouped
 * convolution, whose outputs read different inputs.
 */
#include "prune/criteria.h"
#include "prune/unit.h"

enum { SIDE_MAX = 64 };

static int parse(const char *name, struct structure *out, struct error *err)
{
    int height, width;
    if (!unit_numbers(name, "block:", 'x', &height, &width))
        return 0;
    if (height > SIDE_MAX || width > SIDE_MAX)
        return error_set(err, ERROR_RANGE,
                         "found block:%dx%d, expected sides of at most %d",
                         height, width, SIDE_MAX);
    out->first = height;
    out->second = width;
    return 1;
}

static int fits(const struct structure *self, const struct layer *layer,
                struct error *err)
{
    if (unit_needs_matrix(layer, err) < 0)
        return -1;
    const struct layer_matrix *m = &layer->matrix;
    int64_t rows = m->rows / m->groups;
    if (rows >= self->first && m->inputs >= self->second)
        return 0;
    return error_set(err, ERROR_UNSUPPORTED,
                     "found %lld outputs by %lld inputs%s, too small for %s",
                     (long long)rows, (long long)m->inputs,
                     m->groups > 1 ? " in a group" : "", self->name);
}

static int64_t parts(int64_t whole, int64_t part)
{
    return (whole + part - 1) / part;
}

static int64_t units(const struct structure *self, const struct layer *layer)
{
    const struct layer_matrix *m = &layer->matrix;
    return m->groups * parts(m->rows / m->groups, self->first) * m->places *
           parts(m->inputs, self->second);
}

static int64_t unit(const struct structure *self, const struct layer_matrix *m,
                    int64_t row, int64_t input, int64_t place)
{
    int64_t rows = m->rows / m->groups, group = row / rows;
    int64_t band = group * parts(rows, self->first) + row % rows / self->first;
    return (band * m->places + place) * parts(m->inputs, self->second) +
           input / self->second;
}

static int select_blocks(const struct structure *self,
                         const struct layer *layer, const float *score,
                         int64_t remove, struct bitmask *mask,
                         struct error *err)
{
    return unit_select(self, layer, unit, units(self, layer), score, remove,
                       mask, err);
}

const struct structure structure_block = {
    .name = "block:4x1",
    .help = "block:HxW: blocks of H outputs by W inputs",
    .unit = "blocks",
    .first = 4,
    .second = 1,
    .parse = parse,
    .fits = fits,
    .units = units,
    .select = select_blocks,
};

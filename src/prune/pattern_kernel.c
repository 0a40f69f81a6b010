/* All places of the kernel between one input and one output fall together. */
#include "prune/criteria.h"
#include "prune/unit.h"

static int fits(const struct structure *self, const struct layer *layer,
                struct error *err)
{
    (void)self;
    if (unit_needs_matrix(layer, err) < 0)
        return -1;
    if (layer->matrix.places > 1)
        return 0;
    return error_set(err, ERROR_UNSUPPORTED,
                     "its kernels are single weights, use 'weight'");
}

static int64_t units(const struct structure *self, const struct layer *layer)
{
    (void)self;
    return layer->matrix.rows * layer->matrix.inputs;
}

static int64_t unit(const struct structure *self, const struct layer_matrix *m,
                    int64_t row, int64_t input, int64_t place)
{
    (void)self;
    (void)place;
    return row * m->inputs + input;
}

static int select_kernels(const struct structure *self,
                          const struct layer *layer, const float *score,
                          int64_t remove, struct bitmask *mask,
                          struct error *err)
{
    return unit_select(self, layer, unit, units(self, layer), score, remove,
                       mask, err);
}

const struct structure structure_kernel = {
    .name = "kernel",
    .help = "whole k x k kernels, from one input to one output",
    .unit = "kernels",
    .fits = fits,
    .units = units,
    .select = select_kernels,
};

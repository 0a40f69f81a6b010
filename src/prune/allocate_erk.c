/*
 * Erdos-Renyi-Kernel: densities in proportion to the sum of a layer's
 * dimensions over their product; a layer whose density would exceed one is
 * dense, and the others share what that costs.
 * Source: Evci et al. 2020 (RigL), section 3(1).
 */
#include "prune/allocate.h"

#include "base/array.h"

#include <stdlib.h>

static double raw_density(const struct layer *layer)
{
    double sum = 0, product = 1;
    for (int i = 0; i < layer->shape.rank; i++) {
        sum += (double)layer->shape.dims[i];
        product *= (double)layer->shape.dims[i];
    }
    return sum / product;
}

/* The factor that gives the target when `dense` layers keep everything. */
static double factor_of(const struct allocation *a, const bool *dense,
                        double strength)
{
    const struct layer_table *layers = a->source.layers;
    double keep = 0, raw = 0;
    for (size_t i = 0; i < a->row_count; i++) {
        const struct layer *layer = &layers->layers[a->rows[i]];
        double n = (double)layer->weights;
        keep += dense[i] ? -strength * n : (1 - strength) * n;
        raw += dense[i] ? 0 : raw_density(layer) * n;
    }
    return raw > 0 && keep > 0 ? keep / raw : 0;
}

static int allocate(const struct allocation *a, double strength,
                    double *amounts, struct error *err)
{
    const struct layer_table *layers = a->source.layers;
    bool *dense = array_create(a->row_count + 1, sizeof *dense);
    if (!dense)
        return error_memory(err, a->row_count);
    for (;;) {
        double factor = factor_of(a, dense, strength), most = 1;
        size_t densest = a->row_count;
        for (size_t i = 0; i < a->row_count; i++) {
            double density = factor * raw_density(&layers->layers[a->rows[i]]);
            amounts[i] = dense[i] ? 0 : 1 - density;
            if (!dense[i] && density > most) {
                most = density;
                densest = i;
            }
        }
        if (densest == a->row_count)
            break;
        dense[densest] = true;
    }
    free(dense);
    return 0;
}

const struct allocator allocator_erk = {
    .name = "erk",
    .help = "denser where a layer's dimensions are small (Erdos-Renyi)",
    .allocate = allocate,
};

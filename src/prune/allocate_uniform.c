/* The same share of every layer, and the same but for the ends.
 * Source of uniform+: Gale et al. 2019: the first convolution stays dense, the
 * last product keeps at least a fifth. */
#include "prune/allocate.h"

#include <math.h>
#include <string.h>

#define LAST_MOST 0.8

static int uniform(const struct allocation *a, double strength, double *amounts,
                   struct error *err)
{
    (void)err;
    for (size_t i = 0; i < a->row_count; i++)
        amounts[i] = strength;
    return 0;
}

static int uniform_plus(const struct allocation *a, double strength,
                        double *amounts, struct error *err)
{
    const struct layer_table *layers = a->source.layers;
    bool first = true;
    size_t last = a->row_count;
    (void)err;
    for (size_t i = 0; i < a->row_count; i++) {
        bool conv = strncmp(layers->layers[a->rows[i]].op, "Conv", 4) == 0;
        amounts[i] = conv && first ? 0 : strength;
        first = first && !conv;
        last = conv ? last : i;
    }
    if (last < a->row_count)
        amounts[last] = fmin(amounts[last], LAST_MOST);
    return 0;
}

const struct allocator allocator_uniform = {
    .name = "uniform",
    .help = "the same share of every layer",
    .allocate = uniform,
};

const struct allocator allocator_uniform_plus = {
    .name = "uniform+",
    .help = "uniform; the first convolution dense, a fifth of the last kept",
    .allocate = uniform_plus,
};

/* Magnitude: the size of a weight is its importance. */
#include "prune/criteria.h"

#include <math.h>

static int score(const struct layer *layer, const float *weight, float *out,
                 struct error *err)
{
    (void)err;
    for (int64_t i = 0; i < layer->weights; i++)
        out[i] = fabsf(weight[i]);
    return 0;
}

const struct criterion criterion_magnitude = {
    .name = "magnitude",
    .help = "small weights go first: |w|",
    .score = score,
};

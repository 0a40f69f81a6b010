/* Magnitude: the size of a weight is its importance, that of several the sum
 * of their sizes (L1). */
#include "prune/criteria.h"

#include <math.h>

static int score(const struct score_input *input, float *out, struct error *err)
{
    (void)err;
    for (int64_t i = 0; i < input->layer->weights; i++)
        out[i] = fabsf(input->weight[i]);
    return 0;
}

const struct criterion criterion_magnitude = {
    .name = "magnitude",
    .help = "small weights go first: |w|, of several the sum (l1)",
    .score = score,
};

/* L2: squares instead of sizes. Single weights fall in the order of magnitude;
 * of channels, blocks and kernels the sum of squares decides. */
#include "prune/criteria.h"

static int score(const struct score_input *input, float *out, struct error *err)
{
    (void)err;
    for (int64_t i = 0; i < input->layer->weights; i++)
        out[i] = input->weight[i] * input->weight[i];
    return 0;
}

const struct criterion criterion_l2 = {
    .name = "l2",
    .help = "w², of channels and blocks the sum of squares",
    .score = score,
};

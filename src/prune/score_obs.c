/*
 * OBS: what removing a weight does to the layer's output once the weights that
 * stay have made up for it, in the order in which ExactOBS removes them; in
 * wide layers one look, w^2 / [H^-1]_jj. Shares of what the layer gives, so
 * that layers compare. Meant for weights that are reconstructed afterwards.
 *
 * Source: Hassibi and Stork 1993; Frantar and Alistarh 2022, algorithm 1.
 */
#include "prune/calibration.h"
#include "prune/criteria.h"

static int score(const struct score_input *input, float *out, struct error *err)
{
    (void)err;
    for (int64_t i = 0; i < input->layer->weights; i++)
        out[i] = input->data->cost[i];
    return 0;
}

const struct criterion criterion_obs = {
    .name = "obs",
    .help = "what the layer's output loses when the others make up for it",
    .part = CALIBRATION_ORDER,
    .score = score,
};

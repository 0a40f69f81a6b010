/*
 * Diagonal Fisher: what removing a weight adds to the loss, to second order, if
 * weights did not depend on each other: w^2 E[g^2] / 2 over single samples.
 *
 * Source: LeCun et al. 1990 (OBD) with the empirical Fisher for the Hessian.
 */
#include "prune/calibration.h"
#include "prune/criteria.h"

static int score(const struct score_input *input, float *out, struct error *err)
{
    (void)err;
    for (int64_t i = 0; i < input->layer->weights; i++)
        out[i] =
            0.5f * input->weight[i] * input->weight[i] * input->data->fisher[i];
    return 0;
}

const struct criterion criterion_fisher = {
    .name = "fisher",
    .help = "the loss that a weight's removal adds, to second order: w² E[g²]",
    .part = CALIBRATION_FISHER,
    .score = score,
};

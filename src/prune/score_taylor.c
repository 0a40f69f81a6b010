/*
 * Taylor-FO: what removing a weight adds to the loss, to first order:
 * (g w)^2, of several weights the sum. The mean is over batches.
 *
 * Source: Molchanov et al. 2019, eq. 8; per batch first, then averaged.
 */
#include "prune/calibration.h"
#include "prune/criteria.h"

static int score(const struct score_input *input, float *out, struct error *err)
{
    (void)err;
    for (int64_t i = 0; i < input->layer->weights; i++)
        out[i] = input->data->taylor[i];
    return 0;
}

const struct criterion criterion_taylor = {
    .name = "taylor",
    .help = "the loss that a weight's removal adds, to first order: (g w)²",
    .part = CALIBRATION_GRADIENTS,
    .score = score,
};

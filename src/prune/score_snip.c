/*
 * SNIP: how strongly the loss depends on a weight being there: |g w| with the
 * gradient of all samples together.
 *
 * Source: Lee et al. 2019, eq. 5. Dividing by the sum of all changes no ranking
 * and is left out.
 */
#include "prune/calibration.h"
#include "prune/criteria.h"

static int score(const struct score_input *input, float *out, struct error *err)
{
    (void)err;
    for (int64_t i = 0; i < input->layer->weights; i++)
        out[i] = input->data->snip[i];
    return 0;
}

const struct criterion criterion_snip = {
    .name = "snip",
    .help = "how strongly the loss depends on the weight being there: |g w|",
    .part = CALIBRATION_GRADIENTS,
    .score = score,
};

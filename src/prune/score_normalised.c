/*
 * Normalised magnitude: |w| divided by the mean of its layer, so that a ranking
 * over layers does not empty those whose weights are small as a whole.
 *
 * A weight that is not a number is in no mean.
 */
#include "prune/criteria.h"

#include <math.h>

static int score(const struct score_input *input, float *out, struct error *err)
{
    double sum = 0;
    int64_t count = 0;
    (void)err;
    for (int64_t i = 0; i < input->layer->weights; i++) {
        double size = fabs((double)input->weight[i]);
        sum += isnan(size) ? 0 : size;
        count += !isnan(size);
    }
    double mean = sum > 0 ? sum / (double)count : 1;
    for (int64_t i = 0; i < input->layer->weights; i++)
        out[i] = (float)(fabs((double)input->weight[i]) / mean);
    return 0;
}

const struct criterion criterion_normalised = {
    .name = "normalised",
    .help = "|w| divided by the mean of its layer",
    .score = score,
};

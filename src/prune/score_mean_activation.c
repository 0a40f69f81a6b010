/*
 * Mean activation: a channel is as important as the mean size of what it gives,
 * behind the activation that follows the layer.
 *
 * Source: Molchanov et al. 2017, section 2.2.
 */
#include "prune/calibration.h"
#include "prune/criteria.h"

#include <string.h>

static int score_rows(const struct score_input *input, float *rows,
                      struct error *err)
{
    (void)err;
    memcpy(rows, input->data->mean,
           (size_t)input->layer->matrix.rows * sizeof *rows);
    return 0;
}

const struct criterion criterion_mean_activation = {
    .name = "mean-activation",
    .help = "channels that give least go first: mean |a|",
    .part = CALIBRATION_OUTPUTS,
    .score_rows = score_rows,
};

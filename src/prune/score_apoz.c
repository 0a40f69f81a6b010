/*
 * APoZ: a channel that is zero most of the time says little. Zeros are counted
 * behind the activation that follows the layer.
 *
 * Source: Hu et al. 2016; ours is 1 - APoZ, so that more is more important.
 */
#include "prune/calibration.h"
#include "prune/criteria.h"

#include <string.h>

static int score_rows(const struct score_input *input, float *rows,
                      struct error *err)
{
    (void)err;
    memcpy(rows, input->data->active,
           (size_t)input->layer->matrix.rows * sizeof *rows);
    return 0;
}

const struct criterion criterion_apoz = {
    .name = "apoz",
    .help = "channels that are zero most often go first",
    .part = CALIBRATION_OUTPUTS,
    .score_rows = score_rows,
};

/*
 * Wanda: a weight is as important as it is large times the norm of what it
 * multiplies. Single weights are compared inside their output row.
 *
 * Source: Sun et al. 2023, eq. 1. Columns of a convolution are those of im2col;
 * of a depthwise one a row is its kernel.
 */
#include "prune/calibration.h"
#include "prune/criteria.h"

#include <math.h>

static int score(const struct score_input *input, float *out, struct error *err)
{
    const struct layer_matrix *m = &input->layer->matrix;
    int64_t columns = m->inputs * m->places, rows = m->rows / m->groups;
    (void)err;
    for (int64_t r = 0; r < m->rows; r++) {
        const float *norm = input->data->norm + r / rows * columns;
        for (int64_t j = 0; j < columns; j++) {
            int64_t at = layer_matrix_at(m, r, j / m->places, j % m->places);
            out[at] = fabsf(input->weight[at]) * norm[j];
        }
    }
    return 0;
}

const struct criterion criterion_wanda = {
    .name = "wanda",
    .help = "|w| times the norm of its input, compared inside each output row",
    .part = CALIBRATION_INPUTS,
    .within_rows = true,
    .score = score,
};

/*
 * Batch-norm scale: a channel is as important as |gamma| of the batch norm that
 * alone reads it.
 *
 * Source: Liu et al. 2017 (network slimming); they train gamma towards zero
 * first, without which it says little.
 */
#include "prune/batch_norm.h"
#include "prune/criteria.h"

#include <math.h>

static int score_rows(const struct score_input *input, float *rows,
                      struct error *err)
{
    const struct graph *graph = input->graph;
    const struct layer *layer = input->layer;
    struct batch_norm norm;
    if (batch_norm_behind(&norm, graph, graph->nodes[layer->node].outputs[0],
                          err) < 0)
        return -1;
    const struct tensor *gamma = NULL;
    if (norm.node >= 0)
        gamma = &graph->values[graph->nodes[norm.node].inputs[1]].constant;
    bool known = gamma && tensor_elements(gamma) == layer->matrix.rows;
    for (int64_t r = 0; r < layer->matrix.rows; r++)
        rows[r] = known ? (float)fabs(tensor_number(gamma, r)) : NAN;
    batch_norm_release(&norm);
    return 0;
}

const struct criterion criterion_bn_scale = {
    .name = "bn-scale",
    .help = "channels whose batch norm scales them least go first",
    .score_rows = score_rows,
};

#include "prune/score.h"

#include "base/array.h"

#include <stdlib.h>

/* A layer's weight as float32; release it. */
static int read_weight(struct tensor *weight, const struct graph *graph,
                       const struct layer *layer, struct error *err)
{
    const struct tensor *constant = &graph->values[layer->weight].constant;
    if (constant->dtype == DTYPE_FLOAT32) {
        *weight = tensor_share(constant);
        return 0;
    }
    return tensor_convert(weight, constant, DTYPE_FLOAT32, err);
}

float *score_layer(const struct mask_source *source, size_t row,
                   const struct criterion *criterion, struct error *err)
{
    struct tensor weight;
    const struct layer *layer = &source->layers->layers[row];
    if (read_weight(&weight, source->graph, layer, err) < 0) {
        error_prefix(err, "layer '%s'", layer->name);
        return NULL;
    }
    float *scores = array_create((size_t)layer->weights, sizeof *scores);
    if (!scores)
        error_memory(err, (unsigned long long)layer->weights * sizeof *scores);
    else if (criterion->score(layer, weight.data, scores, err) < 0) {
        error_prefix(err, "layer '%s'", layer->name);
        free(scores);
        scores = NULL;
    } else {
        weights_lower_scores(source->weights, row, scores, layer->weights);
    }
    tensor_release(&weight);
    return scores;
}

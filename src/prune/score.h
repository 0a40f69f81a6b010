/* Scores of a layer of a graph, whatever type its weight is stored in. */
#ifndef PRUNE_SCORE_H
#define PRUNE_SCORE_H

#include "prune/decision.h"

/*
 * Scores one layer by one criterion: (layer->weights) float32, owned by the
 * caller (free); NULL after an error, which names the layer.
 */
float *score_layer(const struct graph *graph, const struct layer *layer,
                   const struct criterion *criterion, struct error *err);

#endif

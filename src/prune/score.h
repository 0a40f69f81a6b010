/* Scores of a layer of a graph, whatever type its weight is stored in. */
#ifndef PRUNE_SCORE_H
#define PRUNE_SCORE_H

#include "prune/apply.h"

/*
 * Scores one layer (a row of the table) by one criterion: (layer->weights)
 * float32, owned by the caller (free); NULL after an error, which names the
 * layer. What the source's weights mask already scores below the rest.
 * source  its decisions and previous masks are not read
 */
float *score_layer(const struct mask_source *source, size_t row,
                   const struct criterion *criterion, struct error *err);

#endif

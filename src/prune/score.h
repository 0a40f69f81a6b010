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

/* The same for its outputs, by criterion->score_rows; (layer->matrix.rows). */
float *score_rows(const struct mask_source *source, size_t row,
                  const struct criterion *criterion, struct error *err);

/*
 * Replaces scores by their rank inside their output row, so that a ranking over
 * the layer takes the same share of each row; scores below 0 stay before all.
 * Equal scores rank by their index.
 */
int score_rank_rows(const struct layer_matrix *matrix, float *scores,
                    struct error *err);

#endif

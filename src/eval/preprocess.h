/* Finds out how the model wants its pixels. */
#ifndef EVAL_PREPROCESS_H
#define EVAL_PREPROCESS_H

#include "dataset/dataset.h"
#include "graph/graph.h"

enum { PREPROCESS_MAX = 16 };

/* One candidate and what it gave. */
struct preprocess_trial {
    struct transform transform;
    double accuracy; /* on `samples` labelled samples */
    double loss;
    int64_t samples; /* fewer where the first look settled it */
};

struct preprocess_result {
    struct preprocess_trial trials[PREPROCESS_MAX];
    size_t count, chosen;
    bool stated;     /* by the model's file: nothing was tried */
    int64_t samples; /* of the chosen one */
};

/*
 * Runs `samples` (a few hundred) samples, spread over the data set, under
 * each candidate transform that a first look at 64 did not rule out; takes
 * the best accuracy, the lower loss breaking ties. Without labels or images:
 * the identity, count 1.
 *
 * model  template graph
 */
int preprocess_find(struct preprocess_result *result, const struct graph *model,
                    const struct dataset *dataset, int64_t samples,
                    struct error *err);

#endif

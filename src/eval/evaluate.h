/*
 * Runs samples of a data set through a runner and reads the answers. One
 * evaluator per worker thread; the loop over batches is the caller's.
 */
#ifndef EVAL_EVALUATE_H
#define EVAL_EVALUATE_H

#include "dataset/dataset.h"
#include "eval/estimate.h"
#include "exec/plan.h"
#include "exec/prefix.h"

/* What is evaluated; shared by workers, immutable during an evaluation. */
struct evaluation {
    const struct plan *plan;
    const struct dataset *dataset;
    struct transform transform;
    struct prefix *prefix; /* NULL: no cache */
    const int64_t *order;  /* permutation of samples; NULL: as stored */
    const int64_t *labels; /* per sample (dense answers for fidelity);
                              NULL: the data set's own */
    int64_t samples;       /* how many of `order` count */
};

enum { EVALUATION_MAX_INPUTS = 32 };

/* Matches graph inputs to data set inputs by name (a single one matches the
 * single graph input whatever their names) and checks types and shapes.
 * map: graph input index -> data set input index, written.
 * Errors: ERROR_SHAPE "DATA: model input 'x': has ..., expected ...". */
int evaluation_match(const struct graph *instance,
                     const struct dataset *dataset, size_t *map,
                     struct error *err);

/* Batches of a full evaluation. */
int64_t evaluation_batches(const struct evaluation *evaluation);

/*
 * Writes samples first … first + count - 1 (of the order) of data set input
 * `input` for the model input `value`, transformed and laid out as the model
 * wants them; the last sample is repeated to fill the value's batch. Of the
 * evaluation only dataset, transform and order count. The input fits
 * (evaluation_match).
 */
void evaluation_fill_input(const struct evaluation *evaluation,
                           const struct value *value, size_t input,
                           int64_t first, int64_t count, void *out);

/*
 * Writes the samples of batch b to the runner's inputs, transformed and laid
 * out as the model wants them; the last sample is repeated to fill.
 * count  how many are real, written
 * Errors: as evaluation_match.
 */
int evaluation_fill(const struct evaluation *evaluation, struct runner *runner,
                    int64_t b, int64_t *count, struct error *err);

/*
 * Evaluates batch b: samples order[b * batch … ]. The last batch repeats its
 * last sample to fill and ignores the repeats.
 *
 * outcomes  indexed by sample id (not by order), written for this batch
 * logits    (count, width) of the first output, copied out when not NULL; room
 *           for a batch
 * count     how many samples were real
 *
 * Errors: ERROR_CANCELLED, ERROR_UNSUPPORTED (the output tells no classes,
 * op/answer.h), ERROR_SHAPE (a label is not below them).
 */
int evaluation_run(const struct evaluation *evaluation, struct runner *runner,
                   int64_t b, struct outcome *outcomes, float *logits,
                   int64_t *count, const struct cancel *cancel,
                   struct error *err);

#endif

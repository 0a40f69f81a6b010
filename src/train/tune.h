/*
 * Fine-tuning: steps of training over a data set, with masks that hold. The
 * caller loops, so that it can show, pause, prune more or stop in between.
 */
#ifndef TRAIN_TUNE_H
#define TRAIN_TUNE_H

#include "dataset/npz.h"
#include "train/loss.h"
#include "train/optimiser.h"
#include "train/rate.h"
#include "train/samples.h"

struct tune_options {
    double epochs;
    int more; /* epochs behind the course, each from a tenth of the peak rate */
    int64_t batch;
    int accumulate; /* batches to a step; 1: each */
    struct rate rate;
    struct optimiser_options optimiser;
    struct loss_options loss;
    struct augment augment;
    bool frozen_statistics;     /* batch norm keeps its running statistics */
    double statistics_momentum; /* how fast they follow, 0 … 1 */
    uint64_t seed;
};

/* Two epochs, batch 128, one-cycle to 0.05, SGD, flips. */
struct tune_options tune_defaults(void);

struct tune_request {
    struct tune_options options;
    const struct graph *model;   /* resolved template, weights as they begin */
    const char *name;            /* of its file, for errors; may be NULL */
    const struct graph *teacher; /* the dense model; needed to distil */
    const struct dataset *dataset;
    struct transform transform;
    int64_t samples; /* the first of the data set; 0: all */
    const struct train_workers *workers;
    enum cpu_isa isa;
};

struct tune;

/* Errors: network_create's and samples_match's; ERROR_RANGE for options. */
int tune_create(struct tune **out, const struct tune_request *request,
                struct error *err);
void tune_destroy(struct tune *tune);

int64_t tune_steps(const struct tune *tune); /* with the epochs behind */
int64_t tune_course_steps(const struct tune *tune);
int64_t tune_epoch_steps(const struct tune *tune);
int64_t tune_done(const struct tune *tune);
int64_t tune_images(const struct tune *tune); /* so far */
void tune_extend(struct tune *tune); /* by an epoch behind the course */
int64_t tune_bytes(const struct tune *tune);

/* What the last step saw. */
struct tune_state {
    double loss;    /* mean over its samples */
    double smooth;  /* exponential mean of losses, 0.95 */
    double correct; /* exponential mean of the share of right answers */
    double rate;
    int64_t images; /* so far */
};

/* One step. Errors: ERROR_CANCELLED (nothing has changed), ERROR_RANGE when
 * the loss is no number any more. */
int tune_step(struct tune *tune, struct tune_state *state,
              const struct cancel *cancel, struct error *err);

/* Masks: of the stored constant `id`; at any time. A weight that a mask
 * lets back in grows from zero. */
int tune_mask(struct tune *tune, int id, const struct bitmask *mask,
              struct error *err);
int64_t tune_masked(const struct tune *tune);
int64_t tune_violations(const struct tune *tune); /* 0: masks held */

/* Puts the constants of `graph` back under the masks (rewinding). */
int tune_rewind(struct tune *tune, const struct graph *graph,
                struct error *err);

/*
 * Remembers the model as it is now, in place of what was remembered before;
 * recalling puts it back under the masks of now, and what remembers the way
 * (momentum) is forgotten. Recalling nothing does nothing.
 */
int tune_remember(struct tune *tune, struct error *err);
int tune_recall(struct tune *tune, struct error *err);

/*
 * Everything that goes on: weights, statistics, moments, what is remembered,
 * how far it is, but no masks. A tune made by the same request that reads it
 * takes the same steps as if it had never stopped.
 *
 * npz  arrays are added; the caller's (npz_release)
 *
 * Errors: ERROR_MEMORY; reading also ERROR_FORMAT (of another tune).
 */
int tune_save(const struct tune *tune, struct npz *npz, size_t *capacity,
              struct error *err);
int tune_load(struct tune *tune, const struct npz *npz, struct error *err);

/* What was trained: ids and tensors of all parameters and running
 * statistics, ready for graph_with_constants. Owned by the caller
 * (tune_result_release). */
struct tune_result {
    size_t count;
    int *ids;
    struct tensor *tensors;
};
int tune_result_init(struct tune_result *result, const struct tune *tune,
                     struct error *err);
void tune_result_release(struct tune_result *result);

#endif

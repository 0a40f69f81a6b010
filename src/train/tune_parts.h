/* The inside of a tune: the run (tune.c) and what is kept of it
 * (tune_keep.c). */
#ifndef TRAIN_TUNE_PARTS_H
#define TRAIN_TUNE_PARTS_H

#include "train/tune.h"

enum { TUNE_FIELD_KINDS = 5 };

struct tune {
    struct tune_options options;
    struct network *network, *teacher;
    struct optimiser *optimiser;
    struct samples samples;
    int64_t count; /* samples of an epoch */
    int64_t steps, epoch_steps, done, epoch;
    int64_t course; /* steps of the learning rate's course; more may follow */
    int64_t *order, *ids;     /* of the epoch, of the batch */
    double *losses, *correct; /* per shard */
    float **gradients;        /* accumulated; NULL: one batch a step */
    float *statistics;        /* as the step began; where it accumulates */
    struct tune_state state;
    float **best; /* per field (tune_field); NULL: nothing is remembered */
};

/*
 * What training changes, one array after the other: values of parameters,
 * their first and second moments, running means and variances.
 */
struct tune_field {
    const char *kind; /* "value", "first", "second", "mean", "variance" */
    size_t index;
    float *data;
    size_t count;
    bool is_result; /* part of the model, not of the optimiser */
};

/* False behind the last. */
bool tune_field_at(const struct tune *tune, size_t i, struct tune_field *field);
void tune_forget_best(struct tune *tune);

#endif

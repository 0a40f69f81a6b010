/*
 * The answers of one variant, batch by batch, and how far they came. A trial
 * can be left and taken up again: what is done is not run twice.
 */
#ifndef ENGINE_TRIAL_H
#define ENGINE_TRIAL_H

#include "engine/pool.h"
#include "engine/setup.h"
#include "eval/evaluate.h"
#include "eval/live.h"

#include <pthread.h>

struct trial {
    struct outcome *outcomes; /* by sample id */
    unsigned char *done;      /* per batch of setup->order */
    int64_t samples, batches, batches_done;
};

int trial_create(struct trial **out, int64_t samples, int64_t batches,
                 struct error *err);
void trial_destroy(struct trial *trial);
bool trial_complete(const struct trial *trial);
/* The order of samples has changed: what is done is counted anew. */
void trial_reorder(struct trial *trial, const struct setup *setup);

/*
 * One evaluation on the pool. The dense model answers a batch before the
 * variant does, unless it has already: every partial figure is paired. Once
 * the dense model has answered all, batches come in the order that `live`
 * wants and figures are its estimates.
 */
struct trial_run {
    const struct setup *setup;
    struct prefix *prefix;        /* for `plan`; NULL: none */
    struct trial *base, *trial;   /* equal when the dense model is meant */
    const struct plan *base_plan; /* NULL when base is complete */
    const struct plan *plan;      /* NULL when trial == base */
    const struct strata *strata;  /* of setup->order; NULL: not known yet */
    const struct cancel *cancel;
    struct pool *pool;
    int64_t most; /* batches, for a first look; 0: all */
    /* Private: */
    struct trial_worker *workers;
    pthread_mutex_t mutex; /* guards what follows while the pool works */
    struct tally tally, base_tally;
    struct live *live; /* NULL: batches in order, paired counts */
};

/* Begins on the pool; fields above "Private" are the caller's. */
int trial_start(struct trial_run *run, struct error *err);
/* As pool_wait. */
bool trial_wait(struct trial_run *run, bool first, int timeout_ms);
/* Samples that the variant has answered. */
int64_t trial_samples(struct trial_run *run);
/* Frees what the run holds; 0, or -1 with the error. After its end. */
int trial_finish(struct trial_run *run, struct error *err);

/* Fills the accuracy part of the variant's result and, unless NULL, of the
 * dense model's, as known now. */
void trial_figures(struct trial_run *run, struct result *result,
                   struct result *base);

/* The same of a dense model that has answered all samples. */
void trial_base_figures(const struct setup *setup, const struct trial *base,
                        struct result *result);

#endif

/*
 * The answers of one variant, batch by batch, and how far they came. A trial
 * can be left and taken up again: what is done is not run twice.
 */
#ifndef ENGINE_TRIAL_H
#define ENGINE_TRIAL_H

#include "engine/pool.h"
#include "engine/setup.h"
#include "eval/evaluate.h"

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

/*
 * One evaluation on the pool. The dense model answers a batch before the
 * variant does, unless it has already: every partial figure is paired.
 */
struct trial_run {
    const struct setup *setup;
    struct prefix *prefix;        /* for `plan`; NULL: none */
    struct trial *base, *trial;   /* equal when the dense model is meant */
    const struct plan *base_plan; /* NULL when base is complete */
    const struct plan *plan;      /* NULL when trial == base */
    const struct cancel *cancel;
    struct pool *pool;
    /* Private: */
    struct trial_worker *workers;
    pthread_mutex_t mutex; /* guards what follows while the pool works */
    struct tally tally, base_tally;
};

/* Begins on the pool; fields above "Private" are the caller's. */
int trial_start(struct trial_run *run, struct error *err);
/* As pool_wait. */
bool trial_wait(struct trial_run *run, bool first, int timeout_ms);
/* The tallies so far; either may be NULL. */
void trial_tallies(struct trial_run *run, struct tally *tally,
                   struct tally *base_tally);
/* Frees what the run holds; 0, or -1 with the error. After its end. */
int trial_finish(struct trial_run *run, struct error *err);

/* Fills the accuracy part of a result. base: the variant is the dense one. */
void trial_figures(const struct setup *setup, const struct tally *tally,
                   bool base, struct result *result);

#endif

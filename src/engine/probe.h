/*
 * Probes: how accurate a set of decisions is, from as few samples as its
 * interval needs, paired with the dense model. Scans and plans ask by the
 * hundred. Dense kernels only: every plan then shares the steps before the
 * first pruned layer, bit for bit, and with them the cached activations.
 */
#ifndef ENGINE_PROBE_H
#define ENGINE_PROBE_H

#include "engine/setup.h"
#include "engine/trial.h"
#include "eval/live.h"
#include "exec/prefix.h"

/* What probes run on. */
struct probe_site {
    const struct setup *setup; /* with data */
    struct pool *pool;
    struct trial *base;            /* completed if it is not */
    const struct variant *variant; /* whose weights; NULL: the model's own */
    const struct cancel *cancel;
    /* Called between pieces of some 20 ms while the pool rests; -1 ends the
     * probe. NULL: nobody. */
    int (*step)(void *context, struct error *err);
    void *context;
    /* Raised while somebody waits for `step`, or the work is cancelled: what
     * is measured for longer ends, and begins again. NULL: never. */
    const struct cancel *awaited;
};

struct probe {
    struct probe_site site;
    const struct setup *setup;
    double baseline; /* the dense model's accuracy on all the data */
    struct plan *base_plan;
    struct prefix *prefix;
    struct strata *strata;
    struct outcome *outcomes;
    struct runner **runners; /* per worker, of the running probe */
    const struct plan *plan; /* of the running probe */
    int64_t *batches;        /* that the running look asks for, … */
    int64_t wanted, first;   /* how many, the first that has not run */
    int64_t piece;           /* batches between two steps */
};

/* How well is well enough. */
struct probe_wish {
    /* Half width of the interval on the data set: below the larger of an
     * absolute one and a share of the drop. tolerance 0: every sample. */
    double tolerance, relative;
    double floor; /* clearly below it needs no better figure */
};

struct probe_result {
    double value, low, high; /* accuracy and its 95 % interval, 0…1 */
    int64_t samples;
};

/* Completes the dense model's answers. */
int probe_init(struct probe *probe, const struct probe_site *site,
               struct error *err);
void probe_release(struct probe *probe);

/* Keeps activations before the layer of node `node`; -1: anywhere. */
void probe_focus(struct probe *probe, int node);

/* decisions  one per layer, borrowed */
int probe_run(struct probe *probe, const struct decision *decisions,
              const struct probe_wish *wish, struct probe_result *result,
              struct error *err);

#endif

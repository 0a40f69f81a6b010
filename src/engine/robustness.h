/*
 * What becomes of a model's accuracy on worse data: corrupted pictures, other
 * data sets, the samples on which it hesitates. Each beside the dense model
 * where there is one, paired.
 */
#ifndef ENGINE_ROBUSTNESS_H
#define ENGINE_ROBUSTNESS_H

#include "base/cancel.h"
#include "dataset/corrupt.h"
#include "engine/engine.h"
#include "engine/pool.h"
#include "eval/disagree.h"
#include "eval/estimate.h"
#include "eval/paired.h"

struct plan;
struct setup;

/* One model. */
struct robustness_side {
    const struct plan *plan; /* of one batch; NULL: there is none */
    struct transform transform;
};

/* What the dense model said on each condition, so that it need not be asked
 * again for the next variant on the same data with the same seed. */
struct robustness_cache {
    size_t count, capacity;
    struct robustness_cached {
        char *condition;
        int severity;
        int64_t samples;
        bool *right; /* per sample */
    } * items;       /* owned */
};
void robustness_cache_release(struct robustness_cache *cache);

struct robustness;

struct robustness_request {
    struct robustness_side variant, dense; /* same batch */
    const struct dataset *dataset;         /* with labels */
    bool agreement;          /* right is what the dense model says */
    const char *corruptions; /* names with commas, "all"; NULL: none */
    unsigned severities;     /* bit s: severity s; 0: all */
    const char *const *also; /* paths of other data sets */
    size_t also_count;
    int64_t samples; /* of those; 0: all */
    uint64_t seed;
    struct pool *pool;
    const struct cancel *cancel;
    /* Called in the caller's thread before each row; may be NULL. */
    void (*progress)(void *context, const char *condition, size_t done,
                     size_t total);
    /* Called in the caller's thread between pieces of some 50 ms while the pool
     * rests; -1 ends the run. May be NULL. */
    int (*step)(void *context, struct error *err);
    /* Called after each row with all there are; may be NULL. */
    void (*found)(void *context, const struct robustness *so_far);
    void *context;
    struct robustness_cache *cache; /* NULL: none */
};

struct robustness_row {
    char *condition; /* "clean", "hesitant", a corruption, a path; owned */
    int severity;    /* 0: none */
    int64_t samples;
    struct estimate value, dense, difference; /* samples 0: no dense model */
    double p_value;
    struct paired_counts *classes; /* owned, by label: dense before, this after
                                      (no dense model: none right before) */
};

/* Of class c: how many the model in question, and the dense one, get right. */
int64_t robustness_right(const struct robustness_row *row, int64_t c);
int64_t robustness_dense(const struct robustness_row *row, int64_t c);

struct robustness {
    int64_t classes;
    size_t count;
    struct robustness_row *rows; /* clean and hesitant first */
};

/*
 * "hesitant": the tenth of the samples whose margin is nearest to zero, under
 * the dense model where there is one.
 * Errors: ERROR_USAGE (an unknown corruption, with the list), ERROR_CANCELLED,
 * ERROR_UNSUPPORTED (no pictures, no labels), and those of opening data.
 */
int robustness_run(struct robustness *out,
                   const struct robustness_request *request, struct error *err);
void robustness_release(struct robustness *robustness);
/* out is initialised. */
int robustness_copy(struct robustness *out, const struct robustness *in,
                    struct error *err);

/* Whether these names could be run; "1,3,5" as bits. ERROR_USAGE. */
int robustness_check(const char *names, struct error *err);
int robustness_severities(unsigned *out, const char *text, struct error *err);

/* A variant's evaluation plan of its own (plan_drop). */
int robustness_plan(struct plan **out, const struct setup *setup,
                    const struct variant *variant, const struct cancel *cancel,
                    struct error *err);

/*
 * session  the model in question, its data and pixels
 * dense    the model to compare with; NULL: none
 * request  what is asked; sides, data set and pool are filled in here
 */
int engine_robustness(struct robustness *out, const struct session *session,
                      const struct session *dense,
                      const struct engine_options *options,
                      const struct robustness_request *request,
                      struct error *err);

#endif

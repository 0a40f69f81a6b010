/* What every job of an engine shares: instances, order, how plans are made. */
#ifndef ENGINE_SETUP_H
#define ENGINE_SETUP_H

#include "exec/crew.h"
#include "engine/engine.h"
#include "eval/strata.h"
#include "exec/plan.h"
#include "measure/device.h"
#include "prune/apply.h"

/* Immutable after setup_init, except `labels` (see there) and what `timing`
 * guards itself. */
struct setup {
    const struct session *session; /* borrowed */
    struct engine_options options; /* defaults filled in */
    enum plan_kernels kernels;
    enum cpu_isa isa;
    struct timing *timing;
    struct device *device; /* whose latencies count; NULL: this machine's */
    /* Dense instances for latency: parts of the batch that suit the cache,
     * and larger ones for sparse kernels that take 16 images together. */
    struct graph *latency_graph, *sparse_graph;
    struct graph *cost_graph; /* dense instance of one sample */
    struct graph *eval_graph; /* dense instance for evaluation; NULL:
                                 no data */
    int64_t samples, batch, batches;
    int64_t *order; /* seeded permutation (later the strata's, see
                       engine_stratify), the same for every variant, so
                       that partial results are paired */
    enum metric metric;
    /* Fidelity: the dense model's answers, per sample; each entry is written
     * by the worker that runs the dense model on it, before it is read. NULL
     * with labels. */
    int64_t *labels;
};

int setup_init(struct setup *setup, const struct session *session,
               const struct engine_options *options, struct error *err);
void setup_release(struct setup *setup);

/* A dense instance of `batch` samples; where the model fixes its batch, of
 * that many. Owned by the caller. */
int setup_instance(struct graph **out, const struct session *session,
                   int64_t batch, struct error *err);

/* "auto" (or NULL), "dense", "sparse", "reference". */
int setup_kernels(enum plan_kernels *kernels, const char *name,
                  struct error *err);

/* The instance with a variant's weights and masks (NULL: the dense model).
 * Owned by the caller. */
int setup_masked(const struct setup *setup, struct graph **out,
                 const struct graph *graph, const struct variant *variant,
                 const struct mask_set *masks, struct error *err);

/* The instance that a latency run takes: of the whole batch or of a part.
 * Owned by the caller. */
int setup_latency(const struct setup *setup, struct graph **out,
                  const struct variant *variant, const struct mask_set *masks,
                  struct error *err);

/*
 * The device's latency of a variant of the dense model; as forecast_times,
 * with an error (ERROR_UNSUPPORTED) where its profile knows nothing alike.
 */
int setup_device_times(const struct setup *setup, struct result *result,
                       const struct variant *variant,
                       const struct mask_set *masks, struct error *err);

/*
 * What latency is measured with: the variant's instance for a part of the
 * latency batch, its plan and crew (crew_destroy).
 *
 * previous  the plan of an earlier variant, NULL: none
 */
int setup_crew(const struct setup *setup, struct crew **out,
               const struct variant *variant, const struct mask_set *masks,
               const struct plan *previous, const struct cancel *cancel,
               struct error *err);

/* What all plans here have in common. */
struct plan_options setup_plan_options(const struct setup *setup, int threads);
int setup_plan(const struct setup *setup, struct plan **out,
               const struct graph *graph, int threads,
               const struct plan *previous, const struct cancel *cancel,
               struct error *err);

/* The order of samples by the dense model's margins, all of which are known
 * (strata_destroy). */
int setup_strata(const struct setup *setup, struct strata **out,
                 const struct outcome *dense, struct error *err);

/* Layer figures from counted weights; ms are NAN. Owned by the caller. */
struct layer_result *setup_layers(const struct setup *setup,
                                  const struct graph *graph);

#endif

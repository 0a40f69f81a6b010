/*
 * Latency before it is measured: the cost model of this machine, which learns
 * from every measurement.
 */
#ifndef ENGINE_FORECAST_H
#define ENGINE_FORECAST_H

#include "engine/setup.h"
#include "exec/workload.h"
#include "measure/costmodel.h"
#include "measure/latency.h"

struct forecast {
    struct costmodel *model;
    double overhead; /* a whole run over the sum of its steps; 0: unknown */
    struct workload_list dense;   /* of the dense instance */
    const struct graph *dense_of; /* which, retained; NULL: not asked for yet */
};

int forecast_init(struct forecast *forecast, struct error *err);
void forecast_release(struct forecast *forecast);

/* Takes the steps of a measured run in. Errors: ERROR_MEMORY. */
int forecast_learn(struct forecast *forecast, const struct crew *crew,
                   const struct latency *latency, struct error *err);

/*
 * Expected times by `model` of an instance that runs as one part: of the
 * whole (its steps times overhead) and of each layer.
 *
 * result   its layers are there; latency_ms, latency_predicted and the layers'
 *          ms and kernels are written
 * counted  as workload_list_init; may be NULL
 *
 * Returns 0; 1 when something in it is like nothing that was measured (what
 * is written to `unlike`, WORKLOAD_NAME_BYTES, unless NULL); -1 with
 * ERROR_MEMORY.
 */
int forecast_times(struct result *result, const struct costmodel *model,
                   double overhead, const struct graph *instance,
                   const struct plan *counted, const struct layer_table *layers,
                   char *unlike, struct error *err);

/*
 * The same by this machine's model, as a share of what the dense model was
 * measured to take: what does not change takes as long as it did. Returns 1
 * also before a run was learned.
 *
 * dense     the dense instance
 * baseline  what was measured of it
 */
int forecast_change(struct result *result, struct forecast *forecast,
                    const struct graph *instance, const struct plan *counted,
                    const struct graph *dense, const struct result *baseline,
                    const struct layer_table *layers, struct error *err);

#endif

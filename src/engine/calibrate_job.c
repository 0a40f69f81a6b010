/*
 * What the machine does with zeros, found out once while nobody waits: the
 * model with a part of its weights gone at random is planned and timed, so
 * that the first edit is predicted already. The planner's measurements are
 * kept as well: edits then measure nothing.
 */
#include "engine/state.h"

#include "base/array.h"
#include "base/rng.h"
#include "measure/latency.h"

#include <stdlib.h>
#include <string.h>

static const double shares[] = {0.5, 0.75, 0.92};

/* Models that are copied in less time than anybody notices. */
enum { MOST_WEIGHTS = 1 << 25 };

static int thin_out(struct tensor *out, const struct tensor *from, double share,
                    struct rng *rng, struct error *err)
{
    if (tensor_init(out, DTYPE_FLOAT32, &from->shape, err) < 0)
        return -1;
    const float *weight = from->data;
    float *thinned = out->data;
    for (int64_t i = 0; i < tensor_elements(from); i++)
        thinned[i] = rng_uniform(rng) < share ? 0 : weight[i];
    return 0;
}

/* The latency instance with `share` of the prunable weights gone. */
static int thinned_graph(struct graph **out, const struct setup *setup,
                         double share, const struct cancel *cancel,
                         struct error *err)
{
    const struct layer_table *layers = session_layers(setup->session);
    const struct graph *dense = setup->latency_graph;
    struct tensor *tensors = array_create(layers->count + 1, sizeof *tensors);
    int *ids = array_create(layers->count + 1, sizeof *ids);
    size_t count = 0;
    struct rng rng;
    int code = tensors && ids ? 0 : error_memory(err, layers->count);
    rng_init(&rng, 1);
    for (size_t i = 0; i < layers->count && code == 0; i++) {
        const struct layer *layer = &layers->layers[i];
        const struct tensor *weight = &dense->values[layer->weight].constant;
        if (!layer->prunable || !weight->data || weight->dtype != DTYPE_FLOAT32)
            continue;
        if (cancel_raised(cancel))
            code = error_set(err, ERROR_CANCELLED, "cancelled");
        else
            code = thin_out(&tensors[count], weight, share, &rng, err);
        ids[count] = layer->weight;
        count += code == 0;
    }
    if (code == 0)
        code = graph_with_constants(out, dense, count, ids, tensors, err);
    for (size_t i = 0; i < count; i++)
        tensor_release(&tensors[i]);
    free(tensors);
    free(ids);
    return code;
}

static int learn(struct engine *engine, double share, struct error *err)
{
    const struct setup *setup = &engine->setup;
    struct graph *graph = NULL;
    struct plan *plan = NULL;
    struct crew *crew = NULL;
    struct latency latency = {0};
    struct latency_protocol protocol = {2, 10, 20000000, 500000000};
    int threads = setup->options.latency_threads;
    int code = thinned_graph(&graph, setup, share, &engine->cancel, err);
    if (code == 0)
        code = setup_plan(setup, &plan, graph, threads, engine->latency_plan,
                          &engine->cancel, err);
    if (code == 0)
        code = crew_create(&crew, plan, 1, threads, err);
    if (code == 0)
        code = latency_measure(&latency, crew, &protocol, &engine->cancel, err);
    if (code == 0)
        code = forecast_learn(&engine->forecast, crew, &latency, err);
    latency_release(&latency);
    crew_destroy(crew);
    plan_drop(plan);
    graph_drop(graph);
    return code;
}

static void run(struct engine *engine, struct job *job)
{
    struct error err = {0};
    int code = 0;
    while (engine->calibrated < ARRAY_LENGTH(shares) && code == 0) {
        code = learn(engine, shares[engine->calibrated], &err);
        engine->calibrated += code == 0;
    }
    job->interrupted = code < 0 && err.code == ERROR_CANCELLED;
}

static bool take(struct engine *engine, struct job *job)
{
    const struct setup *setup = &engine->setup;
    if (engine->paused || !engine->calibration_wanted ||
        !engine->baseline.has_latency)
        return false;
    engine->calibration_wanted = false;
    if (engine->baseline.cost.parameters > MOST_WEIGHTS || setup->device ||
        setup->kernels != PLAN_KERNELS_AUTO || setup->options.latency_batch > 1)
        return false;
    job->variant = variant_retain(engine->dense);
    cancel_reset(&engine->cancel);
    return true;
}

static void requeue(struct engine *engine, struct job *job)
{
    (void)job;
    engine->calibration_wanted = true;
}

const struct job_kind job_calibrate = {"calibrate", take, run, requeue};

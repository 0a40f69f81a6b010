/*
 * One structure after the other: decisions that prune one layer alone, its
 * masks, a plan that shares every other step, and both plans timed in turn.
 */
#include "engine/structures.h"

#include "base/array.h"
#include "engine/state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"weight",     "channel",    "head",
                                    "2:4",        "1:4",        "block:4x1",
                                    "block:16x1", "block:1x16", "kernel"};

/* --- one way of pruning the layer --- */

/* Masks of the layer pruned alone. Returns 1 where the structure does not
 * apply; share is written. */
static int mask_layer(struct mask_set *masks, struct engine *engine, int row,
                      const struct structure *structure, double *share,
                      struct error *err)
{
    const struct session *session = engine->setup.session;
    const struct layer_table *layers = session_layers(session);
    const struct layer *layer = &layers->layers[row];
    struct decision *decisions = array_create(layers->count, sizeof *decisions);
    struct mask_source source = {.graph = session_graph(session),
                                 .layers = layers,
                                 .decisions = decisions};
    int64_t units = structure_units(structure, layer);
    int64_t remove = structure->natural ? structure->natural(structure, layer)
                                        : llround(*share * (double)units);
    struct choice choice = {structure, criteria[0], remove};
    struct error refused;
    int code = decisions ? 0 : error_memory(err, layers->count);
    for (size_t i = 0; i < layers->count && code == 0; i++)
        decisions[i] = decision_dense();
    if (code == 0 &&
        (units <= 0 || remove <= 0 || structure_fits(structure, layer, NULL) ||
         decision_choose(decisions, layers, (size_t)row, &choice, &refused)))
        code = 1;
    if (code == 0)
        code = mask_set_init(masks, &source, err);
    if (code == 0)
        *share = (double)masks->removed[row] / (double)layer->weights;
    free(decisions);
    return code;
}

static int crew_for(struct crew **out, struct engine *engine,
                    const struct mask_set *masks, struct error *err)
{
    const struct setup *setup = &engine->setup;
    struct graph *graph;
    struct plan *plan = NULL;
    int threads = setup->options.latency_threads;
    if (setup_masked(setup, &graph, setup->latency_graph, engine->dense, masks,
                     err) < 0)
        return -1;
    int code = setup_plan(setup, &plan, graph, threads, engine->latency_plan,
                          &engine->cancel, err);
    if (code == 0)
        code = crew_create(out, plan, 1, threads, err);
    plan_drop(plan);
    graph_drop(graph);
    return code;
}

/* Milliseconds of the layer's step and of all changes of layout. */
static int time_layer(struct engine *engine, struct crew *crew, int row,
                      double *ms, bool *sparse, struct error *err)
{
    const struct layer_table *layers = session_layers(engine->setup.session);
    const struct plan *plan = crew_plan(crew);
    struct latency latency;
    struct latency_protocol protocol = {2, 9, 0, 300000000};
    if (latency_measure(&latency, crew, &protocol, &engine->cancel, err) < 0)
        return -1;
    int own = plan_step_of_node(plan, layers->layers[row].node);
    *ms = own < 0 ? NAN : 0;
    *sparse = own >= 0 && plan_step_at(plan, (size_t)own).sparse;
    for (size_t i = 0; i < latency.steps; i++)
        if ((int)i == own || plan_step_at(plan, i).reorder)
            *ms += latency.step_ms[i];
    int code = forecast_learn(&engine->forecast, crew, &latency, err);
    latency_release(&latency);
    return code;
}

static int measure(struct engine *engine, struct crew *dense, int row,
                   const struct mask_set *masks, struct structure_time *out,
                   struct error *err)
{
    struct crew *crew = NULL;
    double before, ms;
    bool ignored;
    int code = crew_for(&crew, engine, masks, err);
    if (code == 0)
        code = time_layer(engine, dense, row, &before, &ignored, err);
    if (code == 0)
        code = time_layer(engine, crew, row, &ms, &out->sparse, err);
    /* Zeros that no kernel uses change nothing, whatever was timed. */
    if (code == 0)
        out->speed = out->sparse || out->structure->narrows ? before / ms : 1;
    crew_destroy(crew);
    return code;
}

static int device_ms(struct engine *engine, int row,
                     const struct mask_set *masks, double *ms, bool *sparse,
                     struct error *err)
{
    const struct setup *setup = &engine->setup;
    struct result result = {0};
    result.layers = setup_layers(setup, setup->cost_graph);
    result.layer_count = session_layers(setup->session)->count;
    int code = result.layers ? setup_device_times(setup, &result, engine->dense,
                                                  masks, err)
                             : error_memory(err, sizeof result);
    if (code == 0) {
        *ms = result.layers[row].ms;
        *sparse = result.layers[row].sparse_kernel;
    }
    result_release(&result);
    return code;
}

static int predict(struct engine *engine, int row, const struct mask_set *masks,
                   struct structure_time *out, struct error *err)
{
    double before, ms;
    bool ignored;
    if (device_ms(engine, row, NULL, &before, &ignored, err) < 0 ||
        device_ms(engine, row, masks, &ms, &out->sparse, err) < 0)
        return -1;
    out->predicted = true;
    out->speed = before / ms;
    return 0;
}

/* --- the job --- */

static void publish(struct engine *engine, const struct structure_times *now)
{
    pthread_mutex_lock(&engine->mutex);
    engine->structures = *now;
    engine_wake(engine);
    pthread_mutex_unlock(&engine->mutex);
}

static int try_structure(struct engine *engine, struct crew *dense,
                         struct structure_times *now, const char *name,
                         struct error *err)
{
    struct structure_time *time = &now->times[now->count];
    struct mask_set masks = {0};
    const struct structure *structure = structure_find(name);
    if (!structure)
        return 0;
    *time = (struct structure_time){
        .structure = structure, .share = now->share, .speed = NAN};
    int code =
        mask_layer(&masks, engine, now->row, structure, &time->share, err);
    if (code == 0)
        code = dense ? measure(engine, dense, now->row, &masks, time, err)
                     : predict(engine, now->row, &masks, time, err);
    mask_set_release(&masks);
    if (code < 0)
        return -1;
    now->count += code == 0;
    publish(engine, now);
    return 0;
}

static void run(struct engine *engine, struct job *job)
{
    struct error err = {0};
    struct crew *dense = NULL;
    pthread_mutex_lock(&engine->mutex);
    struct structure_times now = {.row = engine->structures_row,
                                  .share = engine->structures_share};
    pthread_mutex_unlock(&engine->mutex);
    publish(engine, &now);
    int code = engine->setup.device ? 0 : crew_for(&dense, engine, NULL, &err);
    for (size_t i = 0; i < ARRAY_LENGTH(names) && code == 0; i++)
        code = try_structure(engine, dense, &now, names[i], &err);
    crew_destroy(dense);
    job->interrupted = code < 0 && err.code == ERROR_CANCELLED;
    now.complete = !job->interrupted;
    publish(engine, &now);
}

static bool take(struct engine *engine, struct job *job)
{
    if (engine->paused || !engine->structures_wanted)
        return false;
    engine->structures_wanted = false;
    job->variant = variant_retain(engine->dense);
    cancel_reset(&engine->cancel);
    return true;
}

static void requeue(struct engine *engine, struct job *job)
{
    (void)job;
    engine->structures_wanted = true;
}

const struct job_kind job_structures = {"structures", take, run, requeue};

bool engine_structures(struct engine *engine, int row, double share,
                       struct structure_times *out)
{
    const double half = 0.5;
    share = share > 0 ? share : half;
    pthread_mutex_lock(&engine->mutex);
    bool asked =
        engine->structures_row == row && engine->structures_share == share;
    if (!asked) {
        engine->structures_row = row;
        engine->structures_share = share;
        engine->structures_wanted = true;
        if (engine->running == &job_structures)
            cancel_raise(&engine->cancel);
        pthread_cond_signal(&engine->work);
    }
    *out = engine->structures;
    bool known = out->count > 0 && out->row == row && out->share == share;
    pthread_mutex_unlock(&engine->mutex);
    return known;
}

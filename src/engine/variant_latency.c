/* How long a variant takes, measured while the workers rest. */
#include "base/array.h"
#include "engine/state.h"
#include "measure/latency.h"

#include <stdlib.h>
#include <string.h>

/* A copy that lives as long as the engine. */
static const char *intern(struct engine *engine, const char *name)
{
    for (size_t i = 0; i < engine->kernel_name_count; i++) {
        if (strcmp(engine->kernel_names[i], name) == 0)
            return engine->kernel_names[i];
    }
    char *copy = string_copy(name);
    if (!copy ||
        array_reserve(&engine->kernel_names, &engine->kernel_name_capacity,
                      engine->kernel_name_count + 1,
                      sizeof *engine->kernel_names) < 0) {
        free(copy);
        return "";
    }
    engine->kernel_names[engine->kernel_name_count++] = copy;
    return copy;
}

static void take_step_times(struct engine *engine, const struct plan *plan,
                            const struct latency *latency,
                            struct result *result)
{
    const struct layer_table *table = session_layers(engine->setup.session);
    for (size_t i = 0; i < table->count; i++) {
        int step = plan_step_of_node(plan, table->layers[i].node);
        if (step < 0 || (size_t)step >= latency->steps)
            continue;
        struct plan_step info = plan_step_at(plan, (size_t)step);
        result->layers[i].ms = latency->step_ms[step];
        result->layers[i].kernel =
            info.kernel ? intern(engine, info.kernel) : "";
        result->layers[i].sparse_kernel = info.sparse;
    }
}

static int measure_variant(struct engine *engine, const struct variant *variant,
                           struct result *result, struct error *err)
{
    struct setup *setup = &engine->setup;
    const struct mask_set *masks;
    struct crew *crew = NULL;
    struct latency latency = {0};
    int code = -1;
    if (engine_masks(engine, variant, &masks, err) < 0)
        return -1;
    if (setup->device)
        return setup_device_times(setup, result, variant, masks, err);
    if (setup_crew(setup, &crew, variant, masks, engine->latency_plan,
                   &engine->cancel, err) < 0)
        goto out;
    struct latency_protocol protocol = latency_protocol_live();
    if (latency_measure(&latency, crew, &protocol, &engine->cancel, err) < 0)
        goto out;
    if (forecast_learn(&engine->forecast, crew, &latency, err) < 0)
        goto out;
    result->latency_ms = latency.run_ms;
    result->noise = latency.noise;
    result->joules = latency.joules;
    result->has_latency = true;
    result->latency_predicted = false;
    take_step_times(engine, crew_plan(crew), &latency, result);
    plan_drop(engine->latency_plan);
    engine->latency_plan = plan_retain(crew_plan(crew));
    code = 0;
out:
    latency_release(&latency);
    crew_destroy(crew);
    return code;
}

static void set_dense_times(struct result *result, const struct result *dense)
{
    result->dense_latency_ms = dense->latency_ms;
    for (size_t i = 0; i < result->layer_count; i++)
        result->layers[i].dense_ms = dense->layers[i].ms;
}

/* The dense model's latency, once. */
static int measure_baseline(struct engine *engine, struct error *err)
{
    if (engine->baseline.has_latency)
        return 0;
    struct result measured = {0};
    if (result_copy(&measured, &engine->baseline) < 0)
        return error_memory(err, sizeof measured);
    int code = measure_variant(engine, engine->dense, &measured, err);
    if (code == 0) {
        set_dense_times(&measured, &measured);
        pthread_mutex_lock(&engine->mutex);
        struct result old = engine->baseline;
        engine->baseline = measured;
        measured = old;
        store_put(&engine->store, engine->dense->hash, &engine->baseline,
                  engine->baseline_exact);
        pthread_mutex_unlock(&engine->mutex);
    }
    result_release(&measured);
    return code;
}

int engine_measure(struct engine *engine, const struct job *job,
                   struct result *result, struct error *err)
{
    if (engine_costs(engine, job->variant, result, err) < 0 ||
        measure_baseline(engine, err) < 0)
        return -1;
    if (engine_is_dense(engine, job->variant)) {
        result->latency_ms = engine->baseline.latency_ms;
        result->noise = engine->baseline.noise;
        result->joules = engine->baseline.joules;
        memcpy(result->device, engine->baseline.device, sizeof result->device);
        result->latency_predicted = engine->baseline.latency_predicted;
        for (size_t i = 0; i < result->layer_count; i++)
            result->layers[i] = engine->baseline.layers[i];
        result->has_latency = true;
    } else if (!result->has_latency &&
               measure_variant(engine, job->variant, result, err) < 0) {
        return -1;
    }
    set_dense_times(result, &engine->baseline);
    pthread_mutex_lock(&engine->mutex);
    const struct store_entry *entry =
        store_find(&engine->store, job->variant->hash);
    store_put(&engine->store, job->variant->hash, result,
              entry && entry->exact);
    pthread_mutex_unlock(&engine->mutex);
    return 0;
}

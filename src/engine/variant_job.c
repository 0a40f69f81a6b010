/*
 * The job behind every edit: masks, plan, evaluation on the pool, latency.
 * Accuracy comes first, since it is what the user waits for; costs are
 * counted while the workers run; latency is measured when they rest.
 */
#include "engine/state.h"

#include "base/array.h"
#include "base/clock.h"
#include "measure/latency.h"
#include "prune/permute.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { REPORT_EVERY_MS = 33, FIRST_SAMPLES = 96 };

/* Parameters that are looked through in a few milliseconds. */
enum { SMALL_MODEL = 1 << 22 };

static const double FIRST_SECONDS = 0.02;

static double seconds_since(int64_t start_ns)
{
    return (double)(clock_now_ns() - start_ns) * 1e-9;
}

bool engine_is_dense(const struct engine *engine, const struct variant *variant)
{
    return variant->hash == engine->dense->hash;
}

/* --- preparing --- */

/* No figure of a smaller model is shown before it is known to be the same
 * model; what was verified for the last variant holds while nothing else
 * goes. */
static int verify_masks(struct engine *engine, const struct variant *variant,
                        const struct mask_set *set, struct error *err)
{
    const struct session *session = engine->setup.session;
    struct graph *graph;
    if (!mask_set_shrinks(set) || mask_set_same_shape(set, &engine->masks))
        return 0;
    if (weights_apply(&graph, session_graph(session), variant->weights, err) <
        0)
        return -1;
    int code = mask_set_verify(set, graph, session_layers(session),
                               &engine->cancel, err);
    graph_drop(graph);
    return code;
}

int engine_masks(struct engine *engine, const struct variant *variant,
                 const struct mask_set **masks, struct error *err)
{
    *masks = NULL;
    if (engine_is_dense(engine, variant))
        return 0;
    const struct variant *last = engine->masks_variant;
    if (last && last->hash == variant->hash) {
        *masks = &engine->masks;
        return 0;
    }
    const struct session *session = engine->setup.session;
    struct mask_set set;
    if (session_masks(session, variant, &engine->masks, last, &set, err) < 0)
        return -1;
    if (verify_masks(engine, variant, &set, err) < 0) {
        mask_set_release(&set);
        return -1;
    }
    mask_set_release(&engine->masks);
    engine->masks = set;
    if (last)
        variant_drop(last);
    engine->masks_variant = variant_retain(variant);
    *masks = &engine->masks;
    return 0;
}

int engine_plan(struct engine *engine, const struct variant *variant,
                const struct cancel *cancel, const struct plan **plan,
                struct error *err)
{
    struct setup *setup = &engine->setup;
    if (engine->plan && engine->plan_hash == variant->hash) {
        *plan = engine->plan;
        return 0;
    }
    const struct mask_set *masks;
    struct graph *graph = NULL;
    struct plan *made = NULL;
    if (engine_masks(engine, variant, &masks, err) < 0 ||
        setup_masked(setup, &graph, setup->eval_graph, variant, masks, err) < 0)
        return -1;
    const struct plan *previous =
        engine->plan ? engine->plan : engine->base_plan;
    int code = setup_plan(setup, &made, graph, 1, previous, cancel, err);
    graph_drop(graph);
    if (code < 0)
        return -1;
    plan_drop(engine->plan);
    engine->plan = made;
    engine->plan_hash = variant->hash;
    *plan = made;
    return 0;
}

/* The dense model's plan while its answers are not all there. */
static int base_plan(struct engine *engine, struct error *err)
{
    if (trial_complete(engine->base) || engine->base_plan)
        return 0;
    return setup_plan(&engine->setup, &engine->base_plan,
                      engine->setup.eval_graph, 1, engine->plan,
                      &engine->cancel, err);
}

static int focus_step(const struct engine *engine, const struct plan *plan,
                      int focus)
{
    const struct layer_table *layers = session_layers(engine->setup.session);
    if (focus < 0 || (size_t)focus >= layers->count)
        return -1;
    return plan_step_of_node(plan, layers->layers[focus].node);
}

static void take_order(struct result *result, const struct mask_set *masks)
{
    for (size_t i = 0; masks && masks->order && i < result->layer_count; i++) {
        result->layers[i].magnitude = masks->shares[i].magnitude;
        result->layers[i].kept_before = masks->shares[i].before;
        result->layers[i].kept = masks->shares[i].after;
    }
}

int engine_costs(struct engine *engine, const struct variant *variant,
                 struct result *result, struct error *err)
{
    struct setup *setup = &engine->setup;
    if (result->layers)
        return 0;
    const struct mask_set *masks;
    struct graph *graph = NULL;
    if (engine_masks(engine, variant, &masks, err) < 0 ||
        setup_masked(setup, &graph, setup->cost_graph, variant, masks, err) < 0)
        return -1;
    cost_of_graph(graph, &result->cost);
    result->layers = setup_layers(setup, graph);
    result->layer_count = session_layers(setup->session)->count;
    graph_drop(graph);
    if (!result->layers)
        return error_memory(err, result->layer_count * sizeof *result->layers);
    take_order(result, masks);
    result->metric = setup->metric;
    result->dense_cost =
        engine_is_dense(engine, variant) ? result->cost : engine->baseline.cost;
    return 0;
}

int engine_predict(struct engine *engine, const struct variant *variant,
                   struct result *result, struct error *err)
{
    const struct setup *setup = &engine->setup;
    const struct mask_set *masks;
    struct graph *graph = NULL;
    if (result->has_latency || !setup->options.measure_latency ||
        setup->device || setup->options.latency_batch > 1)
        return 0;
    if (engine_masks(engine, variant, &masks, err) < 0 ||
        setup_latency(setup, &graph, variant, masks, err) < 0)
        return -1;
    int code =
        forecast_change(result, &engine->forecast, graph, setup->latency_graph,
                        &engine->baseline, session_layers(setup->session), err);
    graph_drop(graph);
    return code < 0 ? -1 : 0;
}

/* --- accuracy --- */

static struct trial *take_trial(struct engine *engine, uint64_t hash)
{
    pthread_mutex_lock(&engine->mutex);
    struct store_entry *entry = store_find(&engine->store, hash);
    struct trial *trial =
        entry ? store_take_trial(&engine->store, entry) : NULL;
    pthread_mutex_unlock(&engine->mutex);
    return trial;
}

/* Writes what is known now to result and the baseline; samples done. */
static int64_t update_figures(struct engine *engine, struct trial_run *run,
                              struct result *result)
{
    struct result base = {0};
    trial_figures(run, result, &base);
    int64_t samples = result->accuracy.samples;
    if (engine->baseline_exact)
        return samples;
    pthread_mutex_lock(&engine->mutex);
    result_take_accuracy(&engine->baseline, &base);
    engine->baseline_exact = base.accuracy.samples == engine->setup.samples;
    pthread_mutex_unlock(&engine->mutex);
    return samples;
}

/* The first figure waits for as many samples as make one, but not long. */
static bool wait_for_news(struct trial_run *run, int64_t start_ns, int64_t done)
{
    if (done > 0)
        return trial_wait(run, false, REPORT_EVERY_MS);
    bool ended = trial_wait(run, true, REPORT_EVERY_MS);
    while (!ended && trial_samples(run) < FIRST_SAMPLES &&
           seconds_since(start_ns) < FIRST_SECONDS)
        ended = trial_wait(run, false, 1);
    return ended;
}

/* Looking ahead gives way to whatever else is asked for. */
static void give_way(struct engine *engine)
{
    pthread_mutex_lock(&engine->mutex);
    if (engine_is_needed(engine))
        cancel_raise(&engine->cancel);
    pthread_mutex_unlock(&engine->mutex);
}

static void watch_trial(struct engine *engine, const struct job *job,
                        struct trial_run *run, struct result *result)
{
    int64_t start_ns = clock_now_ns(), done = 0;
    for (bool ended = false; !ended;) {
        ended = wait_for_news(run, start_ns, done);
        if (job->kind == &job_ahead)
            give_way(engine);
        int64_t now = update_figures(engine, run, result);
        if (now == done && !ended)
            continue;
        done = now;
        struct news news = {
            .stage = job->kind == &job_baseline ? ENGINE_BASELINE
                                                : ENGINE_EVALUATING,
            .done = done,
            .total = engine->setup.samples,
            .seconds = seconds_since(start_ns),
        };
        engine_publish(engine, &news, result);
    }
}

static void keep_trial(struct engine *engine, uint64_t hash,
                       struct trial *trial, const struct result *result)
{
    bool exact = trial_complete(trial);
    pthread_mutex_lock(&engine->mutex);
    struct store_entry *entry = store_put(&engine->store, hash, result, exact);
    if (trial != engine->base)
        store_keep_trial(&engine->store, entry, trial);
    pthread_mutex_unlock(&engine->mutex);
}

static int start_trial(struct engine *engine, const struct job *job,
                       struct trial_run *run, struct error *err)
{
    bool dense = engine_is_dense(engine, job->variant);
    const struct setup *setup = &engine->setup;
    *run = (struct trial_run){.setup = setup,
                              .prefix = engine->prefix,
                              .base = engine->base,
                              .trial = engine->base,
                              .strata = engine->strata,
                              .cancel = &engine->cancel,
                              .pool = engine->pool};
    if (!dense) {
        run->trial = take_trial(engine, job->variant->hash);
        if (!run->trial &&
            trial_create(&run->trial, setup->samples, setup->batches, err) < 0)
            return -1;
        if (engine_plan(engine, job->variant, &engine->cancel, &run->plan,
                        err) < 0)
            return -1;
    }
    if (base_plan(engine, err) < 0)
        return -1;
    run->base_plan = engine->base_plan;
    const struct plan *plan = dense ? run->base_plan : run->plan;
    if (plan)
        prefix_choose(engine->prefix, plan,
                      focus_step(engine, plan, job->focus));
    return trial_start(run, err);
}

int engine_evaluate(struct engine *engine, const struct job *job,
                    struct result *result, struct error *err)
{
    struct trial_run run;
    uint64_t hash = job->variant->hash;
    if (start_trial(engine, job, &run, err) < 0) {
        if (run.trial != engine->base)
            trial_destroy(run.trial);
        return -1;
    }
    /* The workers run: this thread counts and tidies meanwhile. */
    struct error cost_error = {0};
    int costs = engine_costs(engine, job->variant, result, &cost_error);
    if (costs == 0 && !result->latency_predicted)
        costs = engine_predict(engine, job->variant, result, &cost_error);
    prefix_sweep(engine->prefix);
    watch_trial(engine, job, &run, result);
    int code = trial_finish(&run, err);
    keep_trial(engine, hash, run.trial, result);
    engine_stratify(engine);
    engine_find_flipped(engine);
    /* Until a variant has a plan the dense one is what plans share from. */
    if (trial_complete(engine->base) && engine->plan && engine->base_plan) {
        plan_drop(engine->base_plan);
        engine->base_plan = NULL;
    }
    if (code == 0 && costs < 0) {
        *err = cost_error;
        code = -1;
    }
    return code;
}

/* --- latency --- */

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

/* --- the jobs --- */

static bool known_before(struct engine *engine, uint64_t hash,
                         struct result *result)
{
    pthread_mutex_lock(&engine->mutex);
    const struct store_entry *entry = store_find(&engine->store, hash);
    bool exact = entry && entry->exact;
    if (entry && result_copy(result, &entry->result) < 0)
        exact = false;
    pthread_mutex_unlock(&engine->mutex);
    return exact;
}

/* What follows from the weights alone is there before kernels are chosen; in
 * large models, whose weights take a while to be counted, once workers run. */
static int announce(struct engine *engine, struct job *job,
                    struct result *result, struct error *err)
{
    struct news news = {.stage = ENGINE_PLANNING,
                        .total = engine->setup.samples};
    if (result->has_latency ||
        (engine->setup.eval_graph &&
         engine->baseline.cost.parameters > SMALL_MODEL) ||
        (engine_is_dense(engine, job->variant) && !engine->setup.device))
        return 0;
    if (engine_costs(engine, job->variant, result, err) < 0 ||
        engine_predict(engine, job->variant, result, err) < 0)
        return -1;
    if (engine->setup.device && engine->setup.options.measure_latency &&
        engine_measure(engine, job, result, err) < 0)
        return -1;
    news.done = result->accuracy.samples;
    engine_publish(engine, &news, result);
    return 0;
}

static int work_on(struct engine *engine, struct job *job,
                   struct result *result, struct error *err)
{
    bool exact = known_before(engine, job->variant->hash, result);
    if (announce(engine, job, result, err) < 0)
        return -1;
    if (engine->setup.eval_graph && !exact &&
        engine_evaluate(engine, job, result, err) < 0)
        return -1;
    if (!engine->setup.options.measure_latency)
        return engine_costs(engine, job->variant, result, err);
    struct news news = {.stage = ENGINE_MEASURING,
                        .done = engine->setup.samples,
                        .total = engine->setup.samples};
    engine_publish(engine, &news, result);
    return engine_measure(engine, job, result, err);
}

static void run_job(struct engine *engine, struct job *job)
{
    struct result result = {0};
    struct error err = {0};
    int64_t start_ns = clock_now_ns();
    int code = work_on(engine, job, &result, &err);
    job->interrupted = code < 0 && err.code == ERROR_CANCELLED;
    struct news news = {
        .stage = ENGINE_IDLE,
        .done = result.accuracy.samples,
        .total = engine->setup.samples,
        .seconds = seconds_since(start_ns),
        .complete = code == 0,
        .error = code < 0 && !job->interrupted ? &err : NULL,
    };
    engine_publish(engine, &news, &result);
    result_release(&result);
}

static bool take_variant(struct engine *engine, struct job *job)
{
    if (engine->paused || !engine->wanted.variant)
        return false;
    job->variant = engine->wanted.variant;
    job->focus = engine->wanted.focus;
    engine->wanted = (struct job){0};
    cancel_reset(&engine->calibration_cancel);
    cancel_reset(&engine->cancel);
    return true;
}

static void requeue_variant(struct engine *engine, struct job *job)
{
    if (!engine->wanted.variant &&
        engine->addressee.generation == engine->generation)
        engine->wanted = (struct job){.variant = variant_retain(job->variant),
                                      .focus = job->focus};
}

static bool take_baseline(struct engine *engine, struct job *job)
{
    if (engine->paused || !engine->baseline_wanted || engine->generation)
        return false;
    engine->baseline_wanted = false;
    job->variant = variant_retain(engine->dense);
    cancel_reset(&engine->cancel);
    return true;
}

static void requeue_baseline(struct engine *engine, struct job *job)
{
    /* The dense model may have been asked for while this ran. */
    if (engine->generation)
        requeue_variant(engine, job);
    else
        engine->baseline_wanted = true;
}

const struct job_kind job_variant = {"variant", take_variant, run_job,
                                     requeue_variant};
const struct job_kind job_baseline = {"baseline", take_baseline, run_job,
                                      requeue_baseline};

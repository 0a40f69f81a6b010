/*
 * The job behind every edit: masks, plan, evaluation on the pool, latency.
 * Accuracy comes first, since it is what the user waits for: a first look with
 * the kernels that are known, where others would have to be measured before
 * they are chosen. Costs are counted while the workers run; latency is measured
 * when they rest (variant_latency.c).
 */
#include "engine/state.h"

#include "base/array.h"
#include "base/clock.h"
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

/* Graphs for evaluation, costs and latency share the masked weights. */
static int keep_masked(struct engine *engine, const struct variant *variant,
                       struct mask_set *set, struct error *err)
{
    const struct session *session = engine->setup.session;
    struct graph *graph;
    if (weights_apply(&graph, session_graph(session), variant->weights, err) <
        0)
        return -1;
    int code = mask_set_keep(set, graph, session_layers(session), err);
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
    if (verify_masks(engine, variant, &set, err) < 0 ||
        keep_masked(engine, variant, &set, err) < 0) {
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

/* at_once: with the kernels whose times are known. */
static int make_plan(struct engine *engine, const struct variant *variant,
                     bool at_once, const struct cancel *cancel,
                     struct plan **out, struct error *err)
{
    const struct setup *setup = &engine->setup;
    const struct mask_set *masks;
    struct graph *graph = NULL;
    if (engine_masks(engine, variant, &masks, err) < 0 ||
        setup_masked(setup, &graph, setup->eval_graph, variant, masks, err) < 0)
        return -1;
    struct plan_options options = setup_plan_options(setup, 1);
    options.previous = engine->plan ? engine->plan : engine->base_plan;
    options.cancel = cancel;
    options.at_once = at_once;
    int code = plan_create(out, graph, &options, err);
    graph_drop(graph);
    return code;
}

/* Takes the plan over. */
static void keep_plan(struct engine *engine, const struct variant *variant,
                      struct plan *plan)
{
    plan_drop(engine->plan);
    engine->plan = plan;
    engine->plan_hash = variant->hash;
}

static bool has_plan(const struct engine *engine, const struct variant *variant)
{
    return engine->plan && engine->plan_hash == variant->hash;
}

int engine_plan(struct engine *engine, const struct variant *variant,
                const struct cancel *cancel, const struct plan **plan,
                struct error *err)
{
    struct plan *made;
    if (!has_plan(engine, variant)) {
        if (make_plan(engine, variant, false, cancel, &made, err) < 0)
            return -1;
        keep_plan(engine, variant, made);
    }
    *plan = engine->plan;
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
                   const struct plan *counted, struct result *result,
                   struct error *err)
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
    int code = forecast_change(result, &engine->forecast, graph, counted,
                               setup->latency_graph, &engine->baseline,
                               session_layers(setup->session), err);
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

/* plan: NULL for the dense model. */
static int start_trial(struct engine *engine, const struct job *job,
                       const struct plan *plan, struct trial_run *run,
                       struct error *err)
{
    const struct setup *setup = &engine->setup;
    run->setup = setup;
    run->prefix = engine->prefix;
    run->base = run->trial = engine->base;
    run->strata = engine->strata;
    run->cancel = &engine->cancel;
    run->pool = engine->pool;
    run->plan = plan;
    if (plan) {
        run->trial = take_trial(engine, job->variant->hash);
        if (!run->trial &&
            trial_create(&run->trial, setup->samples, setup->batches, err) < 0)
            return -1;
    }
    if (base_plan(engine, err) < 0)
        return -1;
    run->base_plan = engine->base_plan;
    const struct plan *own = plan ? plan : run->base_plan;
    if (own)
        prefix_choose(engine->prefix, own, focus_step(engine, own, job->focus));
    return trial_start(run, err);
}

/* What follows from the weights alone is not kept back for the first figure. */
static void publish_counts(struct engine *engine, const struct result *result)
{
    const struct news news = {.stage = ENGINE_EVALUATING,
                              .done = result->accuracy.samples,
                              .total = engine->setup.samples};
    engine_publish(engine, &news, result);
}

/* Runs `most` batches of what is left to be evaluated, 0: all. */
static int look(struct engine *engine, const struct job *job,
                const struct plan *plan, int64_t most, struct result *result,
                struct error *err)
{
    struct trial_run run = {.most = most};
    if (start_trial(engine, job, plan, &run, err) < 0) {
        if (run.trial != engine->base)
            trial_destroy(run.trial);
        return -1;
    }
    /* The workers run: this thread counts and tidies meanwhile. */
    struct error cost_error = {0};
    bool counted = result->layers != NULL;
    int costs = engine_costs(engine, job->variant, result, &cost_error);
    if (costs == 0 && !result->latency_predicted)
        costs = engine_predict(engine, job->variant,
                               plan ? plan : engine->base_plan, result,
                               &cost_error);
    if (costs == 0 && !counted && job->kind == &job_variant)
        publish_counts(engine, result);
    prefix_sweep(engine->prefix);
    watch_trial(engine, job, &run, result);
    int code = trial_finish(&run, err);
    keep_trial(engine, job->variant->hash, run.trial, result);
    engine_stratify(engine);
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

/* A batch for each worker, before kernels are measured; nothing where none has
 * to be. Looking ahead, nobody waits for it. Returns 1 when that was all. */
static int first_look(struct engine *engine, const struct job *job,
                      struct result *result, struct error *err)
{
    struct plan *plan;
    if (has_plan(engine, job->variant) || result->accuracy.samples > 0 ||
        engine->setup.kernels != PLAN_KERNELS_AUTO || job->kind == &job_ahead)
        return 0;
    if (make_plan(engine, job->variant, true, &engine->cancel, &plan, err) < 0)
        return -1;
    if (plan_is_settled(plan)) {
        keep_plan(engine, job->variant, plan);
        return 0;
    }
    int code = look(engine, job, plan, pool_workers(engine->pool), result, err);
    plan_drop(plan);
    if (code < 0)
        return -1;
    return result->accuracy.samples == engine->setup.samples;
}

int engine_evaluate(struct engine *engine, const struct job *job,
                    struct result *result, struct error *err)
{
    const struct plan *plan = NULL;
    int code = 0;
    if (!engine_is_dense(engine, job->variant)) {
        code = first_look(engine, job, result, err);
        if (code < 0 ||
            (code == 0 && engine_plan(engine, job->variant, &engine->cancel,
                                      &plan, err) < 0))
            return -1;
    }
    if (code == 0)
        code = look(engine, job, plan, 0, result, err);
    engine_find_flipped(engine);
    return code < 0 ? -1 : 0;
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
        engine_predict(engine, job->variant, engine->plan, result, err) < 0)
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

/*
 * Figures of samples for criteria that ask: collected by whatever needs them on
 * the engine thread (masks of a variant), or by a job of their own when an edit
 * wanted them or a criterion was chosen. Edits do not interrupt it: the next
 * one would only begin again.
 */
#include "engine/calibration.h"
#include "engine/state.h"

static int progress(void *context, const char *stage, int64_t done,
                    int64_t total, struct error *err)
{
    struct engine *engine = context;
    struct news news = {
        .stage = ENGINE_CALIBRATING, .done = done, .total = total};
    (void)stage;
    pthread_mutex_lock(&engine->mutex);
    bool working = engine->running == &job_work;
    pthread_mutex_unlock(&engine->mutex);
    if (cancel_raised(&engine->calibration_cancel) ||
        (working && cancel_raised(&engine->work_state.cancel)))
        return error_set(err, ERROR_CANCELLED, "cancelled");
    if (!working) /* work says itself how far it is */
        engine_publish_progress(engine, &news);
    return 0;
}

static int lend(void *context, struct error *err)
{
    struct engine *engine = context;
    return work_lend(&engine->work_state, err);
}

/* Work that asks lets edits go first; an edit is itself what is waited for. */
static struct pool_lender lender(void *context)
{
    struct engine *engine = context;
    pthread_mutex_lock(&engine->mutex);
    bool working = engine->running == &job_work;
    pthread_mutex_unlock(&engine->mutex);
    return working ? (struct pool_lender){&engine->awaited, lend, engine}
                   : (struct pool_lender){NULL, NULL, NULL};
}

/* Locked. */
static void wish(struct engine *engine, const struct weights *weights,
                 enum calibration_part part)
{
    engine_forget_calibration(engine);
    engine->calibration = (struct calibration_wish){
        true, weights ? weights_retain(weights) : NULL, part};
    engine_call(engine);
}

static void ask(void *context, const struct weights *weights,
                enum calibration_part part)
{
    struct engine *engine = context;
    pthread_mutex_lock(&engine->mutex);
    wish(engine, weights, part);
    pthread_mutex_unlock(&engine->mutex);
}

void engine_calibrate(struct engine *engine, const struct variant *variant,
                      const struct criterion *criterion)
{
    const struct calibrator *calibrator =
        session_calibrator(engine->setup.session);
    const struct calibration *known = NULL;
    if (!criterion->part || !calibrator || !engine->setup.options.calibration)
        return;
    if (calibrator->get(calibrator->context, variant->weights, criterion->part,
                        &known, NULL) == 0)
        calibration_drop(known);
}

bool engine_is_calibrating(struct engine *engine)
{
    pthread_mutex_lock(&engine->mutex);
    bool calibrating = engine->calibration.pending || engine->collecting;
    pthread_mutex_unlock(&engine->mutex);
    return calibrating;
}

void engine_watch_calibration(struct engine *engine)
{
    const struct calibration_watch watch = {.progress = progress,
                                            .cancel =
                                                &engine->calibration_cancel,
                                            .lender = lender,
                                            .ask = ask,
                                            .context = engine};
    if (engine->setup.options.calibration)
        calibration_store_watch(engine->setup.options.calibration, &watch);
}

void engine_forget_calibration(struct engine *engine)
{
    weights_drop(engine->calibration.weights);
    engine->calibration = (struct calibration_wish){0};
}

static bool take(struct engine *engine, struct job *job)
{
    if (engine->paused || !engine->calibration.pending)
        return false;
    job->variant = variant_retain(engine->dense);
    cancel_reset(&engine->calibration_cancel);
    return true;
}

static void run(struct engine *engine, struct job *job)
{
    const struct calibrator *calibrator =
        session_calibrator(engine->setup.session);
    const struct calibration *found = NULL;
    struct news news = {.stage = ENGINE_IDLE};
    (void)job;
    pthread_mutex_lock(&engine->mutex);
    struct calibration_wish wanted = engine->calibration;
    engine->calibration = (struct calibration_wish){0};
    engine->collecting = true;
    pthread_mutex_unlock(&engine->mutex);
    if (calibrator->get(calibrator->context, wanted.weights, wanted.part,
                        &found, NULL) == 0)
        calibration_drop(found);
    weights_drop(wanted.weights);
    pthread_mutex_lock(&engine->mutex);
    engine->collecting = false;
    pthread_mutex_unlock(&engine->mutex);
    engine_publish_progress(engine, &news);
}

static void requeue(struct engine *engine, struct job *job)
{
    (void)engine;
    (void)job;
}

const struct job_kind job_samples = {"samples", take, run, requeue};

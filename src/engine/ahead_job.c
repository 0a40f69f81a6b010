/*
 * Looking ahead: variants that the user may ask for next are evaluated while
 * there is nothing else to do, resuming at the activations before the edited
 * layer like any evaluation. It publishes nothing, begins only after a pause in
 * what the user does, and gives way at once: engine_show raises the cancel
 * token, anything else is seen within a figure's time.
 */
#include "engine/state.h"

#include "base/clock.h"

enum { PAUSE_MS = 150 };

void engine_forget_ahead(struct engine *engine)
{
    struct ahead *ahead = &engine->ahead;
    for (size_t i = 0; i < ahead->count; i++)
        variant_drop(ahead->variants[i]);
    *ahead = (struct ahead){.count = 0};
}

void engine_look_ahead(struct engine *engine,
                       const struct variant *const *variants, size_t count,
                       int focus)
{
    pthread_mutex_lock(&engine->mutex);
    struct ahead *ahead = &engine->ahead;
    engine_forget_ahead(engine);
    for (size_t i = 0; i < count && i < AHEAD_MOST; i++)
        ahead->variants[ahead->count++] = variant_retain(variants[i]);
    ahead->focus = focus;
    wait_deadline(&ahead->from, PAUSE_MS);
    if (engine->running == &job_ahead)
        cancel_raise(&engine->cancel);
    pthread_cond_signal(&engine->work);
    pthread_mutex_unlock(&engine->mutex);
}

/* Locked. The first variant whose figures are not all known; NULL: none. */
static const struct variant *next_of(struct engine *engine)
{
    const struct ahead *ahead = &engine->ahead;
    for (size_t i = 0; i < ahead->count; i++) {
        const struct variant *variant = ahead->variants[i];
        const struct store_entry *entry =
            store_find(&engine->store, variant->hash);
        if (!(entry && entry->exact) && !engine_is_dense(engine, variant))
            return variant;
    }
    return NULL;
}

/* Nothing is begun before the dense model has answered everything. */
const struct timespec *engine_ahead_from(struct engine *engine)
{
    bool ready = engine->setup.eval_graph && engine->baseline_exact &&
                 !engine->paused && next_of(engine);
    return ready ? &engine->ahead.from : NULL;
}

static bool take_ahead(struct engine *engine, struct job *job)
{
    struct timespec now;
    const struct timespec *from = engine_ahead_from(engine);
    wait_deadline(&now, 0);
    if (!from || now.tv_sec < from->tv_sec ||
        (now.tv_sec == from->tv_sec && now.tv_nsec < from->tv_nsec))
        return false;
    job->variant = variant_retain(next_of(engine));
    job->focus = engine->ahead.focus;
    cancel_reset(&engine->cancel);
    return true;
}

static void run_ahead(struct engine *engine, struct job *job)
{
    struct result result;
    struct error err = {0};
    uint64_t hash = job->variant->hash;
    engine_lookup(engine, hash, &result);
    int code = engine_evaluate(engine, job, &result, &err);
    result_release(&result);
    pthread_mutex_lock(&engine->mutex);
    struct store_entry *entry = store_find(&engine->store, hash);
    if (code == 0 && entry)
        entry->ahead = true;
    /* What fails is told when the user asks for it. */
    if (code < 0 && err.code != ERROR_CANCELLED)
        engine_forget_ahead(engine);
    pthread_mutex_unlock(&engine->mutex);
}

/* What is not known yet is still listed. */
static void requeue_ahead(struct engine *engine, struct job *job)
{
    (void)engine;
    (void)job;
}

const struct job_kind job_ahead = {"ahead", take_ahead, run_ahead,
                                   requeue_ahead};

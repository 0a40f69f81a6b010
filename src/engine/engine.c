/*
 * One mutex guards the queue, the report and the store. The engine thread
 * takes a job under it (`running` is set in the same breath, so idle is
 * never true in between), works unlocked and polls its cancel token.
 *
 * An interrupted job is put back when neither an edit nor the user's cancel
 * interrupted it (pause, export); its trial goes on where it stopped.
 */
#include "engine/engine.h"

#include "base/array.h"
#include "engine/calibration.h"
#include "engine/report.h"
#include "engine/state.h"
#include "engine/wait.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { OUTCOMES_BUDGET_BYTES = 64 << 20 };

/* In order of preference. */
static const struct job_kind *const job_kinds[] = {
    &job_scan,      &job_export,   &job_variant,
    &job_flipped,   &job_samples, /* even during work */
    &job_work,      &job_baseline, &job_structures,
    &job_calibrate, &job_ahead};
enum { URGENT_KINDS = 5 };

/* Locked. One of the first `kinds` kinds. */
static bool take_job(struct engine *engine, size_t kinds, struct job *job)
{
    for (size_t i = 0; i < kinds; i++) {
        *job = (struct job){.kind = job_kinds[i], .focus = -1};
        if (!job_kinds[i]->take(engine, job))
            continue;
        engine->running = job_kinds[i];
        engine->stopping = false;
        engine->addressee = (struct addressee){
            engine->generation, job->variant->hash, job->variant->id};
        return true;
    }
    return false;
}

/* Locked on entry and return. */
static void do_job(struct engine *engine, struct job *job)
{
    pthread_mutex_unlock(&engine->mutex);
    job->kind->run(engine, job);
    pthread_mutex_lock(&engine->mutex);
    engine->running = NULL;
    if (job->interrupted && !engine->stopping && !engine->ending)
        job->kind->requeue(engine, job);
    variant_drop(job->variant);
    pthread_cond_broadcast(&engine->changed);
}

/* Locked on entry and return. */
static void wait_for_work(struct engine *engine)
{
    const struct timespec *from = engine_ahead_from(engine);
    const struct timespec until = from ? *from : (struct timespec){0};
    wait_until(&engine->work, &engine->mutex, from ? &until : NULL);
}

static void *engine_body(void *argument)
{
    struct engine *engine = argument;
    pthread_mutex_lock(&engine->mutex);
    while (!engine->ending) {
        struct job job;
        if (take_job(engine, ARRAY_LENGTH(job_kinds), &job))
            do_job(engine, &job);
        else
            wait_for_work(engine);
    }
    pthread_mutex_unlock(&engine->mutex);
    return NULL;
}

void engine_call(struct engine *engine)
{
    if (engine->paused || engine_is_awaited(engine))
        cancel_raise(&engine->awaited);
    pthread_cond_signal(&engine->work);
}

void engine_answer_others(struct engine *engine)
{
    const struct addressee addressee = engine->addressee;
    const struct cancel *cancel = &engine->work_state.cancel;
    while (!engine->ending && !cancel_raised(cancel)) {
        struct job job;
        engine->running = &job_work;
        cancel_reset(&engine->awaited);
        if (take_job(engine, URGENT_KINDS, &job))
            do_job(engine, &job);
        else if (engine->paused)
            pthread_cond_wait(&engine->work, &engine->mutex);
        else
            break;
    }
    engine->running = &job_work;
    engine->addressee = addressee;
}

bool engine_is_awaited(struct engine *engine)
{
    return engine->export.pending || engine->scan_wanted ||
           engine_flipped_due(engine) ||
           (engine->calibration.pending && !engine->paused) ||
           (engine->wanted.variant && !engine->paused);
}

/* --- reports --- */

void engine_wake(struct engine *engine)
{
    uint64_t one = 1;
    /* Only a full counter can refuse, and then the reader is awake. */
    ssize_t written = write(engine->descriptor, &one, sizeof one);
    (void)written;
}

/* Locked. Takes the report over. */
static void exchange_report(struct engine *engine, struct report *report)
{
    report_drop(engine->report);
    engine->report = report;
    engine_wake(engine);
    pthread_cond_broadcast(&engine->changed);
}

static struct report *make_report(struct engine *engine,
                                  const struct addressee *to,
                                  const struct news *news,
                                  const struct result *result)
{
    const struct result *baseline = &engine->baseline;
    bool known = baseline->accuracy.samples > 0 || baseline->has_latency;
    struct report *report = report_create(result, known ? baseline : NULL);
    if (!report)
        return NULL;
    report->generation = to->generation;
    report->variant = to->variant;
    report->hash = to->hash;
    report->stage = news->stage;
    report->done = news->done;
    report->total = news->total;
    report->seconds = news->seconds;
    report->complete = news->complete;
    const struct store_entry *entry = store_find(&engine->store, to->hash);
    report->ahead = entry && entry->ahead;
    if (news->error) {
        report->failed = true;
        report->error = *news->error;
    }
    return report;
}

void engine_publish(struct engine *engine, const struct news *news,
                    const struct result *result)
{
    pthread_mutex_lock(&engine->mutex);
    const struct addressee *to = &engine->addressee;
    struct report *report = NULL;
    if (to->generation == engine->generation && engine->running != &job_ahead)
        report = make_report(engine, to, news, result);
    if (report)
        exchange_report(engine, report);
    pthread_mutex_unlock(&engine->mutex);
}

void engine_publish_progress(struct engine *engine, const struct news *news)
{
    pthread_mutex_lock(&engine->mutex);
    const struct report *old = engine->report;
    if (old) {
        struct addressee to = {old->generation, old->hash, old->variant};
        struct news now = *news;
        now.complete = old->complete;
        now.error = old->failed ? &old->error : NULL;
        struct report *report = make_report(engine, &to, &now, &old->result);
        if (report)
            exchange_report(engine, report);
    }
    pthread_mutex_unlock(&engine->mutex);
}

const struct report *engine_report(struct engine *engine)
{
    pthread_mutex_lock(&engine->mutex);
    const struct report *report =
        engine->report ? report_retain(engine->report) : NULL;
    pthread_mutex_unlock(&engine->mutex);
    return report;
}

const char *engine_device(const struct engine *engine)
{
    const struct device *device = engine->setup.device;
    return device ? device->info.name : NULL;
}

int engine_descriptor(const struct engine *engine)
{
    return engine->descriptor;
}

void engine_acknowledge(struct engine *engine)
{
    uint64_t count;
    while (read(engine->descriptor, &count, sizeof count) < 0 && errno == EINTR)
        ;
}

/* --- life --- */

static int init_parts(struct engine *engine, struct error *err)
{
    struct setup *setup = &engine->setup;
    engine->descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (engine->descriptor < 0)
        return error_set(err, ERROR_IO, "cannot create an eventfd: %s",
                         strerror(errno));
    engine->store.budget_bytes = OUTCOMES_BUDGET_BYTES;
    engine->baseline_wanted =
        setup->eval_graph || setup->options.measure_latency;
    engine->calibration_wanted =
        setup->options.measure_latency && setup->options.learn_latency;
    if (!setup->eval_graph)
        return 0;
    if (trial_create(&engine->base, setup->samples, setup->batches, err) < 0 ||
        prefix_create(&engine->prefix, setup->options.memory_bytes,
                      setup->batches, err) < 0)
        return -1;
    return pool_create(&engine->pool, setup->options.workers,
                       !setup->options.foreground, err);
}

static void wake(void *engine)
{
    engine_wake(engine);
}

int engine_create(struct engine **out, const struct session *session,
                  const struct engine_options *options, struct error *err)
{
    struct engine *engine = array_create(1, sizeof *engine);
    if (!engine)
        return error_memory(err, sizeof *engine);
    engine->descriptor = -1;
    engine->work_state.engine = engine;
    pthread_mutex_init(&engine->mutex, NULL);
    wait_condition_init(&engine->work);
    wait_condition_init(&engine->changed);
    keeper_init(&engine->keeper);
    engine->keeper.ended = wake;
    engine->keeper.context = engine;
    engine->dense = variant_retain(session_variant(session, 0));
    if (setup_init(&engine->setup, session, options, err) < 0 ||
        forecast_init(&engine->forecast, err) < 0 ||
        init_parts(engine, err) < 0 ||
        engine_costs(engine, engine->dense, &engine->baseline, err) < 0 ||
        thread_start(&engine->thread, "engine", !options->foreground,
                     engine_body, engine, err) < 0) {
        engine_destroy(engine);
        return -1;
    }
    engine_watch_calibration(engine);
    *out = engine;
    return 0;
}

static void release_parts(struct engine *engine)
{
    plan_drop(engine->plan);
    plan_drop(engine->base_plan);
    plan_drop(engine->latency_plan);
    forecast_release(&engine->forecast);
    prefix_destroy(engine->prefix);
    trial_destroy(engine->base);
    strata_destroy(engine->strata);
    mask_set_release(&engine->masks);
    if (engine->masks_variant)
        variant_drop(engine->masks_variant);
    result_release(&engine->baseline);
    store_release(&engine->store);
    setup_release(&engine->setup);
    for (size_t i = 0; i < engine->kernel_name_count; i++)
        free(engine->kernel_names[i]);
    free(engine->kernel_names);
}

void engine_destroy(struct engine *engine)
{
    if (!engine)
        return;
    pthread_mutex_lock(&engine->mutex);
    engine->ending = true;
    cancel_raise(&engine->cancel);
    cancel_raise(&engine->export_cancel);
    cancel_raise(&engine->calibration_cancel);
    cancel_raise(&engine->work_state.cancel);
    cancel_raise(&engine->awaited);
    pthread_cond_broadcast(&engine->work);
    pthread_mutex_unlock(&engine->mutex);
    thread_join(&engine->thread);
    keeper_release(&engine->keeper);
    if (engine->setup.options.calibration)
        calibration_store_watch(engine->setup.options.calibration, NULL);
    pool_destroy(engine->pool);
    report_drop(engine->report);
    if (engine->wanted.variant)
        variant_drop(engine->wanted.variant);
    engine_flipped_forget(engine);
    flipped_drop(engine->flipped);
    engine_robustness_release(engine);
    engine_forget_export(engine);
    engine_forget_ahead(engine);
    engine_forget_calibration(engine);
    engine_export_result_release(&engine->export.result);
    work_release(&engine->work_state);
    scan_snapshot_drop(engine->scan);
    dataset_close(engine->training);
    release_parts(engine);
    if (engine->dense)
        variant_drop(engine->dense);
    if (engine->descriptor >= 0)
        close(engine->descriptor);
    pthread_cond_destroy(&engine->changed);
    pthread_cond_destroy(&engine->work);
    pthread_mutex_destroy(&engine->mutex);
    free(engine);
}

/* --- asking --- */

/* Locked. Whether everything about this variant is known; *result is
 * borrowed from the store. */
static bool find_known(struct engine *engine, uint64_t hash,
                       const struct result **result)
{
    const struct store_entry *entry = store_find(&engine->store, hash);
    *result = entry ? &entry->result : NULL;
    if (!entry)
        return false;
    return (entry->exact || !engine->setup.eval_graph) &&
           (entry->result.has_latency ||
            !engine->setup.options.measure_latency);
}

/* Locked. */
static void forget_wanted(struct engine *engine)
{
    if (engine->wanted.variant)
        variant_drop(engine->wanted.variant);
    engine->wanted = (struct job){0};
}

/* Locked. Whether the running job does what is asked for now. */
static bool runs_already(const struct engine *engine, uint64_t hash)
{
    return (engine->running == &job_variant ||
            engine->running == &job_baseline) &&
           engine->addressee.hash == hash && !cancel_raised(&engine->cancel);
}

void engine_show(struct engine *engine, const struct variant *variant,
                 int focus)
{
    pthread_mutex_lock(&engine->mutex);
    struct addressee to = {++engine->generation, variant->hash, variant->id};
    const struct result *result;
    bool known = find_known(engine, variant->hash, &result);
    struct news news = {.stage = known ? ENGINE_IDLE : ENGINE_PLANNING,
                        .total = engine->setup.samples,
                        .complete = known};
    if (result)
        news.done = result->accuracy.samples;
    struct report *report = make_report(engine, &to, &news, result);
    if (report)
        exchange_report(engine, report);
    forget_wanted(engine);
    if (!known && runs_already(engine, variant->hash)) {
        engine->addressee = to;
    } else {
        cancel_raise(&engine->cancel);
        if (!known) {
            engine->wanted = (struct job){.variant = variant_retain(variant),
                                          .focus = focus};
            engine_call(engine);
        }
    }
    pthread_mutex_unlock(&engine->mutex);
}

void engine_pause(struct engine *engine, bool paused)
{
    pthread_mutex_lock(&engine->mutex);
    engine->paused = paused;
    if (paused)
        cancel_raise(&engine->cancel);
    engine_call(engine);
    pthread_mutex_unlock(&engine->mutex);
}

void engine_cancel(struct engine *engine)
{
    pthread_mutex_lock(&engine->mutex);
    engine->stopping = engine->running != NULL;
    engine->baseline_wanted = false;
    cancel_raise(&engine->cancel);
    cancel_raise(&engine->export_cancel);
    cancel_raise(&engine->calibration_cancel);
    engine_forget_calibration(engine);
    if (engine->running == &job_work) {
        engine->stopping = false;
        cancel_raise(&engine->work_state.cancel);
        cancel_raise(&engine->awaited);
        pthread_cond_signal(&engine->work);
    }
    if (engine->wanted.variant) {
        struct addressee to = {engine->generation, engine->wanted.variant->hash,
                               engine->wanted.variant->id};
        struct news news = {.total = engine->setup.samples};
        struct report *report = make_report(engine, &to, &news, NULL);
        if (report)
            exchange_report(engine, report);
    }
    forget_wanted(engine);
    engine_forget_ahead(engine);
    engine_forget_export(engine);
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->mutex);
}

/* Locked. Whether something is queued that somebody waits for. */
static bool is_queued(struct engine *engine)
{
    return engine->wanted.variant || engine->export.pending ||
           engine->scan_wanted || engine->calibration.pending ||
           engine_flipped_due(engine) || engine->work_state.status.queued ||
           (engine->baseline_wanted && engine->generation == 0);
}

bool engine_is_needed(struct engine *engine)
{
    return engine->ending || engine->paused || engine->structures_wanted ||
           is_queued(engine);
}

/* Locked. Looking ahead is idleness: nobody waits for it. */
static bool is_idle(struct engine *engine)
{
    return (!engine->running || engine->running == &job_ahead) &&
           !is_queued(engine);
}

bool engine_idle(struct engine *engine)
{
    pthread_mutex_lock(&engine->mutex);
    bool idle = is_idle(engine);
    pthread_mutex_unlock(&engine->mutex);
    return idle;
}

bool engine_wait(struct engine *engine, int timeout_ms)
{
    struct timespec until;
    wait_deadline(&until, timeout_ms);
    pthread_mutex_lock(&engine->mutex);
    while (!is_idle(engine)) {
        if (!wait_until(&engine->changed, &engine->mutex,
                        timeout_ms < 0 ? NULL : &until))
            break;
    }
    bool idle = is_idle(engine);
    pthread_mutex_unlock(&engine->mutex);
    return idle;
}

bool engine_lookup(struct engine *engine, uint64_t hash, struct result *result)
{
    pthread_mutex_lock(&engine->mutex);
    const struct store_entry *entry = store_find(&engine->store, hash);
    bool known = entry && (entry->result.accuracy.samples > 0 ||
                           entry->result.has_latency);
    *result = (struct result){0};
    if (known && result_copy(result, &entry->result) < 0)
        known = false;
    pthread_mutex_unlock(&engine->mutex);
    return known;
}

int engine_outcomes(struct engine *engine, uint64_t hash,
                    struct outcome *outcomes, int64_t count, struct error *err)
{
    pthread_mutex_lock(&engine->mutex);
    const struct trial *trial = NULL;
    if (hash == engine->dense->hash) {
        trial = engine->baseline_exact ? engine->base : NULL;
    } else {
        const struct store_entry *entry = store_find(&engine->store, hash);
        trial = entry && entry->exact ? entry->trial : NULL;
    }
    int code = 0;
    if (!trial)
        code = error_set(err, ERROR_NAME,
                         "the answers of this variant are not known");
    else if (count > trial->samples)
        code = error_set(err, ERROR_RANGE,
                         "%lld answers wanted, the data has %lld",
                         (long long)count, (long long)trial->samples);
    else
        memcpy(outcomes, trial->outcomes, (size_t)count * sizeof *outcomes);
    pthread_mutex_unlock(&engine->mutex);
    return code;
}

/*
 * The queue of one. State shared with other threads is under the engine's
 * mutex; what a kind sees is the engine thread's own.
 */
#include "engine/work.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "engine/state.h"
#include "engine/training.h"
#include "engine/tune.h"
#include "engine/wait.h"
#include "session/words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SETTLE_MS = 1000 };

const struct work_kind *const work_kinds[] = {
    &work_tune, &work_budget,   &work_reconstruct, &work_robustness,
    &work_scan, &work_criteria, &work_masks,       NULL,
};

/* --- lines --- */

static const struct work_kind *find_kind(const char *name)
{
    for (size_t i = 0; work_kinds[i]; i++)
        if (!strcmp(work_kinds[i]->name, name))
            return work_kinds[i];
    return NULL;
}

static void free_options(const struct work_kind *kind, void *options)
{
    if (kind && kind->free_options)
        kind->free_options(options);
}

static int parse_words(const struct work_kind **kind, void **options,
                       const struct session *session, const struct words *words,
                       struct error *err)
{
    *kind = words->count && words->items[0] ? find_kind(words->items[0]) : NULL;
    if (!*kind)
        return error_set(err, ERROR_NAME, "'%s' is no work",
                         words->count && words->items[0] ? words->items[0]
                                                         : "");
    size_t count = 0;
    while (words->items[1 + count])
        count++;
    if ((*kind)->needs_data && !session_dataset(session))
        return error_set(err, ERROR_USAGE, "%s: needs a data set",
                         (*kind)->name);
    if (!(*kind)->parse)
        return count ? error_set(err, ERROR_USAGE,
                                 "%s: found '%s', expected nothing more",
                                 (*kind)->name, words->items[1])
                     : 0;
    if ((*kind)->parse(options, session, count, words->items + 1, err) < 0)
        return error_prefix(err, "%s", (*kind)->name);
    return 0;
}

static int parse_line(const struct work_kind **kind, void **options,
                      const struct session *session, const char *line,
                      struct error *err)
{
    struct words words;
    *options = NULL;
    if (words_parse(&words, line, err) < 0)
        return -1;
    int result = parse_words(kind, options, session, &words, err);
    words_release(&words);
    return result;
}

int engine_work_check(const struct session *session, const char *line,
                      struct error *err)
{
    const struct work_kind *kind;
    void *options;
    if (parse_line(&kind, &options, session, line, err) < 0)
        return -1;
    free_options(kind, options);
    return 0;
}

/* --- asking; any thread --- */

/* Locked. */
static void notify(struct engine *engine)
{
    engine_wake(engine);
    pthread_cond_broadcast(&engine->changed);
}

/* Locked. What the last work left. */
static void clear(struct work *work)
{
    session_outcome_release(&work->outcome);
    if (work->data && work->drop_data)
        work->drop_data(work->data);
    free_options(work->kind, work->options);
    work_status_release(&work->status);
    if (work->variant)
        variant_drop(work->variant);
    *work = (struct work){.engine = work->engine};
}

void work_release(struct work *work)
{
    clear(work);
}

void work_status_release(struct work_status *status)
{
    free(status->line);
    free(status->points);
    *status = (struct work_status){0};
}

/* Locked. */
static int check_ready(const struct work *work, struct error *err)
{
    if (!work->status.queued && !work->status.running)
        return 0;
    return error_set(err, ERROR_USAGE, "'%s' is still being done",
                     work->status.line);
}

int engine_work_ready(struct engine *engine, struct error *err)
{
    pthread_mutex_lock(&engine->mutex);
    int result = check_ready(&engine->work_state, err);
    pthread_mutex_unlock(&engine->mutex);
    return result;
}

int engine_work_queue(struct engine *engine, const struct work_kind *kind,
                      void *options, const struct variant *variant,
                      const char *line, struct error *err)
{
    char *copy = string_copy(line);
    int result = copy ? 0 : error_memory(err, strlen(line));
    pthread_mutex_lock(&engine->mutex);
    struct work *work = &engine->work_state;
    if (!result)
        result = check_ready(work, err);
    if (!result) {
        clear(work);
        work->kind = kind;
        work->options = options;
        work->variant = variant_retain(variant);
        work->status = (struct work_status){
            .kind = kind,
            .variant = variant->id,
            .line = copy,
            .seconds_left = NAN,
            .queued = true,
        };
        pthread_cond_signal(&engine->work);
    }
    pthread_mutex_unlock(&engine->mutex);
    if (result < 0) {
        free(copy);
        free_options(kind, options);
    }
    return result;
}

int engine_work_start(struct engine *engine, const struct variant *variant,
                      const char *line, struct error *err)
{
    const struct work_kind *kind;
    void *options;
    if (parse_line(&kind, &options, engine->setup.session, line, err) < 0)
        return -1;
    return engine_work_queue(engine, kind, options, variant, line, err);
}

void engine_work_cancel(struct engine *engine)
{
    pthread_mutex_lock(&engine->mutex);
    struct work *work = &engine->work_state;
    cancel_raise(&work->cancel);
    cancel_raise(&engine->awaited);
    pthread_cond_signal(&engine->work); /* it may wait, paused */
    if (work->status.queued) {
        work->status.queued = false;
        work->status.finished = work->status.failed = true;
        error_set(&work->status.error, ERROR_CANCELLED, "cancelled");
        notify(engine);
    }
    pthread_mutex_unlock(&engine->mutex);
}

static int ask(struct engine *engine, bool finish, struct error *err)
{
    pthread_mutex_lock(&engine->mutex);
    struct work *work = &engine->work_state;
    bool able = work->status.running && work->kind->steerable;
    if (able) {
        work->asked.finish |= finish;
        work->asked.grow += !finish;
    }
    pthread_mutex_unlock(&engine->mutex);
    return able ? 0
                : error_set(err, ERROR_USAGE,
                            "no work is running that could be told so");
}

int engine_work_finish(struct engine *engine, struct error *err)
{
    return ask(engine, true, err);
}

int engine_work_grow(struct engine *engine, struct error *err)
{
    return ask(engine, false, err);
}

/* Removes the checkpoint. */
static void forget(const struct work *work)
{
    char *path = work_checkpoint_path(work);
    if (path)
        keeper_forget(&work->engine->keeper, path);
    free(path);
}

void engine_work_discard(struct engine *engine)
{
    pthread_mutex_lock(&engine->mutex);
    struct work *work = &engine->work_state;
    bool idle = !work->status.running;
    work->discarded = !idle; /* then it goes when the work ends */
    pthread_mutex_unlock(&engine->mutex);
    if (idle)
        forget(work);
    engine_work_cancel(engine);
}

void engine_work_adopted(struct engine *engine)
{
    forget(&engine->work_state);
}

const char *engine_work_interrupted(struct engine *engine)
{
    char *path = work_checkpoint_path(&engine->work_state);
    bool found = path && keeper_holds(&engine->keeper, path);
    free(path);
    return found ? "tune resume" : NULL;
}

char *engine_work_kept(struct engine *engine, int *variant)
{
    struct tune_kept kept = {.variant = -1};
    char *path = work_checkpoint_path(&engine->work_state);
    if (path && file_exists(path)) {
        tune_kept_read(&kept, path, NULL);
    } else if (path && keeper_holds(&engine->keeper, path)) {
        /* On its way to the disk: of the work that was last. */
        pthread_mutex_lock(&engine->mutex);
        kept.line = string_copy(engine->work_state.status.line);
        kept.variant = engine->work_state.status.variant;
        pthread_mutex_unlock(&engine->mutex);
    }
    free(path);
    *variant = kept.variant;
    return kept.line;
}

int engine_work_check_kept(struct engine *engine, struct error *err)
{
    return keeper_check(&engine->keeper, err);
}

int engine_work_leave(struct engine *engine, struct error *err)
{
    engine_work_cancel(engine);
    pthread_mutex_lock(&engine->mutex);
    while (engine->work_state.status.running)
        wait_until(&engine->changed, &engine->mutex, NULL);
    pthread_mutex_unlock(&engine->mutex);
    while (!keeper_wait(&engine->keeper, SETTLE_MS))
        ;
    return keeper_check(&engine->keeper, err);
}

const char *engine_work_unfinished(const struct engine *engine)
{
    const char *line = session_unfinished(engine->setup.session);
    char name[32] = "";
    if (line)
        snprintf(name, sizeof name, "%.*s", (int)strcspn(line, " "), line);
    const struct work_kind *kind = find_kind(name);
    bool decides = kind && (kind->rest == WORK_REST_ORDER ||
                            kind->rest == WORK_REST_WHOLE);
    return decides ? line : NULL;
}

bool engine_work_poll(struct engine *engine, struct work_status *status)
{
    pthread_mutex_lock(&engine->mutex);
    const struct work_status *now = &engine->work_state.status;
    *status = *now;
    status->line = string_copy(now->line);
    status->points = array_create(now->point_count, sizeof *status->points);
    if (status->points && now->point_count)
        memcpy(status->points, now->points,
               now->point_count * sizeof *status->points);
    else
        status->point_count = 0;
    pthread_mutex_unlock(&engine->mutex);
    return status->kind != NULL;
}

int engine_work_take(struct engine *engine, struct session_outcome *outcome,
                     void **data, struct error *err)
{
    int result = 0;
    *outcome = (struct session_outcome){0};
    pthread_mutex_lock(&engine->mutex);
    struct work *work = &engine->work_state;
    if (work->status.failed) {
        *err = work->status.error;
        result = -1;
    } else if (!work->status.ready) {
        result = error_set(err, ERROR_USAGE, "no work has come to an end");
    } else {
        *outcome = work->outcome;
        work->outcome = (struct session_outcome){0};
        if (data) {
            *data = work->data;
            work->data = NULL;
        }
        work->status.ready = false;
    }
    pthread_mutex_unlock(&engine->mutex);
    return result;
}

/* --- doing; the engine thread --- */

const struct setup *work_setup(const struct work *work)
{
    return &work->engine->setup;
}

struct engine *work_engine(struct work *work)
{
    return work->engine;
}

struct keeper *work_keeper(struct work *work)
{
    return &work->engine->keeper;
}

struct pool *work_pool(struct work *work)
{
    return work->engine->pool;
}

const struct variant *work_variant(const struct work *work)
{
    return work->variant;
}

const void *work_options(const struct work *work)
{
    return work->options;
}

const struct cancel *work_cancel(const struct work *work)
{
    return &work->cancel;
}

bool work_is_awaited(struct work *work)
{
    struct engine *engine = work->engine;
    pthread_mutex_lock(&engine->mutex);
    bool awaited = engine_is_awaited(engine);
    pthread_mutex_unlock(&engine->mutex);
    return awaited;
}

int work_step(struct work *work, const char *stage, int64_t done, int64_t total,
              struct error *err)
{
    struct engine *engine = work->engine;
    pthread_mutex_lock(&engine->mutex);
    struct work_status *status = &work->status;
    if (stage != status->stage)
        snprintf(status->stage, sizeof status->stage, "%s", stage);
    status->done = done;
    status->total = total;
    status->seconds = (double)(clock_now_ns() - work->start_ns) * 1e-9;
    status->seconds_left = work->seconds_left;
    notify(engine);
    pthread_mutex_unlock(&engine->mutex);
    return work_lend(work, err);
}

const struct cancel *work_awaited(const struct work *work)
{
    return &work->engine->awaited;
}

int work_lend(struct work *work, struct error *err)
{
    struct engine *engine = work->engine;
    pthread_mutex_lock(&engine->mutex);
    engine_answer_others(engine);
    pthread_mutex_unlock(&engine->mutex);
    return cancel_raised(&work->cancel)
               ? error_set(err, ERROR_CANCELLED, "cancelled")
               : 0;
}

void work_left(struct work *work, double seconds)
{
    work->seconds_left = seconds;
}

struct work_asked work_asked(struct work *work)
{
    struct engine *engine = work->engine;
    pthread_mutex_lock(&engine->mutex);
    struct work_asked asked = work->asked;
    work->asked = (struct work_asked){0};
    pthread_mutex_unlock(&engine->mutex);
    return asked;
}

const char *work_line(const struct work *work)
{
    return work->status.line;
}

void work_note(struct work *work, const char *note)
{
    struct engine *engine = work->engine;
    pthread_mutex_lock(&engine->mutex);
    snprintf(work->status.note, sizeof work->status.note, "%s", note);
    pthread_mutex_unlock(&engine->mutex);
}

char *work_checkpoint_path(const struct work *work)
{
    const struct setup *setup = &work->engine->setup;
    const char *journal = session_path(setup->session);
    if (setup->options.checkpoint)
        return string_copy(setup->options.checkpoint);
    if (!*journal)
        return NULL;
    struct strbuf path = {0};
    size_t folder = (size_t)(path_name(journal) - journal);
    strbuf_addf(&path, "%.*s%.*s" SESSION_TUNE_SUFFIX, (int)folder, journal,
                (int)strcspn(journal + folder, "."), journal + folder);
    char *taken = strbuf_take(&path);
    strbuf_release(&path);
    return taken;
}

void work_point(struct work *work, const struct work_point *point)
{
    struct engine *engine = work->engine;
    pthread_mutex_lock(&engine->mutex);
    struct work_status *status = &work->status;
    /* A curve that cannot grow is drawn as far as it goes. */
    if (array_reserve(&status->points, &work->point_capacity,
                      status->point_count + 1, sizeof *status->points) == 0)
        status->points[status->point_count++] = *point;
    pthread_mutex_unlock(&engine->mutex);
}

void work_give_decisions(struct work *work, struct decision *decisions)
{
    free(work->outcome.decisions);
    work->outcome.decisions = decisions;
}

void work_give_weights(struct work *work, struct weights *weights)
{
    weights_drop(work->outcome.weights);
    work->outcome.weights = weights;
}

void work_give_summary(struct work *work, const char *summary)
{
    free(work->outcome.summary);
    work->outcome.summary = string_copy(summary);
}

void work_give_line(struct work *work, char *line)
{
    free(work->outcome.line);
    work->outcome.line = line;
}

void work_give_data(struct work *work, void *data, void (*drop)(void *data))
{
    work->data = data;
    work->drop_data = drop;
}

int work_training_data(struct work *work, const struct dataset **data,
                       struct error *err)
{
    struct engine *engine = work->engine;
    return training_data(data, &engine->training, engine->setup.session, err);
}

static void finish(struct work *work, int code, const struct error *err)
{
    struct work_status *status = &work->status;
    status->running = false;
    status->finished = true;
    status->failed = code < 0;
    status->ready = code == 0;
    status->seconds = (double)(clock_now_ns() - work->start_ns) * 1e-9;
    if (code < 0)
        status->error = *err;
}

static void run_work(struct engine *engine, struct job *job)
{
    struct work *work = &engine->work_state;
    struct error err = {0};
    (void)job;
    int code = work->kind->run(work, &err);
    pthread_mutex_lock(&engine->mutex);
    if (work->discarded)
        forget(work);
    finish(work, code, &err);
    notify(engine);
    pthread_mutex_unlock(&engine->mutex);
}

static bool take_work(struct engine *engine, struct job *job)
{
    struct work *work = &engine->work_state;
    if (!work->status.queued || engine->paused)
        return false;
    work->status.queued = false;
    work->status.running = true;
    work->start_ns = clock_now_ns();
    work->seconds_left = NAN;
    cancel_reset(&work->cancel);
    cancel_reset(&engine->calibration_cancel);
    job->variant = variant_retain(work->variant);
    return true;
}

static void requeue_work(struct engine *engine, struct job *job)
{
    (void)engine;
    (void)job;
}

const struct job_kind job_work = {"work", take_work, run_work, requeue_work};

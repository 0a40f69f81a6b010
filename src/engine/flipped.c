/*
 * Comparing takes a millisecond, but belongs to the thread that owns the
 * answers. The ui asks as often as it draws; what it has asked for waits in
 * `flipped_wanted` until answers are there that were not compared yet.
 */
#include "engine/flipped.h"

#include "base/array.h"
#include "engine/state.h"

#include <stdlib.h>
#include <string.h>

/* Counting is the one thing a holder of a const one may change. */
static struct flipped *writable(const struct flipped *flipped)
{
    struct flipped *out;
    memcpy(&out, &flipped, sizeof out);
    return out;
}

int flipped_create(struct flipped **out, const struct outcome *before,
                   const struct outcome *after, const int64_t *right,
                   int64_t samples, struct error *err)
{
    size_t n = (size_t)samples;
    struct flipped *flipped = array_create(1, sizeof *flipped);
    int64_t *labels = array_create(n, sizeof *labels);
    if (!flipped || !labels) {
        free(flipped);
        free(labels);
        return error_memory(err, n * sizeof *labels);
    }
    atomic_init(&flipped->holders, 1);
    flipped->samples = samples;
    flipped->labels = right != NULL;
    for (size_t i = 0; i < n; i++) {
        bool answered = before[i].predicted >= 0 && after[i].predicted >= 0;
        flipped->answered += answered;
        labels[i] = !answered ? -1 : right ? right[i] : before[i].predicted;
    }
    int code =
        disagreement_init(&flipped->found, before, after, labels, samples, err);
    free(labels);
    if (code < 0) {
        free(flipped);
        return -1;
    }
    *out = flipped;
    return 0;
}

const struct flipped *flipped_retain(const struct flipped *flipped)
{
    atomic_fetch_add_explicit(&writable(flipped)->holders, 1,
                              memory_order_relaxed);
    return flipped;
}

void flipped_drop(const struct flipped *flipped)
{
    if (!flipped)
        return;
    struct flipped *shared = writable(flipped);
    if (atomic_fetch_sub_explicit(&shared->holders, 1, memory_order_acq_rel) !=
        1)
        return;
    disagreement_release(&shared->found);
    free(shared);
}

/* --- asking; any thread --- */

/* Locked. The variant's answers, when no job has them in hand. */
static const struct trial *trial_of(struct engine *engine, uint64_t hash)
{
    const struct store_entry *entry = store_find(&engine->store, hash);
    return entry ? entry->trial : NULL;
}

bool engine_flipped_due(struct engine *engine)
{
    const struct variant *wanted = engine->flipped_wanted;
    const struct trial *trial = wanted ? trial_of(engine, wanted->hash) : NULL;
    const struct flipped *known = engine->flipped;
    return trial && trial->batches_done > 0 &&
           (!known || known->hash != wanted->hash ||
            trial->batches_done > engine->flipped_batches);
}

void engine_flipped_forget(struct engine *engine)
{
    if (engine->flipped_wanted)
        variant_drop(engine->flipped_wanted);
    engine->flipped_wanted = NULL;
}

/* Locked. Known figures whose answers are gone: they are found again. */
static void evaluate_again(struct engine *engine, const struct variant *variant)
{
    struct store_entry *entry = store_find(&engine->store, variant->hash);
    bool shown = engine->report && engine->report->hash == variant->hash;
    if (!entry || !entry->exact || entry->trial || engine->wanted.variant ||
        engine->running || !shown)
        return;
    entry->exact = false;
    engine->wanted =
        (struct job){.variant = variant_retain(variant), .focus = -1};
}

const struct flipped *engine_flipped(struct engine *engine,
                                     const struct variant *variant)
{
    const struct flipped *known = NULL;
    if (engine_is_dense(engine, variant) || !engine->setup.eval_graph)
        return NULL;
    pthread_mutex_lock(&engine->mutex);
    if (engine->flipped && engine->flipped->hash == variant->hash)
        known = flipped_retain(engine->flipped);
    if (!known || known->answered < known->samples) {
        engine_flipped_forget(engine);
        engine->flipped_wanted = variant_retain(variant);
        if (!known)
            evaluate_again(engine, variant);
        engine_call(engine);
    }
    pthread_mutex_unlock(&engine->mutex);
    return known;
}

/* --- finding; the engine thread --- */

/* Both sides' answers with the data's labels, where it has some. */
static int compare(struct flipped **out, const struct engine *engine,
                   const struct trial *trial, struct error *err)
{
    const struct setup *setup = &engine->setup;
    const struct dataset *dataset = session_dataset(setup->session);
    int64_t *right = NULL;
    if (!setup->labels) {
        right = array_create((size_t)setup->samples, sizeof *right);
        if (!right)
            return error_memory(err, (size_t)setup->samples * sizeof *right);
        for (int64_t i = 0; i < setup->samples; i++)
            right[i] = dataset_label(dataset, i);
    }
    int code = flipped_create(out, engine->base->outcomes, trial->outcomes,
                              right, setup->samples, err);
    free(right);
    return code;
}

void engine_find_flipped(struct engine *engine)
{
    const struct variant *wanted = NULL;
    const struct trial *trial = NULL;
    pthread_mutex_lock(&engine->mutex);
    if (engine_flipped_due(engine)) {
        wanted = variant_retain(engine->flipped_wanted);
        trial = trial_of(engine, wanted->hash);
    }
    pthread_mutex_unlock(&engine->mutex);
    if (!trial)
        return;
    struct flipped *found = NULL;
    struct error err;
    int code = compare(&found, engine, trial, &err);
    pthread_mutex_lock(&engine->mutex);
    if (code == 0) {
        found->hash = wanted->hash;
        flipped_drop(engine->flipped);
        engine->flipped = found;
        engine->flipped_batches = trial->batches_done;
        engine_wake(engine);
    }
    if (engine->flipped_wanted && engine->flipped_wanted->hash == wanted->hash)
        engine_flipped_forget(engine);
    pthread_mutex_unlock(&engine->mutex);
    variant_drop(wanted);
}

static bool take_flipped(struct engine *engine, struct job *job)
{
    if (!engine_flipped_due(engine))
        return false;
    job->variant = variant_retain(engine->flipped_wanted);
    return true;
}

static void run_flipped(struct engine *engine, struct job *job)
{
    (void)job;
    engine_find_flipped(engine);
}

static void requeue_flipped(struct engine *engine, struct job *job)
{
    (void)engine;
    (void)job;
}

const struct job_kind job_flipped = {"flipped", take_flipped, run_flipped,
                                     requeue_flipped};

/*
 * The change from the seeded order to that of the strata. Batches hold other
 * samples afterwards: cached activations are dropped, unfinished trials count
 * anew what they have. Without memory the old order goes on; figures are then
 * paired counts.
 */
#include "engine/state.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

/* Fewer batches are not worth an order. */
enum { LEAST_BATCHES = 8 };

/* The right answers by sample id; NULL without memory. */
static int64_t *labels_of(const struct setup *setup)
{
    const struct dataset *dataset = session_dataset(setup->session);
    int64_t *labels = array_create((size_t)setup->samples, sizeof *labels);
    for (int64_t i = 0; labels && i < setup->samples; i++)
        labels[i] =
            setup->labels ? setup->labels[i] : dataset_label(dataset, i);
    return labels;
}

/* Locked: others read trials of the store. */
static void reorder_trials(struct engine *engine)
{
    trial_reorder(engine->base, &engine->setup);
    for (size_t i = 0; i < engine->store.count; i++) {
        struct trial *trial = engine->store.entries[i]->trial;
        if (trial)
            trial_reorder(trial, &engine->setup);
    }
}

void engine_stratify(struct engine *engine)
{
    struct setup *setup = &engine->setup;
    if (engine->strata || !trial_complete(engine->base) ||
        setup->batches < LEAST_BATCHES)
        return;
    int64_t *labels = labels_of(setup);
    struct strata *strata = NULL;
    struct prefix *prefix = NULL;
    if (!labels ||
        strata_create(&strata, engine->base->outcomes, labels, setup->samples,
                      setup->batch, session_options(setup->session)->seed,
                      NULL) < 0 ||
        prefix_create(&prefix, setup->options.memory_bytes, setup->batches,
                      NULL) < 0) {
        strata_destroy(strata);
        free(labels);
        return;
    }
    free(labels);
    prefix_destroy(engine->prefix);
    engine->prefix = prefix;
    engine->strata = strata;
    pthread_mutex_lock(&engine->mutex);
    memcpy(setup->order, strata->order,
           (size_t)setup->samples * sizeof *setup->order);
    reorder_trials(engine);
    trial_base_figures(setup, engine->base, &engine->baseline);
    engine->baseline_exact = true;
    pthread_mutex_unlock(&engine->mutex);
}

/*
 * The change from the seeded order to that of the strata. Batches hold other
 * samples afterwards: cached activations are dropped, unfinished trials count
 * anew what they have. Without memory the old order goes on; figures are then
 * paired counts.
 */
#include "engine/state.h"

#include <string.h>

/* Fewer batches are not worth an order. */
enum { LEAST_BATCHES = 8 };

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
    struct strata *strata = NULL;
    struct prefix *prefix = NULL;
    if (setup_strata(setup, &strata, engine->base->outcomes, NULL) < 0 ||
        prefix_create(&prefix, setup->options.memory_bytes, setup->batches,
                      NULL) < 0) {
        strata_destroy(strata);
        return;
    }
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

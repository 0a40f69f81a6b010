#include "engine/robustness_known.h"

#include "base/array.h"
#include "engine/state.h"

#include <stdlib.h>
#include <string.h>

/* Counting is the one thing a holder of a const one may change. */
static struct robustness_known *writable(const struct robustness_known *known)
{
    struct robustness_known *out;
    memcpy(&out, &known, sizeof out);
    return out;
}

void robustness_known_drop(const struct robustness_known *known)
{
    struct robustness_known *own = writable(known);
    if (!own || atomic_fetch_sub(&own->holders, 1) > 1)
        return;
    robustness_release(&own->found);
    free(own);
}

const struct robustness_known *engine_robustness_known(struct engine *engine,
                                                       uint64_t hash)
{
    const struct robustness_known *known = NULL;
    pthread_mutex_lock(&engine->mutex);
    size_t count = engine->robustness_count;
    if (count)
        known = engine->robustness[count - 1];
    for (size_t i = 0; i < count; i++)
        if (engine->robustness[i]->hash == hash)
            known = engine->robustness[i];
    if (known)
        atomic_fetch_add(&writable(known)->holders, 1);
    pthread_mutex_unlock(&engine->mutex);
    return known;
}

/* Locked. The newest is last. */
static void put(struct engine *engine, const struct robustness_known *next)
{
    size_t kept = 0;
    for (size_t i = 0; i < engine->robustness_count; i++) {
        if (engine->robustness[i]->hash == next->hash)
            robustness_known_drop(engine->robustness[i]);
        else
            engine->robustness[kept++] = engine->robustness[i];
    }
    engine->robustness[kept++] = next;
    engine->robustness_count = kept;
}

int engine_robustness_publish(struct engine *engine,
                              const struct robustness_known *known,
                              struct error *err)
{
    struct robustness_known *next = array_create(1, sizeof *next);
    if (!next)
        return error_memory(err, sizeof *next);
    next->hash = known->hash;
    next->variant = known->variant;
    next->samples = known->samples;
    next->planned = known->planned;
    atomic_init(&next->holders, 1);
    if (robustness_copy(&next->found, &known->found, err) < 0) {
        free(next);
        return -1;
    }
    pthread_mutex_lock(&engine->mutex);
    int code = array_reserve(&engine->robustness, &engine->robustness_capacity,
                             engine->robustness_count + 1,
                             sizeof(const struct robustness_known *));
    if (code == 0)
        put(engine, next);
    engine_wake(engine);
    pthread_mutex_unlock(&engine->mutex);
    if (code < 0) {
        robustness_known_drop(next);
        return error_memory(err, sizeof *next);
    }
    return 0;
}

void engine_robustness_release(struct engine *engine)
{
    for (size_t i = 0; i < engine->robustness_count; i++)
        robustness_known_drop(engine->robustness[i]);
    free(engine->robustness);
    engine->robustness = NULL;
    engine->robustness_count = engine->robustness_capacity = 0;
    robustness_cache_release(&engine->robustness_cache);
}

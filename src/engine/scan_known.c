#include "engine/scan_known.h"

#include "base/array.h"
#include "engine/scan.h"
#include "engine/state.h"

#include <stdlib.h>
#include <string.h>

/* Counting is the one thing a holder of a const snapshot may change. */
static struct scan_snapshot *writable(const struct scan_snapshot *snapshot)
{
    struct scan_snapshot *out;
    memcpy(&out, &snapshot, sizeof out);
    return out;
}

const struct scan_snapshot *engine_scan_known(struct engine *engine)
{
    pthread_mutex_lock(&engine->mutex);
    const struct scan_snapshot *known = engine->scan;
    if (known)
        atomic_fetch_add(&writable(known)->holders, 1);
    pthread_mutex_unlock(&engine->mutex);
    return known;
}

void scan_snapshot_drop(const struct scan_snapshot *snapshot)
{
    struct scan_snapshot *own = writable(snapshot);
    if (!own || atomic_fetch_sub(&own->holders, 1) > 1)
        return;
    sensitivity_release(&own->table);
    free(own);
}

int engine_scan_publish(struct engine *engine, const struct sensitivity *table,
                        struct error *err)
{
    struct scan_snapshot *next = array_create(1, sizeof *next);
    if (!next)
        return error_memory(err, sizeof *next);
    if (sensitivity_copy(&next->table, table, err) < 0) {
        free(next);
        return -1;
    }
    sensitivity_sort(&next->table);
    atomic_init(&next->holders, 1);
    pthread_mutex_lock(&engine->mutex);
    const struct scan_snapshot *old = engine->scan;
    next->version = old ? old->version + 1 : 1;
    engine->scan = next;
    engine_wake(engine);
    pthread_mutex_unlock(&engine->mutex);
    scan_snapshot_drop(old);
    return 0;
}

/* --- the job that reads --- */

void engine_scan_read(struct engine *engine)
{
    pthread_mutex_lock(&engine->mutex);
    engine->scan_wanted = engine->setup.eval_graph != NULL;
    engine_call(engine);
    pthread_mutex_unlock(&engine->mutex);
}

static bool take(struct engine *engine, struct job *job)
{
    if (!engine->scan_wanted)
        return false;
    engine->scan_wanted = false;
    job->variant = variant_retain(engine->dense);
    return true;
}

/* A file that cannot be read is as good as none: the next scan says why. */
static void run(struct engine *engine, struct job *job)
{
    struct sensitivity table = {0};
    (void)job;
    if (scan_known(&table, &engine->setup, NULL) == 0 && table.count)
        engine_scan_publish(engine, &table, NULL);
    sensitivity_release(&table);
}

static void requeue(struct engine *engine, struct job *job)
{
    (void)engine;
    (void)job;
}

const struct job_kind job_scan = {"scan", take, run, requeue};

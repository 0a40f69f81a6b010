/*
 * What samples say about a model, collected when it is first asked for and
 * kept: one store for a process, whose sessions ask it through their worker.
 */
#ifndef ENGINE_CALIBRATION_H
#define ENGINE_CALIBRATION_H

#include "base/cancel.h"
#include "engine/pool.h"
#include "prune/calibration.h"
#include "session/session.h"

struct calibration_store;

/* What happens while figures are collected; all of it may be NULL. */
struct calibration_watch {
    /* On the collecting thread; -1 ends it. */
    int (*progress)(void *context, const char *stage, int64_t done,
                    int64_t total, struct error *err);
    const struct cancel *cancel;
    /* Who waits for the collecting thread, asked as it begins. Lending, that
     * thread may ask for other figures. */
    struct pool_lender (*lender)(void *context);
    /* An edit wants figures that are not there and does not wait: somebody is
     * to collect them soon. Called on the editing thread. */
    void (*ask)(void *context, const struct weights *weights,
                enum calibration_part part);
    void *context;
};

/* workers  threads that collect; 0: one per processor */
int calibration_store_create(struct calibration_store **out, int workers,
                             struct error *err);
void calibration_store_destroy(struct calibration_store *store);

/* With `ask` the calling thread edits: from now on it never waits for figures,
 * but fails with ERROR_CANCELLED after asking for them. NULL: nobody watches.
 * No figures may be under way. */
void calibration_store_watch(struct calibration_store *store,
                             const struct calibration_watch *watch);

/*
 * The face `calibrate` of a session's worker, with the store for its context.
 * Collects on the first call for these weights and part: from 256 to 2048
 * samples of the training data in the session's order, as many as fit into 1
 * GiB. Any thread; one collects at a time.
 */
int calibration_store_get(struct calibration_store *store,
                          const struct session *session,
                          const struct weights *weights,
                          enum calibration_part part,
                          const struct calibration **out, struct error *err);

#endif

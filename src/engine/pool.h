/* Workers that pull numbered pieces of one task; owned by whoever waits. */
#ifndef ENGINE_POOL_H
#define ENGINE_POOL_H

#include "base/cancel.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct pool;

struct pool_task {
    int64_t count; /* pieces 0 … count - 1, pulled in this order */
    /* Runs on a worker (0 … workers - 1). The first failure ends the task;
     * pieces already pulled are finished. */
    int (*run)(void *context, int worker, int64_t piece, struct error *err);
    void *context; /* borrowed until the task has ended */
};

/* Starts `workers` threads; low: of a lower priority than the caller's. */
int pool_create(struct pool **out, int workers, bool low, struct error *err);
/* Ends the running task after the pieces in hand, joins. */
void pool_destroy(struct pool *pool);
int pool_workers(const struct pool *pool);

/* Begins a task; the one before must have ended. One owner thread. */
void pool_start(struct pool *pool, const struct pool_task *task);

/*
 * Waits until the task has ended, or `timeout_ms` have passed, or, with
 * `first`, until one piece is done. Returns whether the task has ended.
 */
bool pool_wait(struct pool *pool, bool first, int timeout_ms);

/* 0, or -1 with the error of the first piece that failed. After the end. */
int pool_result(struct pool *pool, struct error *err);

/* start, wait and result in one. */
int pool_run(struct pool *pool, const struct pool_task *task,
             struct error *err);

/* Who else wants the pool's processors in the middle of a task. */
struct pool_lender {
    const struct cancel *awaited; /* raised: they wait; NULL: nobody ever */
    /* Lets them go first; resets the flag. Its error ends the task. */
    int (*lend)(void *owner, struct error *err);
    void *owner;
};
/* As pool_run; while somebody waits no piece begins, and `lend` is called on
 * the owner's thread once the pool rests. The other pieces follow. */
int pool_run_lending(struct pool *pool, const struct pool_task *task,
                     const struct pool_lender *lender, struct error *err);

/* pool_run for pieces that do not ask who runs them, in the form of
 * train_workers. owner: a struct pool */
int pool_run_pieces(void *owner, int64_t count,
                    int (*piece)(void *context, int64_t index,
                                 struct error *err),
                    void *context, struct error *err);

#endif

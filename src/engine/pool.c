/*
 * One mutex guards the task: a worker takes the next number under it and
 * works outside. A task has ended when no number is left and no worker is
 * inside a piece, so what pieces wrote is visible to whoever saw the end.
 */
#include "engine/pool.h"

#include "base/array.h"
#include "base/thread.h"
#include "engine/wait.h"

#include <stdlib.h>
#include <pthread.h>

struct seat {
    struct pool *pool;
    int index;
    struct thread thread;
};

struct pool {
    pthread_mutex_t mutex;
    pthread_cond_t work, progress;
    struct seat *seats;
    int workers;
    struct pool_task task;
    int64_t next, done;
    int inside; /* workers that hold a piece */
    bool ending, failed;
    struct error error;
};

static bool task_ended(const struct pool *pool)
{
    return pool->next >= pool->task.count && !pool->inside;
}

static void finish_piece(struct pool *pool, int code, const struct error *err)
{
    pool->inside--;
    if (code == 0) {
        pool->done++;
    } else {
        if (!pool->failed)
            pool->error = *err;
        pool->failed = true;
        pool->next = pool->task.count;
    }
    if (pool->done == 1 || task_ended(pool))
        pthread_cond_signal(&pool->progress);
}

static void *work(void *argument)
{
    struct seat *seat = argument;
    struct pool *pool = seat->pool;
    pthread_mutex_lock(&pool->mutex);
    while (!pool->ending) {
        if (pool->next >= pool->task.count) {
            pthread_cond_wait(&pool->work, &pool->mutex);
            continue;
        }
        int64_t piece = pool->next++;
        struct pool_task task = pool->task;
        pool->inside++;
        pthread_mutex_unlock(&pool->mutex);
        struct error err = {0};
        int code = task.run(task.context, seat->index, piece, &err);
        pthread_mutex_lock(&pool->mutex);
        finish_piece(pool, code, &err);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

int pool_create(struct pool **out, int workers, bool low, struct error *err)
{
    struct pool *pool = array_create(1, sizeof *pool);
    if (!pool)
        return error_memory(err, sizeof *pool);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->work, NULL);
    wait_condition_init(&pool->progress);
    pool->workers = workers;
    pool->seats = array_create((size_t)workers, sizeof *pool->seats);
    int code = pool->seats ? 0 : error_memory(err, sizeof *pool->seats);
    for (int i = 0; i < workers && !code; i++) {
        pool->seats[i].pool = pool;
        pool->seats[i].index = i;
        code = thread_start(&pool->seats[i].thread, "evaluate", low, work,
                            &pool->seats[i], err);
    }
    if (code < 0) {
        pool_destroy(pool);
        return -1;
    }
    *out = pool;
    return 0;
}

void pool_destroy(struct pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->mutex);
    pool->ending = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
    for (int i = 0; pool->seats && i < pool->workers; i++)
        thread_join(&pool->seats[i].thread);
    pthread_cond_destroy(&pool->progress);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->seats);
    free(pool);
}

int pool_workers(const struct pool *pool)
{
    return pool->workers;
}

void pool_start(struct pool *pool, const struct pool_task *task)
{
    pthread_mutex_lock(&pool->mutex);
    pool->task = *task;
    pool->next = pool->done = 0;
    pool->failed = false;
    pool->error = (struct error){0};
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
}

bool pool_wait(struct pool *pool, bool first, int timeout_ms)
{
    struct timespec until;
    wait_deadline(&until, timeout_ms);
    pthread_mutex_lock(&pool->mutex);
    while (!task_ended(pool) && !(first && pool->done > 0)) {
        if (!wait_until(&pool->progress, &pool->mutex,
                        timeout_ms < 0 ? NULL : &until))
            break;
    }
    bool ended = task_ended(pool);
    pthread_mutex_unlock(&pool->mutex);
    return ended;
}

int pool_result(struct pool *pool, struct error *err)
{
    pthread_mutex_lock(&pool->mutex);
    int code = pool->failed ? -1 : 0;
    if (code < 0 && err)
        *err = pool->error;
    pthread_mutex_unlock(&pool->mutex);
    return code;
}

int pool_run(struct pool *pool, const struct pool_task *task, struct error *err)
{
    pool_start(pool, task);
    while (!pool_wait(pool, false, -1))
        ;
    return pool_result(pool, err);
}

struct lent {
    const struct pool_task *task;
    const struct cancel *awaited;
    bool *begun; /* per piece, written by the worker that pulled it */
};

static int run_unless_awaited(void *context, int worker, int64_t piece,
                              struct error *err)
{
    struct lent *lent = context;
    if (lent->begun[piece] || cancel_raised(lent->awaited))
        return 0;
    lent->begun[piece] = true;
    return lent->task->run(lent->task->context, worker, piece, err);
}

static bool all_begun(const struct lent *lent)
{
    for (int64_t i = 0; i < lent->task->count; i++)
        if (!lent->begun[i])
            return false;
    return true;
}

int pool_run_lending(struct pool *pool, const struct pool_task *task,
                     const struct pool_lender *lender, struct error *err)
{
    if (!lender->awaited)
        return pool_run(pool, task, err);
    struct lent lent = {task, lender->awaited,
                        array_create((size_t)task->count + 1, 1)};
    const struct pool_task whole = {task->count, run_unless_awaited, &lent};
    if (!lent.begun)
        return error_memory(err, (size_t)task->count);
    int code = pool_run(pool, &whole, err);
    while (code == 0 && !all_begun(&lent)) {
        code = lender->lend(lender->owner, err);
        if (code == 0)
            code = pool_run(pool, &whole, err);
    }
    free(lent.begun);
    return code;
}

struct plain_piece {
    int (*run)(void *context, int64_t index, struct error *err);
    void *context;
};

static int run_plain(void *context, int worker, int64_t index,
                     struct error *err)
{
    const struct plain_piece *piece = context;
    (void)worker;
    return piece->run(piece->context, index, err);
}

int pool_run_pieces(void *owner, int64_t count,
                    int (*run)(void *context, int64_t index, struct error *err),
                    void *context, struct error *err)
{
    struct plain_piece piece = {run, context};
    const struct pool_task task = {count, run_plain, &piece};
    return pool_run(owner, &task, err);
}

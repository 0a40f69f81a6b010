#include "engine/keeper.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/file.h"
#include "engine/wait.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void keeper_init(struct keeper *keeper)
{
    *keeper = (struct keeper){0};
    pthread_mutex_init(&keeper->mutex, NULL);
    pthread_cond_init(&keeper->wanted, NULL);
    wait_condition_init(&keeper->settled);
}

/* Locked. */
static void drop_waiting(struct keeper *keeper)
{
    free(keeper->path);
    keeper->path = NULL;
    npz_release(&keeper->waits);
}

/* Locked on entry and return. */
static void write_waiting(struct keeper *keeper)
{
    struct npz npz = keeper->waits;
    struct error err = {0};
    char *path = keeper->path;
    keeper->waits = (struct npz){0};
    keeper->path = NULL;
    keeper->writing = true;
    pthread_mutex_unlock(&keeper->mutex);

    int64_t begin = clock_now_ns();
    int code = npz_write(path, npz.arrays, npz.count, &err);
    int64_t cost = clock_now_ns() - begin;
    npz_release(&npz);

    pthread_mutex_lock(&keeper->mutex);
    if (code < 0 && !keeper->forgotten)
        keeper->failure = err;
    if (keeper->forgotten)
        unlink(path);
    keeper->writing = keeper->forgotten = false;
    keeper->cost_ns = cost;
    free(path);
    pthread_cond_broadcast(&keeper->settled);
    if (keeper->ended)
        keeper->ended(keeper->context);
}

static void *keep(void *argument)
{
    struct keeper *keeper = argument;
    pthread_mutex_lock(&keeper->mutex);
    while (keeper->path || !keeper->ending) {
        if (keeper->path)
            write_waiting(keeper);
        else
            pthread_cond_wait(&keeper->wanted, &keeper->mutex);
    }
    pthread_mutex_unlock(&keeper->mutex);
    return NULL;
}

void keeper_release(struct keeper *keeper)
{
    pthread_mutex_lock(&keeper->mutex);
    keeper->ending = true;
    pthread_cond_signal(&keeper->wanted);
    pthread_mutex_unlock(&keeper->mutex);
    thread_join(&keeper->thread);
    drop_waiting(keeper); /* of a thread that never started */
    pthread_cond_destroy(&keeper->wanted);
    pthread_cond_destroy(&keeper->settled);
    pthread_mutex_destroy(&keeper->mutex);
}

/* Locked. */
static int failure(struct keeper *keeper, struct error *err)
{
    if (!keeper->failure.code)
        return 0;
    *err = keeper->failure;
    keeper->failure = (struct error){0};
    return -1;
}

int keeper_check(struct keeper *keeper, struct error *err)
{
    pthread_mutex_lock(&keeper->mutex);
    int code = failure(keeper, err);
    pthread_mutex_unlock(&keeper->mutex);
    return code;
}

void keeper_fail(struct keeper *keeper, const struct error *err)
{
    pthread_mutex_lock(&keeper->mutex);
    keeper->failure = *err;
    pthread_mutex_unlock(&keeper->mutex);
}

int keeper_put(struct keeper *keeper, const char *path, struct npz *npz,
               struct error *err)
{
    char *copy = string_copy(path);
    pthread_mutex_lock(&keeper->mutex);
    int code = copy ? failure(keeper, err) : error_memory(err, strlen(path));
    if (code == 0 && !keeper->thread.running)
        code = thread_start(&keeper->thread, "keeper", true, keep, keeper, err);
    if (code == 0) {
        drop_waiting(keeper);
        keeper->path = copy;
        keeper->waits = *npz;
        *npz = (struct npz){0};
        pthread_cond_signal(&keeper->wanted);
    }
    pthread_mutex_unlock(&keeper->mutex);
    if (code < 0)
        free(copy);
    npz_release(npz);
    return code;
}

int64_t keeper_cost_ns(struct keeper *keeper)
{
    pthread_mutex_lock(&keeper->mutex);
    int64_t cost =
        keeper->path || keeper->writing ? INT64_C(-1) : keeper->cost_ns;
    pthread_mutex_unlock(&keeper->mutex);
    return cost;
}

bool keeper_wait(struct keeper *keeper, int timeout_ms)
{
    struct timespec until;
    bool in_time = true;
    wait_deadline(&until, timeout_ms);
    pthread_mutex_lock(&keeper->mutex);
    while ((keeper->path || keeper->writing) && in_time)
        in_time = wait_until(&keeper->settled, &keeper->mutex, &until);
    bool settled = !keeper->path && !keeper->writing;
    pthread_mutex_unlock(&keeper->mutex);
    return settled;
}

void keeper_forget(struct keeper *keeper, const char *path)
{
    pthread_mutex_lock(&keeper->mutex);
    drop_waiting(keeper);
    keeper->forgotten = keeper->writing;
    keeper->failure = (struct error){0};
    unlink(path);
    pthread_mutex_unlock(&keeper->mutex);
}

bool keeper_holds(struct keeper *keeper, const char *path)
{
    pthread_mutex_lock(&keeper->mutex);
    bool comes = keeper->path || (keeper->writing && !keeper->forgotten);
    pthread_mutex_unlock(&keeper->mutex);
    return comes || file_exists(path);
}

/*
 * Keeps what long work has done so far: a copy is handed over and written by a
 * thread of its own, so that nobody waits for compression and disk. One write
 * at a time; of copies that wait the newest is written. Any thread.
 */
#ifndef ENGINE_KEEPER_H
#define ENGINE_KEEPER_H

#include "base/thread.h"
#include "dataset/npz.h"

struct keeper {
    pthread_mutex_t mutex;
    pthread_cond_t wanted, settled;
    struct thread thread; /* started with the first copy */
    /* Guarded by the mutex. */
    char *path;       /* of what waits; NULL: nothing does */
    struct npz waits; /* what is to be written next */
    bool writing, ending;
    bool forgotten;  /* what is being written goes at once */
    int64_t cost_ns; /* of the last write */
    struct error failure;
    /* After every write, on the keeper's thread; NULL: nobody. */
    void (*ended)(void *context);
    void *context;
};

void keeper_init(struct keeper *keeper);
/* Writes what waits first. */
void keeper_release(struct keeper *keeper);

/*
 * Has `npz` written to `path`, atomically, in place of a copy that waits.
 * npz  taken over in any case
 *
 * Errors: ERROR_MEMORY; that of a write before this one.
 */
int keeper_put(struct keeper *keeper, const char *path, struct npz *npz,
               struct error *err);
/* 0, or -1 with the error of a write that failed since it was asked. */
int keeper_check(struct keeper *keeper, struct error *err);
/* How long the last write took; -1: one is under way. */
int64_t keeper_cost_ns(struct keeper *keeper);
/* Waits for the end of all writes, at most so long; whether they ended. */
bool keeper_wait(struct keeper *keeper, int timeout_ms);
/* Notes what else kept a copy from being written, for keeper_check. */
void keeper_fail(struct keeper *keeper, const struct error *err);
/* Removes the file, what is still on its way to it, and any failure. */
void keeper_forget(struct keeper *keeper, const char *path);
/* Whether the file is there, or will be. */
bool keeper_holds(struct keeper *keeper, const char *path);

#endif

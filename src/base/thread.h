/* Threads, mutexes and conditions; the only file that sees pthread. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include "base/error.h"

#include <stdbool.h>
#include <pthread.h>

struct thread {
    pthread_t handle;
    bool running;
};

/*
 * Starts a thread with every signal blocked (signals belong to the ui).
 *
 * name      at most 15 characters, shown by ps and top; borrowed
 * low       ask for batch scheduling at a lower priority than the ui
 *
 * Returns 0, or -1 with ERROR_MEMORY.
 */
int thread_start(struct thread *thread, const char *name, bool low,
                 void *(*body)(void *), void *argument, struct error *err);

/* Waits for the thread's end; nothing happens when it never started. */
void thread_join(struct thread *thread);

#endif

#define _GNU_SOURCE
#include "base/thread.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

struct start {
    void *(*body)(void *);
    void *argument;
    bool low;
};

static void *enter(void *argument)
{
    struct start start = *(struct start *)argument;
    free(argument);
    if (start.low) {
        struct sched_param none = {0};
        pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
        /* On Linux the nice value belongs to the thread. */
        setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 10);
    }
    return start.body(start.argument);
}

int thread_start(struct thread *thread, const char *name, bool low,
                 void *(*body)(void *), void *argument, struct error *err)
{
    struct start *start = malloc(sizeof *start);
    if (!start)
        return error_memory(err, sizeof *start);
    *start = (struct start){body, argument, low};
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int code = pthread_create(&thread->handle, NULL, enter, start);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (code) {
        free(start);
        return error_set(err, ERROR_MEMORY, "cannot start thread '%s': %s",
                         name, strerror(code));
    }
    thread->running = true;
    pthread_setname_np(thread->handle, name);
    return 0;
}

void thread_join(struct thread *thread)
{
    if (thread->running)
        pthread_join(thread->handle, NULL);
    thread->running = false;
}

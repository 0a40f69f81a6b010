/* Conditions that wait on the monotonic clock. */
#ifndef ENGINE_WAIT_H
#define ENGINE_WAIT_H

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

void wait_condition_init(pthread_cond_t *condition);

/* The moment `timeout_ms` from now (negative: now). */
void wait_deadline(struct timespec *until, int timeout_ms);

/* One wait, until signalled or `until` (NULL: for ever). False: too late. */
bool wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex,
                const struct timespec *until);

#endif

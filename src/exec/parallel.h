/* Work on several threads: those that oneDNN's kernels use as well. */
#ifndef EXEC_PARALLEL_H
#define EXEC_PARALLEL_H

/* Calls body(argument, thread) for each of `threads` threads at once. */
void threads_run(int threads, void (*body)(void *argument, int thread),
                 void *argument);

/*
 * Returns once `threads` threads answer as if each had a processor of its own,
 * or after some 20 ms. Threads that slept are woken where the caller runs and
 * share its processor until the system moves one: what is timed meanwhile
 * says that one thread is better.
 */
void threads_settle(int threads);

#endif

/* Work on several threads: those that oneDNN's kernels use as well. */
#ifndef EXEC_PARALLEL_H
#define EXEC_PARALLEL_H

/* Calls body(argument, thread) for each of `threads` threads at once. */
void threads_run(int threads, void (*body)(void *argument, int thread),
                 void *argument);

#endif

/*
 * Measures a device: a fixed list of problems, such as networks are made of,
 * each with every kernel that serves it, at several densities and structures
 * of zeros, on one thread. Needs kernels alone, no model and no graph.
 */
#ifndef MEASURE_SURVEY_H
#define MEASURE_SURVEY_H

#include "base/cancel.h"
#include "base/cpu.h"
#include "base/error.h"
#include "kernel/workload.h"

struct survey {
    struct timed_workload *points; /* owned */
    size_t count, capacity;
    double bytes_per_s; /* a large copy: read and written */
};
void survey_release(struct survey *survey);

struct survey_options {
    enum cpu_isa isa;
    /* Median nanoseconds of a dense kernel of a library; INFINITY: it does
     * not serve. NULL: our own kernels alone. */
    double (*dense)(void *context, const struct kernel_spec *spec);
    void (*progress)(void *context, size_t done, size_t total,
                     const char *what); /* may be NULL */
    void *context;
    const struct cancel *cancel; /* may be NULL */
    bool brief;                  /* a few small problems, for tests */
};

/* Errors: ERROR_MEMORY, ERROR_CANCELLED. */
int survey_run(struct survey *survey, const struct survey_options *options,
               struct error *err);

/* --- for ways of computing in other files --- */

/* Zeroed memory for vector kernels (which read 64 bytes beyond); free. */
void *survey_memory(size_t bytes);

/* Median of some runs: two to warm up, then until both five runs and two
 * milliseconds are over, or a tenth of a second. */
double survey_time(void (*run)(void *argument), void *argument);

/* oneDNN's kernel in the layouts that it prefers; context: none. */
double survey_onednn(void *context, const struct kernel_spec *spec);

#endif

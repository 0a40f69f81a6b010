/* Latency of a model and of each of its steps, in the caller's thread. */
#ifndef ENGINE_BENCH_H
#define ENGINE_BENCH_H

#include "engine/engine.h"

#include "base/cancel.h"
#include "measure/noise.h"

/* One step of the plan. */
struct bench_step {
    char *name; /* the layer's where it has a weight, else the node's */
    char *op;
    char *kernel;
    int layer;       /* row index in the layer table, -1: none */
    bool sparse;     /* one of our sparse kernels */
    double ms;       /* median */
    double sparsity; /* of the layer's weight, 0…1 */
};

struct bench {
    int64_t batch; /* of one run: what was asked, or what the model fixes */
    int threads;
    struct stats_summary latency_ms;
    int64_t runs;
    struct noise noise;                /* of the machine meanwhile */
    int64_t arena_bytes, packed_bytes; /* of the plan */
    struct bench_step *steps;
    size_t count;
};

/*
 * Measures `variant` by the bench protocol (latency.h).
 *
 * options  latency_batch, latency_threads and kernels count
 * bench    written, owned by the caller (bench_release)
 *
 * Errors: ERROR_CANCELLED, ERROR_USAGE (kernels), ERROR_UNSUPPORTED.
 */
int engine_bench(struct bench *bench, const struct session *session,
                 const struct variant *variant,
                 const struct engine_options *options,
                 const struct cancel *cancel, struct error *err);
void bench_release(struct bench *bench);

/* The version of the library behind the dense kernels, "2.6.3". */
void engine_library_version(char *text, size_t bytes);

#endif

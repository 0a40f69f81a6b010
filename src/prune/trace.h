/*
 * Two models side by side, node by node, on the same samples: the dense one
 * and one whose constants change on the way. What both computed lies in
 * memory from the node that makes it to the last that reads it, for all
 * samples, so that a layer can be refitted on the inputs that the layers
 * before it, already changed, really give.
 */
#ifndef PRUNE_TRACE_H
#define PRUNE_TRACE_H

#include "base/cancel.h"
#include "base/parallel.h"
#include "base/cpu.h"
#include "graph/graph.h"

enum trace_side { TRACE_DENSE, TRACE_CHANGED, TRACE_SIDES };

struct trace_value {
    void *bytes[TRACE_SIDES]; /* (batches * elements); changed NULL: equal */
    int readers;              /* nodes still to come that read it */
};

struct trace {
    const struct graph *dense; /* instances, retained */
    struct graph *changed;
    int64_t batches;
    struct trace_value *values; /* per value id */
    struct parallel parallel;
    const struct cancel *cancel; /* may be NULL */
    enum cpu_isa isa;
    bool single; /* only the dense side exists */
};

/* Where samples come from. */
struct trace_source {
    int64_t batches;
    /* Writes batch b of graph input `input`; called by any worker. */
    int (*fill)(void *context, size_t input, int64_t b, void *out,
                struct error *err);
    void *context;
};

/*
 * instance  the dense model, retained; batches are of its batch
 * changed   an instance with other constants to begin with, or NULL
 * single    run the dense side only
 *
 * Errors: ERROR_MEMORY, those of the source.
 */
int trace_init(struct trace *trace, const struct graph *instance,
               const struct graph *changed, const struct trace_source *source,
               const struct parallel *parallel, const struct cancel *cancel,
               bool single, struct error *err);
void trace_release(struct trace *trace);

/* Replaces constants of the changed side, for nodes still to come. */
int trace_change(struct trace *trace, size_t count, const int *ids,
                 const struct tensor *tensors, struct error *err);

/* Whether a node computes something else on the changed side. */
bool trace_differs(const struct trace *trace, int node);

/* Computes a node's outputs on one side; nodes come in ascending order. The
 * last one may be computed again, after its constants have changed. */
int trace_run(struct trace *trace, int node, enum trace_side side,
              struct error *err);

/* Frees what only nodes up to this one read. */
void trace_pass(struct trace *trace, int node);

/* A value's bytes on one side; NULL when it is not there (yet). */
const void *trace_bytes(const struct trace *trace, int value,
                        enum trace_side side);

#endif

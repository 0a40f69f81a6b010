/* Batch norms behind layers: what they scale, and measuring them again. */
#ifndef PRUNE_BATCH_NORM_H
#define PRUNE_BATCH_NORM_H

#include "prune/trace.h"

/* The batch norm that alone reads a value; node GRAPH_NONE: none. */
struct batch_norm {
    int node;
    float *scale; /* per channel: gamma / deviation; NULL without a node */
};

int batch_norm_behind(struct batch_norm *norm, const struct graph *instance,
                      int value, struct error *err);
void batch_norm_release(struct batch_norm *norm);

/* Whether a node is a batch norm with constant statistics. */
bool batch_norm_is(const struct graph *instance, int node);

/* Per channel of a value (n, channels, ...), over samples and places. */
struct channel_statistics {
    int64_t channels;
    struct {
        double mean, variance; /* of the population */
    } * sides;                 /* (channels, TRACE_SIDES) */
};

/* Both sides have been computed. Released by the caller. */
int channel_statistics_measure(struct channel_statistics *statistics,
                               const struct trace *trace, int value,
                               struct error *err);
void channel_statistics_release(struct channel_statistics *statistics);

/*
 * Mean and variance (channels) float32 that make the changed side's output
 * have the mean and deviation of the dense side's over the samples; the
 * caller's to release. Both sides' inputs have been computed.
 */
int batch_norm_measure(struct tensor *mean, struct tensor *variance,
                       const struct trace *trace, int node, struct error *err);

#endif

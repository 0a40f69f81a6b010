/*
 * What samples say about the layers of a model: the figures that criteria with
 * data rank by. Collected once for a set of weights, immutable and counted.
 */
#ifndef PRUNE_CALIBRATION_H
#define PRUNE_CALIBRATION_H

#include "prune/trace.h"
#include "prune/weights.h"

struct evidence_set;

/* Of one layer; what does not belong to the part is NULL. */
struct layer_calibration {
    char reason[96]; /* why there is nothing, "": there is */
    /* CALIBRATION_INPUTS: (groups, columns) root mean square of the inputs */
    float *norm;
    /* CALIBRATION_OUTPUTS: (rows) behind batch norm, sum and activation: share
     * of values above 0, mean of |value| */
    float *active, *mean;
    /* CALIBRATION_GRADIENTS: (weights), over batches: mean of (g w)^2, |mean of
     * g w| */
    float *taylor, *snip;
    /* CALIBRATION_FISHER: (weights), over single samples: mean of g^2 */
    float *fisher;
    /* CALIBRATION_ORDER: (weights) share of the layer's output that is lost
     * when the weight falls, in the order in which they fall */
    float *cost;
};

struct calibration {
    atomic_int holders;
    enum calibration_part part;
    size_t layer_count;
    struct layer_calibration *layers;
};

const struct calibration *calibration_retain(const struct calibration *c);
void calibration_drop(const struct calibration *c); /* NULL is fine */

/* All borrowed. */
struct calibration_request {
    const struct graph *instance; /* with the weights to judge */
    const struct layer_table *layers;
    struct trace_source source;
    struct parallel parallel;
    const struct cancel *cancel; /* may be NULL */
    /* Told before each layer, from the calling thread; -1 ends the work. May
     * be NULL. */
    int (*progress)(void *context, const char *layer, int done, int total,
                    struct error *err);
    void *progress_context;
};

/*
 * Collects a part that needs no gradients: one run of the model over the
 * samples. out has one holder (calibration_drop).
 * Errors: ERROR_MEMORY, ERROR_CANCELLED, those of the source.
 */
int calibration_collect(const struct calibration **out,
                        enum calibration_part part,
                        const struct calibration_request *request,
                        struct error *err);

/* CALIBRATION_GRADIENTS from what train/evidence.h has collected in batches,
 * CALIBRATION_FISHER from what it has collected sample by sample. */
int calibration_of_gradients(const struct calibration **out,
                             enum calibration_part part,
                             const struct layer_table *layers,
                             const struct evidence_set *set, struct error *err);

/* Who gives parts when they are asked for; any thread. */
struct calibrator {
    /* weights NULL: the model's own. out has one holder. */
    int (*get)(void *context, const struct weights *weights,
               enum calibration_part part, const struct calibration **out,
               struct error *err);
    void *context;
};

#endif

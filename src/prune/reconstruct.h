/*
 * Weights that make up for what was removed: layer after layer, each fitted
 * by least squares to what the dense model gives there, on the inputs that
 * the layers before it, already pruned, really send. Batch norms behind them
 * are measured again.
 */
#ifndef PRUNE_RECONSTRUCT_H
#define PRUNE_RECONSTRUCT_H

#include "prune/apply.h"
#include "prune/fit.h"
#include "prune/removal.h"
#include "prune/trace.h"

/* How the weights to remove are chosen; one row each
 * (reconstruct_methods.c). */
struct reconstruct_method {
    const char *name, *help;
    /* Only statistics are measured again: no layer is fitted, those with a
     * bias and no batch norm behind give the dense model's mean and deviation
     * per channel by scaling their rows and shifting the bias. */
    bool statistics;
    bool traces; /* chooses single weights by the order of ExactOBS */
    /* Chooses the mask anew by the data; NULL: keeps the given one. weight
     * and error are written (error -1: not) where the choice comes with
     * weights of its own. */
    int (*choose)(struct fit *fit, const struct decision *decision,
                  const struct parallel *parallel, const struct cancel *cancel,
                  struct bitmask *mask, float *weight, double *error,
                  struct error *err);
};
extern const struct reconstruct_method *const reconstruct_methods[];
const struct reconstruct_method *reconstruct_method_find(const char *name);

/* All borrowed. */
struct reconstruct_request {
    const struct graph *instance; /* the dense model, of the batch to run */
    const struct graph *start;    /* the same with other constants, for what is
                                     not fitted; NULL: the dense model */
    const struct layer_table *layers;
    const struct decision *decisions; /* one per layer */
    const struct bitmask *masks; /* per layer, words NULL: dense; what holds
                                    before, and the only ones of layers that
                                    are not chosen */
    const bool *chosen;          /* per layer; NULL: all that are pruned */
    struct removal removal; /* channels, heads and blocks that go; the masks
                               have them, too. labels NULL: none */
    const struct reconstruct_method *method;
    double damping; /* 0: usual */
    struct trace_source source;
    struct parallel parallel;
    const struct cancel *cancel; /* may be NULL */
    /* Told before each layer, from the calling thread, and before every node
     * on the way; -1 ends the work. May be NULL. */
    int (*progress)(void *context, const char *layer, int done, int total,
                    struct error *err);
    void *progress_context;
};

/* New constants by the ids of the model, and masks of the fitted layers. */
struct reconstruct_result {
    size_t count; /* of constants */
    int *ids;
    struct tensor *tensors;
    struct bitmask *masks; /* per layer; words NULL: not fitted */
    double *errors; /* per layer: share of the output's energy that is lost;
                       NAN: not fitted */
    size_t layer_count;
};

/*
 * Cost: one run of both models over the samples, and per layer
 * columns^2 * (positions + rows * columns / 3) multiply-adds.
 * Errors: prefixed "layer 'NAME'": ERROR_UNSUPPORTED, ERROR_MEMORY,
 * ERROR_CANCELLED.
 */
int reconstruct(struct reconstruct_result *result,
                const struct reconstruct_request *request, struct error *err);
/* Bytes that one batch needs while both models run side by side. */
int64_t reconstruct_batch_bytes(const struct graph *instance);

void reconstruct_result_release(struct reconstruct_result *result);

#endif

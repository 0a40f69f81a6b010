/* Figures of one variant, as they are kept and shown. */
#ifndef SESSION_RESULT_H
#define SESSION_RESULT_H

#include "base/stats.h"
#include "eval/estimate.h"
#include "measure/cost.h"
#include "measure/noise.h"

enum metric { METRIC_TOP1, METRIC_FIDELITY };

struct layer_result {
    int64_t weights, nonzeros;
    double ms;          /* in the variant's plan, NAN: not yet */
    double dense_ms;    /* the same layer in the dense model's plan */
    const char *kernel; /* static text; "" not yet */
    bool sparse_kernel;
    /* Of N:M in another order of channels: the layer's magnitude, and what of
     * it the pattern keeps in the model's order and in the new one; else 0. */
    double magnitude, kept_before, kept;
};

struct result {
    enum metric metric;
    struct estimate accuracy; /* samples == total: exact on the data */
    struct estimate top5;
    struct estimate difference; /* paired, variant - dense; samples 0: none */
    int64_t base_only, variant_only; /* discordant samples */
    double p_value;                  /* McNemar */
    struct estimate loss;            /* mean, nats; NAN without labels */
    bool has_latency; /* as good as it gets: measured, or of a device */
    /* What stands there was predicted, not measured; without has_latency it
     * will be measured. Then all quantiles are one. */
    bool latency_predicted;
    struct stats_summary latency_ms, dense_latency_ms;
    struct noise noise; /* of the machine when it was measured */
    double joules;      /* of one run, by the machine's counters; 0, NAN: not
                           measured (the model: energy_of_cost) */
    char device[48];    /* whose latency it is; "": this machine's */
    struct cost cost, dense_cost;
    size_t layer_count;
    struct layer_result *layers; /* owned */
};

/*
 * What a written model did on data that decided nothing, beside what it did on
 * the data that decisions were made on. Differences are paired, to the dense
 * model.
 */
struct exam {
    bool taken;
    int64_t samples;
    struct estimate value, dense, difference; /* on the held-out data */
    struct estimate decided;                  /* the difference elsewhere */
    struct estimate gap;                      /* held out minus decided */
    bool warning;                             /* more than chance */
    bool agreement; /* with the dense model, where labels are missing */
};

/* Copies the accuracy part alone. */
void result_take_accuracy(struct result *out, const struct result *in);
/* Whether channels took another order for N:M; what of the magnitude of the
 * layers that read them is kept then, and was in the model's order: 0…1. */
bool result_order(const struct result *result, double *before, double *after);
int result_copy(struct result *out, const struct result *in);
void result_release(struct result *result);

#endif

/*
 * What gradients say about single weights, for criteria that rank by them
 * (Taylor, SNIP, Fisher).
 */
#ifndef TRAIN_EVIDENCE_H
#define TRAIN_EVIDENCE_H

#include "train/samples.h"

/* Sums over batches b of one stored constant, with g the gradient of the
 * batch's mean loss. */
struct evidence {
    int id; /* value id as the file stores it */
    int64_t count;
    double *product;         /* sum of g * w */
    double *product_squared; /* sum of (g * w)^2 */
    double *squared;         /* sum of g^2 */
};

struct evidence_set {
    struct evidence *items;
    size_t count;
    int64_t batches;
    double loss; /* mean per sample */
};

struct evidence_request {
    const struct graph *model; /* resolved template with the weights to ask */
    const struct dataset *dataset;
    struct transform transform;
    const int64_t *order;   /* sample ids; NULL: as stored */
    int64_t samples, batch; /* batch 1: gradients of single samples */
    const int64_t *labels;  /* per sample id; NULL: the data set's own */
    const struct train_workers *workers;
    enum cpu_isa isa;
    const struct cancel *cancel;
    /* Called after every batch; -1 ends it. May be NULL. */
    int (*progress)(void *context, int64_t done, int64_t total,
                    struct error *err);
    void *context;
};

/*
 * Cross-entropy, batch norm with the model's statistics. samples is rounded
 * down to whole batches.
 * out  owned by the caller (evidence_release)
 * Errors: network_create's and samples_match's, ERROR_RANGE (fewer samples
 * than a batch, no labels), ERROR_CANCELLED.
 */
int evidence_collect(struct evidence_set *out,
                     const struct evidence_request *request, struct error *err);
void evidence_release(struct evidence_set *set);

/* NULL when `id` is not among them. */
const struct evidence *evidence_find(const struct evidence_set *set, int id);

#endif

/*
 * Steps of stochastic gradient descent and AdamW over a network's parameters,
 * under masks: a masked weight and all that is remembered about it are zero
 * after every step.
 */
#ifndef TRAIN_OPTIMISER_H
#define TRAIN_OPTIMISER_H

#include "tensor/bitmask.h"
#include "train/network.h"

enum optimiser_kind { OPTIMISER_SGD, OPTIMISER_ADAMW };

struct optimiser_options {
    enum optimiser_kind kind;
    double momentum; /* of SGD; AdamW's first beta */
    bool nesterov;
    double decay;          /* of weights (struct parameter), kept ones only */
    double beta2, epsilon; /* AdamW */
};

/* SGD, momentum 0.9, Nesterov, decay 5e-4; AdamW's usual numbers. */
struct optimiser_options optimiser_defaults(enum optimiser_kind kind);

struct optimiser;

/* network  borrowed, must outlive it. Owned by the caller. */
int optimiser_create(struct optimiser **out, struct network *network,
                     const struct optimiser_options *options,
                     struct error *err);
void optimiser_destroy(struct optimiser *optimiser);

/* From now on parameter i (of the network) has this mask: the masked weights
 * and what is remembered about them become zero. NULL: none. Copied. */
int optimiser_mask(struct optimiser *optimiser, size_t parameter,
                   const struct bitmask *mask, struct error *err);

/* One step by the parameters' gradients times `scale`, shared by the network's
 * workers, whose errors it returns; network_refresh is the caller's. */
int optimiser_step(struct optimiser *optimiser, double rate, double scale,
                   struct error *err);

/* As if no step had been made; masks stay and are applied. */
void optimiser_forget(struct optimiser *optimiser);

/* What is remembered about a parameter, as long as it has elements; second:
 * NULL with SGD. */
struct optimiser_memory {
    float *first, *second;
};
struct optimiser_memory optimiser_memory(const struct optimiser *optimiser,
                                         size_t parameter);
int64_t optimiser_steps(const struct optimiser *optimiser);
void optimiser_set_steps(struct optimiser *optimiser, int64_t steps);

/* How many weights are masked, and how many of them are not zero (none). */
int64_t optimiser_masked(const struct optimiser *optimiser);
int64_t optimiser_violations(const struct optimiser *optimiser);

#endif

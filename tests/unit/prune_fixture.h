/* A few layers with known weights, made by hand: no file, no operator. */
#ifndef UNIT_PRUNE_FIXTURE_H
#define UNIT_PRUNE_FIXTURE_H

#include "prune/apply.h"

struct fixture {
    struct graph *graph;
    struct layer_table layers; /* release with fixture_release only */
};

/* Layer i has sizes[i] weights, normally distributed (seeded), named
 * names[i]; each has a bias of 4. */
void fixture_init(struct fixture *fixture, size_t count,
                  const char *const *names, const int64_t *sizes,
                  uint64_t seed);
void fixture_release(struct fixture *fixture);

/* The weights of layer i, writable. */
float *fixture_weights(const struct fixture *fixture, size_t i);

#endif

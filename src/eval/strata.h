/*
 * The order in which samples are looked at once the dense model's margins are
 * known: strata by margin, narrow where answers are likely to flip, shuffled
 * inside but for the classes, each a whole number of batches. The same for
 * every variant, so that cached activations of a batch stay good. Immutable:
 * threads share it.
 */
#ifndef EVAL_STRATA_H
#define EVAL_STRATA_H

#include "base/error.h"
#include "eval/outcome.h"

#include <stddef.h>

enum { STRATA_MAX = 24 };

struct stratum {
    int64_t first, count; /* batches first … first + count - 1 */
    int64_t mixed;        /* of them of all classes: the first ones */
    bool right;           /* the dense model's answers (but for one batch) */
};

struct strata {
    int64_t samples, batch, batches;
    int64_t *order; /* batch b: order[b * batch …] */
    struct stratum list[STRATA_MAX];
    size_t count;
    /* Per place in the order: what the dense model said. */
    float *margin, *margin5, *loss;
    int32_t *label, *rival; /* classes, -1: none */
    bool *right, *top5;
    int32_t classes; /* highest class + 1 */
    int64_t right_count, top5_count;
};

/*
 * dense   outcomes by sample id, all of them known
 * labels  the right class by sample id
 * out     owned by the caller
 */
int strata_create(struct strata **out, const struct outcome *dense,
                  const int64_t *labels, int64_t samples, int64_t batch,
                  uint64_t seed, struct error *err);
void strata_destroy(struct strata *strata);

/* Places of batch b: first … first + the returned count - 1. */
int64_t strata_batch(const struct strata *strata, int64_t b, int64_t *first);

/* Places of stratum h: the returned first … *end - 1. */
int64_t strata_range(const struct strata *strata, size_t h, int64_t *end);
/* The stratum of batch b. */
size_t strata_of_batch(const struct strata *strata, int64_t b);

#endif

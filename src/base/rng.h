/* Seeded random numbers, the same on every machine. */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t state[4];
};

/* Source: xoshiro256** seeded by splitmix64 (Blackman and Vigna 2018). GSL's
 * generators live on the heap; this one is a value and needs no error path. */
void rng_init(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);

/* Uniform in [0, bound); bound > 0. Without modulo bias. */
uint64_t rng_below(struct rng *rng, uint64_t bound);

/* Uniform in [0, 1) and standard normal. */
double rng_uniform(struct rng *rng);
double rng_normal(struct rng *rng);

/* Writes a random permutation of 0 … count-1. */
void rng_permutation(struct rng *rng, int64_t *order, size_t count);

#endif

/* Samples into a runner's inputs, where all outputs are wanted. */
#ifndef ENGINE_FEED_H
#define ENGINE_FEED_H

#include "engine/setup.h"

/* Where the inputs of a plan come from; shared by workers. */
struct feed {
    const struct setup *setup;
    const int64_t *order; /* of the samples; NULL: as stored */
    int64_t samples;      /* all; without data: rows of random numbers */
    size_t *map;          /* graph input -> data set input; owned */
};

int feed_init(struct feed *feed, const struct setup *setup,
              const struct graph *graph, const int64_t *order,
              struct error *err);
void feed_release(struct feed *feed);

/* Batches of `graph`. */
int64_t feed_batches(const struct feed *feed, const struct graph *graph);

/* Writes batch b to the runner's inputs; the last sample fills the last
 * batch. Returns how many samples are real. */
int64_t feed_batch(const struct feed *feed, const struct graph *graph,
                   struct runner *runner, int64_t b);

#endif

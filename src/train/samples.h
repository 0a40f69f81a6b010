/* Samples of a data set for a network, changed at random where asked. */
#ifndef TRAIN_SAMPLES_H
#define TRAIN_SAMPLES_H

#include "dataset/dataset.h"
#include "train/network.h"

/* Changes that keep an image's label; all off when zero. */
struct augment {
    bool flip;    /* left and right, half of the time */
    int shift;    /* up to so many pixels in each direction; black comes in */
    int cutout;   /* a black square of this side, anywhere */
    double noise; /* deviation of normal noise, in units of the input */
};

struct samples {
    const struct dataset *dataset; /* borrowed */
    struct transform transform;
    struct augment augment;
    uint64_t seed;
    size_t map[8]; /* of the graph's inputs to the data set's */
};

/* Fills map and checks that types and shapes fit: a single input matches a
 * single one, several match by name. Errors: ERROR_SHAPE. */
int samples_match(struct samples *samples, const struct network *network,
                  struct error *err);

/*
 * Writes `count` samples to the inputs of one shard. What is random depends on
 * the seed, the epoch and the sample alone.
 *
 * ids  (count), of the data set's samples
 */
void samples_read(const struct samples *samples, const struct network *network,
                  int64_t epoch, const int64_t *ids, int64_t count,
                  void *const *inputs);

#endif

/*
 * Convolutions and products with channels innermost whose weights are kept in
 * blocks of 16 inputs for one output channel (1x16): one vector of weights
 * times one of inputs for each of several pixels. The sums of 16 lanes are
 * joined once per output, 16 outputs at a time, so that the kernel pays where
 * an output has several blocks.
 */
#ifndef KERNEL_SPARSE_CHUNK_H
#define KERNEL_SPARSE_CHUNK_H

#include "kernel/sparse_lane.h"

enum { CHUNK_TAPS = 64 }; /* kernel positions, at most */

/* Where a block's inputs are; the last one of a group may be short. */
struct chunk_entry {
    int32_t channel;
    int16_t tap, count;
};

/* Packed: this; where each output channel's entries begin, and the end; bias
 * (oc rounded up to 16); entries; their weights (16 each). */
struct chunk_packed {
    size_t starts, bias, entries, weights; /* bytes from here */
};

SPARSE_FACES(conv_chunk)
SPARSE_FACES(product_chunk)

#endif

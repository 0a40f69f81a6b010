/*
 * Convolutions and products with channels innermost (NHWC; a product's PLAIN
 * is the same with images for pixels). A vector's lanes are 16 output
 * channels; a tile is several pixels of an output row, whose sums stay in
 * registers while one block of channels adds its steps:
 *
 *   column  all 16 channels weigh one input: 16 weights times one float that
 *           is broadcast (blocks of 16 x 1)
 *   pick    each channel weighs its own of 16 inputs: one shuffle fetches them
 *           from the 16 inputs that one load brings (N:M, or whatever keeps
 *           about as many weights of 16 inputs for every channel)
 *
 * There is no border to store or to skip and nothing to copy for strides: taps
 * that fall outside a row read zeros, rows outside are left out.
 */
#ifndef KERNEL_SPARSE_LANE_H
#define KERNEL_SPARSE_LANE_H

#include "kernel/sparse_pack.h"

enum { LANE_CHANNELS = 16, LANE_INPUTS = 16 };

/* Packed: this; where the steps of each list begin, and the end; bias (blocks
 * * 16); for every step its inputs: a channel (column) or 16 places (pick);
 * its weights (16). A column's list is (block, tap); a pick's (block, tap,
 * chunk of 16 inputs). */
struct lane_packed {
    int64_t blocks, taps, chunks;
    int64_t block_group; /* blocks of one group of the convolution */
    size_t starts, bias, inputs, weights; /* bytes from here */
};

/* A product as a convolution of 1 x 1 whose row is the batch. */
void sparse_lane_problem(struct sparse_problem *problem,
                         const struct kernel_spec *spec);

SPARSE_FACES(conv_column)
SPARSE_FACES(conv_pick)
SPARSE_FACES(product_column)
SPARSE_FACES(product_pick)

#endif

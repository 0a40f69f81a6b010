/*
 * Products, and convolutions as a product for every pixel, of blocks of 16
 * images (IMAGE16) whose zeros have structure. A vector of images is all that a
 * weight feeds, so that loads decide: weights anywhere pay one of a whole
 * vector for every multiplication. Products of one image in 1x16 are alike.
 *
 *   chunk    16 weights of one output for as many inputs in a row (1x16): the
 *            inputs of a pixel stay in registers while every output that has
 *            such a block adds it to its sum, which waits in scratch. One
 *            image (row_chunk): the same with inputs for lanes, which are
 *            joined at the end
 *   quartet  four outputs are summed together, and an input is loaded once for
 *            those of them that keep its weight (N:M); entries as in
 *            sparse_pack.h, sorted by set. Inputs go in slices that fit the
 *            first-level cache; sums wait in scratch.
 */
#ifndef KERNEL_SPARSE_PRODUCT_H
#define KERNEL_SPARSE_PRODUCT_H

#include "kernel/sparse_pack.h"

enum { PRODUCT_INPUTS = 16 };

/* Packed: this; where each list begins, and the end; bias (outputs rounded up
 * to quartets). A chunk's list is that of (tap, 16 inputs): the outputs of its
 * blocks, ascending, and (16 each, 64-byte aligned) their weights. A quartet's
 * lists are (slice, quartet), each with SPARSE_SETS starts: where its sets end,
 * in words, that of the empty set where the first begins. */
struct product_packed {
    int64_t lists, slices;
    size_t starts, bias, outputs, weights; /* bytes from here */
};

SPARSE_FACES(conv_image16_chunk)
SPARSE_FACES(conv_wide_chunk)
SPARSE_FACES(product_image16_chunk)
SPARSE_FACES(product_row_chunk)
SPARSE_FACES(product_image16_quartet)

#endif

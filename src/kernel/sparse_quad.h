/*
 * Matrix-vector products in blocks of 4 outputs x 1 input (4x1, 8x1, 16x1).
 *
 * Four quartets of outputs are summed side by side, each of which goes through
 * its own inputs: a step is a float of the source for each quartet, and 16
 * weights. So a list ends once for 16 outputs, and lanes idle only at the end
 * of a quartet that keeps fewer inputs than its three neighbours: of WINDOW
 * quartets in a row those that keep about as many are neighbours.
 */
#ifndef KERNEL_SPARSE_QUAD_H
#define KERNEL_SPARSE_QUAD_H

#include "kernel/sparse_pack.h"

enum {
    QUAD_SIDE = 4, /* quartets of a group */
    QUAD_LANES = QUAD_SIDE * SPARSE_ROWS,
    QUAD_WINDOW = 16
};

/* Packed: this; where the steps of each group begin, and the end; the quartet
 * of each of a group's places, -1 where there is none; a byte for each group:
 * whether its quartets read the same inputs two by two (blocks of 8x1); bias in
 * the order of places; for every step which inputs are read; its weights. */
struct quad_packed {
    int64_t groups;
    size_t starts, order, pairs, bias, inputs, weights; /* bytes from here */
};

SPARSE_FACES(product_quad)

#endif

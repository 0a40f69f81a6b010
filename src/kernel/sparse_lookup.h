/*
 * Matrix-vector products whose input is looked up in registers.
 *
 * 32 inputs fill two vectors, from which one shuffle fetches any 16. Rows go
 * in groups of 16, one per lane; for each group and each 32 inputs there are
 * as many steps as the fullest row keeps weights there. A step is 16 weights
 * and 16 places; lanes that have no weight left hold a zero.
 */
#ifndef KERNEL_SPARSE_LOOKUP_H
#define KERNEL_SPARSE_LOOKUP_H

#include "kernel/spec.h"

#include <stddef.h>

enum { LOOKUP_ROWS = 16, LOOKUP_INPUTS = 32 };

struct lookup_step {
    float weight[LOOKUP_ROWS];
    uint8_t place[LOOKUP_ROWS];
};

/* Packed: this, bias (rows rounded up to 16), the first step of every group
 * and block of inputs (and the end), steps. */
struct lookup_packed {
    int64_t groups, blocks;
    size_t bias, starts, steps; /* bytes from here */
};

bool sparse_product_lookup_serves(const struct kernel_spec *spec);
size_t sparse_product_lookup_pack_bytes(const struct kernel_spec *spec);
void sparse_product_lookup_pack(const struct kernel_spec *spec, void *packed);
size_t sparse_product_lookup_scratch_bytes(const struct kernel_spec *spec,
                                           int64_t src_border);

#endif

/* Batch norm into the weights before it. Internal to exec. */
#ifndef EXEC_FOLD_H
#define EXEC_FOLD_H

#include "kernel/spec.h"

/*
 * Replaces weight and bias of a CONV, DECONV or PRODUCT by folded copies.
 *
 * affine        gamma NULL: only beta is added
 * spec          its pointers are set to the copies
 * weight, bias  written: the copies, owned by the caller (free)
 *
 * Returns 0, or -1 when memory is exhausted.
 */
int fold_affine(struct kernel_spec *spec, const struct affine_spec *affine,
                float **weight, float **bias);

/* The bias of one channel alone. */
float fold_bias(const struct affine_spec *affine, int64_t channel, double bias);

#endif

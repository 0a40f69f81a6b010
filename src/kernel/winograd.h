/*
 * Winograd's F(4x4, 3x3): what its run files share.
 *
 * A 3x3 convolution computes 4x4 outputs (a tile) from 6x6 inputs by 36
 * products per pair of channels instead of 144. Inputs are transformed
 * (V = B^T d B), multiplied by transformed weights (U = G g G^T, packed once)
 * as 36 matrix products, and transformed back (Y = A^T M A).
 *
 * Source: Lavin and Gray 2015, "Fast Algorithms for Convolutional Neural
 * Networks". Interpolation points 0, 1, -1, 2, -2; U is computed in double.
 * Errors are some 1e-6 of the largest output.
 */
#ifndef KERNEL_WINOGRAD_H
#define KERNEL_WINOGRAD_H

#include "kernel/spec.h"

#include <stddef.h>

enum {
    WINOGRAD_OUT = 4,
    WINOGRAD_IN = 6,
    WINOGRAD_POINTS = 36,
    WINOGRAD_PANEL = 16, /* output channels that U keeps together */
};

/* Tiles of a plane, and how many are computed together. */
struct winograd_size {
    int64_t rows, columns, tiles; /* tiles: of all images */
    int64_t together;
    /* Floats from one of the 36 matrices to the next: V (together, ic) and
     * M (together, oc). A power of two would collide in the cache. */
    int64_t step_in, step_out;
};
struct winograd_size winograd_size_of(const struct conv_spec *conv);

/* U lies as [point][oc / PANEL][ic][PANEL], then the bias (oc). */
static inline int64_t winograd_floats(const struct conv_spec *conv)
{
    return WINOGRAD_POINTS * conv->ic * conv->oc;
}

#endif

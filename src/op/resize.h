/* Where the samples of a resized axis come from. */
#ifndef OP_RESIZE_H
#define OP_RESIZE_H

#include "op/support.h"

enum resize_mode { RESIZE_NEAREST, RESIZE_LINEAR, RESIZE_CUBIC };

enum resize_place {
    RESIZE_HALF_PIXEL,
    RESIZE_HALF_PIXEL_SYMMETRIC,
    RESIZE_PYTORCH_HALF_PIXEL,
    RESIZE_ALIGN_CORNERS,
    RESIZE_ASYMMETRIC,
    RESIZE_TF_HALF_PIXEL_FOR_NN,
    RESIZE_TF_CROP_AND_RESIZE,
};

enum resize_round {
    RESIZE_ROUND_PREFER_FLOOR,
    RESIZE_ROUND_PREFER_CEIL,
    RESIZE_FLOOR,
    RESIZE_CEIL,
};

/* One axis: sizes, the scale as the model states it, and how to sample. */
struct resize_axis {
    int64_t in, out;
    double scale;
    double roi_begin, roi_end; /* crop only */
    enum resize_mode mode;
    enum resize_place place;
    enum resize_round round;
    double cubic;         /* the cubic's coefficient */
    bool exclude_outside; /* weights of what lies outside are left out */
    bool antialias;
};

/* out[o] = sum over k of weight[o * count + k] * in[index[o * count + k]]. */
struct resize_taps {
    int64_t count;
    int64_t *index;
    float *weight;
    bool *outside; /* per output: the crop reaches beyond the input */
};

/* Errors: ERROR_MEMORY. */
int resize_taps_init(struct resize_taps *taps, const struct resize_axis *axis,
                     struct error *err);
void resize_taps_release(struct resize_taps *taps);

#endif

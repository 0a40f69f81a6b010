/*
 * Output channels without weights for the convolution of blocks of 16 images;
 * see sparse_rows16.h. Part of sparse_rows16_run.h.
 *
 * Nothing but memory bounds what they take, so they are written behind all
 * others of a block, each from its first pixel to its last: what a processor
 * foresees best.
 */
#ifndef KERNEL_SPARSE_IDLE_H
#define KERNEL_SPARSE_IDLE_H

#include "kernel/sparse_run.h"

struct row_idle {
    const int32_t *channels;
    const float *bias;
    int64_t count;
    int64_t vectors; /* of a channel */
};

/* One channel's vectors. */
static void write_same(const struct run *r, float *dst, const float *other,
                       float bias, int64_t count)
{
    const vec low = vec_all(r->low), high = vec_all(r->high);
    vec v = vec_all(bias);
    if (other == NULL) {
        v = r->slow ? activate_slowly(r, v) : vec_clamp(v, low, high);
        for (int64_t i = 0; i < count; i++)
            vec_store(dst + i * LANES, v);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        vec sum = vec_add(v, vec_load(other + i * LANES));
        sum = r->slow ? activate_slowly(r, sum) : vec_clamp(sum, low, high);
        vec_store(dst + i * LANES, sum);
    }
}

/* Those of a block of images. dst: the first row of channel 0; other: as dst;
 * or NULL. */
static void write_idle(const struct run *r, const struct row_idle *idle,
                       float *dst, const float *other)
{
    for (int64_t k = 0; k < idle->count; k++) {
        int64_t channel = idle->channels[k], to = channel * r->dst_plane;
        if (channel >= r->first && channel < r->last)
            write_same(r, dst + to, other != NULL ? other + to : NULL,
                       idle->bias[k], idle->vectors);
    }
}

#endif

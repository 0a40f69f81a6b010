/*
 * Output channels without weights for the convolution of blocks of 16 images;
 * see sparse_rows16.h. Part of sparse_rows16_run.h.
 *
 * Nothing but memory bounds what they take, and hardly anything but registers
 * what others do: so a share of them is written with every list of entries, one
 * channel after the other from its first pixel to its last, as processors
 * foresee.
 */
#ifndef KERNEL_SPARSE_IDLE_H
#define KERNEL_SPARSE_IDLE_H

#include "kernel/sparse_run.h"

struct row_idle {
    const int32_t *channels;
    const float *bias;
    int64_t count, left;    /* channels; of them that are to be finished */
    int64_t vectors, share; /* of a channel; to write with one list */
    int64_t at;             /* vectors of this channel that are written */
    int64_t ahead;          /* vectors to fetch before they are written */
    float *dst;             /* the first row of channel 0 */
    const float *other;     /* as dst; or NULL */
};

/* lists: those run for a block of images. far: whether these exceed the cache.
 */
static inline void share_idle(struct row_idle *idle, int64_t lists, bool far)
{
    int64_t vectors = idle->count * idle->vectors;
    idle->share = lists > 0 ? (vectors + lists - 1) / lists : 0;
    idle->ahead = far ? idle->share : 0;
}

/* A block of images. */
static inline void begin_idle(struct row_idle *idle, float *dst,
                              const float *other)
{
    idle->left = idle->count;
    idle->dst = dst;
    idle->other = other;
}

/* `count` vectors of a channel. */
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

/* The next `count` vectors of all that is left. */
static inline void write_idle(const struct run *r, struct row_idle *idle,
                              int64_t count)
{
    while (count > 0 && idle->left > 0) {
        int64_t k = idle->count - idle->left, channel = idle->channels[k];
        int64_t n = smaller(count, idle->vectors - idle->at);
        int64_t to = channel * r->dst_plane + idle->at * LANES;
        if (channel >= r->first && channel < r->last)
            write_same(r, idle->dst + to,
                       idle->other != NULL ? idle->other + to : NULL,
                       idle->bias[k], n);
        count -= n;
        idle->at += n;
        if (idle->at == idle->vectors) {
            idle->at = 0;
            idle->left--;
        }
    }
}

/* What the next share writes, as far as it is to be fetched. */
struct idle_fetch {
    const float *at, *end;
};

ALWAYS_INLINE struct idle_fetch idle_fetch_of(const struct run *r,
                                              const struct row_idle *idle)
{
    if (idle->ahead == 0 || idle->left == 0)
        return (struct idle_fetch){NULL, NULL};
    int64_t channel = idle->channels[idle->count - idle->left];
    const float *at = idle->dst + channel * r->dst_plane + idle->at * LANES;
    return (struct idle_fetch){at, at + idle->ahead * LANES};
}

/* Some lines of it: all at once would be more than a processor waits for, and
 * the rest forgotten. */
ALWAYS_INLINE void fetch_idle(struct idle_fetch *f)
{
    enum { LINES = 6 };
    if (f->at >= f->end)
        return;
#pragma GCC unroll 6
    for (int i = 0; i < LINES; i++)
        __builtin_prefetch(f->at + i * SPARSE_BLOCK, 1, 2);
    f->at += LINES * SPARSE_BLOCK;
}

#endif

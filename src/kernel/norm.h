/*
 * Batch norm of training, with what follows it: a sum with another tensor and
 * a clip (a rectifier is one from 0 to infinity). Statistics are sums over a
 * part of the batch, so that parts run apart and are added by the caller. Any
 * of PLAIN, NHWC and BLOCK16.
 */
#ifndef KERNEL_NORM_H
#define KERNEL_NORM_H

#include "kernel/layout.h"

/* Per-channel arrays have room for a multiple of 16 channels; what lies
 * behind the last is zero. */
static inline int64_t norm_room(int64_t channels)
{
    return (channels + 15) / 16 * 16;
}

struct norm_clip {
    float low, high;
};

/*
 * Where a clip let values through: where its result y is inside. Without y
 * (NULL) it is computed anew as x * scale[c] + offset[c], which is less to
 * read. scale NULL as well: everywhere.
 */
struct norm_gate {
    const float *y, *scale, *offset;
    struct norm_clip clip;
};

/* One step down a gradient: with g = gradient * scale + decay * w,
 * v = momentum * v + g and w -= rate * v, with `nesterov` rate * (g + momentum
 * * v). */
struct norm_descent {
    float scale, decay, momentum, rate;
    bool nesterov;
};

/* One family's kernels. All tensors in the layout of `desc`. */
struct norm_kernels {
    /* sum[c] += x - shift[c], squares[c] += (x - shift[c])^2: a shift near
     * the mean keeps the variance exact. */
    void (*statistics)(const struct layout_desc *desc, const float *x,
                       const float *shift, double *sum, double *squares);
    /* y = x * scale[c] + offset[c] (+ other), clipped. other may be NULL; y
     * may be x or other. */
    void (*apply)(const struct layout_desc *desc, const float *x,
                  const float *scale, const float *offset, const float *other,
                  struct norm_clip clip, float *y);
    /*
     * With g = dy where the gate lets it through, else 0: sum[c] += g,
     * products[c] += g * (x - mean[c]). passed, if not NULL, is what was
     * added to the norm's result: its gradient becomes g, or grows by it.
     */
    void (*sums)(const struct layout_desc *desc, const float *x,
                 const float *mean, const struct norm_gate *gate,
                 const float *dy, bool adds, float *passed, double *sum,
                 double *products);
    /* dx = a[c] * g + b[c] * x + offset[c]; dx may be dy. */
    void (*through)(const struct layout_desc *desc, const float *x,
                    const struct norm_gate *gate, const float *dy,
                    const float *a, const float *b, const float *offset,
                    float *dx);
    /* Over flat elements: y = clip(x); dx = dy where y is inside the clip,
     * else 0; y = a + b; to += from. In place is fine. */
    void (*clip)(int64_t count, const float *x, struct norm_clip clip,
                 float *y);
    void (*unclip)(int64_t count, const float *y, struct norm_clip clip,
                   const float *dy, float *dx);
    void (*add)(int64_t count, const float *a, const float *b, float *y);
    void (*accumulate)(int64_t count, const float *from, float *to);
    void (*descend)(int64_t count, const struct norm_descent *descent,
                    const float *gradient, float *v, float *w);
};

const struct norm_kernels *norm_kernels_of(enum cpu_isa isa);

/* Defined by the file of each instruction set. */
extern const struct norm_kernels norm_kernels_scalar;
#if defined(__x86_64__)
extern const struct norm_kernels norm_kernels_avx2, norm_kernels_avx512;
#endif

#endif

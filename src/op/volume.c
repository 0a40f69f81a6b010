#include "op/volume.h"
#include "kernel/reference.h"
#include "kernel/reference_backward.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct depth volume_depth(const struct window *window, const struct shape *x,
                          int64_t out)
{
    if (x->rank < 5)
        return (struct depth){1, 1, 1, 1, 1, 0, 0};
    return (struct depth){
        .in = x->dims[2],
        .out = out,
        .kernel = window->kernel[WINDOW_DEPTH],
        .stride = window->stride[WINDOW_DEPTH],
        .dilation = window->dilation[WINDOW_DEPTH],
        .begin = window->begin[WINDOW_DEPTH],
        .end = window->end[WINDOW_DEPTH],
    };
}

void volume_slice(const struct shape *shape, int64_t dims[4])
{
    struct shape plane = *shape;
    if (shape->rank == 5)
        plane = (struct shape){
            4,
            {shape->dims[0], shape->dims[1], shape->dims[3], shape->dims[4]}};
    if (op_nchw(&plane, dims) < 0)
        dims[0] = dims[1] = dims[2] = dims[3] = 0;
}

void volume_give(struct shape *shape, int64_t depth, int64_t height,
                 int64_t width)
{
    const int64_t sizes[WINDOW_AXES] = {depth, height, width};
    int spatial = shape->rank - 2;
    for (int i = 0; i < spatial; i++)
        shape->dims[2 + i] = sizes[WINDOW_AXES - spatial + i];
}

/* Slice `at` of `depth`: (outer, depth, inner) to (outer, inner). */
static void take(float *to, const float *from, int64_t outer, int64_t depth,
                 int64_t inner, int64_t at)
{
    for (int64_t i = 0; i < outer; i++)
        memcpy(to + i * inner, from + (i * depth + at) * inner,
               (size_t)inner * sizeof *to);
}

/* The reverse: added to slice `at`. */
static void give(float *to, const float *from, int64_t outer, int64_t depth,
                 int64_t inner, int64_t at)
{
    for (int64_t i = 0; i < outer; i++)
        for (int64_t j = 0; j < inner; j++)
            to[(i * depth + at) * inner + j] += from[i * inner + j];
}

/* Scratch of one call. */
struct slices {
    float *weight, *src, *dst;
};

static void free_slices(struct slices *slices)
{
    free(slices->weight);
    free(slices->src);
    free(slices->dst);
}

/* --- convolution --- */

static int64_t weight_rows(const struct conv_spec *s, bool transposed)
{
    return transposed ? s->ic * (s->oc / s->groups)
                      : s->oc * (s->ic / s->groups);
}

/* dst begins with the bias: (n, oc, out * oh * ow). */
static void start(const struct conv_spec *s, const struct depth *depth,
                  float *dst)
{
    int64_t inner = depth->out * s->oh * s->ow;
    for (int64_t i = 0; i < s->n * s->oc; i++)
        for (int64_t j = 0; j < inner; j++)
            dst[i * inner + j] = s->bias ? s->bias[i % s->oc] : 0;
}

/* Which output slice input slice `in` reaches through `tap`, or which input
 * slice output slice `at` reads: -1 when none. */
static int64_t partner(const struct depth *d, bool transposed, int64_t at,
                       int64_t tap)
{
    int64_t other = at * d->stride + tap * d->dilation - d->begin;
    int64_t size = transposed ? d->out : d->in;
    return other < 0 || other >= size ? -1 : other;
}

int volume_conv(const struct conv_spec *plane, const struct depth *depth,
                volume_compute *compute, bool transposed, const float *src,
                float *dst, const struct cancel *cancel, struct error *err)
{
    int64_t rows = weight_rows(plane, transposed), taps = plane->kh * plane->kw;
    int64_t pixels = plane->ih * plane->iw;
    struct slices slices = {
        op_scratch(rows * taps, err),
        op_scratch(plane->n * plane->ic * pixels, err),
        op_scratch(plane->n * plane->oc * plane->oh * plane->ow, err)};
    int result = slices.weight && slices.src && slices.dst ? 0 : -1;
    struct conv_spec one = *plane;
    one.weight = slices.weight;
    one.bias = NULL;
    if (result == 0)
        start(plane, depth, dst);
    for (int64_t tap = 0; tap < depth->kernel && result == 0; tap++) {
        int64_t count = transposed ? depth->in : depth->out;
        take(slices.weight, plane->weight, rows, depth->kernel, taps, tap);
        for (int64_t at = 0; at < count && result == 0; at++) {
            int64_t other = partner(depth, transposed, at, tap);
            if (other < 0)
                continue;
            if (cancel_raised(cancel))
                result = error_set(err, ERROR_CANCELLED, "cancelled");
            take(slices.src, src, plane->n * plane->ic, depth->in, pixels,
                 transposed ? at : other);
            compute(&one, slices.src, slices.dst);
            give(dst, slices.dst, plane->n * plane->oc, depth->out,
                 plane->oh * plane->ow, transposed ? other : at);
        }
    }
    free_slices(&slices);
    return result;
}

/* by_bias of (n, oc, out * oh * ow); zeroes what slices are added to. */
static void begin_backward(const struct conv_spec *s, const struct depth *depth,
                           int64_t weights, const struct volume_gradients *g)
{
    int64_t inner = depth->out * s->oh * s->ow;
    int64_t pixels = depth->in * s->ih * s->iw;
    if (g->by_src)
        memset(g->by_src, 0, (size_t)(s->n * s->ic * pixels) * sizeof(float));
    if (g->by_weight)
        memset(g->by_weight, 0, (size_t)weights * sizeof(float));
    for (int64_t c = 0; g->by_bias && c < s->oc; c++) {
        double sum = 0;
        for (int64_t n = 0; n < s->n; n++)
            for (int64_t j = 0; j < inner; j++)
                sum += (double)g->by_dst[(n * s->oc + c) * inner + j];
        g->by_bias[c] = (float)sum;
    }
}

int volume_conv_backward(const struct conv_spec *plane,
                         const struct depth *depth, volume_backward *backward,
                         bool transposed, const float *src,
                         const struct volume_gradients *g,
                         const struct cancel *cancel, struct error *err)
{
    int64_t rows = weight_rows(plane, transposed), taps = plane->kh * plane->kw;
    int64_t pixels = plane->ih * plane->iw, inner = plane->oh * plane->ow;
    int64_t sources = plane->n * plane->ic, results = plane->n * plane->oc;
    struct slices at_hand = {op_scratch(rows * taps, err),
                             op_scratch(sources * pixels, err),
                             op_scratch(results * inner, err)};
    struct slices by = {op_scratch(rows * taps, err),
                        op_scratch(sources * pixels, err), NULL};
    int result =
        at_hand.weight && at_hand.src && at_hand.dst && by.weight && by.src
            ? 0
            : -1;
    struct conv_spec one = *plane;
    one.weight = at_hand.weight;
    one.bias = NULL;
    begin_backward(plane, depth, rows * depth->kernel * taps, g);
    int64_t count = transposed ? depth->in : depth->out;
    for (int64_t i = 0; i < depth->kernel * count && result == 0; i++) {
        int64_t tap = i / count, at = i % count;
        int64_t other = partner(depth, transposed, at, tap);
        int64_t in = transposed ? at : other, out = transposed ? other : at;
        if (other < 0)
            continue;
        if (cancel_raised(cancel))
            result = error_set(err, ERROR_CANCELLED, "cancelled");
        take(at_hand.weight, plane->weight, rows, depth->kernel, taps, tap);
        take(at_hand.src, src, sources, depth->in, pixels, in);
        take(at_hand.dst, g->by_dst, results, depth->out, inner, out);
        backward(&one, at_hand.src, at_hand.dst, by.src, by.weight, NULL);
        if (g->by_src)
            give(g->by_src, by.src, sources, depth->in, pixels, in);
        if (g->by_weight)
            give(g->by_weight, by.weight, rows, depth->kernel, taps, tap);
    }
    free_slices(&at_hand);
    free_slices(&by);
    return result;
}

/* --- pooling --- */

/* One output slice from the pooled slices under it. */
static void pool_slice(const struct pool_spec *s, const struct depth *depth,
                       const float *src, float *dst, int64_t at,
                       struct slices *slices)
{
    int64_t planes = s->n * s->c, inner = s->oh * s->ow;
    int64_t inside = 0, declared = 0;
    for (int64_t i = 0; i < planes * inner; i++)
        dst[(i / inner * depth->out + at) * inner + i % inner] =
            s->average ? 0 : -INFINITY;
    for (int64_t tap = 0; tap < depth->kernel; tap++) {
        int64_t from =
            at * depth->stride + tap * depth->dilation - depth->begin;
        declared += from < depth->in + depth->end;
        if (from < 0 || from >= depth->in)
            continue;
        inside++;
        take(slices->src, src, planes, depth->in, s->ih * s->iw, from);
        reference_pool(s, slices->src, slices->dst);
        for (int64_t i = 0; i < planes * inner; i++) {
            float *to = dst + (i / inner * depth->out + at) * inner + i % inner;
            float x = slices->dst[i];
            if (s->average)
                *to += x;
            else if (x > *to || isnan(x))
                *to = x;
        }
    }
    if (!s->average)
        return;
    int64_t divisor = s->count_padding ? declared : inside;
    for (int64_t i = 0; i < planes * inner; i++)
        dst[(i / inner * depth->out + at) * inner + i % inner] /=
            (float)divisor;
}

int volume_pool(const struct pool_spec *plane, const struct depth *depth,
                const float *src, float *dst, struct error *err)
{
    int64_t planes = plane->n * plane->c;
    struct slices slices = {
        .src = op_scratch(planes * plane->ih * plane->iw, err),
        .dst = op_scratch(planes * plane->oh * plane->ow, err)};
    int result = slices.src && slices.dst ? 0 : -1;
    for (int64_t at = 0; at < depth->out && result == 0; at++)
        pool_slice(plane, depth, src, dst, at, &slices);
    free_slices(&slices);
    return result;
}

/* What output slice `at` has of the taps that are inside: their number as an
 * average divides by it, or the largest of them (n * c * oh * ow). */
static int64_t look_under(const struct pool_spec *s, const struct depth *depth,
                          const float *src, int64_t at, struct slices *slices,
                          float *largest)
{
    int64_t planes = s->n * s->c, count = planes * s->oh * s->ow;
    int64_t inside = 0, declared = 0;
    for (int64_t i = 0; i < count; i++)
        largest[i] = -INFINITY;
    for (int64_t tap = 0; tap < depth->kernel; tap++) {
        int64_t from =
            at * depth->stride + tap * depth->dilation - depth->begin;
        declared += from < depth->in + depth->end;
        if (from < 0 || from >= depth->in)
            continue;
        inside++;
        if (s->average)
            continue;
        take(slices->src, src, planes, depth->in, s->ih * s->iw, from);
        reference_pool(s, slices->src, slices->dst);
        for (int64_t i = 0; i < count; i++)
            largest[i] = fmaxf(largest[i], slices->dst[i]);
    }
    return s->count_padding ? declared : inside;
}

/* The part of an output slice's gradient that one tap hands on: slices->dst
 * becomes it. A maximum is claimed once: it is no number from then on. */
static void share_of_tap(const struct pool_spec *s, int64_t divisor,
                         const float *gradient, struct slices *slices,
                         float *largest)
{
    int64_t count = s->n * s->c * s->oh * s->ow;
    if (!s->average)
        reference_pool(s, slices->src, slices->dst);
    for (int64_t i = 0; i < count; i++) {
        bool claims = !s->average && slices->dst[i] == largest[i];
        if (s->average)
            slices->dst[i] = gradient[i] / (float)divisor;
        else
            slices->dst[i] = claims ? gradient[i] : 0;
        if (claims)
            largest[i] = NAN;
    }
}

int volume_pool_backward(const struct pool_spec *plane,
                         const struct depth *depth, const float *src,
                         const float *gradient, float *src_gradient,
                         struct error *err)
{
    int64_t planes = plane->n * plane->c, size = plane->ih * plane->iw;
    int64_t inner = plane->oh * plane->ow;
    struct slices slices = {op_scratch(planes * size, err),
                            op_scratch(planes * size, err),
                            op_scratch(planes * inner, err)};
    float *largest = op_scratch(planes * inner, err);
    float *by_dst = op_scratch(planes * inner, err);
    bool good = slices.weight && slices.src && slices.dst && largest && by_dst;
    memset(src_gradient, 0,
           (size_t)(planes * depth->in * size) * sizeof *src_gradient);
    for (int64_t at = 0; at < depth->out && good; at++) {
        int64_t divisor = look_under(plane, depth, src, at, &slices, largest);
        take(by_dst, gradient, planes, depth->out, inner, at);
        for (int64_t tap = 0; tap < depth->kernel; tap++) {
            int64_t from =
                at * depth->stride + tap * depth->dilation - depth->begin;
            if (from < 0 || from >= depth->in)
                continue;
            take(slices.src, src, planes, depth->in, size, from);
            share_of_tap(plane, divisor, by_dst, &slices, largest);
            reference_pool_backward(plane, slices.src, slices.dst,
                                    slices.weight);
            give(src_gradient, slices.weight, planes, depth->in, size, from);
        }
    }
    free_slices(&slices);
    free(largest);
    free(by_dst);
    return good ? 0 : -1;
}

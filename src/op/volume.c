#include "op/volume.h"
#include "kernel/reference.h"

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

static void add_slice(const struct conv_spec *s, const struct depth *depth,
                      const float *from, float *dst, int64_t at)
{
    int64_t inner = s->oh * s->ow;
    for (int64_t i = 0; i < s->n * s->oc; i++)
        for (int64_t j = 0; j < inner; j++)
            dst[(i * depth->out + at) * inner + j] += from[i * inner + j];
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
            add_slice(plane, depth, slices.dst, dst, transposed ? other : at);
        }
    }
    free_slices(&slices);
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

#include "measure/survey.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/pages.h"
#include "base/rng.h"
#include "kernel/dense.h"
#include "kernel/layout.h"
#include "kernel/sparse.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WARM_RUNS = 2,
    FEWEST_RUNS = 5,
    MOST_RUNS = 101,
    ENOUGH_NS = 2000000,
    PATIENCE_NS = 100000000,
    STREAM_BYTES = 64 << 20,
};

static const struct epilogue relu = {false, {ELTWISE_RELU, 0, 0}};

/* size 0: a product of n rows. */
struct problem {
    int64_t n, groups, ic, size, oc, window, stride;
};

static const struct problem problems[] = {
    /* small first: they are what a test measures */
    {1, 1, 16, 16, 16, 3, 1},
    {1, 1, 16, 16, 32, 1, 1},
    {1, 1, 64, 0, 32, 1, 1},
    {1, 16, 16, 16, 16, 3, 1},
    /* 3x3 */
    {1, 1, 16, 28, 16, 3, 1},
    {1, 1, 32, 14, 32, 3, 1},
    {1, 1, 32, 28, 64, 3, 1},
    {1, 1, 64, 7, 64, 3, 1},
    {1, 1, 64, 14, 64, 3, 1},
    {1, 1, 64, 56, 64, 3, 1},
    {1, 1, 128, 14, 128, 3, 1},
    {1, 1, 128, 28, 128, 3, 1},
    {1, 1, 256, 7, 256, 3, 1},
    {1, 1, 512, 7, 512, 3, 1},
    {1, 1, 16, 28, 32, 3, 2},
    {1, 1, 32, 14, 64, 3, 2},
    {1, 1, 64, 56, 128, 3, 2},
    {1, 1, 256, 14, 512, 3, 2},
    /* 1x1 */
    {1, 1, 16, 28, 64, 1, 1},
    {1, 1, 32, 14, 32, 1, 1},
    {1, 1, 64, 28, 64, 1, 1},
    {1, 1, 64, 14, 128, 1, 1},
    {1, 1, 128, 14, 128, 1, 1},
    {1, 1, 128, 7, 256, 1, 1},
    {1, 1, 256, 7, 256, 1, 1},
    {1, 1, 64, 56, 256, 1, 1},
    {1, 1, 512, 14, 256, 1, 1},
    {1, 1, 512, 7, 2048, 1, 1},
    {1, 1, 16, 28, 32, 1, 2},
    {1, 1, 256, 56, 512, 1, 2},
    /* stems and larger windows */
    {1, 1, 1, 28, 16, 3, 1},
    {1, 1, 3, 32, 16, 3, 1},
    {1, 1, 3, 224, 32, 3, 2},
    {1, 1, 3, 224, 64, 7, 2},
    {1, 1, 1, 28, 6, 5, 1},
    {1, 1, 6, 14, 16, 5, 1},
    {1, 1, 32, 14, 64, 5, 1},
    /* depthwise */
    {1, 32, 32, 28, 32, 3, 1},
    {1, 64, 64, 14, 64, 3, 1},
    {1, 128, 128, 14, 128, 3, 1},
    {1, 256, 256, 7, 256, 3, 1},
    {1, 64, 64, 28, 64, 3, 2},
    {1, 32, 32, 112, 32, 3, 1},
    {1, 8, 64, 28, 64, 3, 1},
    /* products: one row, a sentence, a batch */
    {1, 1, 100, 0, 10, 1, 1},
    {1, 1, 300, 0, 100, 1, 1},
    {1, 1, 784, 0, 300, 1, 1},
    {1, 1, 512, 0, 512, 1, 1},
    {1, 1, 2048, 0, 1000, 1, 1},
    {1, 1, 4096, 0, 4096, 1, 1},
    {17, 1, 64, 0, 256, 1, 1},
    {64, 1, 192, 0, 192, 1, 1},
    {64, 1, 768, 0, 768, 1, 1},
    {128, 1, 512, 0, 2048, 1, 1},
    /* sixteen images together */
    {16, 1, 16, 28, 16, 3, 1},
    {16, 1, 32, 14, 32, 3, 1},
    {16, 1, 64, 14, 128, 1, 1},
    {16, 1, 784, 0, 300, 1, 1},
};
enum { BRIEF = 4 };

/* What is drawn: forms of zeros, and how many weights stay. */
static const struct {
    enum sparse_form form;
    double density;
} patterns[] = {
    {SPARSE_FORM_ANY, 1},       {SPARSE_FORM_ANY, 0.7},
    {SPARSE_FORM_ANY, 0.5},     {SPARSE_FORM_ANY, 0.3},
    {SPARSE_FORM_ANY, 0.15},    {SPARSE_FORM_ANY, 0.05},
    {SPARSE_FORM_LANES, 0.5},   {SPARSE_FORM_LANES, 0.25},
    {SPARSE_FORM_ROWS4, 0.5},   {SPARSE_FORM_ROWS4, 0.15},
    {SPARSE_FORM_ROWS16, 0.5},  {SPARSE_FORM_ROWS16, 0.15},
    {SPARSE_FORM_INPUT16, 0.5}, {SPARSE_FORM_INPUT16, 0.15},
};

void survey_release(struct survey *survey)
{
    free(survey->points);
    *survey = (struct survey){0};
}

/* --- timing --- */

void *survey_memory(size_t bytes)
{
    return pages_create(bytes);
}

static int ascending(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

double survey_time(void (*run)(void *argument), void *argument)
{
    double times[MOST_RUNS];
    size_t count = 0;
    for (int i = 0; i < WARM_RUNS; i++)
        run(argument);
    int64_t begin = clock_now_ns(), passed = 0;
    while (count < MOST_RUNS && passed < PATIENCE_NS &&
           (count < FEWEST_RUNS || passed < ENOUGH_NS)) {
        int64_t before = clock_now_ns();
        run(argument);
        int64_t after = clock_now_ns();
        times[count++] = (double)(after - before);
        passed = after - begin;
    }
    qsort(times, count, sizeof *times, ascending);
    return times[count / 2];
}

/* --- one kernel of ours --- */

struct call {
    const struct kernel_spec *spec;
    const struct sparse_kernel *sparse;
    struct dense_call dense;
    const struct dense_kernel *dense_kernel;
    int64_t border;
    float *src, *dst;
    void *packed, *scratch;
};

static void run_sparse(void *argument)
{
    const struct call *c = argument;
    const struct sparse_part whole = sparse_whole(c->spec);
    c->sparse->run(c->spec, c->packed, c->src, c->border, c->dst, c->border,
                   &relu, NULL, c->scratch, &whole);
}

static void run_dense(void *argument)
{
    const struct call *c = argument;
    c->dense_kernel->run(&c->dense, c->scratch, 0,
                         c->dense_kernel->units(c->spec));
}

static size_t elements(const struct kernel_spec *spec, bool result,
                       enum layout layout, int64_t border)
{
    const struct conv_spec *c = &spec->conv;
    const struct product_spec *p = &spec->product;
    struct layout_desc desc = {layout,
                               c->n,
                               result ? c->oc : c->ic,
                               result ? c->oh : c->ih,
                               result ? c->ow : c->iw,
                               border};
    if (spec->kind == KERNEL_PRODUCT)
        desc = (struct layout_desc){layout, p->n, result ? p->out : p->in,
                                    1,      1,    0};
    return (size_t)layout_elements(&desc);
}

static double time_call(struct call *c, enum layout layout, size_t packed_bytes,
                        size_t scratch_bytes, void (*run)(void *argument))
{
    double ns = NAN;
    c->src = survey_memory(elements(c->spec, false, layout, c->border) *
                           sizeof(float));
    c->dst = survey_memory(elements(c->spec, true, layout, c->border) *
                           sizeof(float));
    c->packed = survey_memory(packed_bytes);
    c->scratch = survey_memory(scratch_bytes);
    if (c->src && c->dst && c->packed && c->scratch) {
        if (c->sparse)
            c->sparse->pack(c->spec, c->packed);
        else
            c->dense_kernel->pack(c->spec, c->packed);
        c->dense = (struct dense_call){.spec = c->spec,
                                       .epilogue = &relu,
                                       .packed = c->packed,
                                       .src = c->src,
                                       .dst = c->dst};
        ns = survey_time(run, c);
    }
    free(c->src);
    free(c->dst);
    free(c->packed);
    free(c->scratch);
    return ns;
}

static double time_sparse(const struct kernel_spec *spec,
                          const struct sparse_kernel *kernel)
{
    struct call c = {.spec = spec, .sparse = kernel};
    if (kernel->layout == LAYOUT_PLANE)
        c.border = spec->conv.pad_top;
    return time_call(&c, kernel->layout, kernel->pack_bytes(spec),
                     kernel->scratch_bytes(spec, c.border), run_sparse);
}

static double time_own_dense(const struct kernel_spec *spec, enum cpu_isa isa)
{
    struct call c = {.spec = spec,
                     .dense_kernel = dense_kernel_find(spec, &relu, isa)};
    if (!c.dense_kernel)
        return INFINITY;
    return time_call(&c, c.dense_kernel->layout,
                     c.dense_kernel->pack_bytes(spec),
                     c.dense_kernel->scratch_bytes(spec), run_dense);
}

/* --- problems --- */

static struct kernel_spec spec_of(const struct problem *p, const float *weight,
                                  const float *bias)
{
    struct kernel_spec spec = {.kind = KERNEL_PRODUCT, .weight_input = 1};
    if (p->size == 0) {
        spec.product = (struct product_spec){.n = p->n,
                                             .in = p->ic,
                                             .out = p->oc,
                                             .weight = weight,
                                             .bias = bias};
        return spec;
    }
    int64_t pad = p->window / 2, out = (p->size - 1) / p->stride + 1;
    spec.kind = KERNEL_CONV;
    spec.conv = (struct conv_spec){.n = p->n,
                                   .groups = p->groups,
                                   .ic = p->ic,
                                   .ih = p->size,
                                   .iw = p->size,
                                   .oc = p->oc,
                                   .oh = out,
                                   .ow = out,
                                   .kh = p->window,
                                   .kw = p->window,
                                   .sh = p->stride,
                                   .sw = p->stride,
                                   .dh = 1,
                                   .dw = 1,
                                   .pad_top = pad,
                                   .pad_left = pad,
                                   .pad_bottom = pad,
                                   .pad_right = pad,
                                   .weight = weight,
                                   .bias = bias};
    return spec;
}

static int64_t weights_of(const struct problem *p)
{
    return p->ic / p->groups * p->oc * p->window * p->window;
}

static int add(struct survey *survey, const struct workload *workload,
               double ns, struct error *err)
{
    if (isinf(ns)) /* does not serve */
        return 0;
    if (isnan(ns) ||
        array_reserve(&survey->points, &survey->capacity, survey->count + 1,
                      sizeof *survey->points) < 0)
        return error_memory(err, sizeof *survey->points * survey->count);
    survey->points[survey->count++] = (struct timed_workload){*workload, ns};
    return 0;
}

/* The fastest dense kernel; where there is none of that name, ours for sparse
 * weights with all of them there. */
static int add_dense(struct survey *survey, const struct workload *workload,
                     const struct kernel_spec *spec,
                     const struct survey_options *o, struct error *err)
{
    double ns = time_own_dense(spec, o->isa);
    if (o->dense)
        ns = fmin(ns, o->dense(o->context, spec));
    for (int layout = 0; layout < LAYOUT_COUNT && !o->dense; layout++) {
        const struct sparse_kernel *kernel = sparse_kernel_find(
            spec, (enum layout)layout, SPARSE_FORM_ANY, o->isa);
        if (kernel)
            ns = fmin(ns, time_sparse(spec, kernel));
    }
    return add(survey, workload, ns, err);
}

static int add_sparse(struct survey *survey, const struct workload *workload,
                      const struct kernel_spec *spec, enum sparse_form form,
                      const struct survey_options *o, struct error *err)
{
    struct workload way = *workload;
    int code = 0;
    way.method = WORKLOAD_SPARSE;
    way.form = form;
    for (int layout = 0; layout < LAYOUT_COUNT && code == 0; layout++) {
        const struct sparse_kernel *kernel =
            sparse_kernel_find(spec, (enum layout)layout, form, o->isa);
        if (!kernel || (layout == LAYOUT_IMAGE16 && workload->n < 8))
            continue;
        way.layout = (enum layout)layout;
        code = add(survey, &way, time_sparse(spec, kernel), err);
    }
    return code;
}

static int measure_problem(struct survey *survey, const struct problem *p,
                           const struct survey_options *o, struct error *err)
{
    size_t count = (size_t)weights_of(p);
    float *weight = survey_memory(count * sizeof *weight);
    float *bias = survey_memory((size_t)p->oc * sizeof *bias);
    int code = weight && bias ? 0 : error_memory(err, count * sizeof *weight);
    struct kernel_spec spec = spec_of(p, weight, bias);
    struct rng rng;
    rng_init(&rng, 1);
    for (size_t i = 0; i < ARRAY_LENGTH(patterns) && code == 0; i++) {
        struct sparse_structure zeros;
        struct workload workload;
        if (cancel_raised(o->cancel)) {
            code = error_set(err, ERROR_CANCELLED, "cancelled");
            break;
        }
        sparse_structure_draw(&spec, patterns[i].form, patterns[i].density,
                              &rng, weight);
        sparse_structure_of(&zeros, &spec);
        workload_of(&workload, &spec, &zeros,
                    (int64_t)elements(&spec, false, LAYOUT_PLAIN, 0),
                    (int64_t)elements(&spec, true, LAYOUT_PLAIN, 0));
        if (patterns[i].density == 1)
            code = add_dense(survey, &workload, &spec, o, err);
        else
            code =
                add_sparse(survey, &workload, &spec, patterns[i].form, o, err);
    }
    free(weight);
    free(bias);
    return code;
}

/* --- memory --- */

struct stream {
    const float *from;
    float *to;
    size_t count;
};

static void copy(void *argument)
{
    const struct stream *s = argument;
    memcpy(s->to, s->from, s->count * sizeof *s->to);
}

/* What every element-wise step does at least: an activation. */
static void clamp(void *argument)
{
    const struct stream *s = argument;
    for (size_t i = 0; i < s->count; i++)
        s->to[i] = s->from[i] > 0 ? s->from[i] : 0;
}

static int measure_memory(struct survey *survey, const struct survey_options *o,
                          struct error *err)
{
    size_t bytes = o->brief ? 1 << 20 : STREAM_BYTES;
    struct stream s = {survey_memory(bytes), survey_memory(bytes),
                       bytes / sizeof(float)};
    const struct kernel_spec spec = {.kind = KERNEL_ELTWISE};
    int code = s.from && s.to ? 0 : error_memory(err, 2 * bytes);
    if (code == 0)
        survey->bytes_per_s = 2e9 * (double)bytes / survey_time(copy, &s);
    for (s.count = 256; s.count <= bytes / sizeof(float) && code == 0;
         s.count *= 4) {
        struct workload workload;
        workload_of(&workload, &spec, NULL, (int64_t)s.count, (int64_t)s.count);
        code = add(survey, &workload, survey_time(clamp, &s), err);
    }
    union {
        const float *constant;
        void *memory;
    } from = {s.from};
    free(from.memory);
    free(s.to);
    return code;
}

int survey_run(struct survey *survey, const struct survey_options *options,
               struct error *err)
{
    size_t count = options->brief ? BRIEF : ARRAY_LENGTH(problems);
    *survey = (struct survey){0};
    int code = measure_memory(survey, options, err);
    for (size_t i = 0; i < count && code == 0; i++) {
        const struct problem *p = &problems[i];
        struct kernel_spec spec = spec_of(p, NULL, NULL);
        struct workload workload;
        char what[96];
        workload_of(&workload, &spec, NULL, 0, 0);
        snprintf(what, sizeof what, "%s, %lld to %lld channels",
                 workload_shape(&workload), (long long)p->ic, (long long)p->oc);
        if (options->progress)
            options->progress(options->context, i, count, what);
        code = measure_problem(survey, p, options, err);
    }
    if (code < 0)
        survey_release(survey);
    return code;
}

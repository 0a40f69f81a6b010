#include "kernel/workload.h"

#include "kernel/layout.h"

#include <stdio.h>

/* Rows of a product below which weights are read rather than multiplied. */
enum { FEW_ROWS = 8 };

static const char *const kinds[KERNEL_KIND_COUNT] = {
    [KERNEL_NONE] = "other",          [KERNEL_CONV] = "conv",
    [KERNEL_DECONV] = "deconv",       [KERNEL_PRODUCT] = "product",
    [KERNEL_MATMUL] = "matmul",       [KERNEL_POOL] = "pool",
    [KERNEL_ELTWISE] = "eltwise",     [KERNEL_BINARY] = "binary",
    [KERNEL_AFFINE] = "affine",       [KERNEL_SOFTMAX] = "softmax",
    [KERNEL_ALIAS] = "alias",         [KERNEL_NORM] = "norm",
    [KERNEL_ATTENTION] = "attention",
};

static const char *const methods[WORKLOAD_METHOD_COUNT] = {"dense", "sparse",
                                                           "plain", "reorder"};

static const char *const forms[SPARSE_FORM_COUNT] = {"any", "rows4", "rows16",
                                                     "lanes", "input16"};

const char *workload_kind_name(enum kernel_kind kind)
{
    return kinds[kind];
}

const char *workload_method_name(enum workload_method method)
{
    return methods[method];
}

const char *workload_form_name(enum sparse_form form)
{
    return forms[form];
}

static void take_conv(struct workload *w, const struct conv_spec *c)
{
    bool transposed = w->kind == KERNEL_DECONV;
    w->n = c->n;
    w->groups = c->groups;
    w->ic = c->ic;
    w->oc = c->oc;
    w->oh = c->oh;
    w->ow = c->ow;
    w->window = c->kh * c->kw;
    w->stride = c->sh;
    w->weights = c->ic / c->groups * c->oc * w->window;
    w->macs = w->weights * c->n * (transposed ? c->ih * c->iw : c->oh * c->ow);
}

void workload_of(struct workload *out, const struct kernel_spec *spec,
                 const struct sparse_structure *structure, int64_t source,
                 int64_t result)
{
    const struct product_spec *p = &spec->product;
    const struct matmul_spec *m = &spec->matmul;
    *out = (struct workload){.kind = spec->kind,
                             .n = 1,
                             .groups = 1,
                             .ic = 1,
                             .oc = 1,
                             .oh = 1,
                             .ow = 1,
                             .window = 1,
                             .stride = 1,
                             .source = source,
                             .result = result};
    if (spec->kind == KERNEL_CONV || spec->kind == KERNEL_DECONV) {
        take_conv(out, &spec->conv);
    } else if (spec->kind == KERNEL_PRODUCT) {
        out->n = p->n;
        out->ic = p->in;
        out->oc = p->out;
        out->weights = p->in * p->out;
        out->macs = out->weights * p->n;
    } else if (spec->kind == KERNEL_MATMUL) {
        out->n = m->batch;
        out->ic = m->k;
        out->oc = m->n;
        out->ow = m->m;
        out->macs = m->batch * m->m * m->k * m->n;
    } else if (spec->kind == KERNEL_ATTENTION) {
        const struct attention_spec *a = &spec->attention;
        out->n = a->outer * a->inner;
        out->ic = a->k;
        out->oc = a->w;
        out->ow = a->m;
        out->macs = out->n * a->m * a->n * (a->k + a->w);
    } else if (spec->kind == KERNEL_POOL) {
        out->window = spec->pool.kh * spec->pool.kw;
        out->macs = result * out->window;
    }
    bool counted = structure && structure->weights == out->weights;
    out->nonzeros = counted ? structure->nonzeros : out->weights;
    for (int form = 0; form < SPARSE_FORM_COUNT; form++)
        out->stored[form] = counted ? structure->stored[form] : out->weights;
    out->stored[SPARSE_FORM_ANY] = out->nonzeros;
}

int64_t workload_stored(const struct workload *workload)
{
    return workload->method == WORKLOAD_SPARSE
               ? workload->stored[workload->form]
               : workload->weights;
}

static const char *conv_shape(const struct workload *w)
{
    if (w->groups > 1 && w->groups == w->ic)
        return "depthwise";
    if (w->groups > 1)
        return "conv grouped";
    if (w->window == 1)
        return "conv 1x1";
    if (w->window == 9)
        return w->stride == 1 ? "conv 3x3" : "conv 3x3 strided";
    return "conv";
}

const char *workload_shape(const struct workload *workload)
{
    if (workload->kind == KERNEL_CONV)
        return conv_shape(workload);
    if (workload->kind == KERNEL_PRODUCT && workload->n < FEW_ROWS)
        return "vector";
    return kinds[workload->kind];
}

void workload_class(const struct workload *workload,
                    char text[WORKLOAD_NAME_BYTES])
{
    int n = snprintf(text, WORKLOAD_NAME_BYTES, "%s %s",
                     workload->method == WORKLOAD_REORDER
                         ? "layout"
                         : workload_shape(workload),
                     methods[workload->method]);
    if (workload->method == WORKLOAD_SPARSE)
        snprintf(text + n, WORKLOAD_NAME_BYTES - (size_t)n, " %s %s",
                 forms[workload->form], layout_name(workload->layout));
}

/* Running compiled kernels on memory: one function per method. */
#include "exec/compiled.h"
#include "kernel/reference.h"

#include <stddef.h>

static int run_onednn(const struct bound *b)
{
    return onednn_run(&b->onednn);
}

static int run_dense(const struct bound *b)
{
    const struct operands operands = {
        b->src, b->other, {b->more[0], b->more[1]}, b->dst};
    dense_run(b->compiled, &operands, b->scratch);
    return 0;
}

static int run_sparse(const struct bound *b)
{
    const struct operands operands = {
        b->src, b->other, {b->more[0], b->more[1]}, b->dst};
    sparse_run(b->compiled, &operands, b->scratch);
    return 0;
}

static int run_reorder(const struct bound *b)
{
    layout_convert(&b->compiled->src, b->src, &b->compiled->dst, b->dst,
                   b->isa);
    return 0;
}

static void run_eltwise(const struct bound *b)
{
    const float *from = b->src;
    float *to = b->dst;
    for (int64_t i = 0; i < layout_elements(&b->compiled->dst); i++)
        to[i] = reference_eltwise(&b->compiled->spec.eltwise, from[i]);
}

/* What tasks of several nodes are made of. */
static int run_reference(const struct bound *b)
{
    const struct compiled *c = b->compiled;
    switch (c->spec.kind) {
    case KERNEL_CONV:
        reference_conv(&c->spec.conv, b->src, b->dst);
        break;
    case KERNEL_DECONV:
        reference_deconv(&c->spec.conv, b->src, b->dst);
        break;
    case KERNEL_PRODUCT:
        reference_product(&c->spec.product, b->src, b->dst);
        break;
    case KERNEL_NORM:
        reference_norm(&c->spec.norm, b->src, b->dst);
        break;
    case KERNEL_ATTENTION:
        reference_attention(&c->spec.attention, b->src, b->other, b->more[0],
                            b->more[1], b->dst);
        return 0;
    case KERNEL_ELTWISE:
        run_eltwise(b);
        break;
    default:
        return -1;
    }
    reference_epilogue(&c->epilogue, b->dst, b->other,
                       layout_elements(&c->dst));
    return 0;
}

static int (*const runs[METHOD_COUNT])(const struct bound *) = {
    [METHOD_REFERENCE] = run_reference, [METHOD_ONEDNN] = run_onednn,
    [METHOD_SPARSE] = run_sparse,       [METHOD_DENSE] = run_dense,
    [METHOD_REORDER] = run_reorder,
};

int bound_init(struct bound *bound)
{
    /* oneDNN's handles are not const; sources are only read. */
    union {
        const void *constant;
        void *handle;
    } src = {.constant = bound->src}, other = {.constant = bound->other};
    const struct compiled *c = bound->compiled;
    if (c->candidate.method != METHOD_ONEDNN)
        return 0;
    return onednn_binding_create(&bound->onednn, &c->box->engine, &c->onednn,
                                 src.handle, other.handle, bound->dst,
                                 bound->scratch);
}

void bound_release(struct bound *bound)
{
    onednn_binding_release(&bound->onednn);
}

int bound_run(const struct bound *bound)
{
    return runs[bound->compiled->candidate.method](bound);
}

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
    const struct operands operands = {b->src, b->other, b->dst};
    dense_run(b->compiled, &operands, b->scratch);
    return 0;
}

static int run_sparse(const struct bound *b)
{
    const struct operands operands = {b->src, b->other, b->dst};
    sparse_run(b->compiled, &operands, b->scratch);
    return 0;
}

static int run_reorder(const struct bound *b)
{
    layout_convert(&b->compiled->src, b->src, &b->compiled->dst, b->dst,
                   b->isa);
    return 0;
}

static int run_reference(const struct bound *b)
{
    const struct compiled *c = b->compiled;
    if (c->spec.kind == KERNEL_CONV)
        reference_conv(&c->spec.conv, b->src, b->dst);
    else if (c->spec.kind == KERNEL_DECONV)
        reference_deconv(&c->spec.conv, b->src, b->dst);
    else
        reference_product(&c->spec.product, b->src, b->dst);
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

/* Product with a constant matrix, and of two run-time matrices. */
#include "kernel/onednn_internal.h"

int onednn_product_describe(struct onednn_making *making)
{
    const struct onednn_problem *problem = making->problem;
    const struct product_spec *p = &problem->spec->product;
    const dnnl_dims_t src_dims = {p->n, p->in}, dst_dims = {p->n, p->out};
    const dnnl_dims_t weight_dims = {p->out, p->in}, bias_dims = {p->out};
    struct onednn_memory_desc src = {0}, weight = {0}, bias = {0}, dst = {0};
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t status = dnnl_invalid_arguments;
    if (problem->src.layout != LAYOUT_PLAIN ||
        problem->dst.layout != LAYOUT_PLAIN)
        return -1;
    if (onednn_desc_init(&src, 2, src_dims, dnnl_ab) ||
        onednn_desc_init(&weight, 2, weight_dims, dnnl_format_tag_any) ||
        onednn_desc_init(&bias, 1, bias_dims, dnnl_a) ||
        onednn_desc_init(&dst, 2, dst_dims, dnnl_ab) ||
        onednn_attr_create(&attr, problem, ONEDNN_MD_OF(&dst)))
        goto out;
    ONEDNN_MD_REF bias_ref = p->bias ? ONEDNN_MD_OF(&bias) : NULL;
#if DNNL_VERSION_MAJOR >= 3
    status = dnnl_inner_product_forward_primitive_desc_create(
        &making->desc, making->engine, dnnl_forward_inference,
        ONEDNN_MD_OF(&src), ONEDNN_MD_OF(&weight), bias_ref, ONEDNN_MD_OF(&dst),
        attr);
#else
    dnnl_inner_product_desc_t desc;
    status = dnnl_inner_product_forward_desc_init(
        &desc, dnnl_forward_inference, ONEDNN_MD_OF(&src),
        ONEDNN_MD_OF(&weight), bias_ref, ONEDNN_MD_OF(&dst));
    if (status == dnnl_success)
        status = dnnl_primitive_desc_create(&making->desc, &desc, attr,
                                            making->engine, NULL);
#endif
out:
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    onednn_desc_release(&src);
    onednn_desc_release(&weight);
    onednn_desc_release(&bias);
    onednn_desc_release(&dst);
    return status == dnnl_success ? 0 : -1;
}

int onednn_product_pack(struct onednn_making *making)
{
    const struct product_spec *p = &making->problem->spec->product;
    const dnnl_dims_t dims = {p->out, p->in};
    struct onednn_memory_desc plain;
    if (onednn_desc_init(&plain, 2, dims, p->transposed ? dnnl_ba : dnnl_ab))
        return -1;
    int status = onednn_pack_weight(making, p->weight, ONEDNN_MD_OF(&plain));
    onednn_desc_release(&plain);
    if (status || !p->bias)
        return status;
    dnnl_memory_t bias = NULL;
    status = onednn_copy_vector(making, p->bias, p->out, &bias);
    making->out->bias = bias;
    making->out->bias_argument = DNNL_ARG_BIAS;
    return status;
}

int onednn_matmul_describe(struct onednn_making *making)
{
    const struct onednn_problem *problem = making->problem;
    const struct matmul_spec *m = &problem->spec->matmul;
    const dnnl_dims_t a_dims = {m->broadcast_a ? 1 : m->batch, m->m, m->k};
    const dnnl_dims_t b_dims = {m->broadcast_b ? 1 : m->batch, m->k, m->n};
    const dnnl_dims_t dst_dims = {m->batch, m->m, m->n};
    struct onednn_memory_desc a = {0}, b = {0}, dst = {0};
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t status = dnnl_invalid_arguments;
    if (onednn_desc_init(&a, 3, a_dims, dnnl_abc) ||
        onednn_desc_init(&b, 3, b_dims, dnnl_abc) ||
        onednn_desc_init(&dst, 3, dst_dims, dnnl_abc) ||
        onednn_attr_create(&attr, problem, ONEDNN_MD_OF(&dst)))
        goto out;
#if DNNL_VERSION_MAJOR >= 3
    status = dnnl_matmul_primitive_desc_create(
        &making->desc, making->engine, ONEDNN_MD_OF(&a), ONEDNN_MD_OF(&b), NULL,
        ONEDNN_MD_OF(&dst), attr);
#else
    dnnl_matmul_desc_t desc;
    status = dnnl_matmul_desc_init(&desc, ONEDNN_MD_OF(&a), ONEDNN_MD_OF(&b),
                                   NULL, ONEDNN_MD_OF(&dst));
    if (status == dnnl_success)
        status = dnnl_primitive_desc_create(&making->desc, &desc, attr,
                                            making->engine, NULL);
#endif
    making->out->two_operands = true;
    making->out->weight_argument = DNNL_ARG_WEIGHTS;
out:
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    onednn_desc_release(&a);
    onednn_desc_release(&b);
    onednn_desc_release(&dst);
    return status == dnnl_success ? 0 : -1;
}

/* Convolution and its transpose. */
#include "kernel/onednn_train_internal.h"

/* The weight as ONNX stores it: (oc, ic/g, kh, kw), for the transposed one
 * (ic, oc/g, kh, kw); oneDNN's logical order is always (g, oc/g, ic/g, …). */
int onednn_conv_weight_desc(struct onednn_memory_desc *out,
                            const struct kernel_spec *spec, bool any)
{
    const struct conv_spec *c = &spec->conv;
    const bool grouped = c->groups > 1;
    const dnnl_dims_t plain = {c->oc, c->ic, c->kh, c->kw};
    const dnnl_dims_t groups = {c->groups, c->oc / c->groups, c->ic / c->groups,
                                c->kh, c->kw};
    static const dnnl_format_tag_t tags[2][2] = {{dnnl_oihw, dnnl_goihw},
                                                 {dnnl_iohw, dnnl_giohw}};
    return onednn_desc_init(out, grouped ? 5 : 4, grouped ? groups : plain,
                            any ? dnnl_format_tag_any
                                : tags[spec->kind == KERNEL_DECONV][grouped]);
}

struct conv_descs {
    struct onednn_memory_desc src, weight, bias, dst;
};

static dnnl_status_t create(struct onednn_making *making,
                            const struct conv_descs *m,
                            dnnl_primitive_attr_t attr)
{
    const struct conv_spec *c = &making->problem->spec->conv;
    const bool transposed = making->problem->spec->kind == KERNEL_DECONV;
    const dnnl_dims_t strides = {c->sh, c->sw};
    const dnnl_dims_t dilates = {c->dh - 1, c->dw - 1};
    const dnnl_dims_t before = {c->pad_top, c->pad_left};
    const dnnl_dims_t behind = {c->pad_bottom, c->pad_right};
    ONEDNN_MD_REF bias = c->bias ? ONEDNN_MD_OF(&m->bias) : NULL;
#if DNNL_VERSION_MAJOR >= 3
    if (transposed)
        return dnnl_deconvolution_forward_primitive_desc_create(
            &making->desc, making->engine, dnnl_forward_inference,
            dnnl_deconvolution_direct, ONEDNN_MD_OF(&m->src),
            ONEDNN_MD_OF(&m->weight), bias, ONEDNN_MD_OF(&m->dst), strides,
            dilates, before, behind, attr);
    return dnnl_convolution_forward_primitive_desc_create(
        &making->desc, making->engine, dnnl_forward_inference,
        dnnl_convolution_direct, ONEDNN_MD_OF(&m->src),
        ONEDNN_MD_OF(&m->weight), bias, ONEDNN_MD_OF(&m->dst), strides, dilates,
        before, behind, attr);
#else
    dnnl_convolution_desc_t conv;
    dnnl_deconvolution_desc_t deconv;
    dnnl_status_t status =
        transposed
            ? dnnl_dilated_deconvolution_forward_desc_init(
                  &deconv, dnnl_forward_inference, dnnl_deconvolution_direct,
                  ONEDNN_MD_OF(&m->src), ONEDNN_MD_OF(&m->weight), bias,
                  ONEDNN_MD_OF(&m->dst), strides, dilates, before, behind)
            : dnnl_dilated_convolution_forward_desc_init(
                  &conv, dnnl_forward_inference, dnnl_convolution_direct,
                  ONEDNN_MD_OF(&m->src), ONEDNN_MD_OF(&m->weight), bias,
                  ONEDNN_MD_OF(&m->dst), strides, dilates, before, behind);
    if (status != dnnl_success)
        return status;
    return dnnl_primitive_desc_create(
        &making->desc, transposed ? (const void *)&deconv : (const void *)&conv,
        attr, making->engine, NULL);
#endif
}

int onednn_conv_describe(struct onednn_making *making)
{
    const struct onednn_problem *problem = making->problem;
    const struct kernel_spec *spec = problem->spec;
    const dnnl_dims_t bias = {spec->conv.oc};
    struct conv_descs m = {0};
    dnnl_primitive_attr_t attr = NULL;
    int status = -1;
    if (problem->src.layout > LAYOUT_BLOCK16 ||
        problem->dst.layout > LAYOUT_BLOCK16)
        return -1;
    if (onednn_desc_of(&m.src, &problem->src, making->any) ||
        onednn_desc_of(&m.dst, &problem->dst, making->any) ||
        onednn_desc_init(&m.bias, 1, bias, dnnl_a) ||
        onednn_conv_weight_desc(&m.weight, spec, true) ||
        onednn_attr_create(&attr, problem, ONEDNN_MD_OF(&m.dst)))
        goto out;
    if (create(making, &m, attr) == dnnl_success)
        status = 0;
out:
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    onednn_desc_release(&m.src);
    onednn_desc_release(&m.weight);
    onednn_desc_release(&m.bias);
    onednn_desc_release(&m.dst);
    return status;
}

int onednn_conv_pack(struct onednn_making *making)
{
    const struct conv_spec *c = &making->problem->spec->conv;
    struct onednn_memory_desc plain;
    if (onednn_conv_weight_desc(&plain, making->problem->spec, false))
        return -1;
    int status = onednn_pack_weight(making, c->weight, ONEDNN_MD_OF(&plain));
    onednn_desc_release(&plain);
    if (status || !c->bias)
        return status;
    dnnl_memory_t bias = NULL;
    status = onednn_copy_vector(making, c->bias, c->oc, &bias);
    making->out->bias = bias;
    making->out->bias_argument = DNNL_ARG_BIAS;
    return status;
}

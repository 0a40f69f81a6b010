/* Pooling, maximum and average. */
#include "kernel/onednn_train_internal.h"

/* What must stand behind the last element so that oneDNN counts `out` window
 * positions: rounding up (ceil_mode) is padding that the model did not
 * declare. */
int64_t onednn_pool_behind(int64_t in, int64_t out, int64_t kernel,
                           int64_t stride, int64_t dilation, int64_t before,
                           int64_t declared)
{
    int64_t reach = (out - 1) * stride + (kernel - 1) * dilation + 1;
    int64_t needed = reach - in - before;
    return needed > declared ? needed : declared;
}

static dnnl_status_t create(struct onednn_making *making,
                            const struct onednn_memory_desc *src,
                            const struct onednn_memory_desc *dst,
                            const dnnl_dims_t behind,
                            dnnl_primitive_attr_t attr)
{
    const struct pool_spec *p = &making->problem->spec->pool;
    const dnnl_dims_t strides = {p->sh, p->sw}, kernel = {p->kh, p->kw};
    const dnnl_dims_t dilation = {p->dh - 1, p->dw - 1};
    const dnnl_dims_t before = {p->pad_top, p->pad_left};
    dnnl_alg_kind_t kind = !p->average ? dnnl_pooling_max
                           : p->count_padding
                               ? dnnl_pooling_avg_include_padding
                               : dnnl_pooling_avg_exclude_padding;
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_pooling_forward_primitive_desc_create(
        &making->desc, making->engine, dnnl_forward_inference, kind,
        ONEDNN_MD_OF(src), ONEDNN_MD_OF(dst), strides, kernel, dilation, before,
        behind, attr);
#else
    /* The form without dilation has the faster kernels. */
    dnnl_pooling_v2_desc_t dilated;
    dnnl_pooling_desc_t dense;
    bool is_dilated = p->dh != 1 || p->dw != 1;
    dnnl_status_t status =
        is_dilated
            ? dnnl_pooling_v2_forward_desc_init(
                  &dilated, dnnl_forward_inference, kind, ONEDNN_MD_OF(src),
                  ONEDNN_MD_OF(dst), strides, kernel, dilation, before, behind)
            : dnnl_pooling_forward_desc_init(
                  &dense, dnnl_forward_inference, kind, ONEDNN_MD_OF(src),
                  ONEDNN_MD_OF(dst), strides, kernel, before, behind);
    if (status != dnnl_success)
        return status;
    return dnnl_primitive_desc_create(&making->desc,
                                      is_dilated ? (const void *)&dilated
                                                 : (const void *)&dense,
                                      attr, making->engine, NULL);
#endif
}

int onednn_pool_describe(struct onednn_making *making)
{
    const struct onednn_problem *problem = making->problem;
    const struct pool_spec *p = &problem->spec->pool;
    const dnnl_dims_t behind = {
        onednn_pool_behind(p->ih, p->oh, p->kh, p->sh, p->dh, p->pad_top,
                           p->pad_bottom),
        onednn_pool_behind(p->iw, p->ow, p->kw, p->sw, p->dw, p->pad_left,
                           p->pad_right)};
    /* Padding that only rounding up adds is not counted by ONNX. */
    if (p->average && p->count_padding &&
        (behind[0] > p->pad_bottom || behind[1] > p->pad_right))
        return -1;
    struct onednn_memory_desc src = {0}, dst = {0};
    dnnl_primitive_attr_t attr = NULL;
    int status = -1;
    if (onednn_desc_of(&src, &problem->src, false) ||
        onednn_desc_of(&dst, &problem->dst, making->any) ||
        onednn_attr_create(&attr, problem, ONEDNN_MD_OF(&dst)))
        goto out;
    if (create(making, &src, &dst, behind, attr) == dnnl_success)
        status = 0;
out:
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    onednn_desc_release(&src);
    onednn_desc_release(&dst);
    return status;
}

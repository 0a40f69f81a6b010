/*
 * Convolution, product and pooling, forward and backward. Where oneDNN has a
 * Winograd convolution (3x3, stride 1, AVX-512) and ours (winograd_train.h)
 * does not serve, it is taken: it needs two thirds of the direct one's time.
 */
#include "kernel/onednn_train_internal.h"

#define OF(m) ONEDNN_MD_OF(&(m))

struct descs {
    struct onednn_memory_desc src, weight, bias, dst;
};

static void release(struct descs *m)
{
    onednn_desc_release(&m->src);
    onednn_desc_release(&m->weight);
    onednn_desc_release(&m->bias);
    onednn_desc_release(&m->dst);
}

static void drop_passes(struct onednn_passes *passes)
{
    for (int i = 0; i < TRAIN_PASS_COUNT; i++) {
        if (passes->descs[i])
            dnnl_primitive_desc_destroy(passes->descs[i]);
        passes->descs[i] = NULL;
    }
}

#if DNNL_VERSION_MAJOR < 3
/* An operation descriptor to a primitive descriptor. */
static dnnl_status_t make(struct onednn_passes *passes, enum train_pass pass,
                          dnnl_status_t status, const void *desc)
{
    if (status != dnnl_success)
        return status;
    return dnnl_primitive_desc_create(
        &passes->descs[pass], desc, passes->attr, passes->engine,
        pass == TRAIN_FORWARD ? NULL : passes->descs[TRAIN_FORWARD]);
}
#endif

/* --- convolution --- */

static dnnl_status_t conv_forward(struct onednn_passes *passes,
                                  const struct descs *m, dnnl_alg_kind_t kind)
{
    const struct conv_spec *c = &passes->problem->spec->conv;
    const dnnl_dims_t strides = {c->sh, c->sw};
    const dnnl_dims_t dilates = {c->dh - 1, c->dw - 1};
    const dnnl_dims_t before = {c->pad_top, c->pad_left};
    const dnnl_dims_t behind = {c->pad_bottom, c->pad_right};
    ONEDNN_MD_REF bias = c->bias ? OF(m->bias) : NULL;
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_convolution_forward_primitive_desc_create(
        &passes->descs[TRAIN_FORWARD], passes->engine, dnnl_forward_training,
        kind, OF(m->src), OF(m->weight), bias, OF(m->dst), strides, dilates,
        before, behind, passes->attr);
#else
    dnnl_convolution_desc_t desc;
    return make(passes, TRAIN_FORWARD,
                dnnl_dilated_convolution_forward_desc_init(
                    &desc, dnnl_forward_training, kind, OF(m->src),
                    OF(m->weight), bias, OF(m->dst), strides, dilates, before,
                    behind),
                &desc);
#endif
}

static dnnl_status_t conv_backward(struct onednn_passes *passes,
                                   const struct descs *m, enum train_pass pass,
                                   dnnl_alg_kind_t kind)
{
    const struct conv_spec *c = &passes->problem->spec->conv;
    const dnnl_dims_t strides = {c->sh, c->sw};
    const dnnl_dims_t dilates = {c->dh - 1, c->dw - 1};
    const dnnl_dims_t before = {c->pad_top, c->pad_left};
    const dnnl_dims_t behind = {c->pad_bottom, c->pad_right};
    ONEDNN_MD_REF bias = c->bias ? OF(m->bias) : NULL;
#if DNNL_VERSION_MAJOR >= 3
    if (pass == TRAIN_DATA)
        return dnnl_convolution_backward_data_primitive_desc_create(
            &passes->descs[pass], passes->engine, kind, OF(m->src),
            OF(m->weight), OF(m->dst), strides, dilates, before, behind,
            passes->descs[TRAIN_FORWARD], passes->attr);
    return dnnl_convolution_backward_weights_primitive_desc_create(
        &passes->descs[pass], passes->engine, kind, OF(m->src), OF(m->weight),
        bias, OF(m->dst), strides, dilates, before, behind,
        passes->descs[TRAIN_FORWARD], passes->attr);
#else
    dnnl_convolution_desc_t desc;
    return make(passes, pass,
                pass == TRAIN_DATA
                    ? dnnl_dilated_convolution_backward_data_desc_init(
                          &desc, kind, OF(m->src), OF(m->weight), OF(m->dst),
                          strides, dilates, before, behind)
                    : dnnl_dilated_convolution_backward_weights_desc_init(
                          &desc, kind, OF(m->src), OF(m->weight), bias,
                          OF(m->dst), strides, dilates, before, behind),
                &desc);
#endif
}

static int conv_all(struct onednn_passes *passes, const struct descs *m,
                    dnnl_alg_kind_t kind)
{
    if (conv_forward(passes, m, kind) == dnnl_success &&
        (!passes->by_src ||
         conv_backward(passes, m, TRAIN_DATA, kind) == dnnl_success) &&
        conv_backward(passes, m, TRAIN_WEIGHT, kind) == dnnl_success)
        return 0;
    drop_passes(passes);
    return -1;
}

int onednn_conv_passes(struct onednn_passes *passes)
{
    const struct onednn_problem *problem = passes->problem;
    const dnnl_dims_t bias = {problem->spec->conv.oc};
    struct descs m = {0};
    int status = -1;
    if (problem->src.layout > LAYOUT_BLOCK16 ||
        problem->dst.layout > LAYOUT_BLOCK16)
        return -1;
    if (onednn_desc_of(&m.src, &problem->src, false) == 0 &&
        onednn_desc_of(&m.dst, &problem->dst, false) == 0 &&
        onednn_desc_init(&m.bias, 1, bias, dnnl_a) == 0 &&
        onednn_conv_weight_desc(&m.weight, problem->spec, true) == 0 &&
        onednn_conv_weight_desc(&passes->plain, problem->spec, false) == 0) {
#if DNNL_VERSION_MAJOR < 3
        status = conv_all(passes, &m, dnnl_convolution_winograd);
#endif
        if (status)
            status = conv_all(passes, &m, dnnl_convolution_direct);
    }
    release(&m);
    return status;
}

/* --- product --- */

static dnnl_status_t product_pass(struct onednn_passes *passes,
                                  const struct descs *m, enum train_pass pass)
{
    ONEDNN_MD_REF bias =
        passes->problem->spec->product.bias ? OF(m->bias) : NULL;
#if DNNL_VERSION_MAJOR >= 3
    dnnl_primitive_desc_t *out = &passes->descs[pass];
    const_dnnl_primitive_desc_t hint = passes->descs[TRAIN_FORWARD];
    if (pass == TRAIN_FORWARD)
        return dnnl_inner_product_forward_primitive_desc_create(
            out, passes->engine, dnnl_forward_training, OF(m->src),
            OF(m->weight), bias, OF(m->dst), passes->attr);
    if (pass == TRAIN_DATA)
        return dnnl_inner_product_backward_data_primitive_desc_create(
            out, passes->engine, OF(m->src), OF(m->weight), OF(m->dst), hint,
            passes->attr);
    return dnnl_inner_product_backward_weights_primitive_desc_create(
        out, passes->engine, OF(m->src), OF(m->weight), bias, OF(m->dst), hint,
        passes->attr);
#else
    dnnl_inner_product_desc_t desc;
    dnnl_status_t status =
        pass == TRAIN_FORWARD
            ? dnnl_inner_product_forward_desc_init(&desc, dnnl_forward_training,
                                                   OF(m->src), OF(m->weight),
                                                   bias, OF(m->dst))
        : pass == TRAIN_DATA
            ? dnnl_inner_product_backward_data_desc_init(
                  &desc, OF(m->src), OF(m->weight), OF(m->dst))
            : dnnl_inner_product_backward_weights_desc_init(
                  &desc, OF(m->src), OF(m->weight), bias, OF(m->dst));
    return make(passes, pass, status, &desc);
#endif
}

int onednn_product_passes(struct onednn_passes *passes)
{
    const struct onednn_problem *problem = passes->problem;
    const struct product_spec *p = &problem->spec->product;
    const dnnl_dims_t src = {p->n, p->in}, dst = {p->n, p->out};
    const dnnl_dims_t weight = {p->out, p->in}, bias = {p->out};
    struct descs m = {0};
    int status = -1;
    if (problem->src.layout != LAYOUT_PLAIN ||
        problem->dst.layout != LAYOUT_PLAIN)
        return -1;
    if (onednn_desc_init(&m.src, 2, src, dnnl_ab) == 0 &&
        onednn_desc_init(&m.dst, 2, dst, dnnl_ab) == 0 &&
        onednn_desc_init(&m.bias, 1, bias, dnnl_a) == 0 &&
        onednn_desc_init(&m.weight, 2, weight, dnnl_format_tag_any) == 0 &&
        onednn_desc_init(&passes->plain, 2, weight,
                         p->transposed ? dnnl_ba : dnnl_ab) == 0 &&
        product_pass(passes, &m, TRAIN_FORWARD) == dnnl_success &&
        (!passes->by_src ||
         product_pass(passes, &m, TRAIN_DATA) == dnnl_success) &&
        product_pass(passes, &m, TRAIN_WEIGHT) == dnnl_success)
        status = 0;
    release(&m);
    return status;
}

/* --- pooling --- */

static dnnl_status_t pool_pass(struct onednn_passes *passes,
                               const struct descs *m, enum train_pass pass,
                               const dnnl_dims_t behind)
{
    const struct pool_spec *p = &passes->problem->spec->pool;
    const dnnl_dims_t strides = {p->sh, p->sw}, kernel = {p->kh, p->kw};
    const dnnl_dims_t dilation = {p->dh - 1, p->dw - 1};
    const dnnl_dims_t before = {p->pad_top, p->pad_left};
    dnnl_alg_kind_t kind = !p->average ? dnnl_pooling_max
                           : p->count_padding
                               ? dnnl_pooling_avg_include_padding
                               : dnnl_pooling_avg_exclude_padding;
#if DNNL_VERSION_MAJOR >= 3
    if (pass == TRAIN_FORWARD)
        return dnnl_pooling_forward_primitive_desc_create(
            &passes->descs[pass], passes->engine, dnnl_forward_training, kind,
            OF(m->src), OF(m->dst), strides, kernel, dilation, before, behind,
            passes->attr);
    return dnnl_pooling_backward_primitive_desc_create(
        &passes->descs[pass], passes->engine, kind, OF(m->src), OF(m->dst),
        strides, kernel, dilation, before, behind, passes->descs[TRAIN_FORWARD],
        passes->attr);
#else
    dnnl_pooling_v2_desc_t dilated;
    dnnl_pooling_desc_t dense;
    bool is_dilated = p->dh != 1 || p->dw != 1;
    dnnl_status_t status;
    if (pass == TRAIN_FORWARD)
        status =
            is_dilated
                ? dnnl_pooling_v2_forward_desc_init(
                      &dilated, dnnl_forward_training, kind, OF(m->src),
                      OF(m->dst), strides, kernel, dilation, before, behind)
                : dnnl_pooling_forward_desc_init(
                      &dense, dnnl_forward_training, kind, OF(m->src),
                      OF(m->dst), strides, kernel, before, behind);
    else
        status = is_dilated
                     ? dnnl_pooling_v2_backward_desc_init(
                           &dilated, kind, OF(m->src), OF(m->dst), strides,
                           kernel, dilation, before, behind)
                     : dnnl_pooling_backward_desc_init(&dense, kind, OF(m->src),
                                                       OF(m->dst), strides,
                                                       kernel, before, behind);
    return make(passes, pass, status,
                is_dilated ? (const void *)&dilated : (const void *)&dense);
#endif
}

int onednn_pool_passes(struct onednn_passes *passes)
{
    const struct onednn_problem *problem = passes->problem;
    const struct pool_spec *p = &problem->spec->pool;
    const dnnl_dims_t behind = {
        onednn_pool_behind(p->ih, p->oh, p->kh, p->sh, p->dh, p->pad_top,
                           p->pad_bottom),
        onednn_pool_behind(p->iw, p->ow, p->kw, p->sw, p->dw, p->pad_left,
                           p->pad_right)};
    struct descs m = {0};
    int status = -1;
    if (p->average && p->count_padding &&
        (behind[0] > p->pad_bottom || behind[1] > p->pad_right))
        return -1;
    if (onednn_desc_of(&m.src, &problem->src, false) == 0 &&
        onednn_desc_of(&m.dst, &problem->dst, false) == 0 &&
        pool_pass(passes, &m, TRAIN_FORWARD, behind) == dnnl_success &&
        (!passes->by_src ||
         pool_pass(passes, &m, TRAIN_DATA, behind) == dnnl_success))
        status = 0;
    release(&m);
    return status;
}

/* Memory descriptors, attributes and packed constants for onednn*.c. */
#include "kernel/onednn_internal.h"

#include <string.h>

int onednn_desc_init(struct onednn_memory_desc *out, int rank,
                     const dnnl_dims_t dims, dnnl_format_tag_t tag)
{
#if DNNL_VERSION_MAJOR >= 3
    out->desc = NULL;
    return dnnl_memory_desc_create_with_tag(&out->desc, rank, dims, dnnl_f32,
                                            tag) == dnnl_success
               ? 0
               : -1;
#else
    return dnnl_memory_desc_init_by_tag(&out->desc, rank, dims, dnnl_f32,
                                        tag) == dnnl_success
               ? 0
               : -1;
#endif
}

void onednn_desc_release(struct onednn_memory_desc *desc)
{
#if DNNL_VERSION_MAJOR >= 3
    if (desc->desc)
        dnnl_memory_desc_destroy(desc->desc);
#endif
    memset(desc, 0, sizeof(*desc));
}

int onednn_desc_flat(struct onednn_memory_desc *out,
                     const struct layout_desc *from)
{
    const dnnl_dims_t dims = {layout_elements(from)};
    return onednn_desc_init(out, 1, dims, dnnl_a);
}

int onednn_desc_of(struct onednn_memory_desc *out,
                   const struct layout_desc *from, bool any)
{
    static const dnnl_format_tag_t tags[LAYOUT_COUNT] = {
        [LAYOUT_PLAIN] = dnnl_nchw,      [LAYOUT_NHWC] = dnnl_nhwc,
        [LAYOUT_BLOCK16] = dnnl_nChw16c, [LAYOUT_PLANE] = dnnl_format_tag_undef,
        [LAYOUT_IMAGE16] = dnnl_nhwc,
    };
    const dnnl_dims_t dims = {from->n, from->c, from->h, from->w};
    /* 16 images innermost are 16 channels innermost of (n/16 * c) images. */
    const dnnl_dims_t images = {(from->n + 15) / 16 * from->c, 16, from->h,
                                from->w};
    dnnl_format_tag_t tag = any ? dnnl_format_tag_any : tags[from->layout];
    if (tag == dnnl_format_tag_undef)
        return -1;
    return onednn_desc_init(
        out, 4, !any && from->layout == LAYOUT_IMAGE16 ? images : dims, tag);
}

int onednn_eltwise_of(struct onednn_eltwise *out,
                      const struct eltwise_spec *spec)
{
    float a = spec->alpha, b = spec->beta;
    const struct onednn_eltwise rows[ELTWISE_KIND_COUNT] = {
        [ELTWISE_RELU] = {dnnl_eltwise_relu, a, 0},
        [ELTWISE_CLIP] = {dnnl_eltwise_clip, a, b},
        [ELTWISE_SIGMOID] = {dnnl_eltwise_logistic, 0, 0},
        [ELTWISE_TANH] = {dnnl_eltwise_tanh, 0, 0},
        [ELTWISE_ELU] = {dnnl_eltwise_elu, a, 0},
#if DNNL_VERSION_MAJOR >= 3
        [ELTWISE_HARDSIGMOID] = {dnnl_eltwise_hardsigmoid, a, b},
        [ELTWISE_HARDSWISH] = {dnnl_eltwise_hardswish, 1 / 6.0f, 0.5f},
#else
        [ELTWISE_HARDSWISH] = {dnnl_eltwise_hardswish, 0, 0},
#endif
        [ELTWISE_SOFTPLUS] = {dnnl_eltwise_soft_relu, 1, 0},
        [ELTWISE_GELU] = {dnnl_eltwise_gelu_erf, 0, 0},
        [ELTWISE_EXP] = {dnnl_eltwise_exp, 0, 0},
        [ELTWISE_LOG] = {dnnl_eltwise_log, 0, 0},
        [ELTWISE_SQRT] = {dnnl_eltwise_sqrt, 0, 0},
        [ELTWISE_ABS] = {dnnl_eltwise_abs, 0, 0},
        [ELTWISE_NEG] = {dnnl_eltwise_linear, -1, 0},
    };
    *out = rows[spec->kind];
    return out->kind == dnnl_alg_kind_undef ? -1 : 0;
}

bool onednn_serves_eltwise(const struct eltwise_spec *spec)
{
    struct onednn_eltwise unused;
    return onednn_eltwise_of(&unused, spec) == 0;
}

static int append(dnnl_post_ops_t ops, const struct onednn_problem *problem,
                  ONEDNN_MD_REF add)
{
    const struct epilogue *epilogue = problem->epilogue;
    dnnl_status_t status = dnnl_success;
    if (epilogue->add && problem->add_in_place)
#if DNNL_VERSION_MAJOR >= 3
        status = dnnl_post_ops_append_sum(ops, 1, 0, dnnl_f32);
#else
        status = dnnl_post_ops_append_sum(ops, 1);
#endif
    else if (epilogue->add)
        status = dnnl_post_ops_append_binary(ops, dnnl_binary_add, add);
    if (status != dnnl_success)
        return -1;
    if (epilogue->activation.kind == ELTWISE_NONE)
        return 0;
    struct onednn_eltwise eltwise;
    if (onednn_eltwise_of(&eltwise, &epilogue->activation))
        return -1;
#if DNNL_VERSION_MAJOR >= 3
    status = dnnl_post_ops_append_eltwise(ops, eltwise.kind, eltwise.alpha,
                                          eltwise.beta);
#else
    status = dnnl_post_ops_append_eltwise(ops, 1, eltwise.kind, eltwise.alpha,
                                          eltwise.beta);
#endif
    return status == dnnl_success ? 0 : -1;
}

int onednn_attr_create(dnnl_primitive_attr_t *out,
                       const struct onednn_problem *problem, ONEDNN_MD_REF add)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t ops = NULL;
    int status = -1;
    *out = NULL;
    if (dnnl_primitive_attr_create(&attr) != dnnl_success)
        return -1;
    if (dnnl_primitive_attr_set_scratchpad_mode(
            attr, dnnl_scratchpad_mode_user) != dnnl_success)
        goto done;
    if (problem->epilogue) {
        if (dnnl_post_ops_create(&ops) != dnnl_success ||
            append(ops, problem, add) ||
            dnnl_primitive_attr_set_post_ops(attr, ops) != dnnl_success)
            goto done;
    }
    *out = attr;
    status = 0;
done:
    if (ops)
        dnnl_post_ops_destroy(ops);
    if (status)
        dnnl_primitive_attr_destroy(attr);
    return status;
}

/* --- constants --- */

static int reorder(dnnl_engine_t engine, dnnl_memory_t from, ONEDNN_MD_REF src,
                   dnnl_memory_t to, ONEDNN_MD_REF dst)
{
    dnnl_primitive_desc_t desc = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_stream_t stream = NULL;
    int status = -1;
    if (dnnl_reorder_primitive_desc_create(&desc, src, engine, dst, engine,
                                           NULL) != dnnl_success)
        return -1;
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from},
                                         {DNNL_ARG_TO, to}};
    if (dnnl_primitive_create(&primitive, desc) == dnnl_success &&
        dnnl_stream_create(&stream, engine, dnnl_stream_default_flags) ==
            dnnl_success &&
        dnnl_primitive_execute(primitive, stream, 2, arguments) ==
            dnnl_success &&
        dnnl_stream_wait(stream) == dnnl_success)
        status = 0;
    if (stream)
        dnnl_stream_destroy(stream);
    if (primitive)
        dnnl_primitive_destroy(primitive);
    dnnl_primitive_desc_destroy(desc);
    return status;
}

int onednn_pack_weight(struct onednn_making *making, const float *data,
                       ONEDNN_MD_REF from)
{
    ONEDNN_MD_REF wanted =
        dnnl_primitive_desc_query_md(making->desc, dnnl_query_weights_md, 0);
    dnnl_memory_t plain = NULL, packed = NULL;
    /* oneDNN's handles are not const; it only reads this one. */
    union {
        const float *constant;
        void *handle;
    } source = {.constant = data};
    if (!wanted || dnnl_memory_create(&packed, wanted, making->engine,
                                      DNNL_MEMORY_ALLOCATE) != dnnl_success)
        return -1;
    making->out->weight = packed;
    making->out->weight_argument = DNNL_ARG_WEIGHTS;
    making->out->packed_bytes += dnnl_memory_desc_get_size(wanted);
    if (dnnl_memory_create(&plain, from, making->engine, source.handle) !=
        dnnl_success)
        return -1;
    int status = reorder(making->engine, plain, from, packed, wanted);
    dnnl_memory_destroy(plain);
    return status;
}

int onednn_copy_vector(struct onednn_making *making, const float *data,
                       dnnl_dim_t count, dnnl_memory_t *out)
{
    const dnnl_dims_t dims = {count};
    struct onednn_memory_desc desc;
    void *handle = NULL;
    *out = NULL;
    if (onednn_desc_init(&desc, 1, dims, dnnl_a))
        return -1;
    dnnl_status_t status = dnnl_memory_create(
        out, ONEDNN_MD_OF(&desc), making->engine, DNNL_MEMORY_ALLOCATE);
    onednn_desc_release(&desc);
    if (status != dnnl_success ||
        dnnl_memory_get_data_handle(*out, &handle) != dnnl_success)
        return -1;
    memcpy(handle, data, (size_t)count * sizeof(float));
    making->out->packed_bytes += (size_t)count * sizeof(float);
    return 0;
}

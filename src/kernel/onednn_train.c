/* Making and binding training kernels; the kinds describe themselves in
 * onednn_backward.c. */
#include "kernel/onednn_train_internal.h"

#include <stdlib.h>
#include <string.h>

/* --- packings --- */

static int make_reorder(void **out, dnnl_engine_t engine, ONEDNN_MD_REF from,
                        ONEDNN_MD_REF to)
{
    dnnl_primitive_desc_t desc = NULL;
    dnnl_primitive_t primitive = NULL;
    if (dnnl_reorder_primitive_desc_create(&desc, from, engine, to, engine,
                                           NULL) != dnnl_success)
        return -1;
    dnnl_status_t status = dnnl_primitive_create(&primitive, desc);
    dnnl_primitive_desc_destroy(desc);
    *out = primitive;
    return status == dnnl_success ? 0 : -1;
}

static void *copy_desc(ONEDNN_MD_REF desc)
{
    struct onednn_memory_desc *copy = calloc(1, sizeof *copy);
#if DNNL_VERSION_MAJOR >= 3
    if (copy && dnnl_memory_desc_clone(&copy->desc, desc) != dnnl_success) {
        free(copy);
        return NULL;
    }
#else
    if (copy)
        copy->desc = *desc;
#endif
    return copy;
}

static void free_desc(void *desc)
{
    if (desc)
        onednn_desc_release(desc);
    free(desc);
}

static int make_packing(struct onednn_packing *out,
                        const struct onednn_passes *passes,
                        enum train_pass pass)
{
    const_dnnl_primitive_desc_t desc = passes->descs[pass];
    ONEDNN_MD_REF packed = dnnl_primitive_desc_query_md(
        desc,
        pass == TRAIN_WEIGHT ? dnnl_query_diff_weights_md
                             : dnnl_query_weights_md,
        0);
    ONEDNN_MD_REF plain = ONEDNN_MD_OF(&passes->plain);
    if (!packed)
        return -1;
    out->packed = copy_desc(packed);
    out->plain = copy_desc(plain);
    out->bytes = dnnl_memory_desc_get_size(packed);
    if (!out->packed || !out->plain)
        return -1;
    if (pass == TRAIN_WEIGHT)
        return make_reorder(&out->to_plain, passes->engine, packed, plain);
    return make_reorder(&out->to_packed, passes->engine, plain, packed);
}

static int copy_weight(const struct onednn_engine *engine, void *primitive,
                       const struct onednn_memory_desc *from, void *source,
                       const struct onednn_memory_desc *to, void *target)
{
    dnnl_memory_t memories[2] = {NULL, NULL};
    dnnl_stream_t stream = NULL;
    dnnl_engine_t handle = engine->handle;
    int status = -1;
    if (dnnl_memory_create(&memories[0], ONEDNN_MD_OF(from), handle, source) ==
            dnnl_success &&
        dnnl_memory_create(&memories[1], ONEDNN_MD_OF(to), handle, target) ==
            dnnl_success &&
        dnnl_stream_create(&stream, handle, dnnl_stream_default_flags) ==
            dnnl_success) {
        const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, memories[0]},
                                             {DNNL_ARG_TO, memories[1]}};
        if (dnnl_primitive_execute(primitive, stream, 2, arguments) ==
            dnnl_success)
            status = 0;
    }
    for (int i = 0; i < 2; i++)
        if (memories[i])
            dnnl_memory_destroy(memories[i]);
    if (stream)
        dnnl_stream_destroy(stream);
    return status;
}

int onednn_weight_pack(const struct onednn_engine *engine,
                       const struct onednn_trained *trained,
                       enum train_pass pass, float *plain, void *packed)
{
    const struct onednn_packing *p = &trained->packings[pass];
    return copy_weight(engine, p->to_packed, p->plain, plain, p->packed,
                       packed);
}

int onednn_weight_unpack(const struct onednn_engine *engine,
                         const struct onednn_trained *trained, void *packed,
                         float *plain)
{
    const struct onednn_packing *p = &trained->packings[TRAIN_WEIGHT];
    return copy_weight(engine, p->to_plain, p->packed, packed, p->plain, plain);
}

/* --- making --- */

static int finish(struct onednn_trained *out,
                  const struct onednn_passes *passes, enum train_pass pass)
{
    const_dnnl_primitive_desc_t desc = passes->descs[pass];
    dnnl_primitive_t primitive = NULL;
    if (!desc)
        return 0;
    if (dnnl_primitive_create(&primitive, desc) != dnnl_success)
        return -1;
    out->primitives[pass] = primitive;
    ONEDNN_MD_REF scratch =
        dnnl_primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0);
    ONEDNN_MD_REF workspace =
        dnnl_primitive_desc_query_md(desc, dnnl_query_workspace_md, 0);
    size_t bytes = scratch ? dnnl_memory_desc_get_size(scratch) : 0;
    if (bytes > out->scratch_bytes)
        out->scratch_bytes = bytes;
    bytes = workspace ? dnnl_memory_desc_get_size(workspace) : 0;
    if (bytes > out->workspace_bytes)
        out->workspace_bytes = bytes;
    if (passes->problem->spec->kind == KERNEL_POOL)
        return 0;
    return make_packing(&out->packings[pass], passes, pass);
}

int onednn_trained_create(struct onednn_trained *out,
                          const struct onednn_engine *engine,
                          const struct onednn_problem *problem, bool by_src)
{
    memset(out, 0, sizeof *out);
    struct onednn_passes passes = {
        .engine = engine->handle, .problem = problem, .by_src = by_src};
    int (*describe)(struct onednn_passes *) = NULL;
    if (problem->spec->kind == KERNEL_CONV)
        describe = onednn_conv_passes;
    else if (problem->spec->kind == KERNEL_PRODUCT)
        describe = onednn_product_passes;
    else if (problem->spec->kind == KERNEL_POOL)
        describe = onednn_pool_passes;
    if (!describe || onednn_attr_create(&passes.attr, problem, NULL))
        return -1;
    int status = describe(&passes);
    for (int pass = 0; pass < TRAIN_PASS_COUNT && !status; pass++)
        status = finish(out, &passes, (enum train_pass)pass);
    for (int pass = 0; pass < TRAIN_PASS_COUNT; pass++)
        if (passes.descs[pass])
            dnnl_primitive_desc_destroy(passes.descs[pass]);
    dnnl_primitive_attr_destroy(passes.attr);
    onednn_desc_release(&passes.plain);
    if (status)
        onednn_trained_release(out);
    return status;
}

void onednn_trained_release(struct onednn_trained *trained)
{
    for (int pass = 0; pass < TRAIN_PASS_COUNT; pass++) {
        struct onednn_packing *packing = &trained->packings[pass];
        void *const primitives[] = {trained->primitives[pass],
                                    packing->to_packed, packing->to_plain};
        for (size_t i = 0; i < sizeof primitives / sizeof *primitives; i++)
            if (primitives[i])
                dnnl_primitive_destroy(primitives[i]);
        free_desc(packing->packed);
        free_desc(packing->plain);
    }
    memset(trained, 0, sizeof *trained);
}

/* --- binding --- */

static int bind(struct onednn_binding *out, const struct onednn_engine *engine,
                const_dnnl_primitive_desc_t desc, int argument, void *data)
{
    ONEDNN_MD_REF md =
        dnnl_primitive_desc_query_md(desc, dnnl_query_exec_arg_md, argument);
    dnnl_memory_t memory = NULL;
    if (!md || dnnl_memory_desc_get_size(md) == 0)
        return 0;
    if (!data ||
        dnnl_memory_create(&memory, md, engine->handle, data) != dnnl_success)
        return -1;
    out->arguments[out->count] = argument;
    out->memories[out->count] = memory;
    out->owned[out->count] = true;
    out->count++;
    return 0;
}

int onednn_trained_bind(struct onednn_binding *out,
                        const struct onednn_engine *engine,
                        const struct onednn_trained *trained,
                        enum train_pass pass,
                        void *const operands[TRAIN_OPERAND_COUNT])
{
    static const struct {
        int argument;
        enum train_operand operand;
    } rows[] = {
        {DNNL_ARG_SRC, TRAIN_SRC},
        {DNNL_ARG_DST, TRAIN_DST},
        {DNNL_ARG_WEIGHTS, TRAIN_WEIGHT_PACKED},
        {DNNL_ARG_BIAS, TRAIN_BIAS},
        {DNNL_ARG_DIFF_SRC, TRAIN_BY_SRC},
        {DNNL_ARG_DIFF_DST, TRAIN_BY_DST},
        {DNNL_ARG_DIFF_WEIGHTS, TRAIN_BY_WEIGHT},
        {DNNL_ARG_DIFF_BIAS, TRAIN_BY_BIAS},
        {DNNL_ARG_WORKSPACE, TRAIN_WORKSPACE},
        {DNNL_ARG_SCRATCHPAD, TRAIN_SCRATCH},
    };
    const_dnnl_primitive_desc_t desc = NULL;
    dnnl_stream_t stream = NULL;
    memset(out, 0, sizeof *out);
    out->primitive = trained->primitives[pass];
    if (dnnl_primitive_get_primitive_desc(out->primitive, &desc) !=
            dnnl_success ||
        dnnl_stream_create(&stream, engine->handle,
                           dnnl_stream_default_flags) != dnnl_success)
        return -1;
    out->stream = stream;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (bind(out, engine, desc, rows[i].argument,
                 operands[rows[i].operand])) {
            onednn_binding_release(out);
            return -1;
        }
    }
    return 0;
}

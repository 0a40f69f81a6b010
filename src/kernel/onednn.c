/* Making, binding and running oneDNN kernels; each kind describes itself in a
 * file of its own. */
#include "kernel/onednn_internal.h"

#include <stdio.h>
#include <string.h>

/* Of libgomp, which oneDNN uses: counts for the calling thread only. Declared
 * here because <omp.h> is not there with every compiler. */
void omp_set_num_threads(int threads);

int onednn_engine_open(struct onednn_engine *engine)
{
    dnnl_engine_t handle = NULL;
    if (dnnl_engine_create(&handle, dnnl_cpu, 0) != dnnl_success)
        return -1;
    engine->handle = handle;
    return 0;
}

void onednn_engine_close(struct onednn_engine *engine)
{
    if (engine->handle)
        dnnl_engine_destroy(engine->handle);
    engine->handle = NULL;
}

void onednn_set_threads(int threads)
{
    omp_set_num_threads(threads);
}

void onednn_version(char *text, size_t bytes)
{
    const dnnl_version_t *version = dnnl_version();
    snprintf(text, bytes, "%d.%d.%d", version->major, version->minor,
             version->patch);
}

/* --- making --- */

/* One row per kind: describe makes the primitive descriptor, pack (may be
 * NULL) the constant operands. */
static const struct {
    int (*describe)(struct onednn_making *making);
    int (*pack)(struct onednn_making *making);
} onednn_kinds[KERNEL_KIND_COUNT] = {
    [KERNEL_CONV] = {onednn_conv_describe, onednn_conv_pack},
    [KERNEL_DECONV] = {onednn_conv_describe, onednn_conv_pack},
    [KERNEL_PRODUCT] = {onednn_product_describe, onednn_product_pack},
    [KERNEL_MATMUL] = {onednn_matmul_describe, NULL},
    [KERNEL_POOL] = {onednn_pool_describe, NULL},
    [KERNEL_ELTWISE] = {onednn_eltwise_describe, NULL},
    [KERNEL_BINARY] = {onednn_binary_describe, onednn_binary_pack},
    [KERNEL_AFFINE] = {onednn_affine_describe, onednn_affine_pack},
    [KERNEL_SOFTMAX] = {onednn_softmax_describe, NULL},
};

static int finish(struct onednn_making *making)
{
    struct onednn_kernel *out = making->out;
    dnnl_primitive_t primitive = NULL;
    if (dnnl_primitive_create(&primitive, making->desc) != dnnl_success)
        return -1;
    out->primitive = primitive;
    ONEDNN_MD_REF scratch =
        dnnl_primitive_desc_query_md(making->desc, dnnl_query_scratchpad_md, 0);
    out->scratch_bytes = scratch ? dnnl_memory_desc_get_size(scratch) : 0;
    int (*pack)(struct onednn_making *) =
        onednn_kinds[making->problem->spec->kind].pack;
    return pack ? pack(making) : 0;
}

int onednn_kernel_create(struct onednn_kernel *out,
                         const struct onednn_engine *engine,
                         const struct onednn_problem *problem)
{
    memset(out, 0, sizeof(*out));
    if (!onednn_kinds[problem->spec->kind].describe)
        return -1;
    struct onednn_making making = {
        .engine = engine->handle, .problem = problem, .out = out};
    out->add_operand =
        problem->epilogue && problem->epilogue->add && !problem->add_in_place;
    if (onednn_kinds[problem->spec->kind].describe(&making))
        return -1;
    int status = finish(&making);
    dnnl_primitive_desc_destroy(making.desc);
    if (status)
        onednn_kernel_release(out);
    return status;
}

void onednn_kernel_release(struct onednn_kernel *kernel)
{
    void *memories[] = {kernel->weight, kernel->bias, kernel->constants[0],
                        kernel->constants[1]};
    for (size_t i = 0; i < sizeof(memories) / sizeof(memories[0]); i++)
        if (memories[i])
            dnnl_memory_destroy(memories[i]);
    if (kernel->primitive)
        dnnl_primitive_destroy(kernel->primitive);
    memset(kernel, 0, sizeof(*kernel));
}

/* The layout whose descriptor is equal to `desc`; NHWC when none is. */
static enum layout layout_of(ONEDNN_MD_REF desc, struct layout_desc like)
{
    static const enum layout known[] = {LAYOUT_NHWC, LAYOUT_BLOCK16,
                                        LAYOUT_PLAIN};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct onednn_memory_desc candidate;
        like.layout = known[i];
        if (onednn_desc_of(&candidate, &like, false))
            continue;
        int equal = dnnl_memory_desc_equal(ONEDNN_MD_OF(&candidate), desc);
        onednn_desc_release(&candidate);
        if (equal)
            return known[i];
    }
    return LAYOUT_NHWC;
}

int onednn_preferred(const struct onednn_engine *engine,
                     const struct onednn_problem *problem, enum layout *src,
                     enum layout *dst)
{
    struct onednn_problem asked = *problem;
    struct onednn_kernel unused = {0};
    if (!onednn_kinds[problem->spec->kind].describe)
        return -1;
    asked.add_in_place = true; /* an operand's layout is not known yet */
    struct onednn_making making = {.engine = engine->handle,
                                   .problem = &asked,
                                   .any = true,
                                   .out = &unused};
    if (onednn_kinds[problem->spec->kind].describe(&making))
        return -1;
    *src = layout_of(
        dnnl_primitive_desc_query_md(making.desc, dnnl_query_src_md, 0),
        problem->src);
    *dst = layout_of(
        dnnl_primitive_desc_query_md(making.desc, dnnl_query_dst_md, 0),
        problem->dst);
    dnnl_primitive_desc_destroy(making.desc);
    return 0;
}

/* --- binding --- */

/* Adds one operand: memory that exists, or a new view of `data`. */
static int bind(struct onednn_binding *out, dnnl_engine_t engine,
                const_dnnl_primitive_desc_t desc, int argument, void *memory,
                void *data)
{
    dnnl_memory_t made = memory;
    if (!memory) {
        ONEDNN_MD_REF md = dnnl_primitive_desc_query_md(
            desc, dnnl_query_exec_arg_md, argument);
        if (!md || !data ||
            dnnl_memory_create(&made, md, engine, data) != dnnl_success)
            return -1;
    }
    out->arguments[out->count] = argument;
    out->memories[out->count] = made;
    out->owned[out->count] = !memory;
    out->count++;
    return 0;
}

static int bind_all(struct onednn_binding *out, dnnl_engine_t engine,
                    const struct onednn_kernel *kernel, void *const data[4])
{
    const_dnnl_primitive_desc_t desc = NULL;
    if (dnnl_primitive_get_primitive_desc(kernel->primitive, &desc) !=
        dnnl_success)
        return -1;
    const struct {
        int argument;
        void *memory, *data;
    } rows[] = {
        {DNNL_ARG_SRC, NULL, data[0]},
        {kernel->two_operands
             ? kernel->weight_argument
             : DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1,
         NULL, kernel->two_operands || kernel->add_operand ? data[1] : NULL},
        {DNNL_ARG_DST, NULL, data[2]},
        {DNNL_ARG_SCRATCHPAD, NULL, kernel->scratch_bytes ? data[3] : NULL},
        {kernel->weight_argument, kernel->weight, NULL},
        {kernel->bias_argument, kernel->bias, NULL},
        {DNNL_ARG_MEAN, kernel->constants[0], NULL},
        {DNNL_ARG_VARIANCE, kernel->constants[1], NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if ((rows[i].memory || rows[i].data) &&
            bind(out, engine, desc, rows[i].argument, rows[i].memory,
                 rows[i].data))
            return -1;
    return 0;
}

int onednn_binding_create(struct onednn_binding *out,
                          const struct onednn_engine *engine,
                          const struct onednn_kernel *kernel, void *src,
                          void *other, void *dst, void *scratch)
{
    memset(out, 0, sizeof(*out));
    dnnl_stream_t stream = NULL;
    if (dnnl_stream_create(&stream, engine->handle,
                           dnnl_stream_default_flags) != dnnl_success)
        return -1;
    out->stream = stream;
    out->primitive = kernel->primitive;
    void *const data[4] = {src, other, dst, scratch};
    if (bind_all(out, engine->handle, kernel, data)) {
        onednn_binding_release(out);
        return -1;
    }
    return 0;
}

void onednn_binding_release(struct onednn_binding *binding)
{
    for (int i = 0; i < binding->count; i++)
        if (binding->owned[i])
            dnnl_memory_destroy(binding->memories[i]);
    if (binding->stream)
        dnnl_stream_destroy(binding->stream);
    memset(binding, 0, sizeof(*binding));
}

int onednn_run(const struct onednn_binding *binding)
{
    dnnl_exec_arg_t arguments[ONEDNN_MAX_OPERANDS + 2];
    for (int i = 0; i < binding->count; i++) {
        arguments[i].arg = binding->arguments[i];
        arguments[i].memory = binding->memories[i];
    }
    return dnnl_primitive_execute((const_dnnl_primitive_t)binding->primitive,
                                  binding->stream, binding->count,
                                  arguments) == dnnl_success
               ? 0
               : -1;
}

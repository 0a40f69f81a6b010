/* Making and sharing compiled kernels. */
#include "exec/compiled.h"

#include "base/array.h"
#include "base/hash.h"
#include "exec/fold.h"
#include "exec/idle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64, SLACK = 64 };

struct engine_box *engine_box_create(void)
{
    struct engine_box *box = array_create(1, sizeof(*box));
    if (!box)
        return NULL;
    if (onednn_engine_open(&box->engine)) {
        free(box);
        return NULL;
    }
    atomic_init(&box->holders, 1);
    return box;
}

struct engine_box *engine_box_retain(struct engine_box *box)
{
    atomic_fetch_add_explicit(&box->holders, 1, memory_order_relaxed);
    return box;
}

void engine_box_drop(struct engine_box *box)
{
    if (!box ||
        atomic_fetch_sub_explicit(&box->holders, 1, memory_order_acq_rel) != 1)
        return;
    onednn_engine_close(&box->engine);
    free(box);
}

/* --- naming --- */

static const char *const kind_names[KERNEL_KIND_COUNT] = {
    [KERNEL_NONE] = "plain",          [KERNEL_CONV] = "conv",
    [KERNEL_DECONV] = "deconv",       [KERNEL_PRODUCT] = "product",
    [KERNEL_MATMUL] = "matmul",       [KERNEL_POOL] = "pool",
    [KERNEL_ELTWISE] = "eltwise",     [KERNEL_BINARY] = "binary",
    [KERNEL_AFFINE] = "batchnorm",    [KERNEL_SOFTMAX] = "softmax",
    [KERNEL_ALIAS] = "alias",         [KERNEL_NORM] = "norm",
    [KERNEL_ATTENTION] = "attention",
};

static void set_name(struct compiled *c, const struct task *task,
                     const struct compile_context *context)
{
    const struct candidate *chosen = &c->candidate;
    const char *kind = kind_names[task->spec.kind];
    char structure[SPARSE_STRUCTURE_BYTES];
    switch (chosen->method) {
    case METHOD_PLAIN:
        snprintf(c->name, sizeof(c->name), "plain %s",
                 context->instance->nodes[task->node].type);
        break;
    case METHOD_REFERENCE:
        snprintf(c->name, sizeof(c->name), "reference %s", kind);
        break;
    case METHOD_SPARSE:
        sparse_structure_name(&task->zeros, chosen->sparse->form, structure,
                              sizeof(structure));
        if (structure[0])
            snprintf(c->name, sizeof(c->name), "sparse %s %s", structure,
                     chosen->sparse->name + strlen("sparse_"));
        else
            snprintf(c->name, sizeof(c->name), "%s", chosen->sparse->name);
        break;
    case METHOD_DENSE:
        snprintf(c->name, sizeof(c->name), "%s", chosen->dense->name);
        break;
    default:
        snprintf(c->name, sizeof(c->name), "onednn %s %s", kind,
                 layout_name(chosen->dst));
        break;
    }
}

static int threads_of(const struct candidate *candidate,
                      const struct compile_context *context)
{
    return candidate->threads ? candidate->threads : context->threads;
}

/* The naive kernels compute everything. */
static bool leaves_out(const struct task *task,
                       const struct candidate *candidate)
{
    return task->idle && candidate->method != METHOD_REFERENCE;
}

uint64_t compiled_key(const struct task *task,
                      const struct candidate *candidate,
                      const struct compile_context *context)
{
    const struct onednn_problem p =
        task_problem(task, candidate, context->views);
    const struct layout_desc *descs[] = {&p.src, &p.other, &p.dst};
    uint64_t key = hash_u64(task->problem, task->constants);
    key = hash_u64(key, (uint64_t)candidate->method);
    key = hash_u64(key, (uint64_t)threads_of(candidate, context));
    if (candidate->sparse)
        key = hash_bytes(key, candidate->sparse->name,
                         strlen(candidate->sparse->name));
    if (candidate->dense)
        key = hash_bytes(key, candidate->dense->name,
                         strlen(candidate->dense->name));
    for (size_t i = 0; i < ARRAY_LENGTH(descs); i++) {
        const int64_t numbers[] = {(int64_t)descs[i]->layout,
                                   descs[i]->n,
                                   descs[i]->c,
                                   descs[i]->h,
                                   descs[i]->w,
                                   descs[i]->border};
        key = hash_bytes(key, numbers, sizeof(numbers));
    }
    if (leaves_out(task, candidate))
        key = hash_u64(key, task->idle->hash + task->idle->skips);
    /* Plain code is told apart by its node. */
    if (candidate->method == METHOD_PLAIN)
        key = hash_u64(key, (uint64_t)task->node);
    return key;
}

struct onednn_problem task_problem(const struct task *task,
                                   const struct candidate *candidate,
                                   const struct value_view *views)
{
    struct onednn_problem p = {.spec = &task->spec,
                               .epilogue = &task->epilogue};
    if (task->operand_count > 0)
        p.src = value_view_desc(&views[task->operands[0]], candidate->src);
    if (task->operand_count > 1)
        p.other = value_view_desc(&views[task->operands[1]], candidate->src);
    if (task->dst != GRAPH_NONE)
        p.dst = value_view_desc(&views[task->dst], candidate->dst);
    if (task->other != GRAPH_NONE)
        p.other = p.dst;
    return p;
}

/* --- making --- */

static int allocate_packed(struct compiled *c)
{
    size_t bytes = (c->packed_bytes + SLACK + ALIGN - 1) / ALIGN * ALIGN;
    c->packed = aligned_alloc(ALIGN, bytes);
    if (!c->packed)
        return -1;
    memset(c->packed, 0, bytes);
    return 0;
}

static int make_dense(struct compiled *c)
{
    const struct dense_kernel *kernel = c->candidate.dense;
    if (!kernel->serves(&c->spec, &c->epilogue))
        return 1;
    c->packed_bytes = kernel->pack_bytes(&c->spec);
    c->scratch_bytes = kernel->scratch_bytes(&c->spec);
    if (allocate_packed(c))
        return -1;
    kernel->pack(&c->spec, c->packed);
    return 0;
}

static int make_sparse(struct compiled *c)
{
    const struct sparse_kernel *kernel = c->candidate.sparse;
    if (!kernel->serves(&c->spec))
        return 1;
    c->packed_bytes = kernel->pack_bytes(&c->spec);
    c->scratch_bytes = kernel->scratch_bytes(&c->spec, c->src.border);
    if (allocate_packed(c))
        return -1;
    kernel->pack(&c->spec, c->packed);
    return sparse_share(c);
}

static int make_onednn(struct compiled *c, const struct task *task,
                       const struct compile_context *context)
{
    struct onednn_problem problem =
        task_problem(task, &c->candidate, context->views);
    problem.spec = &c->spec;
    if (onednn_kernel_create(&c->onednn, &context->box->engine, &problem))
        return 1;
    c->packed_bytes = c->onednn.packed_bytes;
    c->scratch_bytes = c->onednn.scratch_bytes;
    return 0;
}

static int make(struct compiled *c, const struct task *task,
                const struct compile_context *context)
{
    switch (c->candidate.method) {
    case METHOD_SPARSE:
        return make_sparse(c);
    case METHOD_DENSE:
        return make_dense(c);
    case METHOD_ONEDNN:
        return make_onednn(c, task, context);
    default:
        return 0;
    }
}

/* Constants belong to an instance that may go before this kernel does:
 * whoever reads them at run time would read freed memory. */
static void forget_constants(struct compiled *c)
{
    if (c->spec.kind == KERNEL_PRODUCT) {
        c->spec.product.weight = NULL;
        c->spec.product.bias = NULL;
    } else if (c->spec.kind == KERNEL_CONV || c->spec.kind == KERNEL_DECONV) {
        c->spec.conv.weight = NULL;
        c->spec.conv.bias = NULL;
        c->spec.conv.unread = NULL;
    } else if (c->spec.kind == KERNEL_NORM) {
        c->spec.norm.gamma = c->spec.norm.beta = NULL;
    }
}

/* Which rows and columns hold weights, for the next plan. */
static int keep_filled(struct compiled *c, const struct task *task)
{
    if (!task->filled)
        return 0;
    size_t count = (size_t)(idle_outputs(task) + idle_inputs(task));
    c->filled = array_create(count, 1);
    if (!c->filled)
        return -1;
    memcpy(c->filled, task->filled, count);
    return 0;
}

int compiled_create(struct compiled **out, const struct task *task,
                    const struct candidate *candidate,
                    const struct compile_context *context, struct error *err)
{
    struct compiled *c = array_create(1, sizeof(*c));
    *out = NULL;
    if (!c)
        return error_memory(err, sizeof(*c));
    const struct onednn_problem p =
        task_problem(task, candidate, context->views);
    atomic_init(&c->holders, 1);
    c->key = compiled_key(task, candidate, context);
    c->problem = task->problem;
    c->constants = task->constants;
    c->nonzeros = task->nonzeros;
    c->zeros = task->zeros;
    c->whole = task->whole;
    c->idle_hash = task->idle ? task->idle->hash : 0;
    c->candidate = *candidate;
    c->box = engine_box_retain(context->box);
    c->spec = task->spec;
    c->epilogue = task->epilogue;
    c->src = p.src;
    c->dst = p.dst;
    c->threads = threads_of(candidate, context);
    set_name(c, task, context);
    float *weight = NULL, *bias = NULL;
    int status = keep_filled(c, task);
    if (!status && leaves_out(task, candidate))
        status = idle_apply(&c->spec, task->idle, &weight, &bias);
    if (!status && task->folds)
        status = fold_affine(&c->spec, &task->affine, &c->weight, &c->bias);
    if (!status)
        status = make(c, task, context);
    free(weight);
    free(bias);
    if (candidate->method != METHOD_REFERENCE) {
        free(c->weight);
        free(c->bias);
        c->weight = c->bias = NULL;
        forget_constants(c);
    } else {
        c->instance = graph_retain(context->instance);
    }
    if (status) {
        compiled_drop(c);
        return status > 0 ? 1 : error_memory(err, sizeof(*c));
    }
    *out = c;
    return 0;
}

int compiled_create_reorder(struct compiled **out,
                            const struct layout_desc *from,
                            const struct layout_desc *to,
                            const struct compile_context *context,
                            struct error *err)
{
    struct compiled *c = array_create(1, sizeof(*c));
    *out = c;
    if (!c)
        return error_memory(err, sizeof(*c));
    atomic_init(&c->holders, 1);
    c->candidate.method = METHOD_REORDER;
    c->box = engine_box_retain(context->box);
    c->src = *from;
    c->dst = *to;
    c->threads = context->threads;
    snprintf(c->name, sizeof(c->name), "reorder %s to %s",
             layout_name(from->layout), layout_name(to->layout));
    return 0;
}

size_t compiled_scratch_stride(const struct compiled *compiled)
{
    return (compiled->scratch_bytes + SLACK + ALIGN - 1) / ALIGN * ALIGN;
}

size_t compiled_scratch_total(const struct compiled *compiled)
{
    size_t stride = compiled_scratch_stride(compiled);
    enum method method = compiled->candidate.method;
    bool ours = method == METHOD_SPARSE || method == METHOD_DENSE;
    return ours ? stride * (size_t)compiled->threads : stride;
}

struct compiled *compiled_retain(struct compiled *compiled)
{
    atomic_fetch_add_explicit(&compiled->holders, 1, memory_order_relaxed);
    return compiled;
}

void compiled_drop(struct compiled *compiled)
{
    if (!compiled || atomic_fetch_sub_explicit(&compiled->holders, 1,
                                               memory_order_acq_rel) != 1)
        return;
    onednn_kernel_release(&compiled->onednn);
    free(compiled->packed);
    free(compiled->shares);
    free(compiled->filled);
    free(compiled->weight);
    free(compiled->bias);
    graph_drop(compiled->instance);
    engine_box_drop(compiled->box);
    free(compiled);
}

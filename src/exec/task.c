/*
 * Lowers nodes and fuses chains. A convolution or product takes along what
 * follows it as long as nobody else reads the value between: a batch norm
 * (folded into weights: zero stays zero), an addition whose other operand is
 * there by then, an activation. Of two convolutions that are added, the later
 * one takes the addition.
 */
#include "exec/task.h"

#include "base/array.h"
#include "base/hash.h"
#include "exec/idle.h"
#include "exec/lowering.h"
#include "kernel/onednn.h"
#include "kernel/sparse.h"
#include "op/instance.h"

#include <stdlib.h>
#include <string.h>

/* --- values --- */

void value_view_of(struct value_view *out, const struct value *value)
{
    const struct shape *s = &value->shape;
    const int64_t *d = s->dims;
    int64_t elements = shape_elements(s);
    *out = (struct value_view){
        .mapped = value->dtype == DTYPE_FLOAT32 && s->rank >= 2 && s->rank <= 4,
        .bytes = (size_t)elements * dtype_size(value->dtype),
    };
    struct layout_desc flat = {LAYOUT_PLAIN, elements, 1, 1, 1, 0};
    struct layout_desc by_rank[5] = {flat, flat, flat, flat, flat};
    if (out->mapped) {
        by_rank[2] = (struct layout_desc){LAYOUT_PLAIN, d[0], d[1], 1, 1, 0};
        by_rank[3] = (struct layout_desc){LAYOUT_PLAIN, d[0], d[1], 1, d[2], 0};
        by_rank[4] =
            (struct layout_desc){LAYOUT_PLAIN, d[0], d[1], d[2], d[3], 0};
    }
    out->desc = out->mapped ? by_rank[s->rank] : flat;
}

enum layout value_view_canonical(const struct value_view *view,
                                 enum layout layout)
{
    const struct layout_desc *d = &view->desc;
    bool point = d->h * d->w == 1;
    if (!view->mapped)
        return LAYOUT_PLAIN;
    if (layout == LAYOUT_PLANE && d->border == 0)
        return LAYOUT_PLAIN;
    if (layout == LAYOUT_BLOCK16 && (d->c == 16 || (point && d->c % 16 == 0)))
        layout = LAYOUT_NHWC;
    if (layout == LAYOUT_NHWC && (d->c == 1 || point))
        return LAYOUT_PLAIN;
    return layout;
}

struct layout_desc value_view_desc(const struct value_view *view,
                                   enum layout layout)
{
    struct layout_desc desc = view->desc;
    desc.layout = layout;
    if (layout != LAYOUT_PLANE)
        desc.border = 0;
    return desc;
}

/* --- lowering --- */

static bool is_constant(const struct graph *graph, int value)
{
    return value != GRAPH_NONE && graph->values[value].constant.data != NULL;
}

/* Only the first output may be wanted: kernels have one result. */
static bool single_result(const struct lowering *l, const struct node *node)
{
    for (int i = 1; i < node->output_count; i++)
        if (node->outputs[i] != GRAPH_NONE && l->uses[node->outputs[i]])
            return false;
    return node->output_count > 0 && node->outputs[0] != GRAPH_NONE;
}

static void count_uses(struct lowering *l)
{
    const struct graph *g = l->graph;
    for (size_t i = 0; i < g->node_count; i++) {
        const struct node *node = &g->nodes[i];
        if (g->folded && g->folded[i])
            continue;
        for (int k = 0; k < node->input_count; k++) {
            if (node->inputs[k] == GRAPH_NONE)
                continue;
            l->uses[node->inputs[k]]++;
            l->reader[node->inputs[k]] = (int)i;
        }
    }
    for (size_t i = 0; i < g->output_count; i++)
        l->uses[g->outputs[i]] += 2; /* never swallowed by a fusion */
}

static int lower_nodes(struct lowering *l, struct error *err)
{
    const struct graph *g = l->graph;
    size_t room = 1;
    for (size_t i = 0; i < g->node_count; i++) {
        size_t in = (size_t)g->nodes[i].input_count;
        size_t out = (size_t)g->nodes[i].output_count;
        room = in > room ? in : room;
        room = out > room ? out : room;
    }
    struct tensor *tensors = array_create(2 * room, sizeof(*tensors));
    const struct tensor **inputs = array_create(room, sizeof(*inputs));
    struct tensor **outputs = array_create(room, sizeof(*outputs));
    int status = 0;
    if (!tensors || !inputs || !outputs)
        status = error_memory(err, room * sizeof(*tensors));
    for (size_t i = 0; !status && i < g->node_count; i++) {
        const struct node *node = &g->nodes[i];
        struct op_call call;
        if ((g->folded && g->folded[i]) || !node->op->lower ||
            !single_result(l, node))
            continue;
        op_call_of(g, (int)i, &call, tensors, inputs, tensors + room, outputs);
        l->specs[i].weight_input = -1;
        node->op->lower(&call, &l->specs[i]);
    }
    free(tensors);
    free(inputs);
    free(outputs);
    return status;
}

/* --- one task --- */

static void count_weights(struct task *task)
{
    const struct conv_spec *c = &task->spec.conv;
    const struct product_spec *p = &task->spec.product;
    const struct matmul_spec *m = &task->spec.matmul;
    switch (task->spec.kind) {
    case KERNEL_CONV:
        task->weights = c->oc * (c->ic / c->groups) * c->kh * c->kw;
        task->macs = task->weights * c->n * c->oh * c->ow;
        break;
    case KERNEL_DECONV:
        task->weights = c->ic * (c->oc / c->groups) * c->kh * c->kw;
        task->macs = task->weights * c->n * c->ih * c->iw;
        break;
    case KERNEL_PRODUCT:
        task->weights = p->in * p->out;
        task->macs = task->weights * p->n;
        break;
    case KERNEL_MATMUL:
        task->macs = m->batch * m->m * m->k * m->n;
        break;
    default:
        break;
    }
    task->nonzeros = task->weights;
}

void task_count_nonzeros(struct task *task)
{
    const float *weight = task->spec.kind == KERNEL_PRODUCT
                              ? task->spec.product.weight
                              : task->spec.conv.weight;
    if (task->weights == 0)
        return;
    task->nonzeros = sparse_nonzeros(weight, task->weights);
    task->zeros = (struct sparse_structure){.weights = task->weights,
                                            .nonzeros = task->nonzeros};
    for (int form = 0; form < SPARSE_FORM_COUNT; form++)
        task->zeros.stored[form] = task->weights;
    if (task->spec.kind != KERNEL_DECONV &&
        task->nonzeros * 4 <= task->weights * 3)
        sparse_structure_of(&task->zeros, &task->spec);
}

static uint64_t hash_constants(const struct graph *g, const struct task *task)
{
    uint64_t hash = 0;
    for (int i = 0; i < task->node_count; i++) {
        const struct node *node = &g->nodes[task->nodes[i]];
        for (int k = 0; k < node->input_count; k++) {
            int id = node->inputs[k];
            if (!is_constant(g, id))
                continue;
            const struct value *value = &g->values[id];
            hash = hash_u64(hash, (uint64_t)k);
            hash = value->content_hash
                       ? hash_u64(hash, value->content_hash)
                       : hash_bytes(hash, value->constant.data,
                                    tensor_bytes(&value->constant));
        }
    }
    return hash;
}

/* The larger operand first, where they may change places: kernels broadcast
 * the second. */
static void order_operands(const struct graph *g, struct task *task)
{
    const struct node *node = &g->nodes[task->node];
    enum binary_kind kind = task->spec.binary.kind;
    if (task->spec.kind != KERNEL_BINARY || kind == BINARY_SUB ||
        kind == BINARY_DIV ||
        shape_equal(&g->values[node->inputs[0]].shape,
                    &g->values[node->outputs[0]].shape))
        return;
    task->operands[0] = node->inputs[1];
    task->operands[1] = node->inputs[0];
}

/* Which inputs a lowered node reads at run time. */
static void set_operands(const struct graph *g, struct task *task)
{
    const struct node *node = &g->nodes[task->node];
    const struct binary_spec *b = &task->spec.binary;
    task->operands[0] = node->inputs[0];
    task->operand_count = 1;
    if (task->spec.kind == KERNEL_MATMUL ||
        (task->spec.kind == KERNEL_BINARY && !b->constant)) {
        task->operands[1] = node->inputs[1];
        task->operand_count = 2;
        order_operands(g, task);
    } else if (task->spec.kind == KERNEL_BINARY && b->constant_operand == 0) {
        task->operands[0] = node->inputs[1];
    }
}

static void set_pattern_operands(const struct pattern *p, struct task *task)
{
    task->operands[0] = p->input;
    for (int i = 0; i < p->more_count; i++)
        task->operands[1 + i] = p->more[i];
    task->operand_count = 1 + p->more_count;
}

/* --- fusion --- */

static int output_of(const struct lowering *l, int node)
{
    return l->graph->nodes[node].outputs[0];
}

/* The one node that reads the task's result, or -1 when others do too. */
static int only_reader(const struct lowering *l, const struct task *task)
{
    return l->uses[task->dst] == 1 ? l->reader[task->dst] : -1;
}

/* A pattern's root brings all of its nodes. */
static void add_nodes(const struct lowering *l, struct task *task, int node)
{
    task->nodes[task->node_count++] = node;
    if (l->pattern_of[node] < 0)
        return;
    const struct pattern *p = &l->patterns[l->pattern_of[node]];
    for (int i = 0; i < p->count && task->node_count < TASK_MAX_NODES; i++)
        if (p->nodes[i] != node)
            task->nodes[task->node_count++] = p->nodes[i];
}

static void take(const struct lowering *l, struct task *task, int node)
{
    add_nodes(l, task, node);
    task->dst = output_of(l, node);
}

static bool fuses_affine(const struct task *task,
                         const struct kernel_spec *next)
{
    if (next->kind != KERNEL_AFFINE)
        return false;
    if (task->spec.kind == KERNEL_PRODUCT)
        return next->affine.c == task->spec.product.out &&
               next->affine.inner == 1;
    return next->affine.c == task->spec.conv.oc;
}

static int64_t channels_of(const struct task *task)
{
    return task->spec.kind == KERNEL_PRODUCT ? task->spec.product.out
                                             : task->spec.conv.oc;
}

/* A vector that is added to the channels: the bias of frameworks that keep it
 * as a node of its own. */
static bool fuses_bias(const struct task *task, const struct kernel_spec *next)
{
    int64_t channels = channels_of(task);
    return next->kind == KERNEL_BINARY && next->binary.kind == BINARY_ADD &&
           next->binary.constant &&
           (next->binary.constant_channels == channels ||
            (task->spec.kind == KERNEL_PRODUCT &&
             next->binary.constant_row == channels));
}

/* The operand that an addition adds to the task's result, when its value is
 * there before the task runs; else GRAPH_NONE. */
static int addend(const struct lowering *l, const struct task *task, int node)
{
    const struct kernel_spec *spec = &l->specs[node];
    const struct graph *g = l->graph;
    const int *in = g->nodes[node].inputs;
    if (spec->kind != KERNEL_BINARY || spec->binary.kind != BINARY_ADD ||
        !spec->binary.same_shape || spec->binary.constant || in[0] == in[1])
        return GRAPH_NONE;
    int other = in[0] == task->dst ? in[1] : in[0];
    if (is_constant(g, other))
        return GRAPH_NONE;
    int producer = g->values[other].producer;
    if (producer == GRAPH_NONE)
        return other;
    int owner = l->task_of[producer];
    return owner >= 0 && l->list->tasks[owner].node < task->node ? other
                                                                 : GRAPH_NONE;
}

static void fuse(struct lowering *l, struct task *task)
{
    int next = only_reader(l, task);
    if (next >= 0 && fuses_affine(task, &l->specs[next])) {
        task->folds = true;
        task->affine = l->specs[next].affine;
        take(l, task, next);
        next = only_reader(l, task);
    } else if (next >= 0 && fuses_bias(task, &l->specs[next])) {
        task->folds = true;
        task->affine =
            (struct affine_spec){.c = channels_of(task),
                                 .inner = 1,
                                 .beta = l->specs[next].binary.constant};
        take(l, task, next);
        next = only_reader(l, task);
    }
    int other = next >= 0 ? addend(l, task, next) : GRAPH_NONE;
    if (other != GRAPH_NONE) {
        task->other = other;
        task->epilogue.add = true;
        take(l, task, next);
        next = only_reader(l, task);
    }
    if (next >= 0 && l->specs[next].kind == KERNEL_ELTWISE &&
        onednn_serves_eltwise(&l->specs[next].eltwise)) {
        task->epilogue.activation = l->specs[next].eltwise;
        take(l, task, next);
    }
}

static void make_task(struct lowering *l, int node)
{
    const struct graph *g = l->graph;
    struct task *task = &l->list->tasks[l->list->count];
    int index = (int)l->list->count++;
    *task = (struct task){.node = node,
                          .spec = l->specs[node],
                          .other = GRAPH_NONE,
                          .dst = GRAPH_NONE};
    enum kernel_kind kind = task->spec.kind;
    add_nodes(l, task, node);
    if (kind != KERNEL_NONE) {
        set_operands(g, task);
        if (l->pattern_of[node] >= 0)
            set_pattern_operands(&l->patterns[l->pattern_of[node]], task);
        task->dst = output_of(l, node);
        if (kind == KERNEL_CONV || kind == KERNEL_DECONV ||
            kind == KERNEL_PRODUCT)
            fuse(l, task);
        count_weights(task);
    }
    for (int i = 0; i < task->node_count; i++)
        l->task_of[task->nodes[i]] = index;
    task->constants = hash_constants(g, task);
    task->problem =
        hash_u64(spec_hash(&task->spec), epilogue_hash(&task->epilogue));
    task->problem = hash_u64(task->problem, task->folds);
}

int task_list_init(struct task_list *out, const struct graph *instance,
                   bool fuse_nodes, struct error *err)
{
    size_t nodes = instance->node_count, values = instance->value_count;
    struct lowering l = {.graph = instance, .list = out};
    int status = 0;
    *out = (struct task_list){0};
    out->tasks = array_create(nodes + 1, sizeof(*out->tasks));
    l.specs = array_create(nodes + 1, sizeof(*l.specs));
    l.task_of = array_create(nodes + 1, sizeof(*l.task_of));
    l.uses = array_create(values + 1, sizeof(*l.uses));
    l.reader = array_create(values + 1, sizeof(*l.reader));
    l.patterns = array_create(nodes + 1, sizeof(*l.patterns));
    l.pattern_of = array_create(nodes + 1, sizeof(*l.pattern_of));
    if (!out->tasks || !l.specs || !l.task_of || !l.uses || !l.reader ||
        !l.patterns || !l.pattern_of) {
        status = error_memory(err, nodes * sizeof(*out->tasks));
        goto done;
    }
    for (size_t i = 0; i < nodes; i++)
        l.task_of[i] = l.pattern_of[i] = -1;
    count_uses(&l);
    status = fuse_nodes ? lower_nodes(&l, err) : 0;
    if (!status && fuse_nodes)
        patterns_find(&l);
    for (size_t i = 0; !status && i < nodes; i++)
        if (!(instance->folded && instance->folded[i]) && l.task_of[i] < 0 &&
            !pattern_swallowed(&l, (int)i))
            make_task(&l, (int)i);
done:
    free(l.specs);
    free(l.task_of);
    free(l.uses);
    free(l.reader);
    free(l.patterns);
    free(l.pattern_of);
    if (status)
        task_list_release(out);
    return status;
}

void task_list_release(struct task_list *list)
{
    for (size_t i = 0; list->tasks && i < list->count; i++) {
        idle_destroy(list->tasks[i].idle);
        free(list->tasks[i].filled);
    }
    free(list->tasks);
    *list = (struct task_list){0};
}

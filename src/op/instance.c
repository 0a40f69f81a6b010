/*
 * From a template to an instance: nodes are visited in order; each infers its
 * outputs, and is computed at once when everything it reads is known.
 *
 * Re-batching a model that declares its batch is proved safe by shapes: at
 * the declared batch and at the new one every run-time value must have the
 * same shape but for its leading dimension, which must be the batch. What
 * mixes samples and keeps such shapes says so itself (op->mixes_samples).
 */
#include "op/instance.h"
#include "base/array.h"
#include "op/fold.h"

#include <stdlib.h>
#include <string.h>

static bool is_rebatched(const struct graph *graph)
{
    return graph->batch && graph->declared_batch &&
           graph->batch != graph->declared_batch;
}

static struct tensor tensor_of(const struct graph *graph, int id)
{
    const struct value *value = &graph->values[id];
    return (struct tensor){.dtype = value->dtype,
                           .shape = value->shape,
                           .data = value->constant.data};
}

void op_call_of(const struct graph *instance, int id, struct op_call *call,
                struct tensor *inputs, const struct tensor **input_pointers,
                struct tensor *outputs, struct tensor **output_pointers)
{
    const struct node *node = &instance->nodes[id];
    *call = (struct op_call){
        .node = node, .inputs = input_pointers, .outputs = output_pointers};
    if (is_rebatched(instance)) {
        call->declared_batch = instance->declared_batch;
        call->batch = instance->batch;
    }
    for (int i = 0; i < node->input_count; i++) {
        input_pointers[i] = NULL;
        if (node->inputs[i] == GRAPH_NONE)
            continue;
        inputs[i] = tensor_of(instance, node->inputs[i]);
        input_pointers[i] = &inputs[i];
    }
    for (int i = 0; i < node->output_count; i++) {
        output_pointers[i] = NULL;
        if (node->outputs[i] == GRAPH_NONE)
            continue;
        outputs[i] = tensor_of(instance, node->outputs[i]);
        outputs[i].data = NULL;
        output_pointers[i] = &outputs[i];
    }
}

/* --- one node --- */

/* A call with its own operands; released by free_operands. */
struct operands {
    struct op_call call;
    struct tensor *tensors;
    const struct tensor **inputs;
    struct tensor **outputs;
};

static void free_operands(struct operands *operands)
{
    free(operands->tensors);
    free(operands->inputs);
    free(operands->outputs);
}

static int make_operands(struct operands *operands, const struct graph *graph,
                         int id, struct error *err)
{
    const struct node *node = &graph->nodes[id];
    size_t inputs = (size_t)node->input_count;
    size_t outputs = (size_t)node->output_count;
    operands->tensors =
        array_create(inputs + outputs + 1, sizeof *operands->tensors);
    operands->inputs = array_create(inputs + 1, sizeof *operands->inputs);
    operands->outputs = array_create(outputs + 1, sizeof *operands->outputs);
    if (!operands->tensors || !operands->inputs || !operands->outputs) {
        free_operands(operands);
        return error_memory(err, sizeof *operands->tensors);
    }
    op_call_of(graph, id, &operands->call, operands->tensors, operands->inputs,
               operands->tensors + inputs, operands->outputs);
    return 0;
}

static bool is_constant(const struct op_call *call)
{
    for (int i = 0; i < call->node->input_count; i++)
        if (call->inputs[i] && !call->inputs[i]->data)
            return false;
    return true;
}

static int check_inputs(const struct graph *graph, const struct op_call *call,
                        struct error *err)
{
    for (int i = 0; i < call->node->input_count; i++)
        if (call->inputs[i] && call->inputs[i]->dtype == DTYPE_NONE)
            return error_set(err, ERROR_UNSUPPORTED,
                             "input '%s' is an output that inference does not "
                             "compute",
                             graph->values[call->node->inputs[i]].name);
    return 0;
}

static int infer(struct graph *graph, struct operands *operands,
                 struct error *err)
{
    const struct op_call *call = &operands->call;
    const struct node *node = call->node;
    for (int i = 0; i < node->output_count; i++)
        if (call->outputs[i])
            *call->outputs[i] = (struct tensor){.shape.rank = -1};
    if (check_inputs(graph, call, err) < 0 || node->op->infer(call, err) < 0)
        return -1;
    for (int i = 0; i < node->output_count; i++) {
        if (!call->outputs[i])
            continue;
        struct value *value = &graph->values[node->outputs[i]];
        value->dtype = call->outputs[i]->dtype;
        value->shape = call->outputs[i]->shape;
        if (value->dtype == DTYPE_NONE)
            continue;
        if (shape_elements(&value->shape) < 0)
            return error_set(err, ERROR_SHAPE, "output '%s' is too large",
                             value->name);
    }
    return 0;
}

/* Half precision is widened here as op_resolve does with stored values. */
static int keep_constant(struct graph *graph, int id,
                         const struct tensor *tensor, struct error *err)
{
    struct tensor wide;
    if (tensor->dtype != DTYPE_FLOAT16 && tensor->dtype != DTYPE_BFLOAT16)
        return graph_set_constant(graph, id, tensor, err);
    if (tensor_convert(&wide, tensor, DTYPE_FLOAT32, err) < 0)
        return -1;
    int result = graph_set_constant(graph, id, &wide, err);
    tensor_release(&wide);
    return result;
}

static uint64_t bytes_of(const struct tensor *output)
{
    uint64_t bytes, elements = (uint64_t)tensor_elements(output);
    return __builtin_mul_overflow(elements, dtype_size(output->dtype), &bytes)
               ? UINT64_MAX
               : bytes;
}

/* Whether `bytes` more still fit in what may be computed. Few nodes are so
 * large that the sum is made. */
static bool may_compute(const struct graph *graph, uint64_t bytes)
{
    uint64_t limit = OP_FOLD_BYTES, computed = 0;
    if (bytes <= OP_FOLD_BYTES / 1024)
        return true;
    for (size_t i = 0; i < graph->value_count; i++) {
        const struct value *value = &graph->values[i];
        uint64_t size =
            value->constant.data ? tensor_bytes(&value->constant) : 0;
        if (value->initializer)
            limit += 4 * size;
        else
            computed += size;
    }
    return bytes <= limit && computed <= limit - bytes;
}

static int compute(struct graph *graph, struct operands *operands,
                   struct error *err)
{
    const struct op_call *call = &operands->call;
    const struct node *node = call->node;
    int result = 0;
    for (int i = 0; i < node->output_count && result == 0; i++) {
        struct tensor *output = call->outputs[i];
        if (!output || output->dtype == DTYPE_NONE)
            continue;
        uint64_t bytes = bytes_of(output);
        if (!may_compute(graph, bytes))
            result = error_set(err, ERROR_UNSUPPORTED,
                               "a computed constant of %llu bytes is too large",
                               (unsigned long long)bytes);
        else
            result = tensor_init(output, output->dtype, &output->shape, err);
    }
    if (result == 0)
        result = node->op->run(call, err);
    for (int i = 0; i < node->output_count; i++) {
        struct tensor *output = call->outputs[i];
        if (!output || !output->buffer)
            continue;
        if (result == 0)
            result = keep_constant(graph, node->outputs[i], output, err);
        tensor_release(output);
    }
    return result;
}

int op_fold(struct graph *graph, int id, struct error *err)
{
    struct operands operands;
    const struct op *op = graph->nodes[id].op;
    if (make_operands(&operands, graph, id, err) < 0)
        return -1;
    int result = infer(graph, &operands, err);
    bool folds = op->shape_only || is_constant(&operands.call);
    if (result == 0 && folds)
        result = compute(graph, &operands, err);
    if (result == 0 && is_rebatched(graph) && !folds && op->mixes_samples &&
        op->mixes_samples(&operands.call))
        result = error_set(err, ERROR_UNSUPPORTED,
                           "combines samples, so the declared batch of %lld "
                           "cannot become %lld",
                           (long long)graph->declared_batch,
                           (long long)graph->batch);
    free_operands(&operands);
    if (result == 0 && folds && graph->folded)
        graph->folded[id] = true;
    return result;
}

/* --- the whole graph --- */

static int set_input(struct graph *graph, int id, struct error *err)
{
    struct value *value = &graph->values[id];
    struct shape *shape = &value->shape;
    if (shape->rank < 0 || value->dtype == DTYPE_NONE)
        return error_set(err, ERROR_UNSUPPORTED,
                         "input '%s' declares no type and shape", value->name);
    if (is_rebatched(graph) &&
        (!shape->rank ||
         (shape->dims[0] != graph->declared_batch && shape->dims[0] != -1)))
        return error_set(err, ERROR_UNSUPPORTED,
                         "input '%s' does not begin with the declared batch of "
                         "%lld, so the batch cannot become %lld",
                         value->name, (long long)graph->declared_batch,
                         (long long)graph->batch);
    if (shape->rank && (is_rebatched(graph) || shape->dims[0] == -1))
        shape->dims[0] = graph->batch;
    for (int i = 1; i < shape->rank; i++)
        if (shape->dims[i] < 0)
            return error_set(err, ERROR_UNSUPPORTED,
                             "input '%s' has a dynamic dimension %d, only the "
                             "leading one may be dynamic without data that "
                             "tell its size (name a data set after the model)",
                             value->name, i);
    return 0;
}

static int visit_node(struct graph *graph, int id, struct error *err)
{
    const struct node *node = &graph->nodes[id];
    bool known = true;
    for (int i = 0; i < node->output_count; i++)
        known = known && (node->outputs[i] == GRAPH_NONE ||
                          graph->values[node->outputs[i]].constant.data);
    if (known) {
        graph->folded[id] = true;
        return 0;
    }
    if (op_fold(graph, id, err) < 0)
        return op_prefix(graph, id, err);
    return 0;
}

static int fill(struct graph *graph, struct error *err)
{
    for (size_t i = 0; i < graph->input_count; i++)
        if (set_input(graph, graph->inputs[i], err) < 0)
            return -1;
    for (size_t i = 0; i < graph->node_count; i++)
        if (visit_node(graph, (int)i, err) < 0)
            return -1;
    for (size_t i = 0; i < graph->output_count; i++) {
        const struct value *value = &graph->values[graph->outputs[i]];
        if (value->dtype == DTYPE_NONE)
            return error_set(err, ERROR_UNSUPPORTED,
                             "output '%s' is not computed by inference",
                             value->name);
    }
    return 0;
}

/* --- re-batching --- */

static bool follows_batch(const struct value *now, const struct value *declared,
                          const struct graph *graph)
{
    if (now->shape.rank < 1 || now->shape.rank != declared->shape.rank ||
        now->shape.dims[0] != graph->batch ||
        declared->shape.dims[0] != graph->declared_batch)
        return false;
    for (int i = 1; i < now->shape.rank; i++)
        if (now->shape.dims[i] != declared->shape.dims[i])
            return false;
    return true;
}

static int check_node_batch(const struct graph *graph,
                            const struct graph *declared, int id,
                            struct error *err)
{
    const struct node *node = &graph->nodes[id];
    for (int i = 0; i < node->output_count; i++) {
        if (node->outputs[i] == GRAPH_NONE)
            continue;
        const struct value *now = &graph->values[node->outputs[i]];
        if (now->constant.data || now->dtype == DTYPE_NONE ||
            follows_batch(now, &declared->values[node->outputs[i]], graph))
            continue;
        char text[SHAPE_TEXT_BYTES];
        error_set(err, ERROR_UNSUPPORTED,
                  "fixes the batch of %lld: with %lld, '%s' becomes %s",
                  (long long)graph->declared_batch, (long long)graph->batch,
                  now->name, shape_text(&now->shape, text));
        return op_prefix(graph, id, err);
    }
    return 0;
}

static int check_batch(const struct graph *graph, const struct graph *model,
                       struct error *err)
{
    struct graph *declared;
    if (op_instantiate(&declared, model, model->declared_batch, err) < 0)
        return -1;
    int result = 0;
    for (size_t i = 0; i < graph->node_count && result == 0; i++)
        if (!graph->folded[i])
            result = check_node_batch(graph, declared, (int)i, err);
    graph_drop(declared);
    return result;
}

int op_instantiate(struct graph **out, const struct graph *model, int64_t batch,
                   struct error *err)
{
    *out = NULL;
    if (batch < 1)
        return error_set(err, ERROR_RANGE, "batch %lld is not positive",
                         (long long)batch);
    struct graph *graph;
    if (graph_copy(&graph, model, err) < 0)
        return -1;
    graph->batch = batch;
    if (fill(graph, err) < 0 ||
        (is_rebatched(graph) && check_batch(graph, model, err) < 0)) {
        graph_drop(graph);
        return -1;
    }
    *out = graph;
    return 0;
}

/*
 * Whatever a model file says: an instance whose nodes all lower, or one line
 * that says why not. Constant parts are computed on the way.
 */
#include "onnx/model.h"
#include "op/instance.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OPERANDS = 64 };

static void visit(const struct graph *instance, int id)
{
    struct tensor inputs[OPERANDS], outputs[OPERANDS];
    const struct tensor *input_pointers[OPERANDS];
    struct tensor *output_pointers[OPERANDS];
    struct op_call call;
    struct op_cost cost = {0};
    struct kernel_spec spec = {.weight_input = -1};
    const struct node *node = &instance->nodes[id];
    if (node->input_count > OPERANDS || node->output_count > OPERANDS)
        return;
    op_call_of(instance, id, &call, inputs, input_pointers, outputs,
               output_pointers);
    if (node->op->cost)
        node->op->cost(&call, &cost);
    if (node->op->lower)
        node->op->lower(&call, &spec);
    if (cost.macs < 0 || cost.parameters < 0 || spec.kind >= KERNEL_KIND_COUNT)
        abort();
}

static void instantiate(const struct graph *model, int64_t batch)
{
    struct graph *instance;
    struct error err = {0};
    if (op_instantiate(&instance, model, batch, &err) < 0) {
        if (instance || err.code == ERROR_NONE || !err.message[0])
            abort();
        return;
    }
    for (size_t i = 0; i < instance->node_count; i++)
        if (!instance->folded[i])
            visit(instance, (int)i);
    graph_drop(instance);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct onnx_model *model = NULL;
    if (onnx_open_bytes(&model, "fuzz", data, size, NULL) < 0)
        return 0;
    instantiate(onnx_graph(model), 1);
    instantiate(onnx_graph(model), 3);
    onnx_close(model);
    return 0;
}

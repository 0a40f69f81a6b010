#include "op_run.h"

#include <stdlib.h>

enum { ROOM = 64 };

struct tensor *op_run_values(const struct graph *instance)
{
    struct tensor *values = calloc(instance->value_count + 1, sizeof *values);
    for (size_t i = 0; values && i < instance->value_count; i++)
        if (instance->values[i].constant.data)
            values[i] = tensor_share(&instance->values[i].constant);
    return values;
}

void op_run_release(const struct graph *instance, struct tensor *values)
{
    for (size_t i = 0; values && i < instance->value_count; i++)
        tensor_release(&values[i]);
    free(values);
}

static int run_node(const struct graph *instance, int id, struct tensor *values,
                    struct error *err)
{
    const struct node *node = &instance->nodes[id];
    struct tensor inputs[ROOM], outputs[ROOM];
    const struct tensor *input_pointers[ROOM];
    struct tensor *output_pointers[ROOM];
    struct op_call call;
    if (node->input_count > ROOM || node->output_count > ROOM)
        return error_set(err, ERROR_RANGE, "too many operands");
    op_call_of(instance, id, &call, inputs, input_pointers, outputs,
               output_pointers);
    for (int i = 0; i < node->input_count; i++)
        if (input_pointers[i])
            inputs[i].data = values[node->inputs[i]].data;
    for (int i = 0; i < node->output_count; i++) {
        if (!output_pointers[i] || outputs[i].dtype == DTYPE_NONE)
            continue;
        struct tensor *value = &values[node->outputs[i]];
        if (tensor_init(value, outputs[i].dtype, &outputs[i].shape, err) < 0)
            return -1;
        outputs[i].data = value->data;
    }
    return node->op->run(&call, err);
}

int op_run_graph(const struct graph *instance, struct tensor *values,
                 struct error *err)
{
    for (size_t i = 0; i < instance->node_count; i++)
        if (!instance->folded[i] && run_node(instance, (int)i, values, err) < 0)
            return -1;
    return 0;
}

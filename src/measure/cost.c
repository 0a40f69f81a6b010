#include "measure/cost.h"

#include "op/instance.h"

#include <string.h>

enum { OPERANDS = 64, GAP_LIMIT = 65535 };

/*
 * The smallest of: all values as float32; one bit per weight and the kept
 * values; a 16-bit gap and the value per kept weight (long gaps cost a filler
 * of two bytes each, counted for evenly spread zeros).
 */
int64_t cost_encoded_bytes(int64_t count, int64_t nonzeros)
{
    int64_t dense = 4 * count;
    int64_t bitmap = (count + 7) / 8 + 4 * nonzeros;
    int64_t gaps = 6 * nonzeros + 2 * ((count - nonzeros) / GAP_LIMIT);
    int64_t best = dense < bitmap ? dense : bitmap;
    return best < gaps ? best : gaps;
}

static void add_constant(struct cost *cost, const struct value *value,
                         int64_t *weight_nonzeros)
{
    int64_t count = tensor_elements(&value->constant);
    int64_t nonzeros = value_nonzeros(value);
    cost->parameters += count;
    cost->nonzeros += nonzeros;
    cost->dense_bytes += 4 * count;
    cost->encoded_bytes += cost_encoded_bytes(count, nonzeros);
    *weight_nonzeros = nonzeros;
}

/* Scalars (the bounds of a Clip, the factor of a scaling) are settings. */
static bool is_parameter(const struct value *value)
{
    return value->constant.data && value->constant.shape.rank > 0 &&
           !dtype_is_integer(value->dtype) && dtype_size(value->dtype);
}

void cost_of_node(const struct graph *instance, int id, struct cost *cost)
{
    *cost = (struct cost){0};
    const struct node *node = &instance->nodes[id];
    if (instance->folded && instance->folded[id])
        return;
    int64_t weight_count = 0, weight_nonzeros = 0;
    for (int i = 0; i < node->input_count; i++) {
        if (node->inputs[i] == GRAPH_NONE)
            continue;
        const struct value *value = &instance->values[node->inputs[i]];
        int64_t nonzeros;
        if (!is_parameter(value))
            continue;
        add_constant(cost, value, &nonzeros);
        if (node->op && i == node->op->weight_input) {
            weight_count = tensor_elements(&value->constant);
            weight_nonzeros = nonzeros;
        }
    }
    if (!node->op || !node->op->cost || node->input_count > OPERANDS ||
        node->output_count > OPERANDS)
        return;
    struct tensor inputs[OPERANDS], outputs[OPERANDS];
    const struct tensor *input_pointers[OPERANDS];
    struct tensor *output_pointers[OPERANDS];
    struct op_call call;
    struct op_cost counted = {0};
    op_call_of(instance, id, &call, inputs, input_pointers, outputs,
               output_pointers);
    node->op->cost(&call, &counted);
    int64_t batch = instance->batch > 0 ? instance->batch : 1;
    cost->macs = counted.macs / batch;
    cost->effective_macs =
        weight_count ? (int64_t)((double)cost->macs * (double)weight_nonzeros /
                                 (double)weight_count)
                     : cost->macs;
}

void cost_of_graph(const struct graph *instance, struct cost *cost)
{
    *cost = (struct cost){0};
    for (size_t i = 0; i < instance->node_count; i++) {
        struct cost one;
        cost_of_node(instance, (int)i, &one);
        cost->macs += one.macs;
        cost->effective_macs += one.effective_macs;
    }
    /* A constant that several nodes read is stored once. */
    for (size_t v = 0; v < instance->value_count; v++) {
        const struct value *value = &instance->values[v];
        int64_t nonzeros;
        int first;
        if (is_parameter(value) &&
            graph_consumers(instance, (int)v, &first, 1) > 0 &&
            !instance->folded[first])
            add_constant(cost, value, &nonzeros);
    }
}

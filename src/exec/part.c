/*
 * A part is made as a template whose inputs declare the shapes that the
 * instance found, then resolved and instantiated like any model. Values that
 * the instance folded are constants of the part.
 */
#include "exec/part.h"

#include "base/array.h"
#include "op/instance.h"

#include <stdlib.h>
#include <string.h>

struct making {
    struct part *part;
    struct graph *graph; /* the template */
    const struct graph *whole;
    bool *known; /* per value of the whole: in the template already */
};

static bool is_rebatched(const struct graph *graph)
{
    return graph->declared_batch && graph->declared_batch != graph->batch;
}

static int add_input(struct making *m, int id, int own, struct error *err)
{
    const struct value *value = &m->whole->values[id];
    struct value *input = &m->graph->values[own];
    input->dtype = value->dtype;
    input->shape = value->shape;
    if (is_rebatched(m->whole) && value->shape.rank &&
        value->shape.dims[0] == m->whole->batch)
        input->shape.dims[0] = m->whole->declared_batch;
    m->part->inputs[m->part->input_count++] = id;
    return graph_add_input(m->graph, own, err);
}

/* What a node reads that the part does not compute. */
static int add_operand(struct making *m, int id, struct error *err)
{
    const struct value *value = &m->whole->values[id];
    if (m->known[id])
        return 0;
    m->known[id] = true;
    int own = graph_add_value(m->graph, value->name, err);
    if (own < 0)
        return -1;
    if (value->constant.data)
        return graph_set_constant(m->graph, own, &value->constant, err);
    return add_input(m, id, own, err);
}

static int add_node(struct making *m, int id, struct error *err)
{
    const struct node *node = &m->whole->nodes[id];
    size_t in = (size_t)node->input_count, out = (size_t)node->output_count;
    const char **names = array_create(in + out + 1, sizeof *names);
    if (!names)
        return error_memory(err, (in + out) * sizeof *names);
    int result = 0;
    for (size_t i = 0; i < in + out && !result; i++) {
        int value = i < in ? node->inputs[i] : node->outputs[i - in];
        names[i] = value < 0 ? "" : m->whole->values[value].name;
        if (value >= 0 && i < in)
            result = add_operand(m, value, err);
        else if (value >= 0)
            m->known[value] = true;
    }
    if (!result)
        result = graph_add_node(m->graph, node->name, node->type, node->domain,
                                node->opset, in, names, out, names + in,
                                node->attribute_count, node->attributes, err);
    free(names);
    return result;
}

static int add_outputs(struct making *m, const int *outputs, size_t count,
                       struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        int own =
            graph_add_value(m->graph, m->whole->values[outputs[i]].name, err);
        if (own < 0 || graph_add_output(m->graph, own, err) < 0)
            return -1;
        m->part->outputs[i] = outputs[i];
    }
    m->part->output_count = count;
    return 0;
}

int part_create(struct part *part, const struct graph *instance,
                const int *nodes, size_t node_count, const int *outputs,
                size_t output_count, struct error *err)
{
    *part = (struct part){0};
    struct making m = {.part = part, .whole = instance};
    int result = -1;
    m.known = array_create(instance->value_count, sizeof *m.known);
    part->inputs = array_create(instance->value_count, sizeof *part->inputs);
    part->outputs = array_create(output_count, sizeof *part->outputs);
    if (!m.known || !part->inputs || !part->outputs) {
        error_memory(err, instance->value_count * sizeof *part->inputs);
        goto out;
    }
    if (graph_create(&m.graph, err) < 0)
        goto out;
    for (size_t i = 0; i < node_count; i++)
        if (add_node(&m, nodes[i], err) < 0)
            goto out;
    if (add_outputs(&m, outputs, output_count, err) < 0 ||
        graph_finish(m.graph, err) < 0 || op_resolve(m.graph, err) < 0)
        goto out;
    m.graph->declared_batch = instance->declared_batch;
    result = op_instantiate(&part->graph, m.graph, instance->batch, err);
out:
    graph_drop(m.graph);
    free(m.known);
    if (result < 0)
        part_release(part);
    return result;
}

void part_release(struct part *part)
{
    graph_drop(part->graph);
    free(part->inputs);
    free(part->outputs);
    *part = (struct part){0};
}

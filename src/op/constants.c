/* Constants of an instance replaced, and all that was folded from them. */
#include "base/array.h"
#include "graph/view.h"
#include "op/fold.h"
#include "op/instance.h"

#include <stdlib.h>

static bool reads_changed(const struct node *node, const bool *changed)
{
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] >= 0 && changed[node->inputs[i]])
            return true;
    return false;
}

static int fold_again(struct graph *graph, int id, struct error *err)
{
    const struct node *node = &graph->nodes[id];
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i] >= 0)
            tensor_release(&graph->values[node->outputs[i]].constant);
    return op_fold(graph, id, err) < 0 ? op_prefix(graph, id, err) : 0;
}

/* Nodes are in order. Views of what was replaced follow it already. */
static int follow(struct graph *graph, bool *changed, const bool *replaced,
                  struct error *err)
{
    for (size_t i = 0; i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        if (!graph->folded[i] || node->op->shape_only ||
            !reads_changed(node, changed))
            continue;
        bool follows =
            view_is(node) && replaced[graph_stored(graph, node->outputs[0])];
        if (!follows && fold_again(graph, (int)i, err) < 0)
            return -1;
        for (int j = 0; j < node->output_count; j++)
            if (node->outputs[j] >= 0)
                changed[node->outputs[j]] = true;
    }
    return 0;
}

int op_with_constants(struct graph **out, const struct graph *graph,
                      size_t count, const int *ids,
                      const struct tensor *tensors,
                      const struct contents *contents, struct error *err)
{
    struct graph *copy;
    *out = NULL;
    if (graph_with_known(&copy, graph, count, ids, tensors, contents, err) < 0)
        return -1;
    bool *changed = array_create(graph->value_count + 1, sizeof *changed);
    bool *replaced = array_create(graph->value_count + 1, sizeof *replaced);
    int result =
        changed && replaced ? 0 : error_memory(err, graph->value_count);
    for (size_t i = 0; i < count && result == 0; i++)
        changed[ids[i]] = replaced[ids[i]] = true;
    if (result == 0 && graph->batch)
        result = follow(copy, changed, replaced, err);
    free(changed);
    free(replaced);
    if (result < 0) {
        graph_drop(copy);
        return -1;
    }
    *out = copy;
    return 0;
}

/*
 * If nodes whose condition is constant become the nodes of the branch taken,
 * in the parsed protobuf itself: what is built, run and written has no If. A
 * condition is constant when it is stored, or when shapes alone decide it:
 * the nodes before it are then instantiated for several batches.
 */
#include "base/array.h"
#include "base/map.h"
#include "onnx/parts.h"
#include "op/instance.h"
#include "op/op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* For so many batches, from the declared one or from 1, a condition must be
 * the same. */
enum { BATCHES = 3 };

static const char *text_of(const char *text)
{
    return text ? text : "";
}

static bool is_branching(const Onnx__NodeProto *node)
{
    return strcmp(text_of(node->op_type), "If") == 0 &&
           !text_of(node->domain)[0];
}

static Onnx__GraphProto **find_branch(const Onnx__NodeProto *node,
                                      const char *name)
{
    for (size_t i = 0; i < node->n_attribute; i++)
        if (strcmp(text_of(node->attribute[i]->name), name) == 0 &&
            node->attribute[i]->g)
            return &node->attribute[i]->g;
    return NULL;
}

/* --- the condition --- */

/* The model with nodes before `end` only and `name` as its one output, in the
 * caller's memory; shares everything else. */
struct excerpt {
    Onnx__ModelProto model;
    Onnx__GraphProto graph;
    Onnx__ValueInfoProto output;
    Onnx__ValueInfoProto *outputs[1];
    Onnx__NodeProto **nodes;
    Onnx__TensorProto **initializers;
    Onnx__ValueInfoProto **inputs;
};

/* Initializers and inputs that somebody reads, of the whole model's. */
static void keep_sources(struct excerpt *excerpt, const Onnx__GraphProto *graph,
                         const struct map *wanted)
{
    size_t count = 0;
    for (size_t i = 0; i < graph->n_initializer; i++)
        if (map_get(wanted, text_of(graph->initializer[i]->name), NULL))
            excerpt->initializers[count++] = graph->initializer[i];
    excerpt->graph.initializer = excerpt->initializers;
    excerpt->graph.n_initializer = count;
    count = 0;
    for (size_t i = 0; i < graph->n_input; i++)
        if (map_get(wanted, text_of(graph->input[i]->name), NULL))
            excerpt->inputs[count++] = graph->input[i];
    excerpt->graph.input = excerpt->inputs;
    excerpt->graph.n_input = count;
}

/* Keeps what `name` depends on, nodes in their order. */
static int keep_ancestors(struct excerpt *excerpt,
                          const Onnx__GraphProto *graph, size_t end,
                          const char *name)
{
    struct map wanted = {0};
    size_t count = 0;
    int result = map_set(&wanted, name, 0);
    for (size_t i = end; i-- > 0 && result == 0;) {
        Onnx__NodeProto *node = graph->node[i];
        bool is_wanted = false;
        for (size_t k = 0; k < node->n_output; k++)
            is_wanted =
                is_wanted || map_get(&wanted, text_of(node->output[k]), NULL);
        for (size_t k = 0; k < node->n_input && is_wanted && !result; k++)
            result = map_set(&wanted, text_of(node->input[k]), 0);
        if (is_wanted)
            excerpt->nodes[end - ++count] = node;
    }
    keep_sources(excerpt, graph, &wanted);
    map_release(&wanted);
    excerpt->graph.node = excerpt->nodes + (end - count);
    excerpt->graph.n_node = count;
    return result;
}

static int excerpt_init(struct excerpt *excerpt, const Onnx__ModelProto *model,
                        size_t end, char *name)
{
    excerpt->model = *model;
    excerpt->graph = *model->graph;
    excerpt->nodes = array_create(end + 1, sizeof(Onnx__NodeProto *));
    excerpt->initializers = array_create(model->graph->n_initializer + 1,
                                         sizeof(Onnx__TensorProto *));
    excerpt->inputs =
        array_create(model->graph->n_input + 1, sizeof(Onnx__ValueInfoProto *));
    if (!excerpt->nodes || !excerpt->initializers || !excerpt->inputs)
        return -1;
    onnx__value_info_proto__init(&excerpt->output);
    excerpt->output.name = name;
    excerpt->outputs[0] = &excerpt->output;
    excerpt->graph.output = excerpt->outputs;
    excerpt->graph.n_output = 1;
    excerpt->graph.n_value_info = 0;
    excerpt->model.graph = &excerpt->graph;
    return keep_ancestors(excerpt, model->graph, end, name);
}

/* The constant value of the graph's one output; false: there is none. */
static bool read_truth(const struct graph *graph, bool *truth)
{
    const struct tensor *tensor = &graph->values[graph->outputs[0]].constant;
    if (!tensor->data || tensor->dtype != DTYPE_BOOL ||
        tensor_elements(tensor) != 1)
        return false;
    *truth = tensor_integer(tensor, 0) != 0;
    return true;
}

/* A model that declares its batch may not run with others: no matter. */
static bool decide(const struct graph *model, bool *truth)
{
    struct error err = {0};
    int64_t first = model->declared_batch ? model->declared_batch : 1;
    for (int i = 0; i < BATCHES; i++) {
        struct graph *instance;
        bool found, value = false;
        if (op_instantiate(&instance, model, first + i, &err) < 0) {
            if (i && model->declared_batch)
                continue;
            return false;
        }
        found = read_truth(instance, &value);
        graph_drop(instance);
        if (!found || (i && value != *truth))
            return false;
        *truth = value;
    }
    return true;
}

/* Whether the condition of main node `at` is constant, and which it is. Why
 * it is not does not matter: the If stays and is refused by its name. */
static bool find_truth(struct onnx_file *file, size_t at, bool *truth)
{
    Onnx__ModelProto *whole = file->proto;
    const Onnx__NodeProto *node = whole->graph->node[at];
    struct excerpt excerpt = {0};
    struct error err = {0};
    struct graph *graph = NULL;
    int64_t opset;
    bool found = false;
    if (node->n_input == 1 && node->input[0] &&
        excerpt_init(&excerpt, whole, at, node->input[0]) == 0) {
        file->proto = &excerpt.model;
        if (onnx_build_graph(&graph, file, &opset, &err) == 0 &&
            op_resolve(graph, &err) == 0)
            found = decide(graph, truth);
        file->proto = whole;
    }
    graph_drop(graph);
    free(excerpt.nodes);
    free(excerpt.initializers);
    free(excerpt.inputs);
    return found;
}

/* --- names --- */

/* The main graph's values; a branch's own must not meet them. */
static int collect_names(struct map *names, const Onnx__GraphProto *graph)
{
    int result = 0;
    for (size_t i = 0; i < graph->n_input && result == 0; i++)
        result = map_set(names, text_of(graph->input[i]->name), 0);
    for (size_t i = 0; i < graph->n_initializer && result == 0; i++)
        result = map_set(names, text_of(graph->initializer[i]->name), 0);
    for (size_t i = 0; i < graph->n_node; i++)
        for (size_t k = 0; k < graph->node[i]->n_output && result == 0; k++)
            result = map_set(names, text_of(graph->node[i]->output[k]), 0);
    return result;
}

static int replace(char **text, const char *with)
{
    char *copy = string_copy(with);
    if (!copy)
        return -1;
    free(*text);
    *text = copy;
    return 0;
}

/* Every place in the graph and in the graphs inside it that means `from`. */
static int rename_value(Onnx__GraphProto *graph, const char *from,
                        const char *to)
{
    int result = 0;
    for (size_t i = 0; i < graph->n_initializer; i++)
        if (strcmp(text_of(graph->initializer[i]->name), from) == 0)
            result |= replace(&graph->initializer[i]->name, to);
    for (size_t i = 0; i < graph->n_output; i++)
        if (strcmp(text_of(graph->output[i]->name), from) == 0)
            result |= replace(&graph->output[i]->name, to);
    for (size_t i = 0; i < graph->n_node; i++) {
        Onnx__NodeProto *node = graph->node[i];
        for (size_t k = 0; k < node->n_input; k++)
            if (strcmp(text_of(node->input[k]), from) == 0)
                result |= replace(&node->input[k], to);
        for (size_t k = 0; k < node->n_output; k++)
            if (strcmp(text_of(node->output[k]), from) == 0)
                result |= replace(&node->output[k], to);
        for (size_t k = 0; k < node->n_attribute; k++)
            if (node->attribute[k]->g)
                result |= rename_value(node->attribute[k]->g, from, to);
    }
    return result;
}

/* Gives a value of the branch a name that nobody has. */
static int make_unique(Onnx__GraphProto *branch, struct map *names,
                       const char *name)
{
    if (!name[0])
        return 0;
    if (!map_get(names, name, NULL))
        return map_set(names, name, 0);
    size_t bytes = strlen(name) + 24;
    char *old = string_copy(name), *fresh = malloc(bytes);
    int result = old && fresh ? 0 : -1;
    for (int i = 1; result == 0; i++) {
        snprintf(fresh, bytes, "%s_%d", name, i);
        if (!map_get(names, fresh, NULL))
            break;
    }
    if (result == 0)
        result = map_set(names, fresh, 0) | rename_value(branch, old, fresh);
    free(old);
    free(fresh);
    return result;
}

static int make_all_unique(Onnx__GraphProto *branch, struct map *names)
{
    int result = 0;
    for (size_t i = 0; i < branch->n_initializer && result == 0; i++)
        result =
            make_unique(branch, names, text_of(branch->initializer[i]->name));
    for (size_t i = 0; i < branch->n_node; i++)
        for (size_t k = 0; k < branch->node[i]->n_output && result == 0; k++)
            result =
                make_unique(branch, names, text_of(branch->node[i]->output[k]));
    return result;
}

/* --- moving the branch --- */

static char **make_text_list(const char *text)
{
    char **list = calloc(1, sizeof *list);
    if (list && !(*list = string_copy(text))) {
        free(list);
        list = NULL;
    }
    return list;
}

/* from -> Identity -> to, as protobuf-c would have read it. */
static Onnx__NodeProto *make_identity(const char *from, const char *to)
{
    Onnx__NodeProto *node = malloc(sizeof *node);
    if (!node)
        return NULL;
    onnx__node_proto__init(node);
    node->op_type = string_copy("Identity");
    node->input = make_text_list(from);
    node->output = make_text_list(to);
    node->n_input = node->input != NULL;
    node->n_output = node->output != NULL;
    if (node->op_type && node->input && node->output)
        return node;
    onnx__node_proto__free_unpacked(node, NULL);
    return NULL;
}

/* The branch's initializers behind the main graph's, which then owns them. */
static int move_initializers(Onnx__GraphProto *graph, Onnx__GraphProto *branch)
{
    size_t count = graph->n_initializer + branch->n_initializer;
    Onnx__TensorProto **all =
        realloc(graph->initializer, (count + 1) * sizeof(*all));
    if (!all)
        return -1;
    graph->initializer = all;
    if (branch->n_initializer)
        memcpy(all + graph->n_initializer, branch->initializer,
               branch->n_initializer * sizeof(*all));
    graph->n_initializer = count;
    branch->n_initializer = 0;
    return 0;
}

/* Main node `at` becomes the branch's nodes and an Identity per output. */
static int move_nodes(Onnx__GraphProto *graph, size_t at,
                      Onnx__GraphProto *branch)
{
    Onnx__NodeProto *node = graph->node[at];
    size_t inner = branch->n_node, outputs = node->n_output;
    size_t rest = graph->n_node - at - 1, used = 0;
    Onnx__NodeProto **all =
        array_create(graph->n_node + inner + outputs, sizeof *all);
    if (!all)
        return -1;
    for (; used < outputs; used++) {
        all[at + inner + used] = make_identity(
            text_of(branch->output[used]->name), text_of(node->output[used]));
        if (!all[at + inner + used])
            break;
    }
    if (used < outputs) {
        while (used-- > 0)
            onnx__node_proto__free_unpacked(all[at + inner + used], NULL);
        free(all);
        return -1;
    }
    if (at)
        memcpy(all, graph->node, at * sizeof(*all));
    if (inner)
        memcpy(all + at, branch->node, inner * sizeof(*all));
    if (rest)
        memcpy(all + at + inner + outputs, graph->node + at + 1,
               rest * sizeof(*all));
    branch->n_node = 0;
    free(graph->node);
    graph->node = all;
    graph->n_node = at + inner + outputs + rest;
    onnx__node_proto__free_unpacked(node, NULL);
    return 0;
}

static int take_branch(Onnx__GraphProto *graph, size_t at,
                       Onnx__GraphProto *branch, struct error *err)
{
    const Onnx__NodeProto *node = graph->node[at];
    struct map names = {0};
    if (branch->n_output != node->n_output || branch->n_sparse_initializer)
        return error_set(err, ERROR_FORMAT,
                         "node '%s' (If): a branch has %zu outputs, expected "
                         "%zu",
                         text_of(node->name), branch->n_output, node->n_output);
    int result = collect_names(&names, graph);
    if (result == 0)
        result = make_all_unique(branch, &names);
    if (result == 0)
        result = move_initializers(graph, branch);
    if (result == 0)
        result = move_nodes(graph, at, branch);
    map_release(&names);
    return result < 0 ? error_memory(err, sizeof *graph) : 0;
}

int onnx_take_branches(struct onnx_file *file, struct error *err)
{
    Onnx__GraphProto *graph = file->proto->graph;
    for (size_t i = 0; i < graph->n_node;) {
        bool truth = false;
        const Onnx__NodeProto *node = graph->node[i];
        if (!is_branching(node) || !find_truth(file, i, &truth)) {
            i++;
            continue;
        }
        Onnx__GraphProto **branch =
            find_branch(node, truth ? "then_branch" : "else_branch");
        if (!branch)
            return error_set(err, ERROR_FORMAT,
                             "node '%s' (If): a branch is missing",
                             text_of(node->name));
        /* Nodes of the branch come to stand at i and are looked at too. */
        if (take_branch(graph, i, *branch, err) < 0)
            return -1;
    }
    return 0;
}

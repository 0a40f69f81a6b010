/*
 * Writing a model that became another: nodes and constants that are as they
 * were are packed from the original, changed ones are made from the graph.
 */
#include "base/array.h"
#include "onnx/edit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rewrite {
    struct edit edit;
    const struct graph *before, *after;
    bool *needed;       /* per value of `after` */
    struct map tensors; /* initializers of the file: name to index */
};

/* --- what outputs depend on --- */

static bool is_wanted(const struct rewrite *rewrite, size_t id)
{
    const struct node *node = &rewrite->after->nodes[id];
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i] >= 0 && rewrite->needed[node->outputs[i]])
            return true;
    return false;
}

static int find_needed(struct rewrite *rewrite, struct error *err)
{
    const struct graph *after = rewrite->after;
    rewrite->needed =
        array_create(after->value_count + 1, sizeof *rewrite->needed);
    if (!rewrite->needed)
        return error_memory(err, after->value_count);
    for (size_t i = 0; i < after->output_count; i++)
        rewrite->needed[after->outputs[i]] = true;
    for (size_t i = after->node_count; i-- > 0;) {
        const struct node *node = &after->nodes[i];
        for (int j = 0; is_wanted(rewrite, i) && j < node->input_count; j++)
            if (node->inputs[j] >= 0)
                rewrite->needed[node->inputs[j]] = true;
    }
    return 0;
}

/* --- attributes --- */

static bool same_integers(const struct attribute *a, const struct attribute *b)
{
    return a->count == b->count &&
           (!a->count ||
            !memcmp(a->integers, b->integers, a->count * sizeof *a->integers));
}

/* Only what shrinking changes can differ. */
static bool same_attribute(const struct attribute *a, const struct attribute *b)
{
    if (a->kind != b->kind || a->integer != b->integer)
        return false;
    if (a->kind == ATTRIBUTE_INTS)
        return same_integers(a, b);
    return a->kind != ATTRIBUTE_TENSOR || a->tensor.data == b->tensor.data;
}

static bool same_node(const struct graph *before, const struct graph *after,
                      const struct node *a, const struct node *b)
{
    if (strcmp(a->type, b->type) || a->input_count != b->input_count ||
        a->output_count != b->output_count ||
        a->attribute_count != b->attribute_count)
        return false;
    for (int i = 0; i < a->input_count; i++)
        if ((a->inputs[i] < 0) != (b->inputs[i] < 0) ||
            (a->inputs[i] >= 0 && strcmp(before->values[a->inputs[i]].name,
                                         after->values[b->inputs[i]].name)))
            return false;
    for (size_t i = 0; i < a->attribute_count; i++) {
        const struct attribute *other =
            graph_attribute(b, a->attributes[i].name);
        if (!other || !same_attribute(&a->attributes[i], other))
            return false;
    }
    return true;
}

/* The elements of a tensor in the file's type. */
static Onnx__TensorProto *make_tensor(struct rewrite *rewrite, const char *name,
                                      const struct tensor *tensor,
                                      enum dtype dtype, struct error *err)
{
    struct edit *edit = &rewrite->edit;
    Onnx__TensorProto *proto = edit_make(edit, 1, sizeof *proto, err);
    struct tensor *stored = proto ? edit_hold(edit, err) : NULL;
    if (!stored)
        return NULL;
    onnx__tensor_proto__init(proto);
    size_t rank = (size_t)tensor->shape.rank;
    proto->dims =
        edit_copy(edit, tensor->shape.dims, rank + 1, sizeof(int64_t), err);
    proto->name = name ? edit_copy(edit, name, strlen(name) + 1, 1, err) : NULL;
    if (!proto->dims || (name && !proto->name) ||
        tensor_convert(stored, tensor, dtype, err) < 0)
        return NULL;
    edit->held_count++;
    proto->n_dims = rank;
    proto->has_data_type = 1;
    proto->data_type = (int32_t)dtype;
    edit_set_elements(proto, stored);
    return proto;
}

static int set_value(struct rewrite *rewrite, Onnx__AttributeProto *proto,
                     const struct attribute *attribute, struct error *err)
{
    struct edit *edit = &rewrite->edit;
    proto->has_type = 1;
    if (attribute->kind == ATTRIBUTE_INT) {
        proto->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
        proto->has_i = 1;
        proto->i = attribute->integer;
        return 0;
    }
    if (attribute->kind == ATTRIBUTE_INTS) {
        proto->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
        proto->n_ints = attribute->count;
        proto->ints = edit_copy(edit, attribute->integers, attribute->count,
                                sizeof *attribute->integers, err);
        return proto->ints ? 0 : -1;
    }
    enum dtype dtype =
        proto->t ? (enum dtype)proto->t->data_type : attribute->tensor.dtype;
    proto->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;
    proto->t = make_tensor(rewrite, NULL, &attribute->tensor, dtype, err);
    return proto->t ? 0 : -1;
}

/* The file's attribute of that name; a copy with a new value where it is
 * another now; made where there was none. */
static Onnx__AttributeProto *attribute_of(struct rewrite *rewrite,
                                          const Onnx__NodeProto *from,
                                          const struct node *old,
                                          const struct attribute *attribute,
                                          struct error *err)
{
    struct edit *edit = &rewrite->edit;
    const struct attribute *was = graph_attribute(old, attribute->name);
    Onnx__AttributeProto *found = NULL, *made;
    for (size_t i = 0; i < from->n_attribute; i++)
        if (from->attribute[i]->name &&
            !strcmp(from->attribute[i]->name, attribute->name))
            found = from->attribute[i];
    if (found && was && same_attribute(was, attribute))
        return found;
    if (found) {
        made = edit_copy(edit, found, 1, sizeof *made, err);
    } else {
        made = edit_make(edit, 1, sizeof *made, err);
        if (made) {
            onnx__attribute_proto__init(made);
            made->name = edit_copy(edit, attribute->name,
                                   strlen(attribute->name) + 1, 1, err);
        }
    }
    return made && set_value(rewrite, made, attribute, err) == 0 ? made : NULL;
}

/* --- nodes --- */

static int name_operands(struct rewrite *rewrite, Onnx__NodeProto *proto,
                         const struct node *node, struct error *err)
{
    static char none[] = "";
    size_t count = (size_t)node->input_count;
    proto->n_input = count;
    proto->input = edit_make(&rewrite->edit, count, sizeof *proto->input, err);
    if (!proto->input)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const char *name = node->inputs[i] < 0
                               ? none
                               : rewrite->after->values[node->inputs[i]].name;
        proto->input[i] =
            edit_copy(&rewrite->edit, name, strlen(name) + 1, 1, err);
        if (!proto->input[i])
            return -1;
    }
    return 0;
}

static Onnx__NodeProto *changed_node(struct rewrite *rewrite,
                                     const Onnx__NodeProto *from, size_t id,
                                     struct error *err)
{
    struct edit *edit = &rewrite->edit;
    const struct node *old = &rewrite->before->nodes[id];
    const struct node *node = &rewrite->after->nodes[id];
    Onnx__NodeProto *proto = edit_copy(edit, from, 1, sizeof *proto, err);
    if (!proto || name_operands(rewrite, proto, node, err) < 0)
        return NULL;
    proto->op_type =
        edit_copy(edit, node->type, strlen(node->type) + 1, 1, err);
    proto->n_attribute = node->attribute_count;
    proto->attribute =
        edit_make(edit, node->attribute_count, sizeof *proto->attribute, err);
    if (!proto->op_type || !proto->attribute)
        return NULL;
    for (size_t i = 0; i < node->attribute_count; i++) {
        proto->attribute[i] =
            attribute_of(rewrite, from, old, &node->attributes[i], err);
        if (!proto->attribute[i])
            return NULL;
    }
    return proto;
}

/* The node of the graph that a node of the file became; -1: not read. */
static int node_of(const struct rewrite *rewrite, const Onnx__NodeProto *proto)
{
    for (size_t i = 0; i < proto->n_output; i++) {
        int id = proto->output[i][0]
                     ? graph_find_value(rewrite->before, proto->output[i])
                     : -1;
        if (id >= 0)
            return rewrite->before->values[id].producer;
    }
    return -1;
}

static int rewrite_nodes(struct rewrite *rewrite, struct error *err)
{
    struct edit *edit = &rewrite->edit;
    size_t kept = 0;
    for (size_t i = 0; i < edit->graph.n_node; i++) {
        Onnx__NodeProto *proto = edit->nodes[i];
        int id = node_of(rewrite, proto);
        if (id >= 0 && !is_wanted(rewrite, (size_t)id))
            continue;
        if (id >= 0 &&
            !same_node(rewrite->before, rewrite->after,
                       &rewrite->before->nodes[id], &rewrite->after->nodes[id]))
            proto = changed_node(rewrite, proto, (size_t)id, err);
        if (!proto)
            return -1;
        edit->nodes[kept++] = proto;
    }
    edit->graph.n_node = kept;
    return 0;
}

/* --- constants --- */

/* What the file stores a constant as; "x.kept1" took the place of "x". */
static enum dtype stored_type(const struct rewrite *rewrite, const char *name,
                              enum dtype fallback)
{
    const Onnx__GraphProto *graph = rewrite->edit.model->file->proto->graph;
    char *base = string_copy(name);
    size_t index;
    enum dtype dtype = fallback;
    if (!base)
        return fallback;
    for (char *cut; (cut = strstr(base, ".kept"));)
        *cut = '\0';
    if (map_get(&rewrite->tensors, base, &index) && fallback == DTYPE_FLOAT32)
        dtype = (enum dtype)graph->initializer[index]->data_type;
    free(base);
    return dtype;
}

static bool is_unchanged(const struct rewrite *rewrite,
                         const struct value *value)
{
    int id = graph_find_value(rewrite->before, value->name);
    return id >= 0 && rewrite->before->values[id].initializer &&
           rewrite->before->values[id].content_hash == value->content_hash &&
           shape_equal(&rewrite->before->values[id].shape, &value->shape);
}

/* Kept ones in the file's order, then those that are new. */
static int rewrite_tensors(struct rewrite *rewrite, struct error *err)
{
    struct edit *edit = &rewrite->edit;
    const struct graph *after = rewrite->after;
    size_t kept = 0, old = edit->graph.n_initializer;
    Onnx__TensorProto **list =
        edit_make(edit, old + after->value_count, sizeof *list, err);
    if (!list)
        return -1;
    for (size_t i = 0; i < old + after->value_count; i++) {
        Onnx__TensorProto *proto = i < old ? edit->initializers[i] : NULL;
        int id =
            i < old ? graph_find_value(after, proto->name) : (int)(i - old);
        if (id < 0 || !rewrite->needed[id] || !after->values[id].initializer)
            continue;
        const struct value *value = &after->values[id];
        size_t known;
        if (i >= old && map_get(&rewrite->tensors, value->name, &known))
            continue;
        if (!proto || !is_unchanged(rewrite, value))
            proto = make_tensor(rewrite, value->name, &value->constant,
                                stored_type(rewrite, value->name, value->dtype),
                                err);
        if (!proto)
            return error_prefix(err, "value '%s'", value->name);
        list[kept++] = proto;
    }
    edit->initializers = list;
    edit->graph.initializer = list;
    edit->graph.n_initializer = kept;
    return 0;
}

/* Before version 4 every constant was declared as an input, too. */
static int rewrite_inputs(struct rewrite *rewrite, struct error *err)
{
    struct edit *edit = &rewrite->edit;
    size_t kept = 0, count = edit->graph.n_input, known;
    Onnx__ValueInfoProto **inputs =
        edit_copy(edit, edit->graph.input, count, sizeof *inputs, err);
    if (!inputs)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (!map_get(&rewrite->tensors, inputs[i]->name, &known))
            inputs[kept++] = inputs[i];
    if (kept != count && edit->proto.ir_version < 4)
        edit->proto.ir_version = 4;
    edit->graph.input = inputs;
    edit->graph.n_input = kept;
    edit->graph.n_value_info = 0;
    return 0;
}

static int index_tensors(struct rewrite *rewrite, struct error *err)
{
    const struct edit *edit = &rewrite->edit;
    for (size_t i = 0; i < edit->graph.n_initializer; i++)
        if (map_set(&rewrite->tensors, edit->initializers[i]->name, i) < 0)
            return error_memory(err, edit->graph.n_initializer);
    return 0;
}

int onnx_write_graph(const struct onnx_model *model, const char *path,
                     const struct graph *graph, struct error *err)
{
    struct rewrite rewrite = {.before = model->graph, .after = graph};
    int result = edit_init(&rewrite.edit, model, err);
    if (result == 0)
        result = index_tensors(&rewrite, err);
    if (result == 0)
        result = edit_inline_all(&rewrite.edit, err);
    if (result == 0)
        result = find_needed(&rewrite, err);
    if (result == 0)
        result = rewrite_nodes(&rewrite, err);
    if (result == 0)
        result = rewrite_tensors(&rewrite, err);
    if (result == 0)
        result = rewrite_inputs(&rewrite, err);
    if (result == 0)
        result = edit_write(&rewrite.edit, path, ONNX_WRITE_LIMIT, err);
    edit_release(&rewrite.edit);
    map_release(&rewrite.tensors);
    free(rewrite.needed);
    return result < 0 ? error_prefix(err, "%s", path) : 0;
}

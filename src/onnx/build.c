/* From the protobuf's main graph to a template. */
#include "base/arena.h"
#include "onnx/parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { OPSET_MIN = 6, OPSET_MAX = 21 };

struct builder {
    struct onnx_file *file;
    struct graph *graph;
    struct arena scratch; /* attribute arrays until the graph copied them */
    int64_t opset;
};

static const char *text_of(const char *text)
{
    return text ? text : "";
}

/* "ai.onnx" is another name of ONNX's own domain. */
static const char *domain_of(const char *domain)
{
    return !domain || strcmp(domain, "ai.onnx") == 0 ? "" : domain;
}

/* The imported version of a domain, 0 when it is not imported. */
static int64_t version_of(const struct onnx_file *file, const char *domain)
{
    int64_t version = 0;
    for (size_t i = 0; i < file->proto->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *set = file->proto->opset_import[i];
        if (strcmp(domain_of(set->domain), domain) == 0 &&
            set->version > version)
            version = set->version;
    }
    return version;
}

static int check_features(struct builder *builder, struct error *err)
{
    const Onnx__ModelProto *proto = builder->file->proto;
    const struct {
        size_t count;
        const char *name;
    } refused[] = {
        {proto->graph->n_sparse_initializer, "sparse initializers"},
        {proto->n_functions, "functions of its own"},
        {proto->n_training_info, "training information"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (refused[i].count)
            return error_set(err, ERROR_UNSUPPORTED,
                             "found %s, which espalier does not support",
                             refused[i].name);
    builder->opset = version_of(builder->file, "");
    if (builder->opset < OPSET_MIN || builder->opset > OPSET_MAX)
        return error_set(err, ERROR_UNSUPPORTED,
                         "found opset %" PRId64 ", expected %d to %d",
                         builder->opset, OPSET_MIN, OPSET_MAX);
    return 0;
}

static int add_initializer(struct builder *builder,
                           const Onnx__TensorProto *proto, struct error *err)
{
    if (!proto->name || !proto->name[0])
        return error_set(err, ERROR_FORMAT, "an initializer has no name");
    struct graph *graph = builder->graph;
    int id = graph_add_value(graph, proto->name, err);
    if (id < 0)
        return -1;
    if (graph->values[id].initializer)
        return error_set(err, ERROR_FORMAT, "initializer '%s' appears twice",
                         proto->name);
    struct tensor tensor;
    if (onnx_tensor_read(&tensor, builder->file, proto, err) < 0)
        return error_prefix(err, "initializer '%s'", proto->name);
    int result = graph_set_constant(graph, id, &tensor, err);
    tensor_release(&tensor);
    return result;
}

static void read_dims(struct shape *shape, const Onnx__TensorShapeProto *proto)
{
    shape->rank = (int)proto->n_dim;
    for (size_t i = 0; i < proto->n_dim; i++) {
        const Onnx__TensorShapeProto__Dimension *dim = proto->dim[i];
        /* Some exporters write 0 for "dynamic". */
        bool known = dim->value_case ==
                         ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE &&
                     dim->dim_value > 0;
        shape->dims[i] = known ? dim->dim_value : -1;
    }
}

/* Declared type and shape of a value that is not a constant; what does not
 * fit in our types stays unknown. */
static void declare(struct graph *graph, int id,
                    const Onnx__ValueInfoProto *info)
{
    struct value *value = &graph->values[id];
    const Onnx__TypeProto *type = info->type;
    if (value->constant.data || !type ||
        type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE ||
        !type->tensor_type)
        return;
    const Onnx__TypeProto__Tensor *tensor = type->tensor_type;
    if (tensor->elem_type > 0 && tensor->elem_type < DTYPE_COUNT)
        value->dtype = (enum dtype)tensor->elem_type;
    if (tensor->shape && tensor->shape->n_dim <= SHAPE_MAX_RANK)
        read_dims(&value->shape, tensor->shape);
}

static int add_input(struct builder *builder, const Onnx__ValueInfoProto *info,
                     struct error *err)
{
    struct graph *graph = builder->graph;
    if (!info->name || !info->name[0])
        return error_set(err, ERROR_FORMAT, "an input has no name");
    int id = graph_add_value(graph, info->name, err);
    if (id < 0)
        return -1;
    if (graph->values[id].initializer)
        return 0; /* before IR 4 every initializer is an input as well */
    declare(graph, id, info);
    const struct value *value = &graph->values[id];
    if (!dtype_size(value->dtype) || value->shape.rank < 0)
        return error_set(err, ERROR_UNSUPPORTED,
                         "input '%s': found no tensor with a type and a shape "
                         "of at most %d dimensions",
                         info->name, SHAPE_MAX_RANK);
    if (!graph->input_count && value->shape.rank > 0 &&
        value->shape.dims[0] > 0)
        graph->declared_batch = value->shape.dims[0];
    return graph_add_input(graph, id, err);
}

static int add_output(struct builder *builder, const Onnx__ValueInfoProto *info,
                      struct error *err)
{
    if (!info->name || !info->name[0])
        return error_set(err, ERROR_FORMAT, "an output has no name");
    int id = graph_add_value(builder->graph, info->name, err);
    if (id < 0)
        return -1;
    declare(builder->graph, id, info);
    return graph_add_output(builder->graph, id, err);
}

/* --- attributes --- */

static int read_strings(struct builder *builder, struct attribute *out,
                        const Onnx__AttributeProto *proto, struct error *err)
{
    const char **strings =
        arena_array(&builder->scratch, proto->n_strings + 1, sizeof *strings);
    if (!strings)
        return error_memory(err, proto->n_strings * sizeof *strings);
    for (size_t i = 0; i < proto->n_strings; i++) {
        strings[i] = arena_strndup(
            &builder->scratch,
            proto->strings[i].len ? (const char *)proto->strings[i].data : "",
            proto->strings[i].len);
        if (!strings[i])
            return error_memory(err, proto->strings[i].len);
    }
    out->strings = strings;
    out->count = proto->n_strings;
    return 0;
}

static int read_string(struct builder *builder, struct attribute *out,
                       const Onnx__AttributeProto *proto, struct error *err)
{
    out->string = arena_strndup(&builder->scratch,
                                proto->s.len ? (const char *)proto->s.data : "",
                                proto->s.len);
    return out->string ? 0 : error_memory(err, proto->s.len);
}

static int read_float(struct builder *builder, struct attribute *out,
                      const Onnx__AttributeProto *proto, struct error *err)
{
    (void)builder;
    (void)err;
    out->number = (double)proto->f;
    return 0;
}

static int read_int(struct builder *builder, struct attribute *out,
                    const Onnx__AttributeProto *proto, struct error *err)
{
    (void)builder;
    (void)err;
    out->integer = proto->i;
    return 0;
}

static int read_floats(struct builder *builder, struct attribute *out,
                       const Onnx__AttributeProto *proto, struct error *err)
{
    (void)builder;
    (void)err;
    out->floats = proto->floats;
    out->count = proto->n_floats;
    return 0;
}

static int read_ints(struct builder *builder, struct attribute *out,
                     const Onnx__AttributeProto *proto, struct error *err)
{
    (void)builder;
    (void)err;
    out->integers = proto->ints;
    out->count = proto->n_ints;
    return 0;
}

static int read_tensor(struct builder *builder, struct attribute *out,
                       const Onnx__AttributeProto *proto, struct error *err)
{
    if (!proto->t)
        return error_set(err, ERROR_FORMAT, "found no tensor, expected one");
    return onnx_tensor_read(&out->tensor, builder->file, proto->t, err);
}

/* One row per kind that some operator reads; others are kept by kind only. */
static const struct {
    enum attribute_kind kind;
    int (*read)(struct builder *builder, struct attribute *out,
                const Onnx__AttributeProto *proto, struct error *err);
} attribute_kinds[] = {
    [ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT] = {ATTRIBUTE_FLOAT,
                                                      read_float},
    [ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT] = {ATTRIBUTE_INT, read_int},
    [ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING] = {ATTRIBUTE_STRING,
                                                       read_string},
    [ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR] = {ATTRIBUTE_TENSOR,
                                                       read_tensor},
    [ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS] = {ATTRIBUTE_FLOATS,
                                                       read_floats},
    [ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS] = {ATTRIBUTE_INTS, read_ints},
    [ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS] = {ATTRIBUTE_STRINGS,
                                                        read_strings},
};

/* The type, or what is set where a very old file does not say it. */
static unsigned attribute_type(const Onnx__AttributeProto *proto)
{
    if (proto->has_type && proto->type)
        return (unsigned)proto->type;
    const struct {
        bool set;
        unsigned type;
    } fields[] = {
        {proto->has_f, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT},
        {proto->has_i, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT},
        {proto->has_s, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING},
        {proto->t != NULL, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR},
        {proto->n_floats > 0, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS},
        {proto->n_strings > 0, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (fields[i].set)
            return fields[i].type;
    return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
}

static int read_attribute(struct builder *builder, struct attribute *out,
                          const Onnx__AttributeProto *proto, struct error *err)
{
    unsigned type = attribute_type(proto);
    *out = (struct attribute){.name = text_of(proto->name),
                              .kind = ATTRIBUTE_GRAPH};
    if (type >= sizeof attribute_kinds / sizeof attribute_kinds[0] ||
        !attribute_kinds[type].read)
        return 0;
    out->kind = attribute_kinds[type].kind;
    if (attribute_kinds[type].read(builder, out, proto, err) < 0)
        return error_prefix(err, "attribute '%s'", out->name);
    return 0;
}

/* --- nodes --- */

static int describe_error(const Onnx__NodeProto *node, size_t index,
                          size_t count, struct error *err)
{
    return error_prefix(err, "node '%s' (%s, %zu of %zu)", text_of(node->name),
                        text_of(node->op_type), index + 1, count);
}

/* The outputs' names; a first one that is left out before others (a recurrent
 * layer of which only the last state is read) is named after the next. */
static const char *const *output_names(struct builder *builder,
                                       const Onnx__NodeProto *node)
{
    const char *const *names = (const char *const *)node->output;
    const char *next = NULL;
    for (size_t i = 1; i < node->n_output && !next; i++)
        next = text_of(names[i])[0] ? names[i] : NULL;
    if (!next || text_of(names[0])[0])
        return names;
    size_t bytes = strlen(next) + sizeof ":first";
    const char **copy =
        arena_array(&builder->scratch, node->n_output, sizeof *copy);
    char *first = arena_alloc(&builder->scratch, bytes);
    if (!copy || !first)
        return NULL;
    memcpy(copy, names, node->n_output * sizeof *copy);
    snprintf(first, bytes, "%s:first", next);
    copy[0] = first;
    return copy;
}

static int add_node(struct builder *builder, const Onnx__NodeProto *node,
                    struct error *err)
{
    if (!node->op_type || !node->op_type[0])
        return error_set(err, ERROR_FORMAT, "found no operator type");
    const char *domain = domain_of(node->domain);
    int64_t version = version_of(builder->file, domain);
    struct attribute *attributes = arena_array(
        &builder->scratch, node->n_attribute + 1, sizeof *attributes);
    const char *const *outputs = output_names(builder, node);
    if (!attributes || (!outputs && node->n_output))
        return error_memory(err, node->n_attribute * sizeof *attributes);
    int result = 0;
    size_t done = 0;
    for (; done < node->n_attribute && result == 0; done++)
        result = read_attribute(builder, &attributes[done],
                                node->attribute[done], err);
    if (result == 0)
        result = graph_add_node(
            builder->graph, node->name, node->op_type, domain,
            (int)(version > INT16_MAX ? INT16_MAX : version), node->n_input,
            (const char *const *)node->input, node->n_output, outputs,
            node->n_attribute, attributes, err);
    for (size_t i = 0; i < done; i++)
        buffer_drop(attributes[i].tensor.buffer);
    return result;
}

static int add_all(struct builder *builder, struct error *err)
{
    const Onnx__GraphProto *proto = builder->file->proto->graph;
    int result = 0;
    for (size_t i = 0; i < proto->n_initializer && result == 0; i++)
        result = add_initializer(builder, proto->initializer[i], err);
    for (size_t i = 0; i < proto->n_input && result == 0; i++)
        result = add_input(builder, proto->input[i], err);
    for (size_t i = 0; i < proto->n_node && result == 0; i++) {
        result = add_node(builder, proto->node[i], err);
        if (result < 0)
            describe_error(proto->node[i], i, proto->n_node, err);
    }
    for (size_t i = 0; i < proto->n_output && result == 0; i++)
        result = add_output(builder, proto->output[i], err);
    if (result == 0 && !proto->n_output)
        result = error_set(err, ERROR_FORMAT, "the graph has no output");
    for (size_t i = 0; i < proto->n_value_info && result == 0; i++) {
        const Onnx__ValueInfoProto *info = proto->value_info[i];
        int id = graph_find_value(builder->graph, text_of(info->name));
        if (id >= 0)
            declare(builder->graph, id, info);
    }
    return result;
}

int onnx_build_graph(struct graph **out, struct onnx_file *file, int64_t *opset,
                     struct error *err)
{
    *out = NULL;
    struct builder builder = {.file = file};
    int result = check_features(&builder, err);
    if (result == 0)
        result = graph_create(&builder.graph, err);
    if (result == 0)
        result = add_all(&builder, err);
    if (result == 0)
        result = graph_finish(builder.graph, err);
    arena_release(&builder.scratch);
    if (result < 0) {
        graph_drop(builder.graph);
        return -1;
    }
    *opset = builder.opset;
    *out = builder.graph;
    return 0;
}

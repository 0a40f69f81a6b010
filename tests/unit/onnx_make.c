#include "onnx_make.h"
#include "base/file.h"

#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *need(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

char *make_text(struct onnx_make *make, const char *value)
{
    return need(arena_strdup(&make->arena, value));
}

/* Appends a pointer to an array of pointers that lies in the arena. */
static void push(struct onnx_make *make, void *items, size_t *count, void *item)
{
    void **old,
        **grown = need(arena_array(&make->arena, *count + 1, sizeof(void *)));
    memcpy(&old, items, sizeof old);
    if (*count)
        memcpy(grown, old, *count * sizeof(void *));
    grown[(*count)++] = item;
    memcpy(items, &grown, sizeof grown);
}

void make_begin(struct onnx_make *make, int64_t opset)
{
    *make = (struct onnx_make){.model = ONNX__MODEL_PROTO__INIT,
                               .graph = ONNX__GRAPH_PROTO__INIT};
    Onnx__OperatorSetIdProto *set =
        need(arena_alloc(&make->arena, sizeof *set));
    onnx__operator_set_id_proto__init(set);
    set->domain = make_text(make, "");
    set->has_version = 1;
    set->version = opset;
    push(make, &make->model.opset_import, &make->model.n_opset_import, set);
    make->model.has_ir_version = 1;
    make->model.ir_version = 7;
    make->model.producer_name = make_text(make, "make");
    make->model.graph = &make->graph;
    make->graph.name = make_text(make, "main");
}

void make_end(struct onnx_make *make)
{
    arena_release(&make->arena);
}

static size_t count_dims(const int64_t *dims)
{
    size_t n = 0;
    while (dims[n])
        n++;
    return n;
}

static Onnx__ValueInfoProto *make_info(struct onnx_make *make, const char *name)
{
    Onnx__ValueInfoProto *info = need(arena_alloc(&make->arena, sizeof *info));
    onnx__value_info_proto__init(info);
    info->name = make_text(make, name);
    return info;
}

void make_input(struct onnx_make *make, const char *name, enum dtype dtype,
                const int64_t *dims)
{
    struct arena *arena = &make->arena;
    Onnx__ValueInfoProto *info = make_info(make, name);
    Onnx__TypeProto *type = need(arena_alloc(arena, sizeof *type));
    Onnx__TypeProto__Tensor *tensor = need(arena_alloc(arena, sizeof *tensor));
    Onnx__TensorShapeProto *shape = need(arena_alloc(arena, sizeof *shape));
    onnx__type_proto__init(type);
    onnx__type_proto__tensor__init(tensor);
    onnx__tensor_shape_proto__init(shape);
    for (; *dims; dims++) {
        Onnx__TensorShapeProto__Dimension *dim =
            need(arena_alloc(arena, sizeof *dim));
        onnx__tensor_shape_proto__dimension__init(dim);
        if (*dims < 0) {
            dim->value_case =
                ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            dim->dim_param = make_text(make, "n");
        } else {
            dim->value_case =
                ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            dim->dim_value = *dims;
        }
        push(make, &shape->dim, &shape->n_dim, dim);
    }
    tensor->has_elem_type = 1;
    tensor->elem_type = (int32_t)dtype;
    tensor->shape = shape;
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tensor;
    info->type = type;
    push(make, &make->graph.input, &make->graph.n_input, info);
}

void make_output(struct onnx_make *make, const char *name)
{
    push(make, &make->graph.output, &make->graph.n_output,
         make_info(make, name));
}

/* --- tensors --- */

static void store(unsigned char *to, enum dtype dtype, int i)
{
    float value = (float)(i % 7 - 3) / 4;
    double wide = (double)value;
    int64_t integer = i % 7;
    uint16_t half = dtype == DTYPE_FLOAT16 ? float32_to_float16(value)
                                           : float32_to_bfloat16(value);
    switch (dtype) {
    case DTYPE_FLOAT32:
        memcpy(to, &value, 4);
        break;
    case DTYPE_FLOAT64:
        memcpy(to, &wide, 8);
        break;
    case DTYPE_FLOAT16:
    case DTYPE_BFLOAT16:
        memcpy(to, &half, 2);
        break;
    default:
        memcpy(to, &integer, dtype_size(dtype));
    }
}

Onnx__TensorProto *make_tensor(struct onnx_make *make, const char *name,
                               enum dtype dtype, const int64_t *dims)
{
    struct arena *arena = &make->arena;
    Onnx__TensorProto *tensor = need(arena_alloc(arena, sizeof *tensor));
    onnx__tensor_proto__init(tensor);
    size_t count = 1, size = dtype_size(dtype);
    tensor->name = make_text(make, name);
    tensor->n_dims = count_dims(dims);
    tensor->dims =
        need(arena_memdup(arena, dims, tensor->n_dims * sizeof *dims));
    for (size_t i = 0; i < tensor->n_dims; i++)
        count *= (size_t)dims[i];
    tensor->has_data_type = 1;
    tensor->data_type = (int32_t)dtype;
    tensor->has_raw_data = 1;
    tensor->raw_data.len = count * size;
    tensor->raw_data.data = need(arena_alloc(arena, count * size));
    for (size_t i = 0; i < count; i++)
        store(tensor->raw_data.data + i * size, dtype, (int)i);
    return tensor;
}

Onnx__TensorProto *make_initializer(struct onnx_make *make, const char *name,
                                    enum dtype dtype, const int64_t *dims)
{
    Onnx__TensorProto *tensor = make_tensor(make, name, dtype, dims);
    push(make, &make->graph.initializer, &make->graph.n_initializer, tensor);
    return tensor;
}

/* Elements of `narrow` bytes into an array of `wide` ones. */
static void *widen(struct onnx_make *make, const Onnx__TensorProto *tensor,
                   size_t narrow, size_t wide)
{
    size_t count = tensor->raw_data.len / narrow;
    unsigned char *to = need(arena_array(&make->arena, count, wide));
    for (size_t i = 0; i < count; i++)
        memcpy(to + i * wide, tensor->raw_data.data + i * narrow, narrow);
    return to;
}

void make_typed(struct onnx_make *make, Onnx__TensorProto *tensor)
{
    size_t size = dtype_size((enum dtype)tensor->data_type);
    size_t count = tensor->raw_data.len / size;
    switch ((enum dtype)tensor->data_type) {
    case DTYPE_FLOAT32:
        tensor->float_data = widen(make, tensor, size, 4);
        tensor->n_float_data = count;
        break;
    case DTYPE_FLOAT64:
        tensor->double_data = widen(make, tensor, size, 8);
        tensor->n_double_data = count;
        break;
    case DTYPE_INT64:
        tensor->int64_data = widen(make, tensor, size, 8);
        tensor->n_int64_data = count;
        break;
    case DTYPE_UINT32:
    case DTYPE_UINT64:
        tensor->uint64_data = widen(make, tensor, size, 8);
        tensor->n_uint64_data = count;
        break;
    default:
        tensor->int32_data = widen(make, tensor, size, 4);
        tensor->n_int32_data = count;
    }
    tensor->has_raw_data = 0;
}

static void add_entry(struct onnx_make *make, Onnx__TensorProto *tensor,
                      const char *key, const char *value)
{
    Onnx__StringStringEntryProto *entry =
        need(arena_alloc(&make->arena, sizeof *entry));
    onnx__string_string_entry_proto__init(entry);
    entry->key = make_text(make, key);
    entry->value = make_text(make, value);
    push(make, &tensor->external_data, &tensor->n_external_data, entry);
}

void make_external(struct onnx_make *make, Onnx__TensorProto *tensor,
                   const char *location, int64_t offset, int64_t length)
{
    char number[24];
    tensor->has_raw_data = 0;
    tensor->has_data_location = 1;
    tensor->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    add_entry(make, tensor, "location", location);
    snprintf(number, sizeof number, "%lld", (long long)offset);
    if (offset >= 0)
        add_entry(make, tensor, "offset", number);
    snprintf(number, sizeof number, "%lld", (long long)length);
    if (length >= 0)
        add_entry(make, tensor, "length", number);
}

/* --- nodes --- */

static void push_names(struct onnx_make *make, char ***names, size_t *count,
                       const char *list)
{
    while (*list) {
        size_t n = strcspn(list, " ");
        char *name = need(arena_strndup(&make->arena, list, n));
        if (strcmp(name, "-") == 0)
            name[0] = '\0';
        push(make, names, count, name);
        list += n + (list[n] == ' ');
    }
}

Onnx__NodeProto *make_node(struct onnx_make *make, const char *type,
                           const char *name, const char *inputs,
                           const char *outputs)
{
    Onnx__NodeProto *node = need(arena_alloc(&make->arena, sizeof *node));
    onnx__node_proto__init(node);
    node->op_type = make_text(make, type);
    node->name = make_text(make, name);
    push_names(make, &node->input, &node->n_input, inputs);
    push_names(make, &node->output, &node->n_output, outputs);
    push(make, &make->graph.node, &make->graph.n_node, node);
    return node;
}

Onnx__AttributeProto *make_attribute(struct onnx_make *make,
                                     Onnx__NodeProto *node, const char *name)
{
    Onnx__AttributeProto *attribute =
        need(arena_alloc(&make->arena, sizeof *attribute));
    onnx__attribute_proto__init(attribute);
    attribute->name = make_text(make, name);
    attribute->has_type = 1;
    push(make, &node->attribute, &node->n_attribute, attribute);
    return attribute;
}

void make_ints(struct onnx_make *make, Onnx__NodeProto *node, const char *name,
               const int64_t *ints, size_t count)
{
    Onnx__AttributeProto *attribute = make_attribute(make, node, name);
    attribute->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
    attribute->n_ints = count;
    attribute->ints =
        need(arena_memdup(&make->arena, ints, count * sizeof *ints));
}

void make_int(struct onnx_make *make, Onnx__NodeProto *node, const char *name,
              int64_t value)
{
    Onnx__AttributeProto *attribute = make_attribute(make, node, name);
    attribute->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
    attribute->has_i = 1;
    attribute->i = value;
}

void make_tensor_attribute(struct onnx_make *make, Onnx__NodeProto *node,
                           const char *name, Onnx__TensorProto *tensor)
{
    Onnx__AttributeProto *attribute = make_attribute(make, node, name);
    attribute->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;
    attribute->t = tensor;
}

void make_unknown(struct onnx_make *make, ProtobufCMessage *message,
                  unsigned tag, const char *value)
{
    size_t n = strlen(value), count = message->n_unknown_fields;
    ProtobufCMessageUnknownField *fields =
        need(arena_array(&make->arena, count + 1, sizeof *fields));
    if (count)
        memcpy(fields, message->unknown_fields, count * sizeof *fields);
    assert(n < 128);
    uint8_t *data = need(arena_alloc(&make->arena, n + 1));
    data[0] = (uint8_t)n;
    memcpy(data + 1, value, n);
    fields[count] = (ProtobufCMessageUnknownField){
        .tag = tag,
        .wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
        .len = n + 1,
        .data = data};
    message->unknown_fields = fields;
    message->n_unknown_fields++;
}

const unsigned char *make_pack(struct onnx_make *make, size_t *bytes)
{
    *bytes = onnx__model_proto__get_packed_size(&make->model);
    unsigned char *data = need(arena_alloc(&make->arena, *bytes));
    onnx__model_proto__pack(&make->model, data);
    return data;
}

void make_write(struct onnx_make *make, const char *path)
{
    size_t bytes;
    const unsigned char *data = make_pack(make, &bytes);
    struct error err = {0};
    if (file_write(path, data, bytes, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
}

void make_small_network(struct onnx_make *make)
{
    make_begin(make, 13);
    make_input(make, "x", DTYPE_FLOAT32, (int64_t[]){-1, 3, 4, 4, 0});
    make_output(make, "y");
    make_initializer(make, "conv1.weight", DTYPE_FLOAT32,
                     (int64_t[]){2, 3, 3, 3, 0});
    make_initializer(make, "conv1.bias", DTYPE_FLOAT32, (int64_t[]){2, 0});
    make_initializer(make, "fc.weight", DTYPE_FLOAT32, (int64_t[]){5, 8, 0});
    make_initializer(make, "fc.bias", DTYPE_FLOAT32, (int64_t[]){5, 0});
    make_node(make, "Conv", "/conv1/Conv", "x conv1.weight conv1.bias", "c");
    make_node(make, "Relu", "/Relu", "c", "r");
    make_node(make, "Flatten", "/Flatten", "r", "f");
    Onnx__NodeProto *gemm =
        make_node(make, "Gemm", "/fc/Gemm", "f fc.weight fc.bias", "y");
    make_int(make, gemm, "transB", 1);
}

char *make_folder(void)
{
    const char *base = getenv("TMPDIR");
    char *path = path_join(base && base[0] ? base : "/tmp", "onnx-XXXXXX");
    return need(mkdtemp(need(path)));
}

void make_remove(char *folder)
{
    DIR *entries = opendir(folder);
    struct dirent *entry;
    while (entries && (entry = readdir(entries))) {
        char *path = need(path_join(folder, entry->d_name));
        unlink(path); /* fails on "." and "..", as it should */
        free(path);
    }
    if (entries)
        closedir(entries);
    rmdir(folder);
    free(folder);
}

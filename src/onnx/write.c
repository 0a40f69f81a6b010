/*
 * Writing a model with some tensors replaced. The parsed protobuf is never
 * changed: the messages on the way to a replaced tensor (model, graph, node,
 * attribute, tensor) are copied flat, everything else, unknown fields too, is
 * packed from the original.
 */
#include "base/array.h"
#include "base/strbuf.h"
#include "onnx/edit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL_TENSOR_BYTES = 1024, PAGE_BYTES = 4096 };

/* Zeroed memory that lives as long as the edit. */
void *edit_make(struct edit *edit, size_t count, size_t size, struct error *err)
{
    void *memory = array_create(count, size);
    if (!memory ||
        array_reserve(&edit->made, &edit->made_capacity, edit->made_count + 1,
                      sizeof *edit->made) < 0) {
        free(memory);
        error_memory(err, (unsigned long long)count * size);
        return NULL;
    }
    edit->made[edit->made_count++] = memory;
    return memory;
}

void *edit_copy(struct edit *edit, const void *data, size_t count, size_t size,
                struct error *err)
{
    void *memory = edit_make(edit, count, size, err);
    if (memory && count)
        memcpy(memory, data, count * size);
    return memory;
}

/* Room for one more tensor, empty; counted by whoever fills it. */
struct tensor *edit_hold(struct edit *edit, struct error *err)
{
    if (array_reserve(&edit->held, &edit->held_capacity, edit->held_count + 1,
                      sizeof *edit->held) < 0) {
        error_memory(err, sizeof *edit->held);
        return NULL;
    }
    return &edit->held[edit->held_count];
}

static Onnx__StringStringEntryProto *make_entry(struct edit *edit,
                                                const char *key,
                                                const char *value,
                                                struct error *err)
{
    Onnx__StringStringEntryProto *entry =
        edit_make(edit, 1, sizeof *entry, err);
    if (!entry)
        return NULL;
    onnx__string_string_entry_proto__init(entry);
    entry->key = edit_copy(edit, key, strlen(key) + 1, 1, err);
    entry->value = edit_copy(edit, value, strlen(value) + 1, 1, err);
    return entry->key && entry->value ? entry : NULL;
}

/* The model's note takes the place of what the file says under its key. */
static int annotate(struct edit *edit, struct error *err)
{
    const struct onnx_model *model = edit->model;
    size_t count = edit->proto.n_metadata_props, at = 0;
    if (!model->note)
        return 0;
    Onnx__StringStringEntryProto **list =
        edit_make(edit, count + 1, sizeof *list, err);
    if (!list)
        return -1;
    if (count)
        memcpy(list, edit->proto.metadata_props, count * sizeof *list);
    while (at < count &&
           !(list[at]->key && strcmp(list[at]->key, model->note_key) == 0))
        at++;
    list[at] = make_entry(edit, model->note_key, model->note, err);
    edit->proto.metadata_props = list;
    edit->proto.n_metadata_props = at == count ? count + 1 : count;
    return list[at] ? 0 : -1;
}

int edit_init(struct edit *edit, const struct onnx_model *model,
              struct error *err)
{
    const Onnx__ModelProto *proto = model->file->proto;
    *edit =
        (struct edit){.model = model, .proto = *proto, .graph = *proto->graph};
    edit->initializers =
        edit_copy(edit, proto->graph->initializer, proto->graph->n_initializer,
                  sizeof *edit->initializers, err);
    edit->nodes = edit_copy(edit, proto->graph->node, proto->graph->n_node,
                            sizeof *edit->nodes, err);
    if (!edit->initializers || !edit->nodes)
        return -1;
    edit->graph.initializer = edit->initializers;
    edit->graph.node = edit->nodes;
    edit->proto.graph = &edit->graph;
    return annotate(edit, err);
}

void edit_release(struct edit *edit)
{
    for (size_t i = 0; i < edit->held_count; i++)
        tensor_release(&edit->held[i]);
    for (size_t i = 0; i < edit->made_count; i++)
        free(edit->made[i]);
    free(edit->held);
    free(edit->made);
}

/* --- replacing one tensor --- */

static Onnx__TensorProto **find_initializer(struct edit *edit, const char *name)
{
    for (size_t i = 0; i < edit->graph.n_initializer; i++)
        if (strcmp(edit->initializers[i]->name, name) == 0)
            return &edit->initializers[i];
    return NULL;
}

static Onnx__NodeProto **find_constant_node(struct edit *edit, const char *name)
{
    for (size_t i = 0; i < edit->graph.n_node; i++) {
        const Onnx__NodeProto *node = edit->nodes[i];
        if (strcmp(node->op_type, "Constant") == 0 && node->n_output == 1 &&
            strcmp(node->output[0], name) == 0)
            return &edit->nodes[i];
    }
    return NULL;
}

/* Copies a node and its attribute i flat; the address of the pointer to the
 * attribute's tensor in the copy. */
static Onnx__TensorProto **open_attribute(struct edit *edit,
                                          Onnx__NodeProto **slot, size_t i,
                                          struct error *err)
{
    Onnx__NodeProto *node = edit_copy(edit, *slot, 1, sizeof *node, err);
    if (!node)
        return NULL;
    node->attribute = edit_copy(edit, node->attribute, node->n_attribute,
                                sizeof *node->attribute, err);
    if (!node->attribute)
        return NULL;
    Onnx__AttributeProto *attribute =
        edit_copy(edit, node->attribute[i], 1, sizeof *attribute, err);
    if (!attribute)
        return NULL;
    node->attribute[i] = attribute;
    *slot = node;
    return &attribute->t;
}

static Onnx__TensorProto **find_constant(struct edit *edit, const char *name,
                                         struct error *err)
{
    Onnx__NodeProto **slot = find_constant_node(edit, name);
    for (size_t i = 0; slot && i < (*slot)->n_attribute; i++) {
        const Onnx__AttributeProto *attribute = (*slot)->attribute[i];
        if (attribute->t && attribute->name &&
            strcmp(attribute->name, "value") == 0)
            return open_attribute(edit, slot, i, err);
    }
    error_set(err, ERROR_NAME, "value '%s' is not a tensor in the file", name);
    return NULL;
}

static bool same_shape(const Onnx__TensorProto *proto,
                       const struct tensor *tensor)
{
    if (proto->n_dims != (size_t)tensor->shape.rank)
        return false;
    for (size_t i = 0; i < proto->n_dims; i++)
        if (proto->dims[i] != tensor->shape.dims[i])
            return false;
    return true;
}

static void clear_elements(Onnx__TensorProto *proto)
{
    proto->n_float_data = proto->n_int32_data = proto->n_int64_data = 0;
    proto->n_double_data = proto->n_uint64_data = 0;
    proto->n_external_data = 0;
    proto->has_data_location = 0;
    proto->has_raw_data = 0;
    proto->raw_data = (ProtobufCBinaryData){0};
}

/* Elements go where they were: typed floats stay typed, the rest is raw. */
void edit_set_elements(Onnx__TensorProto *proto, struct tensor *tensor)
{
    size_t floats = proto->n_float_data, doubles = proto->n_double_data;
    clear_elements(proto);
    if (floats && tensor->dtype == DTYPE_FLOAT32) {
        proto->n_float_data = floats;
        proto->float_data = tensor->data;
    } else if (doubles && tensor->dtype == DTYPE_FLOAT64) {
        proto->n_double_data = doubles;
        proto->double_data = tensor->data;
    } else {
        proto->has_raw_data = 1;
        proto->raw_data.len = tensor_bytes(tensor);
        proto->raw_data.data = tensor->data;
    }
}

static int replace(struct edit *edit, int id, const struct tensor *tensor,
                   struct error *err)
{
    const struct graph *graph = edit->model->graph;
    if (id < 0 || (size_t)id >= graph->value_count)
        return error_set(err, ERROR_NAME, "value %d is not in the model", id);
    const char *name = graph->values[graph_stored(graph, id)].name;
    Onnx__TensorProto **slot = find_initializer(edit, name);
    if (!slot)
        slot = find_constant(edit, name, err);
    if (!slot)
        return -1;
    if (!same_shape(*slot, tensor)) {
        char text[SHAPE_TEXT_BYTES];
        return error_set(err, ERROR_SHAPE,
                         "value '%s': found shape %s, expected the file's",
                         name, shape_text(&tensor->shape, text));
    }
    Onnx__TensorProto *copy = edit_copy(edit, *slot, 1, sizeof *copy, err);
    if (!copy)
        return -1;
    struct tensor *stored = edit_hold(edit, err);
    if (!stored)
        return -1;
    if (tensor_convert(stored, tensor, (enum dtype)copy->data_type, err) < 0)
        return error_prefix(err, "value '%s'", name);
    edit->held_count++;
    edit_set_elements(copy, stored);
    *slot = copy;
    return 0;
}

/* --- external data comes into the file --- */

/* A message of its own whose elements are raw. The file is mapped already:
 * reading the tensor again only shares it. */
static int inline_tensor(struct edit *edit, Onnx__TensorProto **slot,
                         struct error *err)
{
    Onnx__TensorProto *copy = edit_copy(edit, *slot, 1, sizeof *copy, err);
    struct tensor *tensor = copy ? edit_hold(edit, err) : NULL;
    if (!tensor || onnx_tensor_read(tensor, edit->model->file, copy, err) < 0)
        return -1;
    edit->held_count++;
    edit_set_elements(copy, tensor);
    *slot = copy;
    return 0;
}

static int inline_attributes(struct edit *edit, Onnx__NodeProto **node,
                             struct error *err)
{
    for (size_t i = 0; i < (*node)->n_attribute; i++) {
        const Onnx__TensorProto *tensor = (*node)->attribute[i]->t;
        if (!tensor || !onnx_tensor_is_external(tensor))
            continue;
        Onnx__TensorProto **slot = open_attribute(edit, node, i, err);
        if (!slot || inline_tensor(edit, slot, err) < 0)
            return -1;
    }
    return 0;
}

int edit_inline_all(struct edit *edit, struct error *err)
{
    for (size_t i = 0; i < edit->graph.n_initializer; i++)
        if (onnx_tensor_is_external(edit->initializers[i]) &&
            inline_tensor(edit, &edit->initializers[i], err) < 0)
            return -1;
    for (size_t i = 0; i < edit->graph.n_node; i++)
        if (inline_attributes(edit, &edit->nodes[i], err) < 0)
            return -1;
    return 0;
}

/* --- and out again where the file would be too large --- */

static int add_entry(struct edit *edit, Onnx__TensorProto *proto,
                     const char *key, const char *value, struct error *err)
{
    Onnx__StringStringEntryProto *entry = make_entry(edit, key, value, err);
    if (entry)
        proto->external_data[proto->n_external_data++] = entry;
    return entry ? 0 : -1;
}

static int move_out(struct edit *edit, Onnx__TensorProto **slot,
                    const char *location, size_t offset, struct error *err)
{
    Onnx__TensorProto *copy = edit_copy(edit, *slot, 1, sizeof *copy, err);
    if (!copy)
        return -1;
    char at[24], length[24];
    snprintf(at, sizeof at, "%zu", offset);
    snprintf(length, sizeof length, "%zu", copy->raw_data.len);
    clear_elements(copy);
    copy->has_data_location = 1;
    copy->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    copy->external_data = edit_make(edit, 3, sizeof *copy->external_data, err);
    if (!copy->external_data ||
        add_entry(edit, copy, "location", location, err) < 0 ||
        add_entry(edit, copy, "offset", at, err) < 0 ||
        add_entry(edit, copy, "length", length, err) < 0)
        return -1;
    *slot = copy;
    return 0;
}

static int write_padded(struct file_writer *writer, const void *data,
                        size_t bytes, size_t *offset, struct error *err)
{
    static const unsigned char zeros[PAGE_BYTES];
    size_t pad = (PAGE_BYTES - bytes % PAGE_BYTES) % PAGE_BYTES;
    *offset += bytes + pad;
    return file_add(writer, data, bytes, err) < 0
               ? -1
               : file_add(writer, zeros, pad, err);
}

/* Writes large raw tensors to `path`.data, not committed yet; the messages
 * then point there. */
static int write_data_file(struct edit *edit, const char *path,
                           struct file_writer *writer, struct error *err)
{
    struct strbuf name = {0};
    strbuf_addf(&name, "%s.data", path);
    int result = name.failed ? error_memory(err, strlen(path)) : 0;
    if (result == 0)
        result = file_begin(writer, strbuf_text(&name), err);
    size_t offset = 0;
    for (size_t i = 0; i < edit->graph.n_initializer && result == 0; i++) {
        Onnx__TensorProto **slot = &edit->initializers[i];
        ProtobufCBinaryData raw = (*slot)->raw_data;
        if (!(*slot)->has_raw_data || raw.len < SMALL_TENSOR_BYTES)
            continue;
        result =
            move_out(edit, slot, path_name(strbuf_text(&name)), offset, err);
        if (result == 0)
            result = write_padded(writer, raw.data, raw.len, &offset, err);
    }
    strbuf_release(&name);
    return result;
}

/* --- packing straight into the file --- */

struct packer {
    ProtobufCBuffer base;
    struct file_writer *writer;
    struct error *err;
    bool failed;
    size_t used;
    unsigned char pending[65536];
};

static void flush(struct packer *packer)
{
    if (!packer->failed && packer->used &&
        file_add(packer->writer, packer->pending, packer->used, packer->err) <
            0)
        packer->failed = true;
    packer->used = 0;
}

static void append(ProtobufCBuffer *buffer, size_t bytes, const uint8_t *data)
{
    struct packer *packer;
    memcpy(&packer, &buffer, sizeof packer); /* base is the first member */
    if (bytes > sizeof packer->pending - packer->used)
        flush(packer);
    if (packer->failed)
        return;
    if (bytes > sizeof packer->pending) {
        packer->failed = file_add(packer->writer, data, bytes, packer->err) < 0;
        return;
    }
    if (bytes)
        memcpy(packer->pending + packer->used, data, bytes);
    packer->used += bytes;
}

static int write_proto(const Onnx__ModelProto *proto, const char *path,
                       struct file_writer *writer, struct error *err)
{
    struct packer *packer = calloc(1, sizeof *packer);
    if (!packer)
        return error_memory(err, sizeof *packer);
    int result = file_begin(writer, path, err);
    if (result == 0) {
        *packer = (struct packer){
            .base.append = append, .writer = writer, .err = err};
        onnx__model_proto__pack_to_buffer(proto, &packer->base);
        flush(packer);
        result = packer->failed ? -1 : 0;
    }
    free(packer);
    return result;
}

/* Both files are complete before either takes its place. */
int edit_write(struct edit *edit, const char *path, size_t limit,
               struct error *err)
{
    struct file_writer model = {.descriptor = -1}, data = {.descriptor = -1};
    bool split = onnx__model_proto__get_packed_size(&edit->proto) > limit;
    int result = split ? write_data_file(edit, path, &data, err) : 0;
    if (result == 0)
        result = write_proto(&edit->proto, path, &model, err);
    if (result == 0 && split)
        result = file_commit(&data, err);
    if (result == 0)
        result = file_commit(&model, err);
    file_abandon(&data);
    file_abandon(&model);
    return result;
}

int onnx_write_limited(const struct onnx_model *model, const char *path,
                       size_t count, const int *ids,
                       const struct tensor *tensors, size_t limit,
                       struct error *err)
{
    struct edit edit;
    int result = edit_init(&edit, model, err);
    for (size_t i = 0; i < count && result == 0; i++)
        result = replace(&edit, ids[i], &tensors[i], err);
    if (result == 0)
        result = edit_inline_all(&edit, err);
    if (result == 0)
        result = edit_write(&edit, path, limit, err);
    edit_release(&edit);
    return result < 0 ? error_prefix(err, "%s", path) : 0;
}

int onnx_write(const struct onnx_model *model, const char *path, size_t count,
               const int *ids, const struct tensor *tensors, struct error *err)
{
    return onnx_write_limited(model, path, count, ids, tensors,
                              ONNX_WRITE_LIMIT, err);
}

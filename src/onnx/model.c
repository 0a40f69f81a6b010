/* Opening models: bytes, protobuf, graph, operators. */
#include "onnx/model.h"
#include "base/array.h"
#include "base/hash.h"
#include "onnx/parts.h"
#include "op/op.h"

#include <stdlib.h>
#include <string.h>

/* Names come from the file: a message stays one line whatever they hold. */
static void keep_one_line(struct error *err)
{
    if (!err)
        return;
    for (char *p = err->message; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 127)
            *p = *p == '\n' ? ' ' : '?';
}

static int fill(struct onnx_model *model, const void *bytes, size_t size,
                const char *folder, struct error *err)
{
    if (onnx_file_create(&model->file, bytes, size, folder, err) < 0 ||
        onnx_take_branches(model->file, err) < 0 ||
        onnx_build_graph(&model->graph, model->file, &model->opset, err) < 0 ||
        op_resolve(model->graph, err) < 0)
        return -1;
    model->file_bytes = (int64_t)size;
    for (size_t i = 0; i < model->file->external_count; i++)
        model->file_bytes += (int64_t)model->file->externals[i].map.bytes;
    return 0;
}

static int open_bytes(struct onnx_model **out, const char *path,
                      const void *bytes, size_t size, const char *folder,
                      struct error *err)
{
    *out = NULL;
    struct onnx_model *model = calloc(1, sizeof *model);
    if (!model)
        return error_memory(err, sizeof *model);
    model->path = string_copy(path);
    int result = model->path ? fill(model, bytes, size, folder, err)
                             : error_memory(err, sizeof *model);
    if (result < 0) {
        onnx_close(model);
        return -1;
    }
    *out = model;
    return 0;
}

int onnx_open(struct onnx_model **out, const char *path, struct error *err)
{
    *out = NULL;
    struct file_map map = {0};
    char *folder = path_folder(path);
    int result = folder ? file_map_open(&map, path, err)
                        : error_memory(err, sizeof **out);
    if (result == 0)
        result = open_bytes(out, path, map.data, map.bytes, folder, err);
    file_map_close(&map);
    free(folder);
    if (result < 0) {
        error_prefix(err, "%s", path);
        keep_one_line(err);
    }
    return result;
}

int onnx_open_bytes(struct onnx_model **out, const char *label,
                    const void *bytes, size_t size, struct error *err)
{
    int result = open_bytes(out, label, bytes, size, NULL, err);
    if (result < 0) {
        error_prefix(err, "%s", label);
        keep_one_line(err);
    }
    return result;
}

void onnx_declare_input(struct onnx_model *model, size_t input,
                        const struct shape *sample)
{
    struct graph *graph = model->graph;
    struct shape *shape = &graph->values[graph->inputs[input]].shape;
    if (shape->rank != sample->rank + 1)
        return;
    for (int i = 1; i < shape->rank; i++)
        if (shape->dims[i] >= 0 && shape->dims[i] != sample->dims[i - 1])
            return;
    for (int i = 1; i < shape->rank; i++)
        shape->dims[i] = sample->dims[i - 1];
}

void onnx_close(struct onnx_model *model)
{
    if (!model)
        return;
    graph_drop(model->graph);
    onnx_file_drop(model->file);
    free(model->path);
    free(model->note_key);
    free(model->note);
    free(model);
}

static uint64_t hash_spread(uint64_t hash, const struct file_map *map)
{
    enum { PAGES = 1024, PAGE = 4096 };
    const unsigned char *data = map->data;
    if (map->bytes <= (size_t)PAGES * PAGE)
        return hash_bytes(hash, data, map->bytes);
    for (size_t i = 0; i < PAGES; i++)
        hash = hash_bytes(hash, data + (map->bytes - PAGE) / (PAGES - 1) * i,
                          PAGE);
    return hash;
}

uint64_t onnx_hash_external(const struct onnx_model *model)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < model->file->external_count; i++) {
        const struct external *e = &model->file->externals[i];
        hash = hash_bytes(hash, e->location, strlen(e->location));
        hash = hash_u64(hash, (uint64_t)e->map.bytes);
        hash = hash_spread(hash, &e->map);
    }
    return hash;
}

const struct graph *onnx_graph(const struct onnx_model *model)
{
    return model->graph;
}

const char *onnx_path(const struct onnx_model *model)
{
    return model->path;
}

int64_t onnx_opset(const struct onnx_model *model)
{
    return model->opset;
}

int64_t onnx_file_bytes(const struct onnx_model *model)
{
    return model->file_bytes;
}

const char *onnx_producer(const struct onnx_model *model)
{
    const char *name = model->file->proto->producer_name;
    return name ? name : "";
}

const char *onnx_metadata(const struct onnx_model *model, const char *key)
{
    const Onnx__ModelProto *proto = model->file->proto;
    for (size_t i = 0; i < proto->n_metadata_props; i++) {
        const Onnx__StringStringEntryProto *entry = proto->metadata_props[i];
        if (entry->key && entry->value && strcmp(entry->key, key) == 0)
            return entry->value;
    }
    return NULL;
}

int onnx_annotate(struct onnx_model *model, const char *key, const char *value,
                  struct error *err)
{
    char *own_key = string_copy(key), *own_value = string_copy(value);
    if (!own_key || !own_value) {
        free(own_key);
        free(own_value);
        return error_memory(err, strlen(value));
    }
    free(model->note_key);
    free(model->note);
    model->note_key = own_key;
    model->note = own_value;
    return 0;
}

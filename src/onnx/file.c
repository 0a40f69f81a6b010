/* The parsed file and its external data, kept as long as anybody points in. */
#include "base/array.h"
#include "onnx/parts.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* A file that begins as ONNX files begin (IR version first) was cut short;
 * another one was never ONNX. */
static int explain(const unsigned char *bytes, struct error *err)
{
    return error_prefix(err, bytes[0] == 0x08
                                 ? "truncated or damaged ONNX model"
                                 : "not an ONNX model");
}

static int decode(Onnx__ModelProto **out, const unsigned char *bytes,
                  size_t size, struct error *err)
{
    if (!size)
        return error_set(err, ERROR_FORMAT,
                         "found an empty file, expected an ONNX model");
    if (wire_check(bytes, size, &onnx__model_proto__descriptor, err) < 0)
        return explain(bytes, err);
    *out = onnx__model_proto__unpack(NULL, size, bytes);
    if (!*out) {
        error_set(err, ERROR_FORMAT,
                  "found protobuf fields of other types than ONNX's");
        return explain(bytes, err);
    }
    const Onnx__ModelProto *proto = *out;
    if (!proto->has_ir_version || proto->ir_version < 1 || !proto->graph)
        return error_set(
            err, ERROR_FORMAT,
            "not an ONNX model: found protobuf without %s, expected one",
            proto->graph ? "an IR version" : "a graph");
    if (!proto->n_opset_import)
        return error_set(err, ERROR_FORMAT,
                         "not an ONNX model: found no opset, expected one");
    if (!proto->graph->n_node)
        return error_set(err, ERROR_FORMAT,
                         "found a graph without nodes, expected some");
    return 0;
}

int onnx_file_create(struct onnx_file **out, const void *bytes, size_t size,
                     const char *folder, struct error *err)
{
    *out = NULL;
    struct onnx_file *file = calloc(1, sizeof *file);
    if (!file)
        return error_memory(err, sizeof *file);
    atomic_init(&file->holders, 1);
    file->folder = string_copy(folder);
    int result = folder && !file->folder
                     ? error_memory(err, strlen(folder) + 1)
                     : decode(&file->proto, bytes, size, err);
    if (result < 0) {
        onnx_file_drop(file);
        return -1;
    }
    *out = file;
    return 0;
}

void onnx_file_drop(struct onnx_file *file)
{
    if (!file ||
        atomic_fetch_sub_explicit(&file->holders, 1, memory_order_acq_rel) != 1)
        return;
    if (file->proto)
        onnx__model_proto__free_unpacked(file->proto, NULL);
    for (size_t i = 0; i < file->external_count; i++) {
        file_map_close(&file->externals[i].map);
        free(file->externals[i].location);
    }
    free(file->externals);
    free(file->folder);
    free(file);
}

/* Where `path` really lies (links followed) must be below `folder`. */
static int check_inside(const char *folder, const char *path, struct error *err)
{
    char *real_folder = realpath(folder, NULL);
    char *real_path = realpath(path, NULL);
    int result = 0;
    if (!real_folder || !real_path) {
        result = error_set(err, ERROR_IO, "cannot open: %s", strerror(errno));
    } else {
        size_t n = strlen(real_folder);
        bool root = n == 1; /* "/" is the folder of everything */
        if (strncmp(real_folder, real_path, n) != 0 ||
            (!root && real_path[n] != '/' && real_path[n]))
            result = error_set(err, ERROR_FORMAT,
                               "a link leaves the model's folder");
    }
    free(real_folder);
    free(real_path);
    return result;
}

static int add_external(struct onnx_file *file, const char *location,
                        struct error *err)
{
    if (!path_is_inside(location))
        return error_set(err, ERROR_FORMAT,
                         "the path leaves the model's folder");
    if (array_reserve(&file->externals, &file->external_capacity,
                      file->external_count + 1, sizeof *file->externals) < 0)
        return error_memory(err, sizeof *file->externals);
    struct external *external = &file->externals[file->external_count];
    *external = (struct external){.location = string_copy(location)};
    char *path = path_join(file->folder, location);
    int result = external->location && path ? 0 : error_memory(err, PATH_MAX);
    if (result == 0)
        result = check_inside(file->folder, path, err);
    if (result == 0)
        result = file_map_open(&external->map, path, err);
    free(path);
    if (result < 0)
        free(external->location);
    else
        file->external_count++;
    return result;
}

int onnx_file_external(struct onnx_file *file, const char *location,
                       struct file_map *map, struct error *err)
{
    if (!file->folder)
        return error_set(err, ERROR_UNSUPPORTED,
                         "external data '%s' of a model that is not a file",
                         location);
    size_t i = 0;
    while (i < file->external_count &&
           strcmp(file->externals[i].location, location) != 0)
        i++;
    if (i == file->external_count && add_external(file, location, err) < 0)
        return error_prefix(err, "external data '%s'", location);
    *map = file->externals[i].map;
    return 0;
}

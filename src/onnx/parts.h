/* What the files of src/onnx share; nobody else includes this. */
#ifndef ONNX_PARTS_H
#define ONNX_PARTS_H

#include "base/file.h"
#include "onnx/model.h"

#include "onnx.pb-c.h"

/* A mapped file of external data. */
struct external {
    char *location; /* as the model names it, relative to its folder */
    struct file_map map;
};

/* The parsed protobuf and mapped files, counted: the graph's constants point
 * into them and may outlive the model. */
struct onnx_file {
    atomic_int holders;
    Onnx__ModelProto *proto;
    char *folder; /* of the model; NULL: read from memory, no external data */
    struct external *externals;
    size_t external_count, external_capacity;
};

struct onnx_model {
    char *path;
    struct onnx_file *file;
    struct graph *graph;
    int64_t opset, file_bytes;
    char *note_key, *note; /* for files that are written; NULL: none */
};

/* --- file.c --- */

/* Decodes a whole file. Errors: ERROR_FORMAT, ERROR_MEMORY. */
int onnx_file_create(struct onnx_file **out, const void *bytes, size_t size,
                     const char *folder, struct error *err);
void onnx_file_drop(struct onnx_file *file);

/* The bytes of an external file, mapped once; borrowed. Errors: a location
 * that leaves the folder (ERROR_FORMAT), ERROR_IO. */
int onnx_file_external(struct onnx_file *file, const char *location,
                       struct file_map *map, struct error *err);

/* --- wire.c --- */

/*
 * Walks a message's fields by its descriptor: every length fits, messages
 * nest at most WIRE_MAX_DEPTH deep (protobuf-c recurses without a bound).
 * Errors: ERROR_FORMAT.
 */
enum { WIRE_MAX_DEPTH = 100 };
int wire_check(const unsigned char *data, size_t bytes,
               const ProtobufCMessageDescriptor *descriptor, struct error *err);

/* --- tensor.c --- */

/* A tensor from its message: shares raw and external bytes where they are
 * aligned, copies others. out is owned by the caller. */
int onnx_tensor_read(struct tensor *out, struct onnx_file *file,
                     const Onnx__TensorProto *proto, struct error *err);
/* Whether the elements lie outside the model file. */
bool onnx_tensor_is_external(const Onnx__TensorProto *proto);
/* The value of a key of external_data, NULL when there is none. */
const char *onnx_external_entry(const Onnx__TensorProto *proto,
                                const char *key);

/* --- build.c --- */

/* An unresolved template of the model's main graph. Errors: without path. */
int onnx_build_graph(struct graph **out, struct onnx_file *file, int64_t *opset,
                     struct error *err);

/* --- branch.c --- */

/* Replaces every If with a constant condition in the main graph by the branch
 * that is taken. Errors: ERROR_FORMAT, ERROR_MEMORY. */
int onnx_take_branches(struct onnx_file *file, struct error *err);

/* --- write.c --- */

enum { ONNX_WRITE_LIMIT = 2000000000 }; /* protobuf ends at 2 GB */

/* onnx_write with a limit of its own, for tests of what lies behind it. */
int onnx_write_limited(const struct onnx_model *model, const char *path,
                       size_t count, const int *ids,
                       const struct tensor *tensors, size_t limit,
                       struct error *err);

#endif

/*
 * Reading and writing ONNX files. The only folder that sees protobuf. What
 * it does not understand it keeps: unknown fields, metadata, names, order.
 */
#ifndef ONNX_MODEL_H
#define ONNX_MODEL_H

#include "graph/graph.h"

struct onnx_model; /* the parsed file, kept for export; immutable */

/*
 * Reads a model: its protobuf, its graph (resolved: op_resolve is done),
 * external data mapped from the model's folder.
 *
 * out    owned by the caller (onnx_close)
 *
 * Errors, all "PATH: ...", one line: ERROR_IO (missing, unreadable),
 * ERROR_FORMAT (empty, truncated, not ONNX, a tensor whose bytes do not fit
 * its shape, a cycle), ERROR_UNSUPPORTED (operators, opset below 6 or above
 * 21, IR features: sparse initializers, functions, training), external data
 * outside the folder.
 */
int onnx_open(struct onnx_model **out, const char *path, struct error *err);

/* onnx_open of bytes in memory (borrowed during the call); `label` stands for
 * the path. External data is an error (ERROR_UNSUPPORTED). */
int onnx_open_bytes(struct onnx_model **out, const char *label,
                    const void *bytes, size_t size, struct error *err);

/*
 * Gives input `input` sizes for dimensions that the file leaves dynamic, the
 * leading one apart: a model runs with the sizes of its data. Before anybody
 * instantiates the graph; files written later keep them dynamic.
 *
 * sample  the input's dimensions but the leading one; nothing happens where
 *         it contradicts what the file declares
 */
void onnx_declare_input(struct onnx_model *model, size_t input,
                        const struct shape *sample);

/* Graphs and constants that somebody still holds stay valid. */
void onnx_close(struct onnx_model *model);

const struct graph *onnx_graph(const struct onnx_model *model); /* template */
const char *onnx_path(const struct onnx_model *model);
int64_t onnx_opset(const struct onnx_model *model); /* of ONNX's own domain */
int64_t onnx_file_bytes(const struct onnx_model *model); /* external included */
/* A hash of the names, lengths and contents of files of external data; 0: there
 * are none. Of a large one 1,024 pages, evenly spread: training changes all of
 * them. */
uint64_t onnx_hash_external(const struct onnx_model *model);
const char *onnx_producer(const struct onnx_model *model); /* "" if none */

/* What the file says under `key` of its metadata; NULL: nothing. */
const char *onnx_metadata(const struct onnx_model *model, const char *key);

/* What files written later say under `key`, in place of what this one says.
 * One key; before threads share the model. Errors: ERROR_MEMORY. */
int onnx_annotate(struct onnx_model *model, const char *key, const char *value,
                  struct error *err);

/*
 * Writes the model with some initializers' (or Constant nodes') values
 * replaced, everything else untouched, atomically.
 *
 * ids      value ids of stored constants; one behind Identity stands for
 *          the initializer it repeats (graph_stored)
 * tensors  same shape; converted back to the type stored in the file
 *          (float16 stays float16)
 *
 * A model with external data is written with all of it inline when the whole
 * stays under 2 GB, else with large tensors in PATH.data beside it: either
 * way the result does not depend on the original's data files.
 *
 * Errors "PATH: ...": ERROR_IO, ERROR_SHAPE, ERROR_NAME (a value that is not
 * stored in the file). The old file stays after any error.
 */
int onnx_write(const struct onnx_model *model, const char *path, size_t count,
               const int *ids, const struct tensor *tensors, struct error *err);

/*
 * Writes the model as `graph` has it: a resolved template with the node and
 * value ids of onnx_graph(model), in which constants have other shapes, nodes
 * other types, operands and attributes, and new constants have come
 * (prune/shrink.h). What nothing needs any more is left out, and so are the
 * declared shapes of inner values; metadata, names and order stay.
 *
 * Errors as onnx_write.
 */
int onnx_write_graph(const struct onnx_model *model, const char *path,
                     const struct graph *graph, struct error *err);

#endif

/* Changing a copy of a parsed model; nobody outside src/onnx includes this. */
#ifndef ONNX_EDIT_H
#define ONNX_EDIT_H

#include "onnx/parts.h"

/* A flat copy of the protobuf and everything that was made for it. */
struct edit {
    const struct onnx_model *model;
    Onnx__ModelProto proto;
    Onnx__GraphProto graph;
    Onnx__TensorProto **initializers; /* the graph's own arrays, copied */
    Onnx__NodeProto **nodes;
    void **made; /* freed at the end */
    size_t made_count, made_capacity;
    struct tensor *held; /* what messages point to, released at the end */
    size_t held_count, held_capacity;
};

int edit_init(struct edit *edit, const struct onnx_model *model,
              struct error *err);
void edit_release(struct edit *edit);

/* Zeroed memory, and a copy, that live as long as the edit. */
void *edit_make(struct edit *edit, size_t count, size_t size,
                struct error *err);
void *edit_copy(struct edit *edit, const void *data, size_t count, size_t size,
                struct error *err);

/* Room for one more tensor, empty; counted (held_count) by whoever fills it. */
struct tensor *edit_hold(struct edit *edit, struct error *err);

/* Elements go where they were: typed floats stay typed, the rest is raw. */
void edit_set_elements(Onnx__TensorProto *proto, struct tensor *tensor);

/* External data comes into the file. */
int edit_inline_all(struct edit *edit, struct error *err);

/* Writes the file, and PATH.data beside it where it would exceed `limit`. */
int edit_write(struct edit *edit, const char *path, size_t limit,
               struct error *err);

#endif

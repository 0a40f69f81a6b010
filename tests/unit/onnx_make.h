/* Small models for tests, built message by message. */
#ifndef TESTS_UNIT_ONNX_MAKE_H
#define TESTS_UNIT_ONNX_MAKE_H

#include "base/arena.h"
#include "tensor/dtype.h"

#include "onnx.pb-c.h"

#include <stddef.h>

/* All memory is the arena's: tests may change any message before packing. */
struct onnx_make {
    struct arena arena;
    Onnx__ModelProto model;
    Onnx__GraphProto graph;
};

/* IR 7, one opset import, an empty graph. */
void make_begin(struct onnx_make *make, int64_t opset);
void make_end(struct onnx_make *make);

/* A copy that lives as long as the messages. */
char *make_text(struct onnx_make *make, const char *value);

/* dims ends with 0; -1 becomes the symbolic dimension "n". */
void make_input(struct onnx_make *make, const char *name, enum dtype dtype,
                const int64_t *dims);
void make_output(struct onnx_make *make, const char *name);

/*
 * An initializer of random-looking float values (i % 7 - 3) / 4, stored as
 * raw_data of `dtype` (float32, float16, bfloat16, float64, or integers).
 * dims ends with 0.
 */
Onnx__TensorProto *make_initializer(struct onnx_make *make, const char *name,
                                    enum dtype dtype, const int64_t *dims);
/* The same tensor without adding it to the graph. */
Onnx__TensorProto *make_tensor(struct onnx_make *make, const char *name,
                               enum dtype dtype, const int64_t *dims);
/* Moves raw_data of a tensor to the field of its type. */
void make_typed(struct onnx_make *make, Onnx__TensorProto *tensor);
/* Moves raw_data to a file; offset and length are written as given, negative
 * ones not at all. */
void make_external(struct onnx_make *make, Onnx__TensorProto *tensor,
                   const char *location, int64_t offset, int64_t length);

/* inputs, outputs: names separated by spaces, "-" for an omitted one. */
Onnx__NodeProto *make_node(struct onnx_make *make, const char *type,
                           const char *name, const char *inputs,
                           const char *outputs);
Onnx__AttributeProto *make_attribute(struct onnx_make *make,
                                     Onnx__NodeProto *node, const char *name);
void make_ints(struct onnx_make *make, Onnx__NodeProto *node, const char *name,
               const int64_t *ints, size_t count);
void make_int(struct onnx_make *make, Onnx__NodeProto *node, const char *name,
              int64_t value);
void make_tensor_attribute(struct onnx_make *make, Onnx__NodeProto *node,
                           const char *name, Onnx__TensorProto *tensor);
/* Appends an unknown field (bytes, tag number `tag`) to any message. */
void make_unknown(struct onnx_make *make, ProtobufCMessage *message,
                  unsigned tag, const char *text);

/* The packed model; memory is the arena's. */
const unsigned char *make_pack(struct onnx_make *make, size_t *bytes);
void make_write(struct onnx_make *make, const char *path);

/*
 * x (n,3,4,4) -> Conv "conv1" (w "conv1.weight" 2x3x3x3 float32, b) -> Relu
 * -> Flatten -> Gemm "fc" ("fc.weight" 5x8, "fc.bias") -> y
 */
void make_small_network(struct onnx_make *make);

/* A new folder under $TMPDIR (or /tmp); the caller frees and removes it. */
char *make_folder(void);
void make_remove(char *folder);

#endif

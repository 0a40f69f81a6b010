/*
 * A computation graph: values and nodes with fixed ids, in execution order.
 *
 * A *template* graph is what a model file says: declared shapes (unknown
 * dimensions -1), constants, attributes. An *instance* (op/instance.h) is the
 * same graph for one batch size: every shape known, constant parts folded.
 * Both are immutable once built and counted, so threads share them; edits
 * (graph_with_constants) copy the value table and share everything else.
 * Node and value ids are the same in a template and in all its instances.
 */
#ifndef GRAPH_GRAPH_H
#define GRAPH_GRAPH_H

#include "base/arena.h"
#include "base/error.h"
#include "base/map.h"
#include "tensor/tensor.h"

#include <stdatomic.h>

enum { GRAPH_NONE = -1 }; /* an omitted optional input */

enum attribute_kind {
    ATTRIBUTE_FLOAT,
    ATTRIBUTE_INT,
    ATTRIBUTE_STRING,
    ATTRIBUTE_TENSOR,
    ATTRIBUTE_FLOATS,
    ATTRIBUTE_INTS,
    ATTRIBUTE_STRINGS,
    ATTRIBUTE_GRAPH, /* kept by kind only: no supported operator reads it */
};

struct attribute {
    const char *name;
    enum attribute_kind kind;
    double number;        /* FLOAT */
    int64_t integer;      /* INT */
    const char *string;   /* STRING, NUL-terminated */
    struct tensor tensor; /* TENSOR; its buffer is the graph's */
    size_t count;         /* of FLOATS, INTS, STRINGS */
    const float *floats;
    const int64_t *integers;
    const char *const *strings;
};

struct op; /* op/op.h */

struct node {
    const char *name;   /* unique; made from type and index when absent */
    const char *type;   /* "Conv" */
    const char *domain; /* "" for ONNX's own */
    int opset;          /* version of that domain the model imports */
    int input_count, output_count;
    const int *inputs;  /* value ids, GRAPH_NONE where omitted */
    const int *outputs; /* value ids, GRAPH_NONE where unnamed */
    size_t attribute_count;
    const struct attribute *attributes;
    const struct op *op; /* bound by op_resolve; NULL before */
    void *params;        /* the operator's parsed attributes, arena memory */
};

struct value {
    const char *name;
    enum dtype dtype;   /* DTYPE_NONE: not known (template) */
    struct shape shape; /* rank -1 when nothing was declared (template) */
    int producer;       /* node id, GRAPH_NONE for inputs and initializers */
    bool initializer;   /* stored in the model file */
    struct tensor constant; /* data NULL when computed at run time; shared */
    uint64_t content_hash;  /* of a constant's bytes; 0 for run-time values */
    int64_t nonzeros;       /* of a constant with a hash; -1: not counted */
};

/* What is known of a constant's contents; hash 0: nothing. */
struct contents {
    uint64_t hash;
    int64_t nonzeros; /* -1: not counted */
};

struct graph {
    atomic_int holders;
    const struct graph *origin; /* the template, retained; NULL in it */
    struct arena arena;         /* template: names, nodes, attributes */
    struct map names;           /* template: value name to id */
    size_t node_count, value_count, input_count, output_count;
    struct node *nodes;   /* template's own; instances borrow origin's */
    struct value *values; /* each graph's own */
    size_t node_capacity, value_capacity, input_capacity, output_capacity;
    bool *folded;          /* per node: outputs are all constants (instances) */
    int *inputs, *outputs; /* value ids; inputs exclude initializers; instances
                              borrow origin's */
    int64_t batch;         /* instance: its batch; template: 0 */
    int64_t declared_batch; /* the file's leading input dimension, 0: dynamic */
};

/* --- building (onnx, tests); errors are ERROR_MEMORY or ERROR_FORMAT --- */

/* An empty template with one holder. */
int graph_create(struct graph **out, struct error *err);

/* Adds a value or finds the one of that name; its id, or -1. */
int graph_add_value(struct graph *graph, const char *name, struct error *err);

/*
 * Adds a node after its inputs' names were seen or not: values are made as
 * needed. Strings and attribute arrays are copied into the graph's arena,
 * attribute tensors are retained. "" names an omitted input.
 * Errors: a second producer of one value (ERROR_FORMAT, names both nodes).
 */
int graph_add_node(struct graph *graph, const char *name, const char *type,
                   const char *domain, int opset, size_t input_count,
                   const char *const *inputs, size_t output_count,
                   const char *const *outputs, size_t attribute_count,
                   const struct attribute *attributes, struct error *err);

/* Makes value `id` the constant `tensor` (shared, hashed): its type, shape,
 * content_hash; an initializer when no node produces it. Also for instances
 * that are not shared yet. */
int graph_set_constant(struct graph *graph, int id, const struct tensor *tensor,
                       struct error *err);
int graph_add_input(struct graph *graph, int id, struct error *err);
int graph_add_output(struct graph *graph, int id, struct error *err);

/*
 * Sorts nodes topologically (stable: file order where it is already one),
 * makes names unique, checks that every input has a source.
 * Errors: ERROR_FORMAT for a cycle (names a node on it) or an input that
 * nobody produces. After this the template is immutable.
 */
int graph_finish(struct graph *graph, struct error *err);

/* --- using --- */

struct graph *graph_retain(const struct graph *graph);
void graph_drop(const struct graph *graph); /* NULL is fine */

/*
 * A copy of `graph` (template or instance) with its own value table, folded
 * flags (all false for a template) and batch; constants are shared, the
 * template is borrowed and retained. op_instantiate begins with it.
 */
int graph_copy(struct graph **out, const struct graph *graph,
               struct error *err);

/*
 * A copy of `graph` in which `count` constants are replaced by tensors of
 * the same type and shape (masked weights). Shares everything else.
 * Folded nodes that only move or retype a replaced constant (graph/view.h)
 * follow it, so ids are those of the values that the file stores.
 *
 * ids      value ids of constants
 * tensors  shared, not consumed
 */
int graph_with_constants(struct graph **out, const struct graph *graph,
                         size_t count, const int *ids,
                         const struct tensor *tensors, struct error *err);

/* Reads every element. */
struct contents graph_contents(const struct tensor *tensor);

/* graph_with_constants without reading what is known: contents (count), of each
 * tensor. */
int graph_with_known(struct graph **out, const struct graph *graph,
                     size_t count, const int *ids, const struct tensor *tensors,
                     const struct contents *contents, struct error *err);

/* Elements of a constant that are not zero; reads them where they were not
 * counted. */
int64_t value_nonzeros(const struct value *value);

const struct attribute *graph_attribute(const struct node *node,
                                        const char *name);
int graph_find_value(const struct graph *graph, const char *name);

/* The value whose elements the constant `id` holds: walks back through nodes
 * that only move or retype (graph/view.h) to an initializer or a Constant's
 * output; elsewhere where `id` is computed by other nodes. */
int graph_stored(const struct graph *graph, int id);

/* Nodes that read value `id`: writes up to `room` node ids in order, returns
 * how many there are. Being a graph output is not counted. */
size_t graph_consumers(const struct graph *graph, int id, int *nodes,
                       size_t room);
bool graph_is_output(const struct graph *graph, int id);

#endif

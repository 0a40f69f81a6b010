/* The layers of a model: what has a weight, what it is called, whether it
 * can be pruned and why not. */
#ifndef PRUNE_LAYER_H
#define PRUNE_LAYER_H

#include "op/op.h"

struct block;
struct group;
struct group_table;
struct block_table;

/*
 * A stored weight as a matrix of outputs by inputs, with the places of a
 * kernel behind each pair: element (row, input, place) lies at
 * row * row_stride + input * input_stride + place * place_stride. Grouped
 * convolutions have as many inputs as one group.
 */
struct layer_matrix {
    int64_t rows, inputs, places; /* rows 0: no such view */
    int64_t row_stride, input_stride, place_stride;
    int64_t groups; /* rows fall into so many groups with inputs of their own */
};

static inline int64_t layer_matrix_at(const struct layer_matrix *m, int64_t row,
                                      int64_t input, int64_t place)
{
    return row * m->row_stride + input * m->input_stride +
           place * m->place_stride;
}

struct layer {
    char *name;           /* unique; see layer_table_init */
    char *parameter;      /* what the framework that made it calls the weight */
    bool transposed;      /* the file stores the parameter's transpose */
    int row;              /* 1-based, in order of execution: "@row" */
    int node;             /* node id */
    int weight;           /* value id of the weight as the file stores it */
    const char *op;       /* "Conv" */
    char description[24]; /* "Conv 3x3", "Gemm", "Conv 3x3 dw" */
    struct shape shape;   /* of the weight, as stored */
    struct layer_matrix matrix;
    int64_t weights;    /* elements */
    int64_t parameters; /* weights and bias */
    int64_t macs;       /* one sample, dense, of all nodes that share it */
    bool prunable;
    const char *reason; /* why not; "" when prunable; static text */
    /* What its output channels go together with (prune/group.h); NULL: not
     * known. */
    const struct group *group;
    const struct block *block; /* with which it can go; NULL: none */
    const char *block_reason;  /* why none; static text */
    /* Why its input channels cannot take another order; "" when they can;
     * NULL: not known. */
    const char *fixed;
};

struct layer_table {
    struct layer *layers;
    size_t count;
    struct group_table *groups; /* owned; NULL in tables made by hand */
    struct block_table *blocks; /* likewise */
};

/*
 * Finds every node with a constant weight. `weight` is the initializer (or
 * the Constant's output) where the weight is stored, also when nodes that only
 * move or retype (Identity, Transpose, Cast, Reshape ...) lie between it and
 * the node: graph_with_constants carries a replacement through them and
 * onnx_write writes it there. Layers are named by layer_name
 * (prune/layer_name.h). A weight shared by several nodes is one layer (the
 * first node's).
 *
 * instance  batch 1, borrowed only during the call
 */
int layer_table_init(struct layer_table *table, const struct graph *instance,
                     struct error *err);
/*
 * How the weight `stored` of node `id` is a matrix (layer_matrix.c); rows 0
 * where it is none (a stack of matrices, a reshape on the way).
 */
struct layer_matrix layer_matrix_of(const struct graph *instance, int id,
                                    int stored);
/* The shape of the layer's parameter, and where its element `i` is stored. */
struct shape layer_parameter_shape(const struct layer *layer);
int64_t layer_parameter_at(const struct layer *layer, int64_t i);
void layer_table_release(struct layer_table *table);

/*
 * Rows that `pattern` names: an exact name, a glob (fnmatch), or "@N".
 * Writes ascending indices to `rows` (room for table->count), returns how
 * many; 0 with ERROR_NAME naming the nearest layer when nothing matches.
 */
size_t layer_match(const struct layer_table *table, const char *pattern,
                   size_t *rows, struct error *err);

#endif

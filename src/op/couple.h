/*
 * Which channels go together: what the `couple` faces of operators write.
 *
 * Every position of a layer's output axis gets a *label*; operators hand the
 * labels on. Removing a label removes every element that carries it, in
 * every value and constant of the graph. Two labels are *tied* where one
 * cannot go without the other (both sides of an addition), and *locked* where
 * it cannot go at all (the model's outputs). A face only moves, ties and
 * locks labels; prune/group.c walks the graph and makes groups of them.
 */
#ifndef OP_COUPLE_H
#define OP_COUPLE_H

#include "op/op.h"

/*
 * The label of every element of one value: labels[i · strides]. A stride is
 * 0 along axes on which the label does not depend.
 */
struct label_map {
    const int *labels; /* NULL: no element can be removed */
    struct shape shape;
    int64_t strides[SHAPE_MAX_RANK];
    /* A removed element is exactly 0 when its producers' weights, biases and
     * scales are 0 (before a sigmoid it is, behind one it is not). */
    bool zero;
    const char *why; /* labels NULL: what keeps it; "" where nothing does */
};

struct label_state {
    int parent;
    bool head;        /* roots: an attention head */
    const char *lock; /* roots: why it stays; NULL: not locked */
    const char *note; /* roots: why many labels are one; NULL: not known */
};

/* All labels of a graph: a forest of ties. Label 0 is never removed. */
struct labels {
    struct arena arena;
    struct label_state *states;
    size_t count, capacity;
    bool failed; /* memory ran out: checked once at the end */
};

void labels_init(struct labels *labels);
void labels_release(struct labels *labels);
int labels_add(struct labels *labels, int count);  /* the first of new ones */
int labels_find(struct labels *labels, int label); /* its root */
void labels_tie(struct labels *labels, int a, int b);
/* Nothing will be tied any more: from here on finding writes nothing, so
 * that threads may share the labels. */
void labels_settle(struct labels *labels);
void labels_lock(struct labels *labels, int label, const char *why);
bool labels_locked(struct labels *labels, int label);
/* Text that lives as long as the labels. */
const char *labels_text(struct labels *labels, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* --- maps --- */

bool label_map_depends(const struct label_map *map, int axis);
/* The only axis that the labels depend on; -1: several, or none. */
int label_map_axis(const struct label_map *map);
/* A map without labels. */
struct label_map label_map_none(const struct shape *shape, const char *why);
/* Locks every label of the map. */
void label_map_lock(struct labels *labels, const struct label_map *map,
                    const char *why);
/* The map as seen from `shape`, to which its shape broadcasts. */
struct label_map label_map_broadcast(const struct label_map *map,
                                     const struct shape *shape);
/* Ties the labels of equal positions; both maps have one shape. */
void label_map_tie(struct labels *labels, const struct label_map *a,
                   const struct label_map *b);
/* Ties labels that differ only along the marked axes; the map of what is
 * left: it depends on them no more. */
struct label_map label_map_merge(struct labels *labels,
                                 const struct label_map *map, const bool *axes,
                                 const char *note);
struct label_map label_map_reshape(struct labels *labels,
                                   const struct label_map *map,
                                   const struct shape *shape);
/* Axis i of the result is axis perm[i]. */
struct label_map label_map_permute(const struct label_map *map,
                                   const int *perm);
/* Position i along axis a of the result is position tables[a][i] of the map
 * (-1: label 0); tables[a] NULL: the same position. */
struct label_map label_map_index(struct labels *labels,
                                 const struct label_map *map,
                                 const struct shape *shape,
                                 const int64_t *const tables[SHAPE_MAX_RANK]);
/* All labels in row-major order, arena memory; NULL without memory. */
int *label_map_list(struct labels *labels, const struct label_map *map);
/* Row-major labels as a map. */
struct label_map label_map_of_list(struct labels *labels, const int *list,
                                   const struct shape *shape);

/* --- one call --- */

/* A constant operand whose elements go with labels. */
struct label_use {
    int node, input; /* the operand */
    int value;       /* its id */
    struct label_map map;
    bool masked; /* its removed elements are 0 in the masked graph */
};

/* An axis of a layer's output: where labels begin. */
struct label_root {
    int node, input; /* the weight's operand */
    int first, count;
};

struct coupling {
    const struct op_call *call;
    int node;
    struct labels *labels;
    const struct label_map *inputs; /* node->input_count; constants: none */
    struct label_map *outputs;      /* node->output_count, preset to none */
    struct label_use *uses;         /* of all calls so far */
    size_t use_count, use_capacity;
    struct label_root *roots;
    size_t root_count, root_capacity;
};

bool couple_labelled(const struct coupling *coupling, int input);
/* "by 'name' (TYPE)", for reasons. */
const char *couple_by(struct coupling *coupling, const char *what);
/* Locks what input i carries. */
void couple_lock(struct coupling *coupling, int input, const char *why);
/* Output i carries `map`; a map that depends on nothing is locked. */
void couple_give(struct coupling *coupling, int output, struct label_map map);
/* The elements of constant operand i go with `map` (of its shape). */
void couple_constant(struct coupling *coupling, int input,
                     const struct label_map *map, bool masked);

/*
 * A product with a constant weight: labels of `data_axis` of operand 0 end in
 * the weight's in_axis, new ones begin in its out_axis.
 *
 * groups   of in and out positions that meet (convolution), else 1
 * bias     operand whose last axis runs over the outputs, -1: none
 */
struct couple_product {
    int data, weight, bias;
    int data_axis, in_axis, out_axis, result_axis;
    int64_t groups;
};
void couple_product(struct coupling *coupling,
                    const struct couple_product *product);

/* --- faces that several operators share --- */

/* Every output carries what input 0 carries (Relu, Cast, Dropout). */
int couple_same(struct coupling *coupling, struct error *err);
/* Operands broadcast and meet element by element. */
int couple_elements(struct coupling *coupling, struct error *err);
/* Axes 2 and behind are worked on, samples and channels stay (pooling). */
int couple_planes(struct coupling *coupling, struct error *err);
/* Elements only move: found out by moving labels (slow, always right). */
int couple_moves(struct coupling *coupling, struct error *err);
/* Output 0 has the elements of input 0 in the same order. */
int couple_reshape(struct coupling *coupling, struct error *err);

#endif

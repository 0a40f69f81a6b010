/*
 * Tasks: the nodes of an instance lowered and fused, before a kernel is
 * chosen for each. Internal to exec.
 */
#ifndef EXEC_TASK_H
#define EXEC_TASK_H

#include "graph/graph.h"
#include "kernel/layout.h"
#include "kernel/sparse_structure.h"

#include <stddef.h>

enum { TASK_MAX_NODES = 24, TASK_MAX_OPERANDS = 4 };

struct task {
    int node;                  /* the main node: its place in the order */
    int nodes[TASK_MAX_NODES]; /* main, batch norm, add, activation;
                                  or all of a pattern */
    int node_count;
    struct kernel_spec spec; /* KERNEL_NONE: the operator's plain code */
    struct epilogue epilogue;
    bool folds; /* a batch norm goes into weight and bias */
    struct affine_spec affine;
    int operands[TASK_MAX_OPERANDS]; /* value ids; plain: see the node */
    int operand_count;
    int other;        /* value that the epilogue adds, GRAPH_NONE */
    int dst;          /* value id of the result; plain: see the node */
    int64_t weights;  /* of the constant weight; 0: none */
    int64_t nonzeros; /* as many until they are counted */
    struct sparse_structure zeros; /* of weights with many; else of none */
    struct sparse_structure whole; /* the same before `idle` took some */
    struct idle *idle;  /* what needs no work (idle.h); NULL; owned */
    uint8_t *filled;    /* (outputs, then inputs) 1: has weights; NULL; owned */
    int64_t macs;       /* dense work */
    uint64_t problem;   /* the numbers: spec, epilogue, shapes */
    uint64_t constants; /* the contents of all constant operands */
};

struct task_list {
    struct task *tasks; /* in order of execution; owned */
    size_t count;
};

/*
 * fuse  false: one task per node, none lowered (the reference)
 * Errors: ERROR_MEMORY.
 */
int task_list_init(struct task_list *out, const struct graph *instance,
                   bool fuse, struct error *err);
void task_list_release(struct task_list *list);

/* Counts the nonzero weights of a task that has weights and, where a quarter
 * or more are zero, looks for structure in the zeros. */
void task_count_nonzeros(struct task *task);

/* What a value looks like to kernels: logical (n, c, h, w) when `mapped`
 * (float32 of rank 2 to 4), else one flat row that stays PLAIN. */
struct value_view {
    struct layout_desc desc; /* border: what PLANE uses for it */
    bool mapped;
    size_t bytes; /* PLAIN */
};

void value_view_of(struct value_view *out, const struct value *value);

/* Layouts that put the same bytes of this value in the same places have one
 * name (PLAIN before NHWC before the others). */
enum layout value_view_canonical(const struct value_view *view,
                                 enum layout layout);

/* The descriptor of the value in a layout, border included. */
struct layout_desc value_view_desc(const struct value_view *view,
                                   enum layout layout);

/* A hash of a spec's numbers, free of pointers. */
uint64_t spec_hash(const struct kernel_spec *spec);
uint64_t epilogue_hash(const struct epilogue *epilogue);

#endif

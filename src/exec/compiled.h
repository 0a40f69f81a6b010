/*
 * Compiled kernels: one task with a chosen kernel, weights packed, counted
 * and shared between plans. Internal to exec.
 */
#ifndef EXEC_COMPILED_H
#define EXEC_COMPILED_H

#include "base/cpu.h"
#include "exec/task.h"
#include "kernel/dense.h"
#include "kernel/onednn.h"
#include "kernel/sparse.h"

#include <stdatomic.h>

/* How a step computes. */
enum method {
    METHOD_PLAIN,     /* the operator's run */
    METHOD_REFERENCE, /* a fused task by the naive kernels */
    METHOD_ONEDNN,
    METHOD_SPARSE,
    METHOD_DENSE,   /* one of our dense kernels */
    METHOD_ALIAS,   /* nothing to do: same bytes */
    METHOD_REORDER, /* a change of layout */
    METHOD_COUNT,
};

/* How threads share a step: in whose cache its operands and result lie. */
enum sharing {
    SHARING_OTHER,    /* a library's way, or nobody's */
    SHARING_ONE,      /* one thread does all */
    SHARING_IMAGES,   /* whole images */
    SHARING_ROWS,     /* output rows */
    SHARING_CHANNELS, /* output channels */
};

/* A way to compute a task: kernel and layouts (as the kernel names them). */
struct candidate {
    enum method method;
    const struct sparse_kernel *sparse;
    const struct dense_kernel *dense;
    enum layout src, dst;
    int threads; /* that share one of our kernels' rows; 0: the plan's */
    enum sharing sharing;
    double ns; /* expected; INFINITY: does not serve */
    bool measured;
};

/* oneDNN's engine, shared by all plans that share kernels. */
struct engine_box {
    atomic_int holders;
    struct onednn_engine engine;
};
struct engine_box *engine_box_create(void); /* NULL when there is none */
struct engine_box *engine_box_retain(struct engine_box *box);
void engine_box_drop(struct engine_box *box);

enum { COMPILED_NAME_BYTES = 64 };

/* What one thread does of a sparse kernel: all of images [first, last) and a
 * part of those from `rest` on. */
struct sparse_share {
    int64_t first, last, rest;
    struct sparse_part part;
};

struct compiled {
    atomic_int holders;
    uint64_t key;                /* problem, constants, candidate, threads */
    uint64_t problem, constants; /* of its task, as are the nonzeros */
    int64_t nonzeros;
    struct sparse_structure zeros, whole; /* as the task's */
    uint8_t *filled;                      /* as the task's; NULL */
    uint64_t idle_hash;                   /* of what the task left out; 0 */
    char name[COMPILED_NAME_BYTES];
    struct candidate candidate;
    struct engine_box *box;
    struct kernel_spec spec; /* weights NULL unless METHOD_REFERENCE */
    struct epilogue epilogue;
    struct layout_desc src, dst;
    struct onednn_kernel onednn;
    void *packed; /* SPARSE, DENSE: the kernel's packed weights */
    struct sparse_share *shares; /* METHOD_SPARSE: per thread */
    float *weight, *bias; /* METHOD_REFERENCE: folded copies, may be NULL */
    const struct graph *instance; /* METHOD_REFERENCE: keeps weights alive */
    size_t packed_bytes, scratch_bytes; /* scratch: of one thread */
    int threads;
};

/* Everything compiling needs besides the task. */
struct compile_context {
    struct engine_box *box;
    const struct value_view *views; /* per value */
    const struct graph *instance;
    enum cpu_isa isa;
    int threads;
};

uint64_t compiled_key(const struct task *task,
                      const struct candidate *candidate,
                      const struct compile_context *context);

/*
 * out  one holder: the caller
 * Returns 0; 1 when the kernel does not serve this task; -1 with
 * ERROR_MEMORY.
 */
int compiled_create(struct compiled **out, const struct task *task,
                    const struct candidate *candidate,
                    const struct compile_context *context, struct error *err);
/* A change of layout. */
int compiled_create_reorder(struct compiled **out,
                            const struct layout_desc *from,
                            const struct layout_desc *to,
                            const struct compile_context *context,
                            struct error *err);
/* Scratch of one thread, rounded so that threads share no cache line; and of
 * all threads together. */
size_t compiled_scratch_stride(const struct compiled *compiled);
size_t compiled_scratch_total(const struct compiled *compiled);
struct compiled *compiled_retain(struct compiled *compiled);
void compiled_drop(struct compiled *compiled);

/* The descriptors of a task's operands under a candidate. */
struct onednn_problem task_problem(const struct task *task,
                                   const struct candidate *candidate,
                                   const struct value_view *views);

/* One call of a compiled kernel other than METHOD_PLAIN: its memory. */
struct bound {
    const struct compiled *compiled;
    const void *src, *other;
    const void *more[2]; /* operands behind these two; NULL: none */
    void *dst, *scratch;
    struct onednn_binding onednn;
    enum cpu_isa isa;
};
/* Fills `bound`, whose pointers are set; for a compiled kernel on one
 * runner's memory. Returns 0 or -1. */
int bound_init(struct bound *bound);
void bound_release(struct bound *bound);
int bound_run(const struct bound *bound); /* 0 or -1 */

/* Shares a sparse kernel's work among its threads; weights are still there.
 * Returns 0, or -1 without memory. */
int sparse_share(struct compiled *compiled);

/* Where a kernel finds its tensors. */
struct operands {
    const float *src, *other, *more[2];
    float *dst;
};

/* How `threads` share a sparse kernel's work; src: its source. */
enum sharing sparse_sharing(const struct kernel_spec *spec,
                            const struct layout_desc *src, int threads);

/* Runs a sparse kernel on all its threads. */
void sparse_run(const struct compiled *compiled,
                const struct operands *operands, void *scratch);

/* Runs a dense kernel of our own on all its threads. */
void dense_run(const struct compiled *compiled, const struct operands *operands,
               void *scratch);

#endif

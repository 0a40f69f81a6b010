/*
 * oneDNN's kernels of training: convolution, product and pooling, forward and
 * backward. As in onednn.h: kernels are immutable and shared, a binding is
 * one runner's memory. Weights come packed by whoever owns them, since they
 * change with every step.
 */
#ifndef KERNEL_ONEDNN_TRAIN_H
#define KERNEL_ONEDNN_TRAIN_H

#include "kernel/onednn.h"

enum train_pass {
    TRAIN_FORWARD,
    TRAIN_DATA,   /* the gradient by the source */
    TRAIN_WEIGHT, /* the gradients by weight and bias */
    TRAIN_PASS_COUNT,
};

/* Operands of passes; which of them a pass reads or writes follows from its
 * name. Weight, bias and their gradients only where the kind has them. */
enum train_operand {
    TRAIN_SRC,
    TRAIN_DST,
    TRAIN_WEIGHT_PACKED, /* in the pass's own packing */
    TRAIN_BIAS,
    TRAIN_BY_SRC, /* gradients */
    TRAIN_BY_DST,
    TRAIN_BY_WEIGHT, /* in TRAIN_WEIGHT's packing */
    TRAIN_BY_BIAS,
    TRAIN_WORKSPACE, /* written forward, read backward (a maximum's place) */
    TRAIN_SCRATCH,
    TRAIN_OPERAND_COUNT,
};

/* A packing of a weight: how to get there from the plain one and back. */
struct onednn_packing {
    void *packed, *plain;       /* descriptors */
    void *to_packed, *to_plain; /* reorders */
    size_t bytes;
};

struct onednn_trained {
    void *primitives[TRAIN_PASS_COUNT]; /* NULL: no such pass */
    struct onednn_packing packings[TRAIN_PASS_COUNT];
    size_t scratch_bytes, workspace_bytes; /* the largest of all passes */
};

/*
 * Makes the passes of a KERNEL_CONV, KERNEL_PRODUCT or KERNEL_POOL. Of the
 * spec's weight and bias only whether there is a bias counts.
 *
 * by_src  whether anybody wants the gradient by the source
 *
 * Returns 0, or -1 when oneDNN does not serve it.
 */
int onednn_trained_create(struct onednn_trained *out,
                          const struct onednn_engine *engine,
                          const struct onednn_problem *problem, bool by_src);
void onednn_trained_release(struct onednn_trained *trained);

/*
 * Whether the kernels were made is known; now one runner's operands.
 *
 * operands  TRAIN_OPERAND_COUNT pointers, 64-byte aligned, borrowed; those
 *           that the pass does not know may be NULL
 */
int onednn_trained_bind(struct onednn_binding *out,
                        const struct onednn_engine *engine,
                        const struct onednn_trained *trained,
                        enum train_pass pass,
                        void *const operands[TRAIN_OPERAND_COUNT]);

/* Copies a weight into the packing of a pass, and TRAIN_WEIGHT's gradient
 * back to plain. Single-threaded callers only share it read. */
int onednn_weight_pack(const struct onednn_engine *engine,
                       const struct onednn_trained *trained,
                       enum train_pass pass, float *plain, void *packed);
int onednn_weight_unpack(const struct onednn_engine *engine,
                         const struct onednn_trained *trained, void *packed,
                         float *plain);

#endif

/*
 * An operator and all its faces. To add an operator: one file
 * src/op/<name>.c that defines its `struct op`(s), one row in op_list.h,
 * one or more cases in tests/unit/op_cases.h.
 */
#ifndef OP_OP_H
#define OP_OP_H

#include "base/cancel.h"
#include "graph/graph.h"
#include "kernel/spec.h"

/*
 * One node with its operands, for infer, cost and run. Inputs that are
 * omitted are NULL. In infer and cost `data` is NULL for what is not
 * constant; infer writes dtype and shape of the outputs. In run all data is
 * set and contiguous row-major, outputs do not overlap inputs.
 */
struct op_call {
    const struct node *node;
    const struct tensor *const *inputs; /* node->input_count */
    struct tensor *const *outputs;      /* node->output_count, may be NULL */
    /* When a model declared batch `declared_batch` runs with another one:
     * a constant target shape that begins with the declared batch means the
     * new one. 0: dynamic, nothing to re-batch. */
    int64_t declared_batch, batch;
    const struct cancel *cancel; /* polled by long runs; may be NULL */
    /* Batch norm uses the statistics of this very batch, in run and gradient;
     * the other operators do the same as ever. */
    bool training;
};

/* What `gradient` is given and gives: tensors of the operands' types and
 * shapes, contiguous; only float32 operands have any. */
struct op_gradient {
    const struct tensor *const *outputs; /* of the loss by each output; NULL:
                                            the loss does not depend on it */
    struct tensor *const *inputs; /* of the loss by each input, written whole;
                                     NULL: not wanted */
};

struct op_cost {
    int64_t macs;       /* multiply-accumulates, dense */
    int64_t parameters; /* constant elements read */
};

struct coupling; /* op/couple.h */

struct op {
    const char *type;
    const char *domain; /* "" for ONNX's own */
    int since, until;   /* opsets served, inclusive */
    int min_inputs, max_inputs;
    int weight_input; /* index of the prunable weight input, -1: none */
    int max_outputs;  /* 0: one */
    /* `run` reads its inputs' shapes only (Shape), so it always folds. */
    bool shape_only;
    const void *row; /* what the operators of one family differ in */

    /* Attributes to node->params (memory from arena). NULL: no attributes. */
    int (*parse)(struct node *node, struct arena *arena, struct error *err);
    /* Types and shapes of the outputs from the inputs. Never NULL. An output
     * that inference does not compute (a training output, pooling's indices)
     * keeps DTYPE_NONE: op_instantiate refuses a model that reads it. */
    int (*infer)(const struct op_call *call, struct error *err);
    /* Dense cost of one call; NULL: nothing worth counting. */
    void (*cost)(const struct op_call *call, struct op_cost *cost);
    /* The plain computation, readable and naive: the oracle, the fallback and
     * the constant folder. Never NULL. May allocate scratch (not hot). */
    int (*run)(const struct op_call *call, struct error *err);
    /* What fast kernels would do for this call, or KERNEL_NONE when only
     * `run` serves. NULL: always only `run`. (exec's `prepare`.) */
    void (*lower)(const struct op_call *call, struct kernel_spec *spec);
    /* Whether the call combines or reorders samples although every shape looks
     * as if it did not (a softmax over axis 0). NULL: never. Re-batching a
     * model that declares its batch is refused at such a node. */
    bool (*mixes_samples)(const struct op_call *call);
    /* Which channels go together (op/couple.h): hands the labels of the
     * operands on to the outputs. NULL: what reaches it cannot be removed.
     * Not called for a node whose outputs are constants. */
    int (*couple)(struct coupling *coupling, struct error *err);
    /* The plain backward computation of a call that `run` has done (all data
     * is set, outputs too): the oracle and the fallback of fast kernels. It
     * may allocate scratch. Only Split has gradients by other outputs than
     * the first; operands that are settings (Clip's bounds, Pad's value,
     * Dropout's ratio, Resize's scales) get none. NULL: nothing flows back
     * through this operator. Checked by differences over tests/unit/op_cases.h.
     */
    int (*gradient)(const struct op_call *call,
                    const struct op_gradient *gradient, struct error *err);
};

enum { OP_OPSET_FIRST = 6, OP_OPSET_LAST = 21, OP_MANY_INPUTS = 1 << 20 };

/* The row for a type, domain and opset; NULL when there is none. */
const struct op *op_find(const char *type, const char *domain, int opset);

/*
 * Binds every node of a template to its operator and parses attributes;
 * outputs of nodes without inputs (Constant) become constants of the template.
 * float16 and bfloat16 become float32 wherever they are declared or stored:
 * half precision is how a file stores numbers, not how we compute.
 * Errors: ERROR_UNSUPPORTED lists every unsupported operator with its count,
 * opset and the first node that uses it, all in one message; other parse
 * errors are prefixed "node 'NAME' (TYPE, 12 of 53)".
 */
int op_resolve(struct graph *graph, struct error *err);

#endif

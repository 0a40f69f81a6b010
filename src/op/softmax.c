/*
 * Along one axis: Softmax, LogSoftmax, ArgMax, ArgMin. Before opset 13 a
 * softmax saw its input as a matrix and ran over everything from its axis on.
 */
#include "base/array.h"
#include "kernel/reference.h"
#include "kernel/reference_backward.h"
#include "op/backward.h"
#include "op/couple.h"

struct axis_params {
    int64_t axis, keepdims, select_last;
};

struct softmax_row {
    bool logarithm, flattens;
};

static int parse_softmax(struct node *node, struct arena *arena,
                         struct error *err)
{
    const struct softmax_row *row = node->op->row;
    const struct parameter table[] = {
        {"axis", ATTRIBUTE_INT, offsetof(struct axis_params, axis),
         row->flattens ? 1 : -1},
    };
    return op_parameters(node, arena, table, ARRAY_LENGTH(table),
                         sizeof(struct axis_params), err);
}

static int softmax_axis(const struct op_call *call, int *axis,
                        struct error *err)
{
    const struct axis_params *params = call->node->params;
    return op_axis(params->axis, call->inputs[0]->shape.rank, axis, err);
}

static int infer_softmax(const struct op_call *call, struct error *err)
{
    int axis;
    if (softmax_axis(call, &axis, err) < 0)
        return -1;
    return op_infer_same_float(call, err);
}

static struct softmax_spec spec_of(const struct op_call *call)
{
    const struct softmax_row *row = call->node->op->row;
    const struct shape *x = &call->inputs[0]->shape;
    int axis = 0; /* infer has checked it */
    softmax_axis(call, &axis, NULL);
    int end = row->flattens ? x->rank : axis + 1;
    return (struct softmax_spec){
        .outer = op_product(x, 0, axis),
        .axis = op_product(x, axis, end),
        .inner = op_product(x, end, x->rank),
        .logarithm = row->logarithm,
    };
}

static int run_softmax(const struct op_call *call, struct error *err)
{
    (void)err;
    struct softmax_spec spec = spec_of(call);
    reference_softmax(&spec, call->inputs[0]->data, call->outputs[0]->data);
    return 0;
}

static int gradient_softmax(const struct op_call *call,
                            const struct op_gradient *gradient,
                            struct error *err)
{
    (void)err;
    struct softmax_spec spec = spec_of(call);
    if (op_gradient_to(gradient, 0))
        reference_softmax_backward(&spec, call->outputs[0]->data,
                                   op_gradient_of(gradient, 0),
                                   op_gradient_to(gradient, 0));
    return 0;
}

static void lower_softmax(const struct op_call *call, struct kernel_spec *spec)
{
    if (tensor_elements(call->inputs[0]) == 0)
        return;
    spec->kind = KERNEL_SOFTMAX;
    spec->softmax = spec_of(call);
}

/* What is weighed against each other goes together. */
static int couple_softmax(struct coupling *coupling, struct error *err)
{
    const struct softmax_row *row = coupling->call->node->op->row;
    struct label_map map = coupling->inputs[0];
    bool axes[SHAPE_MAX_RANK] = {false};
    int axis;
    if (softmax_axis(coupling->call, &axis, err) < 0)
        return -1;
    for (int i = axis; i < map.shape.rank; i++)
        axes[i] = i == axis || row->flattens;
    if (map.labels)
        map = label_map_merge(coupling->labels, &map, axes,
                              couple_by(coupling, "it is normalised by"));
    map.zero = false;
    couple_give(coupling, 0, map);
    return 0;
}

static bool softmax_mixes_samples(const struct op_call *call)
{
    int axis;
    return softmax_axis(call, &axis, NULL) < 0 || axis == 0;
}

#define SOFTMAX(symbol, name, first, last, ...)                                \
    static const struct softmax_row symbol##_row = {__VA_ARGS__};              \
    const struct op symbol = {                                                 \
        .type = name,                                                          \
        OP_OPSETS(first, last),                                                \
        .min_inputs = 1,                                                       \
        .max_inputs = 1,                                                       \
        .weight_input = -1,                                                    \
        .row = &symbol##_row,                                                  \
        .parse = parse_softmax,                                                \
        .infer = infer_softmax,                                                \
        .couple = couple_softmax,                                              \
        .run = run_softmax,                                                    \
        .gradient = gradient_softmax,                                          \
        .lower = lower_softmax,                                                \
        .mixes_samples = softmax_mixes_samples,                                \
    }

SOFTMAX(op_softmax_flat, "Softmax", OP_OPSET_FIRST, 12, false, true);
SOFTMAX(op_softmax, "Softmax", 13, OP_OPSET_LAST, false, false);
SOFTMAX(op_log_softmax_flat, "LogSoftmax", OP_OPSET_FIRST, 12, true, true);
SOFTMAX(op_log_softmax, "LogSoftmax", 13, OP_OPSET_LAST, true, false);

/* --- ArgMax and ArgMin --- */

struct arg_row {
    bool smallest;
};

static int parse_arg(struct node *node, struct arena *arena, struct error *err)
{
    static const struct parameter table[] = {
        {"axis", ATTRIBUTE_INT, offsetof(struct axis_params, axis), 0},
        {"keepdims", ATTRIBUTE_INT, offsetof(struct axis_params, keepdims), 1},
        {"select_last_index", ATTRIBUTE_INT,
         offsetof(struct axis_params, select_last), 0},
    };
    return op_parameters(node, arena, table, ARRAY_LENGTH(table),
                         sizeof(struct axis_params), err);
}

static int infer_arg(const struct op_call *call, struct error *err)
{
    const struct axis_params *params = call->node->params;
    const struct tensor *x = call->inputs[0];
    int axis;
    bool whole = dtype_is_integer(x->dtype) && x->dtype != DTYPE_BOOL &&
                 x->dtype != DTYPE_UINT64;
    if (!whole && x->dtype != DTYPE_FLOAT64 &&
        op_want_float(call, 0, "data", err) < 0)
        return -1;
    if (op_axis(params->axis, x->shape.rank, &axis, err) < 0)
        return -1;
    if (x->shape.dims[axis] < 1)
        return error_set(err, ERROR_SHAPE, "axis %d is empty", axis);
    struct shape shape = {0};
    for (int i = 0; i < x->shape.rank; i++) {
        if (i != axis)
            shape.dims[shape.rank++] = x->shape.dims[i];
        else if (params->keepdims)
            shape.dims[shape.rank++] = 1;
    }
    op_give(call, 0, DTYPE_INT64, &shape);
    return 0;
}

/* A NaN is the largest and the smallest, as NumPy has it. */
static bool is_better(double x, double best, bool smallest, bool last)
{
    if (best != best)
        return last && x != x;
    if (x != x || (smallest ? x < best : x > best))
        return true;
    return last && x == best;
}

/* Whether element `i` beats element `best`; int64 is more than a double
 * holds. */
static bool beats(const struct tensor *x, int64_t i, int64_t best,
                  bool smallest, bool last)
{
    if (!dtype_is_integer(x->dtype))
        return is_better(tensor_number(x, i), tensor_number(x, best), smallest,
                         last);
    int64_t a = tensor_integer(x, i), b = tensor_integer(x, best);
    return a == b ? last : (a < b) == smallest;
}

static int run_arg(const struct op_call *call, struct error *err)
{
    const struct axis_params *params = call->node->params;
    const struct arg_row *row = call->node->op->row;
    const struct tensor *x = call->inputs[0];
    int axis;
    if (op_axis(params->axis, x->shape.rank, &axis, err) < 0)
        return -1;
    int64_t size = x->shape.dims[axis];
    int64_t inner = op_product(&x->shape, axis + 1, x->shape.rank);
    int64_t count = tensor_elements(call->outputs[0]);
    for (int64_t i = 0; i < count; i++) {
        int64_t first = i / inner * size * inner + i % inner, at = 0;
        for (int64_t j = 1; j < size; j++)
            if (beats(x, first + j * inner, first + at * inner, row->smallest,
                      params->select_last != 0))
                at = j;
        op_put_integer(call->outputs[0], i, at);
    }
    return 0;
}

#define ARG(symbol, name, ...)                                                 \
    static const struct arg_row symbol##_row = {__VA_ARGS__};                  \
    const struct op symbol = {                                                 \
        .type = name,                                                          \
        OP_OPSETS(OP_OPSET_FIRST, OP_OPSET_LAST),                              \
        .min_inputs = 1,                                                       \
        .max_inputs = 1,                                                       \
        .weight_input = -1,                                                    \
        .row = &symbol##_row,                                                  \
        .parse = parse_arg,                                                    \
        .infer = infer_arg,                                                    \
        .run = run_arg,                                                        \
    }

ARG(op_arg_max, "ArgMax", false);
ARG(op_arg_min, "ArgMin", true);

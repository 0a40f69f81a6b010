/*
 * Compress and NonZero: how many elements there are depends on the
 * numbers, so only constants are served (the shape arithmetic of exporters).
 */
#include "base/array.h"
#include "op/support.h"

#include <string.h>

enum { NO_AXIS = INT32_MAX };

struct select_params {
    int64_t axis;
};

static int parse(struct node *node, struct arena *arena, struct error *err)
{
    static const struct parameter table[] = {
        {"axis", ATTRIBUTE_INT, offsetof(struct select_params, axis), NO_AXIS},
    };
    return op_parameters(node, arena, table, ARRAY_LENGTH(table),
                         sizeof(struct select_params), err);
}

static int want_constant(const struct op_call *call, int i, const char *name,
                         struct error *err)
{
    if (call->inputs[i]->data)
        return 0;
    return error_set(err, ERROR_UNSUPPORTED,
                     "the output's shape depends on the values of input '%s', "
                     "only a constant is supported",
                     name);
}

static bool is_set(const struct tensor *tensor, int64_t i)
{
    return dtype_is_integer(tensor->dtype) ? tensor_integer(tensor, i) != 0
                                           : tensor_number(tensor, i) != 0;
}

static int64_t count_set(const struct tensor *tensor, int64_t limit)
{
    int64_t count = 0;
    for (int64_t i = 0; i < limit; i++)
        count += is_set(tensor, i);
    return count;
}

/* --- Compress --- */

/* The data as (outer, size, inner) around the axis; flat without one. */
static int split(const struct op_call *call, int64_t *outer, int64_t *size,
                 int64_t *inner, struct error *err)
{
    const struct select_params *params = call->node->params;
    const struct shape *x = &call->inputs[0]->shape;
    int axis;
    *outer = *inner = 1;
    *size = shape_elements(x);
    if (params->axis == NO_AXIS)
        return 0;
    if (op_axis(params->axis, x->rank, &axis, err) < 0)
        return -1;
    *outer = op_product(x, 0, axis);
    *size = x->dims[axis];
    *inner = op_product(x, axis + 1, x->rank);
    return 0;
}

static int infer_compress(const struct op_call *call, struct error *err)
{
    const struct select_params *params = call->node->params;
    const struct tensor *condition = call->inputs[1];
    int64_t outer, size, inner;
    if (op_want_sized(call, 0, "input", err) < 0 ||
        op_want_type(call, 1, "condition", DTYPE_BOOL, err) < 0 ||
        op_want_rank(call, 1, "condition", 1, 1, err) < 0 ||
        want_constant(call, 1, "condition", err) < 0 ||
        split(call, &outer, &size, &inner, err) < 0)
        return -1;
    int64_t length = condition->shape.dims[0];
    int64_t kept = count_set(condition, length < size ? length : size);
    struct shape shape = call->inputs[0]->shape;
    int axis = 0;
    if (params->axis == NO_AXIS)
        shape = (struct shape){.rank = 1};
    else if (op_axis(params->axis, shape.rank, &axis, err) < 0)
        return -1;
    shape.dims[axis] = kept;
    op_give(call, 0, call->inputs[0]->dtype, &shape);
    return 0;
}

static int run_compress(const struct op_call *call, struct error *err)
{
    const struct tensor *x = call->inputs[0], *condition = call->inputs[1];
    int64_t outer, size, inner;
    if (split(call, &outer, &size, &inner, err) < 0)
        return -1;
    int64_t length = condition->shape.dims[0];
    size_t bytes = (size_t)inner * dtype_size(x->dtype);
    char *to = call->outputs[0]->data;
    for (int64_t i = 0; i < outer * size; i++) {
        int64_t at = i % size;
        if (at >= length || !is_set(condition, at))
            continue;
        memcpy(to, (const char *)x->data + (size_t)i * bytes, bytes);
        to += bytes;
    }
    return 0;
}

static bool compress_mixes_samples(const struct op_call *call)
{
    const struct select_params *params = call->node->params;
    int axis;
    return params->axis == NO_AXIS ||
           op_axis(params->axis, call->inputs[0]->shape.rank, &axis, NULL) <
               0 ||
           axis == 0;
}

const struct op op_compress = {
    .type = "Compress",
    OP_OPSETS(9, OP_OPSET_LAST),
    .min_inputs = 2,
    .max_inputs = 2,
    .weight_input = -1,
    .parse = parse,
    .infer = infer_compress,
    .run = run_compress,
    .mixes_samples = compress_mixes_samples,
};

/* --- NonZero: (rank, count) places --- */

static int infer_non_zero(const struct op_call *call, struct error *err)
{
    const struct tensor *x = call->inputs[0];
    if (op_want_sized(call, 0, "X", err) < 0 ||
        want_constant(call, 0, "X", err) < 0)
        return -1;
    struct shape shape = {2, {x->shape.rank, count_set(x, tensor_elements(x))}};
    op_give(call, 0, DTYPE_INT64, &shape);
    return 0;
}

static int run_non_zero(const struct op_call *call, struct error *err)
{
    (void)err;
    const struct tensor *x = call->inputs[0];
    int64_t *out = call->outputs[0]->data, at = 0;
    int64_t count = tensor_elements(x);
    int64_t found = call->outputs[0]->shape.dims[1];
    for (int64_t i = 0; i < count; i++) {
        int64_t rest = i;
        if (!is_set(x, i))
            continue;
        for (int d = x->shape.rank - 1; d >= 0; d--) {
            out[d * found + at] = rest % x->shape.dims[d];
            rest /= x->shape.dims[d];
        }
        at++;
    }
    return 0;
}

const struct op op_non_zero = {
    .type = "NonZero",
    OP_OPSETS(9, OP_OPSET_LAST),
    .min_inputs = 1,
    .max_inputs = 1,
    .weight_input = -1,
    .infer = infer_non_zero,
    .run = run_non_zero,
};

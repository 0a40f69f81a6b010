/*
 * ScatterElements (Scatter, its first name): a copy of the data in which
 * single elements are replaced, or joined with what is there.
 */
#include "base/array.h"
#include "op/scatter.h"

#include <string.h>

struct scatter_params {
    int64_t axis;
    const char *reduction;
};

static int parse(struct node *node, struct arena *arena, struct error *err)
{
    static const struct parameter table[] = {
        {"axis", ATTRIBUTE_INT, offsetof(struct scatter_params, axis), 0},
        {"reduction", ATTRIBUTE_STRING,
         offsetof(struct scatter_params, reduction), 0},
    };
    if (op_parameters(node, arena, table, ARRAY_LENGTH(table),
                      sizeof(struct scatter_params), err) < 0)
        return -1;
    const struct scatter_params *params = node->params;
    enum scatter_reduction reduction;
    return scatter_reduction_find(params->reduction, &reduction, err);
}

static int axis_of(const struct op_call *call, int *axis, struct error *err)
{
    const struct scatter_params *params = call->node->params;
    return op_axis(params->axis, call->inputs[0]->shape.rank, axis, err);
}

static int infer(const struct op_call *call, struct error *err)
{
    const struct scatter_params *params = call->node->params;
    const struct shape *x = &call->inputs[0]->shape;
    const struct tensor *indices = call->inputs[1];
    enum scatter_reduction reduction;
    int axis;
    if (scatter_reduction_find(params->reduction, &reduction, err) < 0 ||
        op_want_sized(call, 0, "data", err) < 0 ||
        scatter_check_type(reduction, call->inputs[0]->dtype, err) < 0 ||
        axis_of(call, &axis, err) < 0 ||
        op_want_rank(call, 1, "indices", x->rank, x->rank, err) < 0 ||
        op_want_type(call, 2, "updates", call->inputs[0]->dtype, err) < 0)
        return -1;
    if (indices->dtype != DTYPE_INT64 && indices->dtype != DTYPE_INT32)
        return error_set(err, ERROR_SHAPE,
                         "input 'indices' is %s, expected int64",
                         dtype_name(indices->dtype));
    if (!shape_equal(&indices->shape, &call->inputs[2]->shape))
        return error_set(err, ERROR_SHAPE,
                         "inputs 'indices' and 'updates' differ in shape");
    for (int i = 0; i < x->rank; i++)
        if (i != axis && indices->shape.dims[i] > x->dims[i])
            return error_set(err, ERROR_SHAPE,
                             "input 'indices' has %lld in dimension %d, the "
                             "data has %lld",
                             (long long)indices->shape.dims[i], i,
                             (long long)x->dims[i]);
    return op_infer_same(call, err);
}

static int run(const struct op_call *call, struct error *err)
{
    const struct scatter_params *params = call->node->params;
    const struct tensor *x = call->inputs[0], *indices = call->inputs[1];
    int64_t strides[SHAPE_MAX_RANK], count = tensor_elements(indices);
    enum scatter_reduction reduction;
    int axis;
    if (scatter_reduction_find(params->reduction, &reduction, err) < 0 ||
        axis_of(call, &axis, err) < 0 || op_run_copy(call, err) < 0)
        return -1;
    shape_strides(&x->shape, strides);
    for (int64_t i = 0; i < count; i++) {
        int64_t size = x->shape.dims[axis], offset = 0, rest = i;
        int64_t index = tensor_integer(indices, i);
        if (index < -size || index >= size)
            return error_set(err, ERROR_RANGE,
                             "index %lld is outside the %lld elements",
                             (long long)index, (long long)size);
        index += index < 0 ? size : 0;
        for (int d = x->shape.rank - 1; d >= 0; d--) {
            int64_t at = rest % indices->shape.dims[d];
            offset += (d == axis ? index : at) * strides[d];
            rest /= indices->shape.dims[d];
        }
        scatter_put(reduction, call->outputs[0], offset, call->inputs[2], i);
    }
    return 0;
}

static bool mixes_samples(const struct op_call *call)
{
    int axis;
    return axis_of(call, &axis, NULL) < 0 || axis == 0;
}

#define SCATTER(symbol, name, first, last)                                     \
    const struct op symbol = {                                                 \
        .type = name,                                                          \
        OP_OPSETS(first, last),                                                \
        .min_inputs = 3,                                                       \
        .max_inputs = 3,                                                       \
        .weight_input = -1,                                                    \
        .parse = parse,                                                        \
        .infer = infer,                                                        \
        .run = run,                                                            \
        .mixes_samples = mixes_samples,                                        \
    }

SCATTER(op_scatter_elements, "ScatterElements", 11, OP_OPSET_LAST);
SCATTER(op_scatter, "Scatter", 9, 10);

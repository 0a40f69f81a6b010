/* OneHot: a new axis that is `on` at each index and `off` elsewhere. */
#include "base/array.h"
#include "op/support.h"

#include <string.h>

struct one_hot_params {
    int64_t axis;
};

static int parse(struct node *node, struct arena *arena, struct error *err)
{
    static const struct parameter table[] = {
        {"axis", ATTRIBUTE_INT, offsetof(struct one_hot_params, axis), -1},
    };
    return op_parameters(node, arena, table, ARRAY_LENGTH(table),
                         sizeof(struct one_hot_params), err);
}

/* The depth may be of any number type: a scalar or one element. */
static int depth_of(const struct op_call *call, int64_t *depth,
                    struct error *err)
{
    const struct tensor *input = call->inputs[1];
    if (!input->data)
        return error_set(err, ERROR_UNSUPPORTED,
                         "input 'depth' is computed from the data, only a "
                         "constant is supported");
    if (!dtype_size(input->dtype) || tensor_elements(input) != 1)
        return error_set(err, ERROR_SHAPE, "input 'depth' is not one number");
    *depth = dtype_is_integer(input->dtype) ? tensor_integer(input, 0)
                                            : (int64_t)tensor_number(input, 0);
    if (*depth < 1 || *depth > INT32_MAX)
        return error_set(err, ERROR_RANGE, "a depth of %lld",
                         (long long)*depth);
    return 0;
}

static int axis_of(const struct op_call *call, int *axis, struct error *err)
{
    const struct one_hot_params *params = call->node->params;
    return op_axis(params->axis, call->inputs[0]->shape.rank + 1, axis, err);
}

static int infer(const struct op_call *call, struct error *err)
{
    const struct shape *indices = &call->inputs[0]->shape;
    const struct tensor *values = call->inputs[2];
    int64_t depth;
    int axis;
    if (op_want_sized(call, 0, "indices", err) < 0 ||
        op_want_sized(call, 2, "values", err) < 0 ||
        op_want_rank(call, 0, "indices", 0, SHAPE_MAX_RANK - 1, err) < 0 ||
        depth_of(call, &depth, err) < 0 || axis_of(call, &axis, err) < 0)
        return -1;
    if (values->shape.rank != 1 || values->shape.dims[0] != 2)
        return error_set(err, ERROR_SHAPE, "input 'values' has not 2 elements");
    struct shape shape = {.rank = indices->rank + 1};
    for (int i = 0; i < shape.rank; i++)
        shape.dims[i] = i == axis ? depth : indices->dims[i < axis ? i : i - 1];
    op_give(call, 0, values->dtype, &shape);
    return 0;
}

static int run(const struct op_call *call, struct error *err)
{
    const struct tensor *indices = call->inputs[0], *values = call->inputs[2];
    struct tensor *y = call->outputs[0];
    size_t bytes = dtype_size(y->dtype);
    int64_t depth, count = tensor_elements(y);
    int axis;
    if (depth_of(call, &depth, err) < 0 || axis_of(call, &axis, err) < 0)
        return -1;
    int64_t inner = op_product(&y->shape, axis + 1, y->shape.rank);
    for (int64_t i = 0; i < count; i++) {
        int64_t at = i / (inner * depth) * inner + i % inner;
        int64_t index = dtype_is_integer(indices->dtype)
                            ? tensor_integer(indices, at)
                            : (int64_t)tensor_number(indices, at);
        index += index < 0 ? depth : 0;
        bool on = index == i / inner % depth;
        memcpy((char *)y->data + (size_t)i * bytes,
               (const char *)values->data + (on ? bytes : 0), bytes);
    }
    return 0;
}

static bool mixes_samples(const struct op_call *call)
{
    int axis;
    return axis_of(call, &axis, NULL) < 0 || axis == 0;
}

const struct op op_one_hot = {
    .type = "OneHot",
    OP_OPSETS(9, OP_OPSET_LAST),
    .min_inputs = 3,
    .max_inputs = 3,
    .weight_input = -1,
    .parse = parse,
    .infer = infer,
    .run = run,
    .mixes_samples = mixes_samples,
};

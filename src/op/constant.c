/* Constant in all its forms, ConstantOfShape, Range. */
#include "base/array.h"
#include "op/support.h"

#include <math.h>
#include <string.h>

struct constant_params {
    const struct tensor *value;
    float number;
    int64_t integer;
    struct floats numbers;
    struct integers integers;
    const char *form; /* the attribute that is given */
};

static const struct parameter constant_table[] = {
    {"value", ATTRIBUTE_TENSOR, offsetof(struct constant_params, value), 0},
    {"value_float", ATTRIBUTE_FLOAT, offsetof(struct constant_params, number),
     0},
    {"value_int", ATTRIBUTE_INT, offsetof(struct constant_params, integer), 0},
    {"value_floats", ATTRIBUTE_FLOATS,
     offsetof(struct constant_params, numbers), 0},
    {"value_ints", ATTRIBUTE_INTS, offsetof(struct constant_params, integers),
     0},
};

static int parse_constant(struct node *node, struct arena *arena,
                          struct error *err)
{
    if (op_parameters(node, arena, constant_table, ARRAY_LENGTH(constant_table),
                      sizeof(struct constant_params), err) < 0)
        return -1;
    if (node->attribute_count != 1)
        return error_set(err, ERROR_FORMAT, "found %zu values, expected one",
                         node->attribute_count);
    struct constant_params *params = node->params;
    params->form = node->attributes[0].name;
    return 0;
}

/* The constant as a borrowed tensor. */
static struct tensor constant_of(const struct constant_params *params)
{
    const char *form = params->form;
    struct tensor tensor = {.dtype = DTYPE_INT64};
    if (strcmp(form, "value") == 0)
        return *params->value;
    const void *data = &params->integer;
    if (strcmp(form, "value_float") == 0) {
        tensor.dtype = DTYPE_FLOAT32;
        data = &params->number;
    } else if (strcmp(form, "value_floats") == 0) {
        tensor.dtype = DTYPE_FLOAT32;
        tensor.shape = (struct shape){1, {(int64_t)params->numbers.count}};
        data = params->numbers.values;
    } else if (strcmp(form, "value_ints") == 0) {
        tensor.shape = (struct shape){1, {(int64_t)params->integers.count}};
        data = params->integers.values;
    }
    memcpy(&tensor.data, &data, sizeof data); /* only read by us */
    return tensor;
}

static int infer_constant(const struct op_call *call, struct error *err)
{
    struct tensor constant = constant_of(call->node->params);
    if (!dtype_size(constant.dtype))
        return error_set(err, ERROR_UNSUPPORTED, "a constant of type %s",
                         dtype_name(constant.dtype));
    op_give(call, 0, constant.dtype, &constant.shape);
    return 0;
}

static int run_constant(const struct op_call *call, struct error *err)
{
    (void)err;
    struct tensor constant = constant_of(call->node->params);
    size_t bytes = tensor_bytes(&constant);
    if (bytes)
        memcpy(call->outputs[0]->data, constant.data, bytes);
    return 0;
}

const struct op op_constant = {
    .type = "Constant",
    OP_OPSETS(OP_OPSET_FIRST, OP_OPSET_LAST),
    .weight_input = -1,
    .parse = parse_constant,
    .infer = infer_constant,
    .run = run_constant,
};

/* --- ConstantOfShape --- */

static int parse_fill(struct node *node, struct arena *arena, struct error *err)
{
    if (op_parameters(node, arena, constant_table, 1,
                      sizeof(struct constant_params), err) < 0)
        return -1;
    const struct constant_params *params = node->params;
    if (params->value && (tensor_elements(params->value) != 1 ||
                          !dtype_size(params->value->dtype)))
        return error_set(err, ERROR_FORMAT, "value is not one number");
    return 0;
}

static int infer_fill(const struct op_call *call, struct error *err)
{
    const struct constant_params *params = call->node->params;
    struct shape shape = {0};
    size_t rank;
    if (op_want_rank(call, 0, "input", 1, 1, err) < 0 ||
        op_constant_integers(call, 0, "input", shape.dims, SHAPE_MAX_RANK,
                             &rank, err) < 0)
        return -1;
    shape.rank = (int)rank;
    for (int i = 0; i < shape.rank; i++)
        if (shape.dims[i] < 0)
            return error_set(err, ERROR_SHAPE, "dimension %d is %lld", i,
                             (long long)shape.dims[i]);
    op_give(call, 0, params->value ? params->value->dtype : DTYPE_FLOAT32,
            &shape);
    return 0;
}

static int run_fill(const struct op_call *call, struct error *err)
{
    (void)err;
    static const float zero = 0;
    const struct constant_params *params = call->node->params;
    const void *value = params->value ? params->value->data : &zero;
    static const int64_t strides[SHAPE_MAX_RANK] = {0};
    struct tensor *y = call->outputs[0];
    op_copy(&y->shape, y->data, value, 0, strides, dtype_size(y->dtype));
    return 0;
}

const struct op op_constant_of_shape = {
    .type = "ConstantOfShape",
    OP_OPSETS(9, OP_OPSET_LAST),
    .min_inputs = 1,
    .max_inputs = 1,
    .weight_input = -1,
    .parse = parse_fill,
    .infer = infer_fill,
    .run = run_fill,
};

/* --- Range: start, limit, delta --- */

static int infer_range(const struct op_call *call, struct error *err)
{
    static const char *const names[] = {"start", "limit", "delta"};
    enum dtype dtype = call->inputs[0]->dtype;
    double at[3];
    for (int i = 0; i < 3; i++) {
        const struct tensor *input = call->inputs[i];
        if (!input->data)
            return error_set(err, ERROR_UNSUPPORTED,
                             "input '%s' is computed from the data, only a "
                             "constant is supported",
                             names[i]);
        if (op_want_type(call, i, names[i], dtype, err) < 0)
            return -1;
        if (tensor_elements(input) != 1 || dtype == DTYPE_BOOL)
            return error_set(err, ERROR_SHAPE, "input '%s' is not one number",
                             names[i]);
        at[i] = tensor_number(input, 0);
    }
    double count = ceil((at[1] - at[0]) / at[2]);
    if (at[2] == 0 || count != count || count > 0x1p31 ||
        fabs(at[0]) > 0x1p53 || fabs(at[1]) > 0x1p53)
        return error_set(err, ERROR_RANGE, "from %g to %g by %g", at[0], at[1],
                         at[2]);
    struct shape shape = {1, {count > 0 ? (int64_t)count : 0}};
    op_give(call, 0, dtype, &shape);
    return 0;
}

static int run_range(const struct op_call *call, struct error *err)
{
    (void)err;
    struct tensor *y = call->outputs[0];
    const struct tensor *start = call->inputs[0], *delta = call->inputs[2];
    int64_t count = tensor_elements(y);
    for (int64_t i = 0; i < count; i++) {
        uint64_t step = (uint64_t)i * (uint64_t)tensor_integer(delta, 0);
        if (dtype_is_integer(y->dtype))
            op_put_integer(
                y, i, (int64_t)((uint64_t)tensor_integer(start, 0) + step));
        else
            op_put_number(y, i,
                          tensor_number(start, 0) +
                              (double)i * tensor_number(delta, 0));
    }
    return 0;
}

const struct op op_range = {
    .type = "Range",
    OP_OPSETS(11, OP_OPSET_LAST),
    .min_inputs = 3,
    .max_inputs = 3,
    .weight_input = -1,
    .infer = infer_range,
    .run = run_range,
};

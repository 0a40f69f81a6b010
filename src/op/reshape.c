/*
 * Same elements, other shape: Reshape, Flatten, Squeeze, Unsqueeze, Identity,
 * Dropout. All are aliases to fast kernels and copies to the plain code.
 */
#include "base/array.h"
#include "op/backward.h"
#include "op/couple.h"

#include <string.h>

struct reshape_params {
    int64_t allow_zero, axis;
    struct integers axes;
};

#define ALIAS_FACES                                                            \
    .weight_input = -1, .run = op_run_copy, .lower = op_lower_alias,           \
    .gradient = op_gradient_copy

/* --- Reshape --- */

static int parse_reshape(struct node *node, struct arena *arena,
                         struct error *err)
{
    static const struct parameter table[] = {
        {"allowzero", ATTRIBUTE_INT,
         offsetof(struct reshape_params, allow_zero), 0},
    };
    return op_parameters(node, arena, table, ARRAY_LENGTH(table),
                         sizeof(struct reshape_params), err);
}

/* A target that begins with the declared batch means the new one where the
 * data is computed for it. */
static bool means_batch(const struct op_call *call, const int64_t *target)
{
    const struct tensor *data = call->inputs[0];
    return call->batch && !data->data && data->shape.rank > 0 &&
           data->shape.dims[0] == call->batch &&
           target[0] == call->declared_batch;
}

/* Replaces 0 and -1; the -1 by what the other dimensions leave. */
static int resolve_target(const struct op_call *call, struct shape *shape,
                          struct error *err)
{
    const struct reshape_params *params = call->node->params;
    const struct shape *x = &call->inputs[0]->shape;
    int free = -1;
    int64_t product = 1, elements = shape_elements(x);
    for (int i = 0; i < shape->rank; i++) {
        int64_t *dim = &shape->dims[i];
        if (*dim < -1 || (*dim == -1 && free >= 0))
            return error_set(err, ERROR_SHAPE,
                             "the target has a dimension %lld%s",
                             (long long)*dim, *dim == -1 ? " twice" : "");
        if (*dim == -1) {
            free = i;
            continue;
        }
        if (*dim == 0 && !params->allow_zero) {
            if (i >= x->rank)
                return error_set(err, ERROR_SHAPE,
                                 "the target's dimension %d is 0, but the "
                                 "input has %d dimensions",
                                 i, x->rank);
            *dim = x->dims[i];
        }
        if (__builtin_mul_overflow(product, *dim, &product))
            return error_set(err, ERROR_SHAPE, "the target is too large");
    }
    if (free >= 0) {
        if (!product || elements % product)
            return error_set(err, ERROR_SHAPE,
                             "%lld elements do not divide by %lld",
                             (long long)elements, (long long)product);
        shape->dims[free] = elements / product;
    } else if (product != elements) {
        return error_set(err, ERROR_SHAPE,
                         "the target has %lld elements, the input %lld",
                         (long long)product, (long long)elements);
    }
    return 0;
}

static int infer_reshape(const struct op_call *call, struct error *err)
{
    struct shape shape = {0};
    size_t rank;
    if (op_want_sized(call, 0, "data", err) < 0 ||
        op_want_type(call, 1, "shape", DTYPE_INT64, err) < 0 ||
        op_want_rank(call, 1, "shape", 1, 1, err) < 0 ||
        op_constant_integers(call, 1, "shape", shape.dims, SHAPE_MAX_RANK,
                             &rank, err) < 0)
        return -1;
    shape.rank = (int)rank;
    if (rank && means_batch(call, shape.dims))
        shape.dims[0] = call->batch;
    if (resolve_target(call, &shape, err) < 0)
        return -1;
    op_give(call, 0, call->inputs[0]->dtype, &shape);
    return 0;
}

const struct op op_reshape = {
    .type = "Reshape",
    OP_OPSETS(OP_OPSET_FIRST, OP_OPSET_LAST),
    .min_inputs = 2,
    .max_inputs = 2,
    .parse = parse_reshape,
    .couple = couple_reshape,
    .infer = infer_reshape,
    ALIAS_FACES,
};

/* --- Flatten --- */

static int parse_flatten(struct node *node, struct arena *arena,
                         struct error *err)
{
    static const struct parameter table[] = {
        {"axis", ATTRIBUTE_INT, offsetof(struct reshape_params, axis), 1},
    };
    return op_parameters(node, arena, table, ARRAY_LENGTH(table),
                         sizeof(struct reshape_params), err);
}

static int infer_flatten(const struct op_call *call, struct error *err)
{
    const struct reshape_params *params = call->node->params;
    const struct shape *x = &call->inputs[0]->shape;
    int64_t axis = params->axis;
    if (op_want_sized(call, 0, "input", err) < 0)
        return -1;
    if (axis < -x->rank || axis > x->rank)
        return error_set(err, ERROR_RANGE,
                         "axis %lld is outside the %d dimensions",
                         (long long)axis, x->rank);
    int at = (int)(axis < 0 ? axis + x->rank : axis);
    struct shape shape = {2,
                          {op_product(x, 0, at), op_product(x, at, x->rank)}};
    op_give(call, 0, call->inputs[0]->dtype, &shape);
    return 0;
}

const struct op op_flatten = {
    .type = "Flatten",
    OP_OPSETS(OP_OPSET_FIRST, OP_OPSET_LAST),
    .min_inputs = 1,
    .max_inputs = 1,
    .parse = parse_flatten,
    .infer = infer_flatten,
    .couple = couple_reshape,
    ALIAS_FACES,
};

/* --- Squeeze and Unsqueeze: axes are an input since opset 13 --- */

static int parse_axes(struct node *node, struct arena *arena, struct error *err)
{
    static const struct parameter table[] = {
        {"axes", ATTRIBUTE_INTS, offsetof(struct reshape_params, axes), 0},
    };
    return op_parameters(node, arena, table, ARRAY_LENGTH(table),
                         sizeof(struct reshape_params), err);
}

/* `values` is room for SHAPE_MAX_RANK axes of an input. */
static int axes_of(const struct op_call *call, struct integers *axes,
                   int64_t *values, struct error *err)
{
    const struct reshape_params *params = call->node->params;
    *axes = params ? params->axes : (struct integers){0};
    if (!op_input(call, 1))
        return 0;
    axes->values = values;
    axes->given = true;
    return op_constant_integers(call, 1, "axes", values, SHAPE_MAX_RANK,
                                &axes->count, err);
}

static int infer_squeeze(const struct op_call *call, struct error *err)
{
    const struct shape *x = &call->inputs[0]->shape;
    struct integers axes;
    int64_t values[SHAPE_MAX_RANK];
    bool gone[SHAPE_MAX_RANK];
    if (op_want_sized(call, 0, "data", err) < 0 ||
        axes_of(call, &axes, values, err) < 0 ||
        op_axes(&axes, x->rank, gone, err) < 0)
        return -1;
    struct shape shape = {0};
    for (int i = 0; i < x->rank; i++) {
        if (gone[i] && x->dims[i] != 1)
            return error_set(err, ERROR_SHAPE,
                             "dimension %d is %lld, expected 1", i,
                             (long long)x->dims[i]);
        if (axes.given ? !gone[i] : x->dims[i] != 1)
            shape.dims[shape.rank++] = x->dims[i];
    }
    op_give(call, 0, call->inputs[0]->dtype, &shape);
    return 0;
}

static int infer_unsqueeze(const struct op_call *call, struct error *err)
{
    const struct shape *x = &call->inputs[0]->shape;
    struct integers axes;
    int64_t values[SHAPE_MAX_RANK];
    bool added[SHAPE_MAX_RANK];
    if (op_want_sized(call, 0, "data", err) < 0 ||
        axes_of(call, &axes, values, err) < 0)
        return -1;
    if (!axes.given)
        return error_set(err, ERROR_FORMAT, "axes are missing");
    struct shape shape = {.rank = x->rank + (int)axes.count};
    if (axes.count > SHAPE_MAX_RANK || shape.rank > SHAPE_MAX_RANK)
        return error_set(err, ERROR_UNSUPPORTED,
                         "the result has %d dimensions, at most %d are "
                         "supported",
                         shape.rank, SHAPE_MAX_RANK);
    if (op_axes(&axes, shape.rank, added, err) < 0)
        return -1;
    int from = 0;
    for (int i = 0; i < shape.rank; i++)
        shape.dims[i] = added[i] ? 1 : x->dims[from++];
    op_give(call, 0, call->inputs[0]->dtype, &shape);
    return 0;
}

const struct op op_squeeze_attribute = {
    .type = "Squeeze",
    OP_OPSETS(OP_OPSET_FIRST, 12),
    .min_inputs = 1,
    .max_inputs = 1,
    .parse = parse_axes,
    .infer = infer_squeeze,
    .couple = couple_reshape,
    ALIAS_FACES,
};

const struct op op_squeeze = {
    .type = "Squeeze",
    OP_OPSETS(13, OP_OPSET_LAST),
    .min_inputs = 1,
    .max_inputs = 2,
    .infer = infer_squeeze,
    .couple = couple_reshape,
    ALIAS_FACES,
};

const struct op op_unsqueeze_attribute = {
    .type = "Unsqueeze",
    OP_OPSETS(OP_OPSET_FIRST, 12),
    .min_inputs = 1,
    .max_inputs = 1,
    .parse = parse_axes,
    .infer = infer_unsqueeze,
    .couple = couple_reshape,
    ALIAS_FACES,
};

const struct op op_unsqueeze = {
    .type = "Unsqueeze",
    OP_OPSETS(13, OP_OPSET_LAST),
    .min_inputs = 2,
    .max_inputs = 2,
    .infer = infer_unsqueeze,
    .couple = couple_reshape,
    ALIAS_FACES,
};

/* --- Identity --- */

static int infer_identity(const struct op_call *call, struct error *err)
{
    if (op_want_sized(call, 0, "input", err) < 0)
        return -1;
    return op_infer_same(call, err);
}

const struct op op_identity = {
    .type = "Identity",
    OP_OPSETS(OP_OPSET_FIRST, OP_OPSET_LAST),
    .min_inputs = 1,
    .max_inputs = 1,
    .infer = infer_identity,
    .couple = couple_same,
    ALIAS_FACES,
};

/* --- Dropout: nothing is dropped in inference --- */

static const struct parameter dropout_table[] = {
    {"ratio", ATTRIBUTE_FLOAT, PARAMETER_IGNORED, 0},
    {"seed", ATTRIBUTE_INT, PARAMETER_IGNORED, 0},
    {"is_test", ATTRIBUTE_INT, PARAMETER_IGNORED, 0}, /* opset 6 */
};

static int parse_dropout(struct node *node, struct arena *arena,
                         struct error *err)
{
    return op_parameters(node, arena, dropout_table,
                         ARRAY_LENGTH(dropout_table), 0, err);
}

/* True where a constant is one element of the value 0 (or false). */
static bool is_zero(const struct tensor *tensor)
{
    return tensor && tensor->data && tensor_elements(tensor) == 1 &&
           tensor_number(tensor, 0) == 0;
}

/* Training with ratio 0 drops nothing either and scales by 1. */
static int infer_dropout(const struct op_call *call, struct error *err)
{
    const struct tensor *training = op_input(call, 2);
    if (op_want_float(call, 0, "data", err) < 0 ||
        op_want_type(call, 2, "training_mode", DTYPE_BOOL, err) < 0)
        return -1;
    if (training && !is_zero(training) && !is_zero(op_input(call, 1)))
        return error_set(err, ERROR_UNSUPPORTED,
                         "training_mode is not the constant false: export the "
                         "model for inference");
    op_give(call, 1,
            call->node->opset < 10 ? call->inputs[0]->dtype : DTYPE_BOOL,
            &call->inputs[0]->shape);
    return op_infer_same(call, err);
}

static int run_dropout(const struct op_call *call, struct error *err)
{
    struct tensor *mask = op_output(call, 1);
    int64_t count = tensor_elements(call->inputs[0]);
    for (int64_t i = 0; mask && i < count; i++)
        op_put_number(mask, i, 1);
    return op_run_copy(call, err);
}

static void lower_dropout(const struct op_call *call, struct kernel_spec *spec)
{
    if (!op_output(call, 1))
        spec->kind = KERNEL_ALIAS;
}

#define DROPOUT(symbol, first, last, inputs)                                   \
    const struct op symbol = {                                                 \
        .type = "Dropout",                                                     \
        OP_OPSETS(first, last),                                                \
        .min_inputs = 1,                                                       \
        .max_inputs = inputs,                                                  \
        .max_outputs = 2,                                                      \
        .weight_input = -1,                                                    \
        .parse = parse_dropout,                                                \
        .infer = infer_dropout,                                                \
        .couple = couple_same,                                                 \
        .run = run_dropout,                                                    \
        .gradient = op_gradient_copy,                                          \
        .lower = lower_dropout,                                                \
    }

DROPOUT(op_dropout_attribute, OP_OPSET_FIRST, 11, 1);
DROPOUT(op_dropout, 12, OP_OPSET_LAST, 3);

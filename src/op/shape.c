/* What tensors are, not what they hold: Shape, Size, Cast. */
#include "base/array.h"
#include "op/backward.h"
#include "op/couple.h"

struct shape_params {
    int64_t start, end, to;
};

static int parse_shape(struct node *node, struct arena *arena,
                       struct error *err)
{
    static const struct parameter table[] = {
        {"start", ATTRIBUTE_INT, offsetof(struct shape_params, start), 0},
        {"end", ATTRIBUTE_INT, offsetof(struct shape_params, end),
         SHAPE_MAX_RANK},
    };
    return op_parameters(node, arena, table,
                         node->opset < 15 ? 0 : ARRAY_LENGTH(table),
                         sizeof(struct shape_params), err);
}

static int64_t clamp_axis(int64_t axis, int rank)
{
    axis += axis < 0 ? rank : 0;
    return axis < 0 ? 0 : axis > rank ? rank : axis;
}

/* First dimension and how many. */
static int64_t part_of(const struct op_call *call, int64_t *first)
{
    const struct shape_params *params = call->node->params;
    int rank = call->inputs[0]->shape.rank;
    int64_t end = call->node->opset < 15 ? rank : params->end;
    *first = clamp_axis(params->start, rank);
    end = clamp_axis(end, rank);
    return end > *first ? end - *first : 0;
}

static int infer_shape(const struct op_call *call, struct error *err)
{
    (void)err;
    int64_t first;
    struct shape shape = {1, {part_of(call, &first)}};
    op_give(call, 0, DTYPE_INT64, &shape);
    return 0;
}

static int run_shape(const struct op_call *call, struct error *err)
{
    (void)err;
    int64_t first, count = part_of(call, &first);
    for (int64_t i = 0; i < count; i++)
        op_put_integer(call->outputs[0], i,
                       call->inputs[0]->shape.dims[first + i]);
    return 0;
}

const struct op op_shape = {
    .type = "Shape",
    OP_OPSETS(OP_OPSET_FIRST, OP_OPSET_LAST),
    .min_inputs = 1,
    .max_inputs = 1,
    .weight_input = -1,
    .shape_only = true,
    .parse = parse_shape,
    .infer = infer_shape,
    .run = run_shape,
};

static int infer_size(const struct op_call *call, struct error *err)
{
    (void)err;
    struct shape scalar = {0};
    op_give(call, 0, DTYPE_INT64, &scalar);
    return 0;
}

static int run_size(const struct op_call *call, struct error *err)
{
    (void)err;
    op_put_integer(call->outputs[0], 0, tensor_elements(call->inputs[0]));
    return 0;
}

const struct op op_size = {
    .type = "Size",
    OP_OPSETS(OP_OPSET_FIRST, OP_OPSET_LAST),
    .min_inputs = 1,
    .max_inputs = 1,
    .weight_input = -1,
    .shape_only = true,
    .infer = infer_size,
    .run = run_size,
};

/* --- Cast --- */

static int parse_cast(struct node *node, struct arena *arena, struct error *err)
{
    static const struct parameter table[] = {
        {"to", ATTRIBUTE_INT, offsetof(struct shape_params, to), 0},
        {"saturate", ATTRIBUTE_INT, PARAMETER_IGNORED, 0}, /* of float8 */
    };
    if (op_parameters(node, arena, table, ARRAY_LENGTH(table),
                      sizeof(struct shape_params), err) < 0)
        return -1;
    const struct shape_params *params = node->params;
    if (params->to < 0 || params->to >= DTYPE_COUNT ||
        !dtype_size((enum dtype)params->to))
        return error_set(err, ERROR_UNSUPPORTED,
                         "casting to type %lld is not supported",
                         (long long)params->to);
    return 0;
}

/* A half is rounded as such and kept as float32, in which all is computed. */
static bool is_half(int64_t type)
{
    return type == DTYPE_FLOAT16 || type == DTYPE_BFLOAT16;
}

static enum dtype result_type(const struct op_call *call)
{
    const struct shape_params *params = call->node->params;
    return is_half(params->to) ? DTYPE_FLOAT32 : (enum dtype)params->to;
}

static float through_half(float x, int64_t type)
{
    return type == DTYPE_FLOAT16 ? float16_to_float32(float32_to_float16(x))
                                 : bfloat16_to_float32(float32_to_bfloat16(x));
}

static int infer_cast(const struct op_call *call, struct error *err)
{
    if (op_want_sized(call, 0, "input", err) < 0)
        return -1;
    op_give(call, 0, result_type(call), &call->inputs[0]->shape);
    return 0;
}

static int run_cast(const struct op_call *call, struct error *err)
{
    const struct shape_params *params = call->node->params;
    const struct tensor *x = call->inputs[0];
    struct tensor *y = call->outputs[0];
    if (x->dtype == (enum dtype)params->to)
        return op_run_copy(call, err);
    int64_t count = tensor_elements(x);
    for (int64_t i = 0; i < count; i++) {
        if (is_half(params->to))
            ((float *)y->data)[i] =
                through_half((float)tensor_number(x, i), params->to);
        else if (dtype_is_integer(x->dtype) && dtype_is_integer(y->dtype))
            op_put_integer(y, i, tensor_integer(x, i));
        else
            op_put_number(y, i, tensor_number(x, i));
    }
    return 0;
}

/* Rounding on the way is seen as the identity. */
static int gradient_cast(const struct op_call *call,
                         const struct op_gradient *gradient, struct error *err)
{
    return op_gradient_of(gradient, 0) ? op_gradient_copy(call, gradient, err)
                                       : 0;
}

static void lower_cast(const struct op_call *call, struct kernel_spec *spec)
{
    const struct shape_params *params = call->node->params;
    if (call->inputs[0]->dtype == (enum dtype)params->to)
        spec->kind = KERNEL_ALIAS;
}

const struct op op_cast = {
    .type = "Cast",
    OP_OPSETS(OP_OPSET_FIRST, OP_OPSET_LAST),
    .min_inputs = 1,
    .max_inputs = 1,
    .weight_input = -1,
    .parse = parse_cast,
    .infer = infer_cast,
    .couple = couple_same,
    .run = run_cast,
    .gradient = gradient_cast,
    .lower = lower_cast,
};

/* --- CastLike: the type of another operand --- */

static int infer_cast_like(const struct op_call *call, struct error *err)
{
    if (op_want_sized(call, 0, "input", err) < 0 ||
        op_want_sized(call, 1, "target_type", err) < 0)
        return -1;
    op_give(call, 0, call->inputs[1]->dtype, &call->inputs[0]->shape);
    return 0;
}

static int run_cast_like(const struct op_call *call, struct error *err)
{
    (void)err;
    const struct tensor *x = call->inputs[0];
    struct tensor *y = call->outputs[0];
    int64_t count = tensor_elements(x);
    for (int64_t i = 0; i < count; i++) {
        if (dtype_is_integer(x->dtype) && dtype_is_integer(y->dtype))
            op_put_integer(y, i, tensor_integer(x, i));
        else
            op_put_number(y, i, tensor_number(x, i));
    }
    return 0;
}

static void lower_cast_like(const struct op_call *call,
                            struct kernel_spec *spec)
{
    if (call->inputs[0]->dtype == call->inputs[1]->dtype)
        spec->kind = KERNEL_ALIAS;
}

const struct op op_cast_like = {
    .type = "CastLike",
    OP_OPSETS(15, OP_OPSET_LAST),
    .min_inputs = 2,
    .max_inputs = 2,
    .weight_input = -1,
    .infer = infer_cast_like,
    .run = run_cast_like,
    .lower = lower_cast_like,
};

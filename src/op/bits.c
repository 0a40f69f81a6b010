/* Bit by bit on integers: BitShift, BitwiseAnd, BitwiseOr, BitwiseXor,
 * BitwiseNot. */
#include "base/array.h"
#include "op/binary.h"

#include <string.h>

struct shift_params {
    const char *direction;
};

static int parse_shift(struct node *node, struct arena *arena,
                       struct error *err)
{
    static const struct parameter table[] = {
        {"direction", ATTRIBUTE_STRING,
         offsetof(struct shift_params, direction), 0},
    };
    if (op_parameters(node, arena, table, ARRAY_LENGTH(table),
                      sizeof(struct shift_params), err) < 0)
        return -1;
    const struct shift_params *params = node->params;
    if (!params->direction || (strcmp(params->direction, "LEFT") != 0 &&
                               strcmp(params->direction, "RIGHT") != 0))
        return error_set(err, ERROR_FORMAT,
                         "direction '%s', expected LEFT or RIGHT",
                         params->direction ? params->direction : "");
    return 0;
}

typedef uint64_t bits_function(uint64_t a, uint64_t b);

struct bits_row {
    bits_function *apply;
};

static uint64_t bits_and(uint64_t a, uint64_t b)
{
    return a & b;
}

static uint64_t bits_or(uint64_t a, uint64_t b)
{
    return a | b;
}

static uint64_t bits_xor(uint64_t a, uint64_t b)
{
    return a ^ b;
}

static uint64_t shift_left(uint64_t a, uint64_t b)
{
    return b < 64 ? a << b : 0;
}

static uint64_t shift_right(uint64_t a, uint64_t b)
{
    return b < 64 ? a >> b : 0;
}

static bits_function *function_of(const struct op_call *call)
{
    const struct bits_row *row = call->node->op->row;
    const struct shift_params *params = call->node->params;
    if (row->apply)
        return row->apply;
    return params->direction[0] == 'L' ? shift_left : shift_right;
}

static bool is_unsigned(enum dtype dtype)
{
    return dtype == DTYPE_UINT8 || dtype == DTYPE_UINT16 ||
           dtype == DTYPE_UINT32 || dtype == DTYPE_UINT64;
}

static int check_type(const struct op_call *call, bool served,
                      struct error *err)
{
    if (served)
        return 0;
    return error_set(err, ERROR_UNSUPPORTED, "%s of %s is not supported",
                     call->node->type, dtype_name(call->inputs[0]->dtype));
}

static int infer(const struct op_call *call, struct error *err)
{
    const struct bits_row *row = call->node->op->row;
    enum dtype dtype = call->inputs[0]->dtype;
    struct shape shape;
    bool served = row->apply ? dtype_is_integer(dtype) && dtype != DTYPE_BOOL
                             : is_unsigned(dtype);
    if (check_type(call, served, err) < 0 ||
        op_want_type(call, 1, "Y", dtype, err) < 0 ||
        op_infer_broadcast(call, &shape, err) < 0)
        return -1;
    op_give(call, 0, dtype, &shape);
    return 0;
}

static int run(const struct op_call *call, struct error *err)
{
    struct tensor *y = call->outputs[0], left, right;
    bits_function *apply = function_of(call);
    if (op_broadcast(&left, call->inputs[0], &y->shape, err) < 0)
        return -1;
    int result = op_broadcast(&right, call->inputs[1], &y->shape, err);
    int64_t count = tensor_elements(y);
    for (int64_t i = 0; i < count && result == 0; i++)
        op_put_integer(y, i,
                       (int64_t)apply((uint64_t)tensor_integer(&left, i),
                                      (uint64_t)tensor_integer(&right, i)));
    tensor_release(&left);
    if (result == 0)
        tensor_release(&right);
    return result;
}

static int infer_not(const struct op_call *call, struct error *err)
{
    enum dtype dtype = call->inputs[0]->dtype;
    if (check_type(call, dtype_is_integer(dtype) && dtype != DTYPE_BOOL, err) <
        0)
        return -1;
    return op_infer_same(call, err);
}

static int run_not(const struct op_call *call, struct error *err)
{
    (void)err;
    int64_t count = tensor_elements(call->inputs[0]);
    for (int64_t i = 0; i < count; i++)
        op_put_integer(call->outputs[0], i,
                       ~tensor_integer(call->inputs[0], i));
    return 0;
}

#define BITS(symbol, name, first, parse_face, function)                        \
    static const struct bits_row symbol##_row = {function};                    \
    const struct op symbol = {                                                 \
        .type = name,                                                          \
        OP_OPSETS(first, OP_OPSET_LAST),                                       \
        .min_inputs = 2,                                                       \
        .max_inputs = 2,                                                       \
        .weight_input = -1,                                                    \
        .row = &symbol##_row,                                                  \
        .parse = parse_face,                                                   \
        .infer = infer,                                                        \
        .run = run,                                                            \
    }

BITS(op_bit_shift, "BitShift", 11, parse_shift, NULL);
BITS(op_bitwise_and, "BitwiseAnd", 18, NULL, bits_and);
BITS(op_bitwise_or, "BitwiseOr", 18, NULL, bits_or);
BITS(op_bitwise_xor, "BitwiseXor", 18, NULL, bits_xor);

const struct op op_bitwise_not = {
    .type = "BitwiseNot",
    OP_OPSETS(18, OP_OPSET_LAST),
    .min_inputs = 1,
    .max_inputs = 1,
    .weight_input = -1,
    .infer = infer_not,
    .run = run_not,
};

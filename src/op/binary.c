/*
 * Functions of two operands that broadcast: arithmetic, comparison, logic;
 * one row each. Integers are computed as integers (shapes are arithmetic).
 */
#include "op/binary.h"
#include "base/array.h"
#include "kernel/reference.h"
#include "op/couple.h"

#include <math.h>

struct mod_params {
    int64_t fmod;
};

static int64_t add(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t subtract(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static int64_t multiply(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a * (uint64_t)b);
}

/* Toward zero; -1 apart because the smallest integer has no negative. */
static int64_t divide(int64_t a, int64_t b)
{
    return b == -1 ? subtract(0, a) : a / b;
}

static int64_t maximum(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t minimum(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The sign follows the divisor, as Python has it. */
static int64_t modulo(int64_t a, int64_t b)
{
    int64_t rest = b == -1 ? 0 : a % b;
    return rest && (rest < 0) != (b < 0) ? rest + b : rest;
}

static int64_t remainder_of(int64_t a, int64_t b)
{
    return b == -1 ? 0 : a % b;
}

static int64_t power(int64_t a, int64_t b)
{
    if (b < 0)
        return a == 1 ? 1 : a == -1 ? (b % 2 ? -1 : 1) : 0;
    int64_t result = 1;
    for (; b; b >>= 1) {
        if (b & 1)
            result = multiply(result, a);
        a = multiply(a, a);
    }
    return result;
}

static int64_t equal(int64_t a, int64_t b)
{
    return a == b;
}

static int64_t less(int64_t a, int64_t b)
{
    return a < b;
}

static int64_t less_or_equal(int64_t a, int64_t b)
{
    return a <= b;
}

static int64_t both(int64_t a, int64_t b)
{
    return a && b;
}

static int64_t either(int64_t a, int64_t b)
{
    return a || b;
}

static int64_t exclusive(int64_t a, int64_t b)
{
    return !a != !b;
}

static int64_t greater(int64_t a, int64_t b)
{
    return a > b;
}

static int64_t greater_or_equal(int64_t a, int64_t b)
{
    return a >= b;
}

static double real_add(double a, double b)
{
    return a + b;
}

static double real_subtract(double a, double b)
{
    return a - b;
}

static double real_multiply(double a, double b)
{
    return a * b;
}

static double real_divide(double a, double b)
{
    return a / b;
}

static double real_maximum(double a, double b)
{
    return a != a || a > b ? a : b;
}

static double real_minimum(double a, double b)
{
    return a != a || a < b ? a : b;
}

static double real_equal(double a, double b)
{
    return a == b;
}

static double real_less(double a, double b)
{
    return a < b;
}

static double real_less_or_equal(double a, double b)
{
    return a <= b;
}

static double real_greater(double a, double b)
{
    return a > b;
}

static double real_greater_or_equal(double a, double b)
{
    return a >= b;
}

enum { NO_KERNEL = -1 };

struct binary_row {
    int kind;                           /* enum binary_kind, NO_KERNEL: none */
    double (*real)(double a, double b); /* NULL: not on floats */
    int64_t (*exact)(int64_t a, int64_t b); /* NULL: not on integers */
    bool truth;                             /* the result is bool */
    bool on_bool, only_bool;
    bool divides;          /* a divisor of 0 is an error on integers */
    op_partials *partials; /* NULL: no gradient */
};

static const struct binary_row fmod_row = {
    .kind = NO_KERNEL, .real = fmod, .exact = remainder_of, .divides = true};

static int parse_mod(struct node *node, struct arena *arena, struct error *err)
{
    static const struct parameter table[] = {
        {"fmod", ATTRIBUTE_INT, offsetof(struct mod_params, fmod), 0},
    };
    return op_parameters(node, arena, table, ARRAY_LENGTH(table),
                         sizeof(struct mod_params), err);
}

static const struct binary_row *row_of(const struct op_call *call)
{
    const struct mod_params *params = call->node->params;
    return params && params->fmod ? &fmod_row : call->node->op->row;
}

static bool serves(const struct binary_row *row, enum dtype dtype)
{
    if (dtype == DTYPE_BOOL || row->only_bool)
        return dtype == DTYPE_BOOL && (row->on_bool || row->only_bool);
    if (dtype_is_integer(dtype))
        return row->exact && dtype != DTYPE_UINT64;
    return row->real && (dtype == DTYPE_FLOAT32 || dtype == DTYPE_FLOAT64);
}

int op_infer_broadcast(const struct op_call *call, struct shape *shape,
                       struct error *err)
{
    *shape = call->inputs[0]->shape;
    for (int i = 1; i < call->node->input_count; i++) {
        const struct shape *other = &call->inputs[i]->shape;
        char left[SHAPE_TEXT_BYTES], right[SHAPE_TEXT_BYTES];
        struct shape before = *shape;
        if (shape_broadcast(shape, &before, other) < 0)
            return error_set(err, ERROR_SHAPE, "%s and %s do not broadcast",
                             shape_text(&before, left),
                             shape_text(other, right));
    }
    return 0;
}

static int infer(const struct op_call *call, struct error *err)
{
    const struct binary_row *row = row_of(call);
    enum dtype dtype = call->inputs[0]->dtype;
    struct shape shape;
    if (!serves(row, dtype) ||
        (row->only_bool && call->inputs[1]->dtype != DTYPE_BOOL))
        return error_set(err, ERROR_UNSUPPORTED, "%s of %s is not supported",
                         call->node->type, dtype_name(dtype));
    if (op_want_type(call, 1, "B", dtype, err) < 0 ||
        op_infer_broadcast(call, &shape, err) < 0)
        return -1;
    op_give(call, 0, row->truth ? DTYPE_BOOL : dtype, &shape);
    return 0;
}

static int check_divisor(const struct tensor *b, struct error *err)
{
    int64_t count = tensor_elements(b);
    for (int64_t i = 0; i < count; i++)
        if (tensor_integer(b, i) == 0)
            return error_set(err, ERROR_RANGE, "integer division by zero");
    return 0;
}

/* a and b have the shape of y. */
static void apply(const struct binary_row *row, const struct tensor *a,
                  const struct tensor *b, struct tensor *y)
{
    int64_t count = tensor_elements(y);
    if (a->dtype == DTYPE_FLOAT32 && row->kind != NO_KERNEL) {
        const float *left = a->data, *right = b->data;
        float *to = y->data;
        for (int64_t i = 0; i < count; i++)
            to[i] = reference_binary((enum binary_kind)row->kind, left[i],
                                     right[i]);
    } else if (dtype_is_integer(a->dtype) && dtype_is_integer(b->dtype)) {
        for (int64_t i = 0; i < count; i++)
            op_put_integer(
                y, i, row->exact(tensor_integer(a, i), tensor_integer(b, i)));
    } else {
        for (int64_t i = 0; i < count; i++)
            op_put_number(y, i,
                          row->real(tensor_number(a, i), tensor_number(b, i)));
    }
}

static int apply_broadcast(const struct binary_row *row, const struct tensor *a,
                           const struct tensor *b, struct tensor *y,
                           struct error *err)
{
    struct tensor left, right;
    if (row->divides && dtype_is_integer(b->dtype) && check_divisor(b, err) < 0)
        return -1;
    if (op_broadcast(&left, a, &y->shape, err) < 0)
        return -1;
    int result = op_broadcast(&right, b, &y->shape, err);
    if (result == 0) {
        apply(row, &left, &right, y);
        tensor_release(&right);
    }
    tensor_release(&left);
    return result;
}

static int run(const struct op_call *call, struct error *err)
{
    return apply_broadcast(row_of(call), call->inputs[0], call->inputs[1],
                           call->outputs[0], err);
}

static int gradient(const struct op_call *call,
                    const struct op_gradient *gradient, struct error *err)
{
    return op_binary_gradient(call, row_of(call)->partials, gradient, err);
}

/* Whether the constant is one value per dimension 1 of a result of rank >= 2.
 */
static bool is_per_channel(const struct shape *constant,
                           const struct shape *result)
{
    int64_t c = result->dims[1];
    int at = constant->rank - (result->rank - 1);
    return at >= 0 && constant->dims[at] == c && shape_elements(constant) == c;
}

/* Elements of a constant that repeats itself: its dimensions are the result's
 * last ones. 0: it does not. */
static int64_t repeating_row(const struct shape *constant,
                             const struct shape *result)
{
    int first = 0;
    while (first < constant->rank && constant->dims[first] == 1)
        first++;
    int kept = constant->rank - first;
    if (kept > result->rank)
        return 0;
    for (int i = 0; i < kept; i++)
        if (constant->dims[first + i] != result->dims[result->rank - kept + i])
            return 0;
    return shape_elements(constant);
}

static bool lower_constant(struct binary_spec *spec,
                           const struct tensor *constant,
                           const struct tensor *other,
                           const struct shape *result)
{
    if (!shape_equal(&other->shape, result))
        return false;
    spec->constant = constant->data;
    if (tensor_elements(constant) == 1)
        spec->constant_channels = 1;
    else if (is_per_channel(&constant->shape, result))
        spec->constant_channels = result->dims[1];
    else
        spec->constant_row = repeating_row(&constant->shape, result);
    return spec->constant_channels > 0 || spec->constant_row > 0;
}

static void lower(const struct op_call *call, struct kernel_spec *spec)
{
    const struct binary_row *row = row_of(call);
    const struct tensor *a = call->inputs[0], *b = call->inputs[1];
    struct shape result;
    if (row->kind == NO_KERNEL || a->dtype != DTYPE_FLOAT32 ||
        op_infer_broadcast(call, &result, NULL) < 0 || result.rank < 2 ||
        result.rank > 4 || shape_elements(&result) == 0)
        return;
    struct binary_spec binary = {.kind = (enum binary_kind)row->kind,
                                 .same_shape =
                                     shape_equal(&a->shape, &b->shape),
                                 .constant_operand = -1};
    if (a->data && b->data)
        return;
    if (a->data || b->data) {
        binary.constant_operand = b->data ? 1 : 0;
        if (!lower_constant(&binary, b->data ? b : a, b->data ? a : b, &result))
            return;
    } else if (a->shape.rank != b->shape.rank) {
        return;
    }
    spec->kind = KERNEL_BINARY;
    spec->binary = binary;
}

/* A constant with more than one element is a weight, not a number in a
 * formula. */
static void cost(const struct op_call *call, struct op_cost *cost)
{
    int64_t count = op_constant_elements(call, 0);
    cost->parameters = count > 1 ? count : 0;
}

#define BINARY_OP(symbol, name, first, parse_face, gradient_face, ...)         \
    static const struct binary_row symbol##_row = {__VA_ARGS__};               \
    const struct op symbol = {                                                 \
        .type = name,                                                          \
        OP_OPSETS(first, OP_OPSET_LAST),                                       \
        .min_inputs = 2,                                                       \
        .max_inputs = 2,                                                       \
        .weight_input = -1,                                                    \
        .row = &symbol##_row,                                                  \
        .parse = parse_face,                                                   \
        .infer = infer,                                                        \
        .cost = cost,                                                          \
        .couple = couple_elements,                                             \
        .run = run,                                                            \
        .lower = lower,                                                        \
        .gradient = gradient_face,                                             \
    }

BINARY_OP(op_add, "Add", 7, NULL, gradient, .kind = BINARY_ADD,
          .real = real_add, .exact = add, .partials = op_partials_add);
BINARY_OP(op_sub, "Sub", 7, NULL, gradient, .kind = BINARY_SUB,
          .real = real_subtract, .exact = subtract,
          .partials = op_partials_subtract);
BINARY_OP(op_mul, "Mul", 7, NULL, gradient, .kind = BINARY_MUL,
          .real = real_multiply, .exact = multiply,
          .partials = op_partials_multiply);
BINARY_OP(op_div, "Div", 7, NULL, gradient, .kind = BINARY_DIV,
          .real = real_divide, .exact = divide, .divides = true,
          .partials = op_partials_divide);
BINARY_OP(op_mod, "Mod", 10, parse_mod, NULL, .kind = NO_KERNEL, .real = NULL,
          .exact = modulo, .divides = true);
BINARY_OP(op_equal, "Equal", 7, NULL, NULL, .kind = NO_KERNEL,
          .real = real_equal, .exact = equal, .truth = true, .on_bool = true);
BINARY_OP(op_less, "Less", 7, NULL, NULL, .kind = NO_KERNEL, .real = real_less,
          .exact = less, .truth = true);
BINARY_OP(op_less_or_equal, "LessOrEqual", 12, NULL, NULL, .kind = NO_KERNEL,
          .real = real_less_or_equal, .exact = less_or_equal, .truth = true);
BINARY_OP(op_greater, "Greater", 7, NULL, NULL, .kind = NO_KERNEL,
          .real = real_greater, .exact = greater, .truth = true);
BINARY_OP(op_greater_or_equal, "GreaterOrEqual", 12, NULL, NULL,
          .kind = NO_KERNEL, .real = real_greater_or_equal,
          .exact = greater_or_equal, .truth = true);
BINARY_OP(op_and, "And", 7, NULL, NULL, .kind = NO_KERNEL, .real = NULL,
          .exact = both, .truth = true, .only_bool = true);
BINARY_OP(op_or, "Or", 7, NULL, NULL, .kind = NO_KERNEL, .real = NULL,
          .exact = either, .truth = true, .only_bool = true);
BINARY_OP(op_xor, "Xor", 7, NULL, NULL, .kind = NO_KERNEL, .real = NULL,
          .exact = exclusive, .truth = true, .only_bool = true);

/* --- Pow: the exponent may be of another type --- */

static const struct binary_row pow_row = {.kind = NO_KERNEL,
                                          .real = pow,
                                          .exact = power,
                                          .partials = op_partials_power};

static int infer_pow(const struct op_call *call, struct error *err)
{
    struct shape shape;
    for (int i = 0; i < 2; i++)
        if (!serves(&pow_row, call->inputs[i]->dtype))
            return error_set(err, ERROR_UNSUPPORTED,
                             "Pow of %s is not supported",
                             dtype_name(call->inputs[i]->dtype));
    if (op_infer_broadcast(call, &shape, err) < 0)
        return -1;
    op_give(call, 0, call->inputs[0]->dtype, &shape);
    return 0;
}

const struct op op_pow = {
    .type = "Pow",
    OP_OPSETS(7, OP_OPSET_LAST),
    .min_inputs = 2,
    .max_inputs = 2,
    .weight_input = -1,
    .row = &pow_row,
    .infer = infer_pow,
    .couple = couple_elements,
    .run = run,
    .gradient = gradient,
};

/* --- any number of operands --- */

static const struct binary_row max_row = {
    .kind = BINARY_MAX, .real = real_maximum, .exact = maximum};
static const struct binary_row min_row = {
    .kind = BINARY_MIN, .real = real_minimum, .exact = minimum};
static const struct binary_row sum_row = {.kind = BINARY_ADD, .real = real_add};

static int infer_variadic(const struct op_call *call, struct error *err)
{
    const struct binary_row *row = call->node->op->row;
    enum dtype dtype = call->inputs[0]->dtype;
    struct shape shape;
    if (!serves(row, dtype))
        return error_set(err, ERROR_UNSUPPORTED, "%s of %s is not supported",
                         call->node->type, dtype_name(dtype));
    for (int i = 1; i < call->node->input_count; i++) {
        if (!call->inputs[i])
            return error_set(err, ERROR_FORMAT, "input %d is missing", i + 1);
        if (op_want_type(call, i, "data_0", dtype, err) < 0)
            return -1;
    }
    if (op_infer_broadcast(call, &shape, err) < 0)
        return -1;
    op_give(call, 0, dtype, &shape);
    return 0;
}

static int run_variadic(const struct op_call *call, struct error *err)
{
    const struct binary_row *row = call->node->op->row;
    struct tensor *y = call->outputs[0];
    struct tensor first;
    if (op_broadcast(&first, call->inputs[0], &y->shape, err) < 0)
        return -1;
    int64_t count = tensor_elements(y);
    for (int64_t i = 0; i < count; i++) {
        if (dtype_is_integer(y->dtype))
            op_put_integer(y, i, tensor_integer(&first, i));
        else
            op_put_number(y, i, tensor_number(&first, i));
    }
    tensor_release(&first);
    for (int i = 1; i < call->node->input_count; i++)
        if (apply_broadcast(row, y, call->inputs[i], y, err) < 0)
            return -1;
    return 0;
}

static int run_mean(const struct op_call *call, struct error *err)
{
    if (run_variadic(call, err) < 0)
        return -1;
    struct tensor *y = call->outputs[0];
    int64_t count = tensor_elements(y);
    for (int64_t i = 0; i < count; i++)
        op_put_number(y, i, tensor_number(y, i) / call->node->input_count);
    return 0;
}

static void lower_variadic(const struct op_call *call, struct kernel_spec *spec)
{
    if (call->node->input_count == 2)
        lower(call, spec);
}

#define VARIADIC(symbol, name, row_of, run_face, lower_face)                   \
    const struct op symbol = {                                                 \
        .type = name,                                                          \
        OP_OPSETS(OP_OPSET_FIRST, OP_OPSET_LAST),                              \
        .min_inputs = 1,                                                       \
        .max_inputs = OP_MANY_INPUTS,                                          \
        .weight_input = -1,                                                    \
        .row = &(row_of),                                                      \
        .infer = infer_variadic,                                               \
        .cost = cost,                                                          \
        .couple = couple_elements,                                             \
        .run = run_face,                                                       \
        .gradient = op_variadic_gradient,                                      \
        .lower = lower_face,                                                   \
    }

VARIADIC(op_max, "Max", max_row, run_variadic, lower_variadic);
VARIADIC(op_min, "Min", min_row, run_variadic, lower_variadic);
VARIADIC(op_sum, "Sum", sum_row, run_variadic, lower_variadic);
VARIADIC(op_mean, "Mean", sum_row, run_mean, NULL);

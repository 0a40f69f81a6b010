/*
 * Functions of one operand, element by element: one row each. Fast kernels
 * know those of enum eltwise_kind; `real` and `exact` serve other types and
 * the functions that only the plain code has.
 */
#include "base/array.h"
#include "kernel/reference.h"
#include "op/backward.h"
#include "op/couple.h"

#include <math.h>
#include <string.h>

struct unary_params {
    float alpha, beta;
    const char *approximate; /* Gelu */
};

struct unary_row {
    enum eltwise_kind kind; /* ELTWISE_NONE: only `real` */
    double (*real)(double x, double alpha, double beta);
    int64_t (*exact)(int64_t x); /* on signed integers; NULL: none */
    float alpha, beta;           /* when no attribute gives them */
};

/* NaN stays NaN in all of these. */
static double real_abs(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return fabs(x);
}

static double real_neg(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return -x;
}

static double real_relu(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return x < 0 ? 0 : x;
}

static double real_sign(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return x > 0 ? 1 : x < 0 ? -1 : x;
}

static double real_floor(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return floor(x);
}

static double real_ceil(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return ceil(x);
}

/* Halves go to the even neighbour, as ONNX has it. */
static double real_round(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return nearbyint(x);
}

static double real_reciprocal(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return 1 / x;
}

static double real_exp(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return exp(x);
}

static double real_log(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return log(x);
}

static double real_sqrt(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return sqrt(x);
}

static double real_sin(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return sin(x);
}

static double real_cos(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return cos(x);
}

/* Those that are one function of the C library. */
#define LIBRARY(name)                                                          \
    static double real_##name(double x, double alpha, double beta)             \
    {                                                                          \
        (void)alpha;                                                           \
        (void)beta;                                                            \
        return name(x);                                                        \
    }

LIBRARY(tan)
LIBRARY(asin)
LIBRARY(acos)
LIBRARY(atan)
LIBRARY(sinh)
LIBRARY(cosh)
LIBRARY(asinh)
LIBRARY(acosh)
LIBRARY(atanh)

/* alpha: the bias, beta: how far from zero nothing is left. */
static double real_shrink(double x, double alpha, double beta)
{
    if (x < -beta)
        return x + alpha;
    return x > beta ? x - alpha : x != x ? x : 0;
}

static double real_selu(double x, double alpha, double beta)
{
    return beta * (x > 0 ? x : alpha * expm1(x));
}

static double real_celu(double x, double alpha, double beta)
{
    (void)beta;
    return x > 0 ? x : alpha * expm1(x / alpha);
}

static double real_softsign(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return x / (1 + fabs(x));
}

static double real_thresholded(double x, double alpha, double beta)
{
    (void)beta;
    return x > alpha || x != x ? x : 0;
}

static double real_mish(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return x * tanh(x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)));
}

static double real_gelu_tanh(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    double root = sqrt(2 / 3.14159265358979323846);
    return 0.5 * x * (1 + tanh(root * (x + 0.044715 * x * x * x)));
}

/* Unsigned arithmetic: the smallest integer has no positive counterpart. */
static int64_t exact_abs(int64_t x)
{
    return x < 0 ? (int64_t)(0 - (uint64_t)x) : x;
}

static int64_t exact_neg(int64_t x)
{
    return (int64_t)(0 - (uint64_t)x);
}

static int64_t exact_relu(int64_t x)
{
    return x < 0 ? 0 : x;
}

static int64_t exact_sign(int64_t x)
{
    return (x > 0) - (x < 0);
}

/* --- faces --- */

static int parse_scaled(struct node *node, struct arena *arena, size_t count,
                        struct error *err)
{
    const struct unary_row *row = node->op->row;
    bool selu = row->real == real_selu;
    const struct parameter table[] = {
        {"alpha", ATTRIBUTE_FLOAT, offsetof(struct unary_params, alpha),
         (double)row->alpha},
        {selu ? "gamma" : "beta", ATTRIBUTE_FLOAT,
         offsetof(struct unary_params, beta), (double)row->beta},
    };
    return op_parameters(node, arena, table, count, sizeof(struct unary_params),
                         err);
}

static int parse_shrink(struct node *node, struct arena *arena,
                        struct error *err)
{
    static const struct parameter table[] = {
        {"bias", ATTRIBUTE_FLOAT, offsetof(struct unary_params, alpha), 0},
        {"lambd", ATTRIBUTE_FLOAT, offsetof(struct unary_params, beta), 0.5},
    };
    return op_parameters(node, arena, table, ARRAY_LENGTH(table),
                         sizeof(struct unary_params), err);
}

static int parse_alpha(struct node *node, struct arena *arena,
                       struct error *err)
{
    return parse_scaled(node, arena, 1, err);
}

static int parse_both(struct node *node, struct arena *arena, struct error *err)
{
    return parse_scaled(node, arena, 2, err);
}

static int parse_gelu(struct node *node, struct arena *arena, struct error *err)
{
    static const struct parameter table[] = {
        {"approximate", ATTRIBUTE_STRING,
         offsetof(struct unary_params, approximate), 0},
    };
    if (op_parameters(node, arena, table, ARRAY_LENGTH(table),
                      sizeof(struct unary_params), err) < 0)
        return -1;
    const struct unary_params *params = node->params;
    const char *name = params->approximate;
    if (name && strcmp(name, "none") != 0 && strcmp(name, "tanh") != 0)
        return error_set(err, ERROR_UNSUPPORTED,
                         "approximate '%s' is not known", name);
    return 0;
}

static const struct unary_row gelu_tanh_row = {.real = real_gelu_tanh};

static const struct unary_row *row_of(const struct op_call *call)
{
    const struct unary_params *params = call->node->params;
    if (params && params->approximate &&
        strcmp(params->approximate, "tanh") == 0)
        return &gelu_tanh_row;
    return call->node->op->row;
}

static struct eltwise_spec spec_of(const struct op_call *call)
{
    const struct unary_row *row = row_of(call);
    const struct unary_params *params = call->node->params;
    if (params)
        return (struct eltwise_spec){row->kind, params->alpha, params->beta};
    return (struct eltwise_spec){row->kind, row->alpha, row->beta};
}

static bool is_signed(enum dtype dtype)
{
    return dtype == DTYPE_INT64 || dtype == DTYPE_INT32 ||
           dtype == DTYPE_INT16 || dtype == DTYPE_INT8;
}

static int infer(const struct op_call *call, struct error *err)
{
    const struct unary_row *row = row_of(call);
    enum dtype dtype = call->inputs[0]->dtype;
    bool served = (row->exact && is_signed(dtype)) ||
                  (row->real && dtype == DTYPE_FLOAT64);
    if (!served && op_want_float(call, 0, "X", err) < 0)
        return -1;
    return op_infer_same(call, err);
}

static int run(const struct op_call *call, struct error *err)
{
    (void)err;
    const struct unary_row *row = row_of(call);
    const struct tensor *x = call->inputs[0];
    struct tensor *y = call->outputs[0];
    struct eltwise_spec spec = spec_of(call);
    int64_t count = tensor_elements(x);
    if (dtype_is_integer(x->dtype)) {
        for (int64_t i = 0; i < count; i++)
            op_put_integer(y, i, row->exact(tensor_integer(x, i)));
    } else if (x->dtype == DTYPE_FLOAT32 && spec.kind != ELTWISE_NONE) {
        const float *from = x->data;
        float *to = y->data;
        for (int64_t i = 0; i < count; i++)
            to[i] = reference_eltwise(&spec, from[i]);
    } else {
        double alpha = (double)spec.alpha, beta = (double)spec.beta;
        for (int64_t i = 0; i < count; i++)
            op_put_number(y, i, row->real(tensor_number(x, i), alpha, beta));
    }
    return 0;
}

static int gradient(const struct op_call *call,
                    const struct op_gradient *gradient, struct error *err)
{
    struct eltwise_spec spec = spec_of(call);
    return op_unary_gradient(call, &spec, gradient, err);
}

static void lower(const struct op_call *call, struct kernel_spec *spec)
{
    if (call->inputs[0]->dtype != DTYPE_FLOAT32)
        return;
    spec->eltwise = spec_of(call);
    if (spec->eltwise.kind != ELTWISE_NONE)
        spec->kind = KERNEL_ELTWISE;
}

#define UNARY(symbol, name, first, parse_face, ...)                            \
    static const struct unary_row symbol##_row = {__VA_ARGS__};                \
    const struct op symbol = {                                                 \
        .type = name,                                                          \
        OP_OPSETS(first, OP_OPSET_LAST),                                       \
        .min_inputs = 1,                                                       \
        .max_inputs = 1,                                                       \
        .weight_input = -1,                                                    \
        .row = &symbol##_row,                                                  \
        .parse = parse_face,                                                   \
        .infer = infer,                                                        \
        .run = run,                                                            \
        .couple = couple_same,                                                 \
        .gradient = gradient,                                                  \
        .lower = lower,                                                        \
    }

#define SELU_ALPHA 1.67326319217681884765625f
#define SELU_GAMMA 1.05070102214813232421875f

UNARY(op_relu, "Relu", OP_OPSET_FIRST, NULL, ELTWISE_RELU, real_relu,
      exact_relu, 0, 0);
UNARY(op_leaky_relu, "LeakyRelu", OP_OPSET_FIRST, parse_alpha, ELTWISE_RELU,
      NULL, NULL, 0.01f, 0);
UNARY(op_sigmoid, "Sigmoid", OP_OPSET_FIRST, NULL, ELTWISE_SIGMOID, NULL, NULL,
      0, 0);
UNARY(op_hard_sigmoid, "HardSigmoid", OP_OPSET_FIRST, parse_both,
      ELTWISE_HARDSIGMOID, NULL, NULL, 0.2f, 0.5f);
UNARY(op_hard_swish, "HardSwish", 14, NULL, ELTWISE_HARDSWISH, NULL, NULL, 0,
      0);
UNARY(op_tanh, "Tanh", OP_OPSET_FIRST, NULL, ELTWISE_TANH, NULL, NULL, 0, 0);
UNARY(op_elu, "Elu", OP_OPSET_FIRST, parse_alpha, ELTWISE_ELU, NULL, NULL, 1,
      0);
UNARY(op_selu, "Selu", OP_OPSET_FIRST, parse_both, ELTWISE_NONE, real_selu,
      NULL, SELU_ALPHA, SELU_GAMMA);
UNARY(op_celu, "Celu", 12, parse_alpha, ELTWISE_NONE, real_celu, NULL, 1, 0);
UNARY(op_softplus, "Softplus", OP_OPSET_FIRST, NULL, ELTWISE_SOFTPLUS, NULL,
      NULL, 0, 0);
UNARY(op_softsign, "Softsign", OP_OPSET_FIRST, NULL, ELTWISE_NONE,
      real_softsign, NULL, 0, 0);
UNARY(op_thresholded_relu, "ThresholdedRelu", 10, parse_alpha, ELTWISE_NONE,
      real_thresholded, NULL, 1, 0);
UNARY(op_mish, "Mish", 18, NULL, ELTWISE_NONE, real_mish, NULL, 0, 0);
UNARY(op_erf, "Erf", 9, NULL, ELTWISE_ERF, NULL, NULL, 0, 0);
UNARY(op_gelu, "Gelu", 20, parse_gelu, ELTWISE_GELU, NULL, NULL, 0, 0);
UNARY(op_exp, "Exp", OP_OPSET_FIRST, NULL, ELTWISE_EXP, real_exp, NULL, 0, 0);
UNARY(op_log, "Log", OP_OPSET_FIRST, NULL, ELTWISE_LOG, real_log, NULL, 0, 0);
UNARY(op_sqrt, "Sqrt", OP_OPSET_FIRST, NULL, ELTWISE_SQRT, real_sqrt, NULL, 0,
      0);
UNARY(op_sin, "Sin", 7, NULL, ELTWISE_NONE, real_sin, NULL, 0, 0);
UNARY(op_cos, "Cos", 7, NULL, ELTWISE_NONE, real_cos, NULL, 0, 0);
UNARY(op_abs, "Abs", OP_OPSET_FIRST, NULL, ELTWISE_ABS, real_abs, exact_abs, 0,
      0);
UNARY(op_neg, "Neg", OP_OPSET_FIRST, NULL, ELTWISE_NEG, real_neg, exact_neg, 0,
      0);
UNARY(op_sign, "Sign", 9, NULL, ELTWISE_NONE, real_sign, exact_sign, 0, 0);
UNARY(op_floor, "Floor", OP_OPSET_FIRST, NULL, ELTWISE_NONE, real_floor, NULL,
      0, 0);
UNARY(op_ceil, "Ceil", OP_OPSET_FIRST, NULL, ELTWISE_NONE, real_ceil, NULL, 0,
      0);
UNARY(op_round, "Round", 11, NULL, ELTWISE_NONE, real_round, NULL, 0, 0);
UNARY(op_reciprocal, "Reciprocal", OP_OPSET_FIRST, NULL, ELTWISE_NONE,
      real_reciprocal, NULL, 0, 0);
UNARY(op_shrink, "Shrink", 9, parse_shrink, ELTWISE_NONE, real_shrink, NULL, 0,
      0.5f);
UNARY(op_tan, "Tan", 7, NULL, ELTWISE_NONE, real_tan, NULL, 0, 0);
UNARY(op_asin, "Asin", 7, NULL, ELTWISE_NONE, real_asin, NULL, 0, 0);
UNARY(op_acos, "Acos", 7, NULL, ELTWISE_NONE, real_acos, NULL, 0, 0);
UNARY(op_atan, "Atan", 7, NULL, ELTWISE_NONE, real_atan, NULL, 0, 0);
UNARY(op_sinh, "Sinh", 9, NULL, ELTWISE_NONE, real_sinh, NULL, 0, 0);
UNARY(op_cosh, "Cosh", 9, NULL, ELTWISE_NONE, real_cosh, NULL, 0, 0);
UNARY(op_asinh, "Asinh", 9, NULL, ELTWISE_NONE, real_asinh, NULL, 0, 0);
UNARY(op_acosh, "Acosh", 9, NULL, ELTWISE_NONE, real_acosh, NULL, 0, 0);
UNARY(op_atanh, "Atanh", 9, NULL, ELTWISE_NONE, real_atanh, NULL, 0, 0);

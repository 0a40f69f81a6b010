/* Derivatives of the functions of one operand that no kernel knows. */
#include "base/array.h"
#include "kernel/reference_backward.h"
#include "op/backward.h"

#include <math.h>
#include <string.h>

typedef double slope_function(double x, double alpha, double beta);

/* Of the steps: they are flat wherever they have a derivative. */
static double slope_none(double x, double alpha, double beta)
{
    (void)x;
    (void)alpha;
    (void)beta;
    return 0;
}

static double slope_reciprocal(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return -1 / (x * x);
}

static double slope_sin(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return cos(x);
}

static double slope_cos(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return -sin(x);
}

static double slope_selu(double x, double alpha, double beta)
{
    return beta * (x > 0 ? 1 : alpha * exp(x));
}

static double slope_celu(double x, double alpha, double beta)
{
    (void)beta;
    return x > 0 ? 1 : exp(x / alpha);
}

static double slope_softsign(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return 1 / ((1 + fabs(x)) * (1 + fabs(x)));
}

static double slope_thresholded(double x, double alpha, double beta)
{
    (void)beta;
    return x > alpha;
}

static double slope_mish(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    double t = tanh(x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)));
    return t + x * (1 - t * t) / (1 + exp(-x));
}

static double slope_gelu_tanh(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    double root = sqrt(2 / 3.14159265358979323846);
    double t = tanh(root * (x + 0.044715 * x * x * x));
    return 0.5 * (1 + t) +
           0.5 * x * (1 - t * t) * root * (1 + 3 * 0.044715 * x * x);
}

/* alpha: the bias, beta: how far from zero nothing is left. */
static double slope_shrink(double x, double alpha, double beta)
{
    (void)alpha;
    return fabs(x) > beta;
}

static double slope_tan(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return 1 + tan(x) * tan(x);
}

static double slope_asin(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return 1 / sqrt(1 - x * x);
}

static double slope_acos(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return -1 / sqrt(1 - x * x);
}

static double slope_atan(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return 1 / (1 + x * x);
}

static double slope_sinh(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return cosh(x);
}

static double slope_cosh(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return sinh(x);
}

static double slope_asinh(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return 1 / sqrt(x * x + 1);
}

static double slope_acosh(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return 1 / sqrt(x * x - 1);
}

static double slope_atanh(double x, double alpha, double beta)
{
    (void)alpha;
    (void)beta;
    return 1 / (1 - x * x);
}

static const struct {
    const char *type;
    slope_function *slope;
} slopes[] = {
    {"Sign", slope_none},
    {"Floor", slope_none},
    {"Ceil", slope_none},
    {"Round", slope_none},
    {"Reciprocal", slope_reciprocal},
    {"Sin", slope_sin},
    {"Cos", slope_cos},
    {"Selu", slope_selu},
    {"Celu", slope_celu},
    {"Softsign", slope_softsign},
    {"ThresholdedRelu", slope_thresholded},
    {"Mish", slope_mish},
    {"Shrink", slope_shrink},
    {"Tan", slope_tan},
    {"Asin", slope_asin},
    {"Acos", slope_acos},
    {"Atan", slope_atan},
    {"Sinh", slope_sinh},
    {"Cosh", slope_cosh},
    {"Asinh", slope_asinh},
    {"Acosh", slope_acosh},
    {"Atanh", slope_atanh},
};

/* NULL: reference_eltwise_slope knows it. */
static slope_function *slope_of(const char *type,
                                const struct eltwise_spec *spec)
{
    for (size_t i = 0; i < ARRAY_LENGTH(slopes); i++)
        if (strcmp(slopes[i].type, type) == 0)
            return slopes[i].slope;
    return spec->kind == ELTWISE_NONE ? slope_gelu_tanh : NULL;
}

int op_unary_gradient(const struct op_call *call,
                      const struct eltwise_spec *spec,
                      const struct op_gradient *gradient, struct error *err)
{
    (void)err;
    slope_function *slope = slope_of(call->node->type, spec);
    const float *x = call->inputs[0]->data, *dy = op_gradient_of(gradient, 0);
    float *dx = op_gradient_to(gradient, 0);
    int64_t count = tensor_elements(call->inputs[0]);
    for (int64_t i = 0; dx && i < count; i++) {
        double factor =
            slope ? slope((double)x[i], (double)spec->alpha, (double)spec->beta)
                  : reference_eltwise_slope(spec, (double)x[i]);
        dx[i] = (float)((double)dy[i] * factor);
    }
    return 0;
}

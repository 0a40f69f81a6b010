/* Backward of the functions of operands that broadcast. */
#include "base/array.h"
#include "op/backward.h"
#include "op/binary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct partials op_partials_add(double a, double b)
{
    (void)a;
    (void)b;
    return (struct partials){1, 1};
}

struct partials op_partials_subtract(double a, double b)
{
    (void)a;
    (void)b;
    return (struct partials){1, -1};
}

struct partials op_partials_multiply(double a, double b)
{
    return (struct partials){b, a};
}

struct partials op_partials_divide(double a, double b)
{
    return (struct partials){1 / b, -a / (b * b)};
}

/* A base below zero has no derivative by its exponent. */
struct partials op_partials_power(double a, double b)
{
    return (struct partials){b == 0 ? 0 : b * pow(a, b - 1),
                             a > 0 ? pow(a, b) * log(a) : 0};
}

int op_binary_gradient(const struct op_call *call, op_partials *partials,
                       const struct op_gradient *gradient, struct error *err)
{
    const struct shape *shape = &call->outputs[0]->shape;
    const float *dy = op_gradient_of(gradient, 0);
    int64_t count = shape_elements(shape);
    struct tensor a = {0}, b = {0};
    float *part = op_scratch(count, err);
    int result = part ? op_broadcast(&a, call->inputs[0], shape, err) : -1;
    if (result == 0)
        result = op_broadcast(&b, call->inputs[1], shape, err);
    for (int i = 0; i < 2 && result == 0; i++) {
        for (int64_t j = 0; j < count; j++) {
            struct partials p =
                partials(tensor_number(&a, j), tensor_number(&b, j));
            part[j] = (float)((double)dy[j] * (i ? p.b : p.a));
        }
        result = op_unbroadcast(gradient, i, shape, part, err);
    }
    tensor_release(&a);
    tensor_release(&b);
    free(part);
    return result;
}

/* Whether operand i decides the maximum (minimum) y: the first that equals
 * it. */
static bool decides(const struct tensor *operands, int i, int64_t at, double y)
{
    for (int j = 0; j < i; j++)
        if (tensor_number(&operands[j], at) == y)
            return false;
    return tensor_number(&operands[i], at) == y;
}

int op_variadic_gradient(const struct op_call *call,
                         const struct op_gradient *gradient, struct error *err)
{
    const struct tensor *y = call->outputs[0];
    const float *dy = op_gradient_of(gradient, 0);
    int inputs = call->node->input_count, result = 0;
    int64_t count = tensor_elements(y);
    const char *type = call->node->type;
    bool is_mean = strcmp(type, "Mean") == 0;
    bool picks = !is_mean && strcmp(type, "Sum") != 0;
    float share = is_mean ? 1 / (float)inputs : 1;
    float *part = op_scratch(count, err);
    struct tensor *operands = array_create((size_t)inputs, sizeof *operands);
    if (!part || !operands)
        result = error_memory(err, (size_t)inputs * sizeof *operands);
    for (int i = 0; i < inputs && result == 0; i++)
        result = op_broadcast(&operands[i], call->inputs[i], &y->shape, err);
    for (int i = 0; i < inputs && result == 0; i++) {
        for (int64_t j = 0; j < count; j++)
            part[j] = !picks || decides(operands, i, j, tensor_number(y, j))
                          ? dy[j] * share
                          : 0;
        result = op_unbroadcast(gradient, i, &y->shape, part, err);
    }
    for (int i = 0; operands && i < inputs; i++)
        tensor_release(&operands[i]);
    free(operands);
    free(part);
    return result;
}

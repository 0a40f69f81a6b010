/* Choices per element: Where, Not, PRelu. */
#include "op/backward.h"
#include "op/binary.h"
#include "op/couple.h"

#include <stdlib.h>
#include <string.h>

static int infer_where(const struct op_call *call, struct error *err)
{
    struct shape shape;
    enum dtype dtype = call->inputs[1]->dtype;
    if (op_want_type(call, 0, "condition", DTYPE_BOOL, err) < 0 ||
        op_want_sized(call, 1, "X", err) < 0 ||
        op_want_type(call, 2, "Y", dtype, err) < 0 ||
        op_infer_broadcast(call, &shape, err) < 0)
        return -1;
    op_give(call, 0, dtype, &shape);
    return 0;
}

static int run_where(const struct op_call *call, struct error *err)
{
    struct tensor *out = call->outputs[0], operands[3] = {{0}};
    size_t bytes = dtype_size(out->dtype);
    int64_t count = tensor_elements(out);
    int result = 0;
    for (int i = 0; i < 3 && result == 0; i++)
        result = op_broadcast(&operands[i], call->inputs[i], &out->shape, err);
    for (int64_t i = 0; i < count && result == 0; i++) {
        const struct tensor *from =
            &operands[tensor_integer(&operands[0], i) ? 1 : 2];
        memcpy((char *)out->data + (size_t)i * bytes,
               (const char *)from->data + (size_t)i * bytes, bytes);
    }
    for (int i = 0; i < 3; i++)
        tensor_release(&operands[i]);
    return result;
}

static int gradient_where(const struct op_call *call,
                          const struct op_gradient *gradient, struct error *err)
{
    const struct shape *shape = &call->outputs[0]->shape;
    const float *dy = op_gradient_of(gradient, 0);
    int64_t count = shape_elements(shape);
    struct tensor condition = {0};
    float *part = op_scratch(count, err);
    int result =
        part ? op_broadcast(&condition, call->inputs[0], shape, err) : -1;
    for (int i = 1; i < 3 && result == 0; i++) {
        for (int64_t j = 0; j < count; j++)
            part[j] =
                (tensor_integer(&condition, j) != 0) == (i == 1) ? dy[j] : 0;
        result = op_unbroadcast(gradient, i, shape, part, err);
    }
    tensor_release(&condition);
    free(part);
    return result;
}

const struct op op_where = {
    .type = "Where",
    OP_OPSETS(9, OP_OPSET_LAST),
    .min_inputs = 3,
    .max_inputs = 3,
    .weight_input = -1,
    .infer = infer_where,
    .couple = couple_elements,
    .run = run_where,
    .gradient = gradient_where,
};

static int infer_not(const struct op_call *call, struct error *err)
{
    if (op_want_type(call, 0, "X", DTYPE_BOOL, err) < 0)
        return -1;
    return op_infer_same(call, err);
}

static int run_not(const struct op_call *call, struct error *err)
{
    (void)err;
    int64_t count = tensor_elements(call->inputs[0]);
    for (int64_t i = 0; i < count; i++)
        op_put_integer(call->outputs[0], i,
                       !tensor_integer(call->inputs[0], i));
    return 0;
}

const struct op op_not = {
    .type = "Not",
    OP_OPSETS(OP_OPSET_FIRST, OP_OPSET_LAST),
    .min_inputs = 1,
    .max_inputs = 1,
    .weight_input = -1,
    .infer = infer_not,
    .couple = couple_same,
    .run = run_not,
};

/* --- PRelu: the slope broadcasts to the data, never the other way --- */

static int infer_prelu(const struct op_call *call, struct error *err)
{
    struct shape shape;
    if (op_want_float(call, 0, "X", err) < 0 ||
        op_want_float(call, 1, "slope", err) < 0 ||
        op_infer_broadcast(call, &shape, err) < 0)
        return -1;
    if (!shape_equal(&shape, &call->inputs[0]->shape))
        return error_set(err, ERROR_SHAPE,
                         "input 'slope' does not broadcast to 'X'");
    return op_infer_same(call, err);
}

static int run_prelu(const struct op_call *call, struct error *err)
{
    const struct tensor *x = call->inputs[0];
    struct tensor slope;
    if (op_broadcast(&slope, call->inputs[1], &x->shape, err) < 0)
        return -1;
    const float *from = x->data, *slopes = slope.data;
    float *to = call->outputs[0]->data;
    int64_t count = tensor_elements(x);
    for (int64_t i = 0; i < count; i++)
        to[i] = from[i] < 0 ? slopes[i] * from[i] : from[i];
    tensor_release(&slope);
    return 0;
}

static int gradient_prelu(const struct op_call *call,
                          const struct op_gradient *gradient, struct error *err)
{
    const struct tensor *x = call->inputs[0];
    const float *from = x->data, *dy = op_gradient_of(gradient, 0);
    float *dx = op_gradient_to(gradient, 0);
    int64_t count = tensor_elements(x);
    struct tensor slope = {0};
    float *part = op_scratch(count, err);
    int result =
        part ? op_broadcast(&slope, call->inputs[1], &x->shape, err) : -1;
    for (int64_t i = 0; i < count && result == 0; i++) {
        bool negative = from[i] < 0;
        if (dx)
            dx[i] = dy[i] * (negative ? ((const float *)slope.data)[i] : 1);
        part[i] = negative ? dy[i] * from[i] : 0;
    }
    if (result == 0)
        result = op_unbroadcast(gradient, 1, &x->shape, part, err);
    tensor_release(&slope);
    free(part);
    return result;
}

static void cost_prelu(const struct op_call *call, struct op_cost *cost)
{
    cost->parameters = op_constant_elements(call, 1);
}

/* One slope for all is a leaky rectifier. */
static void lower_prelu(const struct op_call *call, struct kernel_spec *spec)
{
    const struct tensor *slope = call->inputs[1];
    if (!slope->data || tensor_elements(slope) != 1)
        return;
    spec->kind = KERNEL_ELTWISE;
    spec->eltwise =
        (struct eltwise_spec){ELTWISE_RELU, *(const float *)slope->data, 0};
}

const struct op op_prelu = {
    .type = "PRelu",
    OP_OPSETS(7, OP_OPSET_LAST),
    .min_inputs = 2,
    .max_inputs = 2,
    .weight_input = -1,
    .infer = infer_prelu,
    .couple = couple_elements,
    .cost = cost_prelu,
    .run = run_prelu,
    .gradient = gradient_prelu,
    .lower = lower_prelu,
};

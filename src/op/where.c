/* Choices per element: Where, Not, PRelu. */
#include "op/binary.h"
#include "op/couple.h"

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

const struct op op_where = {
    .type = "Where",
    OP_OPSETS(9, OP_OPSET_LAST),
    .min_inputs = 3,
    .max_inputs = 3,
    .weight_input = -1,
    .infer = infer_where,
    .couple = couple_elements,
    .run = run_where,
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
    .lower = lower_prelu,
};

/* IsNaN and IsInf: truths about single numbers. */
#include "base/array.h"
#include "op/support.h"

#include <math.h>

struct inf_params {
    int64_t negative, positive;
};

static int parse_inf(struct node *node, struct arena *arena, struct error *err)
{
    static const struct parameter table[] = {
        {"detect_negative", ATTRIBUTE_INT,
         offsetof(struct inf_params, negative), 1},
        {"detect_positive", ATTRIBUTE_INT,
         offsetof(struct inf_params, positive), 1},
    };
    return op_parameters(node, arena, table, ARRAY_LENGTH(table),
                         sizeof(struct inf_params), err);
}

static int infer(const struct op_call *call, struct error *err)
{
    if (call->inputs[0]->dtype != DTYPE_FLOAT64 &&
        op_want_float(call, 0, "X", err) < 0)
        return -1;
    op_give(call, 0, DTYPE_BOOL, &call->inputs[0]->shape);
    return 0;
}

static int run_nan(const struct op_call *call, struct error *err)
{
    (void)err;
    int64_t count = tensor_elements(call->inputs[0]);
    for (int64_t i = 0; i < count; i++)
        op_put_integer(call->outputs[0], i,
                       isnan(tensor_number(call->inputs[0], i)) != 0);
    return 0;
}

static int run_inf(const struct op_call *call, struct error *err)
{
    (void)err;
    const struct inf_params *params = call->node->params;
    int64_t count = tensor_elements(call->inputs[0]);
    for (int64_t i = 0; i < count; i++) {
        double x = tensor_number(call->inputs[0], i);
        bool wanted = x > 0 ? params->positive != 0 : params->negative != 0;
        op_put_integer(call->outputs[0], i, isinf(x) && wanted);
    }
    return 0;
}

const struct op op_is_nan = {
    .type = "IsNaN",
    OP_OPSETS(9, OP_OPSET_LAST),
    .min_inputs = 1,
    .max_inputs = 1,
    .weight_input = -1,
    .infer = infer,
    .run = run_nan,
};

const struct op op_is_inf = {
    .type = "IsInf",
    OP_OPSETS(10, OP_OPSET_LAST),
    .min_inputs = 1,
    .max_inputs = 1,
    .weight_input = -1,
    .parse = parse_inf,
    .infer = infer,
    .run = run_inf,
};

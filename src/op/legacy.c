/*
 * Operators as opset 6 has them: the second operand does not broadcast by
 * itself, but where attributes or the operator say so, beginning at an axis.
 * Each becomes a call of the present operator whose second operand has ones
 * behind its dimensions.
 */
#include "base/array.h"
#include "op/op_list.h"
#include "op/support.h"

struct legacy_params {
    int64_t broadcast, axis;
};

/* No axis: the last dimensions are matched, as today. */
enum { LAST_AXES = INT32_MAX };

#define DECLARE(symbol) extern const struct op symbol;
OP_LIST(DECLARE)

static int parse(struct node *node, struct arena *arena, struct error *err)
{
    static const struct parameter table[] = {
        {"broadcast", ATTRIBUTE_INT, offsetof(struct legacy_params, broadcast),
         0},
        {"axis", ATTRIBUTE_INT, offsetof(struct legacy_params, axis),
         LAST_AXES},
    };
    return op_parameters(node, arena, table, ARRAY_LENGTH(table),
                         sizeof(struct legacy_params), err);
}

/* The same call of the present operator; the caller lends the memory. */
struct modern {
    struct op_call call;
    struct node node;
    struct tensor second;
    const struct tensor *inputs[2];
};

static void modernise(struct modern *modern, const struct op_call *call)
{
    modern->node = *call->node;
    modern->node.op = call->node->op->row;
    modern->node.params = NULL;
    modern->second = *call->inputs[1];
    modern->inputs[0] = call->inputs[0];
    modern->inputs[1] = &modern->second;
    modern->call = *call;
    modern->call.node = &modern->node;
    modern->call.inputs = modern->inputs;
}

/* Lets the second operand's dimensions begin at `axis` of the first. */
static int align(struct modern *modern, int64_t axis, struct error *err)
{
    struct shape *b = &modern->second.shape;
    int rank = modern->inputs[0]->shape.rank, at;
    if (axis == LAST_AXES)
        return 0;
    if (op_axis(axis, rank, &at, err) < 0)
        return -1;
    if (at + b->rank > rank)
        return error_set(err, ERROR_SHAPE,
                         "input 'B' has %d dimensions, which do not fit "
                         "behind axis %d of %d",
                         b->rank, at, rank);
    for (int i = b->rank; i < rank - at; i++)
        b->dims[i] = 1;
    b->rank = rank - at;
    return 0;
}

static int modern_of(struct modern *modern, const struct op_call *call,
                     struct error *err)
{
    const struct legacy_params *params = call->node->params;
    modernise(modern, call);
    return params->broadcast ? align(modern, params->axis, err) : 0;
}

static int infer(const struct op_call *call, struct error *err)
{
    const struct legacy_params *params = call->node->params;
    const struct shape *a = &call->inputs[0]->shape;
    struct modern modern;
    if (!params->broadcast && !shape_equal(a, &call->inputs[1]->shape))
        return error_set(err, ERROR_SHAPE,
                         "the inputs' shapes differ without 'broadcast'");
    if (modern_of(&modern, call, err) < 0 ||
        modern.node.op->infer(&modern.call, err) < 0)
        return -1;
    if (call->outputs[0] && !shape_equal(&call->outputs[0]->shape, a))
        return error_set(err, ERROR_SHAPE,
                         "input 'B' does not broadcast to 'A'");
    return 0;
}

static int run(const struct op_call *call, struct error *err)
{
    struct modern modern;
    if (modern_of(&modern, call, err) < 0)
        return -1;
    return modern.node.op->run(&modern.call, err);
}

/* A run-time operand has the shape that everybody else sees. */
static bool can_lower(const struct modern *modern, const struct op_call *call)
{
    return modern->node.op->lower &&
           (call->inputs[1]->data ||
            shape_equal(&call->inputs[1]->shape, &modern->second.shape));
}

static void lower(const struct op_call *call, struct kernel_spec *spec)
{
    struct modern modern;
    if (modern_of(&modern, call, NULL) == 0 && can_lower(&modern, call))
        modern.node.op->lower(&modern.call, spec);
}

#define LEGACY(symbol, name, modern)                                           \
    const struct op symbol = {                                                 \
        .type = name,                                                          \
        OP_OPSETS(OP_OPSET_FIRST, 6),                                          \
        .min_inputs = 2,                                                       \
        .max_inputs = 2,                                                       \
        .weight_input = -1,                                                    \
        .row = &(modern),                                                      \
        .parse = parse,                                                        \
        .infer = infer,                                                        \
        .run = run,                                                            \
        .lower = lower,                                                        \
    }

LEGACY(op_add_axis, "Add", op_add);
LEGACY(op_sub_axis, "Sub", op_sub);
LEGACY(op_mul_axis, "Mul", op_mul);
LEGACY(op_div_axis, "Div", op_div);
LEGACY(op_pow_axis, "Pow", op_pow);
LEGACY(op_and_axis, "And", op_and);
LEGACY(op_or_axis, "Or", op_or);
LEGACY(op_xor_axis, "Xor", op_xor);
LEGACY(op_equal_axis, "Equal", op_equal);
LEGACY(op_less_axis, "Less", op_less);
LEGACY(op_greater_axis, "Greater", op_greater);

/* --- PRelu: a slope for each channel --- */

static int prelu_of(struct modern *modern, const struct op_call *call,
                    struct error *err)
{
    const struct shape *slope = &call->inputs[1]->shape;
    modernise(modern, call);
    if (slope->rank != 1 || slope->dims[0] == 1 ||
        call->inputs[0]->shape.rank < 2)
        return 0;
    return align(modern, 1, err);
}

static int infer_prelu(const struct op_call *call, struct error *err)
{
    struct modern modern;
    if (prelu_of(&modern, call, err) < 0)
        return -1;
    return modern.node.op->infer(&modern.call, err);
}

static int run_prelu(const struct op_call *call, struct error *err)
{
    struct modern modern;
    if (prelu_of(&modern, call, err) < 0)
        return -1;
    return modern.node.op->run(&modern.call, err);
}

static void lower_prelu(const struct op_call *call, struct kernel_spec *spec)
{
    struct modern modern;
    if (prelu_of(&modern, call, NULL) == 0 && can_lower(&modern, call))
        modern.node.op->lower(&modern.call, spec);
}

const struct op op_prelu_channel = {
    .type = "PRelu",
    OP_OPSETS(OP_OPSET_FIRST, 6),
    .min_inputs = 2,
    .max_inputs = 2,
    .weight_input = -1,
    .row = &op_prelu,
    .infer = infer_prelu,
    .run = run_prelu,
    .lower = lower_prelu,
};

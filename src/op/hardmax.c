/* Hardmax: one at the first largest element of every line, zero elsewhere. */
#include "base/array.h"
#include "op/support.h"

struct hardmax_params {
    int64_t axis;
};

/* Before opset 13 everything from the axis on is one line. */
static bool is_flat(const struct node *node)
{
    return node->opset < 13;
}

static int parse(struct node *node, struct arena *arena, struct error *err)
{
    const struct parameter table[] = {
        {"axis", ATTRIBUTE_INT, offsetof(struct hardmax_params, axis),
         is_flat(node) ? 1 : -1},
    };
    return op_parameters(node, arena, table, ARRAY_LENGTH(table),
                         sizeof(struct hardmax_params), err);
}

/* The data as (outer, size, inner). */
static int split(const struct op_call *call, int64_t *outer, int64_t *size,
                 int64_t *inner, struct error *err)
{
    const struct hardmax_params *params = call->node->params;
    const struct shape *x = &call->inputs[0]->shape;
    int axis;
    if (op_axis(params->axis, x->rank, &axis, err) < 0)
        return -1;
    int end = is_flat(call->node) ? x->rank : axis + 1;
    *outer = op_product(x, 0, axis);
    *size = op_product(x, axis, end);
    *inner = op_product(x, end, x->rank);
    return 0;
}

static int infer(const struct op_call *call, struct error *err)
{
    int64_t outer, size, inner;
    if (split(call, &outer, &size, &inner, err) < 0)
        return -1;
    return op_infer_same_float(call, err);
}

static int run(const struct op_call *call, struct error *err)
{
    const float *in = call->inputs[0]->data;
    float *out = call->outputs[0]->data;
    int64_t outer, size, inner;
    if (split(call, &outer, &size, &inner, err) < 0)
        return -1;
    for (int64_t i = 0; i < outer * inner && size; i++) {
        int64_t first = i / inner * size * inner + i % inner, best = first;
        for (int64_t j = 0; j < size; j++) {
            int64_t at = first + j * inner;
            out[at] = 0;
            if (in[at] > in[best])
                best = at;
        }
        out[best] = 1;
    }
    return 0;
}

static bool mixes_samples(const struct op_call *call)
{
    const struct hardmax_params *params = call->node->params;
    int axis;
    return op_axis(params->axis, call->inputs[0]->shape.rank, &axis, NULL) <
               0 ||
           axis == 0;
}

const struct op op_hardmax = {
    .type = "Hardmax",
    OP_OPSETS(OP_OPSET_FIRST, OP_OPSET_LAST),
    .min_inputs = 1,
    .max_inputs = 1,
    .weight_input = -1,
    .parse = parse,
    .infer = infer,
    .run = run,
    .mixes_samples = mixes_samples,
};

/* Clip, whose bounds are attributes before opset 11 and inputs since. */
#include "base/array.h"
#include "kernel/reference.h"
#include "kernel/reference_backward.h"
#include "op/backward.h"
#include "op/couple.h"

#include <float.h>

struct clip_params {
    float min, max;
};

static const struct parameter clip_table[] = {
    {"min", ATTRIBUTE_FLOAT, offsetof(struct clip_params, min),
     (double)-FLT_MAX},
    {"max", ATTRIBUTE_FLOAT, offsetof(struct clip_params, max),
     (double)FLT_MAX},
};

static int parse(struct node *node, struct arena *arena, struct error *err)
{
    return op_parameters(node, arena, clip_table, ARRAY_LENGTH(clip_table),
                         sizeof(struct clip_params), err);
}

static int check_bound(const struct op_call *call, int i, const char *name,
                       struct error *err)
{
    const struct tensor *bound = op_input(call, i);
    if (op_want_type(call, i, name, call->inputs[0]->dtype, err) < 0)
        return -1;
    if (bound && tensor_elements(bound) != 1)
        return error_set(err, ERROR_SHAPE,
                         "input '%s' has %lld elements, expected one", name,
                         (long long)tensor_elements(bound));
    return 0;
}

static bool is_exact(enum dtype dtype)
{
    return dtype_is_integer(dtype) && dtype != DTYPE_BOOL &&
           dtype != DTYPE_UINT64;
}

static int infer(const struct op_call *call, struct error *err)
{
    enum dtype dtype = call->inputs[0]->dtype;
    if (!is_exact(dtype) && dtype != DTYPE_FLOAT64 &&
        op_want_float(call, 0, "input", err) < 0)
        return -1;
    if (check_bound(call, 1, "min", err) < 0 ||
        check_bound(call, 2, "max", err) < 0)
        return -1;
    return op_infer_same(call, err);
}

static struct eltwise_spec spec_of(const struct op_call *call)
{
    const struct clip_params *params = call->node->params;
    struct eltwise_spec spec = {ELTWISE_CLIP, -FLT_MAX, FLT_MAX};
    const struct tensor *min = op_input(call, 1), *max = op_input(call, 2);
    if (params)
        spec = (struct eltwise_spec){ELTWISE_CLIP, params->min, params->max};
    if (min)
        spec.alpha = *(const float *)min->data;
    if (max)
        spec.beta = *(const float *)max->data;
    return spec;
}

static void run_other(const struct op_call *call)
{
    const struct tensor *x = call->inputs[0];
    const struct tensor *min = op_input(call, 1), *max = op_input(call, 2);
    int64_t count = tensor_elements(x);
    for (int64_t i = 0; i < count && is_exact(x->dtype); i++) {
        int64_t value = tensor_integer(x, i);
        if (min && value < tensor_integer(min, 0))
            value = tensor_integer(min, 0);
        if (max && value > tensor_integer(max, 0))
            value = tensor_integer(max, 0);
        op_put_integer(call->outputs[0], i, value);
    }
    for (int64_t i = 0; i < count && !is_exact(x->dtype); i++) {
        double value = tensor_number(x, i);
        if (min && value < tensor_number(min, 0))
            value = tensor_number(min, 0);
        if (max && value > tensor_number(max, 0))
            value = tensor_number(max, 0);
        op_put_number(call->outputs[0], i, value);
    }
}

static int run(const struct op_call *call, struct error *err)
{
    (void)err;
    if (call->inputs[0]->dtype != DTYPE_FLOAT32) {
        run_other(call);
        return 0;
    }
    struct eltwise_spec spec = spec_of(call);
    const float *from = call->inputs[0]->data;
    float *to = call->outputs[0]->data;
    int64_t count = tensor_elements(call->inputs[0]);
    for (int64_t i = 0; i < count; i++)
        to[i] = reference_eltwise(&spec, from[i]);
    return 0;
}

/* The bounds are numbers of the model, not weights. */
static int gradient(const struct op_call *call,
                    const struct op_gradient *gradient, struct error *err)
{
    (void)err;
    struct eltwise_spec spec = spec_of(call);
    const float *x = call->inputs[0]->data, *dy = op_gradient_of(gradient, 0);
    float *dx = op_gradient_to(gradient, 0);
    int64_t count = tensor_elements(call->inputs[0]);
    for (int64_t i = 0; dx && i < count; i++)
        dx[i] = (float)((double)dy[i] *
                        reference_eltwise_slope(&spec, (double)x[i]));
    return 0;
}

static void lower(const struct op_call *call, struct kernel_spec *spec)
{
    const struct tensor *min = op_input(call, 1), *max = op_input(call, 2);
    if (call->inputs[0]->dtype != DTYPE_FLOAT32 || (min && !min->data) ||
        (max && !max->data))
        return;
    spec->kind = KERNEL_ELTWISE;
    spec->eltwise = spec_of(call);
}

const struct op op_clip_attributes = {
    .type = "Clip",
    OP_OPSETS(OP_OPSET_FIRST, 10),
    .min_inputs = 1,
    .max_inputs = 1,
    .weight_input = -1,
    .parse = parse,
    .infer = op_infer_same_float,
    .couple = couple_same,
    .run = run,
    .gradient = gradient,
    .lower = lower,
};

const struct op op_clip = {
    .type = "Clip",
    OP_OPSETS(11, OP_OPSET_LAST),
    .min_inputs = 1,
    .max_inputs = 3,
    .weight_input = -1,
    .infer = infer,
    .couple = couple_same,
    .run = run,
    .gradient = gradient,
    .lower = lower,
};

/*
 * QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear: eight bits and
 * back, with a scale for everything or one per slice of an axis.
 */
#include "base/array.h"
#include "op/support.h"

#include <math.h>

struct quantise_params {
    int64_t axis, block_size, output_dtype;
};

static int parse(struct node *node, struct arena *arena, struct error *err)
{
    static const struct parameter table[] = {
        {"axis", ATTRIBUTE_INT, offsetof(struct quantise_params, axis), 1},
        {"saturate", ATTRIBUTE_INT, PARAMETER_IGNORED, 0}, /* of float8 */
        /* Since opset 21. */
        {"block_size", ATTRIBUTE_INT,
         offsetof(struct quantise_params, block_size), 0},
        {"output_dtype", ATTRIBUTE_INT,
         offsetof(struct quantise_params, output_dtype), 0},
    };
    if (op_parameters(node, arena, table, ARRAY_LENGTH(table),
                      sizeof(struct quantise_params), err) < 0)
        return -1;
    const struct quantise_params *params = node->params;
    if (params->block_size)
        return error_set(err, ERROR_UNSUPPORTED,
                         "block_size %lld is not supported",
                         (long long)params->block_size);
    return 0;
}

static bool is_quantised(enum dtype dtype)
{
    return dtype == DTYPE_UINT8 || dtype == DTYPE_INT8 ||
           dtype == DTYPE_UINT16 || dtype == DTYPE_INT16 ||
           dtype == DTYPE_INT32;
}

static void bounds_of(enum dtype dtype, double *low, double *high)
{
    bool is_signed = dtype == DTYPE_INT8 || dtype == DTYPE_INT16;
    double levels = dtype_size(dtype) == 1 ? 256 : 65536;
    *low = is_signed ? -levels / 2 : 0;
    *high = *low + levels - 1;
}

/* How many elements follow each other with one scale; 0: one scale for all.
 * Errors: ERROR_SHAPE. */
static int run_length(const struct op_call *call, int64_t *length,
                      struct error *err)
{
    const struct quantise_params *params = call->node->params;
    const struct shape *x = &call->inputs[0]->shape;
    const struct tensor *scale = call->inputs[1];
    int axis;
    *length = 0;
    if (scale->shape.rank == 0 ||
        (scale->shape.rank == 1 && scale->shape.dims[0] == 1))
        return 0;
    if (op_want_rank(call, 1, "scale", 1, 1, err) < 0 ||
        op_axis(params->axis, x->rank, &axis, err) < 0)
        return -1;
    if (scale->shape.dims[0] != x->dims[axis])
        return error_set(
            err, ERROR_SHAPE, "input 'scale' has %lld elements, expected %lld",
            (long long)scale->shape.dims[0], (long long)x->dims[axis]);
    *length = op_product(x, axis + 1, x->rank);
    return 0;
}

static int check_zero(const struct op_call *call, enum dtype dtype,
                      struct error *err)
{
    const struct tensor *zero = op_input(call, 2);
    if (!is_quantised(dtype))
        return error_set(err, ERROR_UNSUPPORTED, "%s of %s is not supported",
                         call->node->type, dtype_name(dtype));
    if (zero && tensor_elements(zero) != tensor_elements(call->inputs[1]))
        return error_set(err, ERROR_SHAPE,
                         "input 'zero_point' has not as many elements as "
                         "the scale");
    return 0;
}

static int64_t zero_at(const struct op_call *call, int64_t i)
{
    const struct tensor *zero = op_input(call, 2);
    return zero ? tensor_integer(zero, i) : 0;
}

static int64_t slot(const struct op_call *call, int64_t length, int64_t i)
{
    return length ? i / length % tensor_elements(call->inputs[1]) : 0;
}

/* --- QuantizeLinear --- */

static int infer_quantise(const struct op_call *call, struct error *err)
{
    const struct quantise_params *params = call->node->params;
    const struct tensor *zero = op_input(call, 2);
    enum dtype dtype = DTYPE_UINT8;
    int64_t length;
    if (zero)
        dtype = zero->dtype;
    else if (params->output_dtype > 0 && params->output_dtype < DTYPE_COUNT)
        dtype = (enum dtype)params->output_dtype;
    if (op_want_float(call, 0, "x", err) < 0 ||
        op_want_float(call, 1, "y_scale", err) < 0 ||
        check_zero(call, dtype, err) < 0 || run_length(call, &length, err) < 0)
        return -1;
    if (dtype == DTYPE_INT32)
        return error_set(err, ERROR_UNSUPPORTED,
                         "QuantizeLinear to int32 is not supported");
    op_give(call, 0, dtype, &call->inputs[0]->shape);
    return 0;
}

static int run_quantise(const struct op_call *call, struct error *err)
{
    const float *x = call->inputs[0]->data, *scale = call->inputs[1]->data;
    struct tensor *y = call->outputs[0];
    int64_t length, count = tensor_elements(y);
    double low, high;
    if (run_length(call, &length, err) < 0)
        return -1;
    bounds_of(y->dtype, &low, &high);
    for (int64_t i = 0; i < count; i++) {
        int64_t at = slot(call, length, i);
        double level =
            nearbyint((double)(x[i] / scale[at])) + (double)zero_at(call, at);
        op_put_number(y, i, fmin(fmax(level, low), high));
    }
    return 0;
}

const struct op op_quantise = {
    .type = "QuantizeLinear",
    OP_OPSETS(10, OP_OPSET_LAST),
    .min_inputs = 2,
    .max_inputs = 3,
    .weight_input = -1,
    .parse = parse,
    .infer = infer_quantise,
    .run = run_quantise,
};

/* --- DequantizeLinear --- */

static int infer_dequantise(const struct op_call *call, struct error *err)
{
    enum dtype dtype = call->inputs[0]->dtype;
    int64_t length;
    if (op_want_float(call, 1, "x_scale", err) < 0 ||
        op_want_type(call, 2, "x_zero_point", dtype, err) < 0 ||
        check_zero(call, dtype, err) < 0 || run_length(call, &length, err) < 0)
        return -1;
    op_give(call, 0, DTYPE_FLOAT32, &call->inputs[0]->shape);
    return 0;
}

static int run_dequantise(const struct op_call *call, struct error *err)
{
    const struct tensor *x = call->inputs[0];
    const float *scale = call->inputs[1]->data;
    float *y = call->outputs[0]->data;
    int64_t length, count = tensor_elements(x);
    if (run_length(call, &length, err) < 0)
        return -1;
    for (int64_t i = 0; i < count; i++) {
        int64_t at = slot(call, length, i);
        y[i] = (float)(tensor_integer(x, i) - zero_at(call, at)) * scale[at];
    }
    return 0;
}

const struct op op_dequantise = {
    .type = "DequantizeLinear",
    OP_OPSETS(10, OP_OPSET_LAST),
    .min_inputs = 2,
    .max_inputs = 3,
    .weight_input = -1,
    .parse = parse,
    .infer = infer_dequantise,
    .run = run_dequantise,
};

/* --- DynamicQuantizeLinear: the scale from the data, to uint8 --- */

static int infer_dynamic(const struct op_call *call, struct error *err)
{
    struct shape scalar = {0};
    if (op_want_float(call, 0, "x", err) < 0)
        return -1;
    op_give(call, 0, DTYPE_UINT8, &call->inputs[0]->shape);
    op_give(call, 1, DTYPE_FLOAT32, &scalar);
    op_give(call, 2, DTYPE_UINT8, &scalar);
    return 0;
}

static int run_dynamic(const struct op_call *call, struct error *err)
{
    (void)err;
    const float *x = call->inputs[0]->data;
    int64_t count = tensor_elements(call->inputs[0]);
    float low = 0, high = 0;
    for (int64_t i = 0; i < count; i++) {
        low = fminf(low, x[i]);
        high = fmaxf(high, x[i]);
    }
    float scale = high == low ? 1 : (high - low) / 255;
    float zero = nearbyintf(fminf(fmaxf(-low / scale, 0), 255));
    for (int64_t i = 0; i < count; i++)
        op_put_number(
            call->outputs[0], i,
            fmin(fmax(nearbyint((double)(x[i] / scale)) + (double)zero, 0),
                 255));
    if (op_output(call, 1))
        op_put_number(call->outputs[1], 0, (double)scale);
    if (op_output(call, 2))
        op_put_number(call->outputs[2], 0, (double)zero);
    return 0;
}

static bool dynamic_mixes_samples(const struct op_call *call)
{
    (void)call;
    return true;
}

const struct op op_dynamic_quantise = {
    .type = "DynamicQuantizeLinear",
    OP_OPSETS(11, OP_OPSET_LAST),
    .min_inputs = 1,
    .max_inputs = 1,
    .max_outputs = 3,
    .weight_input = -1,
    .infer = infer_dynamic,
    .run = run_dynamic,
    .mixes_samples = dynamic_mixes_samples,
};

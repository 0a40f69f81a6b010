/* MaxUnpool puts elements back where MaxPool found them; LpPool and
 * GlobalLpPool take the p-norm of a window. */
#include "base/array.h"
#include "op/volume.h"

#include <math.h>
#include <string.h>

struct rare_params {
    struct window_params window;
    int64_t p, ceil_mode;
};

/* --- MaxUnpool --- */

static int parse_unpool(struct node *node, struct arena *arena,
                        struct error *err)
{
    static const struct parameter table[] = {
        WINDOW_PARAMETERS(struct rare_params, window),
    };
    return op_parameters(node, arena, table, ARRAY_LENGTH(table),
                         sizeof(struct rare_params), err);
}

static int check_shape(const struct op_call *call, const struct shape *shape,
                       struct error *err)
{
    struct shape wanted = {0};
    size_t rank;
    if (!op_input(call, 2))
        return 0;
    if (op_constant_integers(call, 2, "output_shape", wanted.dims,
                             SHAPE_MAX_RANK, &rank, err) < 0)
        return -1;
    wanted.rank = (int)rank;
    if (shape_equal(&wanted, shape))
        return 0;
    return error_set(err, ERROR_UNSUPPORTED,
                     "output_shape is not the shape that was pooled, on which "
                     "runtimes differ");
}

static int infer_unpool(const struct op_call *call, struct error *err)
{
    const struct rare_params *params = call->node->params;
    struct shape shape = call->inputs[0]->shape;
    struct window window;
    if (op_want_float(call, 0, "X", err) < 0 ||
        op_want_type(call, 1, "I", DTYPE_INT64, err) < 0 ||
        op_want_rank(call, 0, "X", 3, 5, err) < 0 ||
        window_read(&window, &params->window, shape.rank - 2, NULL, err) < 0)
        return -1;
    if (!shape_equal(&shape, &call->inputs[1]->shape))
        return error_set(err, ERROR_SHAPE,
                         "inputs 'X' and 'I' differ in shape");
    for (int i = 2; i < shape.rank; i++) {
        int at = i - shape.rank + WINDOW_AXES;
        int64_t full = op_multiply(shape.dims[i] - 1, window.stride[at]);
        if (full > INT32_MAX)
            return error_set(err, ERROR_SHAPE, "the output is too large");
        shape.dims[i] =
            full + window.kernel[at] - window.begin[at] - window.end[at];
        if (shape.dims[i] < 1)
            return error_set(err, ERROR_SHAPE, "the output has no extent");
    }
    if (check_shape(call, &shape, err) < 0)
        return -1;
    op_give(call, 0, DTYPE_FLOAT32, &shape);
    return 0;
}

static int run_unpool(const struct op_call *call, struct error *err)
{
    const float *x = call->inputs[0]->data;
    float *y = call->outputs[0]->data;
    int64_t count = tensor_elements(call->inputs[0]);
    int64_t size = tensor_elements(call->outputs[0]);
    memset(y, 0, tensor_bytes(call->outputs[0]));
    for (int64_t i = 0; i < count; i++) {
        int64_t at = tensor_integer(call->inputs[1], i);
        if (at < 0 || at >= size)
            return error_set(err, ERROR_RANGE,
                             "index %lld is outside the %lld elements",
                             (long long)at, (long long)size);
        y[at] = x[i];
    }
    return 0;
}

const struct op op_max_unpool = {
    .type = "MaxUnpool",
    OP_OPSETS(9, OP_OPSET_LAST),
    .min_inputs = 2,
    .max_inputs = 3,
    .weight_input = -1,
    .parse = parse_unpool,
    .infer = infer_unpool,
    .run = run_unpool,
};

/* --- LpPool --- */

static int parse_lp(struct node *node, struct arena *arena, struct error *err)
{
    static const struct parameter table[] = {
        WINDOW_PARAMETERS(struct rare_params, window),
        WINDOW_DILATIONS(struct rare_params, window),
        {"p", ATTRIBUTE_INT, offsetof(struct rare_params, p), 2},
        {"ceil_mode", ATTRIBUTE_INT, offsetof(struct rare_params, ceil_mode),
         0},
    };
    if (op_parameters(node, arena, table, ARRAY_LENGTH(table),
                      sizeof(struct rare_params), err) < 0)
        return -1;
    const struct rare_params *params = node->params;
    if (params->p < 1)
        return error_set(err, ERROR_RANGE, "p %lld is not positive",
                         (long long)params->p);
    return 0;
}

static bool is_global(const struct op_call *call)
{
    return call->node->op->row != NULL;
}

/* The window over (h, w) and the output's size. */
static int lp_window(const struct op_call *call, struct window *window,
                     int64_t out[WINDOW_AXES], struct error *err)
{
    const struct rare_params *params = call->node->params;
    const struct shape *x = &call->inputs[0]->shape;
    int spatial = x->rank - 2;
    out[0] = out[1] = out[2] = 1;
    if (is_global(call)) {
        int64_t dims[4];
        volume_slice(x, dims);
        *window = (struct window){.kernel = {1, dims[2], dims[3]},
                                  .stride = {1, 1, 1},
                                  .dilation = {1, 1, 1}};
        return 0;
    }
    if (window_read(window, &params->window, spatial, NULL, err) < 0)
        return -1;
    for (int i = WINDOW_AXES - spatial; i < WINDOW_AXES; i++)
        if (window_output(window, i, x->dims[i + x->rank - WINDOW_AXES],
                          params->ceil_mode != 0, &out[i], err) < 0)
            return -1;
    return 0;
}

static int infer_lp(const struct op_call *call, struct error *err)
{
    struct shape shape = call->inputs[0]->shape;
    struct window window;
    int64_t out[WINDOW_AXES];
    if (op_want_float(call, 0, "X", err) < 0 ||
        op_want_rank(call, 0, "X", 3, 4, err) < 0 ||
        lp_window(call, &window, out, err) < 0)
        return -1;
    volume_give(&shape, 1, out[WINDOW_HEIGHT], out[WINDOW_WIDTH]);
    op_give(call, 0, DTYPE_FLOAT32, &shape);
    return 0;
}

static float norm_at(const struct window *w, const float *plane,
                     const int64_t dims[4], int64_t oy, int64_t ox, int64_t p)
{
    int64_t kh = w->kernel[WINDOW_HEIGHT], kw = w->kernel[WINDOW_WIDTH];
    double sum = 0;
    for (int64_t k = 0; k < kh * kw; k++) {
        int64_t y = oy * w->stride[WINDOW_HEIGHT] - w->begin[WINDOW_HEIGHT] +
                    k / kw * w->dilation[WINDOW_HEIGHT];
        int64_t x = ox * w->stride[WINDOW_WIDTH] - w->begin[WINDOW_WIDTH] +
                    k % kw * w->dilation[WINDOW_WIDTH];
        if (y >= 0 && y < dims[2] && x >= 0 && x < dims[3])
            sum += pow(fabs((double)plane[y * dims[3] + x]), (double)p);
    }
    return (float)pow(sum, 1 / (double)p);
}

static int run_lp(const struct op_call *call, struct error *err)
{
    const struct rare_params *params = call->node->params;
    struct window window;
    int64_t out[WINDOW_AXES], dims[4];
    const float *x = call->inputs[0]->data;
    float *y = call->outputs[0]->data;
    if (lp_window(call, &window, out, err) < 0)
        return -1;
    volume_slice(&call->inputs[0]->shape, dims);
    int64_t width = out[WINDOW_WIDTH], size = out[WINDOW_HEIGHT] * width;
    for (int64_t plane = 0; plane < dims[0] * dims[1]; plane++)
        for (int64_t i = 0; i < size; i++)
            *y++ = norm_at(&window, x + plane * dims[2] * dims[3], dims,
                           i / width, i % width, params->p);
    return 0;
}

static const bool global_row = true;

#define LP_POOL(symbol, name, row_of)                                          \
    const struct op symbol = {                                                 \
        .type = name,                                                          \
        OP_OPSETS(OP_OPSET_FIRST, OP_OPSET_LAST),                              \
        .min_inputs = 1,                                                       \
        .max_inputs = 1,                                                       \
        .weight_input = -1,                                                    \
        .row = row_of,                                                         \
        .parse = parse_lp,                                                     \
        .infer = infer_lp,                                                     \
        .run = run_lp,                                                         \
    }

LP_POOL(op_lp_pool, "LpPool", NULL);
LP_POOL(op_global_lp_pool, "GlobalLpPool", &global_row);

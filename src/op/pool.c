/* Max and average pooling, over windows and over everything. */
#include "base/array.h"
#include "kernel/reference.h"
#include "kernel/reference_backward.h"
#include "op/backward.h"
#include "op/couple.h"
#include "op/volume.h"

struct pool_params {
    struct window_params window;
    int64_t ceil_mode, count_include_pad;
    int64_t by_column; /* storage_order: how Indices count */
};

#define POOL_PARAMETERS                                                        \
    WINDOW_PARAMETERS(struct pool_params, window),                             \
        WINDOW_DILATIONS(struct pool_params, window),                          \
    {                                                                          \
        "ceil_mode", ATTRIBUTE_INT, offsetof(struct pool_params, ceil_mode), 0 \
    }

static const struct parameter max_table[] = {
    POOL_PARAMETERS,
    {"storage_order", ATTRIBUTE_INT, offsetof(struct pool_params, by_column),
     0},
};

static const struct parameter average_table[] = {
    POOL_PARAMETERS,
    {"count_include_pad", ATTRIBUTE_INT,
     offsetof(struct pool_params, count_include_pad), 0},
};

static int parse_max(struct node *node, struct arena *arena, struct error *err)
{
    return op_parameters(node, arena, max_table, ARRAY_LENGTH(max_table),
                         sizeof(struct pool_params), err);
}

static int parse_average(struct node *node, struct arena *arena,
                         struct error *err)
{
    return op_parameters(node, arena, average_table,
                         ARRAY_LENGTH(average_table),
                         sizeof(struct pool_params), err);
}

/* What pooling operators differ in. */
struct pool_row {
    bool average, global;
};

static const struct pool_row max_row = {false, false};
static const struct pool_row average_row = {true, false};
static const struct pool_row global_max_row = {false, true};
static const struct pool_row global_average_row = {true, true};

static int window_of(const struct op_call *call, struct window *window,
                     int64_t out[WINDOW_AXES], struct error *err)
{
    const struct pool_params *params = call->node->params;
    const struct shape *x = &call->inputs[0]->shape;
    int spatial = x->rank - 2;
    if (window_read(window, &params->window, spatial, NULL, err) < 0)
        return -1;
    for (int i = WINDOW_AXES - spatial; i < WINDOW_AXES; i++) {
        int64_t in = x->dims[i + x->rank - WINDOW_AXES],
                stride = window->stride[i];
        int64_t extent = window_extent(window, i);
        if (window_output(window, i, in, params->ceil_mode != 0, &out[i], err) <
            0)
            return -1;
        bool same = window->mode == PADDING_SAME_UPPER ||
                    window->mode == PADDING_SAME_LOWER;
        if (same && (out[i] - 1) * stride + extent < in - 1)
            return error_set(err, ERROR_UNSUPPORTED,
                             "auto_pad with a window of %lld and a stride of "
                             "%lld, on which runtimes differ",
                             (long long)extent, (long long)stride);
        /* Else a window could lie in the padding alone, or step over the
         * input. */
        if (window->begin[i] >= extent || window->end[i] >= extent)
            return error_set(err, ERROR_UNSUPPORTED,
                             "padding is not smaller than the window");
        if (window->begin[i] && window->dilation[i] > in)
            return error_set(err, ERROR_UNSUPPORTED,
                             "a dilation of %lld is larger than the input",
                             (long long)window->dilation[i]);
    }
    return 0;
}

static int pool_spec_of(const struct op_call *call, struct pool_spec *spec,
                        struct depth *depth, struct error *err)
{
    const struct pool_row *row = call->node->op->row;
    const struct pool_params *params = call->node->params;
    int64_t x[4], out[WINDOW_AXES] = {1, 1, 1};
    const struct shape *shape = &call->inputs[0]->shape;
    volume_slice(shape, x);
    struct window window = {.kernel = {shape->dims[2], x[2], x[3]},
                            .stride = {1, 1, 1},
                            .dilation = {1, 1, 1}};
    if (!row->global && window_of(call, &window, out, err) < 0)
        return -1;
    *spec = (struct pool_spec){
        .average = row->average,
        .count_padding = params && params->count_include_pad != 0,
        .n = x[0],
        .c = x[1],
        .ih = x[2],
        .iw = x[3],
        .oh = out[WINDOW_HEIGHT],
        .ow = out[WINDOW_WIDTH],
        .kh = window.kernel[WINDOW_HEIGHT],
        .kw = window.kernel[WINDOW_WIDTH],
        .sh = window.stride[WINDOW_HEIGHT],
        .sw = window.stride[WINDOW_WIDTH],
        .dh = window.dilation[WINDOW_HEIGHT],
        .dw = window.dilation[WINDOW_WIDTH],
        .pad_top = window.begin[WINDOW_HEIGHT],
        .pad_left = window.begin[WINDOW_WIDTH],
        .pad_bottom = window.end[WINDOW_HEIGHT],
        .pad_right = window.end[WINDOW_WIDTH],
    };
    *depth = volume_depth(&window, shape, out[WINDOW_DEPTH]);
    return 0;
}

static int infer(const struct op_call *call, struct error *err)
{
    struct pool_spec spec;
    struct depth depth;
    if (op_want_float(call, 0, "X", err) < 0)
        return -1;
    struct shape shape = call->inputs[0]->shape;
    if (op_want_rank(call, 0, "X", 3, 5, err) < 0)
        return -1;
    for (int i = 2; i < shape.rank; i++)
        if (shape.dims[i] < 1 || shape.dims[i] > INT32_MAX)
            return error_set(err, ERROR_SHAPE, "a spatial dimension of %lld",
                             (long long)shape.dims[i]);
    if (pool_spec_of(call, &spec, &depth, err) < 0)
        return -1;
    volume_give(&shape, depth.out, spec.oh, spec.ow);
    op_give(call, 0, DTYPE_FLOAT32, &shape);
    if (shape.rank < 5)
        op_give(call, 1, DTYPE_INT64, &shape);
    return 0;
}

/* The first place of the window's largest element, in its plane. */
static int64_t largest_at(const struct pool_spec *s, const float *plane,
                          int64_t oy, int64_t ox)
{
    int64_t best = -1;
    for (int64_t k = 0; k < s->kh * s->kw; k++) {
        int64_t y = oy * s->sh - s->pad_top + k / s->kw * s->dh;
        int64_t x = ox * s->sw - s->pad_left + k % s->kw * s->dw;
        if (y < 0 || y >= s->ih || x < 0 || x >= s->iw)
            continue;
        int64_t at = y * s->iw + x;
        if (best < 0 || plane[at] > plane[best])
            best = at;
    }
    return best;
}

/* Indices count through the whole input, columns first when `by_column`. */
static void find_places(const struct pool_spec *s, bool by_column,
                        const float *src, int64_t *places)
{
    int64_t size = s->ih * s->iw;
    for (int64_t plane = 0; plane < s->n * s->c; plane++)
        for (int64_t i = 0; i < s->oh * s->ow; i++) {
            int64_t at =
                largest_at(s, src + plane * size, i / s->ow, i % s->ow);
            if (by_column)
                at = at % s->iw * s->ih + at / s->iw;
            *places++ = plane * size + at;
        }
}

static int run(const struct op_call *call, struct error *err)
{
    struct pool_spec spec;
    struct depth depth;
    if (pool_spec_of(call, &spec, &depth, err) < 0)
        return -1;
    if (call->inputs[0]->shape.rank == 5)
        return volume_pool(&spec, &depth, call->inputs[0]->data,
                           call->outputs[0]->data, err);
    reference_pool(&spec, call->inputs[0]->data, call->outputs[0]->data);
    const struct pool_params *params = call->node->params;
    if (op_output(call, 1))
        find_places(&spec, params && params->by_column, call->inputs[0]->data,
                    op_output(call, 1)->data);
    return 0;
}

static int gradient(const struct op_call *call,
                    const struct op_gradient *gradient, struct error *err)
{
    struct pool_spec spec;
    struct depth depth;
    if (pool_spec_of(call, &spec, &depth, err) < 0)
        return -1;
    float *by_src = op_gradient_to(gradient, 0);
    if (by_src && call->inputs[0]->shape.rank == 5)
        return volume_pool_backward(&spec, &depth, call->inputs[0]->data,
                                    op_gradient_of(gradient, 0), by_src, err);
    if (by_src)
        reference_pool_backward(&spec, call->inputs[0]->data,
                                op_gradient_of(gradient, 0), by_src);
    return 0;
}

static bool reaches_beyond(int64_t out, int64_t stride, int64_t kernel,
                           int64_t dilation, int64_t padded)
{
    return (out - 1) * stride + (kernel - 1) * dilation + 1 > padded;
}

static void lower(const struct op_call *call, struct kernel_spec *spec)
{
    struct pool_spec pool;
    struct depth depth;
    if (call->inputs[0]->shape.rank > 4 ||
        pool_spec_of(call, &pool, &depth, NULL) < 0)
        return;
    if (pool.average && pool.count_padding &&
        (reaches_beyond(pool.oh, pool.sh, pool.kh, pool.dh,
                        pool.ih + pool.pad_top + pool.pad_bottom) ||
         reaches_beyond(pool.ow, pool.sw, pool.kw, pool.dw,
                        pool.iw + pool.pad_left + pool.pad_right)))
        return;
    spec->kind = KERNEL_POOL;
    spec->pool = pool;
}

#define POOL_FACES                                                             \
    OP_OPSETS(OP_OPSET_FIRST, OP_OPSET_LAST),                                  \
        .min_inputs = 1, .max_inputs = 1, .weight_input = -1, .infer = infer,  \
        .couple = couple_planes, .run = run, .lower = lower,                   \
        .gradient = gradient

const struct op op_max_pool = {
    .type = "MaxPool",
    POOL_FACES,
    .max_outputs = 2,
    .row = &max_row,
    .parse = parse_max,
};

const struct op op_average_pool = {
    .type = "AveragePool",
    POOL_FACES,
    .row = &average_row,
    .parse = parse_average,
};

const struct op op_global_max_pool = {
    .type = "GlobalMaxPool",
    POOL_FACES,
    .row = &global_max_row,
};

const struct op op_global_average_pool = {
    .type = "GlobalAveragePool",
    POOL_FACES,
    .row = &global_average_row,
};

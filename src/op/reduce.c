/*
 * Reductions over axes: one row per operator. The axes are an attribute in
 * older opsets and an input since 13 (ReduceSum) or 18 (the others).
 */
#include "base/array.h"
#include "op/backward.h"
#include "op/couple.h"

#include <math.h>
#include <stdlib.h>

struct reduce_params {
    struct integers axes;
    int64_t keepdims, keep_all; /* noop_with_empty_axes */
};

static const struct parameter attribute_table[] = {
    {"keepdims", ATTRIBUTE_INT, offsetof(struct reduce_params, keepdims), 1},
    {"axes", ATTRIBUTE_INTS, offsetof(struct reduce_params, axes), 0},
};

static const struct parameter input_table[] = {
    {"keepdims", ATTRIBUTE_INT, offsetof(struct reduce_params, keepdims), 1},
    {"noop_with_empty_axes", ATTRIBUTE_INT,
     offsetof(struct reduce_params, keep_all), 0},
};

static int parse_attribute(struct node *node, struct arena *arena,
                           struct error *err)
{
    return op_parameters(node, arena, attribute_table,
                         ARRAY_LENGTH(attribute_table),
                         sizeof(struct reduce_params), err);
}

static int parse_input(struct node *node, struct arena *arena,
                       struct error *err)
{
    return op_parameters(node, arena, input_table, ARRAY_LENGTH(input_table),
                         sizeof(struct reduce_params), err);
}

/* A running result; `shift` is LogSumExp's largest value so far. */
struct reduction {
    double sum, shift;
};

struct reduce_row {
    double start;
    void (*step)(struct reduction *reduction, double x);
    double (*finish)(const struct reduction *reduction, int64_t count);
    int64_t first;                          /* on integers, exactly */
    int64_t (*exact)(int64_t a, int64_t b); /* NULL: floats only */
    int pool; /* over an image's plane: 1 average, 2 maximum, 0 none */
    /* The derivative of the result y of `count` elements by element x; NULL:
     * 1 for the first element that equals y. */
    double (*slope)(double x, double y, int64_t count);
};

static void step_sum(struct reduction *r, double x)
{
    r->sum += x;
}

static void step_product(struct reduction *r, double x)
{
    r->sum *= x;
}

static void step_max(struct reduction *r, double x)
{
    if (x > r->sum || x != x)
        r->sum = x;
}

static void step_min(struct reduction *r, double x)
{
    if (x < r->sum || x != x)
        r->sum = x;
}

static void step_absolute(struct reduction *r, double x)
{
    r->sum += fabs(x);
}

static void step_square(struct reduction *r, double x)
{
    r->sum += x * x;
}

/* sum * exp(shift) is the sum so far; no exponent overflows. */
static void step_exponential(struct reduction *r, double x)
{
    if (r->sum == 0) {
        *r = (struct reduction){1, x};
    } else if (x > r->shift) {
        r->sum = r->sum * exp(r->shift - x) + 1;
        r->shift = x;
    } else {
        r->sum += x == r->shift ? 1 : exp(x - r->shift);
    }
}

static double finish_plain(const struct reduction *r, int64_t count)
{
    (void)count;
    return r->sum;
}

static double finish_mean(const struct reduction *r, int64_t count)
{
    return r->sum / (double)count;
}

static double finish_root(const struct reduction *r, int64_t count)
{
    (void)count;
    return sqrt(r->sum);
}

static double finish_log(const struct reduction *r, int64_t count)
{
    (void)count;
    return log(r->sum);
}

static double finish_exponential(const struct reduction *r, int64_t count)
{
    (void)count;
    return r->sum == 0 ? (double)-INFINITY : r->shift + log(r->sum);
}

static int64_t exact_sum(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t exact_product(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a * (uint64_t)b);
}

static int64_t exact_max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t exact_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static double slope_sum(double x, double y, int64_t count)
{
    (void)x;
    (void)y;
    (void)count;
    return 1;
}

static double slope_mean(double x, double y, int64_t count)
{
    (void)x;
    (void)y;
    return 1 / (double)count;
}

static double slope_product(double x, double y, int64_t count)
{
    (void)count;
    return y / x;
}

static double slope_absolute(double x, double y, int64_t count)
{
    (void)y;
    (void)count;
    return x > 0 ? 1 : x < 0 ? -1 : 0;
}

static double slope_root(double x, double y, int64_t count)
{
    (void)count;
    return y > 0 ? x / y : 0;
}

static double slope_square(double x, double y, int64_t count)
{
    (void)y;
    (void)count;
    return 2 * x;
}

static double slope_log(double x, double y, int64_t count)
{
    (void)x;
    (void)count;
    return exp(-y);
}

static double slope_exponential(double x, double y, int64_t count)
{
    (void)count;
    return exp(x - y);
}

/* --- faces --- */

static int axes_of(const struct op_call *call, bool *reduced, struct error *err)
{
    const struct reduce_params *params = call->node->params;
    int rank = call->inputs[0]->shape.rank;
    struct integers axes = params->axes;
    int64_t values[SHAPE_MAX_RANK];
    if (op_input(call, 1)) {
        if (op_constant_integers(call, 1, "axes", values, SHAPE_MAX_RANK,
                                 &axes.count, err) < 0)
            return -1;
        axes.values = values;
    }
    if (op_axes(&axes, rank, reduced, err) < 0)
        return -1;
    for (int i = 0; i < rank && !axes.count; i++)
        reduced[i] = !params->keep_all;
    return 0;
}

static bool serves(const struct reduce_row *row, enum dtype dtype)
{
    if (dtype_is_integer(dtype))
        return row->exact && dtype != DTYPE_BOOL && dtype != DTYPE_UINT64;
    return dtype == DTYPE_FLOAT32 || dtype == DTYPE_FLOAT64;
}

static int infer(const struct op_call *call, struct error *err)
{
    const struct reduce_params *params = call->node->params;
    const struct shape *x = &call->inputs[0]->shape;
    enum dtype dtype = call->inputs[0]->dtype;
    bool reduced[SHAPE_MAX_RANK];
    if (!serves(call->node->op->row, dtype))
        return error_set(err, ERROR_UNSUPPORTED, "%s of %s is not supported",
                         call->node->type, dtype_name(dtype));
    if (axes_of(call, reduced, err) < 0)
        return -1;
    struct shape shape = {0};
    for (int i = 0; i < x->rank; i++) {
        if (!reduced[i])
            shape.dims[shape.rank++] = x->dims[i];
        else if (params->keepdims)
            shape.dims[shape.rank++] = 1;
    }
    op_give(call, 0, dtype, &shape);
    return 0;
}

/* What is summed up together goes together; a mean divides by the width. */
static int couple(struct coupling *coupling, struct error *err)
{
    const struct op_call *call = coupling->call;
    const struct reduce_params *params = call->node->params;
    const struct reduce_row *row = call->node->op->row;
    struct label_map map = coupling->inputs[0], out = {0};
    struct reduction zero = {row->start, 0};
    bool reduced[SHAPE_MAX_RANK];
    if (axes_of(call, reduced, err) < 0)
        return -1;
    if (map.labels)
        map = label_map_merge(coupling->labels, &map, reduced,
                              couple_by(coupling, "its width is reduced by"));
    row->step(&zero, 0);
    out = label_map_none(&call->outputs[0]->shape, map.why);
    out.labels = map.labels;
    out.zero = map.zero && row->finish(&zero, 1) == 0;
    for (int i = 0, at = 0; i < map.shape.rank; i++)
        if (!reduced[i] || params->keepdims)
            out.strides[at++] = map.strides[i];
    couple_give(coupling, 0, out);
    return 0;
}

/* Splits x's dimensions into kept ones and reduced ones, with strides. */
struct split {
    struct shape kept, reduced;
    int64_t kept_strides[SHAPE_MAX_RANK], reduced_strides[SHAPE_MAX_RANK];
};

static void split_axes(struct split *split, const struct shape *x,
                       const bool *reduced)
{
    int64_t strides[SHAPE_MAX_RANK];
    shape_strides(x, strides);
    *split = (struct split){0};
    for (int i = 0; i < x->rank; i++) {
        struct shape *to = reduced[i] ? &split->reduced : &split->kept;
        int64_t *step =
            reduced[i] ? split->reduced_strides : split->kept_strides;
        step[to->rank] = strides[i];
        to->dims[to->rank++] = x->dims[i];
    }
}

static int64_t offset_of(const struct shape *shape, const int64_t *strides,
                         int64_t index)
{
    int64_t offset = 0;
    for (int i = shape->rank - 1; i >= 0; i--) {
        offset += index % shape->dims[i] * strides[i];
        index /= shape->dims[i];
    }
    return offset;
}

static void reduce_one(const struct reduce_row *row, const struct tensor *x,
                       const struct split *split, int64_t first,
                       struct tensor *y, int64_t at)
{
    int64_t count = shape_elements(&split->reduced);
    bool exact = dtype_is_integer(x->dtype);
    struct reduction result = {row->start, 0};
    int64_t integer = row->first;
    for (int64_t i = 0; i < count; i++) {
        int64_t from =
            first + offset_of(&split->reduced, split->reduced_strides, i);
        if (exact)
            integer = row->exact(integer, tensor_integer(x, from));
        else
            row->step(&result, tensor_number(x, from));
    }
    if (exact)
        op_put_integer(y, at, integer);
    else
        op_put_number(y, at, row->finish(&result, count));
}

static int run(const struct op_call *call, struct error *err)
{
    bool reduced[SHAPE_MAX_RANK];
    if (axes_of(call, reduced, err) < 0)
        return -1;
    struct split split;
    split_axes(&split, &call->inputs[0]->shape, reduced);
    int64_t count = tensor_elements(call->outputs[0]);
    for (int64_t i = 0; i < count; i++)
        reduce_one(call->node->op->row, call->inputs[0], &split,
                   offset_of(&split.kept, split.kept_strides, i),
                   call->outputs[0], i);
    return 0;
}

static void gradient_one(const struct op_call *call, const struct split *split,
                         int64_t first, int64_t at, float dy, float *dx)
{
    const struct reduce_row *row = call->node->op->row;
    const float *x = call->inputs[0]->data;
    double y = tensor_number(call->outputs[0], at);
    int64_t count = shape_elements(&split->reduced);
    bool found = false;
    for (int64_t i = 0; i < count; i++) {
        int64_t to =
            first + offset_of(&split->reduced, split->reduced_strides, i);
        bool picked = !found && (double)x[to] == y;
        found = found || picked;
        dx[to] = (float)((double)dy * (row->slope
                                           ? row->slope((double)x[to], y, count)
                                           : picked));
    }
}

static int gradient(const struct op_call *call,
                    const struct op_gradient *gradient, struct error *err)
{
    bool reduced[SHAPE_MAX_RANK];
    if (axes_of(call, reduced, err) < 0)
        return -1;
    struct split split;
    split_axes(&split, &call->inputs[0]->shape, reduced);
    const float *dy = op_gradient_of(gradient, 0);
    float *dx = op_gradient_to(gradient, 0);
    int64_t count = tensor_elements(call->outputs[0]);
    for (int64_t i = 0; dx && i < count; i++)
        gradient_one(call, &split,
                     offset_of(&split.kept, split.kept_strides, i), i, dy[i],
                     dx);
    return 0;
}

/* Over exactly the spatial axes of an image it is a global pooling. */
static void lower(const struct op_call *call, struct kernel_spec *spec)
{
    const struct reduce_row *row = call->node->op->row;
    const struct tensor *x = call->inputs[0];
    bool reduced[SHAPE_MAX_RANK];
    int64_t dims[4];
    if (!row->pool || x->dtype != DTYPE_FLOAT32 || x->shape.rank < 3 ||
        op_nchw(&x->shape, dims) < 0 || tensor_elements(x) == 0 ||
        axes_of(call, reduced, NULL) < 0)
        return;
    for (int i = 0; i < x->shape.rank; i++)
        if (reduced[i] != (i >= 2))
            return;
    spec->kind = KERNEL_POOL;
    spec->pool = (struct pool_spec){
        .average = row->pool == 1,
        .n = dims[0],
        .c = dims[1],
        .ih = dims[2],
        .iw = dims[3],
        .oh = 1,
        .ow = 1,
        .kh = dims[2],
        .kw = dims[3],
        .sh = 1,
        .sw = 1,
        .dh = 1,
        .dw = 1,
    };
}

/* Each operator in its two forms; opset `change` brings the input form. */
#define REDUCE(symbol, name, change, ...)                                      \
    static const struct reduce_row symbol##_row = {__VA_ARGS__};               \
    const struct op symbol##_attribute = {                                     \
        .type = name,                                                          \
        OP_OPSETS(OP_OPSET_FIRST, (change)-1),                                 \
        .min_inputs = 1,                                                       \
        .max_inputs = 1,                                                       \
        .weight_input = -1,                                                    \
        .row = &symbol##_row,                                                  \
        .parse = parse_attribute,                                              \
        .infer = infer,                                                        \
        .couple = couple,                                                      \
        .run = run,                                                            \
        .gradient = gradient,                                                  \
        .lower = lower,                                                        \
    };                                                                         \
    const struct op symbol = {                                                 \
        .type = name,                                                          \
        OP_OPSETS(change, OP_OPSET_LAST),                                      \
        .min_inputs = 1,                                                       \
        .max_inputs = 2,                                                       \
        .weight_input = -1,                                                    \
        .row = &symbol##_row,                                                  \
        .parse = parse_input,                                                  \
        .infer = infer,                                                        \
        .couple = couple,                                                      \
        .run = run,                                                            \
        .gradient = gradient,                                                  \
        .lower = lower,                                                        \
    }

REDUCE(op_reduce_mean, "ReduceMean", 18, 0, step_sum, finish_mean, 0, NULL, 1,
       slope_mean);
REDUCE(op_reduce_sum, "ReduceSum", 13, 0, step_sum, finish_plain, 0, exact_sum,
       0, slope_sum);
REDUCE(op_reduce_max, "ReduceMax", 18, (double)-INFINITY, step_max,
       finish_plain, INT64_MIN, exact_max, 2, NULL);
REDUCE(op_reduce_min, "ReduceMin", 18, (double)INFINITY, step_min, finish_plain,
       INT64_MAX, exact_min, 0, NULL);
REDUCE(op_reduce_prod, "ReduceProd", 18, 1, step_product, finish_plain, 1,
       exact_product, 0, slope_product);
REDUCE(op_reduce_l1, "ReduceL1", 18, 0, step_absolute, finish_plain, 0, NULL, 0,
       slope_absolute);
REDUCE(op_reduce_l2, "ReduceL2", 18, 0, step_square, finish_root, 0, NULL, 0,
       slope_root);
REDUCE(op_reduce_square, "ReduceSumSquare", 18, 0, step_square, finish_plain, 0,
       NULL, 0, slope_square);
REDUCE(op_reduce_log, "ReduceLogSum", 18, 0, step_sum, finish_log, 0, NULL, 0,
       slope_log);
REDUCE(op_reduce_log_exp, "ReduceLogSumExp", 18, 0, step_exponential,
       finish_exponential, 0, NULL, 0, slope_exponential);

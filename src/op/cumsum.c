/* CumSum and ReverseSequence: along one axis, element after element. */
#include "base/array.h"
#include "op/backward.h"

#include <string.h>

struct cumsum_params {
    int64_t exclusive, reverse;
    int64_t batch_axis, time_axis; /* ReverseSequence */
};

static int parse_cumsum(struct node *node, struct arena *arena,
                        struct error *err)
{
    static const struct parameter table[] = {
        {"exclusive", ATTRIBUTE_INT, offsetof(struct cumsum_params, exclusive),
         0},
        {"reverse", ATTRIBUTE_INT, offsetof(struct cumsum_params, reverse), 0},
    };
    return op_parameters(node, arena, table, ARRAY_LENGTH(table),
                         sizeof(struct cumsum_params), err);
}

static int axis_of(const struct op_call *call, int *axis, struct error *err)
{
    int64_t value;
    size_t count;
    if (op_constant_integers(call, 1, "axis", &value, 1, &count, err) < 0)
        return -1;
    if (count != 1)
        return error_set(err, ERROR_SHAPE, "input 'axis' is empty");
    return op_axis(value, call->inputs[0]->shape.rank, axis, err);
}

static bool is_number(enum dtype dtype)
{
    return dtype == DTYPE_FLOAT32 || dtype == DTYPE_FLOAT64 ||
           dtype == DTYPE_INT64 || dtype == DTYPE_INT32;
}

static int infer_cumsum(const struct op_call *call, struct error *err)
{
    int axis;
    if (!is_number(call->inputs[0]->dtype))
        return error_set(err, ERROR_UNSUPPORTED,
                         "CumSum of %s is not supported",
                         dtype_name(call->inputs[0]->dtype));
    if (axis_of(call, &axis, err) < 0)
        return -1;
    return op_infer_same(call, err);
}

/* A line of `size` elements `stride` apart, from its end or beginning. */
struct line {
    int64_t first, size, stride;
    bool reverse, exclusive;
};

static void sum_line(const struct line *line, const struct tensor *x,
                     struct tensor *y)
{
    double sum = 0;
    uint64_t exact = 0;
    for (int64_t i = 0; i < line->size; i++) {
        int64_t at = line->first +
                     (line->reverse ? line->size - 1 - i : i) * line->stride;
        double before = sum;
        uint64_t exact_before = exact;
        if (dtype_is_integer(x->dtype)) {
            exact += (uint64_t)tensor_integer(x, at);
            op_put_integer(y, at,
                           (int64_t)(line->exclusive ? exact_before : exact));
        } else {
            sum += tensor_number(x, at);
            op_put_number(y, at, line->exclusive ? before : sum);
        }
    }
}

/* All lines of `from`, the other way round where it is turned. */
static int sum_lines(const struct op_call *call, bool turned,
                     const struct tensor *from, struct tensor *to,
                     struct error *err)
{
    const struct cumsum_params *params = call->node->params;
    const struct shape *x = &from->shape;
    int axis;
    if (axis_of(call, &axis, err) < 0)
        return -1;
    int64_t inner = op_product(x, axis + 1, x->rank);
    int64_t outer = op_product(x, 0, axis);
    struct line line = {.size = x->dims[axis],
                        .stride = inner,
                        .reverse = (params->reverse != 0) != turned,
                        .exclusive = params->exclusive != 0};
    for (int64_t i = 0; i < outer * inner; i++) {
        line.first = i / inner * line.size * inner + i % inner;
        sum_line(&line, from, to);
    }
    return 0;
}

static int run_cumsum(const struct op_call *call, struct error *err)
{
    return sum_lines(call, false, call->inputs[0], call->outputs[0], err);
}

/* An element is in the sums of all behind it. */
static int gradient_cumsum(const struct op_call *call,
                           const struct op_gradient *gradient,
                           struct error *err)
{
    if (!gradient->inputs[0])
        return 0;
    return sum_lines(call, true, gradient->outputs[0], gradient->inputs[0],
                     err);
}

static bool cumsum_mixes_samples(const struct op_call *call)
{
    int axis;
    return axis_of(call, &axis, NULL) < 0 || axis == 0;
}

const struct op op_cumsum = {
    .type = "CumSum",
    OP_OPSETS(11, OP_OPSET_LAST),
    .min_inputs = 2,
    .max_inputs = 2,
    .weight_input = -1,
    .parse = parse_cumsum,
    .infer = infer_cumsum,
    .run = run_cumsum,
    .gradient = gradient_cumsum,
    .mixes_samples = cumsum_mixes_samples,
};

/* --- ReverseSequence: each sample's first elements the other way round --- */

static int parse_reverse(struct node *node, struct arena *arena,
                         struct error *err)
{
    static const struct parameter table[] = {
        {"batch_axis", ATTRIBUTE_INT,
         offsetof(struct cumsum_params, batch_axis), 1},
        {"time_axis", ATTRIBUTE_INT, offsetof(struct cumsum_params, time_axis),
         0},
    };
    if (op_parameters(node, arena, table, ARRAY_LENGTH(table),
                      sizeof(struct cumsum_params), err) < 0)
        return -1;
    const struct cumsum_params *params = node->params;
    if (params->batch_axis + params->time_axis != 1 ||
        params->batch_axis * params->time_axis != 0)
        return error_set(err, ERROR_FORMAT,
                         "batch_axis and time_axis are not 0 and 1");
    return 0;
}

static int infer_reverse(const struct op_call *call, struct error *err)
{
    const struct cumsum_params *params = call->node->params;
    const struct tensor *lengths = call->inputs[1];
    if (op_want_sized(call, 0, "input", err) < 0 ||
        op_want_rank(call, 0, "input", 2, SHAPE_MAX_RANK, err) < 0 ||
        op_want_type(call, 1, "sequence_lens", DTYPE_INT64, err) < 0)
        return -1;
    int64_t samples = call->inputs[0]->shape.dims[params->batch_axis];
    if (lengths->shape.rank != 1 || lengths->shape.dims[0] != samples)
        return error_set(err, ERROR_SHAPE,
                         "input 'sequence_lens' has not %lld elements",
                         (long long)samples);
    return op_infer_same(call, err);
}

static int run_reverse(const struct op_call *call, struct error *err)
{
    const struct cumsum_params *params = call->node->params;
    const struct tensor *x = call->inputs[0];
    const int64_t *dims = x->shape.dims;
    size_t bytes =
        (size_t)op_product(&x->shape, 2, x->shape.rank) * dtype_size(x->dtype);
    const char *from = x->data;
    char *to = call->outputs[0]->data;
    for (int64_t row = 0; row < dims[0] * dims[1]; row++) {
        int64_t at[2] = {row / dims[1], row % dims[1]};
        int64_t time = at[params->time_axis], steps = dims[params->time_axis];
        int64_t length =
            tensor_integer(call->inputs[1], at[params->batch_axis]);
        if (length < 0 || length > steps)
            return error_set(err, ERROR_RANGE,
                             "sequence_lens has %lld, there are %lld steps",
                             (long long)length, (long long)steps);
        at[params->time_axis] = time < length ? length - 1 - time : time;
        memcpy(to + (size_t)row * bytes,
               from + (size_t)(at[0] * dims[1] + at[1]) * bytes, bytes);
    }
    return 0;
}

const struct op op_reverse_sequence = {
    .type = "ReverseSequence",
    OP_OPSETS(10, OP_OPSET_LAST),
    .min_inputs = 2,
    .max_inputs = 2,
    .weight_input = -1,
    .parse = parse_reverse,
    .infer = infer_reverse,
    .run = run_reverse,
};

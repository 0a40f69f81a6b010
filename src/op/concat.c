/* Concat and Split along one axis. */
#include "base/array.h"
#include "op/backward.h"
#include "op/couple.h"

#include <string.h>

struct concat_params {
    int64_t axis, outputs; /* num_outputs, since opset 18 */
    struct integers split;
};

enum { NO_AXIS = INT32_MAX }; /* Concat's axis has no default */

static int parse_concat(struct node *node, struct arena *arena,
                        struct error *err)
{
    static const struct parameter table[] = {
        {"axis", ATTRIBUTE_INT, offsetof(struct concat_params, axis), NO_AXIS},
    };
    if (op_parameters(node, arena, table, ARRAY_LENGTH(table),
                      sizeof(struct concat_params), err) < 0)
        return -1;
    const struct concat_params *params = node->params;
    if (params->axis == NO_AXIS)
        return error_set(err, ERROR_FORMAT, "axis is missing");
    return 0;
}

/* In a model that declares a batch of one, a constant next to computed values
 * is meant for every sample (a class token). */
static struct shape operand_shape(const struct op_call *call, int i, int axis)
{
    const struct tensor *input = call->inputs[i];
    struct shape shape = input->shape;
    if (call->batch && call->declared_batch == 1 && axis > 0 && input->data &&
        shape.rank && shape.dims[0] == 1)
        shape.dims[0] = call->batch;
    return shape;
}

/* Adds operand i's extent along the axis; the others must be the same. */
static int join(const struct op_call *call, int i, int axis,
                struct shape *shape, struct error *err)
{
    struct shape next = operand_shape(call, i, axis), other = next;
    int64_t mine = shape->dims[axis];
    char left[SHAPE_TEXT_BYTES], right[SHAPE_TEXT_BYTES];
    if (other.rank == shape->rank)
        other.dims[axis] = mine;
    if (!shape_equal(&other, shape))
        return error_set(
            err, ERROR_SHAPE, "%s and %s do not join along axis %d",
            shape_text(shape, left), shape_text(&next, right), axis);
    if (__builtin_add_overflow(mine, next.dims[axis], &shape->dims[axis]))
        return error_set(err, ERROR_SHAPE, "the result is too large");
    return 0;
}

static bool is_all_constant(const struct op_call *call)
{
    for (int i = 0; i < call->node->input_count; i++)
        if (call->inputs[i] && !call->inputs[i]->data)
            return false;
    return true;
}

static int infer_concat(const struct op_call *call, struct error *err)
{
    const struct concat_params *params = call->node->params;
    enum dtype dtype = call->inputs[0]->dtype;
    struct op_call plain = *call;
    int axis;
    if (is_all_constant(call))
        plain.batch = plain.declared_batch = 0;
    if (op_want_sized(call, 0, "inputs", err) < 0 ||
        op_axis(params->axis, call->inputs[0]->shape.rank, &axis, err) < 0)
        return -1;
    struct shape shape = operand_shape(&plain, 0, axis);
    for (int i = 1; i < call->node->input_count; i++) {
        if (!call->inputs[i])
            return error_set(err, ERROR_FORMAT, "input %d is missing", i + 1);
        if (op_want_type(call, i, "inputs", dtype, err) < 0 ||
            join(&plain, i, axis, &shape, err) < 0)
            return -1;
    }
    op_give(call, 0, dtype, &shape);
    return 0;
}

static int run_concat(const struct op_call *call, struct error *err)
{
    const struct concat_params *params = call->node->params;
    struct tensor *y = call->outputs[0];
    int axis;
    if (op_axis(params->axis, y->shape.rank, &axis, err) < 0)
        return -1;
    size_t element = dtype_size(y->dtype);
    int64_t outer = op_product(&y->shape, 0, axis);
    char *to = y->data;
    for (int64_t row = 0; row < outer; row++) {
        for (int i = 0; i < call->node->input_count; i++) {
            const struct tensor *x = call->inputs[i];
            size_t bytes =
                (size_t)op_product(&x->shape, axis, x->shape.rank) * element;
            /* A constant for every sample is repeated. */
            int64_t from = row % op_product(&x->shape, 0, axis);
            memcpy(to, (const char *)x->data + (size_t)from * bytes, bytes);
            to += bytes;
        }
    }
    return 0;
}

/* Positions [begin, begin + size) of the joined axis; label 0 elsewhere. */
static void stack(struct coupling *coupling, int axis,
                  const struct shape *whole, int *list, const int64_t *strides)
{
    const struct op_call *call = coupling->call;
    int64_t begin = 0;
    for (int i = 0; i < call->node->input_count; i++) {
        const struct label_map *in = &coupling->inputs[i];
        struct label_map part = {.labels = in->labels,
                                 .shape = call->inputs[i]->shape};
        int64_t size = part.shape.dims[axis];
        for (int d = 0; d < whole->rank; d++) {
            part.strides[d] = in->labels ? in->strides[d] : 0;
            if (d != axis && !strides[d])
                part.shape.dims[d] = 1;
        }
        const int *from =
            in->labels ? label_map_list(coupling->labels, &part) : NULL;
        int64_t count = shape_elements(&part.shape);
        for (int64_t e = 0; from && e < count; e++) {
            int64_t rest = e, to = begin * strides[axis];
            for (int d = whole->rank - 1; d >= 0; d--) {
                to += rest % part.shape.dims[d] * strides[d];
                rest /= part.shape.dims[d];
            }
            list[to] = from[e];
        }
        begin += size;
    }
}

/* Side by side along the axis; what lies along other axes meets. */
static struct label_map joined(struct coupling *coupling, int axis,
                               const struct shape *shape)
{
    const struct op_call *call = coupling->call;
    struct label_map first = label_map_none(shape, ""), out;
    bool along[SHAPE_MAX_RANK] = {false}, zero = true, any = false;
    for (int i = 0; i < call->node->input_count; i++) {
        const struct label_map *in = &coupling->inputs[i];
        zero = zero && (!in->labels || in->zero);
        if (in->labels && !first.labels)
            first = *in;
        for (int d = 0; d < shape->rank; d++)
            along[d] = along[d] || label_map_depends(in, d);
        any = any || in->labels;
    }
    if (!any)
        return label_map_none(shape, coupling->inputs[0].why);
    bool across = false;
    for (int d = 0; d < shape->rank; d++)
        across = across || (d != axis && along[d]);
    if (!along[axis] && across) {
        first.shape.dims[axis] = 1;
        for (int i = 0; i < call->node->input_count; i++) {
            struct label_map in = coupling->inputs[i];
            in.shape.dims[axis] = 1;
            struct label_map part = first;
            part.shape = call->inputs[i]->shape;
            if (in.labels)
                label_map_tie(coupling->labels, &first, &in);
            else if (call->inputs[i]->data)
                couple_constant(coupling, i, &part, true);
            else
                label_map_lock(coupling->labels, &first, in.why);
        }
        first.shape = *shape;
        first.strides[axis] = 0;
        first.zero = zero;
        return first;
    }
    out = (struct label_map){.shape = *shape, .zero = zero};
    int64_t count = 1;
    for (int d = shape->rank - 1; d >= 0; d--) {
        bool varies = d == axis || along[d];
        out.strides[d] = varies ? count : 0;
        count *= varies ? shape->dims[d] : 1;
    }
    int *list =
        arena_array(&coupling->labels->arena, (size_t)count + 1, sizeof *list);
    if (!list) {
        coupling->labels->failed = true;
        return label_map_none(shape, "");
    }
    stack(coupling, axis, shape, list, out.strides);
    out.labels = list;
    return out;
}

static int couple_concat(struct coupling *coupling, struct error *err)
{
    const struct concat_params *params = coupling->call->node->params;
    const struct shape *shape = &coupling->call->outputs[0]->shape;
    int axis;
    if (op_axis(params->axis, shape->rank, &axis, err) < 0)
        return -1;
    couple_give(coupling, 0, joined(coupling, axis, shape));
    return 0;
}

static int gradient_concat(const struct op_call *call,
                           const struct op_gradient *gradient,
                           struct error *err)
{
    const struct concat_params *params = call->node->params;
    const struct tensor *y = call->outputs[0];
    int axis;
    if (op_axis(params->axis, y->shape.rank, &axis, err) < 0)
        return -1;
    int64_t outer = op_product(&y->shape, 0, axis);
    int64_t whole = op_product(&y->shape, axis, y->shape.rank), first = 0;
    for (int i = 0; i < call->node->input_count; i++) {
        const struct tensor *x = call->inputs[i];
        int64_t part = op_product(&x->shape, axis, x->shape.rank);
        int64_t rows = op_product(&x->shape, 0, axis);
        float *to = op_gradient_to(gradient, i);
        const float *from = op_gradient_of(gradient, 0) + first;
        first += part;
        if (!to)
            continue;
        memset(to, 0, tensor_bytes(x));
        for (int64_t row = 0; row < outer; row++)
            for (int64_t j = 0; j < part; j++)
                to[row % rows * part + j] += from[row * whole + j];
    }
    return 0;
}

const struct op op_concat = {
    .type = "Concat",
    OP_OPSETS(OP_OPSET_FIRST, OP_OPSET_LAST),
    .min_inputs = 1,
    .max_inputs = OP_MANY_INPUTS,
    .weight_input = -1,
    .parse = parse_concat,
    .infer = infer_concat,
    .couple = couple_concat,
    .run = run_concat,
    .gradient = gradient_concat,
};

/* --- Split: sizes are an attribute, an input since 13, or equal parts --- */

static const struct parameter split_table[] = {
    {"axis", ATTRIBUTE_INT, offsetof(struct concat_params, axis), 0},
    {"split", ATTRIBUTE_INTS, offsetof(struct concat_params, split), 0},
    {"num_outputs", ATTRIBUTE_INT, offsetof(struct concat_params, outputs), 0},
};

static int parse_split(struct node *node, struct arena *arena,
                       struct error *err)
{
    if (op_parameters(node, arena, split_table, ARRAY_LENGTH(split_table),
                      sizeof(struct concat_params), err) < 0)
        return -1;
    const struct concat_params *params = node->params;
    if (params->split.given && node->opset >= 13)
        return error_set(err, ERROR_UNSUPPORTED,
                         "attribute 'split' is not supported since opset 13");
    if (params->outputs && params->outputs != node->output_count)
        return error_set(err, ERROR_FORMAT,
                         "num_outputs is %lld, but there are %d outputs",
                         (long long)params->outputs, node->output_count);
    return 0;
}

/* Part i of `dimension`: equal parts, of which the last may be smaller. */
static int64_t equal_part(int64_t dimension, int64_t parts, int64_t i)
{
    int64_t size = (dimension + parts - 1) / parts, begin = i * size;
    int64_t rest = begin < dimension ? dimension - begin : 0;
    return rest < size ? rest : size;
}

/* Size of part i; the list is the input or the attribute. */
static int part_of(const struct op_call *call, int axis, int i, int64_t *size,
                   struct error *err)
{
    const struct concat_params *params = call->node->params;
    const struct tensor *list = op_input(call, 1);
    int64_t dimension = call->inputs[0]->shape.dims[axis];
    int parts = call->node->output_count;
    if (!list && !params->split.count) {
        if (dimension % parts && !params->outputs)
            return error_set(err, ERROR_SHAPE,
                             "%lld does not divide into %d parts",
                             (long long)dimension, parts);
        *size = equal_part(dimension, parts, i);
        return 0;
    }
    int64_t given = list ? tensor_elements(list) : (int64_t)params->split.count;
    if (given != parts)
        return error_set(err, ERROR_SHAPE, "split has %lld sizes, expected %d",
                         (long long)given, parts);
    *size = list ? tensor_integer(list, i) : params->split.values[i];
    return 0;
}

static int infer_split(const struct op_call *call, struct error *err)
{
    const struct concat_params *params = call->node->params;
    const struct tensor *list = op_input(call, 1);
    struct shape shape = call->inputs[0]->shape;
    int axis;
    if (op_want_sized(call, 0, "input", err) < 0 ||
        op_want_type(call, 1, "split", DTYPE_INT64, err) < 0 ||
        op_axis(params->axis, shape.rank, &axis, err) < 0)
        return -1;
    if (list && !list->data)
        return error_set(err, ERROR_UNSUPPORTED,
                         "input 'split' is computed from the data");
    int64_t left = shape.dims[axis];
    for (int i = 0; i < call->node->output_count; i++) {
        int64_t size;
        if (part_of(call, axis, i, &size, err) < 0)
            return -1;
        if (size < 0 || size > left)
            return error_set(err, ERROR_SHAPE, "part %d has %lld of %lld left",
                             i + 1, (long long)size, (long long)left);
        left -= size;
        shape.dims[axis] = size;
        op_give(call, i, call->inputs[0]->dtype, &shape);
    }
    if (left)
        return error_set(err, ERROR_SHAPE, "the parts leave %lld over",
                         (long long)left);
    return 0;
}

static int run_split(const struct op_call *call, struct error *err)
{
    const struct concat_params *params = call->node->params;
    const struct tensor *x = call->inputs[0];
    int axis;
    if (op_axis(params->axis, x->shape.rank, &axis, err) < 0)
        return -1;
    int64_t strides[SHAPE_MAX_RANK], offset = 0;
    shape_strides(&x->shape, strides);
    for (int i = 0; i < call->node->output_count; i++) {
        struct tensor *y = call->outputs[i];
        int64_t size;
        if (part_of(call, axis, i, &size, err) < 0)
            return -1;
        if (y)
            op_copy(&y->shape, y->data, x->data, offset * strides[axis],
                    strides, dtype_size(x->dtype));
        offset += size;
    }
    return 0;
}

static int couple_split(struct coupling *coupling, struct error *err)
{
    const struct op_call *call = coupling->call;
    const struct concat_params *params = call->node->params;
    int64_t begin = 0;
    int axis;
    if (op_axis(params->axis, call->inputs[0]->shape.rank, &axis, err) < 0)
        return -1;
    for (int i = 0; i < call->node->output_count; i++) {
        struct label_map part = coupling->inputs[0];
        int64_t size;
        if (part_of(call, axis, i, &size, err) < 0)
            return -1;
        part.shape.dims[axis] = size;
        if (part.labels)
            part.labels += begin * part.strides[axis];
        if (call->outputs[i])
            couple_give(coupling, i, part);
        begin += size;
    }
    return 0;
}

static int gradient_split(const struct op_call *call,
                          const struct op_gradient *gradient, struct error *err)
{
    const struct concat_params *params = call->node->params;
    const struct shape *x = &call->inputs[0]->shape;
    float *to = op_gradient_to(gradient, 0);
    int axis;
    if (op_axis(params->axis, x->rank, &axis, err) < 0)
        return -1;
    int64_t outer = op_product(x, 0, axis), first = 0, size;
    int64_t inner = op_product(x, axis + 1, x->rank);
    int64_t whole = x->dims[axis] * inner;
    for (int i = 0; to && i < call->node->output_count; i++) {
        if (part_of(call, axis, i, &size, err) < 0)
            return -1;
        const float *from = op_gradient_of(gradient, i);
        for (int64_t row = 0; row < outer; row++)
            for (int64_t j = 0; j < size * inner; j++)
                to[row * whole + first + j] =
                    from ? from[row * size * inner + j] : 0;
        first += size * inner;
    }
    return 0;
}

#define SPLIT(symbol, first, last, inputs)                                     \
    const struct op symbol = {                                                 \
        .type = "Split",                                                       \
        OP_OPSETS(first, last),                                                \
        .min_inputs = 1,                                                       \
        .max_inputs = inputs,                                                  \
        .max_outputs = OP_MANY_INPUTS,                                         \
        .weight_input = -1,                                                    \
        .parse = parse_split,                                                  \
        .infer = infer_split,                                                  \
        .couple = couple_split,                                                \
        .run = run_split,                                                      \
        .gradient = gradient_split,                                            \
    }

SPLIT(op_split_attribute, OP_OPSET_FIRST, 12, 1);
SPLIT(op_split, 13, OP_OPSET_LAST, 2);

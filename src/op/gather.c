/* Gather: slices of the data by index along one axis. */
#include "base/array.h"
#include "op/backward.h"
#include "op/couple.h"

#include <string.h>

struct gather_params {
    int64_t axis;
};

static int parse(struct node *node, struct arena *arena, struct error *err)
{
    static const struct parameter table[] = {
        {"axis", ATTRIBUTE_INT, offsetof(struct gather_params, axis), 0},
    };
    return op_parameters(node, arena, table, ARRAY_LENGTH(table),
                         sizeof(struct gather_params), err);
}

static int check_indices(const struct tensor *indices, int64_t size,
                         struct error *err)
{
    int64_t count = tensor_elements(indices);
    for (int64_t i = 0; i < count; i++) {
        int64_t index = tensor_integer(indices, i);
        if (index < -size || index >= size)
            return error_set(err, ERROR_RANGE,
                             "index %lld is outside the %lld elements",
                             (long long)index, (long long)size);
    }
    return 0;
}

static int infer(const struct op_call *call, struct error *err)
{
    const struct gather_params *params = call->node->params;
    const struct shape *x = &call->inputs[0]->shape;
    const struct tensor *indices = call->inputs[1];
    int axis;
    if (op_want_sized(call, 0, "data", err) < 0 ||
        op_axis(params->axis, x->rank, &axis, err) < 0)
        return -1;
    if (indices->dtype != DTYPE_INT32 && indices->dtype != DTYPE_INT64)
        return error_set(err, ERROR_SHAPE,
                         "input 'indices' is %s, expected int64",
                         dtype_name(indices->dtype));
    int rank = x->rank - 1 + indices->shape.rank;
    if (rank > SHAPE_MAX_RANK)
        return error_set(err, ERROR_UNSUPPORTED,
                         "the result has %d dimensions, at most %d are "
                         "supported",
                         rank, SHAPE_MAX_RANK);
    if (indices->data && check_indices(indices, x->dims[axis], err) < 0)
        return -1;
    struct shape shape = {0};
    for (int i = 0; i < axis; i++)
        shape.dims[shape.rank++] = x->dims[i];
    for (int i = 0; i < indices->shape.rank; i++)
        shape.dims[shape.rank++] = indices->shape.dims[i];
    for (int i = axis + 1; i < x->rank; i++)
        shape.dims[shape.rank++] = x->dims[i];
    op_give(call, 0, call->inputs[0]->dtype, &shape);
    return 0;
}

static int run(const struct op_call *call, struct error *err)
{
    const struct gather_params *params = call->node->params;
    const struct tensor *x = call->inputs[0], *indices = call->inputs[1];
    int axis;
    if (op_axis(params->axis, x->shape.rank, &axis, err) < 0 ||
        check_indices(indices, x->shape.dims[axis], err) < 0)
        return -1;
    int64_t size = x->shape.dims[axis], count = tensor_elements(indices);
    int64_t outer = op_product(&x->shape, 0, axis);
    size_t bytes = (size_t)op_product(&x->shape, axis + 1, x->shape.rank) *
                   dtype_size(x->dtype);
    char *to = call->outputs[0]->data;
    for (int64_t row = 0; row < outer; row++) {
        for (int64_t i = 0; i < count; i++) {
            int64_t index = tensor_integer(indices, i);
            index += index < 0 ? size : 0;
            memcpy(to,
                   (const char *)x->data + (size_t)(row * size + index) * bytes,
                   bytes);
            to += bytes;
        }
    }
    return 0;
}

/* Rows of labelled data by constant indices; others cannot be told apart. */
static int couple(struct coupling *coupling, struct error *err)
{
    const struct op_call *call = coupling->call;
    const struct gather_params *params = call->node->params;
    const struct tensor *indices = call->inputs[1];
    struct label_map map = coupling->inputs[0];
    int axis;
    if (op_axis(params->axis, map.shape.rank, &axis, err) < 0)
        return -1;
    couple_lock(coupling, 1, couple_by(coupling, "it chooses elements in"));
    if (!map.labels)
        return 0;
    bool computed = !indices->data;
    if (label_map_depends(&map, axis) &&
        (computed || indices->shape.rank > 1)) {
        couple_lock(coupling, 0,
                    couple_by(coupling, "its channels are looked up by"));
        return 0;
    }
    int64_t count = tensor_elements(indices);
    const int64_t *tables[SHAPE_MAX_RANK] = {NULL};
    int64_t *table =
        arena_array(&coupling->labels->arena, (size_t)count + 1, sizeof *table);
    if (!table)
        return error_memory(err, (size_t)count * sizeof *table);
    for (int64_t i = 0; i < count && !computed; i++) {
        int64_t index = tensor_integer(indices, i);
        table[i] = index < 0 ? index + map.shape.dims[axis] : index;
    }
    tables[axis] = label_map_depends(&map, axis) ? table : NULL;
    struct shape rows = map.shape;
    rows.dims[axis] = count;
    if (!tables[axis])
        map.strides[axis] = 0;
    map = label_map_index(coupling->labels, &map, &rows, tables);
    couple_give(
        coupling, 0,
        label_map_reshape(coupling->labels, &map, &call->outputs[0]->shape));
    return 0;
}

static int gradient(const struct op_call *call,
                    const struct op_gradient *gradient, struct error *err)
{
    const struct gather_params *params = call->node->params;
    const struct tensor *x = call->inputs[0], *indices = call->inputs[1];
    const float *dy = op_gradient_of(gradient, 0);
    float *dx = op_gradient_to(gradient, 0);
    int axis;
    if (op_axis(params->axis, x->shape.rank, &axis, err) < 0)
        return -1;
    if (!dx)
        return 0;
    int64_t size = x->shape.dims[axis], count = tensor_elements(indices);
    int64_t outer = op_product(&x->shape, 0, axis);
    int64_t inner = op_product(&x->shape, axis + 1, x->shape.rank);
    memset(dx, 0, tensor_bytes(x));
    for (int64_t row = 0; row < outer; row++) {
        for (int64_t i = 0; i < count; i++, dy += inner) {
            int64_t index = tensor_integer(indices, i);
            index += index < 0 ? size : 0;
            for (int64_t j = 0; j < inner; j++)
                dx[(row * size + index) * inner + j] += dy[j];
        }
    }
    return 0;
}

/* Samples chosen by computed indices. */
static bool mixes_samples(const struct op_call *call)
{
    const struct gather_params *params = call->node->params;
    int axis;
    return op_axis(params->axis, call->inputs[0]->shape.rank, &axis, NULL) <
               0 ||
           (axis == 0 && !call->inputs[0]->data);
}

const struct op op_gather = {
    .type = "Gather",
    OP_OPSETS(OP_OPSET_FIRST, OP_OPSET_LAST),
    .min_inputs = 2,
    .max_inputs = 2,
    .weight_input = -1,
    .parse = parse,
    .infer = infer,
    .couple = couple,
    .run = run,
    .gradient = gradient,
    .mixes_samples = mixes_samples,
};

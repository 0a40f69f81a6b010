/* GatherElements and GatherND: elements and slices by computed places. */
#include "base/array.h"
#include "op/backward.h"

#include <string.h>

struct gather_params {
    int64_t axis, batch_dims;
};

/* Places an index from the end; -1 with an error when it is outside. */
static int place(int64_t index, int64_t size, int64_t *out, struct error *err)
{
    if (index < -size || index >= size)
        return error_set(err, ERROR_RANGE,
                         "index %lld is outside the %lld elements",
                         (long long)index, (long long)size);
    *out = index + (index < 0 ? size : 0);
    return 0;
}

static int want_indices(const struct op_call *call, struct error *err)
{
    enum dtype dtype = call->inputs[1]->dtype;
    if (dtype == DTYPE_INT32 || dtype == DTYPE_INT64)
        return 0;
    return error_set(err, ERROR_SHAPE, "input 'indices' is %s, expected int64",
                     dtype_name(dtype));
}

/* --- GatherElements --- */

static int parse_elements(struct node *node, struct arena *arena,
                          struct error *err)
{
    static const struct parameter table[] = {
        {"axis", ATTRIBUTE_INT, offsetof(struct gather_params, axis), 0},
    };
    return op_parameters(node, arena, table, ARRAY_LENGTH(table),
                         sizeof(struct gather_params), err);
}

static int axis_of(const struct op_call *call, int *axis, struct error *err)
{
    const struct gather_params *params = call->node->params;
    return op_axis(params->axis, call->inputs[0]->shape.rank, axis, err);
}

static int infer_elements(const struct op_call *call, struct error *err)
{
    const struct shape *x = &call->inputs[0]->shape;
    const struct shape *indices = &call->inputs[1]->shape;
    int axis;
    if (op_want_sized(call, 0, "data", err) < 0 ||
        want_indices(call, err) < 0 || axis_of(call, &axis, err) < 0 ||
        op_want_rank(call, 1, "indices", x->rank, x->rank, err) < 0)
        return -1;
    for (int i = 0; i < x->rank; i++)
        if (i != axis && indices->dims[i] > x->dims[i])
            return error_set(err, ERROR_SHAPE,
                             "input 'indices' has %lld in dimension %d, the "
                             "data has %lld",
                             (long long)indices->dims[i], i,
                             (long long)x->dims[i]);
    op_give(call, 0, call->inputs[0]->dtype, indices);
    return 0;
}

/* Where element i of the output is in the data. */
static int source_of(const struct op_call *call, int axis, int64_t i,
                     int64_t *offset, struct error *err)
{
    const struct tensor *x = call->inputs[0], *indices = call->inputs[1];
    int64_t strides[SHAPE_MAX_RANK], rest = i, index = 0;
    if (place(tensor_integer(indices, i), x->shape.dims[axis], &index, err) < 0)
        return -1;
    shape_strides(&x->shape, strides);
    *offset = 0;
    for (int d = x->shape.rank - 1; d >= 0; d--) {
        int64_t at = rest % indices->shape.dims[d];
        *offset += (d == axis ? index : at) * strides[d];
        rest /= indices->shape.dims[d];
    }
    return 0;
}

static int run_elements(const struct op_call *call, struct error *err)
{
    const struct tensor *x = call->inputs[0];
    size_t bytes = dtype_size(x->dtype);
    int64_t offset, count = tensor_elements(call->inputs[1]);
    char *to = call->outputs[0]->data;
    int axis;
    if (axis_of(call, &axis, err) < 0)
        return -1;
    for (int64_t i = 0; i < count; i++) {
        if (source_of(call, axis, i, &offset, err) < 0)
            return -1;
        memcpy(to + (size_t)i * bytes,
               (const char *)x->data + (size_t)offset * bytes, bytes);
    }
    return 0;
}

static int gradient_elements(const struct op_call *call,
                             const struct op_gradient *gradient,
                             struct error *err)
{
    const float *dy = op_gradient_of(gradient, 0);
    float *dx = op_gradient_to(gradient, 0);
    int64_t offset, count = tensor_elements(call->inputs[1]);
    int axis;
    if (!dx)
        return 0;
    if (axis_of(call, &axis, err) < 0)
        return -1;
    memset(dx, 0, tensor_bytes(call->inputs[0]));
    for (int64_t i = 0; i < count; i++) {
        if (source_of(call, axis, i, &offset, err) < 0)
            return -1;
        dx[offset] += dy[i];
    }
    return 0;
}

static bool elements_mix_samples(const struct op_call *call)
{
    int axis;
    return axis_of(call, &axis, NULL) < 0 || axis == 0;
}

const struct op op_gather_elements = {
    .type = "GatherElements",
    OP_OPSETS(11, OP_OPSET_LAST),
    .min_inputs = 2,
    .max_inputs = 2,
    .weight_input = -1,
    .parse = parse_elements,
    .infer = infer_elements,
    .run = run_elements,
    .gradient = gradient_elements,
    .mixes_samples = elements_mix_samples,
};

/* --- GatherND --- */

static int parse_nd(struct node *node, struct arena *arena, struct error *err)
{
    static const struct parameter table[] = {
        {"batch_dims", ATTRIBUTE_INT,
         offsetof(struct gather_params, batch_dims), 0},
    };
    return op_parameters(node, arena, table, ARRAY_LENGTH(table),
                         sizeof(struct gather_params), err);
}

/* How many axes of the data a row of the indices names. */
static int64_t depth_of(const struct shape *indices)
{
    return indices->dims[indices->rank - 1];
}

static int infer_nd(const struct op_call *call, struct error *err)
{
    const struct gather_params *params = call->node->params;
    const struct shape *x = &call->inputs[0]->shape;
    const struct shape *indices = &call->inputs[1]->shape;
    if (op_want_sized(call, 0, "data", err) < 0 ||
        want_indices(call, err) < 0 ||
        op_want_rank(call, 0, "data", 1, SHAPE_MAX_RANK, err) < 0 ||
        op_want_rank(call, 1, "indices", 1, SHAPE_MAX_RANK, err) < 0)
        return -1;
    int64_t shared = params->batch_dims, depth = depth_of(indices);
    if (shared < 0 || shared >= indices->rank || depth < 1 ||
        depth > x->rank - shared)
        return error_set(err, ERROR_SHAPE,
                         "rows of %lld indices behind %lld shared dimensions "
                         "do not fit the data's %d",
                         (long long)depth, (long long)shared, x->rank);
    int64_t rank = indices->rank - 1 + x->rank - shared - depth;
    if (rank > SHAPE_MAX_RANK)
        return error_set(err, ERROR_UNSUPPORTED,
                         "the result has %lld dimensions, at most %d are "
                         "supported",
                         (long long)rank, SHAPE_MAX_RANK);
    struct shape shape = {0};
    for (int i = 0; i < indices->rank - 1; i++) {
        if (i < shared && indices->dims[i] != x->dims[i])
            return error_set(err, ERROR_SHAPE, "dimension %d is %lld and %lld",
                             i, (long long)x->dims[i],
                             (long long)indices->dims[i]);
        shape.dims[shape.rank++] = indices->dims[i];
    }
    for (int i = (int)(shared + depth); i < x->rank; i++)
        shape.dims[shape.rank++] = x->dims[i];
    op_give(call, 0, call->inputs[0]->dtype, &shape);
    return 0;
}

/* Rows of indices, each of which takes a slice of `width` elements. */
struct slices {
    int64_t rows, width;
};

static struct slices slices_of(const struct op_call *call)
{
    const struct gather_params *params = call->node->params;
    const struct shape *x = &call->inputs[0]->shape;
    const struct shape *indices = &call->inputs[1]->shape;
    int taken = (int)(params->batch_dims + depth_of(indices));
    return (struct slices){op_product(indices, 0, indices->rank - 1),
                           op_product(x, taken, x->rank)};
}

/* The number of the slice that a row takes. */
static int slice_of(const struct op_call *call, int64_t rows, int64_t row,
                    int64_t *slice, struct error *err)
{
    const struct gather_params *params = call->node->params;
    const struct tensor *x = call->inputs[0], *indices = call->inputs[1];
    int shared = (int)params->batch_dims;
    int64_t depth = depth_of(&indices->shape);
    *slice = row / (rows / op_product(&x->shape, 0, shared));
    for (int64_t i = 0; i < depth; i++) {
        int64_t size = x->shape.dims[shared + i], index = 0;
        if (place(tensor_integer(indices, row * depth + i), size, &index, err) <
            0)
            return -1;
        *slice = *slice * size + index;
    }
    return 0;
}

static int run_nd(const struct op_call *call, struct error *err)
{
    const struct tensor *x = call->inputs[0];
    const struct slices s = slices_of(call);
    size_t bytes = (size_t)s.width * dtype_size(x->dtype);
    char *to = call->outputs[0]->data;
    int64_t slice;
    for (int64_t row = 0; row < s.rows; row++) {
        if (slice_of(call, s.rows, row, &slice, err) < 0)
            return -1;
        memcpy(to + (size_t)row * bytes,
               (const char *)x->data + (size_t)slice * bytes, bytes);
    }
    return 0;
}

static int gradient_nd(const struct op_call *call,
                       const struct op_gradient *gradient, struct error *err)
{
    const struct slices s = slices_of(call);
    const float *dy = op_gradient_of(gradient, 0);
    float *dx = op_gradient_to(gradient, 0);
    int64_t slice;
    if (!dx)
        return 0;
    memset(dx, 0, tensor_bytes(call->inputs[0]));
    for (int64_t row = 0; row < s.rows; row++) {
        if (slice_of(call, s.rows, row, &slice, err) < 0)
            return -1;
        for (int64_t i = 0; i < s.width; i++)
            dx[slice * s.width + i] += dy[row * s.width + i];
    }
    return 0;
}

static bool nd_mixes_samples(const struct op_call *call)
{
    const struct gather_params *params = call->node->params;
    return params->batch_dims == 0;
}

const struct op op_gather_nd = {
    .type = "GatherND",
    OP_OPSETS(11, OP_OPSET_LAST),
    .min_inputs = 2,
    .max_inputs = 2,
    .weight_input = -1,
    .parse = parse_nd,
    .infer = infer_nd,
    .run = run_nd,
    .gradient = gradient_nd,
    .mixes_samples = nd_mixes_samples,
};

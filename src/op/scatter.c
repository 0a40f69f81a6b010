/*
 * ScatterND: a copy of the data in which slices are replaced. Each row of the
 * indices names a slice by its leading coordinates; where two rows name the
 * same one, ONNX leaves the result open and the last one stays.
 */
#include "base/array.h"
#include "op/support.h"

#include <string.h>

struct scatter_params {
    const char *reduction;
};

static int parse(struct node *node, struct arena *arena, struct error *err)
{
    static const struct parameter table[] = {
        {"reduction", ATTRIBUTE_STRING,
         offsetof(struct scatter_params, reduction), 0},
    };
    if (op_parameters(node, arena, table, ARRAY_LENGTH(table),
                      sizeof(struct scatter_params), err) < 0)
        return -1;
    const struct scatter_params *params = node->params;
    if (params->reduction && strcmp(params->reduction, "none") != 0)
        return error_set(err, ERROR_UNSUPPORTED,
                         "reduction '%s' is not supported", params->reduction);
    return 0;
}

/* indices (..., depth): how many leading axes of the data a row names. */
static int64_t depth_of(const struct tensor *indices)
{
    return indices->shape.dims[indices->shape.rank - 1];
}

static int64_t rows_of(const struct tensor *indices)
{
    return op_product(&indices->shape, 0, indices->shape.rank - 1);
}

/* Which slice row `row` names, counted in slices from the data's start. */
static int find_slice(const struct shape *x, const struct tensor *indices,
                      int64_t row, int64_t *slice, struct error *err)
{
    int64_t depth = depth_of(indices);
    *slice = 0;
    for (int64_t i = 0; i < depth; i++) {
        int64_t index = tensor_integer(indices, row * depth + i);
        int64_t size = x->dims[i];
        if (index < -size || index >= size)
            return error_set(err, ERROR_RANGE,
                             "index %lld is outside the %lld elements of "
                             "dimension %lld",
                             (long long)index, (long long)size, (long long)i);
        *slice = *slice * size + index + (index < 0 ? size : 0);
    }
    return 0;
}

static int check_indices(const struct op_call *call, struct error *err)
{
    const struct tensor *indices = call->inputs[1];
    int64_t slice, rows = indices->data ? rows_of(indices) : 0;
    for (int64_t row = 0; row < rows; row++)
        if (find_slice(&call->inputs[0]->shape, indices, row, &slice, err) < 0)
            return -1;
    return 0;
}

/* updates: (indices without the last dimension) + (a slice of the data) */
static int check_updates(const struct op_call *call, int64_t depth,
                         struct error *err)
{
    const struct shape *x = &call->inputs[0]->shape;
    const struct shape *rows = &call->inputs[1]->shape;
    const struct shape *updates = &call->inputs[2]->shape;
    struct shape wanted = {0};
    char found[SHAPE_TEXT_BYTES], expected[SHAPE_TEXT_BYTES];
    int64_t rank = rows->rank - 1 + x->rank - depth;
    if (rank > SHAPE_MAX_RANK)
        return error_set(err, ERROR_UNSUPPORTED,
                         "the updates have %lld dimensions, at most %d are "
                         "supported",
                         (long long)rank, SHAPE_MAX_RANK);
    for (int i = 0; i < rows->rank - 1; i++)
        wanted.dims[wanted.rank++] = rows->dims[i];
    for (int i = (int)depth; i < x->rank; i++)
        wanted.dims[wanted.rank++] = x->dims[i];
    if (!shape_equal(updates, &wanted))
        return error_set(err, ERROR_SHAPE, "input 'updates' is %s, expected %s",
                         shape_text(updates, found),
                         shape_text(&wanted, expected));
    return 0;
}

static int infer(const struct op_call *call, struct error *err)
{
    const struct tensor *x = call->inputs[0], *indices = call->inputs[1];
    if (op_want_sized(call, 0, "data", err) < 0 ||
        op_want_rank(call, 0, "data", 1, SHAPE_MAX_RANK, err) < 0 ||
        op_want_type(call, 1, "indices", DTYPE_INT64, err) < 0 ||
        op_want_rank(call, 1, "indices", 1, SHAPE_MAX_RANK, err) < 0 ||
        op_want_type(call, 2, "updates", x->dtype, err) < 0)
        return -1;
    int64_t depth = depth_of(indices);
    if (depth < 1 || depth > x->shape.rank)
        return error_set(err, ERROR_SHAPE,
                         "input 'indices' has rows of %lld, expected 1 to %d",
                         (long long)depth, x->shape.rank);
    if (check_updates(call, depth, err) < 0 || check_indices(call, err) < 0)
        return -1;
    return op_infer_same(call, err);
}

static int run(const struct op_call *call, struct error *err)
{
    const struct tensor *x = call->inputs[0], *indices = call->inputs[1];
    size_t bytes =
        (size_t)op_product(&x->shape, (int)depth_of(indices), x->shape.rank) *
        dtype_size(x->dtype);
    int64_t slice, rows = rows_of(indices);
    const char *from = call->inputs[2]->data;
    char *to = call->outputs[0]->data;
    if (op_run_copy(call, err) < 0)
        return -1;
    for (int64_t row = 0; row < rows; row++) {
        if (find_slice(&x->shape, indices, row, &slice, err) < 0)
            return -1;
        memcpy(to + (size_t)slice * bytes, from + (size_t)row * bytes, bytes);
    }
    return 0;
}

/* Constant indices stay where they were when there are more samples. */
static bool mixes_samples(const struct op_call *call)
{
    (void)call;
    return true;
}

const struct op op_scatter_nd = {
    .type = "ScatterND",
    OP_OPSETS(11, OP_OPSET_LAST),
    .min_inputs = 3,
    .max_inputs = 3,
    .weight_input = -1,
    .parse = parse,
    .infer = infer,
    .run = run,
    .mixes_samples = mixes_samples,
};

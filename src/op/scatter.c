/*
 * ScatterND: a copy of the data in which slices are replaced. Each row of the
 * indices names a slice by its leading coordinates; where two rows name the
 * same one, ONNX leaves the result open and the last one stays.
 */
#include "op/scatter.h"
#include "base/array.h"
#include "op/backward.h"

#include <stdlib.h>
#include <string.h>

struct scatter_params {
    const char *reduction;
};

/* --- joining --- */

int scatter_reduction_find(const char *name, enum scatter_reduction *out,
                           struct error *err)
{
    static const char *const names[] = {
        [SCATTER_NONE] = "none", [SCATTER_ADD] = "add", [SCATTER_MUL] = "mul",
        [SCATTER_MAX] = "max",   [SCATTER_MIN] = "min",
    };
    *out = SCATTER_NONE;
    for (size_t i = 0; i < ARRAY_LENGTH(names) && name; i++) {
        if (strcmp(names[i], name) == 0) {
            *out = (enum scatter_reduction)i;
            return 0;
        }
    }
    return name ? error_set(err, ERROR_UNSUPPORTED,
                            "reduction '%s' is not supported", name)
                : 0;
}

int scatter_check_type(enum scatter_reduction reduction, enum dtype dtype,
                       struct error *err)
{
    if (reduction == SCATTER_NONE ||
        (dtype != DTYPE_BOOL && dtype != DTYPE_UINT64))
        return 0;
    return error_set(err, ERROR_UNSUPPORTED,
                     "a reduction of %s is not supported", dtype_name(dtype));
}

static double join(enum scatter_reduction reduction, double a, double b)
{
    switch (reduction) {
    case SCATTER_NONE:
        return b;
    case SCATTER_ADD:
        return a + b;
    case SCATTER_MUL:
        return a * b;
    case SCATTER_MAX:
        return a > b ? a : b;
    case SCATTER_MIN:
        return a < b ? a : b;
    }
    return b;
}

static int64_t join_exact(enum scatter_reduction reduction, int64_t a,
                          int64_t b)
{
    switch (reduction) {
    case SCATTER_NONE:
        return b;
    case SCATTER_ADD:
        return (int64_t)((uint64_t)a + (uint64_t)b);
    case SCATTER_MUL:
        return (int64_t)((uint64_t)a * (uint64_t)b);
    case SCATTER_MAX:
        return a > b ? a : b;
    case SCATTER_MIN:
        return a < b ? a : b;
    }
    return b;
}

void scatter_put(enum scatter_reduction reduction, struct tensor *to,
                 int64_t at, const struct tensor *from, int64_t i)
{
    if (dtype_is_integer(to->dtype))
        op_put_integer(to, at,
                       join_exact(reduction, tensor_integer(to, at),
                                  tensor_integer(from, i)));
    else
        op_put_number(
            to, at,
            join(reduction, tensor_number(to, at), tensor_number(from, i)));
}

/* --- ScatterND --- */

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
    enum scatter_reduction reduction;
    return scatter_reduction_find(params->reduction, &reduction, err);
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
    const struct scatter_params *params = call->node->params;
    enum scatter_reduction reduction;
    const struct tensor *x = call->inputs[0], *indices = call->inputs[1];
    if (op_want_sized(call, 0, "data", err) < 0 ||
        op_want_rank(call, 0, "data", 1, SHAPE_MAX_RANK, err) < 0 ||
        op_want_type(call, 1, "indices", DTYPE_INT64, err) < 0 ||
        op_want_rank(call, 1, "indices", 1, SHAPE_MAX_RANK, err) < 0 ||
        op_want_type(call, 2, "updates", x->dtype, err) < 0 ||
        scatter_reduction_find(params->reduction, &reduction, err) < 0 ||
        scatter_check_type(reduction, x->dtype, err) < 0)
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
    const struct scatter_params *params = call->node->params;
    int64_t size = op_product(&x->shape, (int)depth_of(indices), x->shape.rank);
    int64_t slice, rows = rows_of(indices);
    enum scatter_reduction reduction;
    if (scatter_reduction_find(params->reduction, &reduction, err) < 0 ||
        op_run_copy(call, err) < 0)
        return -1;
    for (int64_t row = 0; row < rows; row++) {
        if (find_slice(&x->shape, indices, row, &slice, err) < 0)
            return -1;
        for (int64_t i = 0; i < size; i++)
            scatter_put(reduction, call->outputs[0], slice * size + i,
                        call->inputs[2], row * size + i);
    }
    return 0;
}

/* --- gradient --- */

/* Undoes one joining: *by is of the loss by its result, then by `a`; returns
 * that by `b`. */
static float undo(enum scatter_reduction reduction, float a, float b, float *by)
{
    float of_result = *by;
    switch (reduction) {
    case SCATTER_NONE:
        *by = 0;
        return of_result;
    case SCATTER_ADD:
        return of_result;
    case SCATTER_MUL:
        *by = of_result * b;
        return of_result * a;
    case SCATTER_MAX:
    case SCATTER_MIN:
        if ((float)join(reduction, (double)a, (double)b) != b)
            return 0;
        *by = 0;
        return of_result;
    }
    return 0;
}

struct scattered {
    enum scatter_reduction reduction;
    int64_t rows, size; /* of a slice */
    int64_t *slices;    /* (rows) */
    float *values;      /* (data), joined so far */
    float *befores;     /* (rows, size), what each row was joined to */
    float *by;          /* (data), of the loss by what is joined so far */
};

/* Rows are joined in order and undone from the last to the first. */
static void undo_all(const struct scattered *s, const float *updates,
                     float *by_updates)
{
    int64_t size = s->size;
    for (int64_t i = 0; i < s->rows * size; i++) {
        float *value = &s->values[s->slices[i / size] * size + i % size];
        s->befores[i] = *value;
        *value = (float)join(s->reduction, (double)*value, (double)updates[i]);
    }
    for (int64_t i = s->rows * size; i-- > 0;) {
        float *by = &s->by[s->slices[i / size] * size + i % size];
        float found = undo(s->reduction, s->befores[i], updates[i], by);
        if (by_updates)
            by_updates[i] = found;
    }
}

static int gradient(const struct op_call *call,
                    const struct op_gradient *gradient, struct error *err)
{
    const struct scatter_params *params = call->node->params;
    const struct tensor *x = call->inputs[0], *indices = call->inputs[1];
    struct scattered s = {
        .rows = rows_of(indices),
        .size = op_product(&x->shape, (int)depth_of(indices), x->shape.rank)};
    size_t count = (size_t)tensor_elements(x), moved = (size_t)s.rows;
    float *dx = op_gradient_to(gradient, 0);
    int result = scatter_reduction_find(params->reduction, &s.reduction, err);
    s.slices = array_create(moved + 1, sizeof *s.slices);
    s.values = array_create(count + 1, sizeof *s.values);
    s.befores = array_create(moved * (size_t)s.size + 1, sizeof *s.befores);
    s.by = array_create(count + 1, sizeof *s.by);
    if (result == 0 && (!s.slices || !s.values || !s.befores || !s.by))
        result = error_memory(err, tensor_bytes(x));
    for (int64_t row = 0; row < s.rows && result == 0; row++)
        result = find_slice(&x->shape, indices, row, &s.slices[row], err);
    if (result == 0) {
        memcpy(s.values, x->data, tensor_bytes(x));
        memcpy(s.by, op_gradient_of(gradient, 0), tensor_bytes(x));
        undo_all(&s, call->inputs[2]->data, op_gradient_to(gradient, 2));
        if (dx)
            memcpy(dx, s.by, tensor_bytes(x));
    }
    free(s.slices);
    free(s.values);
    free(s.befores);
    free(s.by);
    return result;
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
    .gradient = gradient,
    .mixes_samples = mixes_samples,
};

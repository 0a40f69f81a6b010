/* Trilu keeps a triangle of every matrix, EyeLike writes a diagonal. */
#include "base/array.h"
#include "op/backward.h"

#include <string.h>

struct triangle_params {
    int64_t upper, k, dtype;
};

/* --- Trilu --- */

static int parse_trilu(struct node *node, struct arena *arena,
                       struct error *err)
{
    static const struct parameter table[] = {
        {"upper", ATTRIBUTE_INT, offsetof(struct triangle_params, upper), 1},
    };
    return op_parameters(node, arena, table, ARRAY_LENGTH(table),
                         sizeof(struct triangle_params), err);
}

static int diagonal_of(const struct op_call *call, int64_t *k,
                       struct error *err)
{
    size_t count;
    *k = 0;
    if (!op_input(call, 1))
        return 0;
    return op_constant_integers(call, 1, "k", k, 1, &count, err);
}

static int infer_trilu(const struct op_call *call, struct error *err)
{
    int64_t k;
    if (op_want_sized(call, 0, "input", err) < 0 ||
        op_want_rank(call, 0, "input", 2, SHAPE_MAX_RANK, err) < 0 ||
        diagonal_of(call, &k, err) < 0)
        return -1;
    return op_infer_same(call, err);
}

/* Zeroes what is outside the triangle. */
static int clear_rest(const struct op_call *call, char *to, struct error *err)
{
    const struct triangle_params *params = call->node->params;
    const struct tensor *x = call->inputs[0];
    size_t bytes = dtype_size(x->dtype);
    int64_t columns = x->shape.dims[x->shape.rank - 1];
    int64_t rows = x->shape.dims[x->shape.rank - 2];
    int64_t count = tensor_elements(x), k;
    if (diagonal_of(call, &k, err) < 0)
        return -1;
    for (int64_t i = 0; i < count; i++) {
        int64_t row = i / columns % rows, column = i % columns;
        bool kept = params->upper ? column - row >= k : column - row <= k;
        if (!kept)
            memset(to + (size_t)i * bytes, 0, bytes);
    }
    return 0;
}

static int run_trilu(const struct op_call *call, struct error *err)
{
    return op_run_copy(call, err) < 0
               ? -1
               : clear_rest(call, call->outputs[0]->data, err);
}

static int gradient_trilu(const struct op_call *call,
                          const struct op_gradient *gradient, struct error *err)
{
    struct tensor *dx = gradient->inputs[0];
    if (!dx)
        return 0;
    return op_gradient_copy(call, gradient, err) < 0
               ? -1
               : clear_rest(call, dx->data, err);
}

static bool trilu_mixes_samples(const struct op_call *call)
{
    return call->inputs[0]->shape.rank < 3;
}

const struct op op_trilu = {
    .type = "Trilu",
    OP_OPSETS(14, OP_OPSET_LAST),
    .min_inputs = 1,
    .max_inputs = 2,
    .weight_input = -1,
    .parse = parse_trilu,
    .infer = infer_trilu,
    .run = run_trilu,
    .gradient = gradient_trilu,
    .mixes_samples = trilu_mixes_samples,
};

/* --- EyeLike --- */

static int parse_eye(struct node *node, struct arena *arena, struct error *err)
{
    static const struct parameter table[] = {
        {"dtype", ATTRIBUTE_INT, offsetof(struct triangle_params, dtype),
         DTYPE_NONE},
        {"k", ATTRIBUTE_INT, offsetof(struct triangle_params, k), 0},
    };
    if (op_parameters(node, arena, table, ARRAY_LENGTH(table),
                      sizeof(struct triangle_params), err) < 0)
        return -1;
    const struct triangle_params *params = node->params;
    if (params->dtype < 0 || params->dtype >= DTYPE_COUNT ||
        (params->dtype && !dtype_size((enum dtype)params->dtype)))
        return error_set(err, ERROR_UNSUPPORTED, "type %lld is not supported",
                         (long long)params->dtype);
    return 0;
}

static int infer_eye(const struct op_call *call, struct error *err)
{
    const struct triangle_params *params = call->node->params;
    enum dtype dtype =
        params->dtype ? (enum dtype)params->dtype : call->inputs[0]->dtype;
    if (op_want_sized(call, 0, "input", err) < 0 ||
        op_want_rank(call, 0, "input", 2, 2, err) < 0)
        return -1;
    op_give(call, 0, dtype, &call->inputs[0]->shape);
    return 0;
}

static int run_eye(const struct op_call *call, struct error *err)
{
    (void)err;
    const struct triangle_params *params = call->node->params;
    struct tensor *y = call->outputs[0];
    int64_t columns = y->shape.dims[1], count = tensor_elements(y);
    for (int64_t i = 0; i < count; i++)
        op_put_integer(y, i, i % columns - i / columns == params->k);
    return 0;
}

const struct op op_eye_like = {
    .type = "EyeLike",
    OP_OPSETS(9, OP_OPSET_LAST),
    .min_inputs = 1,
    .max_inputs = 1,
    .weight_input = -1,
    .shape_only = true,
    .parse = parse_eye,
    .infer = infer_eye,
    .run = run_eye,
};

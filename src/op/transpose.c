/* Permutations of elements: Transpose, DepthToSpace, SpaceToDepth. */
#include "base/array.h"
#include "op/backward.h"
#include "op/couple.h"

#include <string.h>

struct transpose_params {
    struct integers perm;
};

static int parse_transpose(struct node *node, struct arena *arena,
                           struct error *err)
{
    static const struct parameter table[] = {
        {"perm", ATTRIBUTE_INTS, offsetof(struct transpose_params, perm), 0},
    };
    return op_parameters(node, arena, table, ARRAY_LENGTH(table),
                         sizeof(struct transpose_params), err);
}

/* Reversed when there is no attribute. */
static int permutation_of(const struct op_call *call, int *perm,
                          struct error *err)
{
    const struct transpose_params *params = call->node->params;
    int rank = call->inputs[0]->shape.rank;
    bool seen[SHAPE_MAX_RANK] = {false};
    for (int i = 0; i < rank; i++)
        perm[i] = rank - 1 - i;
    if (!params->perm.given)
        return 0;
    if (params->perm.count != (size_t)rank)
        return error_set(err, ERROR_SHAPE, "perm has %zu values, expected %d",
                         params->perm.count, rank);
    for (int i = 0; i < rank; i++) {
        int64_t axis = params->perm.values[i];
        if (axis < 0 || axis >= rank || seen[axis])
            return error_set(err, ERROR_RANGE, "perm is not a permutation");
        seen[axis] = true;
        perm[i] = (int)axis;
    }
    return 0;
}

static int infer_transpose(const struct op_call *call, struct error *err)
{
    const struct shape *x = &call->inputs[0]->shape;
    int perm[SHAPE_MAX_RANK];
    if (op_want_sized(call, 0, "data", err) < 0 ||
        permutation_of(call, perm, err) < 0)
        return -1;
    struct shape shape = {.rank = x->rank};
    for (int i = 0; i < x->rank; i++)
        shape.dims[i] = x->dims[perm[i]];
    op_give(call, 0, call->inputs[0]->dtype, &shape);
    return 0;
}

static int run_transpose(const struct op_call *call, struct error *err)
{
    const struct tensor *x = call->inputs[0];
    struct tensor *y = call->outputs[0];
    int perm[SHAPE_MAX_RANK];
    int64_t strides[SHAPE_MAX_RANK], permuted[SHAPE_MAX_RANK];
    if (permutation_of(call, perm, err) < 0)
        return -1;
    shape_strides(&x->shape, strides);
    for (int i = 0; i < x->shape.rank; i++)
        permuted[i] = strides[perm[i]];
    op_copy(&y->shape, y->data, x->data, 0, permuted, dtype_size(x->dtype));
    return 0;
}

static int couple_transpose(struct coupling *coupling, struct error *err)
{
    int perm[SHAPE_MAX_RANK];
    if (permutation_of(coupling->call, perm, err) < 0)
        return -1;
    couple_give(coupling, 0, label_map_permute(&coupling->inputs[0], perm));
    return 0;
}

static int gradient_transpose(const struct op_call *call,
                              const struct op_gradient *gradient,
                              struct error *err)
{
    int perm[SHAPE_MAX_RANK];
    int64_t strides[SHAPE_MAX_RANK], permuted[SHAPE_MAX_RANK];
    const struct shape *x = &call->inputs[0]->shape;
    if (permutation_of(call, perm, err) < 0)
        return -1;
    shape_strides(x, strides);
    for (int i = 0; i < x->rank; i++)
        permuted[i] = strides[perm[i]];
    return op_accumulate(gradient, 0, &call->outputs[0]->shape,
                         op_gradient_of(gradient, 0), 0, permuted, err);
}

/* Moving dimensions of size one moves no bytes. */
static void lower_transpose(const struct op_call *call,
                            struct kernel_spec *spec)
{
    const struct shape *x = &call->inputs[0]->shape;
    int perm[SHAPE_MAX_RANK], last = -1;
    if (permutation_of(call, perm, NULL) < 0)
        return;
    for (int i = 0; i < x->rank; i++) {
        if (x->dims[perm[i]] == 1)
            continue;
        if (perm[i] < last)
            return;
        last = perm[i];
    }
    spec->kind = KERNEL_ALIAS;
}

const struct op op_transpose = {
    .type = "Transpose",
    OP_OPSETS(OP_OPSET_FIRST, OP_OPSET_LAST),
    .min_inputs = 1,
    .max_inputs = 1,
    .weight_input = -1,
    .parse = parse_transpose,
    .infer = infer_transpose,
    .couple = couple_transpose,
    .run = run_transpose,
    .gradient = gradient_transpose,
    .lower = lower_transpose,
};

/* --- DepthToSpace and SpaceToDepth --- */

struct block_params {
    int64_t blocksize;
    const char *mode;
};

static int parse_block(struct node *node, struct arena *arena,
                       struct error *err)
{
    static const struct parameter table[] = {
        {"blocksize", ATTRIBUTE_INT, offsetof(struct block_params, blocksize),
         0},
        {"mode", ATTRIBUTE_STRING, offsetof(struct block_params, mode), 0},
    };
    if (op_parameters(node, arena, table, ARRAY_LENGTH(table),
                      sizeof(struct block_params), err) < 0)
        return -1;
    const struct block_params *params = node->params;
    if (params->blocksize < 1 || params->blocksize > INT16_MAX)
        return error_set(err, ERROR_RANGE, "blocksize %lld is out of range",
                         (long long)params->blocksize);
    if (params->mode && strcmp(params->mode, "DCR") != 0 &&
        strcmp(params->mode, "CRD") != 0)
        return error_set(err, ERROR_UNSUPPORTED, "mode '%s' is not known",
                         params->mode);
    return 0;
}

/* `divided` are dimensions that must divide by `by`. */
static int check_divides(int64_t dimension, int64_t by, struct error *err)
{
    if (dimension % by == 0)
        return 0;
    return error_set(err, ERROR_SHAPE, "%lld does not divide by %lld",
                     (long long)dimension, (long long)by);
}

static int infer_to_space(const struct op_call *call, struct error *err)
{
    const struct block_params *params = call->node->params;
    int64_t b = params->blocksize;
    if (op_want_sized(call, 0, "input", err) < 0 ||
        op_want_rank(call, 0, "input", 4, 4, err) < 0)
        return -1;
    struct shape shape = call->inputs[0]->shape;
    if (check_divides(shape.dims[1], b * b, err) < 0)
        return -1;
    shape.dims[1] /= b * b;
    shape.dims[2] = op_multiply(shape.dims[2], b);
    shape.dims[3] = op_multiply(shape.dims[3], b);
    op_give(call, 0, call->inputs[0]->dtype, &shape);
    return 0;
}

/* The output in more dimensions, each with its stride in the input. */
struct weave {
    struct shape shape;
    int64_t strides[SHAPE_MAX_RANK];
};

/* The output as (n, c, h, bh, w, bw). */
static struct weave weave_to_space(const struct op_call *call)
{
    const struct block_params *params = call->node->params;
    const int64_t *dims = call->inputs[0]->shape.dims;
    int64_t b = params->blocksize, h = dims[2], w = dims[3];
    int64_t c = dims[1] / (b * b), plane = h * w;
    bool columns_first = params->mode && strcmp(params->mode, "CRD") == 0;
    int64_t block = columns_first ? plane : c * plane;
    return (struct weave){{6, {dims[0], c, h, b, w, b}},
                          {c * b * b * plane,
                           columns_first ? b * b * plane : plane, w, b * block,
                           1, block}};
}

static int run_weave(const struct op_call *call, const struct weave *weave)
{
    const struct tensor *x = call->inputs[0];
    op_copy(&weave->shape, call->outputs[0]->data, x->data, 0, weave->strides,
            dtype_size(x->dtype));
    return 0;
}

static int run_to_space(const struct op_call *call, struct error *err)
{
    (void)err;
    const struct weave weave = weave_to_space(call);
    return run_weave(call, &weave);
}

static int gradient_to_space(const struct op_call *call,
                             const struct op_gradient *gradient,
                             struct error *err)
{
    const struct weave weave = weave_to_space(call);
    return op_accumulate(gradient, 0, &weave.shape, op_gradient_of(gradient, 0),
                         0, weave.strides, err);
}

static int infer_to_depth(const struct op_call *call, struct error *err)
{
    const struct block_params *params = call->node->params;
    int64_t b = params->blocksize;
    if (params->mode)
        return error_set(err, ERROR_UNSUPPORTED,
                         "attribute 'mode' is not supported");
    if (op_want_sized(call, 0, "input", err) < 0 ||
        op_want_rank(call, 0, "input", 4, 4, err) < 0)
        return -1;
    struct shape shape = call->inputs[0]->shape;
    if (check_divides(shape.dims[2], b, err) < 0 ||
        check_divides(shape.dims[3], b, err) < 0)
        return -1;
    shape.dims[1] = op_multiply(shape.dims[1], b * b);
    shape.dims[2] /= b;
    shape.dims[3] /= b;
    op_give(call, 0, call->inputs[0]->dtype, &shape);
    return 0;
}

/* The output as (n, bh, bw, c, h, w). */
static struct weave weave_to_depth(const struct op_call *call)
{
    const struct block_params *params = call->node->params;
    const int64_t *dims = call->inputs[0]->shape.dims;
    int64_t b = params->blocksize, h = dims[2], w = dims[3];
    return (struct weave){{6, {dims[0], b, b, dims[1], h / b, w / b}},
                          {dims[1] * h * w, w, 1, h * w, b * w, b}};
}

static int run_to_depth(const struct op_call *call, struct error *err)
{
    (void)err;
    const struct weave weave = weave_to_depth(call);
    return run_weave(call, &weave);
}

static int gradient_to_depth(const struct op_call *call,
                             const struct op_gradient *gradient,
                             struct error *err)
{
    const struct weave weave = weave_to_depth(call);
    return op_accumulate(gradient, 0, &weave.shape, op_gradient_of(gradient, 0),
                         0, weave.strides, err);
}

/* The channels that one output channel is woven from go together. */
static int couple_to_space(struct coupling *coupling, struct error *err)
{
    static const bool planes[SHAPE_MAX_RANK] = {false, false, true, true};
    if (couple_moves(coupling, err) < 0)
        return -1;
    struct label_map map = coupling->outputs[0];
    if (map.labels)
        couple_give(coupling, 0,
                    label_map_merge(coupling->labels, &map, planes,
                                    couple_by(coupling, "it is woven by")));
    return 0;
}

const struct op op_depth_to_space = {
    .type = "DepthToSpace",
    OP_OPSETS(OP_OPSET_FIRST, OP_OPSET_LAST),
    .min_inputs = 1,
    .max_inputs = 1,
    .weight_input = -1,
    .parse = parse_block,
    .infer = infer_to_space,
    .couple = couple_to_space,
    .run = run_to_space,
    .gradient = gradient_to_space,
};

const struct op op_space_to_depth = {
    .type = "SpaceToDepth",
    OP_OPSETS(OP_OPSET_FIRST, OP_OPSET_LAST),
    .min_inputs = 1,
    .max_inputs = 1,
    .weight_input = -1,
    .parse = parse_block,
    .infer = infer_to_depth,
    .couple = couple_moves,
    .run = run_to_depth,
    .gradient = gradient_to_depth,
};

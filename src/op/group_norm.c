/*
 * More normalisations by statistics of the data: GroupNormalization,
 * MeanVarianceNormalization, LpNormalization.
 */
#include "base/array.h"
#include "op/backward.h"

#include <math.h>
#include <stdlib.h>

struct group_params {
    float epsilon;
    int64_t groups, axis, p, stash_type;
    struct integers axes;
};

/* --- GroupNormalization --- */

static int parse_group(struct node *node, struct arena *arena,
                       struct error *err)
{
    static const struct parameter table[] = {
        {"epsilon", ATTRIBUTE_FLOAT, offsetof(struct group_params, epsilon),
         1e-5},
        {"num_groups", ATTRIBUTE_INT, offsetof(struct group_params, groups), 0},
        {"stash_type", ATTRIBUTE_INT, offsetof(struct group_params, stash_type),
         DTYPE_FLOAT32},
    };
    if (op_parameters(node, arena, table, ARRAY_LENGTH(table),
                      sizeof(struct group_params), err) < 0)
        return -1;
    const struct group_params *params = node->params;
    if (params->groups < 1)
        return error_set(err, ERROR_RANGE, "num_groups %lld is not positive",
                         (long long)params->groups);
    if (params->stash_type != DTYPE_FLOAT32)
        return error_set(err, ERROR_UNSUPPORTED,
                         "stash_type %lld is not supported",
                         (long long)params->stash_type);
    return 0;
}

/* Opset 18 scales each group, 21 each channel. */
static int64_t scales_of(const struct op_call *call)
{
    const struct group_params *params = call->node->params;
    return call->node->opset < 21 ? params->groups
                                  : call->inputs[0]->shape.dims[1];
}

static int infer_group(const struct op_call *call, struct error *err)
{
    static const char *const names[] = {"X", "scale", "bias"};
    const struct group_params *params = call->node->params;
    for (int i = 0; i < 3; i++)
        if (op_want_float(call, i, names[i], err) < 0)
            return -1;
    if (op_want_rank(call, 0, "X", 2, SHAPE_MAX_RANK, err) < 0)
        return -1;
    int64_t channels = call->inputs[0]->shape.dims[1];
    if (channels % params->groups)
        return error_set(err, ERROR_SHAPE,
                         "%lld channels do not divide into %lld groups",
                         (long long)channels, (long long)params->groups);
    for (int i = 1; i < 3; i++)
        if (call->inputs[i]->shape.rank != 1 ||
            call->inputs[i]->shape.dims[0] != scales_of(call))
            return error_set(err, ERROR_SHAPE,
                             "input '%s' has not %lld elements", names[i],
                             (long long)scales_of(call));
    return op_infer_same(call, err);
}

/* How elements lie: those of a group, and those of one scale, follow each
 * other. */
struct groups {
    int64_t number, count; /* of all samples; elements of one */
    int64_t scales, wide;  /* elements of one scale */
};

static struct groups groups_of(const struct op_call *call)
{
    const struct group_params *params = call->node->params;
    const struct shape *x = &call->inputs[0]->shape;
    int64_t plane = op_product(x, 2, x->rank), scales = scales_of(call);
    return (struct groups){x->dims[0] * params->groups,
                           x->dims[1] / params->groups * plane, scales,
                           x->dims[1] * plane / scales};
}

struct group_moments {
    double mean, inverse; /* of the deviation */
};

static struct group_moments moments_of(const struct op_call *call,
                                       const float *from, int64_t count)
{
    const struct group_params *params = call->node->params;
    double sum = 0, squares = 0;
    for (int64_t j = 0; j < count; j++)
        sum += (double)from[j];
    double mean = sum / (double)count;
    for (int64_t j = 0; j < count; j++)
        squares += ((double)from[j] - mean) * ((double)from[j] - mean);
    return (struct group_moments){
        mean, 1 / sqrt(squares / (double)count + (double)params->epsilon)};
}

static int run_group(const struct op_call *call, struct error *err)
{
    (void)err;
    const struct groups g = groups_of(call);
    const float *in = call->inputs[0]->data, *scale = call->inputs[1]->data;
    const float *shift = call->inputs[2]->data;
    float *out = call->outputs[0]->data;
    for (int64_t i = 0; i < g.number; i++) {
        struct group_moments m = moments_of(call, in + i * g.count, g.count);
        for (int64_t j = i * g.count; j < (i + 1) * g.count; j++)
            out[j] = (float)(((double)in[j] - m.mean) * m.inverse *
                                 (double)scale[j / g.wide % g.scales] +
                             (double)shift[j / g.wide % g.scales]);
    }
    return 0;
}

/* Elements first … first + g.count - 1; sums are of scales, then shifts. */
static void backward_group(const struct op_call *call, const struct groups *g,
                           int64_t first, const float *dy, float *dx,
                           double *sums)
{
    const float *in = call->inputs[0]->data, *scale = call->inputs[1]->data;
    struct group_moments m = moments_of(call, in + first, g->count);
    double plain = 0, normalised = 0, count = (double)g->count;
    for (int64_t j = first; j < first + g->count; j++) {
        int64_t s = j / g->wide % g->scales;
        double x = ((double)in[j] - m.mean) * m.inverse;
        double by = (double)dy[j] * (double)scale[s];
        plain += by;
        normalised += by * x;
        sums[s] += (double)dy[j] * x;
        sums[g->scales + s] += (double)dy[j];
    }
    for (int64_t j = first; dx && j < first + g->count; j++) {
        double x = ((double)in[j] - m.mean) * m.inverse;
        double by = (double)dy[j] * (double)scale[j / g->wide % g->scales];
        dx[j] = (float)(m.inverse * (by - (plain + x * normalised) / count));
    }
}

static int gradient_group(const struct op_call *call,
                          const struct op_gradient *gradient, struct error *err)
{
    const struct groups g = groups_of(call);
    double *sums = array_create(2 * (size_t)g.scales + 1, sizeof *sums);
    if (!sums)
        return error_memory(err, 2 * (size_t)g.scales * sizeof *sums);
    for (int64_t i = 0; i < g.number; i++)
        backward_group(call, &g, i * g.count, op_gradient_of(gradient, 0),
                       op_gradient_to(gradient, 0), sums);
    for (int k = 0; k < 2; k++) {
        float *to = op_gradient_to(gradient, 1 + k);
        for (int64_t s = 0; to && s < g.scales; s++)
            to[s] = (float)sums[k * g.scales + s];
    }
    free(sums);
    return 0;
}

static void cost_group(const struct op_call *call, struct op_cost *cost)
{
    cost->parameters = op_constant_elements(call, 1);
}

const struct op op_group_norm = {
    .type = "GroupNormalization",
    OP_OPSETS(18, OP_OPSET_LAST),
    .min_inputs = 3,
    .max_inputs = 3,
    .weight_input = -1,
    .parse = parse_group,
    .infer = infer_group,
    .cost = cost_group,
    .run = run_group,
    .gradient = gradient_group,
};

/* --- MeanVarianceNormalization: (x - mean) / (deviation + 1e-9) --- */

static int parse_variance(struct node *node, struct arena *arena,
                          struct error *err)
{
    static const struct parameter table[] = {
        {"axes", ATTRIBUTE_INTS, offsetof(struct group_params, axes), 0},
    };
    return op_parameters(node, arena, table, ARRAY_LENGTH(table),
                         sizeof(struct group_params), err);
}

static int axes_of(const struct op_call *call, bool *reduced, struct error *err)
{
    static const int64_t usual[] = {0, 2, 3};
    const struct group_params *params = call->node->params;
    struct integers axes = params->axes;
    if (!axes.given)
        axes = (struct integers){usual, ARRAY_LENGTH(usual), true};
    return op_axes(&axes, call->inputs[0]->shape.rank, reduced, err);
}

static int infer_variance(const struct op_call *call, struct error *err)
{
    bool reduced[SHAPE_MAX_RANK];
    if (axes_of(call, reduced, err) < 0)
        return -1;
    return op_infer_same_float(call, err);
}

/* One group of elements: the walk visits those that share a mean. */
struct walk {
    struct shape shape;
    int64_t strides[SHAPE_MAX_RANK];
};

static int64_t offset_of(const struct walk *walk, int64_t i)
{
    int64_t offset = 0;
    for (int d = walk->shape.rank - 1; d >= 0; d--) {
        offset += i % walk->shape.dims[d] * walk->strides[d];
        i /= walk->shape.dims[d];
    }
    return offset;
}

static void normalise(const float *in, float *out, const struct walk *walk)
{
    int64_t count = shape_elements(&walk->shape);
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < count; i++)
        sum += (double)in[offset_of(walk, i)];
    double mean = sum / (double)count;
    for (int64_t i = 0; i < count; i++) {
        double d = (double)in[offset_of(walk, i)] - mean;
        squares += d * d;
    }
    double deviation = sqrt(squares / (double)count) + 1e-9;
    for (int64_t i = 0; i < count; i++) {
        int64_t at = offset_of(walk, i);
        out[at] = (float)(((double)in[at] - mean) / deviation);
    }
}

static int run_variance(const struct op_call *call, struct error *err)
{
    const struct shape *x = &call->inputs[0]->shape;
    bool reduced[SHAPE_MAX_RANK];
    int64_t strides[SHAPE_MAX_RANK];
    struct walk walks[2] = {0}; /* over groups, inside one */
    if (axes_of(call, reduced, err) < 0)
        return -1;
    shape_strides(x, strides);
    for (int i = 0; i < x->rank; i++) {
        struct walk *walk = &walks[reduced[i]];
        walk->strides[walk->shape.rank] = strides[i];
        walk->shape.dims[walk->shape.rank++] = x->dims[i];
    }
    int64_t groups = shape_elements(&walks[0].shape);
    for (int64_t i = 0; i < groups; i++) {
        int64_t first = offset_of(&walks[0], i);
        normalise((const float *)call->inputs[0]->data + first,
                  (float *)call->outputs[0]->data + first, &walks[1]);
    }
    return 0;
}

static bool variance_mixes_samples(const struct op_call *call)
{
    bool reduced[SHAPE_MAX_RANK];
    return axes_of(call, reduced, NULL) < 0 || reduced[0];
}

const struct op op_mean_variance_norm = {
    .type = "MeanVarianceNormalization",
    OP_OPSETS(9, OP_OPSET_LAST),
    .min_inputs = 1,
    .max_inputs = 1,
    .weight_input = -1,
    .parse = parse_variance,
    .infer = infer_variance,
    .run = run_variance,
    .mixes_samples = variance_mixes_samples,
};

/* --- LpNormalization --- */

static int parse_lp(struct node *node, struct arena *arena, struct error *err)
{
    static const struct parameter table[] = {
        {"axis", ATTRIBUTE_INT, offsetof(struct group_params, axis), -1},
        {"p", ATTRIBUTE_INT, offsetof(struct group_params, p), 2},
    };
    if (op_parameters(node, arena, table, ARRAY_LENGTH(table),
                      sizeof(struct group_params), err) < 0)
        return -1;
    const struct group_params *params = node->params;
    if (params->p != 1 && params->p != 2)
        return error_set(err, ERROR_UNSUPPORTED, "p is %lld, expected 1 or 2",
                         (long long)params->p);
    return 0;
}

static int lp_axis(const struct op_call *call, int *axis, struct error *err)
{
    const struct group_params *params = call->node->params;
    return op_axis(params->axis, call->inputs[0]->shape.rank, axis, err);
}

static int infer_lp(const struct op_call *call, struct error *err)
{
    int axis;
    if (lp_axis(call, &axis, err) < 0)
        return -1;
    return op_infer_same_float(call, err);
}

/* A line of zeros stays what it is. */
static int run_lp(const struct op_call *call, struct error *err)
{
    const struct group_params *params = call->node->params;
    const struct shape *x = &call->inputs[0]->shape;
    const float *in = call->inputs[0]->data;
    float *out = call->outputs[0]->data;
    int axis;
    if (lp_axis(call, &axis, err) < 0)
        return -1;
    int64_t size = x->dims[axis], inner = op_product(x, axis + 1, x->rank);
    int64_t lines = op_product(x, 0, axis) * inner;
    for (int64_t i = 0; i < lines; i++) {
        int64_t first = i / inner * size * inner + i % inner;
        double sum = 0;
        for (int64_t j = 0; j < size; j++) {
            double value = (double)in[first + j * inner];
            sum += params->p == 1 ? fabs(value) : value * value;
        }
        double norm = params->p == 1 ? sum : sqrt(sum);
        for (int64_t j = 0; j < size; j++)
            out[first + j * inner] =
                norm == 0 ? 0 : (float)((double)in[first + j * inner] / norm);
    }
    return 0;
}

static bool lp_mixes_samples(const struct op_call *call)
{
    int axis;
    return lp_axis(call, &axis, NULL) < 0 || axis == 0;
}

const struct op op_lp_norm = {
    .type = "LpNormalization",
    OP_OPSETS(OP_OPSET_FIRST, OP_OPSET_LAST),
    .min_inputs = 1,
    .max_inputs = 1,
    .weight_input = -1,
    .parse = parse_lp,
    .infer = infer_lp,
    .run = run_lp,
    .mixes_samples = lp_mixes_samples,
};

/*
 * Normalisations by statistics of the data itself: InstanceNormalization,
 * LayerNormalization, LRN.
 */
#include "base/array.h"
#include "op/backward.h"
#include "op/binary.h"
#include "op/couple.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct norm_params {
    float epsilon;
    int64_t axis, stash_type;
    float alpha, beta, bias; /* LRN */
    int64_t size;
};

struct moments {
    double mean, inverse_deviation;
};

static struct moments moments_of(const float *in, int64_t count, float epsilon)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < count; i++)
        sum += (double)in[i];
    double mean = sum / (double)count;
    for (int64_t i = 0; i < count; i++)
        squares += ((double)in[i] - mean) * ((double)in[i] - mean);
    return (struct moments){
        mean, 1 / sqrt(squares / (double)count + (double)epsilon)};
}

static void cost(const struct op_call *call, struct op_cost *cost)
{
    cost->parameters = op_constant_elements(call, 1);
}

/*
 * dx of x̂ = (x - mean) * inverse_deviation over `count` elements, where
 * dy * scale is the gradient by x̂. scale's step is 0 for one scale for all.
 */
static void backward_row(const struct moments *m, int64_t count,
                         const float *in, const float *dy, const float *scale,
                         int64_t step, float *dx)
{
    double plain = 0, normalised = 0;
    for (int64_t i = 0; i < count; i++) {
        double g = (double)dy[i] * (double)scale[i * step];
        plain += g;
        normalised += g * ((double)in[i] - m->mean) * m->inverse_deviation;
    }
    for (int64_t i = 0; i < count; i++) {
        double g = (double)dy[i] * (double)scale[i * step];
        double x = ((double)in[i] - m->mean) * m->inverse_deviation;
        dx[i] = (float)(m->inverse_deviation *
                        (g - (plain + x * normalised) / (double)count));
    }
}

/* --- InstanceNormalization --- */

static int parse_instance(struct node *node, struct arena *arena,
                          struct error *err)
{
    static const struct parameter table[] = {
        {"epsilon", ATTRIBUTE_FLOAT, offsetof(struct norm_params, epsilon),
         1e-5},
    };
    return op_parameters(node, arena, table, ARRAY_LENGTH(table),
                         sizeof(struct norm_params), err);
}

static int infer_instance(const struct op_call *call, struct error *err)
{
    static const char *const names[] = {"input", "scale", "B"};
    for (int i = 0; i < 3; i++)
        if (op_want_float(call, i, names[i], err) < 0)
            return -1;
    if (op_want_rank(call, 0, names[0], 3, SHAPE_MAX_RANK, err) < 0)
        return -1;
    int64_t channels = call->inputs[0]->shape.dims[1];
    for (int i = 1; i < 3; i++)
        if (call->inputs[i]->shape.rank != 1 ||
            call->inputs[i]->shape.dims[0] != channels)
            return error_set(err, ERROR_SHAPE,
                             "input '%s' has not %lld elements", names[i],
                             (long long)channels);
    return op_infer_same(call, err);
}

static int run_instance(const struct op_call *call, struct error *err)
{
    (void)err;
    const struct norm_params *params = call->node->params;
    const struct shape *x = &call->inputs[0]->shape;
    const float *in = call->inputs[0]->data, *scale = call->inputs[1]->data;
    const float *shift = call->inputs[2]->data;
    float *out = call->outputs[0]->data;
    int64_t inner = op_product(x, 2, x->rank), c = x->dims[1];
    for (int64_t i = 0; i < x->dims[0] * c; i++) {
        struct moments m = moments_of(in + i * inner, inner, params->epsilon);
        double factor = m.inverse_deviation * (double)scale[i % c];
        for (int64_t j = i * inner; j < (i + 1) * inner; j++)
            out[j] = (float)(((double)in[j] - m.mean) * factor +
                             (double)shift[i % c]);
    }
    return 0;
}

/* The mean and deviation of a plane are of all its positions, so labels
 * inside one plane (the groups of a group norm) go together. */
static int couple_instance(struct coupling *coupling, struct error *err)
{
    (void)err;
    const struct op_call *call = coupling->call;
    struct label_map map = coupling->inputs[0];
    bool axes[SHAPE_MAX_RANK] = {false};
    for (int i = 2; i < map.shape.rank; i++)
        axes[i] = true;
    if (!map.labels) {
        couple_give(coupling, 0, map);
        return 0;
    }
    if (!call->inputs[1]->data || !call->inputs[2]->data) {
        couple_lock(coupling, 0, couple_by(coupling, "it cannot pass"));
        return 0;
    }
    map = label_map_merge(coupling->labels, &map, axes,
                          couple_by(coupling, "it is normalised by"));
    for (int i = 1; i < 3; i++) {
        struct label_map part = {.labels = map.labels,
                                 .shape = call->inputs[i]->shape,
                                 .strides = {map.strides[1]}};
        couple_constant(coupling, i, &part, true);
    }
    map.zero = true;
    couple_give(coupling, 0, map);
    return 0;
}

static int gradient_instance(const struct op_call *call,
                             const struct op_gradient *gradient,
                             struct error *err)
{
    (void)err;
    const struct norm_params *params = call->node->params;
    const struct shape *x = &call->inputs[0]->shape;
    const float *in = call->inputs[0]->data, *scale = call->inputs[1]->data;
    const float *dy = op_gradient_of(gradient, 0);
    float *dx = op_gradient_to(gradient, 0);
    float *sums[2] = {op_gradient_to(gradient, 1), op_gradient_to(gradient, 2)};
    int64_t inner = op_product(x, 2, x->rank), c = x->dims[1];
    for (int k = 0; k < 2; k++)
        if (sums[k])
            memset(sums[k], 0, (size_t)c * sizeof **sums);
    for (int64_t i = 0; i < x->dims[0] * c; i++) {
        const float *row = in + i * inner, *g = dy + i * inner;
        struct moments m = moments_of(row, inner, params->epsilon);
        if (dx)
            backward_row(&m, inner, row, g, &scale[i % c], 0, dx + i * inner);
        double plain = 0, normalised = 0;
        for (int64_t j = 0; j < inner; j++) {
            plain += (double)g[j];
            normalised +=
                (double)g[j] * ((double)row[j] - m.mean) * m.inverse_deviation;
        }
        if (sums[0])
            sums[0][i % c] += (float)normalised;
        if (sums[1])
            sums[1][i % c] += (float)plain;
    }
    return 0;
}

const struct op op_instance_norm = {
    .type = "InstanceNormalization",
    OP_OPSETS(OP_OPSET_FIRST, OP_OPSET_LAST),
    .min_inputs = 3,
    .max_inputs = 3,
    .weight_input = -1,
    .parse = parse_instance,
    .infer = infer_instance,
    .couple = couple_instance,
    .cost = cost,
    .run = run_instance,
    .gradient = gradient_instance,
};

/* --- LayerNormalization --- */

static int parse_layer(struct node *node, struct arena *arena,
                       struct error *err)
{
    static const struct parameter table[] = {
        {"axis", ATTRIBUTE_INT, offsetof(struct norm_params, axis), -1},
        {"epsilon", ATTRIBUTE_FLOAT, offsetof(struct norm_params, epsilon),
         1e-5},
        {"stash_type", ATTRIBUTE_INT, offsetof(struct norm_params, stash_type),
         1},
    };
    if (op_parameters(node, arena, table, ARRAY_LENGTH(table),
                      sizeof(struct norm_params), err) < 0)
        return -1;
    const struct norm_params *params = node->params;
    if (params->stash_type != DTYPE_FLOAT32)
        return error_set(err, ERROR_UNSUPPORTED,
                         "stash_type %lld is not supported",
                         (long long)params->stash_type);
    return 0;
}

static int layer_axis(const struct op_call *call, int *axis, struct error *err)
{
    const struct norm_params *params = call->node->params;
    return op_axis(params->axis, call->inputs[0]->shape.rank, axis, err);
}

/* The part of the shape that is normalised: scale and bias broadcast to it. */
static struct shape normalised(const struct shape *x, int axis)
{
    struct shape shape = {.rank = x->rank - axis};
    for (int i = 0; i < shape.rank; i++)
        shape.dims[i] = x->dims[axis + i];
    return shape;
}

static int infer_layer(const struct op_call *call, struct error *err)
{
    static const char *const names[] = {"X", "Scale", "B"};
    int axis;
    for (int i = 0; i < 3; i++)
        if (op_want_float(call, i, names[i], err) < 0)
            return -1;
    if (layer_axis(call, &axis, err) < 0)
        return -1;
    struct shape part = normalised(&call->inputs[0]->shape, axis), sum;
    for (int i = 1; i < 3; i++) {
        const struct tensor *input = op_input(call, i);
        if (input && (shape_broadcast(&sum, &part, &input->shape) < 0 ||
                      !shape_equal(&sum, &part)))
            return error_set(err, ERROR_SHAPE,
                             "input '%s' does not broadcast to the normalised "
                             "dimensions",
                             names[i]);
    }
    struct shape statistics = call->inputs[0]->shape;
    for (int i = axis; i < statistics.rank; i++)
        statistics.dims[i] = 1;
    op_give(call, 1, DTYPE_FLOAT32, &statistics);
    op_give(call, 2, DTYPE_FLOAT32, &statistics);
    return op_infer_same(call, err);
}

static void layer_row(const struct op_call *call, int64_t first, int64_t count,
                      const struct moments *m, const float *scale,
                      const float *shift)
{
    const float *in = (const float *)call->inputs[0]->data + first;
    float *out = (float *)call->outputs[0]->data + first;
    for (int64_t i = 0; i < count; i++)
        out[i] = (float)(((double)in[i] - m->mean) * m->inverse_deviation *
                             (double)scale[i] +
                         (shift ? (double)shift[i] : 0));
}

static int run_layer(const struct op_call *call, struct error *err)
{
    const struct norm_params *params = call->node->params;
    const struct tensor *x = call->inputs[0], *b = op_input(call, 2);
    int axis;
    if (layer_axis(call, &axis, err) < 0)
        return -1;
    struct shape part = normalised(&x->shape, axis);
    struct tensor scale, shift = {0};
    if (op_broadcast(&scale, call->inputs[1], &part, err) < 0)
        return -1;
    int result = b ? op_broadcast(&shift, b, &part, err) : 0;
    int64_t inner = shape_elements(&part);
    int64_t outer = op_product(&x->shape, 0, axis);
    for (int64_t i = 0; i < outer && result == 0; i++) {
        struct moments m = moments_of((const float *)x->data + i * inner, inner,
                                      params->epsilon);
        layer_row(call, i * inner, inner, &m, scale.data, shift.data);
        if (op_output(call, 1))
            op_put_number(op_output(call, 1), i, m.mean);
        if (op_output(call, 2))
            op_put_number(op_output(call, 2), i, m.inverse_deviation);
    }
    tensor_release(&scale);
    tensor_release(&shift);
    return result;
}

/*
 * The mean and deviation are of the whole width: with fewer channels they
 * would be others, so a normalised width goes as a whole or not at all.
 */
static int couple_layer(struct coupling *coupling, struct error *err)
{
    struct label_map map = coupling->inputs[0];
    bool axes[SHAPE_MAX_RANK] = {false};
    int axis;
    if (layer_axis(coupling->call, &axis, err) < 0)
        return -1;
    for (int i = axis; i < map.shape.rank; i++)
        axes[i] = true;
    if (map.labels)
        map =
            label_map_merge(coupling->labels, &map, axes,
                            couple_by(coupling, "its width is normalised by"));
    map.zero = map.zero && !op_input(coupling->call, 2);
    couple_give(coupling, 0, map);
    return 0;
}

/* The gradients by scale and bias: per element of the whole input first. */
static int gradient_affine(const struct op_call *call,
                           const struct op_gradient *gradient,
                           const struct shape *whole, float *normalised,
                           struct error *err)
{
    const float *dy = op_gradient_of(gradient, 0);
    if (op_input(call, 2) && op_unbroadcast(gradient, 2, whole, dy, err) < 0)
        return -1;
    return op_unbroadcast(gradient, 1, whole, normalised, err);
}

static int gradient_layer(const struct op_call *call,
                          const struct op_gradient *gradient, struct error *err)
{
    const struct norm_params *params = call->node->params;
    const struct tensor *x = call->inputs[0];
    const float *in = x->data, *dy = op_gradient_of(gradient, 0);
    float *dx = op_gradient_to(gradient, 0);
    int axis;
    if (layer_axis(call, &axis, err) < 0)
        return -1;
    struct shape part = normalised(&x->shape, axis);
    struct tensor scale = {0};
    float *products = op_scratch(tensor_elements(x), err);
    int result =
        products ? op_broadcast(&scale, call->inputs[1], &part, err) : -1;
    int64_t inner = shape_elements(&part);
    int64_t outer = op_product(&x->shape, 0, axis);
    for (int64_t i = 0; i < outer && result == 0; i++) {
        const float *row = in + i * inner, *g = dy + i * inner;
        struct moments m = moments_of(row, inner, params->epsilon);
        for (int64_t j = 0; j < inner; j++)
            products[i * inner + j] =
                (float)((double)g[j] * ((double)row[j] - m.mean) *
                        m.inverse_deviation);
        if (dx)
            backward_row(&m, inner, row, g, scale.data, 1, dx + i * inner);
    }
    if (result == 0)
        result = gradient_affine(call, gradient, &x->shape, products, err);
    tensor_release(&scale);
    free(products);
    return result;
}

/* A constant of exactly the normalised shape. */
static bool is_whole(const struct tensor *t, const struct shape *part)
{
    return t && t->data && t->dtype == DTYPE_FLOAT32 &&
           tensor_elements(t) == shape_elements(part);
}

static void lower_layer(const struct op_call *call, struct kernel_spec *spec)
{
    const struct norm_params *params = call->node->params;
    const struct tensor *x = call->inputs[0], *b = op_input(call, 2);
    int axis;
    if (layer_axis(call, &axis, NULL) < 0 || x->dtype != DTYPE_FLOAT32 ||
        tensor_elements(x) == 0)
        return;
    struct shape part = normalised(&x->shape, axis);
    if (!is_whole(call->inputs[1], &part) || (b && !is_whole(b, &part)))
        return;
    spec->kind = KERNEL_NORM;
    spec->norm = (struct norm_spec){.rows = op_product(&x->shape, 0, axis),
                                    .width = shape_elements(&part),
                                    .epsilon = params->epsilon,
                                    .gamma = call->inputs[1]->data,
                                    .beta = op_floats(b)};
}

static bool layer_mixes_samples(const struct op_call *call)
{
    int axis;
    return layer_axis(call, &axis, NULL) < 0 || axis == 0;
}

const struct op op_layer_norm = {
    .type = "LayerNormalization",
    OP_OPSETS(17, OP_OPSET_LAST),
    .min_inputs = 2,
    .max_inputs = 3,
    .max_outputs = 3,
    .weight_input = -1,
    .parse = parse_layer,
    .infer = infer_layer,
    .couple = couple_layer,
    .cost = cost,
    .run = run_layer,
    .gradient = gradient_layer,
    .lower = lower_layer,
    .mixes_samples = layer_mixes_samples,
};

/* --- LRN: by the squares of neighbouring channels --- */

static int parse_lrn(struct node *node, struct arena *arena, struct error *err)
{
    static const struct parameter table[] = {
        {"alpha", ATTRIBUTE_FLOAT, offsetof(struct norm_params, alpha), 1e-4},
        {"beta", ATTRIBUTE_FLOAT, offsetof(struct norm_params, beta), 0.75},
        {"bias", ATTRIBUTE_FLOAT, offsetof(struct norm_params, bias), 1},
        {"size", ATTRIBUTE_INT, offsetof(struct norm_params, size), 0},
    };
    if (op_parameters(node, arena, table, ARRAY_LENGTH(table),
                      sizeof(struct norm_params), err) < 0)
        return -1;
    const struct norm_params *params = node->params;
    if (params->size < 1)
        return error_set(err, ERROR_RANGE, "size %lld is not positive",
                         (long long)params->size);
    return 0;
}

static int infer_lrn(const struct op_call *call, struct error *err)
{
    if (op_want_rank(call, 0, "X", 3, SHAPE_MAX_RANK, err) < 0)
        return -1;
    return op_infer_same_float(call, err);
}

/* Sum of products of what lies `before` to `after` channels from element i. */
static double sum_near(const struct shape *shape, const float *a,
                       const float *b, int64_t i, int64_t before, int64_t after)
{
    int64_t channels = shape->dims[1];
    int64_t plane = op_product(shape, 2, shape->rank);
    int64_t c = i / plane % channels;
    int64_t first = c > before ? -before : -c;
    double sum = 0;
    for (int64_t k = first; k <= after && c + k < channels; k++)
        sum += (double)a[i + k * plane] * (double)b[i + k * plane];
    return sum;
}

/* What element i is divided by, before it is raised to beta. */
static double lrn_base(const struct op_call *call, int64_t i)
{
    const struct norm_params *params = call->node->params;
    const float *in = call->inputs[0]->data;
    int64_t before = (params->size - 1) / 2, after = params->size - 1 - before;
    double scale = (double)params->alpha / (double)params->size;
    return (double)params->bias +
           scale * sum_near(&call->inputs[0]->shape, in, in, i, before, after);
}

static int run_lrn(const struct op_call *call, struct error *err)
{
    (void)err;
    const struct norm_params *params = call->node->params;
    const float *in = call->inputs[0]->data;
    float *out = call->outputs[0]->data;
    int64_t count = tensor_elements(call->inputs[0]);
    for (int64_t i = 0; i < count; i++)
        out[i] = (float)((double)in[i] /
                         pow(lrn_base(call, i), (double)params->beta));
    return 0;
}

/* x_k is in the sums of those channels that see it: the window turned. */
static int gradient_lrn(const struct op_call *call,
                        const struct op_gradient *gradient, struct error *err)
{
    const struct norm_params *params = call->node->params;
    const struct shape *x = &call->inputs[0]->shape;
    const float *in = call->inputs[0]->data, *dy = op_gradient_of(gradient, 0);
    float *dx = op_gradient_to(gradient, 0);
    int64_t count = shape_elements(x);
    int64_t before = (params->size - 1) / 2, after = params->size - 1 - before;
    double beta = (double)params->beta;
    double scale = 2 * beta * (double)params->alpha / (double)params->size;
    float *shares = dx ? op_scratch(count, err) : NULL;
    if (!shares)
        return dx ? -1 : 0;
    for (int64_t i = 0; i < count; i++)
        shares[i] = (float)((double)in[i] / pow(lrn_base(call, i), beta + 1));
    for (int64_t i = 0; i < count; i++)
        dx[i] = (float)((double)dy[i] / pow(lrn_base(call, i), beta) -
                        scale * (double)in[i] *
                            sum_near(x, dy, shares, i, after, before));
    free(shares);
    return 0;
}

const struct op op_lrn = {
    .type = "LRN",
    OP_OPSETS(OP_OPSET_FIRST, OP_OPSET_LAST),
    .min_inputs = 1,
    .max_inputs = 1,
    .weight_input = -1,
    .parse = parse_lrn,
    .infer = infer_lrn,
    .run = run_lrn,
    .gradient = gradient_lrn,
};

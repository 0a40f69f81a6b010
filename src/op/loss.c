/*
 * Losses as inference models carry them: NegativeLogLikelihoodLoss and
 * SoftmaxCrossEntropyLoss of scores (n, c, d...) and classes (n, d...).
 */
#include "base/array.h"
#include "op/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum reduction { REDUCTION_NONE, REDUCTION_SUM, REDUCTION_MEAN };

static const char *const reduction_names[] = {
    [REDUCTION_NONE] = "none",
    [REDUCTION_SUM] = "sum",
    [REDUCTION_MEAN] = "mean",
};

struct loss_params {
    int64_t ignored; /* a class that counts nothing */
    const char *reduction;
};

/* No class is ignored by default. */
#define NO_CLASS INT32_MIN

static int find_reduction(const struct op_call *call)
{
    const struct loss_params *params = call->node->params;
    if (!params->reduction)
        return REDUCTION_MEAN;
    for (size_t i = 0; i < ARRAY_LENGTH(reduction_names); i++)
        if (strcmp(reduction_names[i], params->reduction) == 0)
            return (int)i;
    return -1;
}

static int parse(struct node *node, struct arena *arena, struct error *err)
{
    static const struct parameter table[] = {
        {"ignore_index", ATTRIBUTE_INT, offsetof(struct loss_params, ignored),
         NO_CLASS},
        {"reduction", ATTRIBUTE_STRING, offsetof(struct loss_params, reduction),
         0},
    };
    return op_parameters(node, arena, table, ARRAY_LENGTH(table),
                         sizeof(struct loss_params), err);
}

static int check_operands(const struct op_call *call, struct error *err)
{
    const struct shape *x = &call->inputs[0]->shape;
    const struct tensor *target = call->inputs[1], *weight = op_input(call, 2);
    if (op_want_float(call, 0, "input", err) < 0 ||
        op_want_rank(call, 0, "input", 2, SHAPE_MAX_RANK, err) < 0 ||
        op_want_float(call, 2, "weight", err) < 0 ||
        op_want_rank(call, 2, "weight", 1, 1, err) < 0 ||
        op_want_rank(call, 1, "target", x->rank - 1, x->rank - 1, err) < 0)
        return -1;
    if (target->dtype != DTYPE_INT64 && target->dtype != DTYPE_INT32)
        return error_set(err, ERROR_SHAPE,
                         "input 'target' is %s, expected int64",
                         dtype_name(target->dtype));
    for (int i = 0; i < target->shape.rank; i++)
        if (target->shape.dims[i] != x->dims[i ? i + 1 : 0])
            return error_set(err, ERROR_SHAPE,
                             "input 'target' has %lld in dimension %d, "
                             "expected %lld",
                             (long long)target->shape.dims[i], i,
                             (long long)x->dims[i ? i + 1 : 0]);
    if (weight && weight->shape.dims[0] != x->dims[1])
        return error_set(
            err, ERROR_SHAPE, "input 'weight' has %lld elements, expected %lld",
            (long long)weight->shape.dims[0], (long long)x->dims[1]);
    return 0;
}

static int infer(const struct op_call *call, struct error *err)
{
    struct shape scalar = {0};
    int reduction = find_reduction(call);
    if (reduction < 0)
        return error_set(err, ERROR_FORMAT, "a reduction that is not known");
    if (check_operands(call, err) < 0)
        return -1;
    op_give(call, 0, DTYPE_FLOAT32,
            reduction == REDUCTION_NONE ? &call->inputs[1]->shape : &scalar);
    op_give(call, 1, DTYPE_FLOAT32, &call->inputs[0]->shape);
    return 0;
}

/* The loss of logarithms of probabilities of input 0's shape. */
static int reduce(const struct op_call *call, const float *logs,
                  struct error *err)
{
    const struct loss_params *params = call->node->params;
    const struct shape *x = &call->inputs[0]->shape;
    const struct tensor *target = call->inputs[1];
    const float *weight = op_floats(op_input(call, 2));
    int64_t classes = x->dims[1], inner = op_product(x, 2, x->rank);
    int64_t count = tensor_elements(target);
    float *out = call->outputs[0]->data;
    int reduction = find_reduction(call);
    double sum = 0, weights = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t class = tensor_integer(target, i);
        bool ignored = class == params->ignored;
        if (!ignored && (class < 0 || class >= classes))
            return error_set(err, ERROR_RANGE,
                             "class %lld is outside the %lld classes",
                             (long long)class, (long long)classes);
        int64_t at = (i / inner * classes + class) * inner + i % inner;
        double factor = ignored ? 0 : weight ? (double)weight[class] : 1;
        double loss = ignored ? 0 : -(double)logs[at] * factor;
        if (reduction == REDUCTION_NONE)
            out[i] = (float)loss;
        sum += loss;
        weights += factor;
    }
    if (reduction == REDUCTION_SUM)
        out[0] = (float)sum;
    else if (reduction == REDUCTION_MEAN)
        out[0] = (float)(sum / weights);
    return 0;
}

static int run_likelihood(const struct op_call *call, struct error *err)
{
    return reduce(call, call->inputs[0]->data, err);
}

/* log softmax over the classes. */
static void logarithms(const struct tensor *x, float *logs)
{
    const float *in = x->data;
    int64_t classes = x->shape.dims[1];
    int64_t inner = op_product(&x->shape, 2, x->shape.rank);
    for (int64_t i = 0; i < x->shape.dims[0] * inner; i++) {
        int64_t first = i / inner * classes * inner + i % inner;
        double largest = -INFINITY, sum = 0;
        for (int64_t c = 0; c < classes; c++)
            largest = fmax(largest, (double)in[first + c * inner]);
        for (int64_t c = 0; c < classes; c++)
            sum += exp((double)in[first + c * inner] - largest);
        for (int64_t c = 0; c < classes; c++)
            logs[first + c * inner] =
                (float)((double)in[first + c * inner] - largest - log(sum));
    }
}

static int run_entropy(const struct op_call *call, struct error *err)
{
    struct tensor *wanted = op_output(call, 1);
    float *scratch =
        wanted ? NULL : op_scratch(tensor_elements(call->inputs[0]), err);
    float *logs = wanted ? wanted->data : scratch;
    if (!logs)
        return -1;
    logarithms(call->inputs[0], logs);
    int result = reduce(call, logs, err);
    free(scratch);
    return result;
}

static bool mixes_samples(const struct op_call *call)
{
    return find_reduction(call) != REDUCTION_NONE;
}

const struct op op_likelihood_loss = {
    .type = "NegativeLogLikelihoodLoss",
    OP_OPSETS(12, OP_OPSET_LAST),
    .min_inputs = 2,
    .max_inputs = 3,
    .weight_input = -1,
    .parse = parse,
    .infer = infer,
    .run = run_likelihood,
    .mixes_samples = mixes_samples,
};

const struct op op_cross_entropy_loss = {
    .type = "SoftmaxCrossEntropyLoss",
    OP_OPSETS(12, OP_OPSET_LAST),
    .min_inputs = 2,
    .max_inputs = 3,
    .max_outputs = 2,
    .weight_input = -1,
    .parse = parse,
    .infer = infer,
    .run = run_entropy,
    .mixes_samples = mixes_samples,
};

/*
 * Every operator's `gradient` agrees with differences of its plain code, for
 * every float32 operand of every case of op_cases.h.
 */
#include "base/array.h"
#include "op/fold.h"
#include "op_case.h"
#include "op_run.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { OPERANDS = 16 };

/* A power of two: operands are multiples of 1/64, so steps are exact. */
static const double step = 1.0 / 1024;

static void good(int result, const struct op_case *row, const struct error *err)
{
    if (result < 0)
        fail_msg("%s: %s", row->name, err->message);
}

/* A case with all operands' data, and a loss: weighted outputs. */
struct trial {
    const struct op_case *row;
    struct graph *graph, *instance;
    struct op_call call;
    struct op_gradient gradient;
    struct tensor inputs[OPERANDS], outputs[OPERANDS];
    const struct tensor *input_pointers[OPERANDS];
    struct tensor *output_pointers[OPERANDS];
    struct tensor by_inputs[OPERANDS], by_outputs[OPERANDS];
    struct tensor *by_input_pointers[OPERANDS];
    const struct tensor *by_output_pointers[OPERANDS];
};

/* Own memory for an operand, so that it can be changed. */
static void own(struct trial *trial, int i, size_t *next_input)
{
    struct error err = {0};
    const struct node *node = &trial->instance->nodes[0];
    struct tensor *input = &trial->inputs[i], copy;
    if (trial->instance->values[node->inputs[i]].constant.data) {
        good(tensor_init(&copy, input->dtype, &input->shape, &err), trial->row,
             &err);
        memcpy(copy.data, input->data, tensor_bytes(input));
    } else {
        good(op_case_input(&copy, trial->row, (*next_input)++, &err),
             trial->row, &err);
    }
    *input = copy;
}

static double weight_of(int64_t i)
{
    return (double)(i * 29 % 23 - 11) / 8;
}

static void make_outputs(struct trial *trial)
{
    struct error err = {0};
    for (int i = 0; i < trial->call.node->output_count; i++) {
        struct tensor *y = &trial->outputs[i], *dy = &trial->by_outputs[i];
        if (!trial->output_pointers[i] || y->dtype == DTYPE_NONE)
            continue;
        good(tensor_init(y, y->dtype, &y->shape, &err), trial->row, &err);
        /* Only Split's further outputs are more than statistics. */
        if (y->dtype != DTYPE_FLOAT32 ||
            (i > 0 && strcmp(trial->row->type, "Split") != 0))
            continue;
        good(tensor_init(dy, y->dtype, &y->shape, &err), trial->row, &err);
        trial->by_output_pointers[i] = dy;
        for (int64_t j = 0; j < tensor_elements(dy); j++)
            ((float *)dy->data)[j] = (float)weight_of(j);
    }
}

/* False where the case is folded away or nothing flows back through it. */
static bool trial_init(struct trial *trial, const struct op_case *row,
                       bool training)
{
    struct error err = {0};
    size_t next_input = 0;
    memset(trial, 0, sizeof *trial);
    trial->row = row;
    good(op_case_build(&trial->graph, row, &err), row, &err);
    good(op_resolve(trial->graph, &err), row, &err);
    good(op_instantiate(&trial->instance, trial->graph,
                        op_case_batch(trial->graph), &err),
         row, &err);
    const struct node *node = &trial->instance->nodes[0];
    if (trial->instance->folded[0] || !node->op->gradient)
        return false;
    op_call_of(trial->instance, 0, &trial->call, trial->inputs,
               trial->input_pointers, trial->outputs, trial->output_pointers);
    trial->call.training = training;
    trial->gradient = (struct op_gradient){trial->by_output_pointers,
                                           trial->by_input_pointers};
    for (int i = 0; i < node->input_count; i++) {
        struct tensor *by = &trial->by_inputs[i];
        if (!trial->input_pointers[i])
            continue;
        own(trial, i, &next_input);
        if (trial->inputs[i].dtype != DTYPE_FLOAT32)
            continue;
        good(tensor_init(by, DTYPE_FLOAT32, &trial->inputs[i].shape, &err), row,
             &err);
        memset(by->data, 0x7f, tensor_bytes(by)); /* must be written whole */
        trial->by_input_pointers[i] = by;
    }
    make_outputs(trial);
    return trial->by_output_pointers[0] != NULL;
}

static void trial_release(struct trial *trial)
{
    for (int i = 0; i < OPERANDS; i++) {
        if (trial->input_pointers[i])
            tensor_release(&trial->inputs[i]);
        tensor_release(&trial->by_inputs[i]);
        tensor_release(&trial->by_outputs[i]);
        if (trial->output_pointers[i])
            tensor_release(&trial->outputs[i]);
    }
    graph_drop(trial->instance);
    graph_drop(trial->graph);
}

static double loss(struct trial *trial)
{
    struct error err = {0};
    double sum = 0;
    good(trial->call.node->op->run(&trial->call, &err), trial->row, &err);
    for (int i = 0; i < trial->call.node->output_count; i++)
        for (int64_t j = 0; trial->by_output_pointers[i] &&
                            j < tensor_elements(&trial->outputs[i]);
             j++)
            sum += (double)((float *)trial->outputs[i].data)[j] * weight_of(j);
    return sum;
}

/* Clip's bounds, Pad's value, Dropout's ratio, Resize's scales and crop are
 * settings. */
static bool has_gradient(const struct trial *trial, int i)
{
    static const char *const types[] = {"Clip", "Pad", "Dropout", "Resize",
                                        "Upsample"};
    bool has_settings = false;
    for (size_t k = 0; k < ARRAY_LENGTH(types); k++)
        has_settings |= strcmp(trial->row->type, types[k]) == 0;
    return trial->by_input_pointers[i] && !(i > 0 && has_settings);
}

static bool is_near(double found, double low, double high)
{
    double room = 1e-3 * (1 + fmax(fabs(low), fabs(high)));
    return found >= fmin(low, high) - room && found <= fmax(low, high) + room;
}

/* Where the function itself jumps there is no derivative at all. */
static bool is_jump(const struct op_case *row, double difference)
{
    static const char *const steps[] = {"Sign", "Floor", "Ceil", "Round",
                                        "ThresholdedRelu"};
    for (size_t i = 0; i < ARRAY_LENGTH(steps); i++)
        if (strcmp(row->type, steps[i]) == 0)
            return fabs(difference) * step > 0.05;
    return false;
}

struct counts {
    int64_t checked, kinks;
};

/* At a kink the gradient may be either side's. */
static void check_element(struct trial *trial, int i, int64_t at, double base,
                          struct counts *counts)
{
    float *x = &((float *)trial->inputs[i].data)[at], before = *x;
    double found = (double)((float *)trial->by_inputs[i].data)[at];
    *x = before + (float)step;
    double above = (loss(trial) - base) / step;
    *x = before - (float)step;
    double below = (base - loss(trial)) / step;
    *x = before;
    double middle = (above + below) / 2;
    counts->checked++;
    if (is_near(found, middle, middle))
        return;
    counts->kinks++;
    if (!isfinite(middle)) /* the edge of where the function is defined */
        return;
    if (!is_near(found, above, below) && !is_jump(trial->row, above) &&
        !is_jump(trial->row, below))
        fail_msg("%s: input %d, element %d: gradient %g, difference %g "
                 "(%g, %g)",
                 trial->row->name, i, (int)at, found, middle, below, above);
}

static void check_case(const struct op_case *row, bool training,
                       struct counts *counts)
{
    struct trial trial;
    struct error err = {0};
    if (trial_init(&trial, row, training)) {
        double base = loss(&trial);
        int result =
            trial.call.node->op->gradient(&trial.call, &trial.gradient, &err);
        good(result, row, &err);
        for (int i = 0; i < trial.call.node->input_count; i++)
            for (int64_t j = 0; has_gradient(&trial, i) &&
                                j < tensor_elements(&trial.inputs[i]);
                 j++)
                check_element(&trial, i, j, base, counts);
    }
    trial_release(&trial);
}

static void gradients_are_differences(void **state)
{
    (void)state;
    struct counts counts = {0, 0};
    for (size_t i = 0; i < op_case_count; i++)
        check_case(&op_cases[i], false, &counts);
    assert_true(counts.checked > 3000);
    assert_true(counts.kinks < counts.checked / 20);
}

static void batch_norm_differentiates_through_its_statistics(void **state)
{
    (void)state;
    struct counts counts = {0, 0};
    for (size_t i = 0; i < op_case_count; i++)
        if (strcmp(op_cases[i].type, "BatchNormalization") == 0)
            check_case(&op_cases[i], true, &counts);
    assert_true(counts.checked > 50);
    assert_int_equal(counts.kinks, 0);
}

/* Nothing is written for an operand whose gradient nobody wants. */
static void unwanted_gradients_are_not_computed(void **state)
{
    (void)state;
    for (size_t i = 0; i < op_case_count; i++) {
        struct trial trial;
        struct error err = {0};
        if (trial_init(&trial, &op_cases[i], false)) {
            loss(&trial);
            memset(trial.by_input_pointers, 0, sizeof trial.by_input_pointers);
            good(trial.call.node->op->gradient(&trial.call, &trial.gradient,
                                               &err),
                 &op_cases[i], &err);
        }
        trial_release(&trial);
    }
}

/* What networks are made of can be tuned. */
static void common_operators_have_gradients(void **state)
{
    (void)state;
    static const char *const types[] = {
        "Conv",        "Gemm",        "MatMul",
        "MaxPool",     "AveragePool", "GlobalAveragePool",
        "Relu",        "LeakyRelu",   "Sigmoid",
        "HardSigmoid", "HardSwish",   "Tanh",
        "Elu",         "Erf",         "Gelu",
        "Sqrt",        "Reciprocal",  "Clip",
        "Add",         "Sub",         "Mul",
        "Div",         "Pow",         "ReduceMean",
        "ReduceSum",   "ReduceMax",   "Softmax",
        "LogSoftmax",  "Reshape",     "Flatten",
        "Squeeze",     "Unsqueeze",   "Identity",
        "Dropout",     "Transpose",   "Concat",
        "Split",       "Slice",       "Gather",
        "Where",       "Expand",      "Pad",
        "Cast",        "PRelu",       "BatchNormalization",
        "Exp",         "Log",         "LayerNormalization",
        "Max",         "Min",         "InstanceNormalization",
        "Resize",      "Upsample",    "GroupNormalization",
        "LRN",         "Tile",        "GatherElements",
        "GatherND",    "Trilu",       "CumSum",
        "ScatterND",   "Einsum",      "DepthToSpace",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++)
        for (size_t j = 0; j < op_count(); j++)
            if (strcmp(op_at(j)->type, types[i]) == 0 &&
                op_at(j)->until > OP_OPSET_FIRST && !op_at(j)->gradient)
                fail_msg("%s of opset %d has no gradient", types[i],
                         op_at(j)->since);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_differences),
        cmocka_unit_test(batch_norm_differentiates_through_its_statistics),
        cmocka_unit_test(unwanted_gradients_are_not_computed),
        cmocka_unit_test(common_operators_have_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What an operator cannot compute rightly it refuses before anything runs. */
#include "op_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

struct refusal {
    const char *type;
    int opset, outputs;
    const char *attributes, *inputs, *message;
};

static const struct refusal refusals[] = {
    {"Conv", 13, 1, "", "f:1x2x1x3x5x5 F:3x2x1x3x3x3", "expected 3 to 5"},
    {"Conv", 13, 1, "", "f:1x2x5x5 F:3x2x3",
     "'W' has 3 dimensions, expected 4"},
    {"Conv", 13, 1, "", "f:1x4x5x5 F:3x2x3x3", "'X' has 4 channels"},
    {"Conv", 13, 1, "group=2", "f:1x4x5x5 F:3x2x3x3", "expects 4"},
    {"Conv", 13, 1, "group=0", "f:1x4x5x5 F:3x2x3x3", "group 0"},
    {"Conv", 13, 1, "", "f:1x2x5x5 F:3x2x3x3 F:4", "'B' has 4 elements"},
    {"Conv", 13, 1, "", "f:1x2x2x5 F:3x2x3x3", "does not fit"},
    {"Conv", 13, 1, "kernel_shape=[5,5]", "f:1x2x7x7 F:3x2x3x3",
     "kernel_shape is 5, but the weight has 3"},
    {"Conv", 13, 1, "strides=[0,1]", "f:1x2x7x7 F:3x2x3x3", "strides 0"},
    {"Conv", 13, 1, "strides=[1]", "f:1x2x7x7 F:3x2x3x3", "expected 2"},
    {"Conv", 13, 1, "pads=[-1,0,0,0]", "f:1x2x7x7 F:3x2x3x3", "pads -1"},
    {"Conv", 13, 1, "pads=[1,1]", "f:1x2x7x7 F:3x2x3x3", "expected 4"},
    {"Conv", 13, 1, "auto_pad='SAME'", "f:1x2x7x7 F:3x2x3x3",
     "auto_pad 'SAME' is not known"},
    {"Conv", 13, 1, "blocked=1", "f:1x2x7x7 F:3x2x3x3",
     "attribute 'blocked' is not supported"},
    {"Conv", 13, 1, "group=1.0", "f:1x2x7x7 F:3x2x3x3",
     "attribute 'group' is a float, expected an integer"},
    {"Conv", 13, 1, "", "i:1x2x7x7 F:3x2x3x3", "only float32"},
    {"Conv", 13, 1, "", "f:1x2x7x7", "found 1 inputs, expected 2 to 3"},
    {"Conv", 13, 1, "", "f:1x2x7x7 - F:2", "input 2 is missing"},
    {"ConvTranspose", 13, 1, "output_padding=[1]", "f:1x2x3x3 F:2x3x3x3",
     "output_padding has 1 values"},
    {"ConvTranspose", 13, 1, "pads=[9,9,9,9]", "f:1x2x3x3 F:2x3x3x3",
     "no extent"},
    {"ConvTranspose", 13, 1, "group=3", "f:1x4x3x3 F:4x3x3x3", "do not divide"},
    {"Gemm", 13, 1, "", "f:2x3 F:4x5", "inner sizes differ"},
    {"Gemm", 13, 1, "", "f:2x3 F:3x5 F:4", "does not broadcast"},
    {"Gemm", 13, 1, "", "f:2x3 F:3x5 F:7x2x5", "does not broadcast"},
    {"Gemm", 13, 1, "", "f:2x3x1 F:3x5", "'A' has 3 dimensions"},
    {"MatMul", 13, 1, "", "f:2x3 F:4x5", "do not multiply"},
    {"MatMul", 13, 1, "", "f:2x3 F#2.0", "'B' has 0 dimensions"},
    {"MatMul", 13, 1, "", "f:2x4x3 f:3x3x5", "do not multiply"},
    {"BatchNormalization", 13, 1, "", "f:2x3x4 F:3 F:3 F:4 P:3",
     "'mean' has 4 elements, expected 3"},
    {"BatchNormalization", 7, 1, "spatial=0", "f:2x3 F:3 F:3 F:3 P:3",
     "spatial 0"},
    {"BatchNormalization", 14, 3, "training_mode=1", "f:2x3 F:3 F:3 F:3 P:3",
     "output 'y1' is not computed by inference"},
    {"MaxPool", 12, 2, "kernel_shape=[2,2,2]", "f:1x2x4x4x4",
     "output 'y1' is not computed by inference"},
    {"MaxUnpool", 11, 1, "kernel_shape=[2,2] strides=[2,2]",
     "f:1x1x2x2 i:1x1x2x2 I=1,1,5,5", "runtimes differ"},
    {"MaxUnpool", 11, 1, "kernel_shape=[2,2]", "f:1x1x2x2 i:1x1x2x1",
     "differ in shape"},
    {"LpPool", 11, 1, "kernel_shape=[2,2] p=0", "f:1x1x3x3", "p 0 is not"},
    {"GridSample", 16, 1, "mode='area'", "f:1x1x3x3 f:1x2x2x2", "mode 'area'"},
    {"GridSample", 16, 1, "", "f:2x1x3x3 f:1x2x2x2", "'grid' is not (2,"},
    {"MaxPool", 12, 1, "", "f:1x2x4x4", "kernel_shape is missing"},
    {"MaxPool", 12, 1, "kernel_shape=[2,2] pads=[2,0,0,0]", "f:1x2x4x4",
     "padding is not smaller than the window"},
    {"AveragePool", 12, 1, "kernel_shape=[2,2]", "f:1x2x4x4x4",
     "kernel_shape has 2 values, expected 3"},
    {"Resize", 13, 1, "mode='area'", "f:1x2x4x4 - F=1,1,2,2", "mode 'area'"},
    {"Resize", 13, 1, "", "f:1x2x4x4", "neither sizes nor scales"},
    {"Resize", 13, 1, "", "f:1x2x4x4 - f=1,1,2,2", "computed from the data"},
    {"Resize", 13, 1, "", "f:1x2x4x4 - F=2,2", "has 2 elements, expected 4"},
    {"Resize", 13, 1, "", "f:1x2x4x4 - F=1,1,0,2", "by a scale of 0"},
    {"Resize", 13, 1, "coordinate_transformation_mode='align_corners'",
     "f:1x2x4x4 - F=1,1,0.6,0.6", "runtimes differ"},
    {"Resize", 13, 1, "coordinate_transformation_mode='tf_crop_and_resize'",
     "f:1x2x4x4 - F=1,1,2,2", "'roi' is missing"},
    {"Add", 6, 1, "", "f:2x3 f:3", "differ without 'broadcast'"},
    {"Add", 6, 1, "broadcast=1 axis=1", "f:2x3 f:3x1", "behind axis 1 of 2"},
    {"Add", 6, 1, "broadcast=1", "f:2x1 f:2x3", "does not broadcast to 'A'"},
    {"NegativeLogLikelihoodLoss", 13, 1, "reduction='most'", "f:2x3 i=0,1",
     "a reduction that is not known"},
    {"NegativeLogLikelihoodLoss", 13, 1, "", "f:2x3 i=0,1,2",
     "has 3 in dimension 0, expected 2"},
    {"SoftmaxCrossEntropyLoss", 13, 1, "", "f:2x3 i=0,1 F:2",
     "'weight' has 2 elements, expected 3"},
    {"GatherElements", 13, 1, "axis=1", "f:2x3 i:3x3",
     "has 3 in dimension 0, the data has 2"},
    {"LSTM", 14, 1, "input_forget=1", "f:2x1x2 F:1x4x2 F:1x4x1",
     "input_forget"},
    {"LSTM", 14, 1, "direction='both'", "f:2x1x2 F:1x4x2 F:1x4x1",
     "direction 'both'"},
    {"LSTM", 14, 1, "hidden_size=2", "f:2x1x2 F:1x4x2 F:1x4x1",
     "hidden_size is 2, input 'R' says 1"},
    {"GRU", 14, 1, "", "f:2x1x2 F:1x4x2 F:1x3x1", "'W' is 1x4x2, expected"},
    {"CumSum", 14, 1, "", "f:2x3 i#1", "computed from the data"},
    {"CumSum", 14, 1, "", "u:2x3 I#1", "CumSum of uint8"},
    {"ReverseSequence", 10, 1, "batch_axis=1 time_axis=2", "f:2x3x2 i:3",
     "not 0 and 1"},
    {"Trilu", 14, 1, "", "f:3", "'input' has 1 dimensions"},
    {"OneHot", 11, 1, "", "i:2 i#3 F=0,1", "computed from the data"},
    {"OneHot", 11, 1, "", "i:2 I#3 F=0,1,2", "'values' has not 2 elements"},
    {"TopK", 11, 2, "", "f:2x3 I=4", "K is 4, the axis has 3"},
    {"TopK", 11, 2, "sorted=0", "f:2x3 I=2", "order open"},
    {"Einsum", 12, 1, "equation='ij,jk'", "f:2x3", "does not fit 1 inputs"},
    {"Einsum", 12, 1, "equation='ij,jk->ik'", "f:2x3 f:4x2",
     "dimension 0 of input 2 is 4, others of its letter 3"},
    {"Einsum", 12, 1, "equation='ij->ii'", "f:2x3", "twice in the result"},
    {"BitShift", 11, 1, "direction='UP'", "u:2 u:2", "expected LEFT or RIGHT"},
    {"BitShift", 11, 1, "direction='LEFT'", "i:2 i:2", "BitShift of int64"},
    {"Compress", 11, 1, "", "f:2x3 b:6", "depends on the values of input"},
    {"NonZero", 13, 1, "", "f:2x3", "depends on the values of input 'X'"},
    {"GroupNormalization", 18, 1, "num_groups=3", "f:2x4x2 F:3 F:3",
     "4 channels do not divide into 3 groups"},
    {"LpNormalization", 13, 1, "p=3", "f:2x3", "p is 3"},
    {"QuantizeLinear", 21, 1, "block_size=2", "f:2x4 F:2x2", "block_size 2"},
    {"QuantizeLinear", 13, 1, "", "f:2x3 F=1,2", "expected 3"},
    {"ScatterElements", 18, 1, "reduction='mean'", "f:2x3 i:1x1 f:1x1",
     "reduction 'mean'"},
    {"ScatterElements", 13, 1, "", "f:2x3 i:1x2 f:2x1", "differ in shape"},
    {"GatherND", 13, 1, "", "f:2x3 i:2x3", "do not fit the data's 2"},
    {"GlobalAveragePool", 12, 1, "", "f:1x2", "'X' has 2 dimensions"},
    {"GlobalMaxPool", 12, 1, "", "f:1x2x0x3", "a spatial dimension of 0"},
    {"MaxPool", 12, 1, "kernel_shape=[1,1] strides=[3,3] auto_pad='SAME_UPPER'",
     "f:1x2x8x6", "runtimes differ"},
    {"ConvTranspose", 13, 1, "strides=[2] auto_pad='SAME_LOWER'",
     "f:2x3x9 F:3x1x1", "runtimes differ"},
    {"MaxPool", 12, 1, "kernel_shape=[1,1]", "f:0x2x4000000000x1",
     "a spatial dimension of 4000000000"},
    {"AveragePool", 19, 1, "kernel_shape=[2] dilations=[2] pads=[1,1]",
     "f:1x2x1", "larger than the input"},
    {"LRN", 13, 1, "", "f:1x2x3x3", "size 0"},
    {"Gelu", 20, 1, "approximate='fast'", "f:2x3", "approximate 'fast'"},
    {"Sigmoid", 13, 1, "", "i:2x3", "'X' is int64"},
    {"Clip", 13, 1, "", "f:2x3 I#1", "'min' is int64"},
    {"Clip", 13, 1, "", "f:2x3 F=1.0,2.0", "'min' has 2 elements"},
    {"Clip", 13, 1, "min=0.0", "f:2x3", "attribute 'min'"},
    {"Clip", 9, 1, "", "f:2x3 F#1.0", "found 2 inputs, expected 1 to 1"},
    {"PRelu", 13, 1, "", "f:2x3 F:4x2x3", "'slope' does not broadcast"},
    {"Add", 13, 1, "", "f:2x3 f:4", "do not broadcast"},
    {"Add", 13, 1, "", "f:2x3 i:3", "'B' is int64, only float32"},
    {"Add", 13, 1, "", "b:2x3 b:3", "Add of bool"},
    {"Add", 7, 1, "axis=1", "f:2x3 f:3", "attribute 'axis'"},
    {"Mod", 13, 1, "", "f:2x3 f:3", "Mod of float32"},
    {"Div", 13, 1, "", "I=1,2 I=1,0", "integer division by zero"},
    {"And", 13, 1, "", "i:3 b:3", "And of int64"},
    {"Max", 13, 1, "", "f:2x3 -  f:3", "input 2 is missing"},
    {"Where", 13, 1, "", "i:3 f:3 f:3", "'condition' is int64"},
    {"ReduceMean", 13, 1, "axes=[3]", "f:2x3", "axis 3 is outside"},
    {"ReduceMean", 13, 1, "axes=[1,-1]", "f:2x3", "axis 1 appears twice"},
    {"ReduceMean", 18, 1, "axes=[1]", "f:2x3", "attribute 'axes'"},
    {"ReduceMean", 13, 1, "axes=[1]", "i:2x3", "ReduceMean of int64"},
    {"ReduceSum", 13, 1, "", "f:2x3 i:1", "computed from the data"},
    {"ArgMax", 13, 1, "axis=1", "f:2x0", "axis 1 is empty"},
    {"Softmax", 13, 1, "axis=2", "f:2x3", "axis 2 is outside"},
    {"Reshape", 13, 1, "", "f:2x3 I=4,-1", "do not divide by 4"},
    {"Reshape", 13, 1, "", "f:2x3 I=7", "target has 7 elements"},
    {"Reshape", 13, 1, "", "f:2x3 I=-1,-1", "-1 twice"},
    {"Reshape", 13, 1, "", "f:2x3 I=2,3,0", "dimension 2 is 0"},
    {"Reshape", 13, 1, "", "f:2x3 i=2,3", "computed from the data"},
    {"Reshape", 14, 1, "allowzero=1", "f:2x3 I=0,-1", "do not divide by 0"},
    {"Flatten", 13, 1, "axis=3", "f:2x3", "axis 3 is outside"},
    {"Squeeze", 13, 1, "", "f:2x3 I=0", "dimension 0 is 2, expected 1"},
    {"Unsqueeze", 7, 1, "", "f:2x3", "axes are missing"},
    {"Unsqueeze", 13, 1, "", "f:2x3 I=0,1,2,3,4,5,6",
     "has 9 dimensions, at most 8"},
    {"Dropout", 12, 1, "", "f:2x3 F#0.5 B#1", "training_mode"},
    {"Dropout", 13, 1, "", "f:2x3 - B#1", "training_mode"},
    {"Dropout", 13, 1, "", "f:2x3 f#0.0 B#1", "training_mode"},
    {"Dropout", 13, 1, "", "f:2x3 F#0.5 b#0", "training_mode"},
    {"Transpose", 13, 1, "perm=[0,0]", "f:2x3", "not a permutation"},
    {"DepthToSpace", 13, 1, "blocksize=2", "f:1x3x2x2", "does not divide"},
    {"DepthToSpace", 13, 1, "blocksize=2 mode='XYZ'", "f:1x4x2x2",
     "mode 'XYZ'"},
    {"Concat", 13, 1, "", "f:2x3 f:2x3", "axis is missing"},
    {"Concat", 13, 1, "axis=0", "f:2x3 f:2x4", "do not join along axis 0"},
    {"Concat", 13, 1, "axis=0", "f:2x3 i:2x3", "is int64, only float32"},
    {"Split", 13, 2, "", "f:3x2", "does not divide into 2 parts"},
    {"Split", 13, 2, "", "f:4x2 I=1,2", "leave 1 over"},
    {"Split", 13, 2, "", "f:4x2 I=3,2", "part 2 has 2 of 1 left"},
    {"Split", 13, 2, "split=[2,2]", "f:4x2", "since opset 13"},
    {"Split", 18, 2, "num_outputs=3", "f:6x2", "num_outputs is 3"},
    {"Slice", 13, 1, "", "f:4x2 I=0 I=1 I=5", "axis 5 is outside"},
    {"Slice", 13, 1, "", "f:4x2 I=0,0 I=1,1 I=0,-2", "axis 0 appears twice"},
    {"Slice", 13, 1, "", "f:4x2 I=0 I=1 I=0 I=0", "step along axis 0 is 0"},
    {"Slice", 13, 1, "", "f:4x2 I=0 I=1,2", "differ in length"},
    {"Slice", 13, 1, "", "f:4x2 i=0 I=1", "computed from the data"},
    {"Gather", 13, 1, "", "F:4x2 I=4", "index 4 is outside the 4"},
    {"Gather", 13, 1, "", "f:4x2 F:1", "'indices' is float32"},
    {"ScatterND", 13, 1, "", "f:3x2 I=3 f:2",
     "index 3 is outside the 3 elements of dimension 0"},
    {"ScatterND", 13, 1, "", "f:3x2 I=-4 f:2",
     "index -4 is outside the 3 elements of dimension 0"},
    {"ScatterND", 13, 1, "", "f:3x2 I=0,2 f#1.0",
     "index 2 is outside the 2 elements of dimension 1"},
    {"ScatterND", 13, 1, "", "f:3x2 I=0,0,0 f#1.0", "rows of 3, expected 1"},
    {"ScatterND", 13, 1, "", "f:3x2 I=0 f:3", "'updates' is 3, expected 2"},
    {"ScatterND", 13, 1, "", "f:3x2 I=0 i:2", "'updates' is int64"},
    {"ScatterND", 13, 1, "", "f:3x2 F=0 f:2", "'indices' is float32"},
    {"ScatterND", 13, 1, "", "f:3x2 I#0 f:2", "'indices' has 0 dimensions"},
    {"ScatterND", 16, 1, "reduction='mean'", "f:3x2 I=0 f:2",
     "reduction 'mean' is not supported"},
    {"Pad", 13, 1, "mode='mirror'", "f:2x3 I=0,0,0,0", "mode 'mirror'"},
    {"Pad", 13, 1, "mode='wrap'", "f:2x3 I=0,0,0,0", "mode 'wrap'"},
    {"Pad", 13, 1, "mode='reflect'", "f:2x3 I=0,3,0,0", "reach beyond"},
    {"Pad", 13, 1, "mode='edge'", "f:2x3 I=0,-1,0,0", "not supported with"},
    {"Pad", 13, 1, "", "f:2x3 I=0,1", "pads has 2 values, expected 4"},
    {"Pad", 13, 1, "", "f:2x3 I=0,-4,0,0", "out of range"},
    {"Tile", 13, 1, "", "f:2x3 I=2", "repeats has 1 values"},
    {"Expand", 13, 1, "", "f:2x3 I=4,3", "does not broadcast"},
    {"Cast", 13, 1, "to=8", "f:2x3", "type 8"},
    {"Constant", 13, 1, "", "", "found 0 values"},
    {"Constant", 13, 1, "value_int=1 value_float=2.0", "", "found 2 values"},
    {"Constant", 13, 1, "value_string='a'", "", "attribute 'value_string'"},
    {"ConstantOfShape", 13, 1, "", "I=2,-3", "dimension 1 is -3"},
    {"ConstantOfShape", 13, 1, "", "I=100000,100000", "too large"},
    {"ConstantOfShape", 13, 1, "", "I=4000000000,4000000000", "too large"},
    {"Range", 13, 1, "", "I#0 I#50000000 I#1",
     "a computed constant of 400000000 bytes is too large"},
    {"Range", 13, 1, "", "I#1 I#5 I#0", "by 0"},
    {"Range", 13, 1, "", "I#1 i#5 I#1", "computed from the data"},
    {"Relu", 13, 2, "", "f:2x3", "found 2 outputs, expected 1 to 1"},
    {"Relu", 13, 1, "alpha=0.5", "f:2x3", "attribute 'alpha'"},
};

enum { REFUSAL_COUNT = sizeof refusals / sizeof refusals[0] };

static int try_case(const struct refusal *refusal, struct error *err)
{
    struct op_case row = {.name = "here",
                          .type = refusal->type,
                          .opset = refusal->opset,
                          .outputs = refusal->outputs,
                          .seed = 1,
                          .attributes = refusal->attributes,
                          .inputs = refusal->inputs};
    struct graph *graph = NULL, *instance = NULL;
    if (op_case_build(&graph, &row, err) < 0)
        fail_msg("%s: %s", refusal->type, err->message);
    int result = op_resolve(graph, err);
    if (result == 0)
        result = op_instantiate(&instance, graph, op_case_batch(graph), err);
    graph_drop(instance);
    graph_drop(graph);
    return result;
}

static void what_is_not_served_is_refused_with_its_reason(void **state)
{
    (void)state;
    for (int i = 0; i < REFUSAL_COUNT; i++) {
        struct error err = {0};
        const struct refusal *refusal = &refusals[i];
        if (try_case(refusal, &err) == 0)
            fail_msg("%s (%s) [%s] is accepted", refusal->type, refusal->inputs,
                     refusal->attributes);
        if (!strstr(err.message, refusal->message))
            fail_msg("%s (%s) [%s]: found '%s', expected '%s'", refusal->type,
                     refusal->inputs, refusal->attributes, err.message,
                     refusal->message);
    }
}

static void a_refusal_names_its_node(void **state)
{
    (void)state;
    for (int i = 0; i < REFUSAL_COUNT; i++) {
        struct error err = {0};
        char prefix[80];
        try_case(&refusals[i], &err);
        if (strstr(err.message, "is not computed by inference"))
            continue; /* names the output */
        snprintf(prefix, sizeof prefix,
                 "node 'here' (%s, 1 of 1): ", refusals[i].type);
        if (strncmp(err.message, prefix, strlen(prefix)) != 0)
            fail_msg("'%s' does not begin with '%s'", err.message, prefix);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_served_is_refused_with_its_reason),
        cmocka_unit_test(a_refusal_names_its_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * The one list of operator cases: correctness now, gradients and speed later
 * (tests/unit/op_case.h builds and fills them).
 *
 * CASE(name, type, opset, outputs, seed, attributes, inputs,
 *      first output's shape, sum, weighted sum of all outputs)
 *
 * attributes  key=3 integer, key=0.5 float, key='TEXT', key=[1,2] list
 * inputs      by spaces; '-' is omitted. Small letters are run-time inputs,
 *             capitals constants: f float32, p positive float32, i int64,
 *             b bool, d float64, n int32, u uint8, s int8; then ':' and a
 *             shape (seeded numbers), '=' and a list of numbers (with '@' a
 *             shape behind it), '#' and one number (a scalar)
 *
 * The figures behind the inputs are ONNX Runtime's, written by
 * tests/conformance/op_expectations.py.
 */
#ifndef TESTS_OP_CASES_H
#define TESTS_OP_CASES_H

#include "op_cases_rare.h"

/* clang-format off */
#define OP_CASES(CASE) \
    OP_CASES_RARE(CASE) \
    CASE("conv_plain", "Conv", 7, 1, 1, "", "f:2x3x5x5 F:4x3x3x3 F:4", \
         "2x4x3x3", -53.9177246, -463.896484) \
    CASE("conv_no_bias_padded", "Conv", 13, 1, 2, "pads=[1,1,1,1]", "f:2x3x5x6 F:4x3x3x3", \
         "2x4x5x6", -3.23339844, -191.185791) \
    CASE("conv_strided_uneven_padding", "Conv", 13, 1, 3, "strides=[2,3] pads=[0,1,2,1]", "f:1x2x7x9 F:3x2x3x2 F:3", \
         "1x3x4x4", 8.15112305, 135.616699) \
    CASE("conv_dilated", "Conv", 13, 1, 4, "dilations=[2,3] pads=[2,3,2,3]", "f:1x2x7x8 F:3x2x3x3 F:3", \
         "1x3x7x8", 46.4567871, 319.339355) \
    CASE("conv_grouped", "Conv", 13, 1, 5, "group=2 pads=[1,1,1,1]", "f:2x4x5x5 F:6x2x3x3 F:6", \
         "2x6x5x5", -57.8754883, -293.037842) \
    CASE("conv_depthwise", "Conv", 13, 1, 6, "group=5 strides=[2,2] pads=[1,1,1,1]", "f:1x5x7x7 F:5x1x3x3 F:5", \
         "1x5x4x4", 1.93139648, 89.4909668) \
    CASE("conv_pointwise", "Conv", 13, 1, 7, "kernel_shape=[1,1]", "f:3x5x4x4 F:7x5x1x1 F:7", \
         "3x7x4x4", -35.9938965, -197.638428) \
    CASE("conv_same_upper", "Conv", 13, 1, 8, "auto_pad='SAME_UPPER' strides=[2,2]", "f:1x2x6x7 F:3x2x3x4 F:3", \
         "1x3x3x4", -13.8007812, -30.4133301) \
    CASE("conv_same_lower", "Conv", 13, 1, 9, "auto_pad='SAME_LOWER' strides=[2,2]", "f:1x2x6x7 F:3x2x3x4 F:3", \
         "1x3x3x4", 39.0678711, 334.953857) \
    CASE("conv_valid", "Conv", 13, 1, 10, "auto_pad='VALID' strides=[1,2]", "f:1x2x6x7 F:3x2x3x4 F:3", \
         "1x3x4x2", -5.06347656, -70.8088379) \
    CASE("conv_1d", "Conv", 13, 1, 11, "pads=[2,1] strides=[2]", "f:2x3x11 F:4x3x5 F:4", \
         "2x4x5", 8.43725586, -51.0761719) \
    CASE("conv_1d_grouped_dilated", "Conv", 21, 1, 12, "group=3 dilations=[2] pads=[3,3]", "f:2x3x11 F:6x1x4 F:6", \
         "2x6x11", -15.5710449, 22.7504883) \
    CASE("conv_runtime_weight", "Conv", 13, 1, 13, "", "f:1x2x5x5 f:3x2x2x2 f:3", \
         "1x3x4x4", -30.9484863, -302.383057) \
    CASE("deconv_plain", "ConvTranspose", 7, 1, 14, "", "f:2x3x4x5 F:3x2x3x3 F:2", \
         "2x2x6x7", -137.06543, -1302.40918) \
    CASE("deconv_strided_padded", "ConvTranspose", 13, 1, 15, "strides=[2,3] pads=[1,0,0,2]", "f:1x3x4x3 F:3x4x3x3 F:4", \
         "1x4x8x7", -3.47045898, 68.1645508) \
    CASE("deconv_output_padding", "ConvTranspose", 13, 1, 16, "strides=[2,2] pads=[1,1,1,1] output_padding=[1,1]", "f:1x3x4x4 F:3x2x3x3 F:2", \
         "1x2x8x8", -30.875, -376.047607) \
    CASE("deconv_grouped_dilated", "ConvTranspose", 13, 1, 17, "group=2 dilations=[2,2] strides=[2,1]", "f:1x4x3x4 F:4x3x2x3 F:6", \
         "1x6x7x8", 15.2495117, 314.987061) \
    CASE("deconv_output_shape", "ConvTranspose", 13, 1, 18, "strides=[2,2] output_shape=[8,9] auto_pad='SAME_UPPER'", "f:1x2x4x4 F:2x3x3x4 F:3", \
         "1x3x8x9", 101.107666, 1052.81665) \
    CASE("deconv_same_upper", "ConvTranspose", 13, 1, 19, "strides=[2,2] auto_pad='SAME_UPPER'", "f:1x2x4x4 F:2x3x3x3", \
         "1x3x8x8", 3.60131836, 20.157959) \
    CASE("deconv_same_lower", "ConvTranspose", 13, 1, 20, "strides=[2,2] auto_pad='SAME_LOWER'", "f:1x2x4x4 F:2x3x3x3", \
         "1x3x8x8", -2.75952148, -167.998779) \
    CASE("deconv_1d", "ConvTranspose", 13, 1, 21, "strides=[3] pads=[1,2] output_padding=[1]", "f:2x3x5 F:3x4x4 F:4", \
         "2x4x14", -10.784668, -154.089111) \
    CASE("gemm_transposed_weight", "Gemm", 7, 1, 22, "transB=1", "f:3x5 F:7x5 F:7", \
         "3x7", -22.1628418, -203.822021) \
    CASE("gemm_plain", "Gemm", 11, 1, 23, "", "f:3x5 F:5x7 F:1x7", \
         "3x7", 0.29296875, 106.985107) \
    CASE("gemm_no_bias", "Gemm", 13, 1, 24, "transB=1", "f:3x5 F:7x5", \
         "3x7", -16.8530273, -58.71875) \
    CASE("gemm_scaled", "Gemm", 13, 1, 25, "alpha=0.5 beta=0.25 transA=1", "f:5x3 F:5x7 F:3x1", \
         "3x7", 5.87426758, 64.9619141) \
    CASE("gemm_scalar_bias", "Gemm", 13, 1, 26, "transA=1 transB=1", "f:5x3 f:4x5 f:1", \
         "3x4", -14.4814453, -91.4663086) \
    CASE("matmul_weight", "MatMul", 7, 1, 27, "", "f:3x5 F:5x4", \
         "3x4", 0.671630859, 17.3200684) \
    CASE("matmul_weight_rank_3", "MatMul", 13, 1, 28, "", "f:2x3x5 F:5x4", \
         "2x3x4", -1.07519531, 2.4230957) \
    CASE("matmul_runtime_stack", "MatMul", 13, 1, 29, "", "f:2x3x4x5 f:2x3x5x2", \
         "2x3x4x2", -2.40917969, 62.2089844) \
    CASE("matmul_broadcast", "MatMul", 13, 1, 30, "", "f:2x1x4x5 f:3x5x2", \
         "2x3x4x2", 10.5380859, 19.7321777) \
    CASE("matmul_one_for_all", "MatMul", 13, 1, 31, "", "f:4x3x5 f:5x2", \
         "4x3x2", -13.1464844, -114.20752) \
    CASE("matmul_vectors", "MatMul", 13, 1, 32, "", "f:5 f:5", \
         "scalar", -1.88647461, -1.88647461) \
    CASE("matmul_vector_matrix", "MatMul", 13, 1, 33, "", "f:5 f:2x5x3", \
         "2x3", -3.84106445, 13.029541) \
    CASE("matmul_matrix_vector", "MatMul", 13, 1, 34, "", "f:2x4x5 F:5", \
         "2x4", 0.0817871094, 13.8842773) \
    CASE("matmul_constant_left", "MatMul", 13, 1, 35, "", "F:4x5 f:5x3", \
         "4x3", 4.34423828, 3.07519531) \
    CASE("batch_norm", "BatchNormalization", 9, 1, 36, "epsilon=0.01", "f:2x3x4x5 F:3 F:3 F:3 P:3", \
         "2x3x4x5", -82.865825, -713.495193) \
    CASE("batch_norm_rank_2", "BatchNormalization", 14, 1, 37, "", "f:4x3 F:3 F:3 F:3 P:3", \
         "4x3", -6.76687181, -39.2293298) \
    CASE("batch_norm_1d", "BatchNormalization", 15, 1, 38, "training_mode=0 momentum=0.8", "f:2x3x7 F:3 F:3 F:3 P:3", \
         "2x3x7", -24.0652707, -160.275461) \
    CASE("batch_norm_spatial", "BatchNormalization", 7, 1, 39, "", "f:2x3x2x2 F:3 F:3 F:3 P:3", \
         "2x3x2x2", -43.6990401, -384.993202) \
    CASE("batch_norm_runtime_statistics", "BatchNormalization", 13, 1, 40, "", "f:2x3x4x4 f:3 f:3 f:3 p:3", \
         "2x3x4x4", -240.683885, -2179.1944) \
    CASE("instance_norm", "InstanceNormalization", 7, 1, 41, "epsilon=0.001", "f:2x3x4x5 F:3 F:3", \
         "2x3x4x5", -44.9999988, -400.273625) \
    CASE("instance_norm_1d", "InstanceNormalization", 13, 1, 42, "", "f:2x3x9 F:3 F:3", \
         "2x3x9", -7.59375086, -90.1483481) \
    CASE("layer_norm", "LayerNormalization", 17, 1, 43, "", "f:2x3x7 F:7 F:7", \
         "2x3x7", 0.814724952, 5.73748481) \
    CASE("layer_norm_two_axes", "LayerNormalization", 17, 1, 44, "axis=-2 epsilon=0.1", "f:2x3x5 F:3x5", \
         "2x3x5", -9.17525963, -91.163336) \
    CASE("layer_norm_statistics", "LayerNormalization", 17, 3, 45, "axis=1", "f:2x3x5 F:3x5 F:3x5", \
         "2x3x5", -4.35988227, -43.2188586) \
    CASE("lrn", "LRN", 13, 1, 46, "size=3 alpha=0.2 beta=0.5 bias=2.0", "f:2x7x3x3", \
         "2x7x3x3", 0.361939901, 5.68298275) \
    CASE("lrn_wide", "LRN", 7, 1, 47, "size=5", "f:1x4x2x3", \
         "1x4x2x3", 1.40621666, -21.0138472) \
    CASE("max_pool", "MaxPool", 7, 1, 48, "kernel_shape=[2,2] strides=[2,2]", "f:2x3x6x7", \
         "2x3x3x3", 54.890625, 474) \
    CASE("max_pool_padded", "MaxPool", 8, 1, 49, "kernel_shape=[3,3] strides=[2,2] pads=[1,1,1,1]", "f:1x2x7x8", \
         "1x2x4x4", 40.03125, 360.890625) \
    CASE("max_pool_ceil", "MaxPool", 11, 1, 50, "kernel_shape=[3,2] strides=[2,3] ceil_mode=1", "f:1x2x6x6", \
         "1x2x3x2", 10.171875, 81.546875) \
    CASE("max_pool_ceil_dropped_window", "MaxPool", 12, 1, 51, "kernel_shape=[1,1] strides=[3,3] ceil_mode=1", "f:1x2x6x8", \
         "1x2x2x3", 3.734375, 23.78125) \
    CASE("max_pool_dilated", "MaxPool", 12, 1, 52, "kernel_shape=[2,3] dilations=[3,2] pads=[1,1,0,1]", "f:1x2x8x8", \
         "1x2x6x6", 81.265625, 732.484375) \
    CASE("max_pool_same_upper", "MaxPool", 12, 1, 53, "kernel_shape=[2,3] strides=[2,2] auto_pad='SAME_UPPER'", "f:1x2x5x6", \
         "1x2x3x3", 15.265625, 126.265625) \
    CASE("max_pool_same_lower", "MaxPool", 12, 1, 54, "kernel_shape=[2,3] strides=[2,2] auto_pad='SAME_LOWER'", "f:1x2x5x6", \
         "1x2x3x3", 14.8125, 125.53125) \
    CASE("max_pool_1d", "MaxPool", 12, 1, 55, "kernel_shape=[3] strides=[2] pads=[1,1]", "f:2x3x9", \
         "2x3x5", 21.9375, 196.328125) \
    CASE("average_pool", "AveragePool", 7, 1, 56, "kernel_shape=[2,3] strides=[2,1]", "f:2x3x6x7", \
         "2x3x3x5", 0.174479142, -29.992188) \
    CASE("average_pool_padded", "AveragePool", 11, 1, 57, "kernel_shape=[3,3] pads=[1,1,1,1]", "f:1x2x5x5", \
         "1x2x5x5", -0.737847224, -28.9878469) \
    CASE("average_pool_counts_padding", "AveragePool", 11, 1, 58, "kernel_shape=[3,3] pads=[1,0,1,2] strides=[2,2] count_include_pad=1", "f:1x2x5x6", \
         "1x2x3x3", 0.142361168, 11.7065978) \
    CASE("average_pool_ceil", "AveragePool", 19, 1, 59, "kernel_shape=[3,3] strides=[2,2] ceil_mode=1", "f:1x2x6x6", \
         "1x2x3x3", 0.349392336, -3.22092049) \
    CASE("average_pool_ceil_counts_padding", "AveragePool", 19, 1, 60, "kernel_shape=[3,3] strides=[2,2] pads=[1,1,1,1] ceil_mode=1 count_include_pad=1", "f:1x2x6x6", \
         "1x2x4x4", 0.466145827, -1.70746516) \
    CASE("average_pool_dilated", "AveragePool", 19, 1, 61, "kernel_shape=[2,2] dilations=[2,3]", "f:1x2x6x7", \
         "1x2x4x4", -0.421875, 2.69921875) \
    CASE("average_pool_same", "AveragePool", 11, 1, 62, "kernel_shape=[4,3] strides=[2,2] auto_pad='SAME_LOWER'", "f:1x2x5x6", \
         "1x2x3x3", 0.555555594, 12.6037329) \
    CASE("average_pool_1d", "AveragePool", 11, 1, 63, "kernel_shape=[4] strides=[3] pads=[1,2]", "f:2x3x10", \
         "2x3x4", -0.335937485, 10.4804688) \
    CASE("global_average_pool", "GlobalAveragePool", 7, 1, 64, "", "f:2x3x5x4", \
         "2x3x1x1", -0.00234375615, 0.253906205) \
    CASE("global_average_pool_1d", "GlobalAveragePool", 7, 1, 65, "", "f:2x3x5", \
         "2x3x1", -0.309374999, -3.26874999) \
    CASE("global_max_pool", "GlobalMaxPool", 13, 1, 66, "", "f:2x3x5x4", \
         "2x3x1x1", 8.859375, 68.71875) \
    CASE("relu", "Relu", 7, 1, 67, "", "f:2x3x4x5", \
         "2x3x4x5", 46.90625, 425.03125) \
    CASE("leaky_relu", "LeakyRelu", 7, 1, 68, "", "f:2x3x4x5", \
         "2x3x4x5", 46.3959375, 416.106719) \
    CASE("leaky_relu_alpha", "LeakyRelu", 16, 1, 69, "alpha=0.3", "f:2x3x4x5", \
         "2x3x4x5", 30.8624994, 268.281245) \
    CASE("sigmoid", "Sigmoid", 7, 1, 70, "", "f:2x3x4x5", \
         "2x3x4x5", 59.5020686, 532.037057) \
    CASE("hard_sigmoid", "HardSigmoid", 7, 1, 71, "", "f:2x3x4x5", \
         "2x3x4x5", 60.1875, 540.8625) \
    CASE("hard_sigmoid_alpha", "HardSigmoid", 7, 1, 72, "alpha=0.1666667 beta=0.4", "f:2x3x4x5", \
         "2x3x4x5", 48.1796882, 427.050004) \
    CASE("hard_swish", "HardSwish", 14, 1, 73, "", "f:2x3x4x5", \
         "2x3x4x5", 16.5880547, 138.629365) \
    CASE("tanh", "Tanh", 7, 1, 74, "", "f:2x3x4x5", \
         "2x3x4x5", -0.739607748, -38.0074816) \
    CASE("elu", "Elu", 7, 1, 75, "alpha=0.7", "f:2x3x4x5", \
         "2x3x4x5", 27.0799555, 232.469698) \
    CASE("selu", "Selu", 7, 1, 76, "", "f:2x3x4x5", \
         "2x3x4x5", -1.16123553, -14.7662534) \
    CASE("selu_scaled", "Selu", 7, 1, 77, "alpha=1.5 gamma=0.5", "f:2x3x4x5", \
         "2x3x4x5", 0.663333714, 2.72356428) \
    CASE("celu", "Celu", 12, 1, 78, "alpha=0.5", "f:2x3x4x5", \
         "2x3x4x5", 25.4210716, 226.628453) \
    CASE("softplus", "Softplus", 7, 1, 79, "", "f:2x3x4x5", \
         "2x3x4x5", 94.2353579, 853.514444) \
    CASE("softsign", "Softsign", 7, 1, 80, "", "f:2x3x4x5", \
         "2x3x4x5", -0.530389118, 11.4167381) \
    CASE("thresholded_relu", "ThresholdedRelu", 10, 1, 81, "alpha=0.5", "f:2x3x4x5", \
         "2x3x4x5", 41.34375, 355.453125) \
    CASE("mish", "Mish", 18, 1, 82, "", "f:2x3x4x5", \
         "2x3x4x5", 23.6445258, 219.492241) \
    CASE("erf", "Erf", 9, 1, 83, "", "f:2x3x4x5", \
         "2x3x4x5", -0.50666219, -15.5215664) \
    CASE("gelu", "Gelu", 20, 1, 84, "", "f:2x3x4x5", \
         "2x3x4x5", 32.2195963, 299.702131) \
    CASE("gelu_tanh", "Gelu", 20, 1, 85, "approximate='tanh'", "f:2x3x4x5", \
         "2x3x4x5", 30.6962657, 277.155695) \
    CASE("exp", "Exp", 7, 1, 86, "", "f:2x3x4x5", \
         "2x3x4x5", 173.511738, 1555.08216) \
    CASE("sin", "Sin", 7, 1, 87, "", "f:2x3x4x5", \
         "2x3x4x5", 0.333783261, -17.1231403) \
    CASE("cos", "Cos", 7, 1, 88, "", "f:2x3x4x5", \
         "2x3x4x5", 77.1747094, 692.931735) \
    CASE("abs", "Abs", 7, 1, 89, "", "f:2x3x4x5", \
         "2x3x4x5", 93.9375, 833.15625) \
    CASE("neg", "Neg", 7, 1, 90, "", "f:2x3x4x5", \
         "2x3x4x5", -0.5, 12.140625) \
    CASE("sign", "Sign", 9, 1, 91, "", "f:2x3x4x5", \
         "2x3x4x5", 1, 24) \
    CASE("floor", "Floor", 7, 1, 92, "", "f:2x3x4x5", \
         "2x3x4x5", -58, -502) \
    CASE("ceil", "Ceil", 7, 1, 93, "", "f:2x3x4x5", \
         "2x3x4x5", 58, 558) \
    CASE("round", "Round", 11, 1, 94, "", "f:2x3x4x5", \
         "2x3x4x5", -3, -7) \
    CASE("log", "Log", 13, 1, 95, "", "p:2x3x4", \
         "2x3x4", -3.05657751, -19.4900794) \
    CASE("sqrt", "Sqrt", 13, 1, 96, "", "p:2x3x4", \
         "2x3x4", 23.0948003, 212.762669) \
    CASE("reciprocal", "Reciprocal", 13, 1, 97, "", "p:2x3x4", \
         "2x3x4", 32.2881777, 274.585853) \
    CASE("neg_integers", "Neg", 13, 1, 98, "", "i:2x5", \
         "2x5", 4, -10) \
    CASE("abs_integers", "Abs", 13, 1, 99, "", "i:2x5", \
         "2x5", 20, 181) \
    CASE("clip_attributes", "Clip", 7, 1, 100, "min=-0.5 max=0.75", "f:2x3x4", \
         "2x3x4", 3.96875, 18.78125) \
    CASE("clip_attribute_min", "Clip", 10, 1, 101, "min=0.25", "f:2x3x4", \
         "2x3x4", 12.96875, 113.03125) \
    CASE("clip", "Clip", 11, 1, 102, "", "f:2x3x4 F#-0.5 F#1.25", \
         "2x3x4", 4.34375, 19.90625) \
    CASE("clip_max", "Clip", 13, 1, 103, "", "f:2x3x4 - F#0.5", \
         "2x3x4", -5.25, -34.5625) \
    CASE("clip_unbounded", "Clip", 13, 1, 104, "", "f:2x3x4", \
         "2x3x4", -1.34375, -16.515625) \
    CASE("clip_runtime_bounds", "Clip", 13, 1, 105, "", "f:2x3x4 f#-0.25 f#0.5", \
         "2x3x4", 1.59375, 22.96875) \
    CASE("clip_integers", "Clip", 13, 1, 106, "", "i:2x9 I#-1 I#2", \
         "2x9", 2, 6) \
    CASE("prelu_channel", "PRelu", 9, 1, 107, "", "f:2x3x4x4 F:3x1x1", \
         "2x3x4x4", 35.7207031, 330.37207) \
    CASE("prelu_one", "PRelu", 16, 1, 108, "", "f:2x3x4 F:1", \
         "2x3x4", 1.84350586, 27.934082) \
    CASE("add", "Add", 7, 1, 109, "", "f:2x3x4x4 f:2x3x4x4", \
         "2x3x4x4", 5.515625, 51.375) \
    CASE("add_channel_constant", "Add", 13, 1, 110, "", "f:2x3x4x4 F:3x1x1", \
         "2x3x4x4", -27.1875, -233.8125) \
    CASE("add_channel_constant_left", "Sub", 13, 1, 111, "", "F:1x3x1x1 f:2x3x4x4", \
         "2x3x4x4", 44.421875, 402.71875) \
    CASE("add_row", "Add", 13, 1, 112, "", "f:2x5 F:5", \
         "2x5", -3.84375, -34.109375) \
    CASE("add_scalar", "Add", 13, 1, 113, "", "f:2x5x3 F#1.5", \
         "2x5x3", 48.25, 413.625) \
    CASE("add_grown", "Add", 13, 1, 114, "", "f:3x1x5 f:4x1", \
         "3x4x5", -3.15625, -1.484375) \
    CASE("add_position", "Add", 13, 1, 115, "", "f:2x3x5 F:1x3x5", \
         "2x3x5", 1.640625, -6.375) \
    CASE("sub", "Sub", 7, 1, 116, "", "f:2x3x4 f:2x1x4", \
         "2x3x4", 1.609375, -4.4375) \
    CASE("mul_squeeze_excite", "Mul", 13, 1, 117, "", "f:2x3x4x4 f:2x3x1x1", \
         "2x3x4x4", -1.56689453, -3.31860352) \
    CASE("mul_scalar_left", "Mul", 14, 1, 118, "", "F#0.5 f:2x3", \
         "2x3", -0.421875, -6.21875) \
    CASE("div", "Div", 7, 1, 119, "", "f:2x3x4 p:2x3x4", \
         "2x3x4", 2.67398557, 45.8974082) \
    CASE("div_constant", "Div", 14, 1, 120, "", "f:2x3x4x2 P:3x1x1", \
         "2x3x4x2", 0.906488612, 13.988385) \
    CASE("add_integers", "Add", 13, 1, 121, "", "i:2x3 I=1,-2,3", \
         "2x3", 7, 95) \
    CASE("div_integers", "Div", 13, 1, 122, "", "i:2x3 I=2,-2,3", \
         "2x3", -2, 2) \
    CASE("mod_integers", "Mod", 10, 1, 123, "", "i:3x4 I=2,-2,3,-3", \
         "3x4", 3, 36) \
    CASE("mod_fmod", "Mod", 13, 1, 124, "fmod=1", "f:3x4 P:4", \
         "3x4", -1.3125, -17.859375) \
    CASE("pow", "Pow", 7, 1, 125, "", "p:2x3x4 F#2.5", \
         "2x3x4", 32.8457651, 319.516159) \
    CASE("pow_broadcast", "Pow", 13, 1, 126, "", "p:2x3 f:3", \
         "2x3", 7.20310956, 44.2193943) \
    CASE("pow_integer_exponent", "Pow", 13, 1, 127, "", "f:2x3 I#3", \
         "2x3", -2.36405563, -36.7313728) \
    CASE("pow_integers", "Pow", 15, 1, 128, "", "i:2x3 I#3", \
         "2x3", 19, -87) \
    CASE("max_two", "Max", 8, 1, 129, "", "f:2x3x4 f:2x1x4", \
         "2x3x4", 11.875, 89.828125) \
    CASE("min_three", "Min", 13, 1, 130, "", "f:2x3 f:3 f:2x1", \
         "2x3", -6.25, -53.703125) \
    CASE("max_constant", "Max", 13, 1, 131, "", "f:2x3x4x4 F#0.25", \
         "2x3x4x4", 49.25, 446.28125) \
    CASE("max_integers", "Max", 13, 1, 132, "", "i:2x3 I=0", \
         "2x3", 4, 59) \
    CASE("sum_three", "Sum", 13, 1, 133, "", "f:2x3 f:2x3 f:1x3", \
         "2x3", -3.53125, -24.109375) \
    CASE("mean_three", "Mean", 13, 1, 134, "", "f:2x3 f:2x3 f:3", \
         "2x3", -0.807291701, -8.42187548) \
    CASE("equal_integers", "Equal", 7, 1, 135, "", "i:3x4 I#1", \
         "3x4", 1, 12) \
    CASE("equal_floats", "Equal", 13, 1, 136, "", "f:3x4 f:4", \
         "3x4", 0, 0) \
    CASE("less", "Less", 9, 1, 137, "", "f:3x4 f:3x4", \
         "3x4", 6, 48) \
    CASE("less_or_equal", "LessOrEqual", 12, 1, 138, "", "i:3x4 I#1", \
         "3x4", 8, 70) \
    CASE("greater", "Greater", 13, 1, 139, "", "f:3x4 F#0.1", \
         "3x4", 6, 39) \
    CASE("greater_or_equal", "GreaterOrEqual", 16, 1, 140, "", "i:3x4 I#1", \
         "3x4", 5, 41) \
    CASE("and", "And", 7, 1, 141, "", "b:3x4 b:4", \
         "3x4", 4, 25) \
    CASE("or", "Or", 7, 1, 142, "", "b:3x4 b:3x1", \
         "3x4", 9, 84) \
    CASE("xor", "Xor", 7, 1, 143, "", "b:3x4 b:3x4", \
         "3x4", 5, 42) \
    CASE("not", "Not", 7, 1, 144, "", "b:3x4", \
         "3x4", 5, 34) \
    CASE("where", "Where", 9, 1, 145, "", "b:2x1x4 f:2x3x4 f:3x1", \
         "2x3x4", -12.359375, -94) \
    CASE("where_integers", "Where", 16, 1, 146, "", "b:3 i:2x3 I#7", \
         "2x3", 29, 261) \
    CASE("reduce_mean_attribute", "ReduceMean", 13, 1, 147, "axes=[-1,1]", "f:2x3x4x5", \
         "2x1x4x1", -0.0541666746, 0.880208254) \
    CASE("reduce_sum_attribute", "ReduceSum", 11, 1, 148, "axes=[-1,1]", "f:2x3x4x5", \
         "2x1x4x1", -0.671875, -57.59375) \
    CASE("reduce_max_attribute", "ReduceMax", 12, 1, 149, "axes=[-1,1]", "f:2x3x4x5", \
         "2x1x4x1", 11.4375, 89.265625) \
    CASE("reduce_min_attribute", "ReduceMin", 13, 1, 150, "axes=[-1,1]", "f:2x3x4x5", \
         "2x1x4x1", -11.34375, -87.578125) \
    CASE("reduce_prod_attribute", "ReduceProd", 13, 1, 151, "axes=[-1,1]", "f:2x3x4x5", \
         "2x1x4x1", -0.000469595714, 0.00283589074) \
    CASE("reduce_l1_attribute", "ReduceL1", 13, 1, 152, "axes=[-1,1]", "f:2x3x4x5", \
         "2x1x4x1", 92.484375, 728.21875) \
    CASE("reduce_l2_attribute", "ReduceL2", 13, 1, 153, "axes=[-1,1]", "f:2x3x4x5", \
         "2x1x4x1", 27.7382357, 217.511523) \
    CASE("reduce_sumsquare_attribute", "ReduceSumSquare", 13, 1, 154, "axes=[-1,1]", "f:2x3x4x5", \
         "2x1x4x1", 96.3769531, 757.941162) \
    CASE("reduce_logsumexp_attribute", "ReduceLogSumExp", 13, 1, 155, "axes=[-1,1]", "f:2x3x4x5", \
         "2x1x4x1", 24.8489184, 195.247774) \
    CASE("reduce_mean_input", "ReduceMean", 18, 1, 156, "keepdims=0", "f:2x3x4x5 I=2,0", \
         "3x5", 0.056640625, -10.1035156) \
    CASE("reduce_sum_input", "ReduceSum", 13, 1, 157, "keepdims=0", "f:2x3x4x5 I=2,0", \
         "3x5", -2.515625, -19.890625) \
    CASE("reduce_max_input", "ReduceMax", 18, 1, 158, "keepdims=0", "f:2x3x4x5 I=2,0", \
         "3x5", 14.75, 114.625) \
    CASE("reduce_min_input", "ReduceMin", 18, 1, 159, "keepdims=0", "f:2x3x4x5 I=2,0", \
         "3x5", -13.015625, -108.203125) \
    CASE("reduce_prod_input", "ReduceProd", 18, 1, 160, "keepdims=0", "f:2x3x4x5 I=2,0", \
         "3x5", 3.77559513, 76.7022865) \
    CASE("reduce_l1_input", "ReduceL1", 18, 1, 161, "keepdims=0", "f:2x3x4x5 I=2,0", \
         "3x5", 93.140625, 818.296875) \
    CASE("reduce_l2_input", "ReduceL2", 18, 1, 162, "keepdims=0", "f:2x3x4x5 I=2,0", \
         "3x5", 35.2626129, 325.095732) \
    CASE("reduce_sumsquare_input", "ReduceSumSquare", 18, 1, 163, "keepdims=0", "f:2x3x4x5 I=2,0", \
         "3x5", 95.3505859, 930.874756) \
    CASE("reduce_logsumexp_input", "ReduceLogSumExp", 18, 1, 164, "keepdims=0", "f:2x3x4x5 I=2,0", \
         "3x5", 34.4799905, 312.757045) \
    CASE("reduce_logsum", "ReduceLogSum", 13, 1, 165, "axes=[1]", "p:2x3x4", \
         "2x1x4", 8.68669939, 69.7068447) \
    CASE("reduce_logsum_input", "ReduceLogSum", 18, 1, 258, "", "p:2x3x4 I=1", \
         "2x1x4", 8.70879036, 70.1539632) \
    CASE("reduce_mean_global_pool", "ReduceMean", 13, 1, 166, "axes=[2,3] keepdims=0", "f:2x3x4x5", \
         "2x3", 0.0929687582, 0.430468839) \
    CASE("reduce_mean_global_pool_kept", "ReduceMean", 18, 1, 167, "", "f:2x3x4x5 I=-1,-2", \
         "2x3x1x1", 0.100000007, 0.0968750417) \
    CASE("reduce_max_global_pool", "ReduceMax", 11, 1, 168, "axes=[2,3]", "f:2x3x4x5", \
         "2x3x1x1", 8.75, 67.5625) \
    CASE("reduce_mean_1d", "ReduceMean", 11, 1, 169, "axes=[2]", "f:2x3x7", \
         "2x3x1", -0.0870535895, 2.27455344) \
    CASE("reduce_sum_all", "ReduceSum", 13, 1, 170, "keepdims=0", "f:2x3x4", \
         "scalar", -0.109375, -0.109375) \
    CASE("reduce_sum_none", "ReduceSum", 13, 1, 171, "noop_with_empty_axes=1", "f:2x3x4", \
         "2x3x4", -0.703125, 1.375) \
    CASE("reduce_sum_integers", "ReduceSum", 13, 1, 172, "", "i:2x3x4 I=1", \
         "2x1x4", 2, -56) \
    CASE("reduce_prod_integers", "ReduceProd", 13, 1, 173, "axes=[0]", "i:3x4", \
         "1x4", 24, 234) \
    CASE("reduce_max_integers", "ReduceMax", 12, 1, 174, "axes=[1] keepdims=0", "i:3x4", \
         "3", 8, 53) \
    CASE("arg_max", "ArgMax", 7, 1, 175, "axis=1", "f:2x5x3", \
         "2x1x3", 18, 140) \
    CASE("arg_max_last", "ArgMax", 13, 1, 176, "axis=-1 keepdims=0 select_last_index=1", "f:3x7", \
         "3", 4, 9) \
    CASE("arg_min", "ArgMin", 12, 1, 177, "axis=0 keepdims=0", "f:4x3", \
         "3", 5, 20) \
    CASE("arg_max_integers", "ArgMax", 13, 1, 719, "axis=1", "i:2x5x3", \
         "2x1x3", 14, 97) \
    CASE("arg_min_integers", "ArgMin", 13, 1, 720, "axis=-1 select_last_index=1", "i:3x7", \
         "3x1", 13, 83) \
    CASE("softmax_flat_default", "Softmax", 7, 1, 178, "", "f:2x3x4", \
         "2x3x4", 1.99999995, 17.459152) \
    CASE("softmax_flat_axis_2", "Softmax", 11, 1, 179, "axis=2", "f:2x3x4x2", \
         "2x3x4x2", 6.00000019, 53.5513783) \
    CASE("softmax_default", "Softmax", 13, 1, 180, "", "f:2x3x4", \
         "2x3x4", 6.00000003, 47.8174312) \
    CASE("softmax_channel", "Softmax", 13, 1, 181, "axis=1", "f:2x3x4x5", \
         "2x3x4x5", 39.9999995, 357.326662) \
    CASE("log_softmax_flat", "LogSoftmax", 11, 1, 182, "axis=1", "f:2x3x4", \
         "2x3x4", -68.8668205, -635.511142) \
    CASE("log_softmax", "LogSoftmax", 13, 1, 183, "axis=-1", "f:2x7", \
         "2x7", -32.8090935, -299.593896) \
    CASE("log_softmax_channel", "LogSoftmax", 13, 1, 184, "axis=1", "f:2x3x4", \
         "2x3x4", -33.7634801, -296.850672) \
    CASE("reshape", "Reshape", 7, 1, 185, "", "f:2x3x4 I=0,-1", \
         "2x12", -2.796875, -5.375) \
    CASE("reshape_grown", "Reshape", 13, 1, 186, "", "f:2x12 I=2,3,2,2", \
         "2x3x2x2", -3.390625, 4.359375) \
    CASE("reshape_allowzero", "Reshape", 14, 1, 187, "allowzero=1", "f:2x3x4 I=4,6", \
         "4x6", -0.875, 1.65625) \
    CASE("reshape_scalar", "Reshape", 13, 1, 188, "", "f:1x1 I=", \
         "scalar", -0.75, -0.75) \
    CASE("flatten", "Flatten", 7, 1, 189, "", "f:2x3x4x5", \
         "2x60", -1.125, -4.0625) \
    CASE("flatten_axis_0", "Flatten", 9, 1, 190, "axis=0", "f:2x3x4", \
         "1x24", 0.453125, 18.421875) \
    CASE("flatten_negative", "Flatten", 13, 1, 191, "axis=-1", "f:2x3x4", \
         "6x4", -0.140625, -15.375) \
    CASE("squeeze_attribute", "Squeeze", 7, 1, 192, "axes=[1,3]", "f:2x1x3x1", \
         "2x3", 0.46875, -2.15625) \
    CASE("squeeze_all", "Squeeze", 11, 1, 193, "", "f:1x3x1x5", \
         "3x5", -1.375, -36.359375) \
    CASE("squeeze_input", "Squeeze", 13, 1, 194, "", "f:2x1x3x1 I=-1", \
         "2x1x3", 0.171875, -14.328125) \
    CASE("unsqueeze_attribute", "Unsqueeze", 7, 1, 195, "axes=[0,3]", "f:2x3", \
         "1x2x3x1", 1.578125, -3.3125) \
    CASE("unsqueeze_input", "Unsqueeze", 13, 1, 196, "", "f:2x3 I=-1,1", \
         "2x1x3x1", -0.125, -10.953125) \
    CASE("identity", "Identity", 7, 1, 197, "", "f:2x3", \
         "2x3", 1.28125, 0.0625) \
    CASE("dropout", "Dropout", 7, 1, 198, "ratio=0.3", "f:2x3x4", \
         "2x3x4", -1.1875, 21.671875) \
    CASE("dropout_training_nothing", "Dropout", 13, 2, 306, "", "f:2x3 F#0.0 B#1", \
         "2x3", 5.09375, 57.546875) \
    CASE("dropout_mask", "Dropout", 12, 2, 199, "", "f:2x3 F#0.5", \
         "2x3", 3.875, 48) \
    CASE("transpose_default", "Transpose", 7, 1, 200, "", "f:2x3x4", \
         "4x3x2", -2.375, -3.796875) \
    CASE("transpose_nchw_nhwc", "Transpose", 13, 1, 201, "perm=[0,2,3,1]", "f:2x3x4x5", \
         "2x4x5x3", 0.5625, 53.59375) \
    CASE("transpose_last_two", "Transpose", 13, 1, 202, "perm=[0,1,3,2]", "f:2x3x4x5", \
         "2x3x5x4", -2.40625, -76.5625) \
    CASE("transpose_ones", "Transpose", 13, 1, 203, "perm=[0,2,1,3]", "f:2x1x4x5", \
         "2x4x1x5", 1.875, 2.890625) \
    CASE("depth_to_space", "DepthToSpace", 11, 1, 204, "blocksize=2", "f:2x8x3x2", \
         "2x2x6x4", 1.4375, -58.984375) \
    CASE("depth_to_space_crd", "DepthToSpace", 13, 1, 205, "blocksize=2 mode='CRD'", "f:1x12x2x3", \
         "1x3x4x6", 0.40625, 25.421875) \
    CASE("space_to_depth", "SpaceToDepth", 13, 1, 206, "blocksize=2", "f:2x3x4x6", \
         "2x12x2x3", -0.078125, 87.46875) \
    CASE("concat_channels", "Concat", 7, 1, 207, "axis=1", "f:2x3x4 f:2x2x4 F:2x1x4", \
         "2x6x4", 3.859375, -1.046875) \
    CASE("concat_last", "Concat", 13, 1, 208, "axis=-1", "f:2x3 f:2x4", \
         "2x7", -0.671875, -19.9375) \
    CASE("concat_integers", "Concat", 11, 1, 209, "axis=0", "i:3 I=7,8", \
         "5", 17, 126) \
    CASE("split_attribute", "Split", 7, 3, 210, "axis=1 split=[1,3,2]", "f:2x6x3", \
         "2x1x3", -2.640625, -52.9375) \
    CASE("split_equal_attribute", "Split", 11, 3, 211, "axis=-1", "f:2x6", \
         "2x2", 0.5625, 4.046875) \
    CASE("split_input", "Split", 13, 2, 212, "axis=1", "f:2x6x3 I=2,4", \
         "2x2x3", -1.3125, -12.65625) \
    CASE("split_equal", "Split", 13, 2, 213, "axis=1", "f:2x6", \
         "2x3", -3.140625, -30.28125) \
    CASE("split_num_outputs", "Split", 18, 4, 214, "axis=1 num_outputs=4", "f:2x7x2", \
         "2x2x2", -1.859375, -35.546875) \
    CASE("slice_attribute", "Slice", 7, 1, 215, "axes=[1,2] starts=[1,-3] ends=[3,100]", "f:2x4x5", \
         "2x2x3", 3.9375, 20.984375) \
    CASE("slice_attribute_no_axes", "Slice", 9, 1, 216, "starts=[0,1] ends=[2,-1]", "f:3x4x5", \
         "2x2x5", -0.3125, 4.9375) \
    CASE("slice_input", "Slice", 10, 1, 217, "", "f:3x4x5 I=1,-4 I=9,-1 I=0,2", \
         "2x4x3", -6.421875, -95.453125) \
    CASE("slice_steps", "Slice", 13, 1, 218, "", "f:4x9 I=0,1 I=4,8 I=0,1 I=1,3", \
         "4x3", 0.890625, -17.140625) \
    CASE("slice_negative_steps", "Slice", 13, 1, 219, "", "f:4x9 I=-1,9223372036854775807 I=-10,1 I=1,0 I=-2,-1", \
         "2x5", 0.703125, 16.34375) \
    CASE("slice_reverse", "Slice", 13, 1, 220, "", "f:2x3x5 I=-1 I=-9223372036854775807 I=2 I=-1", \
         "2x3x5", 0.015625, -21.09375) \
    CASE("slice_empty", "Slice", 13, 1, 221, "", "f:2x3x5 I=2 I=1 I=1", \
         "2x0x5", 0, 0) \
    CASE("scatter_nd_rows", "ScatterND", 11, 1, 301, "", "f:5x3 I:3x1 f:3x3", \
         "5x3", 3.453125, 24.09375) \
    CASE("scatter_nd_elements", "ScatterND", 13, 1, 302, "", "f:4x5 I:4x2 f:4", \
         "4x5", -0.84375, 16.890625) \
    CASE("scatter_nd_slices", "ScatterND", 16, 1, 303, "reduction='none'", "f:4x5x2 I:2x2x2 f:2x2x2", \
         "4x5x2", -0.734375, -18.609375) \
    CASE("scatter_nd_runtime", "ScatterND", 13, 1, 304, "", "F:6x2 i:2x1 f:2x2", \
         "6x2", -4.296875, -7) \
    CASE("scatter_nd_integers", "ScatterND", 18, 1, 305, "", "i:4x2 I:2x1 i:2x2", \
         "4x2", -3, 7) \
    CASE("gather_rows", "Gather", 7, 1, 222, "", "f:4x3 I=2,0,-1", \
         "3x3", -0.203125, -2.015625) \
    CASE("gather_axis", "Gather", 13, 1, 223, "axis=1", "f:2x4x3 I=3,3,0", \
         "2x3x3", 5.140625, 93.078125) \
    CASE("gather_scalar", "Gather", 13, 1, 224, "axis=2", "f:2x4x3 I#1", \
         "2x4", -0.359375, 20.375) \
    CASE("gather_embedding", "Gather", 13, 1, 225, "", "F:7x3 I=1,6,2", \
         "3x3", 2.0625, 10.46875) \
    CASE("gather_runtime", "Gather", 13, 1, 226, "axis=0", "F:7x3 i=5,-2", \
         "2x3", -1.28125, -4.15625) \
    CASE("pad_attribute", "Pad", 7, 1, 227, "pads=[0,1,2,0] value=0.5", "f:2x3", \
         "4x4", 4.9375, 59.03125) \
    CASE("pad_reflect_attribute", "Pad", 10, 1, 228, "mode='reflect' pads=[0,0,2,1,0,0,1,2]", "f:1x2x4x5", \
         "1x2x7x8", -11.875, -40.765625) \
    CASE("pad_constant", "Pad", 11, 1, 229, "", "f:2x3x4 I=0,0,1,0,1,2 F#-1.5", \
         "2x4x7", -48.9375, -430.890625) \
    CASE("pad_crop", "Pad", 13, 1, 230, "", "f:2x5x6 I=0,-1,2,0,-1,-3", \
         "2x3x5", 1.09375, 18.9375) \
    CASE("pad_reflect", "Pad", 13, 1, 231, "mode='reflect'", "f:1x2x4x5 I=0,0,1,2,0,0,3,4", \
         "1x2x8x11", 13.3125, 108.046875) \
    CASE("pad_edge", "Pad", 13, 1, 232, "mode='edge'", "f:1x2x3x3 I=0,0,1,2,0,0,5,0", \
         "1x2x9x5", 8.203125, 76.25) \
    CASE("pad_axes", "Pad", 18, 1, 233, "", "f:2x3x4 I=1,2,0,1 F#3.0 I=-1,1", \
         "2x6x5", 110.90625, 1006.40625) \
    CASE("pad_wrap", "Pad", 19, 1, 234, "mode='wrap'", "f:2x3x4 I=0,2,1,0,1,3", \
         "2x6x8", -3.1875, -44.984375) \
    CASE("pad_integers", "Pad", 13, 1, 235, "", "i:2x3 I=0,1,0,1 I#9", \
         "2x5", 38, 247) \
    CASE("tile", "Tile", 7, 1, 236, "", "f:2x3x2 I=1,2,3", \
         "2x6x6", 14.8125, 99.4375) \
    CASE("expand", "Expand", 8, 1, 237, "", "f:2x1x4 I=2,3,1", \
         "2x3x4", -1.640625, -37.6875) \
    CASE("expand_grown", "Expand", 13, 1, 238, "", "f:3x1 I=2,1,4", \
         "2x3x4", -21.375, -182.5) \
    CASE("shape", "Shape", 7, 1, 239, "", "f:2x3x4", \
         "3", 9, 64) \
    CASE("shape_part", "Shape", 15, 1, 240, "start=1 end=-1", "f:2x3x4x5", \
         "2", 7, 27) \
    CASE("shape_negative", "Shape", 15, 1, 241, "start=-2", "f:2x3x4", \
         "2", 7, 27) \
    CASE("size", "Size", 13, 1, 242, "", "f:2x3x4", \
         "scalar", 24, 24) \
    CASE("cast_to_integers", "Cast", 9, 1, 243, "to=7", "f:2x9", \
         "2x9", 0, 19) \
    CASE("cast_to_floats", "Cast", 13, 1, 244, "to=1", "i:2x3", \
         "2x3", -1, -46) \
    CASE("cast_to_bool", "Cast", 13, 1, 245, "to=9", "i:2x9", \
         "2x9", 15, 135) \
    CASE("cast_to_int32", "Cast", 13, 1, 246, "to=6", "f:2x9", \
         "2x9", -1, -21) \
    CASE("cast_same", "Cast", 13, 1, 247, "to=1", "f:2x3", \
         "2x3", 0.078125, -15.0625) \
    CASE("cast_to_double", "Cast", 13, 1, 248, "to=11", "f:2x3", \
         "2x3", 1.484375, -4.046875) \
    CASE("constant_float", "Constant", 12, 1, 249, "value_float=1.5", "", \
         "scalar", 1.5, 1.5) \
    CASE("constant_int", "Constant", 12, 1, 250, "value_int=-7", "", \
         "scalar", -7, -7) \
    CASE("constant_floats", "Constant", 12, 1, 251, "value_floats=[0.5,-2.25]", "", \
         "2", -1.75, -13) \
    CASE("constant_ints", "Constant", 12, 1, 252, "value_ints=[4,5,-6]", "", \
         "3", 3, -32) \
    CASE("constant_of_shape", "ConstantOfShape", 9, 1, 253, "", "I=2,3", \
         "2x3", 0, 0) \
    CASE("range", "Range", 11, 1, 254, "", "I#3 I#20 I#4", \
         "5", 55, 482) \
    CASE("range_down", "Range", 11, 1, 255, "", "I#5 I#-5 I#-3", \
         "4", 2, -58) \
    CASE("range_floats", "Range", 11, 1, 256, "", "F#0.5 F#3.0 F#0.75", \
         "4", 6.5, 74) \
    CASE("range_empty", "Range", 11, 1, 257, "", "I#3 I#3 I#1", \
         "0", 0, 0)
/* clang-format on */

#endif

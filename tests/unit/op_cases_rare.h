/*
 * More cases of op_cases.h, in the same form: operators of few networks, and
 * what opset 6 has otherwise. ONNX Runtime does not run opset 6: those figures
 * are its own for opset 7 with ones behind the second operand's dimensions.
 * Nor an LRN of even size: that figure is the specification's, by numpy.
 */
#ifndef TESTS_OP_CASES_RARE_H
#define TESTS_OP_CASES_RARE_H

/* clang-format off */
#define OP_CASES_RARE(CASE) \
    CASE("tan", "Tan", 7, 1, 601, "", "f:3x5", \
         "3x5", 27.8976825, 131.384568) \
    CASE("atan", "Atan", 7, 1, 602, "", "f:3x5", \
         "3x5", 0.169518966, -1.28967471) \
    CASE("sinh", "Sinh", 9, 1, 603, "", "f:3x5", \
         "3x5", 0.336895436, 7.29423514) \
    CASE("cosh", "Cosh", 9, 1, 604, "", "f:3x5", \
         "3x5", 22.3480341, 201.177816) \
    CASE("asinh", "Asinh", 9, 1, 605, "", "f:3x5", \
         "3x5", 0.953342453, -11.8178626) \
    CASE("asin", "Asin", 7, 1, 606, "", "f=-0.9,-0.5,0,0.25,0.75", \
         "5", -0.542625934, 3.17377079) \
    CASE("acos", "Acos", 7, 1, 607, "", "f=-0.9,-0.5,0,0.25,0.75", \
         "5", 8.39660758, 56.5164891) \
    CASE("atanh", "Atanh", 9, 1, 608, "", "f=-0.9,-0.5,0,0.25,0.75", \
         "5", -0.793157578, 3.21036923) \
    CASE("acosh", "Acosh", 9, 1, 609, "", "f=1,1.5,2,7,30", \
         "5", 9.00736415, 78.7800004) \
    CASE("shrink_hard", "Shrink", 9, 1, 610, "lambd=0.4", "f:3x5", \
         "3x5", -0.203125, 18.171875) \
    CASE("shrink_soft", "Shrink", 9, 1, 611, "lambd=0.4 bias=0.4", "f:3x5", \
         "3x5", -1.85000005, -22.1250004) \
    CASE("is_nan", "IsNaN", 13, 1, 612, "", "f=1,nan,-2,inf", \
         "4", 1, 6) \
    CASE("is_inf", "IsInf", 10, 1, 613, "", "f=1,inf,-inf,nan", \
         "4", 2, 17) \
    CASE("is_inf_positive", "IsInf", 10, 1, 614, "detect_negative=0", "f=1,inf,-inf,nan", \
         "4", 1, 6) \
    CASE("conv_3d", "Conv", 13, 1, 615, "pads=[1,0,1,1,2,0] strides=[1,2,1]", "f:2x3x4x5x5 F:4x3x2x3x3 F:4", \
         "2x4x5x3x4", -20.9509277, -392.807129) \
    CASE("conv_3d_grouped_dilated", "Conv", 13, 1, 616, "group=2 dilations=[2,1,2]", "f:1x4x5x4x6 F:6x2x2x3x2", \
         "1x6x3x2x4", 3.4609375, -204.755615) \
    CASE("deconv_3d", "ConvTranspose", 13, 1, 617, "strides=[2,1,2] pads=[1,0,1,0,1,0]", "f:2x3x3x2x4 F:3x2x3x2x3 F:2", \
         "2x2x6x2x8", 249.567139, 2463.67725) \
    CASE("deconv_3d_grouped", "ConvTranspose", 13, 1, 618, "group=2 output_padding=[1,0,0] strides=[2,2,2]", "f:1x4x2x3x2 F:4x1x2x2x3", \
         "1x2x5x6x5", -4.13647461, 135.430176) \
    CASE("max_pool_3d", "MaxPool", 13, 1, 619, "kernel_shape=[2,3,2] strides=[2,1,2] pads=[1,1,0,0,1,1]", "f:1x2x5x4x6", \
         "1x2x3x4x3", 85.921875, 764.9375) \
    CASE("average_pool_3d", "AveragePool", 13, 1, 620, "kernel_shape=[2,3,2] strides=[2,1,2] pads=[1,1,0,0,1,1]", "f:1x2x5x4x6", \
         "1x2x3x4x3", -0.10677082, -12.2382811) \
    CASE("average_pool_3d_counts_padding", "AveragePool", 13, 1, 621, "kernel_shape=[2,3,2] count_include_pad=1 pads=[1,1,0,0,1,1]", "f:1x2x5x4x6", \
         "1x2x5x4x6", 1.32031252, 18.2721355) \
    CASE("global_average_pool_3d", "GlobalAveragePool", 13, 1, 622, "", "f:2x3x2x3x4", \
         "2x3x1x1x1", -0.0839843745, -0.805338543) \
    CASE("global_max_pool_3d", "GlobalMaxPool", 13, 1, 623, "", "f:2x3x2x3x4", \
         "2x3x1x1x1", 8.984375, 70.421875) \
    CASE("likelihood_loss", "NegativeLogLikelihoodLoss", 13, 1, 624, "", "f:4x3 i=0,2,1,2", \
         "scalar", 0.95703125, 0.95703125) \
    CASE("likelihood_loss_weighted", "NegativeLogLikelihoodLoss", 13, 1, 625, "ignore_index=1 reduction='mean'", "f:4x3 i=0,2,1,2 p:3", \
         "scalar", 0.956047654, 0.956047654) \
    CASE("likelihood_loss_none", "NegativeLogLikelihoodLoss", 13, 1, 626, "reduction='none'", "f:2x3x2 i=0,2,1,2@2x2", \
         "2x2", 1.375, 6.296875) \
    CASE("cross_entropy_loss", "SoftmaxCrossEntropyLoss", 13, 2, 627, "", "f:4x3 i=0,2,1,2", \
         "scalar", -14.5043142, -150.372722) \
    CASE("cross_entropy_loss_sum", "SoftmaxCrossEntropyLoss", 13, 1, 628, "reduction='sum' ignore_index=0", "f:4x3 i=0,2,1,2 P:3", \
         "scalar", 4.16389656, 4.16389656) \
    CASE("gather_elements", "GatherElements", 13, 1, 629, "axis=1", "f:3x4 i=0,3,-1,1,2,0@3x2", \
         "3x2", 0.421875, 10.453125) \
    CASE("gather_nd", "GatherND", 13, 1, 630, "", "f:2x3x4 i=0,2,1,-1@2x2", \
         "2x4", -1.0625, 4) \
    CASE("gather_nd_batch", "GatherND", 13, 1, 631, "batch_dims=1", "f:2x3x4 i=1,2@2x1", \
         "2x4", 4, 45.859375) \
    CASE("resize_nearest_up", "Resize", 13, 1, 632, "mode='nearest'", "f:2x3x4x5 - F=1,1,1.6,2.5", \
         "2x3x6x12", 1.5625, 20.671875) \
    CASE("resize_nearest_down", "Resize", 13, 1, 633, "mode='nearest'", "f:2x3x7x5 - F=1,1,0.5,0.65", \
         "2x3x3x3", -6.421875, -84.703125) \
    CASE("resize_nearest_floor_asymmetric_up", "Resize", 13, 1, 634, "mode='nearest' nearest_mode='floor' coordinate_transformation_mode='asymmetric'", "f:2x3x4x5 - F=1,1,1.6,2.5", \
         "2x3x6x12", 8.375, 130.3125) \
    CASE("resize_nearest_floor_asymmetric_down", "Resize", 13, 1, 635, "mode='nearest' nearest_mode='floor' coordinate_transformation_mode='asymmetric'", "f:2x3x7x5 - F=1,1,0.5,0.65", \
         "2x3x3x3", 2.265625, -33.875) \
    CASE("resize_nearest_round_prefer_ceil_up", "Resize", 13, 1, 636, "mode='nearest' nearest_mode='round_prefer_ceil'", "f:2x3x4x5 - F=1,1,1.6,2.5", \
         "2x3x6x12", -12, -164.4375) \
    CASE("resize_nearest_round_prefer_ceil_down", "Resize", 13, 1, 637, "mode='nearest' nearest_mode='round_prefer_ceil'", "f:2x3x7x5 - F=1,1,0.5,0.65", \
         "2x3x3x3", 4.40625, 43.59375) \
    CASE("resize_nearest_ceil_up", "Resize", 13, 1, 638, "mode='nearest' nearest_mode='ceil'", "f:2x3x4x5 - F=1,1,1.6,2.5", \
         "2x3x6x12", -19.140625, -121.71875) \
    CASE("resize_nearest_ceil_down", "Resize", 13, 1, 639, "mode='nearest' nearest_mode='ceil'", "f:2x3x7x5 - F=1,1,0.5,0.65", \
         "2x3x3x3", 3.890625, 59.25) \
    CASE("resize_linear_up", "Resize", 13, 1, 640, "mode='linear'", "f:2x3x4x5 - F=1,1,1.6,2.5", \
         "2x3x6x12", 0.139649852, 31.9026368) \
    CASE("resize_linear_down", "Resize", 13, 1, 641, "mode='linear'", "f:2x3x7x5 - F=1,1,0.5,0.65", \
         "2x3x3x3", 0.0432686545, 24.5904372) \
    CASE("resize_linear_pytorch_half_pixel_up", "Resize", 13, 1, 642, "mode='linear' coordinate_transformation_mode='pytorch_half_pixel'", "f:2x3x4x5 - F=1,1,1.6,2.5", \
         "2x3x6x12", -11.5185529, -117.956336) \
    CASE("resize_linear_pytorch_half_pixel_down", "Resize", 13, 1, 643, "mode='linear' coordinate_transformation_mode='pytorch_half_pixel'", "f:2x3x7x5 - F=1,1,0.5,0.65", \
         "2x3x3x3", 1.25811224, 22.5751122) \
    CASE("resize_linear_asymmetric_up", "Resize", 13, 1, 644, "mode='linear' coordinate_transformation_mode='asymmetric'", "f:2x3x4x5 - F=1,1,1.6,2.5", \
         "2x3x6x12", 5.59218789, 45.4449286) \
    CASE("resize_linear_asymmetric_down", "Resize", 13, 1, 645, "mode='linear' coordinate_transformation_mode='asymmetric'", "f:2x3x7x5 - F=1,1,0.5,0.65", \
         "2x3x3x3", 2.2463946, -7.19350656) \
    CASE("resize_cubic_up", "Resize", 13, 1, 646, "mode='cubic'", "f:2x3x4x5 - F=1,1,1.6,2.5", \
         "2x3x6x12", 9.62133815, 112.504594) \
    CASE("resize_cubic_down", "Resize", 13, 1, 647, "mode='cubic'", "f:2x3x7x5 - F=1,1,0.5,0.65", \
         "2x3x3x3", -1.59608151, -49.370908) \
    CASE("resize_cubic_outside_up", "Resize", 13, 1, 648, "mode='cubic' cubic_coeff_a=-0.5 exclude_outside=1", "f:2x3x4x5 - F=1,1,1.6,2.5", \
         "2x3x6x12", 5.4308656, 43.0230844) \
    CASE("resize_cubic_outside_down", "Resize", 13, 1, 649, "mode='cubic' cubic_coeff_a=-0.5 exclude_outside=1", "f:2x3x7x5 - F=1,1,0.5,0.65", \
         "2x3x3x3", -1.29111769, -18.6889601) \
    CASE("resize_sizes", "Resize", 11, 1, 650, "mode='linear' coordinate_transformation_mode='align_corners'", "f:2x3x4x5 F= F= I=2,3,7,3", \
         "2x3x7x3", 2.6796875, 56.625) \
    CASE("resize_cubic_align_corners", "Resize", 13, 1, 651, "mode='cubic' coordinate_transformation_mode='align_corners'", "f:1x2x4x5 - - I=1,2,7,9", \
         "1x2x7x9", -11.4826965, -164.002731) \
    CASE("resize_axes", "Resize", 18, 1, 652, "mode='linear' axes=[3,2]", "f:2x3x4x5 - F=1.6,2.0", \
         "2x3x8x8", 5.36132812, 81.7697754) \
    CASE("resize_antialias", "Resize", 18, 1, 653, "mode='linear' antialias=1", "f:1x2x9x8 - F=1,1,0.4,0.5", \
         "1x2x3x4", 0.265624924, -1.07226616) \
    CASE("resize_antialias_cubic", "Resize", 18, 1, 654, "mode='cubic' antialias=1", "f:1x2x9x8 - F=1,1,0.4,0.5", \
         "1x2x3x4", 0.403743789, 3.89214715) \
    CASE("resize_not_larger", "Resize", 18, 1, 655, "mode='linear' axes=[2,3] keep_aspect_ratio_policy='not_larger'", "f:1x2x4x6 - - I=7,9", \
         "1x2x6x9", -1.40624862, 53.8962758) \
    CASE("resize_not_smaller", "Resize", 18, 1, 656, "mode='nearest' axes=[2,3] keep_aspect_ratio_policy='not_smaller'", "f:1x2x4x6 - - I=7,9", \
         "1x2x7x11", 4.125, 110.703125) \
    CASE("resize_symmetric", "Resize", 19, 1, 657, "mode='linear' coordinate_transformation_mode='half_pixel_symmetric'", "f:1x2x4x5 - F=1,1,1.3,2.3", \
         "1x2x5x11", 6.89979388, 72.6686182) \
    CASE("resize_crop", "Resize", 13, 1, 658, "mode='linear' coordinate_transformation_mode='tf_crop_and_resize' extrapolation_value=10.0", "f:1x1x4x4 F=0,0,0.4,0.6,1,1,1.2,1.7 - I=1,1,3,3", \
         "1x1x3x3", 70.36875, 525.962499) \
    CASE("resize_scales_nearest", "Resize", 10, 1, 659, "", "f:1x2x3x4 F=1,1,2,3", \
         "1x2x6x12", 10.96875, 94.703125) \
    CASE("resize_scales_linear", "Resize", 10, 1, 660, "mode='linear'", "f:1x2x3x4 F=1,1,2,1.5", \
         "1x2x6x6", 7.57552028, 53.3046788) \
    CASE("resize_scales_down", "Resize", 10, 1, 661, "", "f:1x2x6x7 F=1,1,0.5,0.6", \
         "1x2x3x4", 1.0625, 30.546875) \
    CASE("upsample_attribute", "Upsample", 7, 1, 662, "scales=[1.0,1.0,2.0,3.0]", "f:1x2x3x4", \
         "1x2x6x12", 0.28125, -14.03125) \
    CASE("upsample", "Upsample", 9, 1, 663, "mode='linear'", "f:1x2x3x4 F=1,1,2,3", \
         "1x2x6x12", -0.0390625, 31.7656265) \
    CASE("add_axis", "Add", 6, 1, 664, "broadcast=1 axis=1", "f:2x3x4 F:3", \
         "2x3x4", -1.265625, -7.984375) \
    CASE("sub_axis", "Sub", 6, 1, 665, "broadcast=1 axis=1", "f:2x3x4 f:3", \
         "2x3x4", -7.234375, -20.90625) \
    CASE("mul_axis", "Mul", 6, 1, 666, "broadcast=1 axis=1", "f:2x3x4 F:3x4", \
         "2x3x4", -4.44726562, -22.1203613) \
    CASE("div_axis", "Div", 6, 1, 667, "broadcast=1", "f:2x3x4 p#2", \
         "2x3x4", 0.09375, -1.171875) \
    CASE("pow_axis", "Pow", 6, 1, 668, "broadcast=1", "p:2x3 F#2", \
         "2x3", 7.27026367, 80.6235352) \
    CASE("and_axis", "And", 6, 1, 669, "broadcast=1 axis=0", "b:3x4 b:3", \
         "3x4", 2, 18) \
    CASE("or_axis", "Or", 6, 1, 670, "broadcast=1 axis=0", "b:3x4 b:3", \
         "3x4", 10, 86) \
    CASE("xor_axis", "Xor", 6, 1, 671, "", "b:3x4 b:3x4", \
         "3x4", 5, 50) \
    CASE("equal_axis", "Equal", 6, 1, 672, "broadcast=1 axis=-2", "i:3x4 i:3", \
         "3x4", 2, 15) \
    CASE("less_axis", "Less", 6, 1, 673, "broadcast=1 axis=0", "f:3x4 f:3", \
         "3x4", 6, 55) \
    CASE("greater_axis", "Greater", 6, 1, 674, "broadcast=1", "f:3x4 f:4", \
         "3x4", 3, 14) \
    CASE("prelu_channel", "PRelu", 6, 1, 675, "", "f:2x3x4 F:3", \
         "2x3x4", 3.22241211, 33.1125488) \
    CASE("prelu_channel_one", "PRelu", 6, 1, 676, "", "f:2x3x4 F:1", \
         "2x3x4", 6.94433594, 69.8144531) \
    CASE("lstm", "LSTM", 14, 3, 677, "hidden_size=5", "f:4x2x3 F:1x20x3 F:1x20x5 F:1x40", \
         "4x1x2x5", -0.286671218, -41.5313662) \
    CASE("lstm_bidirectional", "LSTM", 7, 3, 678, "hidden_size=4 direction='bidirectional'", "f:5x2x3 F:2x16x3 F:2x16x4 F:2x32 - f:2x2x4 f:2x2x4", \
         "5x2x2x4", -18.9140836, -148.830722) \
    CASE("lstm_peepholes_lengths", "LSTM", 14, 3, 679, "hidden_size=4 direction='reverse'", "f:5x3x2 F:1x16x2 F:1x16x4 - N=5,2,4 f:1x3x4 f:1x3x4 F:1x12", \
         "5x1x3x4", -4.88674714, -40.9485026) \
    CASE("lstm_clip", "LSTM", 14, 3, 680, "hidden_size=3 clip=0.7", "f:4x2x3 F:1x12x3 F:1x12x3", \
         "4x1x2x3", 0.0479277838, -3.78159779) \
    CASE("lstm_long", "LSTM", 14, 3, 681, "hidden_size=3", "f:37x2x2 F:1x12x2 F:1x12x3 F:1x24", \
         "37x1x2x3", -6.59100739, -67.7670048) \
    CASE("gru", "GRU", 14, 2, 682, "hidden_size=5", "f:4x2x3 F:1x15x3 F:1x15x5 F:1x30", \
         "4x1x2x5", -0.338521527, -6.69337344) \
    CASE("gru_linear_before_reset", "GRU", 7, 2, 683, "hidden_size=5 linear_before_reset=1 direction='bidirectional'", "f:4x2x3 F:2x15x3 F:2x15x5 F:2x30 - f:2x2x5", \
         "4x2x2x5", 1.11993457, -9.97527547) \
    CASE("gru_lengths", "GRU", 14, 2, 684, "hidden_size=2 direction='bidirectional'", "f:5x3x3 F:2x6x3 F:2x6x2 F:2x12 N=5,1,3", \
         "5x2x3x2", -11.2989933, -71.9352432) \
    CASE("rnn", "RNN", 14, 2, 685, "hidden_size=5", "f:4x2x3 F:1x5x3 F:1x5x5 F:1x10", \
         "4x1x2x5", -13.5453137, -94.3769187) \
    CASE("rnn_reverse", "RNN", 7, 2, 686, "hidden_size=5 direction='reverse'", "f:4x2x3 F:1x5x3 F:1x5x5 - N=4,3 f:1x2x5", \
         "4x1x2x5", -16.0990365, -160.633374) \
    CASE("cumsum", "CumSum", 14, 1, 687, "", "f:2x3x4 I#1", \
         "2x3x4", -4.40625, -18.0625) \
    CASE("cumsum_integers", "CumSum", 11, 1, 688, "exclusive=1 reverse=1", "i:3x4 I#-1", \
         "3x4", -8, -88) \
    CASE("reverse_sequence", "ReverseSequence", 10, 1, 689, "", "f:4x3x2 i=4,1,3", \
         "4x3x2", -0.4375, -11.25) \
    CASE("reverse_sequence_batch_first", "ReverseSequence", 10, 1, 690, "batch_axis=0 time_axis=1", "f:3x4x2 i=4,1,3", \
         "3x4x2", -4.140625, -15.6875) \
    CASE("trilu_upper", "Trilu", 14, 1, 691, "", "f:2x3x4", \
         "2x3x4", -3.3125, -26.6875) \
    CASE("trilu_lower", "Trilu", 14, 1, 692, "upper=0", "i:4x3 I#-1", \
         "4x3", -3, -44) \
    CASE("eye_like", "EyeLike", 9, 1, 693, "k=1", "f:3x4", \
         "3x4", 3, 25) \
    CASE("eye_like_integers", "EyeLike", 9, 1, 694, "dtype=7 k=-1", "f:3x4", \
         "3x4", 2, 16) \
    CASE("one_hot", "OneHot", 11, 1, 695, "axis=1", "i=0,2,-1,5@2x2 I#3 F=0.5,2.0", \
         "2x3x2", 10.5, 92.5) \
    CASE("one_hot_last", "OneHot", 9, 1, 696, "", "i=0,2,1 I#3 I=0,1", \
         "3x3", 3, 12) \
    CASE("top_k", "TopK", 11, 2, 697, "axis=1", "f:2x5x3 I=2", \
         "2x2x3", 36, 304.4375) \
    CASE("top_k_smallest", "TopK", 11, 2, 698, "largest=0", "i:3x7 I=4", \
         "3x4", 15, 108) \
    CASE("top_k_ten", "TopK", 10, 2, 699, "", "f:3x7 I=3", \
         "3x3", 29.125, 312.5) \
    CASE("einsum_batched", "Einsum", 12, 1, 700, "equation='bij,bjk->bik'", "f:2x3x4 f:2x4x2", \
         "2x3x2", -1.98071289, -52.4580078) \
    CASE("einsum_attention", "Einsum", 12, 1, 701, "equation='bhid,bhjd->bhij'", "f:2x2x3x4 f:2x2x5x4", \
         "2x2x3x5", 13.581543, 186.569336) \
    CASE("einsum_diagonal", "Einsum", 12, 1, 702, "equation='...ii->...i'", "f:2x3x3", \
         "2x3", -1.5625, 1.03125) \
    CASE("einsum_implicit", "Einsum", 12, 1, 703, "equation='ba,cb'", "f:3x2 f:4x3", \
         "2x4", 2.04931641, 32.9040527) \
    CASE("einsum_ellipsis", "Einsum", 12, 1, 704, "equation='...ij,jk->...ik'", "f:2x2x3x4 f:4x5", \
         "2x2x3x5", -4.7902832, -40.5290527) \
    CASE("einsum_three", "Einsum", 12, 1, 705, "equation='i,ij,j->'", "f:3 f:3x4 f:4", \
         "scalar", 2.40552521, 2.40552521) \
    CASE("einsum_sum", "Einsum", 12, 1, 706, "equation='ij->i'", "f:3x4", \
         "3", -0.25, -2.28125) \
    CASE("einsum_transpose", "Einsum", 12, 1, 707, "equation='ij->ji'", "f:3x4", \
         "4x3", -0.546875, 23.421875) \
    CASE("bit_shift_left", "BitShift", 11, 1, 708, "direction='LEFT'", "u:2x5 u=0,1,2,7,9", \
         "2x5", 1006, 8118) \
    CASE("bit_shift_right", "BitShift", 11, 1, 709, "direction='RIGHT'", "u:2x5 u=0,1,2,7,9", \
         "2x5", 416, 2812) \
    CASE("bitwise_and", "BitwiseAnd", 18, 1, 710, "", "i:3x4 i:4", \
         "3x4", 5, 78) \
    CASE("bitwise_or", "BitwiseOr", 18, 1, 711, "", "u:3x4 u:3x1", \
         "3x4", 1664, 12742) \
    CASE("bitwise_xor", "BitwiseXor", 18, 1, 712, "", "n:3x4 n:4", \
         "3x4", -18, -209) \
    CASE("bitwise_not", "BitwiseNot", 18, 1, 713, "", "i:3x4", \
         "3x4", -17, -129) \
    CASE("compress", "Compress", 11, 1, 714, "axis=1", "f:2x3x2 B=0,1,1", \
         "2x2x2", 2.875, 35.90625) \
    CASE("compress_flat", "Compress", 9, 1, 715, "", "f:2x3 B=0,1,0,0,1", \
         "2", -0.328125, 3.1875) \
    CASE("non_zero", "NonZero", 13, 1, 716, "", "F=1,0,2,0,0,3@2x3", \
         "2x3", 5, 37) \
    CASE("hardmax", "Hardmax", 13, 1, 717, "axis=1", "f:2x3x4", \
         "2x3x4", 8, 91) \
    CASE("hardmax_flat", "Hardmax", 11, 1, 718, "", "f:2x3x4", \
         "2x3x4", 2, 12) \
    CASE("group_norm_by_group", "GroupNormalization", 18, 1, 719, "num_groups=2", "f:2x4x3x2 F:2 F:2", \
         "2x4x3x2", -16.1249995, -170.034983) \
    CASE("group_norm", "GroupNormalization", 21, 1, 720, "num_groups=2 epsilon=0.01", "f:2x4x3x2 F:4 F:4", \
         "2x4x3x2", 20.738687, 256.639543) \
    CASE("mean_variance_norm", "MeanVarianceNormalization", 13, 1, 721, "", "f:2x3x2x3", \
         "2x3x2x3", -1.56462193e-07, -10.5815246) \
    CASE("mean_variance_norm_axes", "MeanVarianceNormalization", 9, 1, 722, "axes=[1,2]", "f:2x3x4x2", \
         "2x3x4x2", 0, -26.1626112) \
    CASE("lp_norm", "LpNormalization", 7, 1, 723, "axis=1", "f:2x3x4", \
         "2x3x4", 0.793387167, -10.330865) \
    CASE("lp_norm_one", "LpNormalization", 13, 1, 724, "p=1", "f:2x3x4", \
         "2x3x4", 0.374053096, -3.28047035) \
    CASE("quantise", "QuantizeLinear", 13, 1, 725, "", "f:2x3x4 F#0.01 U#128", \
         "2x3x4", 3087, 25650) \
    CASE("quantise_axis", "QuantizeLinear", 13, 1, 726, "axis=1", "f:2x3x4 F=0.01,0.02,0.005 S=0,5,-9", \
         "2x3x4", 223, -507) \
    CASE("quantise_no_zero", "QuantizeLinear", 10, 1, 727, "", "p:2x3 F#0.01", \
         "2x3", 634, 4236) \
    CASE("dequantise", "DequantizeLinear", 13, 1, 728, "", "u:2x3x4 F#0.01 U#128", \
         "2x3x4", -8.12999976, -67.5999984) \
    CASE("dequantise_axis", "DequantizeLinear", 13, 1, 729, "axis=-1", "s:2x3x4 F=0.01,0.02,0.005,1 S=0,5,-9,1", \
         "2x3x4", -2.28, 7.63999997) \
    CASE("dynamic_quantise", "DynamicQuantizeLinear", 11, 3, 730, "", "f:2x3x4", \
         "2x3x4", 2966.01164, 29170.0233) \
    CASE("scatter_elements", "ScatterElements", 13, 1, 731, "axis=1", "f:3x4 i=0,2,-1,1@2x2 f:2x2", \
         "3x4", 0.328125, -0.890625) \
    CASE("scatter_elements_add", "ScatterElements", 16, 1, 732, "reduction='add'", "f:3x4 i=0,2,0,1@2x2 f:2x2", \
         "3x4", -1.03125, 6.203125) \
    CASE("scatter_elements_max", "ScatterElements", 18, 1, 733, "reduction='max' axis=1", "f:3x4 i=0,2,0,1@2x2 f:2x2", \
         "3x4", 2, 11.421875) \
    CASE("scatter", "Scatter", 10, 1, 734, "axis=1", "f:3x4 i=0,2,3,1@2x2 f:2x2", \
         "3x4", 2.546875, 22.484375) \
    CASE("scatter_nd_add", "ScatterND", 16, 1, 735, "reduction='add'", "f:4x3 i=1,3,1@3x1 f:3x3", \
         "4x3", 2.765625, -9.46875) \
    CASE("scatter_nd_mul", "ScatterND", 16, 1, 736, "reduction='mul'", "f:4x3 i=1,3,1@3x1 f:3x3", \
         "4x3", 2.97633362, 28.5407562) \
    CASE("scatter_nd_min", "ScatterND", 18, 1, 737, "reduction='min'", "f:4x3 i=1,3,1@3x1 f:3x3", \
         "4x3", -2.75, -48.65625) \
    CASE("cast_like", "CastLike", 15, 1, 738, "", "f:2x9 i:1", \
         "2x9", 1, 3) \
    CASE("cast_like_same", "CastLike", 15, 1, 739, "", "f:2x3 f:1", \
         "2x3", 1.671875, -2.578125) \
    CASE("max_pool_indices", "MaxPool", 12, 2, 740, "kernel_shape=[3,2] strides=[2,2] pads=[1,0,1,1]", "f:2x3x5x6", \
         "2x3x3x3", 5006.70312, 44671.9062) \
    CASE("max_pool_indices_by_column", "MaxPool", 12, 2, 741, "kernel_shape=[2,2] storage_order=1", "f:2x2x4x5", \
         "2x2x3x4", 1968.48438, 18142.4375) \
    CASE("max_unpool", "MaxUnpool", 11, 1, 742, "kernel_shape=[2,2] strides=[2,2]", "f:1x2x2x2 i=5,7,13,15,16,19,26,31@1x2x2x2", \
         "1x2x4x4", -2.03125, -8.140625) \
    CASE("lp_pool", "LpPool", 11, 1, 743, "kernel_shape=[2,3] strides=[2,1] pads=[1,0,0,1]", "f:2x3x5x6", \
         "2x3x3x5", 165.923071, 1485.59459) \
    CASE("lp_pool_1d", "LpPool", 18, 1, 744, "kernel_shape=[3] p=3", "f:2x3x7", \
         "2x3x5", 39.8580554, 356.203994) \
    CASE("global_lp_pool", "GlobalLpPool", 7, 1, 745, "", "f:2x3x4x5", \
         "2x3x1x1", 24.0182536, 190.114486) \
    CASE("grid_sample_bilinear_zeros", "GridSample", 16, 1, 746, "mode='bilinear' padding_mode='zeros'", "f:2x3x4x5 f:2x3x4x2", \
         "2x3x3x4", -1.52472687, -7.35601044) \
    CASE("grid_sample_bilinear_zeros_corners", "GridSample", 16, 1, 747, "mode='bilinear' padding_mode='zeros' align_corners=1", "f:2x3x4x5 f:2x3x4x2", \
         "2x3x3x4", -3.94829559, -16.6973267) \
    CASE("grid_sample_bilinear_border", "GridSample", 16, 1, 748, "mode='bilinear' padding_mode='border'", "f:2x3x4x5 f:2x3x4x2", \
         "2x3x3x4", 0.485282898, 30.8050766) \
    CASE("grid_sample_bilinear_border_corners", "GridSample", 16, 1, 749, "mode='bilinear' padding_mode='border' align_corners=1", "f:2x3x4x5 f:2x3x4x2", \
         "2x3x3x4", -1.92215729, -32.1321793) \
    CASE("grid_sample_bilinear_reflection", "GridSample", 16, 1, 750, "mode='bilinear' padding_mode='reflection'", "f:2x3x4x5 f:2x3x4x2", \
         "2x3x3x4", -0.269386292, -19.2743225) \
    CASE("grid_sample_bilinear_reflection_corners", "GridSample", 16, 1, 751, "mode='bilinear' padding_mode='reflection' align_corners=1", "f:2x3x4x5 f:2x3x4x2", \
         "2x3x3x4", 1.97929001, 5.61557007) \
    CASE("grid_sample_nearest_zeros", "GridSample", 16, 1, 752, "mode='nearest' padding_mode='zeros'", "f:2x3x4x5 f:2x3x4x2", \
         "2x3x3x4", 4.71875, 44.140625) \
    CASE("grid_sample_nearest_zeros_corners", "GridSample", 16, 1, 753, "mode='nearest' padding_mode='zeros' align_corners=1", "f:2x3x4x5 f:2x3x4x2", \
         "2x3x3x4", 8.078125, 45.265625) \
    CASE("grid_sample_nearest_border", "GridSample", 16, 1, 754, "mode='nearest' padding_mode='border'", "f:2x3x4x5 f:2x3x4x2", \
         "2x3x3x4", 4.9375, 44.203125) \
    CASE("grid_sample_nearest_border_corners", "GridSample", 16, 1, 755, "mode='nearest' padding_mode='border' align_corners=1", "f:2x3x4x5 f:2x3x4x2", \
         "2x3x3x4", 5.84375, 92.5) \
    CASE("grid_sample_nearest_reflection", "GridSample", 16, 1, 756, "mode='nearest' padding_mode='reflection'", "f:2x3x4x5 f:2x3x4x2", \
         "2x3x3x4", -3.765625, -34.703125) \
    CASE("grid_sample_nearest_reflection_corners", "GridSample", 16, 1, 757, "mode='nearest' padding_mode='reflection' align_corners=1", "f:2x3x4x5 f:2x3x4x2", \
         "2x3x3x4", 5.75, -9.703125) \
    CASE("grid_sample_bicubic_zeros", "GridSample", 16, 1, 758, "mode='bicubic' padding_mode='zeros'", "f:2x3x4x5 f:2x3x4x2", \
         "2x3x3x4", -2.13083938, -1.13455321) \
    CASE("grid_sample_bicubic_zeros_corners", "GridSample", 16, 1, 759, "mode='bicubic' padding_mode='zeros' align_corners=1", "f:2x3x4x5 f:2x3x4x2", \
         "2x3x3x4", -4.45526681, -47.3108124) \
    CASE("grid_sample_bicubic_border", "GridSample", 16, 1, 760, "mode='bicubic' padding_mode='border'", "f:2x3x4x5 f:2x3x4x2", \
         "2x3x3x4", -3.60824544, -31.0958806) \
    CASE("grid_sample_bicubic_border_corners", "GridSample", 16, 1, 761, "mode='bicubic' padding_mode='border' align_corners=1", "f:2x3x4x5 f:2x3x4x2", \
         "2x3x3x4", -0.361548839, 46.946109) \
    CASE("grid_sample_bicubic_reflection", "GridSample", 16, 1, 762, "mode='bicubic' padding_mode='reflection'", "f:2x3x4x5 f:2x3x4x2", \
         "2x3x3x4", -7.46238989, -84.4668404) \
    CASE("grid_sample_bicubic_reflection_corners", "GridSample", 16, 1, 763, "mode='bicubic' padding_mode='reflection' align_corners=1", "f:2x3x4x5 f:2x3x4x2", \
         "2x3x3x4", 4.76458092, -13.5081045) \
    CASE("grid_sample_20", "GridSample", 20, 1, 764, "mode='linear'", "f:2x3x4x5 f:2x3x4x2", \
         "2x3x3x4", 0.883392334, -2.72783661) \
    CASE("lrn_even", "LRN", 13, 1, 765, "size=4 alpha=0.5", "f:1x6x2x2", \
         "1x6x2x2", 0.951025975, -7.71315957) \
    CASE("cumsum_behind", "CumSum", 14, 1, 766, "exclusive=1 reverse=1", "f:2x4x3 I#-2", \
         "2x4x3", 7.671875, 83.5) \
    CASE("trilu_below", "Trilu", 14, 1, 767, "upper=0", "f:2x4x3 I#-1", \
         "2x4x3", 0.984375, 0.15625) \
    CASE("gather_elements_again", "GatherElements", 13, 1, 768, "axis=0", "f:3x2x2 i=1,1,-2,0,1,2,1,0@2x2x2", \
         "2x2x2", 0.796875, -14.421875) \
    CASE("tile_all", "Tile", 13, 1, 769, "", "f:1x2x3x2 I=2,2,1,3", \
         "2x4x3x6", -3.5625, -85.75) \
    CASE("group_norm_line", "GroupNormalization", 21, 1, 770, "num_groups=3", "f:2x6x4 F:6 F:6", \
         "2x6x4", -8.91804054, -116.846379)
/* clang-format on */

#endif

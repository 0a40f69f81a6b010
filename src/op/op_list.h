/*
 * Every operator: one row per operator and range of opsets in which its form
 * is the same.
 */
#ifndef OP_OP_LIST_H
#define OP_OP_LIST_H

/* clang-format off */
#define OP_LIST(OP) \
    OP(op_conv) \
    OP(op_conv_transpose) \
    OP(op_gemm) \
    OP(op_matmul) \
    OP(op_batch_norm) \
    OP(op_max_pool) \
    OP(op_average_pool) \
    OP(op_global_max_pool) \
    OP(op_global_average_pool) \
    OP(op_relu) \
    OP(op_leaky_relu) \
    OP(op_sigmoid) \
    OP(op_hard_sigmoid) \
    OP(op_hard_swish) \
    OP(op_tanh) \
    OP(op_elu) \
    OP(op_selu) \
    OP(op_celu) \
    OP(op_softplus) \
    OP(op_softsign) \
    OP(op_thresholded_relu) \
    OP(op_mish) \
    OP(op_erf) \
    OP(op_gelu) \
    OP(op_exp) \
    OP(op_log) \
    OP(op_sqrt) \
    OP(op_sin) \
    OP(op_cos) \
    OP(op_abs) \
    OP(op_neg) \
    OP(op_sign) \
    OP(op_floor) \
    OP(op_ceil) \
    OP(op_round) \
    OP(op_reciprocal) \
    OP(op_clip_attributes) \
    OP(op_clip) \
    OP(op_add) \
    OP(op_sub) \
    OP(op_mul) \
    OP(op_div) \
    OP(op_mod) \
    OP(op_pow) \
    OP(op_max) \
    OP(op_min) \
    OP(op_sum) \
    OP(op_mean) \
    OP(op_equal) \
    OP(op_less) \
    OP(op_less_or_equal) \
    OP(op_greater) \
    OP(op_greater_or_equal) \
    OP(op_and) \
    OP(op_or) \
    OP(op_xor) \
    OP(op_reduce_mean_attribute) \
    OP(op_reduce_mean) \
    OP(op_reduce_sum_attribute) \
    OP(op_reduce_sum) \
    OP(op_reduce_max_attribute) \
    OP(op_reduce_max) \
    OP(op_reduce_min_attribute) \
    OP(op_reduce_min) \
    OP(op_reduce_prod_attribute) \
    OP(op_reduce_prod) \
    OP(op_reduce_l1_attribute) \
    OP(op_reduce_l1) \
    OP(op_reduce_l2_attribute) \
    OP(op_reduce_l2) \
    OP(op_reduce_square_attribute) \
    OP(op_reduce_square) \
    OP(op_reduce_log_attribute) \
    OP(op_reduce_log) \
    OP(op_reduce_log_exp_attribute) \
    OP(op_reduce_log_exp) \
    OP(op_reshape) \
    OP(op_flatten) \
    OP(op_squeeze_attribute) \
    OP(op_squeeze) \
    OP(op_unsqueeze_attribute) \
    OP(op_unsqueeze) \
    OP(op_identity) \
    OP(op_dropout_attribute) \
    OP(op_dropout) \
    OP(op_constant) \
    OP(op_constant_of_shape) \
    OP(op_range)
/* clang-format on */

#endif

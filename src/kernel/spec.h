/*
 * What a kernel is asked to compute, free of graphs: plain numbers and
 * pointers to constant operands (row-major float32, borrowed, alive as long
 * as the spec is used).
 */
#ifndef KERNEL_SPEC_H
#define KERNEL_SPEC_H

#include <stdbool.h>
#include <stdint.h>

enum kernel_kind {
    KERNEL_NONE,      /* no fast kernel: run the operator's plain code */
    KERNEL_CONV,      /* convolution, 1-D as 2-D with height 1 */
    KERNEL_DECONV,    /* transposed convolution */
    KERNEL_PRODUCT,   /* y(n, out) = x(n, in) * w(out, in)^T + bias */
    KERNEL_MATMUL,    /* two run-time operands, batched */
    KERNEL_POOL,      /* max or average pooling, also global */
    KERNEL_ELTWISE,   /* one operand, element by element */
    KERNEL_BINARY,    /* two operands, broadcast */
    KERNEL_AFFINE,    /* y = x * scale[c] + shift[c] (batch norm) */
    KERNEL_SOFTMAX,   /* softmax or log-softmax over one axis */
    KERNEL_ALIAS,     /* same bytes, other shape: reshape, flatten, identity */
    KERNEL_NORM,      /* layer norm: rows by their own mean and deviation */
    KERNEL_ATTENTION, /* softmax(queries * keys^T * scale + mask) * values */
    KERNEL_KIND_COUNT,
};

/* Element-wise functions; alpha and beta as ONNX names them. */
enum eltwise_kind {
    ELTWISE_NONE,
    ELTWISE_RELU, /* x < 0 ? alpha * x : x; alpha 0: plain */
    ELTWISE_CLIP, /* min(max(x, alpha), beta) */
    ELTWISE_SIGMOID,
    ELTWISE_TANH,
    ELTWISE_ELU,         /* x > 0 ? x : alpha * (exp(x) - 1) */
    ELTWISE_HARDSIGMOID, /* clip(alpha * x + beta, 0, 1) */
    ELTWISE_HARDSWISH,   /* x * clip(x / 6 + 0.5, 0, 1) */
    ELTWISE_SOFTPLUS,
    ELTWISE_ERF,
    ELTWISE_GELU, /* exact, by erf */
    ELTWISE_EXP,
    ELTWISE_LOG,
    ELTWISE_SQRT,
    ELTWISE_ABS,
    ELTWISE_NEG,
    ELTWISE_KIND_COUNT,
};

enum binary_kind {
    BINARY_ADD,
    BINARY_SUB,
    BINARY_MUL,
    BINARY_DIV,
    BINARY_MAX,
    BINARY_MIN,
    BINARY_KIND_COUNT,
};

/*
 * Where elements lie. Logical shapes are always (n, c, h, w). Tensors of other
 * ranks are seen so: (n, f) is (n, f, 1, 1); (n, c, w), 1-D convolution, is
 * (n, c, 1, w). Kernels whose spec is made of such shapes (conv, deconv, pool,
 * affine; binary with a channel constant) may use any layout; product, matmul,
 * softmax and alias of tensors that are not of rank 2 or 4, and everything of
 * rank 0, 1 or above 4, are LAYOUT_PLAIN. Alias means the same bytes in
 * LAYOUT_PLAIN.
 */
enum layout {
    LAYOUT_PLAIN,   /* row-major as ONNX has it: NCHW */
    LAYOUT_NHWC,    /* channels innermost */
    LAYOUT_BLOCK16, /* oneDNN's nChw16c: 16 channels innermost */
    LAYOUT_PLANE,   /* NCHW whose planes carry a zero border of `border` on
                       each side: rows are w + 2 * border long. With a border
                       planes and their first elements lie at multiples of 16
                       floats: zeros before and behind fill up */
    LAYOUT_IMAGE16, /* 16 images innermost: [ceil(n/16)][c][h][w][16] */
    LAYOUT_COUNT,
};

/* Convolution (groups divide channels) and its transpose. Weight is
 * (oc, ic/groups, kh, kw), for DECONV (ic, oc/groups, kh, kw). DECONV's
 * pad_bottom is (ih - 1) * sh + (kh - 1) * dh + 1 - pad_top - oh, below zero
 * where output padding adds rows that only the bias reaches; so pad_right. */
struct conv_spec {
    int64_t n, groups, ic, ih, iw, oc, oh, ow;
    int64_t kh, kw, sh, sw, dh, dw; /* kernel, stride, dilation (1: none) */
    int64_t pad_top, pad_left, pad_bottom, pad_right;
    const float *weight;
    const float *bias;     /* (oc), NULL: none */
    const uint8_t *unread; /* (oc) 1: nobody reads this channel of the result,
                              which need not be written; NULL: none */
};

/* y(n, out) = x(n, in) * weight^T + bias. weight is (out, in) when
 * `transposed` is false, else (in, out) as MatMul stores it. */
struct product_spec {
    int64_t n, in, out;
    bool transposed;
    const float *weight, *bias;
};

/* y(b, m, n) = a(b, m, k) * b(b, k, n); strides 0 broadcast the batch. */
struct matmul_spec {
    int64_t batch, m, k, n;
    bool broadcast_a, broadcast_b;
};

/*
 * The last window may reach beyond the padding (ceil mode); what lies there
 * is never counted. So is only padding that is declared when count_padding;
 * `lower` gives KERNEL_NONE for an average that counts padding and reaches
 * beyond, so fast kernels may enlarge the padding as they need. Padding is
 * -infinity for a maximum.
 */
struct pool_spec {
    bool average, count_padding;
    int64_t n, c, ih, iw, oh, ow, kh, kw, sh, sw, dh, dw;
    int64_t pad_top, pad_left, pad_bottom, pad_right;
};

struct eltwise_spec {
    enum eltwise_kind kind;
    float alpha, beta;
};

/* Both operands broadcast right-aligned as ONNX has it, then logical
 * (n, c, h, w) as above. Channel constants: c values that follow dimension 1
 * of the other operand, which is the result's shape. A row that repeats: value
 * i % constant_row belongs to element i (a vector along the last dimension, a
 * table for every sample). */
struct binary_spec {
    enum binary_kind kind;
    bool same_shape;           /* no broadcasting at all; else run-time
                                  operands have the same rank */
    const float *constant;     /* the second operand when constant, else NULL */
    int constant_operand;      /* 0 or 1: which operand is constant; -1: none */
    int64_t constant_channels; /* constant is per channel (c values); 1: one
                                  number; 0: see constant_row */
    int64_t constant_row;      /* that many values repeat; 0: see channels */
};

struct affine_spec {
    int64_t n, c, inner; /* inner = product of the spatial dimensions */
    const float *gamma, *beta, *mean, *variance; /* (c) */
    float epsilon;
};

struct softmax_spec {
    int64_t outer, axis, inner;
    bool logarithm;
};

/* y = (x - mean(row)) / sqrt(variance(row) + epsilon) * gamma + beta */
struct norm_spec {
    int64_t rows, width;
    float epsilon;
    const float *gamma, *beta; /* (width), NULL: ones, zeros */
};

/* Where an element of a stack of matrices lies, in floats. */
struct attention_strides {
    int64_t outer, inner, row, column;
};

/* outer x inner stacks of: queries (m, k), keys (n, k), values (n, w), a mask
 * (m, n) that is added where `masked` (strides 0 repeat), result (m, w).
 * choice: before the mask, scores stay where its byte is `chosen` (0 or 1) and
 * are `fill` elsewhere; NULL: all stay. */
struct attention_spec {
    int64_t outer, inner, m, n, k, w;
    float scale, fill;
    bool masked, chosen;
    const uint8_t *choice;
    struct attention_strides query, key, value, mask, result, choice_at;
};

struct kernel_spec {
    enum kernel_kind kind;
    int weight_input; /* operand index of conv/product's weight, -1: none */
    union {
        struct conv_spec conv;
        struct product_spec product;
        struct matmul_spec matmul;
        struct pool_spec pool;
        struct eltwise_spec eltwise;
        struct binary_spec binary;
        struct affine_spec affine;
        struct softmax_spec softmax;
        struct norm_spec norm;
        struct attention_spec attention;
    };
};

/* What is done to a kernel's result before it is stored: first an optional
 * sum with another tensor of the same shape and layout, then an activation. */
struct epilogue {
    bool add;
    struct eltwise_spec activation; /* ELTWISE_NONE: none */
};

#endif

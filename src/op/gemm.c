/* Gemm and MatMul. */
#include "base/array.h"
#include "kernel/reference.h"
#include "op/backward.h"
#include "op/couple.h"

#include <stdlib.h>
#include <string.h>

struct gemm_params {
    float alpha, beta;
    int64_t transpose_a, transpose_b;
};

static const struct parameter gemm_table[] = {
    {"alpha", ATTRIBUTE_FLOAT, offsetof(struct gemm_params, alpha), 1},
    {"beta", ATTRIBUTE_FLOAT, offsetof(struct gemm_params, beta), 1},
    {"transA", ATTRIBUTE_INT, offsetof(struct gemm_params, transpose_a), 0},
    {"transB", ATTRIBUTE_INT, offsetof(struct gemm_params, transpose_b), 0},
    /* Opset 6; a bias broadcasts with and without it. */
    {"broadcast", ATTRIBUTE_INT, PARAMETER_IGNORED, 0},
};

static int parse_gemm(struct node *node, struct arena *arena, struct error *err)
{
    return op_parameters(node, arena, gemm_table, ARRAY_LENGTH(gemm_table),
                         sizeof(struct gemm_params), err);
}

struct gemm_sizes {
    int64_t m, k, n;
};

static int gemm_sizes_of(const struct op_call *call, struct gemm_sizes *sizes,
                         struct error *err)
{
    const struct gemm_params *params = call->node->params;
    const int64_t *a = call->inputs[0]->shape.dims;
    const int64_t *b = call->inputs[1]->shape.dims;
    bool ta = params->transpose_a != 0, tb = params->transpose_b != 0;
    *sizes = (struct gemm_sizes){a[ta], a[!ta], b[!tb]};
    if (b[tb] == sizes->k)
        return 0;
    return error_set(err, ERROR_SHAPE,
                     "inner sizes differ: 'A' has %lld, 'B' has %lld",
                     (long long)sizes->k, (long long)b[tb]);
}

static int infer_gemm(const struct op_call *call, struct error *err)
{
    struct gemm_sizes sizes;
    if (op_want_float(call, 0, "A", err) < 0 ||
        op_want_float(call, 1, "B", err) < 0 ||
        op_want_float(call, 2, "C", err) < 0 ||
        op_want_rank(call, 0, "A", 2, 2, err) < 0 ||
        op_want_rank(call, 1, "B", 2, 2, err) < 0 ||
        gemm_sizes_of(call, &sizes, err) < 0)
        return -1;
    struct shape shape = {2, {sizes.m, sizes.n}}, sum;
    const struct tensor *c = op_input(call, 2);
    if (c && (shape_broadcast(&sum, &shape, &c->shape) < 0 ||
              !shape_equal(&sum, &shape))) {
        char text[SHAPE_TEXT_BYTES], wanted[SHAPE_TEXT_BYTES];
        return error_set(
            err, ERROR_SHAPE, "input 'C' of %s does not broadcast to %s",
            shape_text(&c->shape, text), shape_text(&shape, wanted));
    }
    op_give(call, 0, DTYPE_FLOAT32, &shape);
    return 0;
}

static void cost_gemm(const struct op_call *call, struct op_cost *cost)
{
    struct gemm_sizes sizes;
    if (gemm_sizes_of(call, &sizes, NULL) < 0)
        return;
    cost->macs = op_multiply(op_multiply(sizes.m, sizes.k), sizes.n);
    cost->parameters = op_constant_elements(call, 1);
}

static int run_gemm(const struct op_call *call, struct error *err)
{
    const struct gemm_params *params = call->node->params;
    struct gemm_sizes s;
    if (gemm_sizes_of(call, &s, err) < 0)
        return -1;
    const float *a = call->inputs[0]->data, *b = call->inputs[1]->data;
    int64_t a_row = params->transpose_a ? 1 : s.k;
    int64_t a_step = params->transpose_a ? s.m : 1;
    int64_t b_row = params->transpose_b ? s.k : 1;
    int64_t b_step = params->transpose_b ? 1 : s.n;
    const struct tensor *c = op_input(call, 2);
    const float *addend = op_floats(c);
    int64_t c_strides[SHAPE_MAX_RANK] = {0};
    if (c)
        op_broadcast_strides(&c->shape, &call->outputs[0]->shape, c_strides);
    float *out = call->outputs[0]->data;
    for (int64_t m = 0; m < s.m; m++) {
        for (int64_t n = 0; n < s.n; n++) {
            double sum = 0;
            for (int64_t k = 0; k < s.k; k++)
                sum += (double)a[m * a_row + k * a_step] *
                       (double)b[n * b_row + k * b_step];
            sum *= (double)params->alpha;
            if (addend)
                sum += (double)params->beta *
                       (double)addend[m * c_strides[0] + n * c_strides[1]];
            *out++ = (float)sum;
        }
    }
    return 0;
}

/* to[i * to_row + j * to_step] = alpha * sum over l of a(i, l) * b(l, j). */
struct factor {
    const float *data;
    int64_t row, step;
};

static void multiply(int64_t rows, int64_t inner, int64_t columns, double alpha,
                     struct factor a, struct factor b, float *to,
                     int64_t to_row, int64_t to_step)
{
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < columns; j++) {
            double sum = 0;
            for (int64_t l = 0; l < inner; l++)
                sum += (double)a.data[i * a.row + l * a.step] *
                       (double)b.data[l * b.row + j * b.step];
            to[i * to_row + j * to_step] = (float)(alpha * sum);
        }
    }
}

static int gradient_gemm(const struct op_call *call,
                         const struct op_gradient *gradient, struct error *err)
{
    const struct gemm_params *params = call->node->params;
    struct gemm_sizes s;
    if (gemm_sizes_of(call, &s, err) < 0)
        return -1;
    const float *dy = op_gradient_of(gradient, 0);
    bool ta = params->transpose_a != 0, tb = params->transpose_b != 0;
    int64_t a_row = ta ? 1 : s.k, a_step = ta ? s.m : 1;
    int64_t b_row = tb ? 1 : s.n, b_step = tb ? s.k : 1;
    struct factor y = {dy, s.n, 1};
    struct factor b_across = {call->inputs[1]->data, b_step, b_row};
    struct factor a_across = {call->inputs[0]->data, a_step, a_row};
    double alpha = (double)params->alpha;
    if (op_gradient_to(gradient, 0))
        multiply(s.m, s.n, s.k, alpha, y, b_across, op_gradient_to(gradient, 0),
                 a_row, a_step);
    if (op_gradient_to(gradient, 1))
        multiply(s.k, s.m, s.n, alpha, a_across, y, op_gradient_to(gradient, 1),
                 b_row, b_step);
    if (!op_input(call, 2) || !op_gradient_to(gradient, 2))
        return 0;
    if (op_unbroadcast(gradient, 2, &call->outputs[0]->shape, dy, err) < 0)
        return -1;
    int64_t count = tensor_elements(gradient->inputs[2]);
    for (int64_t i = 0; i < count; i++)
        op_gradient_to(gradient, 2)[i] *= params->beta;
    return 0;
}

/* A bias that is one value per output, as kernels want it. */
static bool is_channel_bias(const struct tensor *c, int64_t n)
{
    const struct shape *shape = &c->shape;
    return c->data && shape->rank >= 1 && shape->dims[shape->rank - 1] == n &&
           shape_elements(shape) == n;
}

static void lower_gemm(const struct op_call *call, struct kernel_spec *spec)
{
    const struct gemm_params *params = call->node->params;
    const struct tensor *c = op_input(call, 2);
    struct gemm_sizes s;
    if (!call->inputs[1]->data || params->transpose_a ||
        params->alpha != 1.0f || gemm_sizes_of(call, &s, NULL) < 0 ||
        (c && (params->beta != 1.0f || !is_channel_bias(c, s.n))))
        return;
    spec->kind = KERNEL_PRODUCT;
    spec->weight_input = 1;
    spec->product = (struct product_spec){
        .n = s.m,
        .in = s.k,
        .out = s.n,
        .transposed = !params->transpose_b,
        .weight = call->inputs[1]->data,
        .bias = op_floats(c),
    };
}

static int couple_gemm(struct coupling *coupling, struct error *err)
{
    (void)err;
    const struct op_call *call = coupling->call;
    const struct gemm_params *params = call->node->params;
    struct couple_product product = {
        .data = 0,
        .weight = 1,
        .bias = 2,
        .data_axis = !params->transpose_a,
        .in_axis = params->transpose_b != 0,
        .out_axis = !params->transpose_b,
        .result_axis = 1,
        .groups = 1,
    };
    couple_product(coupling, &product);
    return 0;
}

const struct op op_gemm = {
    .type = "Gemm",
    OP_OPSETS(OP_OPSET_FIRST, OP_OPSET_LAST),
    .min_inputs = 2,
    .max_inputs = 3,
    .weight_input = 1,
    .parse = parse_gemm,
    .infer = infer_gemm,
    .couple = couple_gemm,
    .cost = cost_gemm,
    .run = run_gemm,
    .gradient = gradient_gemm,
    .lower = lower_gemm,
};

/* --- MatMul --- */

/* Operands as stacks of matrices: a vector is a row on the left, a column on
 * the right; the leading dimensions broadcast. */
struct matmul_sizes {
    int64_t m, k, n;
    struct shape lead;   /* of the result */
    struct shape lead_a; /* of each operand */
    struct shape lead_b;
};

static struct shape leading(const struct shape *shape)
{
    struct shape lead = *shape;
    lead.rank = shape->rank > 2 ? shape->rank - 2 : 0;
    return lead;
}

static int matmul_sizes_of(const struct op_call *call, struct matmul_sizes *s,
                           struct error *err)
{
    const struct shape *a = &call->inputs[0]->shape;
    const struct shape *b = &call->inputs[1]->shape;
    s->m = a->rank == 1 ? 1 : a->dims[a->rank - 2];
    s->k = a->dims[a->rank - 1];
    s->n = b->rank == 1 ? 1 : b->dims[b->rank - 1];
    s->lead_a = leading(a);
    s->lead_b = leading(b);
    int64_t k = b->dims[b->rank == 1 ? 0 : b->rank - 2];
    char left[SHAPE_TEXT_BYTES], right[SHAPE_TEXT_BYTES];
    if (k != s->k || shape_broadcast(&s->lead, &s->lead_a, &s->lead_b) < 0)
        return error_set(err, ERROR_SHAPE,
                         "'A' of %s and 'B' of %s do not multiply",
                         shape_text(a, left), shape_text(b, right));
    return 0;
}

static int infer_matmul(const struct op_call *call, struct error *err)
{
    struct matmul_sizes s;
    if (op_want_float(call, 0, "A", err) < 0 ||
        op_want_float(call, 1, "B", err) < 0 ||
        op_want_rank(call, 0, "A", 1, SHAPE_MAX_RANK, err) < 0 ||
        op_want_rank(call, 1, "B", 1, SHAPE_MAX_RANK, err) < 0 ||
        matmul_sizes_of(call, &s, err) < 0)
        return -1;
    struct shape shape = s.lead;
    if (call->inputs[0]->shape.rank > 1)
        shape.dims[shape.rank++] = s.m;
    if (call->inputs[1]->shape.rank > 1)
        shape.dims[shape.rank++] = s.n;
    op_give(call, 0, DTYPE_FLOAT32, &shape);
    return 0;
}

static void cost_matmul(const struct op_call *call, struct op_cost *cost)
{
    struct matmul_sizes s;
    if (matmul_sizes_of(call, &s, NULL) < 0)
        return;
    int64_t rows = op_multiply(op_product(&s.lead, 0, s.lead.rank), s.m);
    cost->macs = op_multiply(rows, op_multiply(s.k, s.n));
    cost->parameters = op_constant_elements(call, 0);
}

/* The offset of operand `lead` for the result's matrix number `index`. */
static int64_t matrix_offset(const struct matmul_sizes *s,
                             const struct shape *lead, int64_t index,
                             int64_t matrix)
{
    int64_t strides[SHAPE_MAX_RANK], offset = 0;
    op_broadcast_strides(lead, &s->lead, strides);
    for (int i = s->lead.rank - 1; i >= 0; i--) {
        offset += index % s->lead.dims[i] * strides[i];
        index /= s->lead.dims[i];
    }
    return offset * matrix;
}

static int run_matmul(const struct op_call *call, struct error *err)
{
    struct matmul_sizes s;
    if (matmul_sizes_of(call, &s, err) < 0)
        return -1;
    struct matmul_spec one = {.batch = 1, .m = s.m, .k = s.k, .n = s.n};
    const float *a = call->inputs[0]->data, *b = call->inputs[1]->data;
    float *out = call->outputs[0]->data;
    int64_t count = shape_elements(&s.lead);
    for (int64_t i = 0; i < count; i++)
        reference_matmul(&one, a + matrix_offset(&s, &s.lead_a, i, s.m * s.k),
                         b + matrix_offset(&s, &s.lead_b, i, s.k * s.n),
                         out + i * s.m * s.n);
    return 0;
}

/* to += a * b for one matrix of the stack. */
static void multiply_add(int64_t rows, int64_t inner, int64_t columns,
                         struct factor a, struct factor b, float *to)
{
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < columns; j++) {
            double sum = (double)*to;
            for (int64_t l = 0; l < inner; l++)
                sum += (double)a.data[i * a.row + l * a.step] *
                       (double)b.data[l * b.row + j * b.step];
            *to++ = (float)sum;
        }
    }
}

static void clear(const struct op_gradient *gradient, int i)
{
    if (op_gradient_to(gradient, i))
        memset(op_gradient_to(gradient, i), 0,
               tensor_bytes(gradient->inputs[i]));
}

static int gradient_matmul(const struct op_call *call,
                           const struct op_gradient *gradient,
                           struct error *err)
{
    struct matmul_sizes s;
    if (matmul_sizes_of(call, &s, err) < 0)
        return -1;
    const float *a = call->inputs[0]->data, *b = call->inputs[1]->data;
    const float *dy = op_gradient_of(gradient, 0);
    float *da = op_gradient_to(gradient, 0), *db = op_gradient_to(gradient, 1);
    int64_t count = shape_elements(&s.lead);
    clear(gradient, 0);
    clear(gradient, 1);
    for (int64_t i = 0; i < count; i++, dy += s.m * s.n) {
        int64_t at_a = matrix_offset(&s, &s.lead_a, i, s.m * s.k);
        int64_t at_b = matrix_offset(&s, &s.lead_b, i, s.k * s.n);
        struct factor y = {dy, s.n, 1};
        struct factor a_across = {a + at_a, 1, s.k};
        struct factor b_across = {b + at_b, 1, s.n};
        if (da)
            multiply_add(s.m, s.n, s.k, y, b_across, da + at_a);
        if (db)
            multiply_add(s.k, s.m, s.n, a_across, y, db + at_b);
    }
    return 0;
}

static void lower_weight(const struct op_call *call, struct kernel_spec *spec,
                         const struct matmul_sizes *s)
{
    const struct shape *a = &call->inputs[0]->shape;
    if (call->inputs[1]->shape.rank != 2 || a->rank < 2)
        return;
    spec->kind = KERNEL_PRODUCT;
    spec->weight_input = 1;
    spec->product = (struct product_spec){
        .n = op_product(a, 0, a->rank - 1),
        .in = s->k,
        .out = s->n,
        .transposed = true,
        .weight = call->inputs[1]->data,
    };
}

/* Whether the operand's stack is the result's, or one matrix for all. */
static bool is_stack(const struct shape *lead, const struct shape *result)
{
    return shape_elements(lead) == 1 ||
           shape_elements(lead) == shape_elements(result);
}

static void lower_matmul(const struct op_call *call, struct kernel_spec *spec)
{
    struct matmul_sizes s;
    if (matmul_sizes_of(call, &s, NULL) < 0)
        return;
    if (call->inputs[1]->data) {
        lower_weight(call, spec, &s);
        return;
    }
    if (call->inputs[0]->data || !is_stack(&s.lead_a, &s.lead) ||
        !is_stack(&s.lead_b, &s.lead))
        return;
    int64_t batch = shape_elements(&s.lead);
    spec->kind = KERNEL_MATMUL;
    spec->matmul = (struct matmul_spec){
        .batch = batch,
        .m = s.m,
        .k = s.k,
        .n = s.n,
        .broadcast_a = batch > 1 && shape_elements(&s.lead_a) == 1,
        .broadcast_b = batch > 1 && shape_elements(&s.lead_b) == 1,
    };
}

/* The constant operand is the weight; false where there is none. */
static bool couple_weight(struct coupling *coupling)
{
    const struct op_call *call = coupling->call;
    const struct tensor *a = call->inputs[0], *b = call->inputs[1];
    int rank = call->outputs[0]->shape.rank;
    struct couple_product product = {.bias = -1, .groups = 1};
    if (b->data && b->shape.rank == 2 && a->shape.rank >= 2) {
        product.weight = 1;
        product.data_axis = a->shape.rank - 1;
        product.out_axis = 1;
        product.result_axis = rank - 1;
    } else if (a->data && a->shape.rank == 2 && b->shape.rank >= 2) {
        product.data = 1;
        product.data_axis = b->shape.rank - 2;
        product.in_axis = 1;
        product.result_axis = rank - 2;
    } else {
        return false;
    }
    couple_product(coupling, &product);
    return true;
}

/* Stacks whose matrices carry labels of their own (attention heads): all of
 * one matrix goes together, on both sides. */
static void couple_stacks(struct coupling *coupling)
{
    const struct shape *shape = &coupling->call->outputs[0]->shape;
    int rank = shape->rank;
    bool inner[SHAPE_MAX_RANK] = {false};
    struct shape stack = *shape;
    struct label_map out = label_map_none(shape, "it meets another stack");
    inner[rank - 1] = inner[rank - 2] = true;
    stack.dims[rank - 1] = stack.dims[rank - 2] = 1;
    for (int i = 0; i < 2; i++) {
        struct label_map map = coupling->inputs[i];
        if (!map.labels)
            continue;
        map = label_map_merge(coupling->labels, &map, inner, NULL);
        map.shape.dims[rank - 1] = map.shape.dims[rank - 2] = 1;
        map = label_map_broadcast(&map, &stack);
        if (out.labels)
            label_map_tie(coupling->labels, &out, &map);
        else
            out = map;
    }
    for (int i = 0; i < 2; i++)
        for (int d = 0; d < rank - 2; d++)
            if (label_map_depends(&out, d) && !couple_labelled(coupling, i) &&
                coupling->call->inputs[i]->shape.dims[d] > 1)
                label_map_lock(coupling->labels, &out, coupling->inputs[i].why);
    int64_t count = shape_elements(&stack);
    int *list = label_map_list(coupling->labels, &out);
    for (int64_t i = 0; list && i < count; i++) {
        int root = labels_find(coupling->labels, list[i]);
        coupling->labels->states[root].head = true;
    }
    out.shape = *shape;
    out.zero = (couple_labelled(coupling, 0) && coupling->inputs[0].zero) ||
               (couple_labelled(coupling, 1) && coupling->inputs[1].zero);
    couple_give(coupling, 0, out);
}

/* Two computed matrices: labels of the summed axis meet, those of rows and
 * columns pass. */
static void couple_matrices(struct coupling *coupling, int rank)
{
    struct labels *labels = coupling->labels;
    const struct shape *shape = &coupling->call->outputs[0]->shape;
    const struct label_map *a = &coupling->inputs[0], *b = &coupling->inputs[1];
    struct label_map out = label_map_none(shape, "");
    bool inner_a = label_map_depends(a, rank - 1);
    bool inner_b = label_map_depends(b, rank - 2);
    bool rows = label_map_depends(a, rank - 2);
    bool columns = label_map_depends(b, rank - 1);
    if (inner_a && inner_b && !rows && !columns && (a->zero || b->zero)) {
        struct label_map left = {.labels = a->labels,
                                 .shape = {1, {a->shape.dims[rank - 1]}},
                                 .strides = {a->strides[rank - 1]}};
        struct label_map right = {.labels = b->labels,
                                  .shape = left.shape,
                                  .strides = {b->strides[rank - 2]}};
        label_map_tie(labels, &left, &right);
    } else if (inner_a || inner_b || (rows && columns)) {
        couple_lock(coupling, 0, couple_by(coupling, "it is multiplied in"));
        couple_lock(coupling, 1, couple_by(coupling, "it is multiplied in"));
    } else if (rows || columns) {
        const struct label_map *from = rows ? a : b;
        int axis = rows ? rank - 2 : rank - 1;
        out.labels = from->labels;
        out.strides[axis] = from->strides[axis];
        out.zero = from->zero;
    }
    couple_give(coupling, 0, out);
}

static int couple_matmul(struct coupling *coupling, struct error *err)
{
    (void)err;
    const struct op_call *call = coupling->call;
    int rank = call->outputs[0]->shape.rank;
    if (couple_weight(coupling))
        return 0;
    if (call->inputs[0]->data || call->inputs[1]->data || rank < 2 ||
        call->inputs[0]->shape.rank != rank ||
        call->inputs[1]->shape.rank != rank) {
        couple_lock(coupling, 0, couple_by(coupling, "it is multiplied in"));
        couple_lock(coupling, 1, couple_by(coupling, "it is multiplied in"));
        return 0;
    }
    bool stacks = false;
    for (int i = 0; i < rank - 2; i++)
        stacks = stacks || label_map_depends(&coupling->inputs[0], i) ||
                 label_map_depends(&coupling->inputs[1], i);
    if (stacks)
        couple_stacks(coupling);
    else
        couple_matrices(coupling, rank);
    return 0;
}

const struct op op_matmul = {
    .type = "MatMul",
    OP_OPSETS(OP_OPSET_FIRST, OP_OPSET_LAST),
    .min_inputs = 2,
    .max_inputs = 2,
    .weight_input = 1,
    .infer = infer_matmul,
    .couple = couple_matmul,
    .cost = cost_matmul,
    .run = run_matmul,
    .gradient = gradient_matmul,
    .lower = lower_matmul,
};

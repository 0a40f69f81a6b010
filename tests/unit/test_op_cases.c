/*
 * Every case of op_cases.h: the plain code gives ONNX Runtime's figures, and
 * what `lower` says describes the same computation.
 */
#include "kernel/reference.h"
#include "op_case.h"
#include "op/fold.h"
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

static void good(int result, const struct op_case *row, const struct error *err)
{
    if (result < 0)
        fail_msg("%s: %s", row->name, err->message);
}

/* A case, instantiated and run. */
struct ran {
    const struct op_case *row;
    struct graph *graph, *instance;
    struct tensor *values;
};

static void run_case(struct ran *ran, const struct op_case *row)
{
    struct error err = {0};
    ran->row = row;
    good(op_case_build(&ran->graph, row, &err), row, &err);
    good(op_resolve(ran->graph, &err), row, &err);
    good(op_instantiate(&ran->instance, ran->graph, op_case_batch(ran->graph),
                        &err),
         row, &err);
    ran->values = op_run_values(ran->instance);
    assert_non_null(ran->values);
    for (size_t i = 0; i < ran->instance->input_count; i++)
        good(
            op_case_input(&ran->values[ran->instance->inputs[i]], row, i, &err),
            row, &err);
    good(op_run_graph(ran->instance, ran->values, &err), row, &err);
}

static void release(struct ran *ran)
{
    op_run_release(ran->instance, ran->values);
    graph_drop(ran->instance);
    graph_drop(ran->graph);
}

static void check_figures(const struct ran *ran)
{
    const struct op_case *row = ran->row;
    const struct graph *instance = ran->instance;
    struct op_figures found = {0};
    char text[SHAPE_TEXT_BYTES];
    for (size_t i = 0; i < instance->output_count; i++)
        op_figures_add(&found, &ran->values[instance->outputs[i]]);
    const struct tensor *first = &ran->values[instance->outputs[0]];
    if (strcmp(shape_text(&first->shape, text), row->shape) != 0)
        fail_msg("%s: shape %s, expected %s", row->name, text, row->shape);
    double room = 2e-6 * found.magnitude + 1e-6;
    if (!(fabs(found.sum - row->sum) <= room) ||
        !(fabs(found.weighted - row->weighted) <= room))
        fail_msg("%s: sum %.9g and %.9g, expected %.9g and %.9g", row->name,
                 found.sum, found.weighted, row->sum, row->weighted);
}

static void plain_code_gives_onnx_runtimes_figures(void **state)
{
    (void)state;
    for (size_t i = 0; i < op_case_count; i++) {
        struct ran ran;
        run_case(&ran, &op_cases[i]);
        check_figures(&ran);
        release(&ran);
    }
}

/* --- lowering --- */

/* The operands of a lowered call: what is not constant has its data too. */
struct lowered {
    struct op_call call;
    struct tensor inputs[OPERANDS], outputs[OPERANDS];
    const struct tensor *input_pointers[OPERANDS];
    struct tensor *output_pointers[OPERANDS];
    struct kernel_spec spec;
};

static void lower_case(struct lowered *lowered, const struct ran *ran)
{
    const struct node *node = &ran->instance->nodes[0];
    memset(lowered, 0, sizeof *lowered);
    lowered->spec.weight_input = -1;
    op_call_of(ran->instance, 0, &lowered->call, lowered->inputs,
               lowered->input_pointers, lowered->outputs,
               lowered->output_pointers);
    if (node->op->lower)
        node->op->lower(&lowered->call, &lowered->spec);
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] >= 0)
            lowered->inputs[i].data = ran->values[node->inputs[i]].data;
}

typedef void kernel_function(const struct lowered *lowered, float *out,
                             int64_t count);

static const float *input(const struct lowered *lowered, int i)
{
    return lowered->inputs[i].data;
}

static void do_conv(const struct lowered *l, float *out, int64_t count)
{
    assert_int_equal(count, l->spec.conv.n * l->spec.conv.oc * l->spec.conv.oh *
                                l->spec.conv.ow);
    assert_int_equal(l->spec.weight_input, 1);
    reference_conv(&l->spec.conv, input(l, 0), out);
}

static void do_deconv(const struct lowered *l, float *out, int64_t count)
{
    const struct conv_spec *s = &l->spec.conv;
    assert_int_equal(count, s->n * s->oc * s->oh * s->ow);
    assert_int_equal(s->pad_bottom, (s->ih - 1) * s->sh + (s->kh - 1) * s->dh +
                                        1 - s->pad_top - s->oh);
    assert_int_equal(s->pad_right, (s->iw - 1) * s->sw + (s->kw - 1) * s->dw +
                                       1 - s->pad_left - s->ow);
    reference_deconv(s, input(l, 0), out);
}

static void do_product(const struct lowered *l, float *out, int64_t count)
{
    assert_int_equal(count, l->spec.product.n * l->spec.product.out);
    reference_product(&l->spec.product, input(l, 0), out);
}

static void do_matmul(const struct lowered *l, float *out, int64_t count)
{
    const struct matmul_spec *s = &l->spec.matmul;
    assert_int_equal(count, s->batch * s->m * s->n);
    reference_matmul(s, input(l, 0), input(l, 1), out);
}

static void do_pool(const struct lowered *l, float *out, int64_t count)
{
    const struct pool_spec *s = &l->spec.pool;
    assert_int_equal(count, s->n * s->c * s->oh * s->ow);
    reference_pool(s, input(l, 0), out);
}

static void do_eltwise(const struct lowered *l, float *out, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        out[i] = reference_eltwise(&l->spec.eltwise, input(l, 0)[i]);
}

/* Only what the spec tells: the constant by channel or number, else both
 * operands by their own shapes. */
static void do_binary(const struct lowered *l, float *out, int64_t count)
{
    const struct binary_spec *s = &l->spec.binary;
    const struct shape *shape = &l->outputs[0].shape;
    int64_t inner = 1, a_strides[SHAPE_MAX_RANK], b_strides[SHAPE_MAX_RANK];
    for (int i = 2; i < shape->rank; i++)
        inner *= shape->dims[i];
    shape_strides(&l->inputs[0].shape, a_strides);
    shape_strides(&l->inputs[1].shape, b_strides);
    for (int64_t i = 0; i < count; i++) {
        int64_t offset[2] = {0, 0}, rest = i;
        for (int j = shape->rank - 1; j >= 0 && !s->constant; j--) {
            offset[0] += rest % shape->dims[j] * a_strides[j];
            offset[1] += rest % shape->dims[j] * b_strides[j];
            rest /= shape->dims[j];
        }
        float operands[2] = {input(l, 0)[s->constant ? 0 : offset[0]],
                             input(l, 1)[s->constant ? 0 : offset[1]]};
        if (s->constant) {
            int64_t at = s->constant_channels ? i / inner % s->constant_channels
                                              : i % s->constant_row;
            operands[s->constant_operand] = s->constant[at];
            operands[!s->constant_operand] = input(l, !s->constant_operand)[i];
        }
        out[i] = reference_binary(s->kind, operands[0], operands[1]);
    }
}

static void do_affine(const struct lowered *l, float *out, int64_t count)
{
    const struct affine_spec *s = &l->spec.affine;
    assert_int_equal(count, s->n * s->c * s->inner);
    reference_affine(s, input(l, 0), out);
}

static void do_softmax(const struct lowered *l, float *out, int64_t count)
{
    const struct softmax_spec *s = &l->spec.softmax;
    assert_int_equal(count, s->outer * s->axis * s->inner);
    reference_softmax(s, input(l, 0), out);
}

static void do_norm(const struct lowered *l, float *out, int64_t count)
{
    const struct norm_spec *s = &l->spec.norm;
    assert_int_equal(count, s->rows * s->width);
    reference_norm(s, input(l, 0), out);
}

static kernel_function *const kernels[KERNEL_KIND_COUNT] = {
    [KERNEL_CONV] = do_conv,       [KERNEL_DECONV] = do_deconv,
    [KERNEL_PRODUCT] = do_product, [KERNEL_MATMUL] = do_matmul,
    [KERNEL_POOL] = do_pool,       [KERNEL_ELTWISE] = do_eltwise,
    [KERNEL_BINARY] = do_binary,   [KERNEL_AFFINE] = do_affine,
    [KERNEL_SOFTMAX] = do_softmax, [KERNEL_NORM] = do_norm,
};

static void check_lowered(const struct lowered *lowered, const struct ran *ran)
{
    const struct tensor *expected = &ran->values[ran->instance->outputs[0]];
    int64_t count = tensor_elements(expected);
    if (lowered->spec.kind == KERNEL_ALIAS) {
        assert_int_equal(tensor_bytes(expected),
                         tensor_bytes(&lowered->inputs[0]));
        assert_memory_equal(expected->data, lowered->inputs[0].data,
                            tensor_bytes(expected));
        return;
    }
    float *out = calloc((size_t)count + 1, sizeof *out);
    assert_non_null(out);
    kernels[lowered->spec.kind](lowered, out, count);
    for (int64_t i = 0; i < count; i++)
        if (!(fabs((double)out[i] - tensor_number(expected, i)) <= 1e-5))
            fail_msg("%s: lowered element %d is %g, expected %g",
                     ran->row->name, (int)i, (double)out[i],
                     tensor_number(expected, i));
    free(out);
}

static void lowering_describes_the_same_computation(void **state)
{
    (void)state;
    int seen[KERNEL_KIND_COUNT] = {0};
    for (size_t i = 0; i < op_case_count; i++) {
        struct ran ran;
        run_case(&ran, &op_cases[i]);
        if (!ran.instance->folded[0]) {
            struct lowered lowered;
            lower_case(&lowered, &ran);
            seen[lowered.spec.kind]++;
            if (lowered.spec.kind != KERNEL_NONE)
                check_lowered(&lowered, &ran);
        }
        release(&ran);
    }
    /* Attention is several nodes in every file: test_exec_pattern has it. */
    for (int kind = 0; kind < KERNEL_KIND_COUNT; kind++)
        if (!seen[kind] && kind != KERNEL_ATTENTION)
            fail_msg("no case is lowered to kernel kind %d", kind);
}

static enum kernel_kind kind_of(const char *name)
{
    for (size_t i = 0; i < op_case_count; i++) {
        if (strcmp(op_cases[i].name, name) != 0)
            continue;
        struct ran ran;
        struct lowered lowered;
        run_case(&ran, &op_cases[i]);
        lower_case(&lowered, &ran);
        release(&ran);
        return lowered.spec.kind;
    }
    fail_msg("no case '%s'", name);
    return KERNEL_NONE;
}

static void only_what_a_kernel_can_do_is_lowered(void **state)
{
    (void)state;
    assert_int_equal(kind_of("conv_plain"), KERNEL_CONV);
    assert_int_equal(kind_of("conv_runtime_weight"), KERNEL_NONE);
    assert_int_equal(kind_of("deconv_1d"), KERNEL_DECONV);
    assert_int_equal(kind_of("gemm_plain"), KERNEL_PRODUCT);
    assert_int_equal(kind_of("gemm_scaled"), KERNEL_NONE);
    assert_int_equal(kind_of("gemm_scalar_bias"), KERNEL_NONE);
    assert_int_equal(kind_of("matmul_weight_rank_3"), KERNEL_PRODUCT);
    assert_int_equal(kind_of("matmul_broadcast"), KERNEL_NONE);
    assert_int_equal(kind_of("matmul_one_for_all"), KERNEL_MATMUL);
    assert_int_equal(kind_of("matmul_constant_left"), KERNEL_NONE);
    assert_int_equal(kind_of("batch_norm_runtime_statistics"), KERNEL_NONE);
    assert_int_equal(kind_of("reduce_mean_global_pool"), KERNEL_POOL);
    assert_int_equal(kind_of("reduce_mean_global_pool_kept"), KERNEL_POOL);
    assert_int_equal(kind_of("reduce_mean_attribute"), KERNEL_NONE);
    assert_int_equal(kind_of("average_pool_ceil_counts_padding"), KERNEL_NONE);
    assert_int_equal(kind_of("add_channel_constant"), KERNEL_BINARY);
    assert_int_equal(kind_of("add_position"), KERNEL_BINARY);
    assert_int_equal(kind_of("add_integers"), KERNEL_NONE);
    assert_int_equal(kind_of("clip_runtime_bounds"), KERNEL_NONE);
    assert_int_equal(kind_of("transpose_ones"), KERNEL_ALIAS);
    assert_int_equal(kind_of("transpose_nchw_nhwc"), KERNEL_NONE);
    assert_int_equal(kind_of("dropout_mask"), KERNEL_NONE);
    assert_int_equal(kind_of("dropout"), KERNEL_ALIAS);
}

static void every_operator_has_a_case(void **state)
{
    (void)state;
    for (size_t i = 0; i < op_count(); i++) {
        const struct op *op = op_at(i);
        bool found = false;
        for (size_t j = 0; j < op_case_count && !found; j++)
            found = op_find(op_cases[j].type, "", op_cases[j].opset) == op;
        if (!found)
            fail_msg("%s of opset %d to %d has no case", op->type, op->since,
                     op->until);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_code_gives_onnx_runtimes_figures),
        cmocka_unit_test(lowering_describes_the_same_computation),
        cmocka_unit_test(only_what_a_kernel_can_do_is_lowered),
        cmocka_unit_test(every_operator_has_a_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

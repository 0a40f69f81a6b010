/* The example models, run by plain code, give PyTorch's logits. */
#include "dataset/dataset.h"
#include "dataset/npz.h"
#include "onnx/model.h"
#include "op_run.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

enum { BATCH = 2 };

static void good(int result, const struct error *err)
{
    if (result < 0)
        fail_msg("%s", err->message);
}

static void read_images(struct tensor *input)
{
    struct error err = {0};
    struct dataset *dataset;
    struct dataset_options options = {.limit = BATCH};
    struct transform transform = {
        .scale = 255, .channels = 1, .mean = {0.2860}, .std = {0.3530}};
    good(dataset_open(&dataset, "data/fashion-mnist-sample", &options, &err),
         &err);
    dataset_read(dataset, 0, &transform, DTYPE_FLOAT32, 0, NULL, BATCH,
                 input->data);
    dataset_close(dataset);
}

static void check_model(const char *model_path, const char *reference_path)
{
    struct error err = {0};
    struct onnx_model *model;
    struct graph *instance;
    struct npz npz;
    good(onnx_open(&model, model_path, &err), &err);
    good(op_instantiate(&instance, onnx_graph(model), BATCH, &err), &err);
    struct tensor *values = op_run_values(instance);
    assert_non_null(values);
    int in = instance->inputs[0], out = instance->outputs[0];
    good(tensor_init(&values[in], DTYPE_FLOAT32, &instance->values[in].shape,
                     &err),
         &err);
    read_images(&values[in]);
    good(op_run_graph(instance, values, &err), &err);

    good(npz_read(&npz, reference_path, &err), &err);
    const struct tensor *logits = npz_find(&npz, "logits");
    assert_non_null(logits);
    assert_int_equal(tensor_elements(&values[out]), BATCH * 10);
    for (int64_t i = 0; i < BATCH * 10; i++)
        if (!(fabs(tensor_number(logits, i) - tensor_number(&values[out], i)) <
              1e-4))
            fail_msg("%s: logit %d is %g, expected %g", model_path, (int)i,
                     tensor_number(&values[out], i), tensor_number(logits, i));
    npz_release(&npz);
    op_run_release(instance, values);
    graph_drop(instance);
    onnx_close(model);
}

static void mlp_agrees_with_pytorch(void **state)
{
    (void)state;
    check_model("data/mlp.onnx", "data/mlp_reference.npz");
}

static void lenet_agrees_with_pytorch(void **state)
{
    (void)state;
    check_model("data/lenet5.onnx", "data/lenet5_reference.npz");
}

static void resnet_agrees_with_pytorch(void **state)
{
    (void)state;
    check_model("data/resnet20.onnx", "data/resnet20_reference.npz");
}

static void resnet_with_batch_norm_agrees_with_pytorch(void **state)
{
    (void)state;
    check_model("data/resnet20-bn.onnx", "data/resnet20_reference.npz");
}

static void mobilenet_agrees_with_pytorch(void **state)
{
    (void)state;
    check_model("data/mobilenet.onnx", "data/mobilenet_reference.npz");
}

static void mobilenet_with_batch_norm_agrees_with_pytorch(void **state)
{
    (void)state;
    check_model("data/mobilenet-bn.onnx", "data/mobilenet_reference.npz");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mlp_agrees_with_pytorch),
        cmocka_unit_test(lenet_agrees_with_pytorch),
        cmocka_unit_test(resnet_agrees_with_pytorch),
        cmocka_unit_test(resnet_with_batch_norm_agrees_with_pytorch),
        cmocka_unit_test(mobilenet_agrees_with_pytorch),
        cmocka_unit_test(mobilenet_with_batch_norm_agrees_with_pytorch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

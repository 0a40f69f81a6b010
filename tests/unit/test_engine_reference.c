/* The bundled models against what PyTorch computed (data/make_models.py):
 * logits of the first 1,000 test images, which the bundled sample holds. */
#include "engine_fixture.h"

#include "dataset/npz.h"
#include "engine/outputs.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { IMAGES = 1000, LOGITS = IMAGES * 10 };

static void compare(const char *model, const char *reference,
                    const char *kernels)
{
    struct error err = {0};
    struct session_options wanted = {
        .model_path = model,
        .data_path = "data/fashion-mnist-sample",
        .transform = {255, 1, {0.2860}, {0.3530}, "reference"},
    };
    struct engine_options options = {.kernels = kernels};
    struct session *session;
    struct npz ours, theirs;
    char path[256];
    engine_path("outputs.npz", path, sizeof path);
    assert_int_equal(session_open(&session, &wanted, &err), 0);
    int code = engine_write_outputs(session, session_current(session), &options,
                                    path, NULL, NULL, &err);
    if (code < 0)
        print_error("%s\n", err.message);
    assert_int_equal(code, 0);
    assert_int_equal(npz_read(&ours, path, &err), 0);
    assert_int_equal(npz_read(&theirs, reference, &err), 0);
    const struct tensor *expected = npz_find(&theirs, "logits");
    assert_non_null(expected);
    assert_int_equal(tensor_elements(&ours.arrays[0].tensor), LOGITS);
    double worst = 0;
    for (int64_t i = 0; i < LOGITS; i++)
        worst = fmax(worst, fabs(tensor_number(&ours.arrays[0].tensor, i) -
                                 tensor_number(expected, i)));
    if (worst >= 1e-4)
        print_error("%s: largest difference %g\n", model, worst);
    assert_true(worst < 1e-4);
    npz_release(&ours);
    npz_release(&theirs);
    session_close(session);
    unlink(path);
}

static void dense_kernels_agree_with_pytorch(void **state)
{
    (void)state;
    compare("data/mlp.onnx", "data/mlp_reference.npz", "dense");
    compare("data/lenet5.onnx", "data/lenet5_reference.npz", "dense");
    compare("data/resnet20.onnx", "data/resnet20_reference.npz", "dense");
    compare("data/mobilenet.onnx", "data/mobilenet_reference.npz", "dense");
}

static void kept_batch_norms_agree_too(void **state)
{
    (void)state;
    compare("data/resnet20-bn.onnx", "data/resnet20_reference.npz", NULL);
    compare("data/mobilenet-bn.onnx", "data/mobilenet_reference.npz", NULL);
}

static void sparse_kernels_agree_with_pytorch(void **state)
{
    (void)state;
    compare("data/lenet5.onnx", "data/lenet5_reference.npz", "sparse");
    compare("data/resnet20.onnx", "data/resnet20_reference.npz", "sparse");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dense_kernels_agree_with_pytorch),
        cmocka_unit_test(kept_batch_norms_agree_too),
        cmocka_unit_test(sparse_kernels_agree_with_pytorch),
    };
    return cmocka_run_group_tests(tests, engine_make_folder,
                                  engine_remove_folder);
}

/* Which normalisation a model wants. */
#include "dataset/npz.h"
#include "dataset_make.h"
#include "eval/preprocess.h"
#include "exec_fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct error err;

static const struct preprocess_trial *chosen(
    const struct preprocess_result *result)
{
    assert_true(result->chosen < result->count);
    assert_true(result->count <= PREPROCESS_MAX);
    return &result->trials[result->chosen];
}

static void the_bundled_models_get_what_they_were_trained_with(void **state)
{
    (void)state;
    static const char *const models[] = {"mlp", "lenet5", "resnet20",
                                         "mobilenet"};
    static const int64_t counts[] = {128, 400};
    struct dataset *dataset;
    assert_int_equal(dataset_open(&dataset, SET_SAMPLE, NULL, &err), 0);
    for (size_t m = 0; m < 4; m++)
        for (size_t n = 0; n < 2; n++) {
            struct preprocess_result result;
            struct graph *instance = exec_model(models[m], 1);
            if (preprocess_find(&result, instance->origin, dataset, counts[n],
                                &err) < 0)
                fail_msg("%s", err.message);
            assert_int_equal(result.samples, counts[n]);
            assert_true(result.count >= 6);
            const struct preprocess_trial *t = chosen(&result);
            assert_string_equal(t->transform.name, "fashion-mnist");
            assert_true(t->accuracy > 0.8 && t->loss < 0.6);
            /* A model of one channel is offered no colour statistics. */
            for (size_t i = 0; i < result.count; i++)
                assert_int_equal(result.trials[i].transform.channels, 1);
            graph_drop(instance);
        }
    dataset_close(dataset);
}

static void constant(struct graph *graph, const char *name, int rank,
                     const float *values)
{
    struct tensor tensor;
    struct shape shape = {rank, {rank == 2 ? 1 : 2, 2}};
    assert_int_equal(tensor_init(&tensor, DTYPE_FLOAT32, &shape, &err), 0);
    memcpy(tensor.data, values, 2 * sizeof *values);
    int id = graph_add_value(graph, name, &err);
    assert_true(id >= 0);
    assert_int_equal(graph_set_constant(graph, id, &tensor, &err), 0);
    tensor_release(&tensor);
}

/* x (64, 1, 1, 1) -> class 1 iff x > 100: right for raw bytes alone. */
static struct graph *threshold_graph(void)
{
    struct graph *graph = exec_graph();
    constant(graph, "w", 2, (const float[]){-1, 1});
    constant(graph, "b", 1, (const float[]){100, -100});
    exec_node(graph, "Flatten", (const char *const[]){"x", NULL}, "f", NULL);
    exec_node(graph, "Gemm", (const char *const[]){"f", "w", "b", NULL}, "y",
              NULL);
    return exec_finish(graph, "x", 4, (const int64_t[]){64, 1, 1, 1}, "y");
}

/* 100 images of one pixel: i * 2, class 1 above 100 when labelled. */
static void write_pixels(bool labelled)
{
    enum { IMAGES = 100 };
    char x[] = "x", labels[] = "labels";
    struct npz_array arrays[2] = {{.name = x}, {.name = labels}};
    struct shape shape = {4, {IMAGES, 1, 1, 1}}, one = {1, {IMAGES}};
    assert_int_equal(tensor_init(&arrays[0].tensor, DTYPE_UINT8, &shape, &err),
                     0);
    assert_int_equal(tensor_init(&arrays[1].tensor, DTYPE_INT64, &one, &err),
                     0);
    for (int i = 0; i < IMAGES; i++) {
        ((uint8_t *)arrays[0].tensor.data)[i] = (uint8_t)(i * 2);
        ((int64_t *)arrays[1].tensor.data)[i] = i * 2 > 100;
    }
    assert_int_equal(
        npz_write(set_path_of("set.npz"), arrays, labelled ? 2 : 1, &err), 0);
    tensor_release(&arrays[0].tensor);
    tensor_release(&arrays[1].tensor);
}

static void find(struct preprocess_result *result, int64_t samples)
{
    struct dataset *dataset;
    struct graph *instance = threshold_graph();
    assert_int_equal(dataset_open(&dataset, set_path_of("set.npz"), NULL, &err),
                     0);
    if (preprocess_find(result, instance->origin, dataset, samples, &err) < 0)
        fail_msg("%s", err.message);
    dataset_close(dataset);
    graph_drop(instance);
}

/* More samples were asked for than there are; every one is right. */
static void a_model_of_raw_bytes_gets_raw_bytes(void **state)
{
    (void)state;
    struct preprocess_result result;
    write_pixels(true);
    find(&result, 512);
    assert_int_equal(result.samples, 100);
    assert_string_equal(chosen(&result)->transform.name, "raw");
    assert_true(chosen(&result)->accuracy == 1);
    for (size_t i = 0; i < result.count; i++)
        assert_true(i == result.chosen || result.trials[i].accuracy < 0.6);
}

static void without_labels_numbers_stay_as_they_are(void **state)
{
    (void)state;
    struct preprocess_result result;
    write_pixels(false);
    find(&result, 512);
    assert_int_equal(result.count, 1);
    assert_int_equal(result.samples, 0);
    assert_string_equal(chosen(&result)->transform.name, "none");
    assert_true(isnan(chosen(&result)->accuracy));
}

static void what_are_no_images_stays_as_it_is(void **state)
{
    (void)state;
    struct preprocess_result result;
    struct dataset *dataset;
    struct graph *instance = threshold_graph();
    set_npz("set.npz", 5, DTYPE_INT64, 5, 1);
    assert_int_equal(dataset_open(&dataset, set_path_of("set.npz"), NULL, &err),
                     0);
    assert_int_equal(
        preprocess_find(&result, instance->origin, dataset, 100, &err), 0);
    assert_int_equal(result.count, 1);
    assert_string_equal(result.trials[0].transform.name, "none");
    dataset_close(dataset);
    graph_drop(instance);
}

static void images_of_another_size_are_an_error(void **state)
{
    (void)state;
    struct preprocess_result result;
    struct dataset *dataset;
    struct graph *instance = threshold_graph();
    assert_int_equal(dataset_open(&dataset, SET_SAMPLE, NULL, &err), 0);
    assert_int_equal(
        preprocess_find(&result, instance->origin, dataset, 100, &err), -1);
    assert_int_equal(err.code, ERROR_SHAPE);
    assert_non_null(strstr(err.message, "model input 'x'"));
    assert_non_null(strstr(err.message, "1x28x28"));
    dataset_close(dataset);
    graph_drop(instance);
}

#define IN_FOLDER(test)                                                        \
    cmocka_unit_test_setup_teardown(test, set_folder_begin, set_folder_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bundled_models_get_what_they_were_trained_with),
        IN_FOLDER(a_model_of_raw_bytes_gets_raw_bytes),
        IN_FOLDER(without_labels_numbers_stay_as_they_are),
        IN_FOLDER(what_are_no_images_stays_as_it_is),
        cmocka_unit_test(images_of_another_size_are_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* From samples to a model's input: layouts, transforms, candidates. */
#include "dataset/dataset.h"
#include "dataset/npz.h"
#include "dataset_make.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* 3 images of 2x2 with 3 channels, stored last. */
static void channels_come_first(void **state)
{
    (void)state;
    static const int last[] = {3, 2, 2, 3}, first[] = {3, 3, 2, 2};
    struct transform none = transform_identity();
    unsigned char out[36];
    struct dataset *dataset;
    set_idx("a-images-idx4-ubyte", 4, last, 0, 0);
    assert_int_equal(
        dataset_open(&dataset, set_path_of(set_names[9]), NULL, &set_err), 0);
    struct shape shape = dataset_sample_shape(dataset, 0);
    assert_true(shape_equal(&shape, &(struct shape){3, {3, 2, 2}}));
    dataset_read(dataset, 0, &none, DTYPE_UINT8, 0, NULL, 3, out);
    for (int n = 0; n < 3; n++)
        for (int c = 0; c < 3; c++)
            for (int i = 0; i < 4; i++)
                assert_int_equal(out[n * 12 + c * 4 + i],
                                 ((n * 4 + i) * 3 + c) * 3);
    dataset_close(dataset);
    set_idx("a-images-idx4-ubyte", 4, first, 0, 0);
    assert_int_equal(
        dataset_open(&dataset, set_path_of(set_names[9]), NULL, &set_err), 0);
    dataset_read(dataset, 0, &none, DTYPE_UINT8, 0, NULL, 3, out);
    for (int i = 0; i < 36; i++)
        assert_int_equal(out[i], i * 3);
    dataset_close(dataset);
}

static const struct transform odd = {
    .scale = 255, .channels = 3, .mean = {.1, .2, .3}, .std = {.5, .25, 2}};

static float odd_value(int byte, int channel)
{
    return ((float)byte / 255.f - (float)odd.mean[channel]) /
           (float)odd.std[channel];
}

static void transforms_are_float32_steps_per_channel(void **state)
{
    (void)state;
    static const int first[] = {3, 3, 2, 2};
    static const int64_t order[] = {2, 0, 2};
    struct dataset *dataset;
    float out[36];
    set_idx("a-images-idx4-ubyte", 4, first, 0, 0);
    assert_int_equal(
        dataset_open(&dataset, set_path_of(set_names[9]), NULL, &set_err), 0);
    dataset_read(dataset, 0, &odd, DTYPE_FLOAT32, 0, order, 3, out);
    for (int n = 0; n < 3; n++)
        for (int i = 0; i < 12; i++) {
            int byte = ((int)order[n] * 12 + i) * 3;
            assert_true(out[n * 12 + i] == odd_value(byte, i / 4));
        }
    struct dataset_layout layout = {1, true};
    dataset_read_as(dataset, 0, &odd, &layout, DTYPE_FLOAT32, 1, NULL, 1, out);
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 4; i++)
            assert_true(out[i * 3 + c] == odd_value((12 + c * 4 + i) * 3, c));
    double wide[12];
    dataset_read(dataset, 0, &odd, DTYPE_FLOAT64, 1, NULL, 1, wide);
    uint16_t half[12];
    dataset_read(dataset, 0, &odd, DTYPE_FLOAT16, 1, NULL, 1, half);
    int64_t whole[12];
    dataset_read(dataset, 0, &odd, DTYPE_INT64, 1, NULL, 1, whole);
    for (int i = 0; i < 12; i++) {
        float expected = odd_value((12 + i) * 3, i / 4);
        assert_true(wide[i] == (double)expected);
        assert_int_equal(half[i], float32_to_float16(expected));
        assert_int_equal(whole[i], (12 + i) * 3); /* converted only */
    }
    dataset_close(dataset);
}

static void grey_images_feed_colour_models(void **state)
{
    (void)state;
    struct dataset *dataset;
    struct shape colour = {3, {3, 2, 3}}, last = {3, {2, 3, 3}};
    set_idx("a-images-idx3-ubyte", 3, set_seven, 9, 0);
    assert_int_equal(
        dataset_open(&dataset, set_path_of(set_names[7]), NULL, &set_err), 0);
    assert_int_equal(dataset_fits(dataset, 0, DTYPE_FLOAT32, &colour, &set_err),
                     0);
    struct dataset_layout a = dataset_layout_for(dataset, 0, &colour);
    assert_int_equal(a.repeat, 3);
    assert_false(a.channels_last);
    struct dataset_layout b = dataset_layout_for(dataset, 0, &last);
    assert_int_equal(b.repeat, 3);
    assert_true(b.channels_last);
    float planes[36], pixels[36];
    dataset_read_as(dataset, 0, &odd, &a, DTYPE_FLOAT32, 3, NULL, 2, planes);
    dataset_read_as(dataset, 0, &odd, &b, DTYPE_FLOAT32, 3, NULL, 2, pixels);
    for (int n = 0; n < 2; n++)
        for (int c = 0; c < 3; c++)
            for (int i = 0; i < 6; i++) {
                float expected =
                    odd_value((((3 + n) * 6 + i) * 3 + 9) & 255, c);
                assert_true(planes[(n * 3 + c) * 6 + i] == expected);
                assert_true(pixels[(n * 6 + i) * 3 + c] == expected);
            }
    dataset_close(dataset);
}

/* 3 images of 3x3 with 3 channels fit either way, flat ones as well. */
static void a_layout_that_is_said_counts(void **state)
{
    (void)state;
    static const int first[] = {3, 3, 3, 3};
    struct transform none = transform_identity();
    struct shape cube = {3, {3, 3, 3}}, flat = {1, {27}};
    const struct shape *const wanted[] = {&cube, &flat};
    set_idx("a-images-idx4-ubyte", 4, first, 0, 0);
    for (int said = PICTURE_LAYOUT_FOUND; said <= PICTURE_LAYOUT_NHWC; said++)
        for (int k = 0; k < 2; k++) {
            struct dataset *dataset;
            struct dataset_options options = {
                .shape = {.layout = (enum picture_layout)said}};
            unsigned char out[27], all[27];
            assert_int_equal(dataset_open(&dataset, set_path_of(set_names[9]),
                                          &options, &set_err),
                             0);
            assert_int_equal(
                dataset_fits(dataset, 0, DTYPE_UINT8, wanted[k], &set_err), 0);
            struct dataset_layout layout =
                dataset_layout_for(dataset, 0, wanted[k]);
            assert_int_equal(layout.channels_last, said == PICTURE_LAYOUT_NHWC);
            dataset_read(dataset, 0, &none, DTYPE_UINT8, 1, NULL, 1, all);
            dataset_read_as(dataset, 0, &none, &layout, DTYPE_UINT8, 1, NULL, 1,
                            out);
            for (int i = 0; i < 27; i++)
                assert_int_equal(
                    out[i], all[layout.channels_last ? i % 3 * 9 + i / 3 : i]);
            dataset_close(dataset);
        }
}

static void a_layout_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    static const int first[] = {3, 3, 2, 4};
    struct shape front = {3, {3, 2, 4}}, back = {3, {2, 4, 3}};
    set_idx("a-images-idx4-ubyte", 4, first, 0, 0);
    for (int said = PICTURE_LAYOUT_NCHW; said <= PICTURE_LAYOUT_NHWC; said++) {
        struct dataset *dataset;
        struct dataset_options options = {
            .shape = {.layout = (enum picture_layout)said}};
        const struct shape *fits = said == PICTURE_LAYOUT_NCHW ? &front : &back;
        const struct shape *other = fits == &front ? &back : &front;
        assert_int_equal(dataset_open(&dataset, set_path_of(set_names[9]),
                                      &options, &set_err),
                         0);
        assert_int_equal(
            dataset_fits(dataset, 0, DTYPE_FLOAT32, fits, &set_err), 0);
        assert_int_equal(
            dataset_fits(dataset, 0, DTYPE_FLOAT32, other, &set_err), -1);
        assert_non_null(strstr(set_err.message, " as --layout n"));
        dataset_close(dataset);
    }
}

static void shapes_and_types_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const int first[] = {3, 3, 2, 4};
    static const struct {
        enum dtype dtype;
        struct shape shape;
        bool fits;
    } cases[] = {
        {DTYPE_FLOAT32, {3, {3, 2, 4}}, true},
        {DTYPE_FLOAT32, {3, {2, 4, 3}}, true},
        {DTYPE_FLOAT32, {1, {24}}, true},
        {DTYPE_UINT8, {3, {3, 2, 4}}, true},
        {DTYPE_FLOAT32, {3, {4, 2, 3}}, false}, /* right size, wrong order */
        {DTYPE_FLOAT32, {3, {1, 2, 4}}, false},
        {DTYPE_FLOAT32, {3, {3, 4, 4}}, false},
        {DTYPE_FLOAT32, {1, {23}}, false},
        {DTYPE_FLOAT32, {3, {-1, 2, 4}}, false},
        {DTYPE_STRING, {3, {3, 2, 4}}, false},
    };
    struct dataset *dataset;
    set_idx("a-images-idx4-ubyte", 4, first, 0, 0);
    assert_int_equal(
        dataset_open(&dataset, set_path_of(set_names[9]), NULL, &set_err), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(
            dataset_fits(dataset, 0, cases[i].dtype, &cases[i].shape, &set_err),
            cases[i].fits ? 0 : -1);
    assert_int_equal(set_err.code, ERROR_SHAPE);
    assert_int_equal(
        dataset_fits(dataset, 0, DTYPE_FLOAT32, &cases[6].shape, &set_err), -1);
    assert_string_equal(set_err.message, "has uint8 3x2x4 per sample, expected "
                                         "float32 3x4x4");
    dataset_close(dataset);
}

static void arrays_are_inputs_by_name(void **state)
{
    (void)state;
    struct dataset *dataset;
    set_npz("set.npz", 5, DTYPE_INT64, 5, 6);
    assert_int_equal(
        dataset_open(&dataset, set_path_of("set.npz"), NULL, &set_err), 0);
    assert_string_equal(dataset_format(dataset), "npz");
    assert_string_equal(dataset_split(dataset), "");
    assert_int_equal(dataset_count(dataset), 5);
    assert_int_equal(dataset_classes(dataset), 7);
    assert_int_equal(dataset_label(dataset, 4), 6);
    assert_int_equal(dataset_input_count(dataset), 2);
    assert_string_equal(dataset_input_name(dataset, 0), "x");
    assert_string_equal(dataset_input_name(dataset, 1), "ids");
    assert_false(dataset_is_image(dataset));
    struct transform list[16];
    assert_int_equal(transform_candidates(dataset, list, 16), 0);
    struct shape shape = dataset_sample_shape(dataset, 0);
    assert_true(shape_equal(&shape, &(struct shape){2, {2, 2}}));
    /* Floats are transformed, integers only converted. */
    struct transform half = {
        .scale = 2, .channels = 1, .mean = {1}, .std = {4}};
    float x[8], ids[2];
    dataset_read(dataset, 0, &half, DTYPE_FLOAT32, 3, NULL, 2, x);
    for (int i = 0; i < 8; i++)
        assert_true(x[i] == ((float)(12 + i) / 4 / 2 - 1) / 4);
    dataset_read(dataset, 1, &half, DTYPE_FLOAT32, 3, NULL, 2, ids);
    assert_true(ids[0] == 997 && ids[1] == 996);
    struct shape wanted = {2, {2, 2}};
    assert_int_equal(dataset_fits(dataset, 0, DTYPE_INT64, &wanted, &set_err),
                     -1);
    dataset_close(dataset);
}

static void bytes_in_npz_are_images(void **state)
{
    (void)state;
    char name[] = "input";
    struct npz_array array = {.name = name};
    struct dataset *dataset;
    assert_int_equal(tensor_init(&array.tensor, DTYPE_UINT8,
                                 &(struct shape){4, {2, 4, 5, 3}}, &set_err),
                     0);
    assert_int_equal(npz_write(set_path_of("set.npz"), &array, 1, &set_err), 0);
    tensor_release(&array.tensor);
    assert_int_equal(
        dataset_open(&dataset, set_path_of("set.npz"), NULL, &set_err), 0);
    assert_true(dataset_is_image(dataset));
    struct shape shape = dataset_sample_shape(dataset, 0);
    assert_true(shape_equal(&shape, &(struct shape){3, {3, 4, 5}}));
    /* A colour set gets no statistics of grey ones; raw and "data" are in. */
    struct transform list[16];
    size_t count = transform_candidates(dataset, list, 16);
    assert_true(count >= 6);
    for (size_t i = 0; i < count; i++)
        assert_null(strstr(list[i].name, "mnist"));
    assert_string_equal(list[count - 1].name, "data");
    assert_true(list[count - 1].std[0] == 1); /* constant: no division by 0 */
    dataset_close(dataset);
}

static void the_nearest_statistics_are_the_first_candidate(void **state)
{
    (void)state;
    struct dataset *dataset;
    struct transform list[16], two[2];
    assert_int_equal(dataset_open(&dataset, SET_SAMPLE, NULL, &set_err), 0);
    size_t count = transform_candidates(dataset, list, 16);
    assert_true(count >= 6 && count <= 16);
    assert_string_equal(list[0].name, "fashion-mnist");
    assert_true(list[0].scale == 255 && list[0].channels == 1);
    assert_true(list[0].mean[0] == 0.2860 && list[0].std[0] == 0.3530);
    const struct transform *data = &list[count - 1];
    assert_string_equal(data->name, "data");
    assert_true(fabs(data->mean[0] - 0.2860) < 0.01);
    assert_true(fabs(data->std[0] - 0.3530) < 0.01);
    assert_int_equal(transform_candidates(dataset, two, 2), 2);
    assert_string_equal(two[0].name, "fashion-mnist");
    assert_string_equal(two[1].name, "data");
    dataset_close(dataset);
}

#define IN_FOLDER(test)                                                        \
    cmocka_unit_test_setup_teardown(test, set_folder_begin, set_folder_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(channels_come_first),
        IN_FOLDER(transforms_are_float32_steps_per_channel),
        IN_FOLDER(grey_images_feed_colour_models),
        IN_FOLDER(a_layout_that_is_said_counts),
        IN_FOLDER(a_layout_that_does_not_fit_is_refused),
        IN_FOLDER(shapes_and_types_that_do_not_fit_are_refused),
        IN_FOLDER(arrays_are_inputs_by_name),
        IN_FOLDER(bytes_in_npz_are_images),
        cmocka_unit_test(the_nearest_statistics_are_the_first_candidate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

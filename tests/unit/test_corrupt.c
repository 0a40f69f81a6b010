/* Corrupted pictures and disagreeing models. */
#include "base/array.h"
#include "dataset/corrupt.h"
#include "dataset_make.h"
#include "eval/disagree.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DATA "data/fashion-mnist-sample"

enum { SIDE = 16, COUNT = 40 };

static struct dataset *open_data(void)
{
    struct dataset *data;
    struct error err = {0};
    struct dataset_options options = {.limit = COUNT};
    assert_int_equal(dataset_open(&data, DATA, &options, &err), 0);
    return data;
}

static unsigned char *bytes_of(const struct dataset *data)
{
    struct shape shape = dataset_sample_shape(data, 0);
    struct transform none = transform_identity();
    size_t n = (size_t)shape_elements(&shape) * COUNT;
    unsigned char *bytes = malloc(n);
    assert_non_null(bytes);
    dataset_read(data, 0, &none, DTYPE_UINT8, 0, NULL, COUNT, bytes);
    return bytes;
}

/* Mean square of the change by one corruption. */
static double change(const struct dataset *data, const struct corruption *c,
                     int severity, uint64_t seed, unsigned char **out)
{
    struct dataset *worse;
    struct error err = {0};
    assert_int_equal(dataset_corrupt(&worse, data, c, severity, seed, &err), 0);
    assert_int_equal(dataset_count(worse), COUNT);
    assert_int_equal(dataset_label(worse, 7), dataset_label(data, 7));
    unsigned char *before = bytes_of(data), *after = bytes_of(worse);
    double sum = 0;
    for (int i = 0; i < COUNT * 784; i++)
        sum += (double)((before[i] - after[i]) * (before[i] - after[i]));
    dataset_close(worse);
    free(before);
    if (out)
        *out = after;
    else
        free(after);
    return sum / (COUNT * 784);
}

static void every_corruption_grows_and_is_seeded(void **state)
{
    (void)state;
    struct dataset *data = open_data();
    size_t count = 0;
    for (const struct corruption *c = corruptions; c->name; c++, count++) {
        double last = 0;
        for (int s = 1; s <= CORRUPTION_SEVERITIES; s++) {
            double now = change(data, c, s, 5, NULL);
            if (!(now > last))
                print_error("%s %d: %g after %g\n", c->name, s, now, last);
            assert_true(now > last);
            last = now;
        }
        unsigned char *a, *b;
        change(data, c, 3, 5, &a);
        change(data, c, 3, 5, &b);
        assert_memory_equal(a, b, COUNT * 784);
        free(a);
        free(b);
        assert_ptr_equal(corruption_find(c->name), c);
    }
    assert_int_equal(count, 12);
    assert_null(corruption_find("rain"));
    dataset_close(data);
}

struct canvas {
    float pixels[SIDE * SIDE], scratch[SIDE * SIDE];
    struct picture picture;
};

static void paint(struct canvas *canvas, float level)
{
    canvas->picture =
        (struct picture){1, SIDE, SIDE, canvas->pixels, canvas->scratch};
    for (int i = 0; i < SIDE * SIDE; i++)
        canvas->pixels[i] = level;
}

/* What only moves or smooths leaves an even picture as it is. */
static void even_pictures_stay_even(void **state)
{
    (void)state;
    static const char *const names[] = {
        "defocus-blur", "motion-blur", "contrast", "rotation",
        "translation",  "scale",       "pixelate", "jpeg"};
    struct canvas canvas;
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        struct rng rng;
        rng_init(&rng, 1);
        paint(&canvas, 128);
        corruption_find(names[i])->apply(&canvas.picture, 5, &rng);
        for (int k = 0; k < SIDE * SIDE; k++)
            assert_true(fabsf(canvas.pixels[k] - 128) < 1e-3f);
    }
}

static void amounts_are_as_stated(void **state)
{
    (void)state;
    struct canvas canvas;
    struct rng rng;
    rng_init(&rng, 2);
    paint(&canvas, 100);
    canvas.pixels[5 * SIDE + 7] = 200;
    corrupt_brightness(&canvas.picture, 2, &rng);
    assert_true(fabsf(canvas.pixels[0] - 125.5f) < 1e-3f);
    assert_true(fabsf(canvas.pixels[5 * SIDE + 7] - 225.5f) < 1e-3f);
    /* Noise of 0.10 x 255 at severity 5: mean and deviation of 256 draws. */
    double sum = 0, squares = 0;
    paint(&canvas, 128);
    corrupt_gaussian(&canvas.picture, 5, &rng);
    for (int i = 0; i < SIDE * SIDE; i++) {
        double d = (double)canvas.pixels[i] - 128;
        sum += d;
        squares += d * d;
    }
    assert_true(fabs(sum / 256) < 4 * 25.5 / 16);
    assert_true(fabs(sqrt(squares / 256) - 25.5) < 4 * 25.5 / 22.6);
    /* Photons: variance = mean x 255 / 50 at severity 5. */
    sum = squares = 0;
    paint(&canvas, 51);
    corrupt_shot(&canvas.picture, 5, &rng);
    for (int i = 0; i < SIDE * SIDE; i++) {
        double d = (double)canvas.pixels[i] - 51;
        sum += d;
        squares += d * d;
    }
    assert_true(fabs(sum / 256) < 4 * 16.1 / 16);
    assert_true(fabs(squares / 256 - 51 * 5.1) < 0.4 * 51 * 5.1);
}

/* A step of two pixels at 16 wide: every pixel comes from two further. */
static void translation_moves_whole_pixels(void **state)
{
    (void)state;
    struct canvas canvas;
    struct rng rng;
    rng_init(&rng, 3);
    paint(&canvas, 0);
    for (int i = 0; i < SIDE * SIDE; i++)
        canvas.pixels[i] = (float)(i % SIDE);
    corrupt_translation(&canvas.picture, 4, &rng);
    float moved = canvas.pixels[8 * SIDE + 8] - 8;
    assert_true(fabsf(fabsf(moved) - 0.12f * SIDE) < 1e-4f);
    for (int x = 4; x < 12; x++)
        assert_true(fabsf(canvas.pixels[8 * SIDE + x] - (float)x - moved) <
                    1e-4f);
}

static void data_without_pictures_is_refused(void **state)
{
    (void)state;
    struct dataset *data, *worse;
    struct error err = {0};
    set_npz("set.npz", 5, DTYPE_INT64, 5, 1);
    assert_int_equal(dataset_open(&data, set_path_of("set.npz"), NULL, &err),
                     0);
    assert_int_equal(dataset_corrupt(&worse, data, &corruptions[0], 1, 0, &err),
                     -1);
    assert_non_null(strstr(err.message, "pictures"));
    dataset_close(data);
}

static struct outcome said(int predicted, float margin)
{
    return (struct outcome){.predicted = predicted, .margin = margin};
}

static void flips_are_sorted_and_counted_by_class(void **state)
{
    (void)state;
    const int64_t labels[] = {0, 0, 1, 1, 2, 2, -1};
    const struct outcome before[] = {said(0, 1),  said(0, 5),  said(1, 2),
                                     said(0, -1), said(0, -2), said(2, 3),
                                     said(1, 1)};
    const struct outcome after[] = {said(1, -1), said(2, -2), said(1, 2),
                                    said(1, 4),  said(1, -3), said(2, 3),
                                    said(2, 1)};
    struct disagreement d;
    struct error err = {0};
    assert_int_equal(disagreement_init(&d, before, after, labels, 7, &err), 0);
    assert_int_equal(d.count, 4);
    assert_int_equal(d.lost, 2);
    assert_int_equal(d.won, 1);
    static const int64_t samples[] = {1, 0, 3, 4};
    static const enum flip_kind kinds[] = {FLIP_LOST, FLIP_LOST, FLIP_WON,
                                           FLIP_OTHER};
    for (size_t i = 0; i < d.count; i++) {
        assert_int_equal(d.flips[i].sample, samples[i]);
        assert_int_equal(d.flips[i].kind, kinds[i]);
    }
    assert_int_equal(d.class_count, 3);
    assert_int_equal(d.classes[0].label, 0);
    assert_int_equal(d.classes[0].lost, 2);
    assert_int_equal(d.classes[2].label, 1);
    assert_int_equal(d.classes[2].before, 1);
    assert_int_equal(d.classes[2].after, 2);
    disagreement_release(&d);
}

static void part_is_as_in_the_whole(void **state)
{
    (void)state;
    struct dataset *data = open_data(), *whole, *part;
    struct error err = {0};
    struct transform none = transform_identity();
    static unsigned char a[5 * 784], b[5 * 784];
    for (const struct corruption *c = corruptions; c->name; c++) {
        assert_int_equal(dataset_corrupt(&whole, data, c, 3, 9, &err), 0);
        assert_int_equal(
            dataset_corrupt_part(&part, data, c, 3, 9, 17, 5, &err), 0);
        assert_int_equal(dataset_count(part), 5);
        assert_int_equal(dataset_label(part, 2), dataset_label(data, 19));
        dataset_read(whole, 0, &none, DTYPE_UINT8, 17, NULL, 5, a);
        dataset_read(part, 0, &none, DTYPE_UINT8, 0, NULL, 5, b);
        assert_memory_equal(a, b, sizeof a);
        dataset_close(whole);
        dataset_close(part);
    }
    dataset_close(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_corruption_grows_and_is_seeded),
        cmocka_unit_test(part_is_as_in_the_whole),
        cmocka_unit_test(even_pictures_stay_even),
        cmocka_unit_test(amounts_are_as_stated),
        cmocka_unit_test(translation_moves_whole_pixels),
        cmocka_unit_test_setup_teardown(data_without_pictures_is_refused,
                                        set_folder_begin, set_folder_end),
        cmocka_unit_test(flips_are_sorted_and_counted_by_class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

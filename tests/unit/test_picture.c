/* Samples as pictures in cells. */
#include "picture.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void place_keeps_proportions(void **state)
{
    (void)state;
    const struct rect space = {2, 10, 16, 30};
    struct rect place = picture_place(space, 28, 28);
    assert_int_equal(place.columns, 28);
    assert_int_equal(place.rows, 14);
    assert_int_equal(place.row, 3);
    assert_int_equal(place.column, 11);
    place = picture_place(space, 10, 10); /* three cells a pixel */
    assert_int_equal(place.columns, 30);
    assert_int_equal(place.rows, 15);
    place = picture_place(space, 224, 112); /* made smaller */
    assert_int_equal(place.columns, 16);
    assert_int_equal(place.rows, 16);
    place = picture_place(space, 1, 4000);
    assert_int_equal(place.columns, 30);
    assert_int_equal(place.rows, 1);
    assert_int_equal(picture_place((struct rect){0, 0, 0, 9}, 8, 8).rows, 0);
}

static void place_stays_inside_its_space(void **state)
{
    (void)state;
    for (int rows = 1; rows < 40; rows += 3)
        for (int columns = 1; columns < 90; columns += 7)
            for (int side = 1; side < 300; side += 23) {
                const struct rect space = {0, 0, rows, columns};
                struct rect place = picture_place(space, side, 300 - side);
                assert_true(place.rows >= 1 && place.columns >= 1);
                assert_true(place.row >= 0 && place.row + place.rows <= rows);
                assert_true(place.column >= 0 &&
                            place.column + place.columns <= columns);
            }
}

static void colours_are_the_nearest_of_the_palette(void **state)
{
    (void)state;
    static const struct {
        double rgb[3];
        int index;
    } cases[] = {
        {{0, 0, 0}, 16},
        {{1, 1, 1}, 231},
        {{1, 0, 0}, 196},
        {{0, 1, 0}, 46},
        {{0, 0, 1}, 21},
        {{8 / 255.0, 8 / 255.0, 8 / 255.0}, 232},
        {{128 / 255.0, 128 / 255.0, 128 / 255.0}, 244},
        {{238 / 255.0, 238 / 255.0, 238 / 255.0}, 255},
        {{135 / 255.0, 95 / 255.0, 215 / 255.0}, 98},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(picture_colour(cases[i].rgb), cases[i].index);
}

/* Left half dark, right half light; below the other way round. */
static struct view_picture quarters(int planes)
{
    struct view_picture picture = {
        .planes = planes, .height = 4, .width = 4, .sample = 0};
    picture.levels = calloc((size_t)planes * 16, sizeof *picture.levels);
    assert_non_null(picture.levels);
    for (int p = 0; p < planes; p++)
        for (int y = 0; y < 4; y++)
            for (int x = 0; x < 4; x++)
                picture.levels[16 * p + 4 * y + x] = (x < 2) != (y < 2);
    return picture;
}

static void assert_text(const struct surface *surface, const char *expected)
{
    char *text = surface_dump(surface);
    assert_string_equal(text, expected);
    free(text);
}

static void shades_and_letters_stand_for_lightness(void **state)
{
    (void)state;
    setlocale(LC_CTYPE, "C.UTF-8");
    struct view_picture picture = quarters(1);
    struct surface surface = {0};
    assert_int_equal(surface_resize(&surface, 2, 4), 0);
    picture_draw(&surface, (struct rect){0, 0, 2, 4}, &picture);
    assert_text(&surface, "  ██\n██\n");
    surface.ascii = true;
    picture_draw(&surface, (struct rect){0, 0, 2, 4}, &picture);
    assert_text(&surface, "  @@\n@@\n");
    surface_release(&surface);
    free(picture.levels);
}

static void halves_of_a_cell_are_two_pixels(void **state)
{
    (void)state;
    struct view_picture picture = quarters(3);
    struct surface surface = {.painted = true};
    assert_int_equal(surface_resize(&surface, 1, 2), 0);
    picture_draw(&surface, (struct rect){0, 0, 1, 2}, &picture);
    assert_int_equal(surface.cells[0].glyph, 0x2580);
    assert_int_equal(surface.cells[0].role, ROLE_PICTURE);
    assert_int_equal(surface.cells[0].ink, 16); /* upper left: dark */
    assert_int_equal(surface.cells[0].paper, 231);
    assert_int_equal(surface.cells[1].ink, 231);
    assert_int_equal(surface.cells[1].paper, 16);
    surface_release(&surface);
    free(picture.levels);
}

static void odd_heights_leave_the_last_half_to_the_terminal(void **state)
{
    (void)state;
    float levels[3] = {1, 1, 1};
    struct view_picture picture = {
        .planes = 1, .height = 3, .width = 1, .levels = levels};
    struct surface surface = {.painted = true};
    assert_int_equal(surface_resize(&surface, 2, 1), 0);
    picture_draw(&surface, (struct rect){0, 0, 2, 1}, &picture);
    assert_int_equal(surface.cells[0].paper, 231);
    assert_int_equal(surface.cells[1].ink, 231);
    assert_int_equal(surface.cells[1].paper, 0);
    surface_release(&surface);
}

static void picture_shows_the_stored_pixels(void **state)
{
    (void)state;
    struct dataset *dataset;
    struct error err = {0};
    struct view_picture picture = {.sample = -1};
    assert_int_equal(
        dataset_open(&dataset, "data/fashion-mnist-sample", NULL, &err), 0);
    assert_int_equal(view_fill_picture(&picture, dataset, 5), 0);
    assert_int_equal(picture.planes, 1);
    assert_int_equal(picture.height, 28);
    assert_int_equal(picture.width, 28);
    assert_false(picture.stretched);
    struct transform identity = transform_identity();
    float raw[28 * 28];
    dataset_read(dataset, 0, &identity, DTYPE_FLOAT32, 5, NULL, 1, raw);
    float highest = 0;
    for (int i = 0; i < 28 * 28; i++) {
        assert_true(picture.levels[i] == raw[i] / 255);
        highest = raw[i] > highest ? raw[i] : highest;
    }
    assert_true(highest > 200); /* bytes, not transformed */
    struct view_flips flips = {.picture = picture};
    view_release_flips(&flips);
    dataset_close(dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(place_keeps_proportions),
        cmocka_unit_test(place_stays_inside_its_space),
        cmocka_unit_test(colours_are_the_nearest_of_the_palette),
        cmocka_unit_test(shades_and_letters_stand_for_lightness),
        cmocka_unit_test(halves_of_a_cell_are_two_pixels),
        cmocka_unit_test(odd_heights_leave_the_last_half_to_the_terminal),
        cmocka_unit_test(picture_shows_the_stored_pixels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

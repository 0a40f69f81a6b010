/* Ticks, ranges, dots and bars. */
#include "format.h"
#include "plot.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void ticks_are_round_and_inside(void **state)
{
    (void)state;
    struct ticks t = ticks_of((struct range){1.5, 4.0}, 6);
    assert_int_equal(t.count, 6);
    assert_int_equal(t.digits, 1);
    assert_float_equal(t.values[0], 1.5, 1e-12);
    assert_float_equal(t.values[5], 4.0, 1e-12);
    t = ticks_of((struct range){88.2, 93.1}, 3);
    assert_int_equal(t.digits, 0);
    assert_float_equal(t.values[0], 90, 1e-9);
    for (int wanted = 1; wanted < 20; wanted++) {
        for (double width = 1e-6; width < 1e7; width *= 3.7) {
            struct range r = {-0.3 * width, 0.7 * width};
            t = ticks_of(r, wanted);
            assert_in_range(t.count, 0, PLOT_TICKS_MAX);
            assert_true(t.count <= wanted);
            for (int i = 0; i < t.count; i++)
                assert_true(t.values[i] >= r.low - width * 1e-6 &&
                            t.values[i] <= r.high + width * 1e-6);
        }
    }
}

static void labels_of_ticks_differ(void **state)
{
    (void)state;
    struct ticks t = ticks_of((struct range){0.9101, 0.9108}, 5);
    char last[FORMAT_ROOM] = "", text[FORMAT_ROOM];
    assert_true(t.count >= 2);
    for (int i = 0; i < t.count; i++) {
        snprintf(text, sizeof text, "%.*f", t.digits, t.values[i]);
        assert_string_not_equal(text, last);
        memcpy(last, text, sizeof last);
    }
}

static void degenerate_ranges_are_widened(void **state)
{
    (void)state;
    const double same[] = {5, 5, NAN}, none[] = {NAN, INFINITY};
    struct range r = range_of(same, 3);
    assert_float_equal(r.low, 4, 0);
    assert_float_equal(r.high, 6, 0);
    const double loss = 0.15, nothing = 0;
    r = range_of(&loss, 1);
    assert_float_equal(r.low, 0.075, 1e-12);
    assert_float_equal(r.high, 0.225, 1e-12);
    r = range_of(&nothing, 1);
    assert_float_equal(r.low, -1, 0);
    assert_float_equal(r.high, 1, 0);
    r = range_of(none, 2);
    assert_float_equal(r.low, 0, 0);
    assert_float_equal(r.high, 1, 0);
    assert_int_equal(ticks_of((struct range){1, 1}, 5).count, 0);
    assert_int_equal(ticks_of((struct range){0, INFINITY}, 5).count, 0);
}

static void places_are_rounded_and_outside_is_minus_one(void **state)
{
    (void)state;
    struct range r = {0, 10};
    assert_int_equal(range_place(r, 0, 11), 0);
    assert_int_equal(range_place(r, 10, 11), 10);
    assert_int_equal(range_place(r, 4.6, 11), 5);
    assert_int_equal(range_place(r, 10.01, 11), -1);
    assert_int_equal(range_place(r, NAN, 11), -1);
    assert_int_equal(range_place(r, 5, 0), -1);
}

static struct surface surface;

static void begin(int rows, int columns, bool ascii)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    assert_int_equal(surface_resize(&surface, rows, columns), 0);
    surface.ascii = ascii;
}

static void assert_dump(const char *expected)
{
    char *text = surface_dump(&surface);
    assert_string_equal(text, expected);
    free(text);
}

static void dots_become_braille_and_ascii(void **state)
{
    (void)state;
    struct canvas canvas = {0};
    assert_int_equal(canvas_init(&canvas, 1, 3), 0);
    canvas_dot(&canvas, 0, 0, ROLE_POINT);
    canvas_dot(&canvas, 5, 3, ROLE_POINT);
    canvas_dot(&canvas, 6, 0, ROLE_POINT);  /* outside */
    canvas_dot(&canvas, 0, -1, ROLE_POINT); /* outside */
    begin(1, 3, false);
    canvas_draw(&canvas, &surface, 0, 0);
    assert_dump("⠁ ⢀\n");
    begin(1, 3, true);
    canvas_draw(&canvas, &surface, 0, 0);
    assert_dump("' .\n");
    canvas_release(&canvas);
}

static void lines_are_clipped_to_the_canvas(void **state)
{
    (void)state;
    struct canvas canvas = {0};
    assert_int_equal(canvas_init(&canvas, 2, 2), 0);
    canvas_line(&canvas, -100, -100, 100, 100, ROLE_FRONT);
    canvas_line(&canvas, -5, 3, -1, 7, ROLE_FRONT);
    canvas_line(&canvas, NAN, 0, 3, 3, ROLE_FRONT);
    begin(2, 2, false);
    canvas_draw(&canvas, &surface, 0, 0);
    assert_dump("⠑⢄\n\n");
    canvas_release(&canvas);
}

static void higher_role_owns_the_cell(void **state)
{
    (void)state;
    struct canvas canvas = {0};
    assert_int_equal(canvas_init(&canvas, 1, 1), 0);
    canvas_dot(&canvas, 0, 0, ROLE_NOW);
    canvas_dot(&canvas, 1, 0, ROLE_FRONT);
    begin(1, 1, false);
    canvas_draw(&canvas, &surface, 0, 0);
    assert_int_equal(surface.cells[0].role, ROLE_NOW);
    canvas_release(&canvas);
}

static void bars_fill_in_eighths(void **state)
{
    (void)state;
    begin(4, 8, false);
    plot_bar(&surface, 0, 0, 8, 0.5625, ROLE_BAR);
    plot_bar(&surface, 1, 0, 8, 0.001, ROLE_BAR);
    plot_bar(&surface, 2, 0, 8, 7, ROLE_BAR);
    plot_bar(&surface, 3, 0, 8, NAN, ROLE_BAR);
    assert_dump("████▌···\n▏·······\n████████\n········\n");
    begin(1, 8, true);
    plot_bar(&surface, 0, 0, 8, 0.58, ROLE_BAR);
    assert_dump("#####...\n");
}

static void columns_grow_upwards_and_split_by_role(void **state)
{
    (void)state;
    const double heights[] = {0, 0.01, 0.5, 1, NAN};
    begin(2, 5, false);
    plot_columns(&surface, (struct rect){0, 0, 2, 5}, heights, 3, ROLE_PRUNED,
                 ROLE_KEPT);
    assert_dump("   █\n ▁██\n");
    assert_int_equal(surface.cells[5 + 2].role, ROLE_PRUNED);
    assert_int_equal(surface.cells[5 + 3].role, ROLE_KEPT);
}

static void axes_have_round_labels(void **state)
{
    (void)state;
    begin(8, 40, false);
    struct axes axes =
        plot_axes(&surface, (struct rect){0, 0, 8, 40},
                  (struct range){1.4, 4.1}, (struct range){84, 93}, "ms");
    int row, column;
    assert_true(plot_cell(&axes, 1.4, 84, &row, &column));
    assert_int_equal(row, 5);
    assert_int_equal(column, axes.inner.column);
    assert_false(plot_cell(&axes, 9, 84, &row, &column));
    char *text = surface_dump(&surface);
    assert_non_null(strstr(text, "90┤"));
    assert_non_null(strstr(text, "2.0"));
    assert_non_null(strstr(text, "ms"));
    free(text);
}

static void axes_survive_any_area(void **state)
{
    (void)state;
    begin(10, 30, false);
    for (int rows = 0; rows < 10; rows++)
        for (int columns = 0; columns < 30; columns++)
            plot_axes(&surface, (struct rect){0, 0, rows, columns},
                      (struct range){0, 1}, (struct range){0, 1}, "ms");
    assert_int_equal(surface.rows, 10);
}

static void numbers_are_short(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } counts[] = {{0, "0"},         {432, "432"},     {999.4, "999"},
                  {2304, "2.30k"},  {36864, "36.9k"}, {268336, "268k"},
                  {999600, "1.00M"}};
    char text[FORMAT_ROOM];
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        assert_string_equal(format_count(text, counts[i].value),
                            counts[i].text);
    assert_string_equal(format_grouped(text, 36864), "36,864");
    assert_string_equal(format_grouped(text, -1234567), "-1,234,567");
    assert_string_equal(format_grouped(text, 12), "12");
    assert_string_equal(format_bytes(text, 33100), "33.1 kB");
    assert_string_equal(format_ms(text, 0.12345), "0.123");
    assert_string_equal(format_ms(text, 12.34), "12.3");
    assert_string_equal(format_ms(text, NAN), "…");
    assert_string_equal(format_speed(text, 1.309), "1.31x");
    assert_string_equal(format_percent(text, 0.85), "85%");
    assert_string_equal(format_percent(text, 0.998), "99.8%");
    assert_string_equal(format_percent(text, 1), "100%");
    assert_string_equal(format_percent(text, 0), "0%");
    assert_string_equal(format_seconds(text, 4.2), "4s");
    assert_string_equal(format_seconds(text, 130), "2m10s");
}

static void unknown_partial_and_known_figures_differ(void **state)
{
    (void)state;
    char text[FORMAT_ROOM];
    struct estimate e = {0.91342, 0.9078, 0.9187, 0, 10000};
    assert_string_equal(format_accuracy(text, &e, 2), "…");
    assert_string_equal(format_interval(text, &e, 1), "");
    e.samples = 500;
    assert_string_equal(format_accuracy(text, &e, 2), "~91.34");
    e.samples = 10000;
    assert_string_equal(format_accuracy(text, &e, 2), "91.34");
    assert_string_equal(format_interval(text, &e, 1), "[90.8,91.9]");
    struct estimate d = {-0.0076, -0.0129, -0.0023, 10000, 10000};
    assert_string_equal(format_difference(text, &d, 2), "-0.76");
    assert_string_equal(format_margin(text, &d), ".53");
    assert_true(format_significant(&d));
    d.high = 0.001;
    assert_false(format_significant(&d));
    d.value = -0.00001;
    assert_string_equal(format_difference(text, &d, 2), "0.00");
}

static int finish(void **state)
{
    (void)state;
    surface_release(&surface);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks_are_round_and_inside),
        cmocka_unit_test(labels_of_ticks_differ),
        cmocka_unit_test(degenerate_ranges_are_widened),
        cmocka_unit_test(places_are_rounded_and_outside_is_minus_one),
        cmocka_unit_test(dots_become_braille_and_ascii),
        cmocka_unit_test(lines_are_clipped_to_the_canvas),
        cmocka_unit_test(higher_role_owns_the_cell),
        cmocka_unit_test(bars_fill_in_eighths),
        cmocka_unit_test(columns_grow_upwards_and_split_by_role),
        cmocka_unit_test(axes_have_round_labels),
        cmocka_unit_test(axes_survive_any_area),
        cmocka_unit_test(numbers_are_short),
        cmocka_unit_test(unknown_partial_and_known_figures_differ),
    };
    return cmocka_run_group_tests(tests, NULL, finish);
}

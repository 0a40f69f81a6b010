/* Rectangles of every size: inside the screen and never over each other. */
#include "layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_inside(struct rect r, int rows, int columns)
{
    assert_true(r.row >= 0 && r.column >= 0 && r.rows >= 0 && r.columns >= 0);
    assert_true(r.row + r.rows <= rows && r.column + r.columns <= columns);
}

static int overlap(struct rect a, struct rect b)
{
    return a.row < b.row + b.rows && b.row < a.row + a.rows &&
           a.column < b.column + b.columns && b.column < a.column + a.columns;
}

static void assert_apart(const struct rect *rects, size_t count, int rows,
                         int columns)
{
    for (size_t a = 0; a < count; a++) {
        assert_inside(rects[a], rows, columns);
        for (size_t b = 0; b < a; b++)
            assert_false(overlap(rects[a], rects[b]));
    }
}

static void layers_parts_never_overlap(void **state)
{
    (void)state;
    for (int rows = 1; rows <= 60; rows++) {
        for (int columns = 1; columns <= 200; columns++) {
            for (int zoom = 0; zoom < 2; zoom++) {
                struct layout_layers l =
                    layout_layers(rows, columns, columns % 40, zoom);
                struct layout_frame f = layout_frame(rows, columns);
                const struct rect rects[] = {
                    f.headline, f.status, f.bar,        l.upper_rule,
                    l.head,     l.table,  l.lower_rule, l.histogram,
                    l.filters,  l.plot,   l.side_rule,  l.history,
                };
                if (layout_fits(rows, columns))
                    assert_apart(rects, sizeof rects / sizeof *rects, rows,
                                 columns);
                else
                    assert_int_equal(l.table.rows, 0);
            }
        }
    }
}

static void detail_and_tradeoff_never_overlap(void **state)
{
    (void)state;
    for (int rows = 24; rows <= 60; rows++) {
        for (int columns = 80; columns <= 200; columns++) {
            struct layout_detail d = layout_detail(rows, columns);
            struct layout_frame f = layout_frame(rows, columns);
            const struct rect detail[] = {d.upper_rule, d.histogram, d.filters,
                                          d.lower_rule, d.mask,      d.trials,
                                          f.status,     f.bar};
            assert_apart(detail, 8, rows, columns);
            struct layout_tradeoff t = layout_tradeoff(rows, columns);
            const struct rect plot[] = {t.plot, t.card, t.legend, f.status,
                                        f.bar};
            assert_apart(plot, 5, rows, columns);
        }
    }
}

static void smallest_screen_shows_ten_layers_and_both_panes(void **state)
{
    (void)state;
    struct layout_layers l = layout_layers(24, 80, 22, false);
    assert_int_equal(l.table.rows, 10);
    assert_int_equal(l.histogram.rows, 8);
    assert_int_equal(l.plot.rows, 8);
    assert_int_equal(layout_layers(24, 80, 22, true).table.rows, 19);
}

static void side_plot_comes_at_120_columns(void **state)
{
    (void)state;
    assert_false(layout_layers(40, 119, 22, false).wide);
    assert_true(layout_layers(40, 120, 22, false).wide);
    assert_true(layout_layers(40, 140, 22, false).history.rows > 5);
}

static void scroll_moves_as_little_as_possible(void **state)
{
    (void)state;
    assert_int_equal(layout_scroll(0, 3, 5, 20), 0);
    assert_int_equal(layout_scroll(0, 5, 5, 20), 1);
    assert_int_equal(layout_scroll(8, 6, 5, 20), 6);
    assert_int_equal(layout_scroll(18, 19, 5, 20), 15);
    assert_int_equal(layout_scroll(4, 2, 5, 3), 0);
    assert_int_equal(layout_scroll(0, 0, 0, 0), 0);
}

static void dialog_never_exceeds_the_screen(void **state)
{
    (void)state;
    for (int rows = 1; rows < 30; rows++)
        assert_inside(layout_dialog(rows, rows * 2, 18, 64), rows, rows * 2);
    struct rect box = layout_dialog(24, 80, 18, 64);
    assert_int_equal(box.row, 3);
    assert_int_equal(box.column, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_parts_never_overlap),
        cmocka_unit_test(detail_and_tradeoff_never_overlap),
        cmocka_unit_test(smallest_screen_shows_ten_layers_and_both_panes),
        cmocka_unit_test(side_plot_comes_at_120_columns),
        cmocka_unit_test(scroll_moves_as_little_as_possible),
        cmocka_unit_test(dialog_never_exceeds_the_screen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Cells, widths, clipping and ASCII twins. */
#include "surface.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static int start(void **state)
{
    static struct surface surface;
    surface = (struct surface){0};
    setlocale(LC_CTYPE, "C.UTF-8");
    *state = &surface;
    return surface_resize(&surface, 3, 10);
}

static int stop(void **state)
{
    surface_release(*state);
    return 0;
}

static void assert_dump(const struct surface *surface, const char *expected)
{
    char *text = surface_dump(surface);
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

static void text_is_clipped_at_width_and_edge(void **state)
{
    struct surface *s = *state;
    assert_int_equal(surface_text(s, 0, 0, 4, ROLE_TEXT, "abcdef"), 4);
    assert_int_equal(surface_text(s, 1, 8, -1, ROLE_TEXT, "abcdef"), 2);
    assert_int_equal(surface_text(s, 2, 12, -1, ROLE_TEXT, "abc"), 0);
    surface_text(s, 7, 0, -1, ROLE_TEXT, "nowhere");
    surface_text(s, -1, 0, -1, ROLE_TEXT, "nowhere");
    assert_dump(s, "abcd\n        ab\n\n");
}

static void wide_glyphs_are_never_split(void **state)
{
    struct surface *s = *state;
    assert_int_equal(surface_width("层1"), 3);
    assert_int_equal(surface_text(s, 0, 0, 3, ROLE_TEXT, "a层层"), 3);
    assert_int_equal(surface_text(s, 1, 0, 2, ROLE_TEXT, "a层"), 1);
    assert_dump(s, "a层\na\n\n");
    surface_put(s, 0, 2, ROLE_TEXT, 'x'); /* its right half */
    assert_dump(s, "a x\na\n\n");
    surface_text(s, 0, 1, 2, ROLE_TEXT, "层");
    surface_put(s, 0, 1, ROLE_TEXT, 'y'); /* its left half */
    assert_dump(s, "ay\na\n\n");
}

static void control_characters_and_bad_bytes_become_question_marks(void **state)
{
    struct surface *s = *state;
    surface_text(s, 0, 0, -1, ROLE_TEXT, "a\033[1\tb\x7f");
    surface_text(s, 1, 0, -1, ROLE_TEXT, "\xff\xc0\xafx\xe2\x94");
    surface_text(s, 2, 0, -1, ROLE_TEXT, "\xed\xa0\x80\xc2\x9b");
    assert_dump(s, "a?[1?b?\n???x??\n????\n");
}

static void combining_marks_take_no_column(void **state)
{
    struct surface *s = *state;
    assert_int_equal(surface_width("e\xcc\x81x"), 2);
    assert_int_equal(surface_text(s, 0, 0, -1, ROLE_TEXT, "e\xcc\x81x"), 2);
}

static void ascii_mode_writes_twins(void **state)
{
    struct surface *s = *state;
    s->ascii = true;
    assert_int_equal(surface_text(s, 0, 0, -1, ROLE_TEXT, "Δ±│█…é层"), 9);
    surface_put(s, 1, 0, ROLE_BORDER, 0x2500);
    surface_put(s, 1, 1, ROLE_FRONT, 0x28ff);
    surface_put(s, 1, 2, ROLE_FRONT, 0x1fb00);
    surface_text(s, 2, 0, 1, ROLE_TEXT, "±");
    assert_dump(s, "d+-|#????\n-*?\n+\n");
}

static void roles_are_dumped_one_letter_a_cell(void **state)
{
    struct surface *s = *state;
    surface_text(s, 0, 2, -1, ROLE_DIM, "x");
    surface_role(s, 1, -3, 5, ROLE_CURSOR);
    char *text = surface_dump_roles(s);
    assert_string_equal(text, "..b\nhh\n\n");
    free(text);
}

static void any_size_can_be_drawn_on(void **state)
{
    struct surface *s = *state;
    static const int sizes[][2] = {{0, 0}, {1, 1}, {-4, 3}, {2, 0}, {60, 200}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(surface_resize(s, sizes[i][0], sizes[i][1]), 0);
        surface_text(s, 0, 0, -1, ROLE_TEXT, "层text");
        surface_fill(s, -1, -1, 100, 300, ROLE_DIM, '.');
        surface_put(s, 59, 199, ROLE_TEXT, '#');
    }
    assert_int_equal(s->cells[59 * 200 + 199].glyph, '#');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(text_is_clipped_at_width_and_edge,
                                        start, stop),
        cmocka_unit_test_setup_teardown(wide_glyphs_are_never_split, start,
                                        stop),
        cmocka_unit_test_setup_teardown(
            control_characters_and_bad_bytes_become_question_marks, start,
            stop),
        cmocka_unit_test_setup_teardown(combining_marks_take_no_column, start,
                                        stop),
        cmocka_unit_test_setup_teardown(ascii_mode_writes_twins, start, stop),
        cmocka_unit_test_setup_teardown(roles_are_dumped_one_letter_a_cell,
                                        start, stop),
        cmocka_unit_test_setup_teardown(any_size_can_be_drawn_on, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

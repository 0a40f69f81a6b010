/* Roles and what they look like. */
#include "theme.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void mono_has_no_colour(void **state)
{
    (void)state;
    for (int role = 0; role < ROLE_COUNT; role++)
        assert_int_equal(theme_style(THEME_MONO, (enum role)role).colour, -1);
}

static void colours_stay_inside_their_palette(void **state)
{
    (void)state;
    for (int role = 0; role < ROLE_COUNT; role++) {
        assert_in_range(theme_style(THEME_8, (enum role)role).colour + 1, 0, 8);
        assert_in_range(theme_style(THEME_256, (enum role)role).colour + 1, 0,
                        256);
    }
}

static void every_role_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = 0; a < ROLE_COUNT; a++) {
        const char *name = theme_role_name((enum role)a);
        assert_non_null(name);
        for (int b = 0; b < a; b++)
            assert_string_not_equal(name, theme_role_name((enum role)b));
    }
}

static void cursor_bad_and_now_show_without_colour(void **state)
{
    (void)state;
    assert_true(theme_style(THEME_MONO, ROLE_CURSOR).reverse);
    assert_true(theme_style(THEME_MONO, ROLE_BAD).underline);
    assert_true(theme_style(THEME_MONO, ROLE_NOW).bold);
}

static void depth_follows_terminal_and_no_color(void **state)
{
    (void)state;
    unsetenv("NO_COLOR");
    assert_int_equal(theme_depth(0, false), THEME_MONO);
    assert_int_equal(theme_depth(-1, false), THEME_MONO);
    assert_int_equal(theme_depth(8, false), THEME_8);
    assert_int_equal(theme_depth(256, false), THEME_256);
    assert_int_equal(theme_depth(1 << 24, false), THEME_256);
    assert_int_equal(theme_depth(256, true), THEME_MONO);
    setenv("NO_COLOR", "1", 1);
    assert_int_equal(theme_depth(256, false), THEME_MONO);
    setenv("NO_COLOR", "", 1); /* empty means not set */
    assert_int_equal(theme_depth(256, false), THEME_256);
    unsetenv("NO_COLOR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mono_has_no_colour),
        cmocka_unit_test(colours_stay_inside_their_palette),
        cmocka_unit_test(every_role_has_a_name_of_its_own),
        cmocka_unit_test(cursor_bad_and_now_show_without_colour),
        cmocka_unit_test(depth_follows_terminal_and_no_color),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The screens about trust, in the real program. */
#include "terminal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

static struct terminal *terminal;

static const char *const mlp[] = {
    "--samples", "200",           "--seed",
    "1",         "data/mlp.onnx", "data/fashion-mnist-sample",
    NULL};

static void start(const char *const *environment)
{
    const struct terminal_options options = {.rows = 24,
                                             .columns = 80,
                                             .arguments = mlp,
                                             .environment = environment};
    terminal = terminal_start(&options);
    terminal_idle(terminal);
    terminal_press(terminal, ":set * 95%\r");
    terminal_press(terminal, "8");
}

static int stop(void **state)
{
    (void)state;
    terminal_stop(terminal);
    terminal = NULL;
    return 0;
}

static void flips_are_painted_in_colours(void **state)
{
    (void)state;
    start(NULL);
    assert_true(terminal_shows(terminal, "of 200 answers:"));
    assert_true(terminal_shows(terminal, "a right answer lost"));
    assert_true(terminal_shows(terminal, "1x28x28 pixels"));
    assert_true(terminal_shows(terminal, "▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀▀"));
    assert_true(terminal_coloured_cells(terminal) > 14 * 28);
    terminal_press(terminal, "u");
    assert_true(terminal_shows(terminal, "this is the dense model"));
    terminal_press(terminal, "\022"); /* redo */
    assert_true(terminal_shows(terminal, "of 200 answers:"));
}

static void flips_without_colour_are_shades(void **state)
{
    (void)state;
    static const char *const environment[] = {"NO_COLOR=1", NULL};
    start(environment);
    assert_int_equal(terminal_coloured_cells(terminal), 0);
    assert_true(terminal_shows(terminal, "▒"));
    assert_false(terminal_shows(terminal, "▀"));
}

static void flips_in_ascii_are_letters(void **state)
{
    (void)state;
    static const char *const environment[] = {"LC_ALL=C", NULL};
    start(environment);
    assert_true(terminal_shows(terminal, "a right answer lost"));
    assert_int_equal(terminal_other_bytes(terminal), 0);
}

static void robustness_is_measured_from_its_screen(void **state)
{
    (void)state;
    start(NULL);
    terminal_press(terminal, "9");
    assert_true(terminal_shows(terminal, "How does this variant stand"));
    terminal_press(terminal, ":robustness jpeg,rotation 50 samples\r");
    assert_true(terminal_shows(terminal, "#1 beside the dense model"));
    assert_true(terminal_shows(terminal, "rotation "));
    assert_true(terminal_shows(terminal, "jpeg "));
    terminal_press(terminal, "G");
    assert_true(terminal_shows(terminal, "jpeg, severity 3"));
    terminal_press(terminal, "l");
    assert_true(terminal_shows(terminal, "jpeg, severity 4"));
    terminal_press(terminal, "u");
    assert_true(
        terminal_shows(terminal, "the figures of #1 - Enter measures #0"));
}

static void a_step_that_was_looked_ahead_says_so(void **state)
{
    (void)state;
    const struct timespec pause = {.tv_nsec = 300000000};
    static const char *const environment[] = {"ESPALIER_TEST_AHEAD=1", NULL};
    bool ahead = false;
    start(environment);
    terminal_press(terminal, "1");
    terminal_press(terminal, "h");
    for (int i = 0; i < 40 && !ahead; i++) { /* a slow machine: later */
        nanosleep(&pause, NULL);
        terminal_press(terminal, "h");
        ahead = terminal_shows(terminal, "looked ahead");
    }
    assert_true(ahead);
}

#define TEST(name) cmocka_unit_test_teardown(name, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(flips_are_painted_in_colours),
        TEST(flips_without_colour_are_shades),
        TEST(flips_in_ascii_are_letters),
        TEST(robustness_is_measured_from_its_screen),
        TEST(a_step_that_was_looked_ahead_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

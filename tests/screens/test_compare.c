/* Two variants and the criteria side by side, in the real program. */
#include "terminal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const mlp[] = {
    "--samples", "200",           "--seed",
    "1",         "data/mlp.onnx", "data/fashion-mnist-sample",
    NULL};

static struct terminal *terminal;

static int setup(void **state)
{
    (void)state;
    const struct terminal_options options = {
        .rows = 24, .columns = 80, .arguments = mlp};
    terminal = terminal_start(&options);
    terminal_idle(terminal);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    terminal_stop(terminal);
    terminal = NULL;
    return 0;
}

static void command(const char *line)
{
    char keys[96];
    snprintf(keys, sizeof keys, "%s\r", line);
    terminal_press(terminal, ":");
    terminal_press(terminal, keys);
}

static void assert_hides(const char *text)
{
    if (terminal_shows(terminal, text))
        fail_msg("'%s' is on the screen", text);
}

static void figures_layers_and_classes_are_compared(void **state)
{
    (void)state;
    command("set fc1 97%");
    terminal_press(terminal, "d");
    terminal_expect(terminal, "#1 now with #0");
    terminal_expect(terminal, "1 of 3 layers differ");
    terminal_expect(terminal, "only #0 ");
    terminal_expect(terminal, "97% weight");
    terminal_expect(terminal, "classes, worst first");
    terminal_press(terminal, "d");
    terminal_expect(terminal, "nothing else yet");
    terminal_press(terminal, "A"); /* a snapshot of the current one */
    command("set fc1 50%");
    terminal_press(terminal, "d");
    terminal_expect(terminal, "#2 now with #1");
    terminal_expect(terminal, "#1 A");
    terminal_press(terminal, "6g"); /* the dense model, in the history */
    terminal_press(terminal, "d");
    terminal_expect(terminal, "#2 now with #0");
    terminal_press(terminal, "\033");
    terminal_expect(terminal, "history");
}

static void criteria_are_tried_and_nothing_is_changed(void **state)
{
    (void)state;
    command("set fc1 97%");
    terminal_press(terminal, "d");
    terminal_press(terminal, "c");
    terminal_expect(terminal, "criteria, best first");
    terminal_expect(terminal, "97% weight, of #1");
    terminal_expect(terminal, "\xe2\x97\x86magnitude");
    terminal_expect(terminal, "leaves most");
    assert_hides("#2");
    terminal_press(terminal, "\t");
    terminal_expect(terminal, "classes, worst first");
    terminal_press(terminal, "jc"); /* a dense layer */
    terminal_expect(terminal, "name an amount");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(figures_layers_and_classes_are_compared),
        TEST(criteria_are_tried_and_nothing_is_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

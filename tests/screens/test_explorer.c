/* The real program on real models, driven by keys. */
#include "golden.h"
#include "terminal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct terminal *terminal;

static const char *const resnet[] = {"--samples",
                                     "200",
                                     "--seed",
                                     "1",
                                     "data/resnet20.onnx",
                                     "data/fashion-mnist-sample",
                                     NULL};
static const char *const mlp[] = {
    "--samples", "200",           "--seed",
    "1",         "data/mlp.onnx", "data/fashion-mnist-sample",
    NULL};

/* What is measured differs from run to run: latency in the headline, in the
 * table its columns from lat% on, and on the status line whether the machine
 * was busy. */
static const struct golden_mask narrow_masks[] = {
    {1, 36, 1, 25}, {3, 55, 10, 25}, {22, 9, 1, 71}, {0}};
static const struct golden_mask wide_masks[] = {
    {0, 58, 1, 40}, {1, 66, 1, 29}, {4, 57, 23, 25}, {38, 9, 1, 131}, {0}};

static void start(int rows, int columns, const char *const *arguments,
                  const char *const *environment)
{
    const struct terminal_options options = {.rows = rows,
                                             .columns = columns,
                                             .arguments = arguments,
                                             .environment = environment};
    terminal = terminal_start(&options);
    terminal_idle(terminal);
}

static int stop(void **state)
{
    (void)state;
    terminal_stop(terminal);
    terminal = NULL;
    return 0;
}

static void assert_golden(const char *name, const struct golden_mask *masks)
{
    char *text = terminal_text(terminal);
    golden_assert(name, text, masks);
    free(text);
}

static void assert_shows(const char *text)
{
    terminal_expect(terminal, text);
}

static void assert_hides(const char *text)
{
    if (terminal_shows(terminal, text))
        fail_msg("'%s' is on the screen", text);
}

/* --- start, move, prune, undo --- */

static void main_screen_shows_the_dense_model_first(void **state)
{
    (void)state;
    start(24, 80, resnet, NULL);
    terminal_press(terminal, "3xx1"); /* plot by nonzeros: not measured */
    assert_golden("explorer-80x24", narrow_masks);
    assert_true(terminal_alternate(terminal));
    assert_false(terminal_cursor_visible(terminal));
}

static void wide_screen_has_plot_and_history_beside(void **state)
{
    (void)state;
    start(40, 140, resnet, NULL);
    terminal_press(terminal, "3xx1");
    terminal_press(terminal, "jjL");
    assert_golden("explorer-140x40", wide_masks);
}

static void pruning_changes_the_figure_and_undo_brings_it_back(void **state)
{
    (void)state;
    start(24, 80, mlp, NULL);
    char *dense = terminal_line(terminal, 1);
    terminal_press(terminal, "s");
    terminal_press(terminal, "99\r");
    char *pruned = terminal_line(terminal, 1);
    assert_memory_not_equal(dense, pruned, 20);
    assert_shows("99%");
    assert_shows("[+] #1");
    terminal_press(terminal, "u");
    char *undone = terminal_line(terminal, 1);
    assert_memory_equal(dense, undone, 20);
    terminal_press(terminal, "\x12"); /* Ctrl-R */
    assert_shows("#1");
    free(dense);
    free(pruned);
    free(undone);
}

static void cursor_moves_by_letters_and_arrows(void **state)
{
    (void)state;
    start(24, 80, resnet, NULL);
    terminal_press(terminal, "jj");
    assert_shows("\xe2\x96\xb8  3 layers.0.conv2");
    terminal_press(terminal, "\033[A"); /* Up, xterm's normal mode */
    terminal_press(terminal, "\033OB"); /* Down, application mode */
    assert_shows("\xe2\x96\xb8  3 layers.0.conv2");
    terminal_press(terminal, "G");
    assert_shows("\xe2\x96\xb8 22 fc");
    terminal_press(terminal, "gg");
    assert_shows("\xe2\x96\xb8  1 stem");
}

static void marked_layers_are_pruned_together(void **state)
{
    (void)state;
    start(24, 80, mlp, NULL);
    terminal_press(terminal, "  L");
    assert_shows("2 layers");
    terminal_press(terminal, "L");
    assert_shows("20%");
    assert_shows("#2");
}

static void edit_says_what_was_done_and_refusal_says_why(void **state)
{
    (void)state;
    start(24, 80, mlp, NULL);
    terminal_press(terminal, ":");
    terminal_press(terminal, "set nosuch 50%\r");
    assert_shows("nosuch");
    terminal_press(terminal, "u");
    assert_shows("nothing to undo");
    terminal_press(terminal, "y");
    assert_shows("press ? for all keys");
}

/* --- screens --- */

static void detail_shows_threshold_filters_and_mask(void **state)
{
    static const struct golden_mask masks[] = {
        {0, 50, 1, 22}, {16, 69, 6, 11}, {22, 9, 1, 71}, {0}};
    (void)state;
    start(24, 80, resnet, NULL);
    terminal_press(terminal, "jj");
    terminal_press(terminal, "s");
    terminal_press(terminal, "70\r");
    terminal_press(terminal, "\r");
    assert_golden("explorer-detail-80x24", masks);
    terminal_press(terminal, "]");
    assert_shows("layers.1.conv1");
    terminal_press(terminal, "\033");
    assert_shows("espalier  resnet20.onnx");
}

static void plot_cursor_loads_a_variant(void **state)
{
    (void)state;
    start(24, 80, mlp, NULL);
    terminal_press(terminal, "s");
    terminal_press(terminal, "95\r");
    terminal_press(terminal, "3xx");
    assert_shows("accuracy % by nonzeros %");
    assert_shows("variant 1");
    terminal_press(terminal, "l"); /* the dense model has all weights */
    assert_shows("variant 0");
    terminal_press(terminal, "\r");
    terminal_press(terminal, "1");
    assert_shows("dense");
    assert_shows("  0%");
}

static void history_branches_and_loads(void **state)
{
    static const struct golden_mask masks[] = {{2, 68, 4, 12}, {0}};
    (void)state;
    start(24, 80, mlp, NULL);
    terminal_press(terminal, "L");
    terminal_press(terminal, "L");
    terminal_press(terminal, "u");
    terminal_press(terminal, "jL");
    terminal_press(terminal, "T");
    assert_golden("explorer-history-80x24", masks);
    terminal_press(terminal, "g\r");
    assert_shows("#0");
}

static void help_is_drawn_from_the_table_and_filters(void **state)
{
    (void)state;
    start(24, 80, mlp, NULL);
    terminal_press(terminal, "?");
    assert_golden("explorer-help-80x24", NULL);
    assert_true(terminal_cursor_visible(terminal));
    terminal_press(terminal, "redo");
    assert_shows("not available: nothing to redo");
    terminal_press(terminal, "\033");
    assert_hides("type to filter");
}

static void palette_completes_layer_names(void **state)
{
    (void)state;
    start(24, 80, resnet, NULL);
    terminal_press(terminal, ":");
    terminal_press(terminal, "set layers.0\t");
    assert_shows(":set layers.0.conv");
    assert_shows("layers.0.conv2");
    terminal_press(terminal, "\t 40%\r");
    assert_shows("40%");
    terminal_press(terminal, ":");
    terminal_press(terminal, "\033[A");
    assert_shows(":set layers.0.conv1 40%");
}

static void nonsense_typed_anywhere_does_no_harm(void **state)
{
    (void)state;
    start(24, 80, mlp, NULL);
    terminal_press(terminal, "\t\t\tzzz<>I*vU.bxr\033");
    terminal_press(terminal, "\033");
    terminal_press(terminal, "\033[<0;5;5M\033[<0;5;5m");
    terminal_press(terminal, "\033[99~");
    terminal_press(terminal, "1");
    assert_shows("espalier  mlp.onnx");
}

static void mouse_selects_opens_sorts_and_presses_the_bar(void **state)
{
    (void)state;
    start(24, 80, resnet, NULL);
    terminal_press(terminal,
                   "\033[<0;10;8M\033[<0;10;8m"); /* row 8 of the screen */
    assert_shows("\xe2\x96\xb8  5 layers.1.conv2");
    terminal_press(terminal, "\033[<65;10;8M"); /* the wheel */
    assert_shows("\xe2\x96\xb8  8 layers.3.conv1");
    terminal_press(terminal,
                   "\033[<0;36;3M\033[<0;36;3m"); /* the title "params" */
    assert_shows("params\xe2\x86\x91");
    terminal_press(terminal, "\033[<0;24;24M\033[<0;24;24m"); /* F5Plot */
    assert_shows("trade-off");
}

/* --- export and quit --- */

static void export_is_verified_and_then_quit_does_not_ask(void **state)
{
    (void)state;
    char keys[160], path[128];
    struct stat info;
    start(24, 80, mlp, NULL);
    terminal_press(terminal, "L");
    snprintf(path, sizeof path, "%s/out.onnx", terminal_state_folder(terminal));
    snprintf(keys, sizeof keys, "\x15%s\r", path);
    terminal_press(terminal, "w");
    terminal_send(terminal, keys);
    assert_shows("written; the file answers exactly as shown here");
    assert_shows("0 of 200");
    assert_int_equal(stat(path, &info), 0);
    terminal_press(terminal, "\033");
    terminal_press(terminal, "w");
    terminal_press(terminal, keys); /* now it exists */
    assert_shows("! there: out.onnx, .masks.npz, .masks.py, .recipe, .md");
    assert_shows("type \"yes\" to replace");
    remove(path);
    terminal_press(terminal, "\033");
    terminal_press(terminal, "w");
    terminal_press(terminal, keys); /* what is written beside counts, too */
    assert_shows("! there: out.masks.npz, .masks.py, .recipe, .md");
    assert_shows("type \"yes\" to replace");
    terminal_press(terminal, "\033");
    terminal_send(terminal, "q");
    int status = terminal_wait_exit(terminal);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_false(terminal_alternate(terminal));
    assert_true(terminal_echoes(terminal));
}

static void quit_asks_when_something_is_unsaved(void **state)
{
    (void)state;
    start(24, 80, mlp, NULL);
    terminal_press(terminal, "L");
    terminal_press(terminal, "q");
    assert_shows("was not exported");
    terminal_press(terminal, "q\r");
    assert_shows("was not exported");
    terminal_press(terminal, "n");
    terminal_press(terminal, "q");
    terminal_send(terminal, "y");
    int status = terminal_wait_exit(terminal);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* --- terminals --- */

static void resize_relays_out_and_too_small_says_so(void **state)
{
    (void)state;
    start(24, 80, mlp, NULL);
    terminal_resize(terminal, 40, 140);
    assert_shows("history");
    terminal_resize(terminal, 20, 60);
    assert_shows("needs 80x24, has 60x20");
    terminal_resize(terminal, 3, 10);
    terminal_resize(terminal, 24, 80);
    assert_shows("espalier  mlp.onnx");
    assert_hides("needs 80x24");
    terminal_resize(terminal, 1, 1);
    terminal_send(terminal, "q");
    int status = terminal_wait_exit(terminal);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void suspend_gives_the_terminal_back_and_fg_redraws(void **state)
{
    (void)state;
    start(24, 80, mlp, NULL);
    terminal_press(terminal, "j");
    char *before = terminal_text(terminal);
    terminal_suspend(terminal);
    assert_false(terminal_alternate(terminal));
    assert_true(terminal_echoes(terminal));
    terminal_continue(terminal);
    assert_true(terminal_alternate(terminal));
    char *after = terminal_text(terminal);
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void crash_restores_the_terminal(void **state)
{
    (void)state;
    start(24, 80, mlp, NULL);
    assert_true(terminal_alternate(terminal));
    terminal_kill(terminal, SIGSEGV);
    int status = terminal_wait_exit(terminal);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSEGV);
    assert_false(terminal_alternate(terminal));
    assert_true(terminal_cursor_visible(terminal));
    assert_true(terminal_echoes(terminal));
}

static void hangup_ends_and_restores(void **state)
{
    (void)state;
    start(24, 80, mlp, NULL);
    terminal_kill(terminal, SIGTERM);
    int status = terminal_wait_exit(terminal);
    assert_true(WIFEXITED(status));
    assert_false(terminal_alternate(terminal));
    assert_true(terminal_echoes(terminal));
}

static void interrupt_stops_the_work_not_the_program(void **state)
{
    (void)state;
    start(24, 80, mlp, NULL);
    terminal_press(terminal, "\x03");
    assert_shows("stopped");
    terminal_press(terminal, "e");
    assert_shows("espalier  mlp.onnx");
}

static void colours_are_used_where_there_are_some(void **state)
{
    (void)state;
    start(24, 80, mlp, NULL);
    assert_true(terminal_coloured_cells(terminal) > 10);
}

static void no_color_has_no_coloured_cell(void **state)
{
    static const char *const environment[] = {"NO_COLOR=1", NULL};
    (void)state;
    start(24, 80, mlp, environment);
    terminal_press(terminal, "L");
    terminal_press(terminal, "3");
    assert_int_equal(terminal_coloured_cells(terminal), 0);
}

static void c_locale_writes_only_ascii(void **state)
{
    static const char *const environment[] = {"LC_ALL=C", "TERM=vt100", NULL};
    (void)state;
    start(24, 80, resnet, environment);
    terminal_press(terminal, "3xx1");
    assert_golden("explorer-ascii-80x24", narrow_masks);
    terminal_press(terminal, "L");
    terminal_press(terminal, "2");
    terminal_press(terminal, "3");
    terminal_press(terminal, "T");
    terminal_press(terminal, "?");
    assert_int_equal(terminal_other_bytes(terminal), 0);
    assert_int_equal(terminal_coloured_cells(terminal), 0);
}

static void tilde_switches_to_ascii_and_back(void **state)
{
    (void)state;
    start(24, 80, mlp, NULL);
    assert_shows("\xe2\x94\x80");
    terminal_press(terminal, "~");
    assert_hides("\xe2\x94\x80");
    terminal_press(terminal, "~");
    assert_shows("\xe2\x94\x80");
}

static void missing_model_is_one_line_and_status_one(void **state)
{
    static const char *const arguments[] = {"no/such.onnx",
                                            "data/fashion-mnist-sample", NULL};
    const struct terminal_options options = {
        .rows = 24, .columns = 80, .arguments = arguments};
    (void)state;
    terminal = terminal_start(&options);
    int status = terminal_wait_exit(terminal);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    assert_shows("no/such.onnx");
    assert_true(terminal_echoes(terminal));
}

#define TEST(name) cmocka_unit_test_teardown(name, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(main_screen_shows_the_dense_model_first),
        TEST(wide_screen_has_plot_and_history_beside),
        TEST(pruning_changes_the_figure_and_undo_brings_it_back),
        TEST(cursor_moves_by_letters_and_arrows),
        TEST(marked_layers_are_pruned_together),
        TEST(edit_says_what_was_done_and_refusal_says_why),
        TEST(detail_shows_threshold_filters_and_mask),
        TEST(plot_cursor_loads_a_variant),
        TEST(history_branches_and_loads),
        TEST(help_is_drawn_from_the_table_and_filters),
        TEST(palette_completes_layer_names),
        TEST(nonsense_typed_anywhere_does_no_harm),
        TEST(mouse_selects_opens_sorts_and_presses_the_bar),
        TEST(export_is_verified_and_then_quit_does_not_ask),
        TEST(quit_asks_when_something_is_unsaved),
        TEST(resize_relays_out_and_too_small_says_so),
        TEST(suspend_gives_the_terminal_back_and_fg_redraws),
        TEST(crash_restores_the_terminal),
        TEST(hangup_ends_and_restores),
        TEST(interrupt_stops_the_work_not_the_program),
        TEST(colours_are_used_where_there_are_some),
        TEST(no_color_has_no_coloured_cell),
        TEST(c_locale_writes_only_ascii),
        TEST(tilde_switches_to_ascii_and_back),
        TEST(missing_model_is_one_line_and_status_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

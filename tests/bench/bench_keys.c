/*
 * Key press to painted screen while evaluation saturates every processor:
 * the real program in a pseudo-terminal, its screen emulated. Each edit
 * cancels an evaluation of the whole data set and begins another.
 * Prints a CSV row per kind of key: case, presses, median, p95, largest (ms).
 */
#include "base/clock.h"
#include "base/stats.h"
#include "screens/terminal.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <setjmp.h>
#include <unistd.h>
#include <cmocka.h>

#include <gsl/gsl_statistics_double.h>

enum { PRESSES = 90, PAUSE_US = 120000, OPENING_S = 3 };

/* Presses a key and waits until the text that it brings is on the screen. */
static double press(struct terminal *terminal, const char *key,
                    const char *text)
{
    int64_t begin = clock_now_ns();
    terminal_send(terminal, key);
    terminal_expect(terminal, text);
    return (double)(clock_now_ns() - begin) * 1e-6;
}

static void print_row(const char *name, double *ms, size_t count)
{
    struct stats_summary summary = stats_summarise(ms, count);
    printf("keys,%s,%zu,%.2f,%.2f,%.2f\n", name, count, summary.median,
           gsl_stats_quantile_from_sorted_data(ms, 1, count, 0.95),
           summary.maximum);
}

static void measure(void **state)
{
    (void)state;
    static const char *const arguments[] = {"data/resnet20-bn.onnx",
                                            "/usr/share/datasets/fashion-mnist",
                                            "--scale",
                                            "255",
                                            "--mean",
                                            "0.286",
                                            "--std",
                                            "0.353",
                                            NULL};
    static const char *const environment[] = {"ESPALIER_TEST_AHEAD=1", NULL};
    struct terminal_options options = {.rows = 24,
                                       .columns = 80,
                                       .arguments = arguments,
                                       .environment = environment};
    struct terminal *terminal = terminal_start(&options);
    terminal_expect(terminal, "layers.0.conv1");
    sleep(OPENING_S);
    double edits[PRESSES], moves[PRESSES];
    for (int i = 0; i < PRESSES; i++) {
        char text[32];
        snprintf(text, sizeof text, "stem %d→%d%%", i, i + 1);
        edits[i] = press(terminal, "l", text);
        usleep(PAUSE_US); /* the evaluation is under way again */
        moves[i] = press(terminal, "j", "▸  2 ");
        press(terminal, "k", "▸  1 ");
        usleep(PAUSE_US);
    }
    printf("bench,case,presses,median_ms,p95_ms,max_ms\n");
    print_row("edit", edits, PRESSES);
    print_row("move", moves, PRESSES);
    terminal_send(terminal, ":q!\r");
    terminal_wait_exit(terminal);
    terminal_stop(terminal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(measure)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

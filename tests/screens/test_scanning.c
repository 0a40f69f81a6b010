/* Scanning in the real program: edits go first, a kill loses nothing. */
#include "terminal.h"

#include <dirent.h>
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

enum { LINES_MAX = 400, LINE_BYTES = 256, PATIENCE = 3000 /* of 20 ms */ };

static const char *const resnet[] = {"--samples",
                                     "200",
                                     "--seed",
                                     "1",
                                     "data/resnet20.onnx",
                                     "data/fashion-mnist-sample",
                                     NULL};

static struct terminal *terminal;
static char folder[] = "/tmp/espalier-scanning-XXXXXX";

static int setup(void **state)
{
    (void)state;
    strcpy(folder + sizeof folder - 7, "XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    char line[96];
    (void)state;
    terminal_stop(terminal);
    terminal = NULL;
    snprintf(line, sizeof line, "rm -rf %s", folder);
    return system(line);
}

static void start(int rows, int columns)
{
    const struct terminal_options options = {.rows = rows,
                                             .columns = columns,
                                             .arguments = resnet,
                                             .state_folder = folder};
    terminal = terminal_start(&options);
}

/* Points in the file of the scan; each line's beginning, up to the amount. */
static int read_points(char (*lines)[LINE_BYTES])
{
    char path[512];
    snprintf(path, sizeof path, "%s/espalier/scans", folder);
    DIR *scans = opendir(path);
    int count = 0;
    for (const struct dirent *e = scans ? readdir(scans) : NULL; e != NULL;
         e = readdir(scans)) {
        char name[800];
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        FILE *file = e->d_name[0] != '.' ? fopen(name, "r") : NULL;
        char line[1024];
        while (file && count < LINES_MAX && fgets(line, sizeof line, file)) {
            int commas = 0;
            size_t at = 0;
            while (line[at] && (commas += line[at] == ',') < 4)
                at++;
            line[at] = '\0';
            if (strncmp(line, "layer,", 6) != 0)
                snprintf(lines[count++], LINE_BYTES, "%.200s", line);
        }
        if (file)
            fclose(file);
    }
    if (scans)
        closedir(scans);
    return count;
}

static void wait_for_points(int wanted, char (*lines)[LINE_BYTES])
{
    for (int i = 0; i < PATIENCE; i++) {
        if (read_points(lines) >= wanted)
            return;
        usleep(20000);
    }
    fail_msg("no %d points after a minute", wanted);
}

/* The row of the first layer on the screen of sensitivity. */
static int gaps_of_stem(void)
{
    char *line = terminal_line(terminal, 2);
    int gaps = 0;
    for (const char *s = line; (s = strstr(s, "\xe2\x80\xa6")); s++)
        gaps++;
    free(line);
    return gaps;
}

static void a_killed_scan_goes_on_where_it_stopped(void **state)
{
    (void)state;
    static char lines[LINES_MAX][LINE_BYTES];
    start(24, 80);
    terminal_idle(terminal);
    terminal_press(terminal, "4");
    terminal_expect(terminal, "this was not scanned");
    assert_int_equal(gaps_of_stem(), 11); /* ten amounts and the rank */
    terminal_send(terminal, "s");
    wait_for_points(11, lines);
    terminal_expect(terminal, "s stop");
    terminal_kill(terminal, SIGKILL);
    terminal_wait_exit(terminal);
    terminal_stop(terminal);
    int before = read_points(lines);
    start(24, 80);
    terminal_expect(terminal, "did not end");
    terminal_press(terminal, "n");
    terminal_press(terminal, "4");
    assert_int_equal(gaps_of_stem(), 0);
    terminal_send(terminal, "s");
    wait_for_points(before + 3, lines);
    terminal_press(terminal, "s"); /* stops */
    terminal_expect(terminal, "which are kept");
    int count = read_points(lines);
    for (int i = 0; i < count; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(lines[i], lines[j]);
    terminal_send(terminal, ":q!\r");
    terminal_wait_exit(terminal);
}

static void edits_go_first_while_it_scans(void **state)
{
    (void)state;
    static char lines[LINES_MAX][LINE_BYTES];
    start(24, 80);
    terminal_idle(terminal);
    terminal_press(terminal, "4");
    terminal_send(terminal, "s");
    wait_for_points(2, lines);
    terminal_send(terminal, "jlllll\r");
    terminal_expect(terminal, "#1");
    terminal_send(terminal, "1");
    terminal_expect(terminal, "60%");
    terminal_expect(terminal, "ready #1");
    terminal_expect(terminal, "scan: ");
    terminal_send(terminal, ":q!\r");
    terminal_wait_exit(terminal);
}

static void the_scan_is_written_as_it_is_kept(void **state)
{
    (void)state;
    char keys[160], path[128];
    struct stat info;
    start(24, 80);
    terminal_idle(terminal);
    terminal_press(terminal, ":");
    terminal_press(terminal, "scan fc 50% 90%\r");
    terminal_press(terminal, "4");
    snprintf(path, sizeof path, "%s/out.csv", folder);
    snprintf(keys, sizeof keys, "\x15%s\r", path);
    terminal_press(terminal, "E");
    terminal_press(terminal, keys);
    terminal_expect(terminal, "wrote 2 points");
    assert_int_equal(stat(path, &info), 0);
    terminal_press(terminal, "E");
    terminal_press(terminal, keys);
    terminal_expect(terminal, "exists");
    terminal_send(terminal, ":q!\r");
    terminal_wait_exit(terminal);
}

/* The status line's message lasts until the next key. */
static void the_key_press_past_a_cliff_is_told_once(void **state)
{
    (void)state;
    start(24, 80);
    terminal_idle(terminal);
    terminal_press(terminal, ":");
    terminal_press(terminal, "scan stem\r");
    terminal_press(terminal, "s");
    terminal_press(terminal, "5\r");
    if (terminal_shows(terminal, "past its cliff"))
        fail_msg("warned on the plateau");
    terminal_press(terminal, "s");
    terminal_send(terminal, "90\r"); /* at once, not when measured */
    terminal_expect(terminal, "past its cliff");
    terminal_expect(terminal, "tune or undo");
    terminal_idle(terminal);
    terminal_press(terminal, "l");
    if (terminal_shows(terminal, "past "))
        fail_msg("warned twice");
    terminal_press(terminal, "u");
    terminal_press(terminal, "u");
    terminal_press(terminal, "\x12"); /* redo */
    if (terminal_shows(terminal, "past "))
        fail_msg("warned of a redo");
    terminal_send(terminal, ":q!\r");
    terminal_wait_exit(terminal);
}

static void without_a_scan_measured_figures_tell(void **state)
{
    (void)state;
    start(24, 80);
    terminal_idle(terminal);
    terminal_press(terminal, ":");
    terminal_press(terminal, "global 30%\r");
    if (terminal_shows(terminal, "past the cliff"))
        fail_msg("warned on the plateau");
    terminal_press(terminal, ":");
    terminal_press(terminal, "global 80%\r");
    terminal_expect(terminal, "points lost for 50% more sparsity: past the "
                              "cliff; tune or undo");
    terminal_press(terminal, ":");
    terminal_press(terminal, "global 85%\r");
    if (terminal_shows(terminal, "past the cliff"))
        fail_msg("warned twice");
    terminal_send(terminal, ":q!\r");
    terminal_wait_exit(terminal);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_killed_scan_goes_on_where_it_stopped),
        TEST(edits_go_first_while_it_scans),
        TEST(the_key_press_past_a_cliff_is_told_once),
        TEST(without_a_scan_measured_figures_tell),
        TEST(the_scan_is_written_as_it_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Sessions that end in one way or another, and go on. */
#include "terminal.h"

#include <glob.h>
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

static const char *const mlp[] = {
    "--samples", "200",           "--seed",
    "1",         "data/mlp.onnx", "data/fashion-mnist-sample",
    NULL};

static int stop(void **state)
{
    (void)state;
    terminal_stop(terminal);
    terminal = NULL;
    return 0;
}

static void assert_shows(const char *text)
{
    terminal_expect(terminal, text);
}

static void remove_folder(const char *folder)
{
    pid_t child = fork();
    if (child == 0) {
        execlp("rm", "rm", "-rf", folder, (char *)NULL);
        _exit(127);
    }
    waitpid(child, NULL, 0);
}

/* The figures of a variant at the end of its row of the history. */
enum { FIGURES = 30 };

static void history_row(char *row, size_t bytes, const char *name)
{
    terminal_press(terminal, "6");
    terminal_expect(terminal, name);
    char *text = terminal_text(terminal);
    const char *at = strstr(text, name);
    assert_non_null(at);
    size_t length = strcspn(at, "\n");
    assert_true(length > FIGURES);
    snprintf(row, bytes, "%.*s", FIGURES, at + length - FIGURES);
    assert_null(strstr(row, "\xe2\x80\xa6")); /* nothing is unknown */
    free(text);
}

static void killed_session_is_offered_and_resumed(void **state)
{
    (void)state;
    char folder[] = "/tmp/espalier-resume-XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct terminal_options options = {
        .rows = 24, .columns = 80, .arguments = mlp, .state_folder = folder};
    terminal = terminal_start(&options);
    terminal_idle(terminal);
    terminal_press(terminal, "L");
    char seen[96];
    history_row(seen, sizeof seen, "#1 fc1");
    terminal_press(terminal, "1LL");
    terminal_kill(terminal, SIGKILL);
    terminal_wait_exit(terminal);
    terminal_stop(terminal);
    terminal = terminal_start(&options);
    assert_shows("did not end");
    assert_shows("3 edits");
    terminal_press(terminal, "y");
    terminal_expect(terminal, "30%");
    assert_shows("#3");
    char again[96]; /* what was measured before is not lost */
    history_row(again, sizeof again, "#1 fc1");
    assert_string_equal(again, seen);
    char command[64];
    snprintf(command, sizeof command, "%s/espalier", folder);
    struct stat info;
    assert_int_equal(stat(command, &info), 0);
    terminal_send(terminal, ":q!\r");
    terminal_wait_exit(terminal);
    remove_folder(folder);
}

/* What was left without an export is named, and its file opens it again. */
static void left_session_goes_on_by_its_file(void **state)
{
    (void)state;
    char folder[] = "/tmp/espalier-left-XXXXXX", path[300] = "";
    assert_non_null(mkdtemp(folder));
    struct terminal_options options = {
        .rows = 24, .columns = 80, .arguments = mlp, .state_folder = folder};
    terminal = terminal_start(&options);
    terminal_idle(terminal);
    terminal_press(terminal, "LLLq");
    terminal_send(terminal, "y");
    terminal_wait_exit(terminal);
    assert_shows("to go on with what was not exported");
    terminal_stop(terminal);
    glob_t found;
    snprintf(path, sizeof path, "%s/espalier/*.session", folder);
    assert_int_equal(glob(path, 0, NULL, &found), 0);
    assert_int_equal(found.gl_pathc, 1);
    const char *session[] = {found.gl_pathv[0], NULL};
    options.arguments = session;
    terminal = terminal_start(&options);
    terminal_idle(terminal);
    terminal_expect(terminal, "30%");
    assert_shows("[+] #3");
    terminal_press(terminal, "u");
    assert_shows("#2");
    terminal_send(terminal, ":q!\r");
    terminal_wait_exit(terminal);
    globfree(&found);
    remove_folder(folder);
}

/* A tune that is under way for as long as it is let. */
static void start_long_tune(const struct terminal_options *options)
{
    terminal = terminal_start(options);
    terminal_idle(terminal);
    terminal_press(terminal, "L");
    terminal_send(terminal, ":tune 900 epochs\r");
    terminal_expect(terminal, "tune: loss");
}

static bool holds(const char *path, const char *text)
{
    char content[4096] = "";
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t read = fread(content, 1, sizeof content - 1, file);
    assert_int_equal(fclose(file), 0);
    content[read] = '\0';
    return strstr(content, text) != NULL;
}

/* Another tune does not take the place of an interrupted one unasked, and its
 * order is written when the answer is given. */
static void order_another(const char *journal, bool drops)
{
    terminal_send(terminal, "H:tune 2 epochs\r");
    terminal_expect(terminal, "#1  tune 900 epochs");
    terminal_press(terminal, "n");
    terminal_expect(terminal, "the interrupted tune is kept");
    terminal_send(terminal, ":tune 2 epochs\r");
    terminal_expect(terminal, "r go on with it");
    assert_false(holds(journal, "tune 2 epochs"));
    terminal_send(terminal, drops ? "y" : "r");
    if (!drops) {
        terminal_expect(terminal, "tune: loss");
        terminal_send(terminal, "5\r"); /* ends it with the best epoch */
    }
    terminal_expect(terminal, "tuned");
    assert_true(holds(journal, "tune 2 epochs") == drops);
}

/* The user leaves, or the line drops: the tune goes on all the same. */
static void a_tune_that_is_left_goes_on(void **state)
{
    (void)state;
    for (int drops = 0; drops < 2; drops++) {
        char folder[] = "/tmp/espalier-tune-XXXXXX", path[300] = "";
        assert_non_null(mkdtemp(folder));
        struct terminal_options options = {.rows = 24,
                                           .columns = 80,
                                           .arguments = mlp,
                                           .state_folder = folder};
        start_long_tune(&options);
        terminal_send(terminal, "q");
        terminal_expect(terminal, "':tune resume' goes on with it");
        if (drops)
            terminal_kill(terminal, SIGHUP);
        else
            terminal_send(terminal, "y");
        terminal_wait_exit(terminal);
        if (!drops)
            assert_shows("to go on with the tune (:tune resume)");
        terminal_stop(terminal);
        glob_t found;
        snprintf(path, sizeof path, "%s/espalier/*.session", folder);
        assert_int_equal(glob(path, 0, NULL, &found), 0);
        const char *session[] = {found.gl_pathv[0], NULL};
        options.arguments = drops ? mlp : session;
        terminal = terminal_start(&options);
        if (drops) {
            terminal_expect(terminal, "did not end");
            terminal_press(terminal, "y");
        } else {
            terminal_idle(terminal);
        }
        terminal_expect(terminal, "a tune was interrupted: ':tune resume'");
        order_another(session[0], drops);
        terminal_send(terminal, ":q!\r");
        terminal_wait_exit(terminal);
        terminal_stop(terminal);
        terminal = NULL;
        globfree(&found);
        remove_folder(folder);
    }
}

/* What a tune keeps cannot be written: told where it ends, on the screen when
 * it is stopped, behind it when the user leaves. */
static void what_cannot_be_kept_is_told(void **state)
{
    (void)state;
    for (int leaves = 0; leaves < 2; leaves++) {
        char folder[] = "/tmp/espalier-unkept-XXXXXX";
        assert_non_null(mkdtemp(folder));
        struct terminal_options options = {.rows = 24,
                                           .columns = 80,
                                           .arguments = mlp,
                                           .state_folder = folder};
        start_long_tune(&options);
        remove_folder(folder);
        if (!leaves) {
            terminal_send(terminal, "\x03");
            terminal_expect(terminal, "tune 900 epochs: its last steps are not "
                                      "kept");
            terminal_send(terminal, ":q!\r");
            terminal_wait_exit(terminal);
        } else {
            terminal_send(terminal, ":q!\r");
            terminal_wait_exit(terminal);
            assert_shows("the tune's last steps are not kept");
        }
        terminal_stop(terminal);
        terminal = NULL;
    }
}

#define TEST(name) cmocka_unit_test_teardown(name, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(killed_session_is_offered_and_resumed),
        TEST(left_session_goes_on_by_its_file),
        TEST(a_tune_that_is_left_goes_on),
        TEST(what_cannot_be_kept_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

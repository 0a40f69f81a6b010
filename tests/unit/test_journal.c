#include "base/file.h"
#include "base/strbuf.h"
#include "session/journal.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static const char head_text[] =
    "session 1\n"
    "model \"/a/m \\\"q\\\".onnx\" 00000000deadbeef\n"
    "data \"/d\" split \"test\"\n"
    "samples 300\n"
    "seed 18446744073709551615\n"
    "preprocess scale 255 mean 0.286 0.1 std 0.353 0.3333333333333333 name "
    "\"fashion-mnist\" accuracy 0.898 samples 512\n";

static struct journal_head example_head(void)
{
    static char model[] = "/a/m \"q\".onnx", data[] = "/d", split[] = "test";
    return (struct journal_head){
        .model_path = model,
        .data_path = data,
        .split = split,
        .model_hash = 0xdeadbeef,
        .samples = 300,
        .seed = UINT64_MAX,
        .has_transform = true,
        .transform = {.scale = 255,
                      .channels = 2,
                      .mean = {0.286, 0.1},
                      .std = {0.353, 1.0 / 3},
                      .name = "fashion-mnist"},
        .accuracy = 0.898,
        .trial_samples = 512,
    };
}

/* A folder of its own for each test, removed with what lies in it. */
static int setup(void **state)
{
    char *folder = strdup("build/journal.XXXXXX");
    assert_non_null(mkdtemp(folder));
    *state = folder;
    return 0;
}

static int teardown(void **state)
{
    char command[200];
    snprintf(command, sizeof command, "chmod -R u+rwX %s; rm -rf %s",
             (char *)*state, (char *)*state);
    assert_int_equal(system(command), 0);
    free(*state);
    return 0;
}

static char *write_text(const char *folder, const char *text, size_t bytes)
{
    char *path = path_join(folder, "x.session");
    assert_int_equal(file_write(path, text, bytes, NULL), 0);
    return path;
}

static void head_comes_back_as_it_was(void **state)
{
    const struct journal_head head = example_head();
    char *text = journal_head_text(&head);
    assert_string_equal(text, head_text);
    char *path = write_text(*state, text, strlen(text));
    struct journal_text read;
    assert_int_equal(journal_read(&read, path, NULL), 0);
    assert_string_equal(read.head.model_path, head.model_path);
    assert_string_equal(read.head.data_path, head.data_path);
    assert_string_equal(read.head.split, head.split);
    assert_true(read.head.model_hash == head.model_hash);
    assert_true(read.head.seed == head.seed);
    assert_int_equal(read.head.samples, 300);
    assert_int_equal(read.head.trial_samples, 512);
    assert_true(read.head.accuracy == head.accuracy);
    assert_int_equal(read.head.transform.channels, 2);
    for (int i = 0; i < 2; i++) {
        assert_true(read.head.transform.mean[i] == head.transform.mean[i]);
        assert_true(read.head.transform.std[i] == head.transform.std[i]);
    }
    assert_string_equal(read.head.transform.name, "fashion-mnist");
    assert_int_equal(read.count, 0);
    assert_false(read.closed);
    journal_text_release(&read);
    free(path);
    free(text);
}

static void short_heads_are_enough(void **state)
{
    static const char text[] = "session 1\nmodel \"m\" 1f\nsamples 0\nseed 1\n"
                               "undo\nclose\n";
    char *path = write_text(*state, text, strlen(text));
    struct journal_text read;
    assert_int_equal(journal_read(&read, path, NULL), 0);
    assert_null(read.head.data_path);
    assert_null(read.head.split);
    assert_false(read.head.has_transform);
    assert_int_equal(read.count, 2);
    assert_string_equal(read.lines[0], "undo");
    assert_int_equal(read.numbers[0], 5);
    assert_true(read.closed);
    journal_text_release(&read);
    free(path);
}

static void torn_last_lines_are_dropped(void **state)
{
    static const char whole[] = "session 1\nmodel \"m\" 1f\nset fc 5%\nundo\n";
    for (size_t cut = sizeof whole - 2; cut > 33; cut--) {
        char *path = write_text(*state, whole, cut);
        struct journal_text read;
        assert_int_equal(journal_read(&read, path, NULL), 0);
        assert_int_equal(read.count, 1);
        assert_int_equal(read.bytes, 33);
        journal_text_release(&read);
        free(path);
    }
    /* What a power loss can leave of a line: zeros. */
    static const char zeros[] = "session 1\nmodel \"m\" 1f\nundo\n\0\0\0\n";
    char *path = write_text(*state, zeros, sizeof zeros - 1);
    struct journal_text read;
    assert_int_equal(journal_read(&read, path, NULL), 0);
    assert_int_equal(read.count, 1);
    assert_int_equal(read.bytes, 28);
    journal_text_release(&read);
    free(path);
}

static void bad_heads_are_refused(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "the session's head is not complete: no 'model' line"},
        {"session 1\n", "the session's head is not complete: no 'model' line"},
        {"hello\n", "not an espalier session: expected 'session 1' in the "
                    "first line"},
        {"session 2\n", "found a session of version 2, expected 1"},
        {"session x\n", "expected: session VERSION"},
        {"session 1\nmodel \"m\"\n", "expected: model \"PATH\" HASH"},
        {"session 1\nmodel \"m\" xyz\n", "expected: model \"PATH\" HASH"},
        {"session 1\ndata a b c\n", "expected: data \"PATH\" [split NAME]"},
        {"session 1\nsamples -1\n", "expected: samples NUMBER"},
        {"session 1\nseed x\n", "expected: seed NUMBER"},
        {"session 1\nmodel \"m\n", "a quote"},
        {"session 1\npreprocess scale\n", "expected: preprocess"},
        {"session 1\npreprocess scale 1 mean 0 std 0 name x\n",
         "expected: preprocess"},
        {"session 1\npreprocess scale 1 mean 0 1 std 1 name x\n",
         "expected: preprocess"},
        {"session 1\npreprocess scale 1 mean 0 0 0 0 0 std 1 name x\n",
         "expected: preprocess"},
        {"session 1\npreprocess scale 0 mean 0 std 1 name x\n",
         "expected: preprocess"},
        {"session 1\npreprocess scale 1 mean 0 std 1 name\n",
         "expected: preprocess"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = write_text(*state, cases[i].text, strlen(cases[i].text));
        struct journal_text read;
        struct error err = {0};
        assert_int_equal(journal_read(&read, path, &err), -1);
        assert_non_null(strstr(err.message, cases[i].message));
        assert_memory_equal(err.message, path, strlen(path));
        free(path);
    }
    static const char zeros[] = "session 1\nmodel \"m\" 1\0f\nundo\n";
    char *path = write_text(*state, zeros, sizeof zeros - 1);
    struct journal_text read;
    struct error err = {0};
    assert_int_equal(journal_read(&read, path, &err), -1);
    assert_int_equal(err.code, ERROR_FORMAT);
    free(path);
    assert_int_equal(journal_read(&read, "build/no-such.session", &err), -1);
    assert_int_equal(err.code, ERROR_IO);
}

static void lines_are_appended_under_a_lock(void **state)
{
    struct journal journal, second;
    struct error err = {0};
    char *folder = path_join(*state, "deep/er");
    assert_int_equal(journal_create(&journal, folder, head_text, &err), 0);
    assert_int_equal(journal_append(&journal, "set fc 5%\n", &err), 0);
    assert_true(journal_is_live(journal.path));
    assert_int_equal(journal_reopen(&second, journal.path, 0, &err), -1);
    assert_int_equal(err.code, ERROR_IO);
    assert_non_null(strstr(err.message, "still running"));
    char *path = strdup(journal.path);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_size, journal.bytes);
    journal_close(&journal);
    assert_false(journal_is_live(path));

    /* A torn line is cut off where the next begins. */
    FILE *file = fopen(path, "a");
    fputs("set fc 9", file);
    fclose(file);
    struct journal_text text;
    assert_int_equal(journal_read(&text, path, NULL), 0);
    assert_int_equal(journal_reopen(&second, path, text.bytes, NULL), 0);
    assert_int_equal(journal_append(&second, "undo\n", NULL), 0);
    journal_close(&second);
    journal_text_release(&text);
    assert_int_equal(journal_read(&text, path, NULL), 0);
    assert_int_equal(text.count, 2);
    assert_string_equal(text.lines[0], "set fc 5%");
    assert_string_equal(text.lines[1], "undo");
    journal_text_release(&text);
    free(path);
    free(folder);
}

static void two_journals_of_one_second_differ(void **state)
{
    struct journal a, b;
    assert_int_equal(journal_create(&a, *state, head_text, NULL), 0);
    assert_int_equal(journal_create(&b, *state, head_text, NULL), 0);
    assert_string_not_equal(a.path, b.path);
    journal_close(&a);
    journal_close(&b);
}

/* In a child: files may not grow, as on a full disk. */
static int full_disk(const char *folder)
{
    struct journal journal;
    struct error err = {0};
    if (journal_create(&journal, folder, head_text, NULL) < 0)
        return 1;
    int64_t before = journal.bytes;
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {(rlim_t)before + 4, RLIM_INFINITY};
    setrlimit(RLIMIT_FSIZE, &limit);
    if (journal_append(&journal, "set fc 5%\n", &err) == 0)
        return 2;
    if (err.code != ERROR_IO || file_size(journal.path) != before)
        return 3;
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_FSIZE, &limit);
    if (journal_append(&journal, "undo\n", NULL) < 0)
        return 4;
    bool good = file_size(journal.path) == before + 5;
    journal_close(&journal);
    return good ? 0 : 5;
}

static void full_disk_leaves_no_half_line(void **state)
{
    pid_t child = fork();
    if (child == 0)
        _exit(full_disk(*state));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void unusable_folders_are_named(void **state)
{
    struct journal journal;
    struct error err = {0};
    char *path = path_join(*state, "file");
    assert_int_equal(file_write(path, "x", 1, NULL), 0);
    assert_int_equal(journal_create(&journal, path, head_text, &err), -1);
    assert_int_equal(err.code, ERROR_IO);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(
        journal_create(&journal, "/proc/espalier", head_text, &err), -1);
    assert_non_null(strstr(err.message, "/proc/espalier"));
    free(path);
}

static void folder_follows_the_environment(void **state)
{
    (void)state;
    struct error err = {0};
    char *home = strdup(getenv("HOME") ? getenv("HOME") : "");
    setenv("HOME", "/h", 1);
    setenv("XDG_STATE_HOME", "/s", 1);
    char *folder = journal_folder(NULL, NULL);
    assert_string_equal(folder, "/s/espalier");
    free(folder);
    setenv("XDG_STATE_HOME", "relative", 1);
    folder = journal_folder(NULL, NULL);
    assert_string_equal(folder, "/h/.local/state/espalier");
    free(folder);
    unsetenv("XDG_STATE_HOME");
    unsetenv("HOME");
    assert_null(journal_folder(NULL, &err));
    assert_int_equal(err.code, ERROR_IO);
    folder = journal_folder("mine", NULL);
    assert_string_equal(folder, "mine");
    free(folder);
    setenv("HOME", home, 1);
    free(home);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    /* Whatever decimal point this machine's language has. */
    setlocale(LC_ALL, "");
    const struct CMUnitTest tests[] = {
        WITH(head_comes_back_as_it_was),
        WITH(short_heads_are_enough),
        WITH(torn_last_lines_are_dropped),
        WITH(bad_heads_are_refused),
        WITH(lines_are_appended_under_a_lock),
        WITH(two_journals_of_one_second_differ),
        WITH(full_disk_leaves_no_half_line),
        WITH(unusable_folders_are_named),
        WITH(folder_follows_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

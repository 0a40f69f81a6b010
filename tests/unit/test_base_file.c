/* Files: reading, atomic writes that fail at any moment, paths. */
#define _GNU_SOURCE
#include "base/file.h"
#include "dataset/npz.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct error err;
static char folder[64];
static char path[200];

static const char *in_folder(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int begin(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/espalier-file-XXXXXX");
    err = (struct error){0};
    return mkdtemp(folder) ? 0 : -1;
}

static int entries(void)
{
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    int count = 0;
    for (const struct dirent *e; (e = readdir(directory));)
        count += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(directory);
    return count;
}

/* A test leaves nothing but "file". */
static int end(void **state)
{
    (void)state;
    unlink(in_folder("file"));
    return rmdir(folder);
}

static void expect_content(const char *name, const char *expected)
{
    char *data;
    size_t bytes;
    assert_int_equal(file_read(&data, &bytes, in_folder(name), &err), 0);
    assert_int_equal(bytes, strlen(expected));
    assert_string_equal(data, expected); /* a NUL stands behind it */
    free(data);
}

static void what_was_written_is_read(void **state)
{
    (void)state;
    struct file_map map;
    assert_int_equal(file_write(in_folder("file"), "abc", 3, &err), 0);
    expect_content("file", "abc");
    assert_int_equal(file_map_open(&map, path, &err), 0);
    assert_int_equal(map.bytes, 3);
    assert_memory_equal(map.data, "abc", 3);
    file_map_close(&map);
    assert_null(map.data);
    assert_int_equal(file_size(path), 3);
    assert_int_equal(file_write(path, "", 0, &err), 0);
    expect_content("file", "");
    assert_int_equal(file_map_open(&map, path, &err), 0);
    assert_null(map.data);
    file_map_close(&map);
    assert_int_equal(entries(), 1);
}

static void missing_and_strange_files_are_errors(void **state)
{
    (void)state;
    struct file_map map;
    char *data;
    size_t bytes;
    assert_int_equal(file_read(&data, &bytes, in_folder("none"), &err), -1);
    assert_int_equal(err.code, ERROR_IO);
    assert_non_null(strstr(err.message, "No such file"));
    assert_int_equal(file_map_open(&map, folder, &err), -1);
    assert_string_equal(err.message, "found a folder, expected a file");
    assert_int_equal(file_map_open(&map, "/dev/null", &err), -1);
    assert_string_equal(err.message, "found a special file, expected a file");
    assert_int_equal(file_size(path), -1);
    assert_false(file_exists(path));
    assert_true(file_exists(folder));
    assert_true(file_is_folder(folder));
    assert_false(file_is_folder("Makefile"));
}

static void the_old_file_stays_until_the_commit(void **state)
{
    (void)state;
    struct file_writer writer;
    assert_int_equal(file_write(in_folder("file"), "old", 3, &err), 0);
    assert_int_equal(file_begin(&writer, path, &err), 0);
    assert_int_equal(file_add(&writer, "new ", 4, &err), 0);
    assert_int_equal(file_add(&writer, "one", 3, &err), 0);
    expect_content("file", "old");
    assert_int_equal(entries(), 2);
    assert_int_equal(file_commit(&writer, &err), 0);
    expect_content("file", "new one");
    assert_int_equal(entries(), 1);
    file_abandon(&writer); /* does nothing behind a commit */
    expect_content("file", "new one");
}

static void an_abandoned_write_leaves_no_trace(void **state)
{
    (void)state;
    struct file_writer writer;
    assert_int_equal(file_write(in_folder("file"), "old", 3, &err), 0);
    assert_int_equal(file_begin(&writer, path, &err), 0);
    assert_int_equal(file_add(&writer, "new", 3, &err), 0);
    file_abandon(&writer);
    file_abandon(&writer);
    expect_content("file", "old");
    assert_int_equal(entries(), 1);
}

static void permissions_of_a_replaced_file_stay(void **state)
{
    (void)state;
    struct stat st;
    mode_t mask = umask(027);
    assert_int_equal(file_write(in_folder("file"), "a", 1, &err), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640); /* as any new file */
    assert_int_equal(chmod(path, 0604), 0);
    assert_int_equal(file_write(path, "b", 1, &err), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0604);
    umask(mask);
}

/* As on a full disk: the system takes 4,096 bytes and no more. */
static struct rlimit limit_files(rlim_t bytes)
{
    struct rlimit old, small;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    return old;
}

static void a_full_disk_keeps_the_old_file(void **state)
{
    (void)state;
    enum { BYTES = 100000 };
    char *data = calloc(1, BYTES);
    assert_non_null(data);
    assert_int_equal(file_write(in_folder("file"), "old", 3, &err), 0);
    struct rlimit old = limit_files(4096);
    int code = file_write(path, data, BYTES, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(code, -1);
    assert_int_equal(err.code, ERROR_IO);
    assert_int_equal(strncmp(err.message, path, strlen(path)), 0);
    assert_non_null(strstr(err.message, "cannot write: File too large"));
    expect_content("file", "old");
    assert_int_equal(entries(), 1);
    free(data);
}

/* A writer that ignored a failed add must not commit half a file. */
static void a_failed_add_forbids_the_commit(void **state)
{
    (void)state;
    enum { BYTES = 10000 };
    char data[BYTES] = {0};
    struct file_writer writer;
    assert_int_equal(file_write(in_folder("file"), "old", 3, &err), 0);
    assert_int_equal(file_begin(&writer, path, &err), 0);
    struct rlimit old = limit_files(4096);
    int code = file_add(&writer, data, BYTES, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(code, -1);
    assert_int_equal(file_commit(&writer, &err), -1);
    expect_content("file", "old");
    assert_int_equal(entries(), 1);
}

static void a_full_disk_keeps_the_old_npz(void **state)
{
    (void)state;
    char name[] = "noise";
    struct npz_array array = {.name = name};
    struct shape shape = {1, {50000}};
    assert_int_equal(tensor_init(&array.tensor, DTYPE_UINT32, &shape, &err), 0);
    uint32_t x = 1;
    for (int i = 0; i < 50000; i++) /* does not compress */
        ((uint32_t *)array.tensor.data)[i] = x = x * 1664525u + 1013904223u;
    assert_int_equal(file_write(in_folder("file"), "old", 3, &err), 0);
    struct rlimit old = limit_files(4096);
    int code = npz_write(path, &array, 1, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(code, -1);
    assert_int_equal(err.code, ERROR_IO);
    expect_content("file", "old");
    assert_int_equal(entries(), 1);
    tensor_release(&array.tensor);
}

/* In a child that is nobody, since permissions do not stop root. */
static void an_unwritable_folder_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(file_write(in_folder("file"), "old", 3, &err), 0);
    assert_int_equal(chmod(folder, 0555), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (geteuid() == 0 && setuid(65534) != 0)
            _exit(9);
        if (file_write(in_folder("file"), "new", 3, &err) != -1)
            _exit(1);
        _exit(err.code == ERROR_IO &&
                      strstr(err.message, "file: cannot write: Permission")
                  ? 0
                  : 2);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    expect_content("file", "old");
    assert_int_equal(entries(), 1);
}

static void a_folder_that_is_a_file_is_an_error(void **state)
{
    (void)state;
    char inside[220];
    assert_int_equal(file_write(in_folder("file"), "old", 3, &err), 0);
    snprintf(inside, sizeof inside, "%s/x", path);
    assert_int_equal(file_write(inside, "new", 3, &err), -1);
    assert_non_null(strstr(err.message, "Not a directory"));
    assert_int_equal(file_make_folders(inside, &err), -1);
    /* A folder in the way of a file. */
    assert_int_equal(file_write(folder, "new", 3, &err), -1);
    assert_int_equal(err.code, ERROR_IO);
    assert_int_equal(entries(), 1);
}

static void devices_and_folders_are_never_replaced(void **state)
{
    (void)state;
    struct stat st;
    assert_int_equal(file_write("/dev/null", "new", 3, &err), -1);
    assert_non_null(strstr(err.message, "/dev/null: found a special file"));
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
    assert_int_equal(file_check_target(folder, &err), -1);
    assert_non_null(strstr(err.message, "found a folder, expected a file"));
}

static void a_target_is_tried_without_a_trace(void **state)
{
    (void)state;
    char lost[220];
    assert_int_equal(file_check_target(in_folder("file"), &err), 0);
    assert_int_equal(entries(), 0);
    assert_int_equal(file_write(path, "old", 3, &err), 0);
    assert_int_equal(file_check_target(path, &err), 0);
    expect_content("file", "old");
    assert_int_equal(entries(), 1);
    snprintf(lost, sizeof lost, "%s/none/file", folder);
    assert_int_equal(file_check_target(lost, &err), -1);
    assert_non_null(strstr(err.message, "none/file: cannot write: No such"));
}

static void links_lead_to_the_same_file(void **state)
{
    (void)state;
    char link[220];
    assert_int_equal(file_write(in_folder("file"), "old", 3, &err), 0);
    snprintf(link, sizeof link, "%s/link", folder);
    assert_int_equal(symlink("file", link), 0);
    assert_true(file_is_same(path, link));
    assert_false(file_is_same(path, folder));
    assert_int_equal(unlink(link), 0);
    assert_false(file_is_same(path, link));
    assert_false(file_is_same(link, link));
}

static void folders_are_made_with_their_parents(void **state)
{
    (void)state;
    struct stat st;
    mode_t mask = umask(0);
    assert_int_equal(file_make_folders(in_folder("a/b/c"), &err), 0);
    assert_true(file_is_folder(path));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(file_make_folders(path, &err), 0); /* again is fine */
    umask(mask);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(in_folder("a/b")), 0);
    assert_int_equal(rmdir(in_folder("a")), 0);
    assert_int_equal(file_make_folders("/proc/none/x", &err), -1);
    assert_non_null(strstr(err.message, "/proc/none: cannot create folder"));
}

static void expect_text(char *owned, const char *expected)
{
    assert_non_null(owned);
    assert_string_equal(owned, expected);
    free(owned);
}

static void paths_are_joined_and_split(void **state)
{
    (void)state;
    expect_text(path_join("a", "b"), "a/b");
    expect_text(path_join("a/", "b"), "a/b");
    expect_text(path_join("/", "b"), "/b");
    expect_text(path_folder("a/b/c"), "a/b");
    expect_text(path_folder("c"), ".");
    expect_text(path_folder("/c"), "/");
    assert_string_equal(path_name("a/b/c"), "c");
    assert_string_equal(path_name("c"), "c");
    assert_string_equal(path_name("a/"), "");
}

static void only_paths_below_a_folder_are_inside(void **state)
{
    (void)state;
    static const char *const in[] = {"a",    "a/b",   "..a/b", "a../b",
                                     "a/.b", "a/...", "./a"};
    static const char *const out[] = {"",     "/",         "/a",   "..",
                                      "../a", "a/../../b", "a/..", "a/../b"};
    for (size_t i = 0; i < sizeof in / sizeof *in; i++)
        if (!path_is_inside(in[i]))
            fail_msg("'%s' is inside", in[i]);
    for (size_t i = 0; i < sizeof out / sizeof *out; i++)
        if (path_is_inside(out[i]))
            fail_msg("'%s' is not inside", out[i]);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(what_was_written_is_read),
        IN_FOLDER(missing_and_strange_files_are_errors),
        IN_FOLDER(the_old_file_stays_until_the_commit),
        IN_FOLDER(an_abandoned_write_leaves_no_trace),
        IN_FOLDER(permissions_of_a_replaced_file_stay),
        IN_FOLDER(a_full_disk_keeps_the_old_file),
        IN_FOLDER(a_failed_add_forbids_the_commit),
        IN_FOLDER(a_full_disk_keeps_the_old_npz),
        IN_FOLDER(an_unwritable_folder_is_an_error),
        IN_FOLDER(a_folder_that_is_a_file_is_an_error),
        IN_FOLDER(devices_and_folders_are_never_replaced),
        IN_FOLDER(a_target_is_tried_without_a_trace),
        IN_FOLDER(links_lead_to_the_same_file),
        IN_FOLDER(folders_are_made_with_their_parents),
        cmocka_unit_test(paths_are_joined_and_split),
        cmocka_unit_test(only_paths_below_a_folder_are_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

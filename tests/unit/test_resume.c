#include "base/array.h"
#include "base/file.h"
#include "session/parts.h"
#include "session_fixture.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static const char *const story[] = {
    "set @1 50% ; set @2 60%",
    "set * +1%",
    "snapshot A",
    "undo",
    "criterion random",
    "set @3 85.5% # a branch",
    "global 70% magnitude",
    "older 3",
    "redo",
    "goto A",
    "reset @1",
    "undo 2",
};

/* The same session, told without a journal. */
static struct session *tell(size_t lines)
{
    struct session *session = session_fixture_open(NULL);
    for (size_t i = 0; i < lines; i++)
        session_fixture_run(session, story[i]);
    return session;
}

static void killed_sessions_lose_nothing(void **state)
{
    for (size_t lines = 1; lines <= ARRAY_LENGTH(story); lines += 3) {
        pid_t child = fork();
        if (child == 0) {
            struct session *session = session_fixture_open(*state);
            for (size_t i = 0; i < lines; i++)
                session_fixture_run(session, story[i]);
            kill(getpid(), SIGKILL);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

        struct session_leftover left;
        assert_true(session_find_leftover(*state, fixture_model, &left));
        assert_int_equal(left.commands, lines);
        assert_non_null(strstr(left.model_path, fixture_model));
        assert_non_null(strstr(left.data_path, fixture_data));
        assert_true(left.modified > 0);
        struct session *resumed, *told = tell(lines);
        struct error err = {0};
        if (session_resume(&resumed, left.path, true, NULL, &err) < 0)
            fail_msg("%s", err.message);
        assert_same_variants(told, resumed);
        assert_int_equal(dataset_count(session_dataset(resumed)), 100);
        assert_string_equal(session_path(resumed), left.path);

        /* It is alive again, goes on in its file, and ends. */
        struct session_leftover none;
        assert_false(session_find_leftover(*state, NULL, &none));
        session_fixture_run(resumed, "set @1 3");
        session_fixture_run(told, "set @1 3");
        session_close(resumed);
        assert_false(session_find_leftover(*state, NULL, &none));
        assert_int_equal(session_resume(&resumed, left.path, false, NULL, NULL),
                         0);
        assert_same_variants(told, resumed);
        session_close(resumed);
        session_close(told);
        session_leftover_release(&left);
    }
}

static void journals_cut_anywhere_give_their_whole_lines(void **state)
{
    struct session *session = session_fixture_open(*state);
    size_t bytes, head = (size_t)session->journal.bytes;
    char *text, *path = strdup(session_path(session));
    for (size_t i = 0; i < 6; i++)
        session_fixture_run(session, story[i]);
    session_leave(session);
    assert_int_equal(file_read(&text, &bytes, path, NULL), 0);
    for (size_t cut = head; cut <= bytes; cut += 5) {
        size_t lines = 0;
        for (size_t i = head; i < cut; i++)
            lines += text[i] == '\n';
        char *torn = path_join(*state, "torn.session");
        assert_int_equal(file_write(torn, text, cut, NULL), 0);
        struct session *resumed, *told = tell(lines);
        assert_int_equal(session_resume(&resumed, torn, true, NULL, NULL), 0);
        assert_same_variants(told, resumed);
        session_fixture_run(
            resumed, "set @2 7"); /* behind the cut, on a line of its own */
        session_fixture_run(told, "set @2 7");
        session_leave(resumed);
        assert_int_equal(session_resume(&resumed, torn, false, NULL, NULL), 0);
        assert_same_variants(told, resumed);
        session_close(resumed);
        session_close(told);
        free(torn);
    }
    free(text);
    free(path);
}

static void changed_models_are_refused(void **state)
{
    size_t bytes;
    char *content, *copy = path_join(*state, "copy.onnx");
    assert_int_equal(file_read(&content, &bytes, fixture_model, NULL), 0);
    assert_int_equal(file_write(copy, content, bytes, NULL), 0);
    struct session_options options = session_fixture_options(*state);
    options.model_path = copy;
    struct session *session;
    struct error err = {0};
    assert_int_equal(session_open(&session, &options, NULL), 0);
    session_fixture_run(session, "set * 50%");
    char *path = strdup(session_path(session));
    session_leave(session);
    content[bytes - 40] ^= 1;
    assert_int_equal(file_write(copy, content, bytes, NULL), 0);
    assert_int_equal(session_resume(&session, path, true, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_MISMATCH);
    assert_non_null(strstr(err.message, "copy.onnx' has changed"));
    unlink(copy);
    assert_int_equal(session_resume(&session, path, true, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_IO);
    /* Neither attempt harmed the journal. */
    content[bytes - 40] ^= 1;
    assert_int_equal(file_write(copy, content, bytes, NULL), 0);
    assert_int_equal(session_resume(&session, path, true, NULL, NULL), 0);
    session_close(session);
    free(content);
    free(copy);
    free(path);
}

static void bad_journal_lines_are_named(void **state)
{
    struct session *session = session_fixture_open(*state);
    char *path = strdup(session_path(session));
    session_fixture_run(session, "set * 50%");
    session_leave(session);
    FILE *file = fopen(path, "a");
    fputs("set * 500%\nundo\n", file);
    fclose(file);
    struct error err = {0};
    assert_int_equal(session_resume(&session, path, false, NULL, &err), -1);
    assert_non_null(strstr(err.message, ".session:8: set: found 500%"));
    assert_int_equal(file_write(path, "x", 1, NULL), 0);
    assert_int_equal(session_resume(&session, path, false, NULL, &err), -1);
    assert_int_equal(err.code, ERROR_FORMAT);
    assert_int_equal(session_resume(&session, "build/none", true, NULL, &err),
                     -1);
    assert_int_equal(err.code, ERROR_IO);
    free(path);
}

static void the_exam_survives_a_resume(void **state)
{
    struct session_options options = session_fixture_options(*state);
    struct session *session, *again;
    struct error err = {0};
    options.holdout = "20%";
    if (session_open(&session, &options, &err) < 0)
        fail_msg("%s", err.message);
    session_fixture_run(session, "set * 50%");
    char *path = strdup(session_path(session));
    session_leave(session);
    if (session_resume(&again, path, false, NULL, &err) < 0)
        fail_msg("%s", err.message);
    assert_string_equal(session_options(again)->holdout, "20%");
    assert_int_equal(dataset_count(session_holdout(again)), 20);
    assert_int_equal(dataset_count(session_dataset(again)), 80);
    session_close(again);
    free(path);
}

static void a_share_set_aside_is_never_tested_on(void **state)
{
    struct session_options options = session_fixture_options(*state);
    struct session *session, *again;
    struct error err = {0};
    options.train_path = "25%";
    if (session_open(&session, &options, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(dataset_count(session_training(session)), 25);
    assert_int_equal(dataset_count(session_dataset(session)), 75);
    session_fixture_run(session, "set * 50%");
    char *path = strdup(session_path(session));
    session_leave(session);
    if (session_resume(&again, path, false, NULL, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(dataset_count(session_dataset(again)), 75);
    /* Both parts together are the whole, label by label. */
    struct dataset_options limit = {.limit = 100};
    struct dataset *whole;
    assert_int_equal(dataset_open(&whole, fixture_data, &limit, NULL), 0);
    int counts[10] = {0};
    for (int i = 0; i < 100; i++)
        counts[dataset_label(whole, i)]++;
    for (int i = 0; i < 75; i++)
        counts[dataset_label(session_dataset(again), i)]--;
    for (int i = 0; i < 25; i++)
        counts[dataset_label(session_training(again), i)]--;
    for (int i = 0; i < 10; i++)
        assert_int_equal(counts[i], 0);
    dataset_close(whole);
    session_close(again);
    free(path);
    options.train_path = "100%";
    assert_int_equal(session_open(&session, &options, &err), -1);
    assert_int_equal(err.code, ERROR_USAGE);
    assert_non_null(strstr(err.message, "'100%'"));
}

static void live_empty_closed_and_discarded_are_not_offered(void **state)
{
    struct session_leftover left;
    struct session *session = session_fixture_open(*state);
    session_fixture_run(session, "set * 50%");
    assert_false(session_find_leftover(*state, NULL, &left)); /* alive */
    struct session *second;
    struct error err = {0};
    assert_int_equal(
        session_resume(&second, session_path(session), true, NULL, &err), -1);
    assert_non_null(strstr(err.message, "still running"));
    session_leave(session);
    assert_true(session_find_leftover(*state, NULL, &left));
    struct session_leftover other;
    assert_false(session_find_leftover(*state, "data/lenet5.onnx", &other));
    char beside[3][300];
    static const char *const suffixes[] = {"-tune.npz", "-1.npz.a0Zx9q",
                                           "-1.npz"};
    for (int i = 0; i < 3; i++) {
        snprintf(beside[i], sizeof beside[i], "%.*s%s",
                 (int)(strlen(left.path) - strlen(".session")), left.path,
                 suffixes[i]);
        assert_int_equal(file_write(beside[i], "x", 1, NULL), 0);
    }
    assert_int_equal(session_discard(left.path, NULL), 0);
    assert_int_equal(session_discard(left.path, NULL), 0);
    assert_true(file_exists(beside[0]));  /* of a tune that can go on */
    assert_false(file_exists(beside[1])); /* of a write under way */
    assert_true(file_exists(beside[2]));  /* of a variant in the journal */
    unlink(beside[0]);
    unlink(beside[2]);
    assert_false(session_find_leftover(*state, NULL, &other));
    session_leftover_release(&left);

    session = session_fixture_open(*state);
    char *path = strdup(session_path(session));
    struct command_result result;
    assert_int_equal(session_execute(session, "set x 5%", &result, NULL), -1);
    session_close(session); /* nothing was decided: nothing stays */
    assert_false(file_exists(path));
    free(path);
    session = session_fixture_open(*state);
    path = strdup(session_path(session));
    session_leave(session); /* the same when its terminal is lost */
    assert_false(file_exists(path));
    free(path);
    assert_false(session_find_leftover("build/no-folder", NULL, &left));
}

static void lines_are_on_disk_before_they_count(void **state)
{
    struct session *session = session_fixture_open(*state);
    struct command_result result;
    struct error err = {0};
    session_fixture_run(session, "set @1 50%");
    /* The journal breaks: a descriptor that cannot be written. */
    int descriptor = session->journal.descriptor;
    session->journal.descriptor = dup(STDIN_FILENO);
    close(session->journal.descriptor); /* certainly not open */
    assert_int_equal(
        session_execute(session, "set @1 60%; snapshot A", &result, &err), -1);
    assert_int_equal(err.code, ERROR_IO);
    assert_int_equal(session_current(session)->id, 1);
    assert_int_equal(session_variant_count(session), 2);
    assert_int_equal(session_snapshot(session, "A"), -1);
    session->journal.descriptor = descriptor;
    session_close(session);
}

int main(void)
{
#define WITH(test)                                                             \
    cmocka_unit_test_setup_teardown(test, session_setup, session_teardown)
    const struct CMUnitTest tests[] = {
        WITH(killed_sessions_lose_nothing),
        WITH(journals_cut_anywhere_give_their_whole_lines),
        WITH(changed_models_are_refused),
        WITH(bad_journal_lines_are_named),
        WITH(a_share_set_aside_is_never_tested_on),
        WITH(the_exam_survives_a_resume),
        WITH(live_empty_closed_and_discarded_are_not_offered),
        WITH(lines_are_on_disk_before_they_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

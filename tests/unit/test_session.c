#include "base/array.h"
#include "base/file.h"
#include "prune/criteria.h"
#include "session/parts.h"
#include "session/result.h"
#include "session/words.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static const char model[] = "data/mlp.onnx";
static const char data[] = "data/fashion-mnist-sample";

/* A state folder of its own for each test. */
static int setup(void **state)
{
    char *folder = strdup("build/session.XXXXXX");
    assert_non_null(mkdtemp(folder));
    *state = folder;
    return 0;
}

static int teardown(void **state)
{
    char command[200];
    snprintf(command, sizeof command, "rm -rf %s", (char *)*state);
    assert_int_equal(system(command), 0);
    free(*state);
    return 0;
}

static struct session_options options_for(const char *folder)
{
    return (struct session_options){
        .model_path = model,
        .data_path = data,
        .samples = 100,
        .seed = 1,
        .transform = {.scale = 255,
                      .channels = 1,
                      .mean = {0.286},
                      .std = {0.353},
                      .name = "user"},
        .state_folder = folder,
        .journal = folder != NULL,
    };
}

static struct session *open_session(const char *folder)
{
    struct session_options options = options_for(folder);
    struct session *session = NULL;
    struct error err = {0};
    if (session_open(&session, &options, &err) < 0)
        fail_msg("%s", err.message);
    return session;
}

static void run(struct session *session, const char *line)
{
    struct command_result result;
    struct error err = {0};
    if (session_execute(session, line, &result, &err) < 0)
        fail_msg("'%s': %s", line, err.message);
    command_result_release(&result);
}

static void assert_same_variants(const struct session *a,
                                 const struct session *b)
{
    assert_int_equal(session_variant_count(a), session_variant_count(b));
    assert_int_equal(session_current(a)->id, session_current(b)->id);
    assert_int_equal(session_can_redo(a), session_can_redo(b));
    assert_int_equal(session_unsaved(a), session_unsaved(b));
    assert_int_equal(session_snapshot(a, "A"), session_snapshot(b, "A"));
    assert_ptr_equal(session_criterion(a), session_criterion(b));
    for (int i = 0; i < session_variant_count(a); i++) {
        const struct variant *x = session_variant(a, i);
        const struct variant *y = session_variant(b, i);
        assert_true(x->hash == y->hash);
        assert_int_equal(x->parent, y->parent);
        assert_string_equal(x->command, y->command);
        assert_string_equal(x->summary, y->summary);
        for (size_t j = 0; j < x->layer_count; j++)
            assert_true(decision_equal(&x->decisions[j], &y->decisions[j]));
    }
}

static void session_holds_what_it_opened(void **state)
{
    struct session *session = open_session(*state);
    assert_int_equal(session_graph(session)->batch, 1);
    assert_int_equal(session_layers(session)->count, 3);
    assert_int_equal(dataset_count(session_dataset(session)), 100);
    assert_true(session_transform(session)->scale == 255);
    assert_int_equal(session_preprocess(session)->count, 1);
    assert_true(isnan(session_preprocess(session)->trials[0].accuracy));
    assert_string_equal(session_options(session)->model_path, model);
    assert_string_equal(onnx_path(session_model(session)), model);
    assert_true(file_exists(session_path(session)));
    assert_int_equal(session_current(session)->id, 0);
    assert_false(session_can_undo(session) || session_can_redo(session));
    assert_int_equal(session_variant_count(session), 1);
    assert_null(session_variant(session, 1));
    assert_null(session_variant(session, -1));
    assert_string_equal(session_criterion(session)->name, "magnitude");
    assert_string_equal(session_structure(session)->name, "weight");
    session_close(session);
}

static void preprocessing_is_found_and_kept(void **state)
{
    struct session_options options = options_for(*state);
    options.samples = 0;
    options.preprocess_auto = true;
    struct session *session, *again;
    struct error err = {0};
    if (session_open(&session, &options, &err) < 0)
        fail_msg("%s", err.message);
    const struct preprocess_result *found = session_preprocess(session);
    assert_true(found->count > 1);
    assert_true(found->trials[found->chosen].accuracy > 0.8);
    run(session, "set * 50%");
    char *path = strdup(session_path(session));
    struct transform transform = *session_transform(session);
    double accuracy = found->trials[found->chosen].accuracy;
    session_leave(session);
    assert_int_equal(session_resume(&again, path, false, NULL), 0);
    const struct transform *kept = session_transform(again);
    assert_true(kept->scale == transform.scale);
    assert_int_equal(kept->channels, transform.channels);
    assert_true(kept->mean[0] == transform.mean[0]);
    assert_true(kept->std[0] == transform.std[0]);
    assert_string_equal(kept->name, transform.name);
    assert_true(session_preprocess(again)->trials[0].accuracy == accuracy);
    session_close(again);
    free(path);
}

static void open_fails(const struct session_options *options,
                       enum error_code code, const char *message)
{
    struct session *session;
    struct error err = {0};
    assert_int_equal(session_open(&session, options, &err), -1);
    if (!strstr(err.message, message) || err.code != code)
        fail_msg("found %d '%s', expected %d '%s'", err.code, err.message, code,
                 message);
}

/* An IDX pair of four 28x28 images with one label of `label`. */
static char *write_idx(const char *folder, const char *name, int width,
                       unsigned char label)
{
    char path[300];
    char *data_folder = path_join(folder, name);
    unsigned char head[16] = {0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 28, 0, 0, 0};
    unsigned char images[16 + 4 * 28 * 28] = {0};
    const unsigned char labels[12] = {0, 0, 8, 1, 0, 0, 0, 4, 0, 1, label, 3};
    head[15] = (unsigned char)width;
    memcpy(images, head, sizeof head);
    assert_int_equal(file_make_folders(data_folder, NULL), 0);
    snprintf(path, sizeof path, "%s/t10k-images-idx3-ubyte", data_folder);
    assert_int_equal(
        file_write(path, images, 16 + 4 * 28 * (size_t)width, NULL), 0);
    snprintf(path, sizeof path, "%s/t10k-labels-idx1-ubyte", data_folder);
    assert_int_equal(file_write(path, labels, sizeof labels, NULL), 0);
    return data_folder;
}

static void bad_input_is_named_once(void **state)
{
    struct session_options options = options_for(*state);
    options.model_path = "build/no-such.onnx";
    open_fails(&options, ERROR_IO, "build/no-such.onnx: cannot open");
    options.model_path = "data/make_models.py";
    open_fails(&options, ERROR_FORMAT, "data/make_models.py: ");
    options.model_path = model;
    options.data_path = "build/no-such-data";
    open_fails(&options, ERROR_IO, "build/no-such-data: ");
    char *narrow = write_idx(*state, "narrow", 27, 2);
    options.data_path = narrow;
    open_fails(&options, ERROR_SHAPE, narrow);
    char *labels = write_idx(*state, "labels", 28, 12);
    options.data_path = labels;
    open_fails(&options, ERROR_SHAPE, "found label 12, but the model's output");
    char *good = write_idx(*state, "good", 28, 9);
    options.data_path = good;
    struct session *session;
    struct error err = {0};
    if (session_open(&session, &options, &err) < 0)
        fail_msg("%s", err.message);
    session_close(session);
    free(narrow);
    free(labels);
    free(good);
}

static void journal_needs_a_folder_only_when_wanted(void **state)
{
    (void)state;
    struct session_options options = options_for("/proc/espalier");
    open_fails(&options, ERROR_IO, "/proc/espalier");
    options.journal = false;
    struct session *session;
    assert_int_equal(session_open(&session, &options, NULL), 0);
    assert_string_equal(session_path(session), "");
    run(session, "set * 50%");
    session_mark_saved(session);
    assert_false(session_unsaved(session));
    session_close(session);
}

static void models_open_without_data(void **state)
{
    struct session_options options = options_for(*state);
    options.data_path = NULL;
    options.preprocess_auto = true;
    struct session *session, *again;
    assert_int_equal(session_open(&session, &options, NULL), 0);
    assert_null(session_dataset(session));
    assert_string_equal(session_transform(session)->name, "none");
    run(session, "set * 50%");
    char *path = strdup(session_path(session));
    session_close(session);
    assert_int_equal(session_resume(&again, path, false, NULL), 0);
    assert_null(session_dataset(again));
    assert_int_equal(session_current(again)->id, 1);
    session_close(again);
    free(path);
}

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
    struct session *session = open_session(NULL);
    for (size_t i = 0; i < lines; i++)
        run(session, story[i]);
    return session;
}

static void killed_sessions_lose_nothing(void **state)
{
    for (size_t lines = 1; lines <= ARRAY_LENGTH(story); lines += 3) {
        pid_t child = fork();
        if (child == 0) {
            struct session *session = open_session(*state);
            for (size_t i = 0; i < lines; i++)
                run(session, story[i]);
            kill(getpid(), SIGKILL);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

        struct session_leftover left;
        assert_true(session_find_leftover(*state, model, &left));
        assert_int_equal(left.commands, lines);
        assert_non_null(strstr(left.model_path, model));
        assert_non_null(strstr(left.data_path, data));
        assert_true(left.modified > 0);
        struct session *resumed, *told = tell(lines);
        struct error err = {0};
        if (session_resume(&resumed, left.path, true, &err) < 0)
            fail_msg("%s", err.message);
        assert_same_variants(told, resumed);
        assert_int_equal(dataset_count(session_dataset(resumed)), 100);
        assert_string_equal(session_path(resumed), left.path);

        /* It is alive again, goes on in its file, and ends. */
        struct session_leftover none;
        assert_false(session_find_leftover(*state, NULL, &none));
        run(resumed, "set @1 3");
        run(told, "set @1 3");
        session_close(resumed);
        assert_false(session_find_leftover(*state, NULL, &none));
        assert_int_equal(session_resume(&resumed, left.path, false, NULL), 0);
        assert_same_variants(told, resumed);
        session_close(resumed);
        session_close(told);
        session_leftover_release(&left);
    }
}

static void journals_cut_anywhere_give_their_whole_lines(void **state)
{
    struct session *session = open_session(*state);
    size_t bytes, head = (size_t)session->journal.bytes;
    char *text, *path = strdup(session_path(session));
    for (size_t i = 0; i < 6; i++)
        run(session, story[i]);
    session_leave(session);
    assert_int_equal(file_read(&text, &bytes, path, NULL), 0);
    for (size_t cut = head; cut <= bytes; cut += 5) {
        size_t lines = 0;
        for (size_t i = head; i < cut; i++)
            lines += text[i] == '\n';
        char *torn = path_join(*state, "torn.session");
        assert_int_equal(file_write(torn, text, cut, NULL), 0);
        struct session *resumed, *told = tell(lines);
        assert_int_equal(session_resume(&resumed, torn, true, NULL), 0);
        assert_same_variants(told, resumed);
        run(resumed, "set @2 7"); /* behind the cut, on a line of its own */
        run(told, "set @2 7");
        session_leave(resumed);
        assert_int_equal(session_resume(&resumed, torn, false, NULL), 0);
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
    assert_int_equal(file_read(&content, &bytes, model, NULL), 0);
    assert_int_equal(file_write(copy, content, bytes, NULL), 0);
    struct session_options options = options_for(*state);
    options.model_path = copy;
    struct session *session;
    struct error err = {0};
    assert_int_equal(session_open(&session, &options, NULL), 0);
    run(session, "set * 50%");
    char *path = strdup(session_path(session));
    session_leave(session);
    content[bytes - 40] ^= 1;
    assert_int_equal(file_write(copy, content, bytes, NULL), 0);
    assert_int_equal(session_resume(&session, path, true, &err), -1);
    assert_int_equal(err.code, ERROR_MISMATCH);
    assert_non_null(strstr(err.message, "copy.onnx' has changed"));
    unlink(copy);
    assert_int_equal(session_resume(&session, path, true, &err), -1);
    assert_int_equal(err.code, ERROR_IO);
    /* Neither attempt harmed the journal. */
    content[bytes - 40] ^= 1;
    assert_int_equal(file_write(copy, content, bytes, NULL), 0);
    assert_int_equal(session_resume(&session, path, true, NULL), 0);
    session_close(session);
    free(content);
    free(copy);
    free(path);
}

static void bad_journal_lines_are_named(void **state)
{
    struct session *session = open_session(*state);
    char *path = strdup(session_path(session));
    run(session, "set * 50%");
    session_leave(session);
    FILE *file = fopen(path, "a");
    fputs("set * 500%\nundo\n", file);
    fclose(file);
    struct error err = {0};
    assert_int_equal(session_resume(&session, path, false, &err), -1);
    assert_non_null(strstr(err.message, ".session:8: set: found 500%"));
    assert_int_equal(file_write(path, "x", 1, NULL), 0);
    assert_int_equal(session_resume(&session, path, false, &err), -1);
    assert_int_equal(err.code, ERROR_FORMAT);
    assert_int_equal(session_resume(&session, "build/none", true, &err), -1);
    assert_int_equal(err.code, ERROR_IO);
    free(path);
}

static void live_empty_closed_and_discarded_are_not_offered(void **state)
{
    struct session_leftover left;
    struct session *session = open_session(*state);
    run(session, "set * 50%");
    assert_false(session_find_leftover(*state, NULL, &left)); /* alive */
    struct session *second;
    struct error err = {0};
    assert_int_equal(session_resume(&second, session_path(session), true, &err),
                     -1);
    assert_non_null(strstr(err.message, "still running"));
    session_leave(session);
    assert_true(session_find_leftover(*state, NULL, &left));
    struct session_leftover other;
    assert_false(session_find_leftover(*state, "data/lenet5.onnx", &other));
    assert_int_equal(session_discard(left.path, NULL), 0);
    assert_int_equal(session_discard(left.path, NULL), 0);
    assert_false(session_find_leftover(*state, NULL, &other));
    session_leftover_release(&left);

    session = open_session(*state);
    char *path = strdup(session_path(session));
    struct command_result result;
    assert_int_equal(session_execute(session, "set x 5%", &result, NULL), -1);
    session_close(session); /* nothing was decided: nothing stays */
    assert_false(file_exists(path));
    free(path);
    assert_false(session_find_leftover("build/no-folder", NULL, &left));
}

static void lines_are_on_disk_before_they_count(void **state)
{
    struct session *session = open_session(*state);
    struct command_result result;
    struct error err = {0};
    run(session, "set @1 50%");
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

static void unsaved_follows_the_exported_variant(void **state)
{
    struct session *session = open_session(*state), *resumed;
    assert_false(session_unsaved(session));
    run(session, "set @1 50%");
    assert_true(session_unsaved(session));
    run(session, "undo");
    assert_false(session_unsaved(session)); /* dense: nothing to lose */
    run(session, "redo; export x.onnx");
    run(session, "set @1 60%");
    session_mark_saved(session); /* of the variant that was exported */
    assert_true(session_unsaved(session));
    run(session, "undo");
    assert_false(session_unsaved(session));
    run(session, "goto 0");
    assert_true(session_unsaved(session));
    char *path = strdup(session_path(session));
    session_leave(session);
    assert_int_equal(session_resume(&resumed, path, true, NULL), 0);
    assert_true(session_unsaved(resumed));
    run(resumed, "goto 1");
    assert_false(session_unsaved(resumed));
    session_close(resumed);
    free(path);
}

static char *write_recipe(const char *folder, const char *text)
{
    char *path = path_join(folder, "r.recipe");
    assert_int_equal(file_write(path, text, strlen(text), NULL), 0);
    return path;
}

static void recipes_run_whole_or_not_at_all(void **state)
{
    struct session *session = open_session(*state), *resumed;
    struct error err = {0};
    run(session, "set @1 10%; criterion random");
    char *path = write_recipe(*state, "# head\r\n\nset * 50%\r\n"
                                      "criterion random\nset @2 60%\nundo");
    assert_int_equal(session_execute_file(session, path, &err), 0);
    assert_int_equal(session_variant_count(session), 4);
    assert_int_equal(session_current(session)->id, 2);
    /* It began with the default criterion and left the user's. */
    assert_ptr_equal(session_current(session)->decisions[2].criterion,
                     &criterion_magnitude);
    assert_string_equal(session_criterion(session)->name, "random");
    free(path);
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"set * 5%\nset none 5%\n", "r.recipe:2: set: no layer 'none'"},
        {"set * 5%\n\nexport x.onnx\n", "r.recipe:3: a recipe cannot export"},
        {"session 1\n", "r.recipe:1: unknown command 'session'"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        path = write_recipe(*state, cases[i].text);
        assert_int_equal(session_execute_file(session, path, &err), -1);
        assert_non_null(strstr(err.message, cases[i].message));
        assert_int_equal(session_variant_count(session), 4);
        assert_string_equal(session_criterion(session)->name, "random");
        free(path);
    }
    path = path_join(*state, "r.recipe");
    assert_int_equal(file_write(path, "set\0", 4, NULL), 0);
    assert_int_equal(session_execute_file(session, path, &err), -1);
    assert_int_equal(err.code, ERROR_FORMAT);
    unlink(path);
    assert_int_equal(session_execute_file(session, path, &err), -1);
    assert_int_equal(err.code, ERROR_IO);
    free(path);

    path = strdup(session_path(session));
    session_leave(session);
    session = open_session(NULL);
    assert_int_equal(session_resume(&resumed, path, false, NULL), 0);
    assert_int_equal(session_variant_count(resumed), 4);
    assert_string_equal(session_criterion(resumed)->name, "random");
    assert_ptr_equal(session_current(resumed)->decisions[2].criterion,
                     &criterion_magnitude);
    session_close(resumed);
    session_close(session);
    free(path);
}

static void recipes_name_model_and_share(void **state)
{
    (void)state;
    struct session *session = open_session(NULL);
    run(session, "set * 85%");
    char *recipe = session_recipe(session, session_current(session), NULL);
    assert_string_equal(recipe, "# espalier recipe\n"
                                "# model mlp.onnx\n"
                                "# data  fashion-mnist-sample\n"
                                "# removes 85.00 % of the prunable weights\n"
                                "set * 85%\n");
    free(recipe);
    session_close(session);
}

/* Completions, joined. */
static void join(void *context, const char *word)
{
    words_add(context, word);
}

static void completes(const struct session *session, const char *line,
                      const char *expected)
{
    struct strbuf all = {0};
    session_complete(session, line, join, &all);
    assert_string_equal(strbuf_text(&all), expected);
    strbuf_release(&all);
}

static void completion_knows_the_table(void **state)
{
    (void)state;
    struct session *session = open_session(NULL);
    run(session, "snapshot best");
    completes(session, "s", "set structure snapshot");
    completes(session, "set @1 5%; re", "reset redo");
    completes(session, "undo;",
              "set global reset criterion structure undo "
              "redo older newer goto snapshot export");
    completes(session, "set @1 ", "");
    completes(session, "set @1 5% ", "weight magnitude random");
    completes(session, "set @1 5% weight m", "magnitude");
    completes(session, "criterion ", "magnitude random");
    completes(session, "structure w", "weight");
    completes(session, "goto ", "best");
    completes(session, "unknown x", "");
    completes(session, "undo # re", "");
    completes(session, "export fo", "");
    struct strbuf layers = {0};
    for (size_t i = 0; i < session_layers(session)->count; i++)
        words_add(&layers, session_layers(session)->layers[i].name);
    completes(session, "set ", layers.text);
    completes(session, "reset @1 \"", layers.text);
    strbuf_release(&layers);
    session_close(session);
}

static void thousand_edits_stay_whole(void **state)
{
    struct session *session = open_session(*state);
    for (int i = 0; i < 1000; i++) {
        char line[80];
        snprintf(line, sizeof line, i % 7 == 6 ? "undo %d" : "set @%d +1%%",
                 i % 3 + 1);
        run(session, line);
    }
    assert_int_equal(session_variant_count(session) > 500, 1);
    session_close(session);
}

static void results_copy_their_layers(void **state)
{
    (void)state;
    struct layer_result layers[2] = {{.weights = 5}, {.weights = 6}};
    struct result in = {.loss = 2, .layer_count = 2, .layers = layers}, out;
    assert_int_equal(result_copy(&out, &in), 0);
    assert_ptr_not_equal(out.layers, layers);
    assert_int_equal(out.layers[1].weights, 6);
    assert_true(out.loss == 2);
    result_release(&out);
    assert_null(out.layers);
    in.layer_count = 0;
    assert_int_equal(result_copy(&out, &in), 0);
    assert_null(out.layers);
    result_release(&out);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH(session_holds_what_it_opened),
        WITH(preprocessing_is_found_and_kept),
        WITH(bad_input_is_named_once),
        WITH(journal_needs_a_folder_only_when_wanted),
        WITH(models_open_without_data),
        WITH(killed_sessions_lose_nothing),
        WITH(journals_cut_anywhere_give_their_whole_lines),
        WITH(changed_models_are_refused),
        WITH(bad_journal_lines_are_named),
        WITH(live_empty_closed_and_discarded_are_not_offered),
        WITH(lines_are_on_disk_before_they_count),
        WITH(unsaved_follows_the_exported_variant),
        WITH(recipes_run_whole_or_not_at_all),
        WITH(recipes_name_model_and_share),
        WITH(completion_knows_the_table),
        WITH(thousand_edits_stay_whole),
        WITH(results_copy_their_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

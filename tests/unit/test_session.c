#include "base/array.h"
#include "base/file.h"
#include "prune/criteria.h"
#include "session/result.h"
#include "session/words.h"
#include "session_fixture.h"

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

static void session_holds_what_it_opened(void **state)
{
    struct session *session = session_fixture_open(*state);
    assert_int_equal(session_graph(session)->batch, 1);
    assert_int_equal(session_layers(session)->count, 3);
    assert_int_equal(dataset_count(session_dataset(session)), 100);
    assert_true(session_transform(session)->scale == 255);
    assert_int_equal(session_preprocess(session)->count, 1);
    assert_true(isnan(session_preprocess(session)->trials[0].accuracy));
    assert_string_equal(session_options(session)->model_path, fixture_model);
    assert_string_equal(onnx_path(session_model(session)), fixture_model);
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
    struct session_options options = session_fixture_options(*state);
    options.samples = 0;
    options.preprocess_auto = true;
    struct session *session, *again;
    struct error err = {0};
    if (session_open(&session, &options, &err) < 0)
        fail_msg("%s", err.message);
    const struct preprocess_result *found = session_preprocess(session);
    assert_true(found->count > 1);
    assert_true(found->trials[found->chosen].accuracy > 0.8);
    session_fixture_run(session, "set * 50%");
    char *path = strdup(session_path(session));
    struct transform transform = *session_transform(session);
    double accuracy = found->trials[found->chosen].accuracy;
    session_leave(session);
    assert_int_equal(session_resume(&again, path, false, NULL, NULL), 0);
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
    const char *again = strstr(err.message + 1, options->data_path);
    if (!strncmp(err.message, options->data_path, strlen(options->data_path)))
        assert_null(again); /* the file is named once */
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
    struct session_options options = session_fixture_options(*state);
    options.model_path = "build/no-such.onnx";
    open_fails(&options, ERROR_IO, "build/no-such.onnx: cannot open");
    options.model_path = "data/make_models.py";
    open_fails(&options, ERROR_FORMAT, "data/make_models.py: ");
    options.model_path = fixture_model;
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
    struct session_options options = session_fixture_options("/proc/espalier");
    open_fails(&options, ERROR_IO, "/proc/espalier");
    options.journal = false;
    struct session *session;
    assert_int_equal(session_open(&session, &options, NULL), 0);
    assert_string_equal(session_path(session), "");
    session_fixture_run(session, "set * 50%");
    session_mark_saved(session);
    assert_false(session_unsaved(session));
    session_close(session);
}

static void models_open_without_data(void **state)
{
    struct session_options options = session_fixture_options(*state);
    options.data_path = NULL;
    options.preprocess_auto = true;
    struct session *session, *again;
    assert_int_equal(session_open(&session, &options, NULL), 0);
    assert_null(session_dataset(session));
    assert_string_equal(session_transform(session)->name, "none");
    session_fixture_run(session, "set * 50%");
    char *path = strdup(session_path(session));
    session_close(session);
    assert_int_equal(session_resume(&again, path, false, NULL, NULL), 0);
    assert_null(session_dataset(again));
    assert_int_equal(session_current(again)->id, 1);
    session_close(again);
    free(path);
}

/* A model file that says `text` of its pixels. Owned. */
static char *stating(const char *folder, const char *text)
{
    struct onnx_model *model;
    char *path = path_join(folder, "stating.onnx");
    assert_int_equal(onnx_open(&model, fixture_model, NULL), 0);
    assert_int_equal(onnx_annotate(model, SESSION_PIXELS_KEY, text, NULL), 0);
    assert_int_equal(onnx_write(model, path, 0, NULL, NULL, NULL), 0);
    onnx_close(model);
    return path;
}

static void pixels_are_those_that_the_file_states(void **state)
{
    static const char text[] = "scale 200 mean 0.1 std 0.7 name \"odd\"";
    struct session_options options = session_fixture_options(*state);
    struct session *session;
    struct error err = {0};
    char *path = stating(*state, text);
    options.model_path = path;
    options.preprocess_auto = true;
    if (session_open(&session, &options, &err) < 0)
        fail_msg("%s", err.message);
    const struct transform *t = session_transform(session);
    assert_string_equal(t->name, "odd");
    assert_true(t->scale == 200 && t->mean[0] == 0.1 && t->std[0] == 0.7);
    assert_true(session_preprocess(session)->stated);
    session_close(session);
    /* What the user says counts more. */
    options.preprocess_auto = false;
    options.transform = (struct transform){
        .scale = 255, .channels = 1, .std = {1}, .name = "user"};
    assert_int_equal(session_open(&session, &options, &err), 0);
    assert_string_equal(session_transform(session)->name, "user");
    assert_false(session_preprocess(session)->stated);
    session_close(session);
    free(path);
    options.preprocess_auto = true;
    options.model_path = path = stating(*state, "scale x");
    open_fails(&options, ERROR_FORMAT,
               "stating.onnx: metadata 'espalier.preprocess': expected");
    free(path);
    path = stating(*state, "scale 1 mean 0 0 std 1 1 name \"two\"");
    options.model_path = path;
    open_fails(&options, ERROR_USAGE, "of 2 channels, expected one number");
    unlink(path);
    free(path);
}

static void unsaved_follows_the_exported_variant(void **state)
{
    struct session *session = session_fixture_open(*state), *resumed;
    assert_false(session_unsaved(session));
    session_fixture_run(session, "set @1 50%");
    assert_true(session_unsaved(session));
    session_fixture_run(session, "undo");
    assert_false(session_unsaved(session)); /* dense: nothing to lose */
    session_fixture_run(session, "redo; export x.onnx");
    session_fixture_run(session, "set @1 60%");
    session_mark_saved(session); /* of the variant that was exported */
    assert_true(session_unsaved(session));
    session_fixture_run(session, "undo");
    assert_false(session_unsaved(session));
    session_fixture_run(session, "goto 0");
    assert_true(session_unsaved(session));
    char *path = strdup(session_path(session));
    session_leave(session);
    assert_int_equal(session_resume(&resumed, path, true, NULL, NULL), 0);
    assert_true(session_unsaved(resumed));
    session_fixture_run(resumed, "goto 1");
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
    struct session *session = session_fixture_open(*state), *resumed;
    struct error err = {0};
    session_fixture_run(session, "set @1 10%; criterion random");
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
    session = session_fixture_open(NULL);
    assert_int_equal(session_resume(&resumed, path, false, NULL, NULL), 0);
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
    struct session *session = session_fixture_open(NULL);
    session_fixture_run(session, "set * 85%");
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
    struct session *session = session_fixture_open(NULL);
    session_fixture_run(session, "snapshot best");
    completes(session, "s", "set structure scan snapshot");
    completes(session, "set @1 5%; re", "reset reconstruct redo");
    completes(session, "undo;",
              "set global budget reset criterion structure reconstruct scan "
              "criteria robustness undo redo older newer goto snapshot tune "
              "masks export");
    completes(session, "set @1 ", "");
    completes(session, "set @1 5% w", "weight wanda");
    completes(session, "set @1 5% 2", "2:4 2:4p");
    completes(session, "set @1 5% lam", "lamp");
    completes(session, "set @1 5% weight m", "magnitude mean-activation");
    completes(session, "criterion la", "lamp");
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
    struct session *session = session_fixture_open(*state);
    for (int i = 0; i < 1000; i++) {
        char line[80];
        snprintf(line, sizeof line, i % 7 == 6 ? "undo %d" : "set @%d +1%%",
                 i % 3 + 1);
        session_fixture_run(session, line);
    }
    assert_int_equal(session_variant_count(session) > 500, 1);
    session_close(session);
}

static void results_copy_their_layers(void **state)
{
    (void)state;
    struct layer_result layers[2] = {{.weights = 5}, {.weights = 6}};
    struct result in = {.loss = {.value = 2},
                        .layer_count = 2,
                        .layers = layers},
                  out;
    assert_int_equal(result_copy(&out, &in), 0);
    assert_ptr_not_equal(out.layers, layers);
    assert_int_equal(out.layers[1].weights, 6);
    assert_true(out.loss.value == 2);
    result_release(&out);
    assert_null(out.layers);
    in.layer_count = 0;
    assert_int_equal(result_copy(&out, &in), 0);
    assert_null(out.layers);
    result_release(&out);
}

int main(void)
{
#define WITH(test)                                                             \
    cmocka_unit_test_setup_teardown(test, session_setup, session_teardown)
    const struct CMUnitTest tests[] = {
        WITH(session_holds_what_it_opened),
        WITH(preprocessing_is_found_and_kept),
        WITH(bad_input_is_named_once),
        WITH(journal_needs_a_folder_only_when_wanted),
        WITH(models_open_without_data),
        WITH(pixels_are_those_that_the_file_states),
        WITH(unsaved_follows_the_exported_variant),
        WITH(recipes_run_whole_or_not_at_all),
        WITH(recipes_name_model_and_share),
        WITH(completion_knows_the_table),
        WITH(thousand_edits_stay_whole),
        WITH(results_copy_their_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "session_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

const char fixture_model[] = "data/mlp.onnx";
const char fixture_data[] = "data/fashion-mnist-sample";

int session_setup(void **state)
{
    char *folder = strdup("build/session.XXXXXX");
    assert_non_null(mkdtemp(folder));
    *state = folder;
    return 0;
}

int session_teardown(void **state)
{
    char command[200];
    snprintf(command, sizeof command, "rm -rf %s", (char *)*state);
    assert_int_equal(system(command), 0);
    free(*state);
    return 0;
}

struct session_options session_fixture_options(const char *folder)
{
    return (struct session_options){
        .model_path = fixture_model,
        .data_path = fixture_data,
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

struct session *session_fixture_open(const char *folder)
{
    struct session_options options = session_fixture_options(folder);
    struct session *session = NULL;
    struct error err = {0};
    if (session_open(&session, &options, &err) < 0)
        fail_msg("%s", err.message);
    return session;
}

struct session *session_fixture_load(const char *path)
{
    struct session *session = NULL;
    struct error err = {0};
    struct session_options options = {.model_path = path};
    if (session_open(&session, &options, &err) < 0)
        fail_msg("%s", err.message);
    return session;
}

size_t session_fixture_row(const struct session *session, const char *name)
{
    size_t row;
    assert_int_equal(layer_match(session_layers(session), name, &row, NULL), 1);
    return row;
}

void session_fixture_run(struct session *session, const char *line)
{
    struct command_result result;
    struct error err = {0};
    if (session_execute(session, line, &result, &err) < 0)
        fail_msg("'%s': %s", line, err.message);
    command_result_release(&result);
}

void assert_same_variants(const struct session *a, const struct session *b)
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

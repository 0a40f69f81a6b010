/* The table of actions, and that keys become the right command lines. */
#include "action.h"
#include "key.h"
#include "screen.h"

#include "base/array.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- a model of four layers and a backend that only writes down --- */

static struct app app;
static char executed[512];
static int shown, cancelled, refreshed;
static bool fails;

static int fake_execute(struct app *a, const char *line,
                        struct command_result *result, struct error *err)
{
    (void)a;
    snprintf(executed, sizeof executed, "%s", line);
    if (fails)
        return error_set(err, ERROR_USAGE, "set: refused");
    result->effect = COMMAND_EDITED;
    result->message = string_copy("done");
    return 0;
}

static void fake_show(struct app *a, int focus)
{
    (void)a;
    shown = focus;
}

static void fake_cancel(struct app *a)
{
    (void)a;
    cancelled++;
}

static void fake_refresh(struct app *a)
{
    (void)a;
    refreshed++;
}

static void fake_complete(struct app *a, const char *line,
                          void (*add)(void *context, const char *word),
                          void *context)
{
    (void)a;
    if (strcmp(line, "set lay") == 0) {
        add(context, "layers.0.conv1");
        add(context, "layers.0.conv2");
    }
}

static bool fake_exists(struct app *a, const char *path)
{
    (void)a;
    return strcmp(path, "there.onnx") == 0;
}

static char exported[64];

static int fake_export(struct app *a, const struct engine_export *request,
                       struct error *err)
{
    (void)a;
    (void)err;
    snprintf(exported, sizeof exported, "%s%s%s", request->path,
             request->masks ? " masks" : "", request->verify ? " verify" : "");
    return 0;
}

static const struct backend backend = {
    .execute = fake_execute,
    .show = fake_show,
    .cancel = fake_cancel,
    .refresh = fake_refresh,
    .complete = fake_complete,
    .file_exists = fake_exists,
    .start_export = fake_export,
};

static int start(void **state)
{
    (void)state;
    static const char *const names[] = {"conv1", "block.conv1", "block.conv2",
                                        "fc"};
    app_init(&app, &backend, NULL);
    struct view *view = &app.view;
    view->layers = array_create(4, sizeof *view->layers);
    view->points = array_create(3, sizeof *view->points);
    view->model = string_copy("model.onnx");
    view->data = string_copy("data/test");
    if (!view->layers || !view->points || !view->model || !view->data)
        return -1;
    view->layer_count = 4;
    for (size_t i = 0; i < 4; i++) {
        view->layers[i] = (struct view_layer){
            .name = string_copy(names[i]),
            .weights = 100 * (int64_t)(4 - i),
            .prunable = i != 3,
            .reason = i == 3 ? "too small" : "",
            .kernel = "",
            .ms = NAN,
            .dense_ms = NAN,
            .share = NAN,
        };
    }
    view->point_count = 3;
    for (int i = 0; i < 3; i++)
        view->points[i] = (struct view_point){
            .id = i,
            .parent = i - 1,
            .summary = string_copy("edit"),
            .accuracy = {0.9 - 0.1 * i, 0.8, 0.95, 100, 100},
            .latency_ms = 3 - i,
            .removed = array_create(4, sizeof(int64_t))};
    view->current = 2;
    executed[0] = exported[0] = '\0';
    shown = -1;
    cancelled = refreshed = 0;
    fails = false;
    app.rows = 24;
    app.columns = 80;
    return view_grow_tree(view) != 0 || app_sync(&app) != 0 ? -1 : 0;
}

static int stop(void **state)
{
    (void)state;
    app_release(&app);
    return 0;
}

static void press(const char *keys)
{
    for (int key = key_read(&keys); key != KEY_NONE; key = key_read(&keys))
        app_key(&app, key);
}

static void type(const char *text)
{
    for (; *text; text++)
        app_key(&app, (unsigned char)*text);
}

static const char *said(void)
{
    const struct state *state = &app.state;
    return state->message_count > 0
               ? state->messages[state->message_count - 1].text
               : "";
}

/* --- the table --- */

static void no_key_has_two_meanings_on_a_screen(void **state)
{
    (void)state;
    for (int screen = 0; screen < SCREEN_COUNT; screen++)
        for (const struct action *a = actions; a->name != NULL; a++) {
            if (!(a->contexts & 1u << screen))
                continue;
            const char *keys = a->keys;
            for (int k = key_read(&keys); k != KEY_NONE; k = key_read(&keys))
                if (action_of_key((enum screen_id)screen, k) != a)
                    fail_msg("'%s' of '%s' is bound twice", a->keys, a->name);
        }
}

static void every_action_has_name_help_keys_and_handler(void **state)
{
    (void)state;
    for (const struct action *a = actions; a->name != NULL; a++) {
        assert_true(a->help != NULL && a->help[0] != '\0');
        assert_non_null(a->run);
        assert_non_null(a->keys);
        assert_true(a->contexts != 0);
        assert_ptr_equal(action_of_name(a->name), a);
        assert_null(strchr(a->name, ' '));
    }
}

static void every_key_of_the_table_can_be_read(void **state)
{
    (void)state;
    for (const struct action *a = actions; a->name != NULL; a++) {
        const char *keys = a->keys;
        int named = 0, read = 0;
        for (const char *s = a->keys; *s; s++)
            named += *s != ' ' && (s == a->keys || s[-1] == ' ');
        while (key_read(&keys) != KEY_NONE)
            read++;
        assert_int_equal(read, named);
    }
}

static void every_f_key_has_a_letter_twin(void **state)
{
    (void)state;
    for (const struct action *a = actions; a->name != NULL; a++) {
        const char *keys = a->keys;
        bool f = false, other = false;
        for (int k = key_read(&keys); k != KEY_NONE; k = key_read(&keys)) {
            bool is_f = k >= KEY_CODE_F1 && k <= KEY_CODE_F12;
            f = f || is_f;
            other = other || !is_f;
        }
        assert_true(!f || other);
    }
}

static void unknown_key_is_answered(void **state)
{
    (void)state;
    press("y");
    assert_non_null(strstr(said(), "?"));
    assert_string_equal(executed, "");
}

/* --- edits --- */

static void keys_become_command_lines(void **state)
{
    (void)state;
    static const struct {
        const char *keys, *line;
    } cases[] = {
        {"l", "set @1 +1%"},       {"Right", "set @1 +1%"}, {"h", "set @1 -1%"},
        {"L", "set @1 +10%"},      {"j H", "set @2 -10%"},  {"r", "set @2 0%"},
        {"A", "snapshot A"},       {"g-", "older"},         {"g+", "newer"},
        {"k l j .", "set @2 +1%"},
    };
    app.view.can_undo = true;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        press(cases[i].keys);
        assert_string_equal(executed, cases[i].line);
    }
    press("u");
    assert_string_equal(executed, "undo");
}

static void edit_shows_the_new_variant_at_its_layer(void **state)
{
    (void)state;
    press("j l");
    assert_int_equal(shown, 1);
    assert_string_equal(said(), "done");
    assert_true(refreshed > 0);
}

static void marked_layers_are_edited_together_and_at_once(void **state)
{
    (void)state;
    press("Space j Space l");
    assert_string_equal(executed, "set @1 +1%; set @3 +1%");
    press("U k l");
    assert_string_equal(executed, "set @3 +1%");
}

static void layer_that_cannot_be_pruned_says_why(void **state)
{
    (void)state;
    press("G l");
    assert_string_equal(executed, "");
    assert_non_null(strstr(said(), "too small"));
}

static void range_marks_follow_the_cursor(void **state)
{
    (void)state;
    press("v j j v j x");
    assert_true(app.state.marked[0] && app.state.marked[1] &&
                app.state.marked[2]);
    assert_false(app.state.marked[3]);
    press("*");
    assert_true(app.state.marked[3] && !app.state.marked[0]);
}

static void toggle_remembers_the_amount(void **state)
{
    (void)state;
    app.view.layers[0].removed = 37;
    press("x");
    assert_string_equal(executed, "set @1 0");
    app.view.layers[0].removed = 0;
    press("x");
    assert_string_equal(executed, "set @1 37");
    press("j x");
    assert_non_null(strstr(said(), "not pruned"));
}

static void exact_amounts_are_asked_for(void **state)
{
    (void)state;
    press("s");
    type("85");
    press("Enter");
    assert_string_equal(executed, "set @1 85%");
    press("s");
    type("24x");
    press("Esc");
    assert_string_equal(executed, "set @1 85%");
    press("Space b");
    type("60%");
    press("Enter");
    assert_string_equal(executed, "global 60% @1");
}

static void refused_edit_is_told(void **state)
{
    (void)state;
    fails = true;
    press("l");
    assert_string_equal(said(), "set: refused");
    assert_int_equal(shown, -1);
}

static void unavailable_actions_say_why(void **state)
{
    (void)state;
    press("u");
    assert_non_null(strstr(said(), "nothing to undo"));
    press(".");
    assert_non_null(strstr(said(), "no edit"));
    press("F8");
    assert_non_null(strstr(said(), "no snapshot"));
    assert_string_equal(executed, "");
}

static void readonly_sessions_are_never_edited(void **state)
{
    (void)state;
    app.state.readonly = true;
    press("l : s");
    type("et conv1 50%");
    press("Enter");
    assert_string_equal(executed, "");
    assert_non_null(strstr(said(), "read-only"));
}

/* --- moving --- */

static void g_goes_first_and_its_sequences_take_that_back(void **state)
{
    (void)state;
    press("G g");
    assert_int_equal(app.state.lists[SCREEN_LAYERS].cursor, 0);
    press("G g-");
    press("G g");
    type("-");
    assert_int_equal(app.state.lists[SCREEN_LAYERS].cursor, 3);
    assert_string_equal(executed, "older");
    press("g j");
    assert_int_equal(app.state.lists[SCREEN_LAYERS].cursor, 1);
}

static void search_wraps_and_says_when_nothing_matches(void **state)
{
    (void)state;
    press("/");
    type("conv2");
    press("Enter");
    assert_int_equal(app_layer(&app), 2);
    press("/");
    type("*conv1");
    press("Enter n");
    assert_int_equal(app_layer(&app), 1);
    press("N");
    assert_int_equal(app_layer(&app), 0);
    press("/");
    type("zzz");
    press("Enter");
    assert_non_null(strstr(said(), "zzz"));
}

static void filter_and_sort_keep_the_cursor_on_its_layer(void **state)
{
    (void)state;
    press("j j");
    press("f");
    type("block");
    press("Enter");
    assert_int_equal(app.state.lists[SCREEN_LAYERS].count, 2);
    assert_int_equal(app_layer(&app), 2);
    press("> > > I I");
    assert_int_equal(app.state.sort, SORT_WEIGHTS);
    assert_int_equal(app.state.order[0], 2);
    assert_int_equal(app_layer(&app), 2);
    press("Esc");
    assert_int_equal(app.state.lists[SCREEN_LAYERS].count, 4);
}

static void escape_never_quits(void **state)
{
    (void)state;
    press("Enter");
    assert_int_equal(app.state.screen, SCREEN_DETAIL);
    press("3 Esc");
    assert_int_equal(app.state.screen, SCREEN_DETAIL);
    press("Esc Esc Esc Esc");
    assert_int_equal(app.state.screen, SCREEN_LAYERS);
    assert_false(app.quit);
}

static void empty_filter_result_is_safe(void **state)
{
    (void)state;
    press("f");
    type("zzz");
    press("Enter l j G Space v * x s Enter 2");
    assert_int_equal(app_layer(&app), -1);
    assert_string_equal(executed, "");
}

/* --- plot --- */

static void plot_cursor_walks_by_cost_and_loads(void **state)
{
    (void)state;
    press("3");
    assert_int_equal(app.state.lists[SCREEN_TRADEOFF].cursor, 2);
    press("l");
    assert_int_equal(app.state.lists[SCREEN_TRADEOFF].cursor, 1);
    press("l l");
    assert_int_equal(app.state.lists[SCREEN_TRADEOFF].cursor, 0);
    press("j Enter");
    assert_string_equal(executed, "goto 1");
}

static void front_holds_what_nothing_beats(void **state)
{
    (void)state;
    struct view *view = &app.view;
    view->points[1].accuracy.value = 0.75; /* slower and worse than #2 */
    view->points[2].accuracy.value = 0.8;
    view_front(view, VIEW_LATENCY);
    assert_true(view->points[0].front);
    assert_false(view->points[1].front);
    assert_true(view->points[2].front);
    view->points[2].latency_ms = NAN;
    view_front(view, VIEW_LATENCY);
    assert_true(view->points[1].front);
    assert_false(view->points[2].front);
}

static void tree_keeps_the_newest_line_left(void **state)
{
    (void)state;
    struct view *view = &app.view;
    view->points[2].parent = 0; /* 0 - 1, 0 - 2: one is the older branch */
    assert_int_equal(view_grow_tree(view), 0);
    assert_int_equal(view->branches[0].id, 0);
    assert_int_equal(view->branches[1].id, 1);
    assert_int_equal(view->branches[1].depth, 1);
    assert_true(view->branches[1].start);
    assert_int_equal(view->branches[2].id, 2);
    assert_int_equal(view->branches[2].depth, 0);
}

/* --- palette, help, dialogs --- */

static void palette_runs_commands_and_actions(void **state)
{
    (void)state;
    press(":");
    type("set fc 50%");
    press("Enter");
    assert_string_equal(executed, "set fc 50%");
    press(":");
    type("tradeoff");
    press("Enter");
    assert_int_equal(app.state.screen, SCREEN_TRADEOFF);
    press(":");
    type("undo");
    press("Enter");
    assert_string_equal(executed, "undo"); /* the command, not the action */
    app.view.unsaved = true;
    press(":");
    type("q!");
    press("Enter");
    assert_true(app.quit);
}

static void tab_completes_and_cycles(void **state)
{
    (void)state;
    struct editor *editor = &app.state.editors[PROMPT_COMMAND];
    press(":");
    type("set lay");
    press("Tab");
    assert_string_equal(editor->text, "set layers.0.conv");
    press("Tab");
    assert_string_equal(editor->text, "set layers.0.conv1");
    press("Tab");
    assert_string_equal(editor->text, "set layers.0.conv2");
    press("S-Tab");
    assert_string_equal(editor->text, "set layers.0.conv1");
    press("Esc : Up");
    assert_string_equal(editor->text, "");
}

static void help_lists_filters_and_runs(void **state)
{
    (void)state;
    struct surface surface = {0};
    app.view.can_undo = true;
    assert_int_equal(surface_resize(&surface, 24, 80), 0);
    press("?");
    type("undo");
    app_draw(&app, &surface);
    assert_int_equal(app.state.help.count, 1);
    press("Enter");
    assert_string_equal(executed, "undo");
    surface_release(&surface);
}

static void help_shows_every_key_of_the_screen(void **state)
{
    (void)state;
    struct surface surface = {0};
    assert_int_equal(surface_resize(&surface, 60, 100), 0);
    press("?");
    app_draw(&app, &surface);
    char *text = surface_dump(&surface);
    for (const struct action *a = actions; a->name != NULL; a++)
        if (a->contexts & CONTEXT_LAYERS && a->keys[0] &&
            strstr(text, a->help) == NULL)
            fail_msg("help lacks '%s'", a->help);
    free(text);
    surface_release(&surface);
}

static void quit_asks_only_when_unsaved(void **state)
{
    (void)state;
    app.view.unsaved = true;
    press("q");
    assert_false(app.quit);
    press("q Enter");
    assert_false(app.quit);
    press("n");
    assert_int_equal(app.state.overlay, OVERLAY_NONE);
    press("q y");
    assert_true(app.quit);
    app.quit = app.view.unsaved = false;
    press("q");
    assert_true(app.quit);
}

static void export_overwrites_only_after_a_typed_yes(void **state)
{
    (void)state;
    press("w ^U");
    type("new.onnx");
    press("Enter");
    assert_string_equal(exported, "new.onnx masks verify");
    app.state.form.running = false;
    exported[0] = '\0';
    press("Esc w ^U");
    type("there.onnx");
    press("Enter Enter");
    assert_string_equal(exported, "");
    type("no");
    press("Enter");
    assert_string_equal(exported, "");
    press("Backspace Backspace");
    type("yes");
    press("Enter");
    assert_string_equal(exported, "there.onnx masks verify");
}

static void export_switches_flip(void **state)
{
    (void)state;
    press("w Tab Space");
    assert_false(app.state.form.masks);
    press("Tab Enter");
    assert_false(app.state.form.recipe);
    assert_string_equal(exported, "");
    press("Esc");
    assert_int_equal(app.state.overlay, OVERLAY_NONE);
}

static void control_c_stops_the_work_not_the_program(void **state)
{
    (void)state;
    press("^C");
    assert_int_equal(cancelled, 1);
    assert_false(app.quit);
}

/* --- any size, any key --- */

static void every_screen_draws_at_any_size(void **state)
{
    (void)state;
    struct surface surface = {0};
    static const char *const openings[] = {"1",   "2",   "3",   "6",  "7",
                                           "1 ?", "1 :", "1 w", "1 s"};
    app.view.unsaved = true;
    for (size_t i = 0; i < ARRAY_LENGTH(openings); i++) {
        press(openings[i]);
        for (int rows = 1; rows < 60; rows += rows < 24 ? 7 : 5)
            for (int columns = 1; columns < 200; columns += 13) {
                assert_int_equal(surface_resize(&surface, rows, columns), 0);
                app_draw(&app, &surface);
            }
        press("Esc");
    }
    surface_release(&surface);
}

static void random_keys_do_no_harm(void **state)
{
    (void)state;
    struct surface surface = {0};
    unsigned long random = 12345;
    assert_int_equal(surface_resize(&surface, 24, 80), 0);
    for (int i = 0; i < 20000; i++) {
        random = random * 6364136223846793005ul + 1442695040888963407ul;
        unsigned long pick = random >> 33;
        int key = pick % 3 == 0 ? KEY_CODE_FIRST + (int)(pick / 3 % 22)
                                : (int)(pick / 3 % 127) + 1;
        app_key(&app, key);
        if (i % 16 == 0)
            app_click(&app, (int)(pick % 24), (int)(pick / 24 % 80));
        if (i % 8 == 0)
            app_draw(&app, &surface);
        app.quit = false;
        app.state.form.running = false;
    }
    assert_true(app_layer(&app) < 4);
    surface_release(&surface);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_key_has_two_meanings_on_a_screen),
        cmocka_unit_test(every_action_has_name_help_keys_and_handler),
        cmocka_unit_test(every_key_of_the_table_can_be_read),
        cmocka_unit_test(every_f_key_has_a_letter_twin),
        TEST(unknown_key_is_answered),
        TEST(keys_become_command_lines),
        TEST(edit_shows_the_new_variant_at_its_layer),
        TEST(marked_layers_are_edited_together_and_at_once),
        TEST(layer_that_cannot_be_pruned_says_why),
        TEST(range_marks_follow_the_cursor),
        TEST(toggle_remembers_the_amount),
        TEST(exact_amounts_are_asked_for),
        TEST(refused_edit_is_told),
        TEST(unavailable_actions_say_why),
        TEST(readonly_sessions_are_never_edited),
        TEST(g_goes_first_and_its_sequences_take_that_back),
        TEST(search_wraps_and_says_when_nothing_matches),
        TEST(filter_and_sort_keep_the_cursor_on_its_layer),
        TEST(escape_never_quits),
        TEST(empty_filter_result_is_safe),
        TEST(plot_cursor_walks_by_cost_and_loads),
        TEST(front_holds_what_nothing_beats),
        TEST(tree_keeps_the_newest_line_left),
        TEST(palette_runs_commands_and_actions),
        TEST(tab_completes_and_cycles),
        TEST(help_lists_filters_and_runs),
        TEST(help_shows_every_key_of_the_screen),
        TEST(quit_asks_only_when_unsaved),
        TEST(export_overwrites_only_after_a_typed_yes),
        TEST(export_switches_flip),
        TEST(control_c_stops_the_work_not_the_program),
        TEST(every_screen_draws_at_any_size),
        TEST(random_keys_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

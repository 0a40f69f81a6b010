/* The table of actions, and that keys become the right command lines. */
#include "action.h"
#include "fake_app.h"
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
    assert_string_equal(fake.executed, "");
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
    fake.app.view.can_undo = true;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        press(cases[i].keys);
        assert_string_equal(fake.executed, cases[i].line);
    }
    press("u");
    assert_string_equal(fake.executed, "undo");
}

static void the_map_of_sensitivity_becomes_command_lines(void **state)
{
    (void)state;
    static const struct {
        const char *keys, *line;
    } cases[] = {
        {"4 s", "scan weight magnitude"},
        {"r", "scan @1 weight magnitude again"},
        {"l l Enter", "set @1 30% weight magnitude"},
        {"j l Enter", "set @2 40% weight magnitude"},
        {"Tab Enter", "global 40% weight magnitude"},
        {"S", "structure 2:4"},
        {"p", "criterion lamp"},
    };
    fake.app.view.structure = "weight";
    fake.app.view.criterion = "magnitude";
    assert_int_equal(view_make_landscape(&fake.app.view), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        press(cases[i].keys);
        assert_string_equal(fake.executed, cases[i].line);
    }
    press("Tab G Enter");
    assert_non_null(strstr(said(), "cannot be pruned"));
}

static void edit_shows_the_new_variant_at_its_layer(void **state)
{
    (void)state;
    press("j l");
    assert_int_equal(fake.shown, 1);
    assert_string_equal(said(), "done");
    assert_true(fake.refreshed > 0);
}

static void marked_layers_are_edited_together_and_at_once(void **state)
{
    (void)state;
    press("Space j Space l");
    assert_string_equal(fake.executed, "set @1 +1%; set @3 +1%");
    press("U k l");
    assert_string_equal(fake.executed, "set @3 +1%");
}

static void layer_that_cannot_be_pruned_says_why(void **state)
{
    (void)state;
    press("G l");
    assert_string_equal(fake.executed, "");
    assert_non_null(strstr(said(), "too small"));
}

static void range_marks_follow_the_cursor(void **state)
{
    (void)state;
    press("v j j v j x");
    assert_true(fake.app.state.marked[0] && fake.app.state.marked[1] &&
                fake.app.state.marked[2]);
    assert_false(fake.app.state.marked[3]);
    press("*");
    assert_true(fake.app.state.marked[3] && !fake.app.state.marked[0]);
}

static void toggle_remembers_the_amount(void **state)
{
    (void)state;
    fake.app.view.layers[0].removed = 37;
    press("x");
    assert_string_equal(fake.executed, "set @1 0");
    fake.app.view.layers[0].removed = 0;
    press("x");
    assert_string_equal(fake.executed, "set @1 37");
    press("j x");
    assert_non_null(strstr(said(), "not pruned"));
}

static void exact_amounts_are_asked_for(void **state)
{
    (void)state;
    press("s");
    type("85");
    press("Enter");
    assert_string_equal(fake.executed, "set @1 85%");
    press("s");
    type("24x");
    press("Esc");
    assert_string_equal(fake.executed, "set @1 85%");
    press("Space b");
    type("60%");
    press("Enter");
    assert_string_equal(fake.executed, "global 60% @1");
}

static void refused_edit_is_told(void **state)
{
    (void)state;
    fake.fails = true;
    press("l");
    assert_string_equal(said(), "set: refused");
    assert_int_equal(fake.shown, -1);
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
    assert_string_equal(fake.executed, "");
}

static void readonly_sessions_are_never_edited(void **state)
{
    (void)state;
    fake.app.state.readonly = true;
    press("l : s");
    type("et conv1 50%");
    press("Enter");
    assert_string_equal(fake.executed, "");
    assert_non_null(strstr(said(), "read-only"));
    press(": s");
    type("can; set conv1 50%");
    press("Enter");
    assert_string_equal(fake.executed, "");
    press(": s");
    type("can conv1 50%");
    press("Enter");
    assert_string_equal(fake.executed, "scan conv1 50%");
}

static void readonly_sessions_write_no_model(void **state)
{
    (void)state;
    static const char *const ways[] = {"w", "F9"};
    fake.app.state.readonly = true;
    for (size_t i = 0; i < 2; i++) {
        press(ways[i]);
        assert_int_equal(fake.app.state.overlay, OVERLAY_NONE);
        assert_non_null(strstr(said(), "read-only"));
    }
    press(":");
    type("w");
    press("Enter");
    assert_int_equal(fake.app.state.overlay, OVERLAY_NONE);
    fake.app.state.readonly = false;
    press("w");
    assert_int_equal(fake.app.state.overlay, OVERLAY_EXPORT);
}

static void ask_for_samples(const char *line)
{
    fake.lacks = true;
    press(":");
    type(line);
    press("Enter");
    assert_string_equal(fake.executed, line);
    fake.executed[0] = '\0';
    app_follow(&fake.app);
    assert_string_equal(fake.executed, "");
    fake.lacks = false;
}

static void what_waits_for_samples_follows_them(void **state)
{
    (void)state;
    ask_for_samples("global 50% taylor");
    app_follow(&fake.app);
    assert_string_equal(fake.executed, "global 50% taylor");
    fake.executed[0] = '\0';
    app_follow(&fake.app); /* once */
    assert_string_equal(fake.executed, "");
}

static void what_waits_for_samples_is_not_forced_on_another_variant(
    void **state)
{
    (void)state;
    ask_for_samples("global 50% taylor");
    fake.app.view.current--;
    app_follow(&fake.app);
    assert_string_equal(fake.executed, "");
    assert_string_equal(said(),
                        "calibrated: 'global 50% taylor' can be given now");
}

static void a_newer_edit_or_a_stop_takes_the_place_of_what_waits(void **state)
{
    (void)state;
    ask_for_samples("global 50% taylor");
    press("l");
    fake.executed[0] = '\0';
    app_follow(&fake.app);
    assert_string_equal(fake.executed, "");
    ask_for_samples("global 50% taylor");
    press("^C");
    app_follow(&fake.app);
    assert_string_equal(fake.executed, "");
}

/* --- moving --- */

static void g_goes_first_and_its_sequences_take_that_back(void **state)
{
    (void)state;
    press("G g");
    assert_int_equal(fake.app.state.lists[SCREEN_LAYERS].cursor, 0);
    press("G g-");
    press("G g");
    type("-");
    assert_int_equal(fake.app.state.lists[SCREEN_LAYERS].cursor, 3);
    assert_string_equal(fake.executed, "older");
    press("g j");
    assert_int_equal(fake.app.state.lists[SCREEN_LAYERS].cursor, 1);
}

static void search_wraps_and_says_when_nothing_matches(void **state)
{
    (void)state;
    press("/");
    type("conv2");
    press("Enter");
    assert_int_equal(app_layer(&fake.app), 2);
    press("/");
    type("*conv1");
    press("Enter n");
    assert_int_equal(app_layer(&fake.app), 1);
    press("N");
    assert_int_equal(app_layer(&fake.app), 0);
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
    assert_int_equal(fake.app.state.lists[SCREEN_LAYERS].count, 2);
    assert_int_equal(app_layer(&fake.app), 2);
    press("> > > I I");
    assert_int_equal(fake.app.state.sort, SORT_WEIGHTS);
    assert_int_equal(fake.app.state.order[0], 2);
    assert_int_equal(app_layer(&fake.app), 2);
    press("Esc");
    assert_int_equal(fake.app.state.lists[SCREEN_LAYERS].count, 4);
}

static void escape_never_quits(void **state)
{
    (void)state;
    press("Enter");
    assert_int_equal(fake.app.state.screen, SCREEN_DETAIL);
    press("3 Esc");
    assert_int_equal(fake.app.state.screen, SCREEN_DETAIL);
    press("Esc Esc Esc Esc");
    assert_int_equal(fake.app.state.screen, SCREEN_LAYERS);
    assert_false(fake.app.quit);
}

static void empty_filter_result_is_safe(void **state)
{
    (void)state;
    press("f");
    type("zzz");
    press("Enter l j G Space v * x s Enter 2");
    assert_int_equal(app_layer(&fake.app), -1);
    assert_string_equal(fake.executed, "");
}

/* --- plot --- */

static void plot_cursor_walks_by_cost_and_loads(void **state)
{
    (void)state;
    press("3");
    assert_int_equal(fake.app.state.lists[SCREEN_TRADEOFF].cursor, 2);
    press("l");
    assert_int_equal(fake.app.state.lists[SCREEN_TRADEOFF].cursor, 1);
    press("l l");
    assert_int_equal(fake.app.state.lists[SCREEN_TRADEOFF].cursor, 0);
    press("j Enter");
    assert_string_equal(fake.executed, "goto 1");
}

static void front_holds_what_nothing_beats(void **state)
{
    (void)state;
    struct view *view = &fake.app.view;
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
    struct view *view = &fake.app.view;
    view->points[2].parent = 0; /* 0 - 1, 0 - 2: one is the older branch */
    assert_int_equal(view_grow_tree(view), 0);
    assert_int_equal(view->branches[0].id, 0);
    assert_int_equal(view->branches[1].id, 1);
    assert_int_equal(view->branches[1].depth, 1);
    assert_true(view->branches[1].start);
    assert_int_equal(view->branches[2].id, 2);
    assert_int_equal(view->branches[2].depth, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_start, fake_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_key_has_two_meanings_on_a_screen),
        cmocka_unit_test(every_action_has_name_help_keys_and_handler),
        cmocka_unit_test(every_key_of_the_table_can_be_read),
        cmocka_unit_test(every_f_key_has_a_letter_twin),
        TEST(unknown_key_is_answered),
        TEST(keys_become_command_lines),
        TEST(the_map_of_sensitivity_becomes_command_lines),
        TEST(edit_shows_the_new_variant_at_its_layer),
        TEST(marked_layers_are_edited_together_and_at_once),
        TEST(layer_that_cannot_be_pruned_says_why),
        TEST(range_marks_follow_the_cursor),
        TEST(toggle_remembers_the_amount),
        TEST(exact_amounts_are_asked_for),
        TEST(refused_edit_is_told),
        TEST(unavailable_actions_say_why),
        TEST(readonly_sessions_are_never_edited),
        TEST(readonly_sessions_write_no_model),
        TEST(what_waits_for_samples_follows_them),
        TEST(what_waits_for_samples_is_not_forced_on_another_variant),
        TEST(a_newer_edit_or_a_stop_takes_the_place_of_what_waits),
        TEST(g_goes_first_and_its_sequences_take_that_back),
        TEST(search_wraps_and_says_when_nothing_matches),
        TEST(filter_and_sort_keep_the_cursor_on_its_layer),
        TEST(escape_never_quits),
        TEST(empty_filter_result_is_safe),
        TEST(plot_cursor_walks_by_cost_and_loads),
        TEST(front_holds_what_nothing_beats),
        TEST(tree_keeps_the_newest_line_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

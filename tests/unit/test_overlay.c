/* Palette, help and dialogs; every screen at any size, any key. */
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

/* --- palette, help, dialogs --- */

static void palette_runs_commands_and_actions(void **state)
{
    (void)state;
    press(":");
    type("set fc 50%");
    press("Enter");
    assert_string_equal(fake.executed, "set fc 50%");
    press(":");
    type("tradeoff");
    press("Enter");
    assert_int_equal(fake.app.state.screen, SCREEN_TRADEOFF);
    press(":");
    type("undo");
    press("Enter");
    assert_string_equal(fake.executed,
                        "undo"); /* the command, not the action */
    fake.app.view.unsaved = true;
    press(":");
    type("q!");
    press("Enter");
    assert_true(fake.app.quit);
}

static void tab_completes_and_cycles(void **state)
{
    (void)state;
    struct editor *editor = &fake.app.state.editors[PROMPT_COMMAND];
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
    fake.app.view.can_undo = true;
    assert_int_equal(surface_resize(&surface, 24, 80), 0);
    press("?");
    type("undo");
    app_draw(&fake.app, &surface);
    assert_int_equal(fake.app.state.help.count, 1);
    press("Enter");
    assert_string_equal(fake.executed, "undo");
    surface_release(&surface);
}

static void help_shows_every_key_of_the_screen(void **state)
{
    (void)state;
    struct surface surface = {0};
    assert_int_equal(surface_resize(&surface, 60, 100), 0);
    press("?");
    app_draw(&fake.app, &surface);
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
    fake.app.view.unsaved = true;
    press("q");
    assert_false(fake.app.quit);
    press("q Enter");
    assert_false(fake.app.quit);
    press("n");
    assert_int_equal(fake.app.state.overlay, OVERLAY_NONE);
    press("q y");
    assert_true(fake.app.quit);
    fake.app.quit = fake.app.view.unsaved = false;
    press("q");
    assert_true(fake.app.quit);
}

static void a_new_tune_asks_about_the_interrupted_one(void **state)
{
    (void)state;
    fake.orders = true;
    fake.app.view.interrupted = "tune resume";
    /* Work of another kind takes nobody's place. */
    app_command(&fake.app, "scan");
    assert_string_equal(fake.worked, "scan");
    for (const char *key = "nry"; *key; key++) {
        fake.worked[0] = '\0';
        app_command(&fake.app, "tune");
        press("Enter"); /* answers nothing */
        assert_int_equal(fake.app.state.overlay, OVERLAY_REPLACE);
        assert_string_equal(fake.worked, "");
        fake.orders = *key != 'r';
        app_key(&fake.app, (unsigned char)*key);
        fake.orders = true;
        assert_int_equal(fake.app.state.overlay, OVERLAY_NONE);
        if (*key == 'r') /* on the variant that it is of */
            assert_string_equal(fake.executed, "goto 1; tune resume");
        assert_string_equal(fake.worked, *key == 'y' ? "tune" : "");
        assert_int_equal(fake.dropped, *key == 'y');
    }
    /* Nothing is kept, or it goes on: nothing to ask. */
    app_command(&fake.app, "tune 2 epochs");
    assert_string_equal(fake.worked, "tune 2 epochs");
    fake.app.view.interrupted = "tune resume";
    app_command(&fake.app, "tune resume");
    assert_string_equal(fake.worked, "tune resume");
}

static void export_overwrites_only_after_a_typed_yes(void **state)
{
    (void)state;
    press("w ^U");
    type("new.onnx");
    press("Enter");
    assert_string_equal(fake.exported, "new.onnx masks verify");
    fake.app.state.form.running = false;
    fake.exported[0] = '\0';
    press("Esc w ^U");
    type("there.onnx");
    press("Enter Enter");
    assert_string_equal(fake.exported, "");
    type("no");
    press("Enter");
    assert_string_equal(fake.exported, "");
    press("Backspace Backspace");
    type("yes");
    /* Other files are in the way: "yes" was said to those. */
    assert_string_equal(fake.app.state.form.present, "there.onnx, there.md");
    fake.app.state.form.field = 3; /* the report */
    press("Space");
    assert_string_equal(fake.app.state.form.present, "there.onnx");
    assert_string_equal(fake.app.state.form.confirm.text, "");
    fake.app.state.form.field = 7; /* [ Export ] */
    press("Enter");
    assert_string_equal(fake.exported, "");
    type("yes");
    press("Enter");
    assert_string_equal(fake.exported, "there.onnx masks verify");
}

static void export_switches_flip(void **state)
{
    (void)state;
    press("w Tab Space");
    assert_false(fake.app.state.form.masks);
    press("Tab Enter");
    assert_false(fake.app.state.form.recipe);
    assert_string_equal(fake.exported, "");
    press("Esc");
    assert_int_equal(fake.app.state.overlay, OVERLAY_NONE);
}

static void control_c_stops_the_work_not_the_program(void **state)
{
    (void)state;
    press("^C");
    assert_int_equal(fake.cancelled, 1);
    assert_false(fake.app.quit);
}

/* --- any size, any key --- */

static void every_screen_draws_at_any_size(void **state)
{
    (void)state;
    struct surface surface = {0};
    static const char *const openings[] = {"1",   "2",   "3",   "6",  "7",
                                           "1 ?", "1 :", "1 w", "1 s"};
    fake.app.view.unsaved = true;
    for (size_t i = 0; i < ARRAY_LENGTH(openings); i++) {
        press(openings[i]);
        for (int rows = 1; rows < 60; rows += rows < 24 ? 7 : 5)
            for (int columns = 1; columns < 200; columns += 13) {
                assert_int_equal(surface_resize(&surface, rows, columns), 0);
                app_draw(&fake.app, &surface);
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
        app_key(&fake.app, key);
        if (i % 16 == 0)
            app_click(&fake.app, (int)(pick % 24), (int)(pick / 24 % 80));
        if (i % 8 == 0)
            app_draw(&fake.app, &surface);
        fake.app.quit = false;
        fake.app.state.form.running = false;
    }
    assert_true(app_layer(&fake.app) < 4);
    surface_release(&surface);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_start, fake_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(palette_runs_commands_and_actions),
        TEST(tab_completes_and_cycles),
        TEST(help_lists_filters_and_runs),
        TEST(help_shows_every_key_of_the_screen),
        TEST(quit_asks_only_when_unsaved),
        TEST(a_new_tune_asks_about_the_interrupted_one),
        TEST(export_overwrites_only_after_a_typed_yes),
        TEST(export_switches_flip),
        TEST(control_c_stops_the_work_not_the_program),
        TEST(every_screen_draws_at_any_size),
        TEST(random_keys_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

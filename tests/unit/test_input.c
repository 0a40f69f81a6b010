/* Key names and the line editor. */
#include "editor.h"
#include "key.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void key_names_are_read_back(void **state)
{
    (void)state;
    const char *text = "j ^R Up  F9 Space g- F12 S-Tab : PgDn";
    static const int keys[] = {
        'j', KEY_CONTROL('R'),      KEY_CODE_UP,  KEY_CODE_F1 + 8,
        ' ', KEY_CODE_PREFIX + '-', KEY_CODE_F12, KEY_CODE_BACK_TAB,
        ':', KEY_CODE_PAGE_DOWN};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char name[16];
        int key = key_read(&text);
        assert_int_equal(key, keys[i]);
        const char *again = key_text(key, name, sizeof name);
        assert_int_equal(key_read(&again), key);
    }
    assert_int_equal(key_read(&text), KEY_NONE);
}

static void unknown_key_names_are_none(void **state)
{
    (void)state;
    const char *text = "F13 F0 Wrong";
    assert_int_equal(key_read(&text), KEY_NONE);
    assert_int_equal(key_read(&text), KEY_NONE);
    assert_int_equal(key_read(&text), KEY_NONE);
}

static void type_text(struct editor *e, const char *text)
{
    for (; *text; text++)
        assert_true(editor_key(e, (unsigned char)*text));
}

static void typing_and_deleting_keep_characters_whole(void **state)
{
    (void)state;
    struct editor e = {0};
    type_text(&e, "ab");
    editor_key(&e, 0x5c42);  /* 层 */
    editor_key(&e, 0x1f600); /* an emoji */
    assert_string_equal(e.text, "ab层\xf0\x9f\x98\x80");
    editor_key(&e, KEY_CODE_BACKSPACE);
    editor_key(&e, KEY_CODE_LEFT);
    assert_int_equal(e.cursor, 2);
    editor_key(&e, KEY_CODE_DELETE);
    assert_string_equal(e.text, "ab");
    editor_key(&e, KEY_CODE_DELETE);
    editor_key(&e, KEY_CODE_HOME);
    editor_key(&e, KEY_CODE_BACKSPACE);
    assert_string_equal(e.text, "ab");
    editor_release(&e);
}

static void words_and_halves_can_be_cut(void **state)
{
    (void)state;
    struct editor e = {0};
    editor_set(&e, "set fc 50%");
    editor_key(&e, KEY_CONTROL('W'));
    assert_string_equal(e.text, "set fc ");
    editor_key(&e, KEY_CONTROL('A'));
    editor_key(&e, KEY_CODE_RIGHT);
    editor_key(&e, KEY_CONTROL('K'));
    assert_string_equal(e.text, "s");
    editor_key(&e, KEY_CONTROL('U'));
    assert_string_equal(e.text, "");
    editor_release(&e);
}

static void history_is_walked_and_the_draft_returns(void **state)
{
    (void)state;
    struct editor e = {0};
    editor_set(&e, "one");
    editor_remember(&e);
    editor_set(&e, "two");
    editor_remember(&e);
    editor_remember(&e); /* twice in a row is kept once */
    editor_set(&e, "dra");
    editor_key(&e, KEY_CODE_UP);
    assert_string_equal(e.text, "two");
    editor_key(&e, KEY_CODE_UP);
    editor_key(&e, KEY_CODE_UP);
    assert_string_equal(e.text, "one");
    editor_key(&e, KEY_CODE_DOWN);
    editor_key(&e, KEY_CODE_DOWN);
    assert_string_equal(e.text, "dra");
    editor_release(&e);
}

static void history_forgets_the_oldest(void **state)
{
    (void)state;
    struct editor e = {0};
    for (int i = 0; i < EDITOR_HISTORY + 5; i++) {
        char text[8] = {'l', (char)('a' + i % 26), (char)('a' + i / 26), 0};
        editor_set(&e, text);
        editor_remember(&e);
    }
    assert_int_equal(e.history_count, EDITOR_HISTORY);
    assert_string_equal(e.history[0], "lfa");
    editor_release(&e);
}

static void completion_replaces_the_word(void **state)
{
    (void)state;
    struct editor e = {0};
    editor_set(&e, "set lay");
    editor_complete(&e, "layers.0.conv1");
    assert_string_equal(e.text, "set layers.0.conv1");
    editor_set(&e, "undo;re");
    editor_complete(&e, "redo");
    assert_string_equal(e.text, "undo;redo");
    editor_release(&e);
}

static void a_full_line_takes_no_more(void **state)
{
    (void)state;
    struct editor e = {0};
    for (int i = 0; i < 2 * EDITOR_BYTES; i++)
        editor_key(&e, 'x');
    assert_int_equal(e.length, EDITOR_BYTES - 1);
    editor_key(&e, 0x5c42);
    assert_int_equal(strlen(e.text), EDITOR_BYTES - 1);
    editor_release(&e);
}

static void drawing_scrolls_to_the_cursor(void **state)
{
    (void)state;
    setlocale(LC_CTYPE, "C.UTF-8");
    struct surface s = {0};
    struct editor e = {0};
    assert_int_equal(surface_resize(&s, 1, 10), 0);
    editor_set(&e, "abc");
    assert_int_equal(editor_draw(&e, &s, 0, 1, 5), 4);
    editor_set(&e, "abcdefgh");
    assert_int_equal(editor_draw(&e, &s, 0, 1, 5), 5);
    assert_int_equal(s.cells[1].glyph, 'e');
    editor_release(&e);
    surface_release(&s);
}

static void other_keys_are_left_to_the_caller(void **state)
{
    (void)state;
    struct editor e = {0};
    assert_false(editor_key(&e, KEY_CODE_ENTER));
    assert_false(editor_key(&e, KEY_CODE_ESCAPE));
    assert_false(editor_key(&e, KEY_CODE_TAB));
    assert_false(editor_key(&e, KEY_CODE_F1));
    assert_int_equal(e.length, 0);
    editor_release(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_names_are_read_back),
        cmocka_unit_test(unknown_key_names_are_none),
        cmocka_unit_test(typing_and_deleting_keep_characters_whole),
        cmocka_unit_test(words_and_halves_can_be_cut),
        cmocka_unit_test(history_is_walked_and_the_draft_returns),
        cmocka_unit_test(history_forgets_the_oldest),
        cmocka_unit_test(completion_replaces_the_word),
        cmocka_unit_test(a_full_line_takes_no_more),
        cmocka_unit_test(drawing_scrolls_to_the_cursor),
        cmocka_unit_test(other_keys_are_left_to_the_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

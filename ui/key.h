/* Keys: a Unicode character, a control character, or one of the names below.
 * The action table, the tests and scripts write them as text. */
#ifndef UI_KEY_H
#define UI_KEY_H

#include <stddef.h>

enum key {
    KEY_NONE = 0,
    KEY_CODE_TAB = 9,
    KEY_CODE_ENTER = 13,
    KEY_CODE_ESCAPE = 27,
    KEY_CODE_BACKSPACE = 127,
    KEY_CODE_FIRST = 0x110000, /* above Unicode */
    KEY_CODE_UP = KEY_CODE_FIRST,
    KEY_CODE_DOWN,
    KEY_CODE_LEFT,
    KEY_CODE_RIGHT,
    KEY_CODE_HOME,
    KEY_CODE_END,
    KEY_CODE_PAGE_UP,
    KEY_CODE_PAGE_DOWN,
    KEY_CODE_DELETE,
    KEY_CODE_BACK_TAB,
    KEY_CODE_F1,
    KEY_CODE_F12 = KEY_CODE_F1 + 11,
    KEY_CODE_PREFIX = 0x120000, /* + second key of "g-" and the like */
};

#define KEY_CONTROL(letter) ((letter)&0x1f)

/*
 * Reads one key's name: "j", "^R", "Up", "F9", "Space", "g-" (a sequence
 * after g). Moves *text behind it and following blanks. KEY_NONE at the end
 * or where no key is named.
 */
int key_read(const char **text);

/* Writes a key's name; returns `name`. */
char *key_text(int key, char *name, size_t room);

#endif

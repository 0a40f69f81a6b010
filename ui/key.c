/* Names of keys, one table for both directions. */
#include "key.h"

#include "base/array.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int key;
} names[] = {
    {"Space", ' '},
    {"Tab", KEY_CODE_TAB},
    {"Enter", KEY_CODE_ENTER},
    {"Esc", KEY_CODE_ESCAPE},
    {"Backspace", KEY_CODE_BACKSPACE},
    {"Up", KEY_CODE_UP},
    {"Down", KEY_CODE_DOWN},
    {"Left", KEY_CODE_LEFT},
    {"Right", KEY_CODE_RIGHT},
    {"Home", KEY_CODE_HOME},
    {"End", KEY_CODE_END},
    {"PgUp", KEY_CODE_PAGE_UP},
    {"PgDn", KEY_CODE_PAGE_DOWN},
    {"Del", KEY_CODE_DELETE},
    {"S-Tab", KEY_CODE_BACK_TAB},
};

static int word_key(const char *word, size_t length)
{
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (strlen(names[i].name) == length &&
            memcmp(names[i].name, word, length) == 0)
            return names[i].key;
    if (length == 1)
        return (unsigned char)word[0];
    if (length == 2 && word[0] == '^')
        return KEY_CONTROL(word[1]);
    if (length == 2 && word[0] == 'g')
        return KEY_CODE_PREFIX + (unsigned char)word[1];
    if (length >= 2 && length <= 3 && word[0] == 'F') {
        long number = strtol(word + 1, NULL, 10);
        if (number >= 1 && number <= 12)
            return KEY_CODE_F1 + (int)number - 1;
    }
    return KEY_NONE;
}

int key_read(const char **text)
{
    const char *s = *text + strspn(*text, " \t\r\n");
    size_t length = strcspn(s, " \t\r\n");
    int key = length > 0 ? word_key(s, length) : KEY_NONE;
    s += length;
    *text = s + strspn(s, " \t\r\n");
    return key;
}

char *key_text(int key, char *name, size_t room)
{
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (names[i].key == key) {
            snprintf(name, room, "%s", names[i].name);
            return name;
        }
    if (key >= KEY_CODE_PREFIX)
        snprintf(name, room, "g%c", key - KEY_CODE_PREFIX);
    else if (key >= KEY_CODE_F1 && key <= KEY_CODE_F12)
        snprintf(name, room, "F%d", key - KEY_CODE_F1 + 1);
    else if (key >= ' ' && key < 127)
        snprintf(name, room, "%c", key);
    else if (key > 0 && key < ' ')
        snprintf(name, room, "^%c", key + '@');
    else
        snprintf(name, room, "U+%04X", (unsigned)key);
    return name;
}

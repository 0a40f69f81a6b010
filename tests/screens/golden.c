/* Files are compared line by line, so that the difference can be seen. */
#include "golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LINE_COLUMNS = 400 };

static size_t glyph_bytes(const char *s)
{
    unsigned char c = (unsigned char)*s;
    return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

static int masked(const struct golden_mask *masks, int row, int column)
{
    for (; masks != NULL && masks->rows > 0; masks++)
        if (row >= masks->row && row < masks->row + masks->rows &&
            column >= masks->column && column < masks->column + masks->columns)
            return 1;
    return 0;
}

/* The text with masked cells as '#': also where a line ends before them. */
static char *blotted(const char *text, const struct golden_mask *masks)
{
    char *out = malloc(strlen(text) * 2 + 100000);
    size_t length = 0;
    assert_non_null(out);
    for (int row = 0; *text != '\0'; row++) {
        int column = 0;
        for (; *text != '\n' && *text != '\0'; column++) {
            size_t bytes = glyph_bytes(text);
            if (masked(masks, row, column)) {
                out[length++] = '#';
            } else {
                memcpy(out + length, text, bytes);
                length += bytes;
            }
            text += bytes;
        }
        for (; column < LINE_COLUMNS; column++) {
            if (masked(masks, row, column))
                out[length++] = '#';
            else if (masked(masks, row, column + 1))
                out[length++] = ' ';
        }
        out[length++] = '\n';
        text += *text == '\n';
    }
    out[length] = '\0';
    return out;
}

static char *read_golden(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, 1 << 18);
    assert_non_null(text);
    if (file != NULL) {
        size_t count = fread(text, 1, (1 << 18) - 1, file);
        text[count] = '\0';
        fclose(file);
    }
    return text;
}

static void write_golden(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
        fail_msg("cannot write '%s'", path);
}

/* Lines that differ, one above the other. */
static void print_difference(const char *expected, const char *found)
{
    for (int row = 1; *expected != '\0' || *found != '\0'; row++) {
        size_t a = strcspn(expected, "\n"), b = strcspn(found, "\n");
        if (a != b || memcmp(expected, found, a) != 0)
            print_error("line %d\n  - %.*s\n  + %.*s\n", row, (int)a, expected,
                        (int)b, found);
        expected += a + (expected[a] == '\n');
        found += b + (found[b] == '\n');
    }
}

void golden_assert(const char *name, const char *text,
                   const struct golden_mask *masks)
{
    const char *update = getenv("UPDATE_GOLDEN");
    char path[256];
    snprintf(path, sizeof path, "tests/golden/%s.txt", name);
    char *found = blotted(text, masks);
    char *expected = read_golden(path);
    int same = strcmp(found, expected) == 0;
    if (!same && update != NULL && *update != '\0') {
        write_golden(path, found);
        same = 1;
    }
    if (!same) {
        print_error("%s differs (- stored, + found); UPDATE_GOLDEN=1 accepts\n",
                    path);
        print_difference(expected, found);
    }
    free(found);
    free(expected);
    assert_true(same);
}

/* Errors, strings, arrays, arenas and maps. */
#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/map.h"
#include "base/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The address sanitizer, where it is built in, would end the process at an
 * allocation that cannot succeed instead of returning NULL. */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void an_error_keeps_code_and_sentence(void **state)
{
    (void)state;
    struct error err = {0};
    assert_int_equal(error_set(&err, ERROR_SHAPE, "%d of '%s'", 3, "x"), -1);
    assert_int_equal(err.code, ERROR_SHAPE);
    assert_string_equal(err.message, "3 of 'x'");
    assert_int_equal(error_prefix(&err, "layer %d", 7), -1);
    assert_int_equal(error_prefix(&err, "%s", "a.onnx"), -1);
    assert_int_equal(err.code, ERROR_SHAPE);
    assert_string_equal(err.message, "a.onnx: layer 7: 3 of 'x'");
    assert_int_equal(error_memory(&err, 12), -1);
    assert_int_equal(err.code, ERROR_MEMORY);
    assert_string_equal(err.message, "out of memory (12 bytes wanted)");
}

static void nobody_may_want_to_know_an_error(void **state)
{
    (void)state;
    assert_int_equal(error_set(NULL, ERROR_IO, "x"), -1);
    assert_int_equal(error_prefix(NULL, "x"), -1);
    assert_int_equal(error_memory(NULL, 1), -1);
}

/* Every length of prefix and message around the room that there is. */
static void long_errors_lose_their_end(void **state)
{
    (void)state;
    char prefix[2000], message[2000], whole[4100];
    for (int p = 1000; p < 1040; p++)
        for (int m = 0; m < 40; m += 13) {
            struct error err = {0};
            memset(prefix, 'p', sizeof prefix);
            memset(message, 'm', sizeof message);
            prefix[p] = '\0';
            message[m] = '\0';
            error_set(&err, ERROR_IO, "%s", message);
            error_prefix(&err, "%s", prefix);
            snprintf(whole, sizeof whole, "%s: %s", prefix, message);
            size_t length = strlen(err.message);
            assert_true(length < ERROR_MESSAGE_BYTES);
            assert_int_equal(strncmp(err.message, whole, length), 0);
            assert_true(length >= ERROR_MESSAGE_BYTES - 3 ||
                        length == strlen(whole));
        }
}

static void a_strbuf_grows_by_any_piece(void **state)
{
    (void)state;
    struct strbuf s = {0};
    char expected[8000] = "";
    size_t length = 0;
    assert_string_equal(strbuf_text(&s), "");
    for (int i = 0; i < 700; i++) {
        char piece[32];
        int n = snprintf(piece, sizeof piece, "<%d>", i * i);
        memcpy(expected + length, piece, (size_t)n + 1);
        length += (size_t)n;
        if (i % 3 == 0)
            strbuf_add(&s, piece);
        else if (i % 3 == 1)
            strbuf_addf(&s, "<%d>", i * i);
        else
            strbuf_add_bytes(&s, piece, (size_t)n);
        assert_int_equal(s.length, length);
        assert_string_equal(strbuf_text(&s), expected);
    }
    strbuf_clear(&s);
    assert_int_equal(s.length, 0);
    assert_string_equal(strbuf_text(&s), "");
    strbuf_release(&s);
}

/* Formatting has a small buffer of its own: lengths on both sides of it. */
static void formatted_text_may_have_any_length(void **state)
{
    (void)state;
    for (int n = 250; n < 262; n++) {
        struct strbuf s = {0};
        strbuf_add(&s, "begin ");
        strbuf_addf(&s, "%*d", n, 7);
        strbuf_add(&s, " end");
        assert_false(s.failed);
        assert_int_equal(s.length, n + 10);
        assert_int_equal(strlen(s.text), n + 10);
        assert_string_equal(s.text + n + 4, " 7 end");
        strbuf_release(&s);
    }
}

static void taking_a_strbuf_empties_it(void **state)
{
    (void)state;
    struct strbuf s = {0};
    char *text = strbuf_take(&s);
    assert_string_equal(text, "");
    free(text);
    strbuf_add(&s, "x");
    text = strbuf_take(&s);
    assert_string_equal(text, "x");
    free(text);
    assert_null(s.text);
    assert_int_equal(s.length, 0);
}

static void a_strbuf_that_cannot_grow_says_so(void **state)
{
    (void)state;
    struct strbuf s = {0};
    strbuf_add(&s, "kept");
    strbuf_add_bytes(&s, "x", SIZE_MAX / 2);
    assert_true(s.failed);
    assert_string_equal(strbuf_text(&s), "kept");
    strbuf_add(&s, "later"); /* nothing after a gap */
    assert_string_equal(strbuf_text(&s), "kept");
    assert_null(strbuf_take(&s));
    assert_null(s.text);
}

static void arrays_grow_and_keep_their_items(void **state)
{
    (void)state;
    int *items = NULL;
    size_t capacity = 0, moved = 0;
    for (size_t i = 0; i < 10000; i++) {
        size_t before = capacity;
        assert_int_equal(array_reserve(&items, &capacity, i + 1, sizeof *items),
                         0);
        assert_true(capacity > i);
        moved += capacity != before;
        items[i] = (int)i * 3;
    }
    assert_true(moved < 30);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(items[i], i * 3);
    int *kept = items;
    size_t room = capacity;
    assert_int_equal(array_reserve(&items, &capacity, SIZE_MAX / 4, 8), -1);
    assert_int_equal(array_reserve(&items, &capacity, SIZE_MAX / 8, 4), -1);
    assert_ptr_equal(items, kept);
    assert_int_equal(capacity, room);
    free(items);
}

static void new_arrays_are_zero_and_checked(void **state)
{
    (void)state;
    unsigned char *zero = array_create(100, 7);
    assert_non_null(zero);
    for (int i = 0; i < 700; i++)
        assert_int_equal(zero[i], 0);
    free(zero);
    void *none = array_create(0, 8);
    assert_non_null(none);
    free(none);
    assert_null(array_create(SIZE_MAX / 2, 4));
    char *copy = string_copy("abc");
    assert_string_equal(copy, "abc");
    free(copy);
    assert_null(string_copy(NULL));
}

/* Many sizes, written over in full, then read: none overlaps another. */
static void an_arena_gives_zeroed_aligned_memory_of_its_own(void **state)
{
    (void)state;
    enum { PIECES = 400 };
    struct arena arena = {0};
    unsigned char *pieces[PIECES];
    size_t asked = 0;
    for (size_t i = 0; i < PIECES; i++) {
        size_t bytes = i % 50 == 49 ? 20000 + i : i;
        pieces[i] = arena_alloc(&arena, bytes);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        for (size_t k = 0; k < bytes; k++)
            assert_int_equal(pieces[i][k], 0);
        memset(pieces[i], (int)(i % 255 + 1), bytes);
        asked += bytes;
    }
    for (size_t i = 0; i < PIECES; i++) {
        size_t bytes = i % 50 == 49 ? 20000 + i : i;
        for (size_t k = 0; k < bytes; k++)
            assert_int_equal(pieces[i][k], i % 255 + 1);
    }
    assert_true(arena.total_bytes >= asked);
    arena_release(&arena);
    assert_null(arena.blocks);
    assert_int_equal(arena.total_bytes, 0);
    assert_non_null(arena_alloc(&arena, 1)); /* and may be used again */
    arena_release(&arena);
}

static void arena_copies_are_copies(void **state)
{
    (void)state;
    struct arena arena = {0};
    char text[] = "first";
    char *whole = arena_strdup(&arena, text);
    char *part = arena_strndup(&arena, text, 3);
    int numbers[] = {1, 2, 3};
    int *copy = arena_memdup(&arena, numbers, sizeof numbers);
    text[0] = 'X';
    numbers[0] = 9;
    assert_string_equal(whole, "first");
    assert_string_equal(part, "fir");
    assert_int_equal(copy[0], 1);
    assert_int_equal(copy[2], 3);
    assert_non_null(arena_memdup(&arena, NULL, 0));
    arena_release(&arena);
}

static void sizes_that_overflow_get_no_arena_memory(void **state)
{
    (void)state;
    struct arena arena = {0};
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_array(&arena, SIZE_MAX / 2, 3));
    assert_null(arena_strndup(&arena, "x", SIZE_MAX));
    long *numbers = arena_array(&arena, 5, sizeof *numbers);
    assert_non_null(numbers);
    assert_int_equal(numbers[4], 0);
    arena_release(&arena);
}

static void a_map_finds_every_key_and_no_other(void **state)
{
    (void)state;
    struct map map = {0};
    char key[32];
    size_t value = 77;
    assert_false(map_get(&map, "x", &value));
    assert_int_equal(value, 77);
    for (size_t i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "layers.%zu.weight", i);
        assert_int_equal(map_set(&map, key, i * 2), 0);
    }
    assert_int_equal(map_set(&map, "", 123), 0); /* an empty key is a key */
    assert_int_equal(map.count, 5001);
    for (size_t i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "layers.%zu.weight", i);
        assert_true(map_get(&map, key, &value));
        assert_int_equal(value, i * 2);
        snprintf(key, sizeof key, "layers.%zu.weigh", i);
        assert_false(map_get(&map, key, NULL));
    }
    assert_true(map_get(&map, "", &value));
    assert_int_equal(value, 123);
    assert_int_equal(map_set(&map, "layers.7.weight", 1), 0);
    assert_int_equal(map.count, 5001);
    assert_true(map_get(&map, "layers.7.weight", &value));
    assert_int_equal(value, 1);
    map_release(&map);
    assert_int_equal(map.count, 0);
    assert_false(map_get(&map, "", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_keeps_code_and_sentence),
        cmocka_unit_test(nobody_may_want_to_know_an_error),
        cmocka_unit_test(long_errors_lose_their_end),
        cmocka_unit_test(a_strbuf_grows_by_any_piece),
        cmocka_unit_test(formatted_text_may_have_any_length),
        cmocka_unit_test(taking_a_strbuf_empties_it),
        cmocka_unit_test(a_strbuf_that_cannot_grow_says_so),
        cmocka_unit_test(arrays_grow_and_keep_their_items),
        cmocka_unit_test(new_arrays_are_zero_and_checked),
        cmocka_unit_test(an_arena_gives_zeroed_aligned_memory_of_its_own),
        cmocka_unit_test(arena_copies_are_copies),
        cmocka_unit_test(sizes_that_overflow_get_no_arena_memory),
        cmocka_unit_test(a_map_finds_every_key_and_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "base/array.h"
#include "prune/criteria.h"
#include "session/amount.h"
#include "session/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void words_are_cut_as_documented(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *items[8];
        size_t count;
    } cases[] = {
        {"", {0}, 0},
        {"  # only a comment", {0}, 0},
        {";;; ", {0}, 0},
        {"set fc 5%\r\n", {"set", "fc", "5%", NULL}, 4},
        {"a;b ; c", {"a", NULL, "b", NULL, "c", NULL}, 6},
        {"a#2 b #c", {"a#2", "b", NULL}, 3},
        {"'a b;#' \"c \\\"\\\\d\" e'f 'g",
         {"a b;#", "c \"\\d", "ef g", NULL},
         4},
        {"\"\" x", {"", "x", NULL}, 3},
        {"a\\[b", {"a\\[b", NULL}, 2},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct words words;
        assert_int_equal(words_parse(&words, cases[i].line, NULL), 0);
        assert_int_equal(words.count, cases[i].count);
        for (size_t j = 0; j < words.count; j++) {
            if (cases[i].items[j])
                assert_string_equal(words.items[j], cases[i].items[j]);
            else
                assert_null(words.items[j]);
        }
        words_release(&words);
    }
    struct words words;
    struct error err = {0};
    assert_int_equal(words_parse(&words, "a \"b", &err), -1);
    assert_string_equal(err.message, "a quote (\") is not closed");
    assert_int_equal(words_parse(&words, "a\nb", &err), -1);
    assert_int_equal(err.code, ERROR_USAGE);
}

static void added_words_come_back(void **state)
{
    (void)state;
    static const char *const list[] = {"plain", "two words", "semi;colon", "#",
                                       "#x",    "it's",      "\"q\\",      "",
                                       "a\\ b", "a#b",       "\\[x]"};
    struct strbuf line = {0};
    for (size_t i = 0; i < ARRAY_LENGTH(list); i++)
        words_add(&line, list[i]);
    struct words words;
    assert_int_equal(words_parse(&words, line.text, NULL), 0);
    assert_int_equal(words.count, ARRAY_LENGTH(list) + 1);
    for (size_t i = 0; i < ARRAY_LENGTH(list); i++)
        assert_string_equal(words.items[i], list[i]);
    words_release(&words);
    strbuf_release(&line);
}

static void amounts_parse_and_apply(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t present, units, remove;
    } cases[] = {
        {"85%", 0, 640, 544},       {"85.5%", 0, 1000, 855},
        {"0%", 5, 10, 0},           {"100%", 0, 7, 7},
        {"24", 3, 24, 24},          {"+1%", 0, 1000, 10},
        {"-10%", 50, 1000, 0},      {"+10%", 950, 1000, 1000},
        {"+5", 7, 10, 10},          {"-5", 7, 10, 2},
        {"+1%", 3, 10, 4},          {"-1%", 3, 10, 2},
        {"-1%", 0, 10, 0},          {"+0%", 3, 10, 3},
        {".5%", 0, 1000, 5},        {"12.5%", 0, 4, 1},
        {"37.5%", 0, 4, 2},         {"+1%", 290, 1000, 300},
        {"0.1%", 0, 1000000, 1000},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct amount amount;
        int64_t remove = -1;
        assert_int_equal(amount_parse(&amount, cases[i].text, NULL), 0);
        assert_int_equal(amount_apply(&amount, cases[i].present, cases[i].units,
                                      &remove, NULL),
                         0);
        assert_int_equal(remove, cases[i].remove);
    }
    static const char *const bad[] = {"",
                                      "%",
                                      "-",
                                      "abc",
                                      "1e3",
                                      "5 %",
                                      "1.2",
                                      "5%%",
                                      "1..2%",
                                      "0x10",
                                      "nan%",
                                      "1.",
                                      "12345678901234567890"};
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        struct amount amount;
        struct error err = {0};
        assert_int_equal(amount_parse(&amount, bad[i], &err), -1);
        assert_int_equal(err.code, ERROR_USAGE);
    }
    struct amount amount;
    struct error err = {0};
    assert_int_equal(amount_parse(&amount, "100.1%", &err), -1);
    assert_int_equal(err.code, ERROR_RANGE);
}

static void percentages_step_without_drift(void **state)
{
    (void)state;
    struct amount up, down;
    assert_int_equal(amount_parse(&up, "+1%", NULL), 0);
    assert_int_equal(amount_parse(&down, "-1%", NULL), 0);
    static const int64_t units[] = {150, 144, 577, 2304, 36864, 25000000};
    for (size_t u = 0; u < ARRAY_LENGTH(units); u++) {
        int64_t remove = 0;
        for (int percent = 1; percent <= 100; percent++) {
            amount_apply(&up, remove, units[u], &remove, NULL);
            assert_int_equal(remove, decision_units(percent / 100.0, units[u]));
        }
        for (int percent = 99; percent >= 0; percent--) {
            amount_apply(&down, remove, units[u], &remove, NULL);
            assert_int_equal(remove, decision_units(percent / 100.0, units[u]));
        }
    }
}

static void amounts_are_shown_briefly(void **state)
{
    (void)state;
    static const struct {
        int64_t remove, units;
        const char *text;
    } cases[] = {
        {0, 640, "0"},           {544, 640, "85"},
        {855, 1000, "85.5"},     {1, 3, "33"},
        {9, 10, "90"},           {1, 3000000, "0.01"},
        {640, 640, "100"},       {2999999, 3000000, "99.99"},
        {1501, 3000000, "0.05"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char text[AMOUNT_TEXT_BYTES];
        assert_string_equal(amount_text(cases[i].remove, cases[i].units, text),
                            cases[i].text);
    }
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_cut_as_documented),
        cmocka_unit_test(added_words_come_back),
        cmocka_unit_test(amounts_parse_and_apply),
        cmocka_unit_test(percentages_step_without_drift),
        cmocka_unit_test(amounts_are_shown_briefly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

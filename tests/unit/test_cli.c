#include "cli/command.h"
#include "cli/print.h"
#include "cli/run.h"
#include "session_fixture.h"

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

enum { ALL = ~0, MAX_WORDS = 24 };

/* Parses words separated by blanks. */
static int parse(struct cli_options *options, unsigned groups, const char *text,
                 struct error *err)
{
    static char copy[256];
    char *words[MAX_WORDS], *rest = NULL;
    int count = 0;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok_r(copy, " ", &rest); word && count < MAX_WORDS;
         word = strtok_r(NULL, " ", &rest))
        words[count++] = word;
    *err = (struct error){0};
    return options_parse(options, groups, count, words, err);
}

static void options_and_words_mix(void **state)
{
    (void)state;
    struct cli_options options;
    struct error err;
    assert_int_equal(parse(&options, (unsigned)ALL,
                           "a --json --samples=12 b --threads 3 -o out --set "
                           "x=1% --set y=2 -- --json",
                           &err),
                     0);
    assert_int_equal(options.argument_count, 3);
    assert_string_equal(options.arguments[1], "b");
    assert_string_equal(options.arguments[2], "--json");
    assert_true(options.json);
    assert_int_equal(options.samples, 12);
    assert_int_equal(options.threads, 3);
    assert_string_equal(options.output, "out");
    assert_int_equal(options.set_count, 2);
    assert_string_equal(options.sets[1], "y=2");
    options_release(&options);
}

static void normalisations_spread_over_channels(void **state)
{
    (void)state;
    struct cli_options options;
    struct error err;
    assert_int_equal(parse(&options, OPTION_PIXELS,
                           "--mean 0.1,0.2,0.3 --std 0.5 --scale 255", &err),
                     0);
    assert_true(options.user_pixels && options.user_scale);
    assert_int_equal(options.transform.channels, 3);
    assert_true(options.transform.mean[2] == 0.3);
    assert_true(options.transform.std[2] == 0.5);
    assert_true(options.transform.scale == 255);
    options_release(&options);
    assert_int_equal(
        parse(&options, OPTION_PIXELS, "--mean 1,2,3 --std 1,2", &err), -1);
    assert_non_null(strstr(err.message, "channels"));
    options_release(&options);
}

static void sizes_have_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t bytes;
    } good[] = {{"--memory 0", 0},
                {"--memory 123", 123},
                {"--memory 64k", 64 << 10},
                {"--memory 64K", 64 << 10},
                {"--memory 512M", 512 << 20},
                {"--memory 1.5G", (int64_t)1536 << 20}};
    static const char *const wrong[] = {"--memory M", "--memory 5X",
                                        "--memory -1", "--memory 5MB"};
    struct cli_options options;
    struct error err;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(parse(&options, OPTION_ENGINE, good[i].text, &err), 0);
        assert_int_equal(options.memory_bytes, good[i].bytes);
        options_release(&options);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(parse(&options, OPTION_ENGINE, wrong[i], &err), -1);
        assert_int_equal(err.code, ERROR_USAGE);
        options_release(&options);
    }
}

static void options_of_other_commands_are_unknown(void **state)
{
    (void)state;
    struct cli_options options;
    struct error err;
    assert_int_equal(parse(&options, OPTION_COMMON, "--samples 5", &err), -1);
    assert_int_equal(err.code, ERROR_USAGE);
    assert_string_equal(err.message, "unknown option '--samples'");
    options_release(&options);
    assert_int_equal(parse(&options, OPTION_COMMON, "-x", &err), -1);
    options_release(&options);
    assert_int_equal(parse(&options, OPTION_COMMON, "-h", &err), 0);
    assert_true(options.help);
    options_release(&options);
}

static void every_command_takes_json_and_says_what_it_does(void **state)
{
    (void)state;
    for (size_t i = 0; cli_commands[i]; i++) {
        const struct cli_command *command = cli_commands[i];
        assert_ptr_equal(command_find(command->name), command);
        assert_true(command->groups & OPTION_COMMON);
        assert_non_null(command->run);
        assert_true(strlen(command->help) > 10);
        assert_true(command->least <= command->most);
    }
    assert_null(command_find("cake"));
    for (const struct option_row *row = options_table(); option_long_name(row);
         row = option_next(row))
        assert_true(strlen(option_long_name(row)) > 1);
}

static void numbers_print_as_they_are_read(void **state)
{
    (void)state;
    cJSON *object = cJSON_CreateObject();
    json_number(object, "accuracy", 8976.0 / 10000, 6);
    json_number(object, "third", 1.0 / 3, 4);
    json_number(object, "nothing", NAN, 4);
    json_number(object, "small", -1e-9, 4);
    json_probability(object, "p", 1.23456789e-31);
    json_probability(object, "none", NAN);
    json_integer(object, "many", 1234567890123);
    char *text = cJSON_PrintUnformatted(object);
    assert_string_equal(text, "{\"accuracy\":0.8976,\"third\":0.3333,"
                              "\"nothing\":null,\"small\":0,"
                              "\"p\":1.23457e-31,\"none\":null,"
                              "\"many\":1234567890123}");
    cJSON_free(text);
    cJSON_Delete(object);
}

static void figures_are_readable(void **state)
{
    (void)state;
    char text[64];
    assert_string_equal(count_text(0, text, sizeof text), "0");
    assert_string_equal(count_text(999, text, sizeof text), "999");
    assert_string_equal(count_text(1077354, text, sizeof text), "1,077,354");
    assert_string_equal(count_text(-1234, text, sizeof text), "-1,234");
    assert_string_equal(bytes_text(512, text, sizeof text), "512 B");
    assert_string_equal(bytes_text(1077354, text, sizeof text), "1.08 MB");
    struct estimate none = {0}, some = {0.5, 0.4, 0.6, 100, 100};
    assert_string_equal(percent_text(&none, text, sizeof text), "-");
    assert_string_equal(percent_text(&some, text, sizeof text),
                        "50.00 %  [40.00, 60.00]");
}

/* What a line of `set` and a word of --set decide; 0: refused. */
static uint64_t decided(struct session *session, const char *line)
{
    struct command_result result = {0};
    struct error err = {0};
    uint64_t hash = 0;
    if (session_execute(session, line, &result, &err) == 0) {
        hash = session_current(session)->hash;
        command_result_release(&result);
        session_fixture_run(session, "undo");
    }
    return hash;
}

static void assert_set(struct session *session, const char *layer,
                       const char *word, const char *words)
{
    char option[120], line[120];
    snprintf(option, sizeof option, "%s=%s", layer, word);
    snprintf(line, sizeof line, "set %s %s", layer, words);
    char *made = run_set_line(option);
    uint64_t expected = decided(session, line);
    if (!expected)
        fail_msg("'%s' is refused", line);
    if (decided(session, made) != expected)
        fail_msg("--set %s became '%s', expected '%s'", option, made, line);
    free(made);
}

/* A prunable layer that the structure fits. */
static const char *layer_for(const struct session *session,
                             const struct structure *structure)
{
    const struct layer_table *layers = session_layers(session);
    for (size_t i = 0; i < layers->count; i++)
        if (structure_most(structure, &layers->layers[i]) > 1)
            return layers->layers[i].name;
    return NULL;
}

static void every_way_of(struct session *session, const char *name)
{
    const struct structure *structure = structure_find(name);
    assert_non_null(structure);
    const char *layer = layer_for(session, structure);
    if (!layer) /* heads, blocks of layers: other models have them */
        layer = structure_most(structure, session_layers(session)->layers)
                    ? session_layers(session)->layers[0].name
                    : NULL;
    if (!layer)
        return;
    /* What stands before and behind the name, in the option and in a line. */
    static const char *const forms[][4] = {{"50%:", "", "50% ", ""},
                                           {"1:", "", "1 ", ""},
                                           {"50%:", ":l2", "50% ", " l2"},
                                           {"+1%:", "", "+1% ", ""},
                                           {"", ":50%", "", ":50%"},
                                           {"", ":1", "", ":1"},
                                           {"", ":1:l2", "", ":1 l2"},
                                           {"50% ", " l2", "50% ", " l2"},
                                           {"", "", "", ""},
                                           {"", ":l2", "", " l2"}};
    size_t count = ARRAY_LENGTH(forms) - (structure->natural ? 0 : 2);
    for (size_t i = 0; i < count; i++) {
        char word[80], words[80];
        snprintf(word, sizeof word, "%s%s%s", forms[i][0], name, forms[i][1]);
        snprintf(words, sizeof words, "%s%s%s", forms[i][2], name, forms[i][3]);
        assert_set(session, layer, word, words);
    }
}

static void set_takes_what_the_language_takes(void **state)
{
    (void)state;
    static const char *const members[] = {
        "1:4", "4:8p", "block:2x2", "block:1x16", "channel/2", "channel/4"};
    struct session *session = session_fixture_load("data/resnet20.onnx");
    for (size_t i = 0; structures[i]; i++)
        every_way_of(session, structures[i]->name);
    for (size_t i = 0; i < ARRAY_LENGTH(members); i++)
        every_way_of(session, members[i]);
    assert_set(session, "layers.*", "50% channel/8", "50% channel/8");
    assert_set(session, "layers.*", "70%::random", "70% random");
    assert_set(session, "@3", "12", "12");
    session_close(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_words_mix),
        cmocka_unit_test(normalisations_spread_over_channels),
        cmocka_unit_test(sizes_have_units),
        cmocka_unit_test(options_of_other_commands_are_unknown),
        cmocka_unit_test(every_command_takes_json_and_says_what_it_does),
        cmocka_unit_test(numbers_print_as_they_are_read),
        cmocka_unit_test(figures_are_readable),
        cmocka_unit_test(set_takes_what_the_language_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

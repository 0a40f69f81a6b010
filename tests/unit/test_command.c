#include "base/array.h"
#include "base/suggest.h"
#include "base/file.h"
#include "base/rng.h"
#include "prune/criteria.h"
#include "prune_fixture.h"
#include "session/amount.h"
#include "session/command.h"
#include "session/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { LAYERS = 6 };
static const char *const names[LAYERS] = {"conv1",          "layers.0.conv1",
                                          "layers.0.conv2", "layers.1.conv1",
                                          "odd name;#",     "fc"};
static const int64_t sizes[LAYERS] = {150, 144, 577, 2304, 10, 640};

struct bench {
    struct fixture fixture;
    struct state state;
};

static int setup(void **out)
{
    struct bench *bench = calloc(1, sizeof *bench);
    fixture_init(&bench->fixture, LAYERS, names, sizes, 11);
    assert_int_equal(state_init(&bench->state, bench->fixture.graph,
                                &bench->fixture.layers, NULL),
                     0);
    *out = bench;
    return 0;
}

static int teardown(void **in)
{
    struct bench *bench = *in;
    state_release(&bench->state);
    fixture_release(&bench->fixture);
    free(bench);
    return 0;
}

/* Executes a line that must succeed; returns its effect. */
static enum command_effect run(struct bench *bench, const char *line)
{
    struct command_result result;
    struct error err = {0};
    if (state_execute(&bench->state, line, &result, &err) < 0)
        fail_msg("'%s': %s", line, err.message);
    enum command_effect effect = result.effect;
    command_result_release(&result);
    return effect;
}

static void says(struct bench *bench, const char *line, const char *message)
{
    struct command_result result;
    assert_int_equal(state_execute(&bench->state, line, &result, NULL), 0);
    assert_string_equal(result.message, message);
    command_result_release(&result);
}

/* A line must fail with a code and a message, and change nothing. */
static void fails(struct bench *bench, const char *line, enum error_code code,
                  const char *message)
{
    struct command_result result;
    struct error err = {0};
    struct position before = bench->state.at;
    assert_int_equal(state_execute(&bench->state, line, &result, &err), -1);
    assert_string_equal(err.message, message);
    assert_int_equal(err.code, code);
    assert_memory_equal(&before, &bench->state.at, sizeof before);
    assert_null(result.message);
    assert_null(result.argument);
}

static int64_t removed(const struct bench *bench, size_t layer)
{
    return state_current(&bench->state)->decisions[layer].remove;
}

static void set_decides_for_names_globs_and_rows(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(run(bench, "set fc 85%"), COMMAND_EDITED);
    assert_int_equal(removed(bench, 5), 544);
    run(bench, "set layers.*.conv1 50% weight magnitude");
    assert_int_equal(removed(bench, 1), 72);
    assert_int_equal(removed(bench, 2), 0);
    assert_int_equal(removed(bench, 3), 1152);
    run(bench, "set @1 weight:24");
    assert_int_equal(removed(bench, 0), 24);
    run(bench, "set 'odd name;#' 3 random");
    assert_int_equal(removed(bench, 4), 3);
    assert_ptr_equal(state_current(&bench->state)->decisions[4].criterion,
                     &criterion_random);
    run(bench, "set * 0");
    assert_int_equal(state_current(&bench->state)->hash,
                     state_variant(&bench->state, 0)->hash);
    assert_int_equal(bench->state.at.count, 6);
}

static void steps_keep_the_method_of_the_layer(void **state)
{
    struct bench *bench = *state;
    run(bench, "set fc 50% random; set conv1 10%; set * +1%");
    assert_int_equal(removed(bench, 5), 326);
    assert_int_equal(removed(bench, 0), 17); /* 11 % of 150 is 16.5 */
    assert_int_equal(removed(bench, 1), 1);
    const struct decision *d = state_current(&bench->state)->decisions;
    assert_ptr_equal(d[5].criterion, &criterion_random);
    assert_ptr_equal(d[0].criterion, &criterion_magnitude);
    run(bench, "criterion random");
    run(bench, "set fc -50%; set conv1 20%");
    d = state_current(&bench->state)->decisions;
    assert_ptr_equal(d[0].criterion, &criterion_random);
    assert_int_equal(d[5].remove, 6);
}

static void edits_of_one_line_are_one_variant(void **state)
{
    struct bench *bench = *state;
    run(bench, "set fc 10% ; set conv1 20%; set @2 30%");
    assert_int_equal(bench->state.at.count, 2);
    assert_string_equal(state_current(&bench->state)->command,
                        "set fc 10% ; set conv1 20%; set @2 30%");
    run(bench, "set fc 20%; undo; set fc 30%");
    assert_int_equal(bench->state.at.count, 4);
    assert_int_equal(state_current(&bench->state)->parent, 1);
    assert_int_equal(removed(bench, 5), 192);
}

static void nothing_changes_without_a_reason(void **state)
{
    struct bench *bench = *state;
    run(bench, "set fc 10%");
    assert_int_equal(run(bench, ""), COMMAND_NOTHING);
    assert_int_equal(run(bench, "# set fc 20%"), COMMAND_NOTHING);
    assert_int_equal(run(bench, "set fc 64"), COMMAND_NOTHING);
    assert_int_equal(run(bench, "reset conv1"), COMMAND_NOTHING);
    assert_int_equal(run(bench, "criterion"), COMMAND_NOTHING);
    assert_int_equal(run(bench, "criterion magnitude"), COMMAND_NOTHING);
    assert_int_equal(run(bench, "goto 1"), COMMAND_NOTHING);
    assert_int_equal(bench->state.at.count, 2);
}

static void summaries_say_what_changed(void **state)
{
    struct bench *bench = *state;
    says(bench, "set layers.0.conv1 80%", "layers.0.conv1 0→80%");
    says(bench, "set @2 +5%", "layers.0.conv1 80→85%");
    says(bench, "set layers.* 85% # comment", "2 layers 0→85%");
    says(bench, "set * 90%", "6 layers →90%");
    says(bench, "set fc 90% random", "fc →90% by random");
    says(bench, "reset", "6 layers 90→0%");
    says(bench, "global 50% random", "global 50% random");
    says(bench, "set fc 1; set conv1 2",
         "2 layers, 50.0→39.7% of all by magnitude");
    says(bench, "undo", "#7 global 50% random");
    says(bench, "snapshot", "A is #7");
    says(bench, "set fc 0%; snapshot A", "fc 50.2→0%; A is #9 now, was #7");
    says(bench, "set fc 0%", "nothing changed");
    says(bench, "structure weight",
         "structure weight: single weights, anywhere in the layer");
    says(bench, "export \"a b.onnx\"", "export #9 to a b.onnx");
}

static void global_ranks_the_chosen_layers(void **state)
{
    struct bench *bench = *state;
    const int64_t all = 150 + 144 + 577 + 2304 + 10 + 640;
    run(bench, "global 60%");
    int64_t sum = 0;
    for (size_t i = 0; i < LAYERS; i++)
        sum += removed(bench, i);
    assert_int_equal(sum, decision_units(0.6, all));
    run(bench, "reset; global 100 magnitude fc conv1");
    assert_int_equal(removed(bench, 5) + removed(bench, 0), 100);
    assert_int_equal(removed(bench, 3), 0);
    run(bench, "global +10% fc @1");
    assert_int_equal(removed(bench, 5) + removed(bench, 0), 179);
    fails(bench, "global 791 fc conv1", ERROR_RANGE,
          "global: there are 790 weights: found 791, expected at most 790");
}

static void undo_tree_keeps_every_branch(void **state)
{
    struct bench *bench = *state;
    run(bench, "set fc 10%"); /* 1 */
    run(bench, "set fc 20%"); /* 2 */
    run(bench, "undo");
    run(bench, "set fc 30%"); /* 3, a branch of 1 */
    run(bench, "undo 2");
    assert_int_equal(bench->state.at.current, 0);
    fails(bench, "undo", ERROR_RANGE, "undo: nothing to undo");
    run(bench, "redo");
    run(bench, "redo");
    assert_int_equal(bench->state.at.current, 3); /* the newest branch */
    fails(bench, "redo", ERROR_RANGE, "redo: nothing to redo");
    run(bench, "older");
    assert_int_equal(bench->state.at.current, 2);
    run(bench, "undo; redo");
    assert_int_equal(bench->state.at.current, 2); /* the way it came */
    run(bench, "older 9");
    assert_int_equal(bench->state.at.current, 0);
    fails(bench, "older", ERROR_RANGE, "older: this is the oldest variant");
    run(bench, "newer 2");
    assert_int_equal(bench->state.at.current, 2);
    run(bench, "newer 9");
    fails(bench, "newer", ERROR_RANGE, "newer: this is the newest variant");
    run(bench, "goto 1; redo");
    assert_int_equal(bench->state.at.current, 3);
    run(bench, "snapshot best; goto 0; goto best");
    assert_int_equal(bench->state.at.current, 3);
    fails(bench, "goto 4", ERROR_NAME,
          "goto: found '4', expected a variant from 0 to 3 or the name of a "
          "snapshot");
}

static void snapshots_have_sane_names(void **state)
{
    struct bench *bench = *state;
    fails(bench, "snapshot 7up", ERROR_USAGE,
          "snapshot: found the name '7up', expected 1 to 31 bytes that do not "
          "begin with a digit");
    for (char c = 'A'; c <= 'Z'; c++)
        run(bench, "set fc +1%; snapshot");
    assert_int_equal(state_find_snapshot(&bench->state, "Z"), 25);
    fails(bench, "snapshot", ERROR_USAGE,
          "snapshot: A to Z are taken, expected a name");
    char line[40];
    for (int i = 26; i < SNAPSHOT_MAX; i++) {
        snprintf(line, sizeof line, "snapshot s%d", i);
        run(bench, line);
    }
    fails(bench, "snapshot more", ERROR_RANGE,
          "snapshot: there are 64 snapshots already");
}

static void failing_lines_change_nothing(void **state)
{
    struct bench *bench = *state;
    run(bench, "set conv1 50%; snapshot A");
    bench->fixture.layers.layers[3].prunable = false;
    bench->fixture.layers.layers[3].reason = "shared";
    fails(bench, "sett fc 5%", ERROR_NAME,
          "unknown command 'sett', nearest is 'set'");
    fails(bench, "tone 2 epochs", ERROR_NAME,
          "unknown command 'tone', nearest is 'tune'");
    fails(bench, "set fc", ERROR_USAGE,
          "set: found 1 word, expected: set LAYERS AMOUNT [STRUCTURE] "
          "[CRITERION]");
    fails(bench, "set fc 10% weight magnitude extra", ERROR_USAGE,
          "set: found 5 words, expected: set LAYERS AMOUNT [STRUCTURE] "
          "[CRITERION]");
    fails(bench, "set fd 5%", ERROR_NAME,
          "set: no layer 'fd', the nearest is 'fc'");
    fails(bench, "set layers.1.conv1 5%", ERROR_UNSUPPORTED,
          "set: layer 'layers.1.conv1' cannot be pruned: shared");
    fails(bench, "set fc 641", ERROR_RANGE,
          "set: layer 'fc' has 640 weights: found 641, expected at most 640");
    fails(bench, "set fc 101%", ERROR_RANGE,
          "set: found 101%, expected 0% to 100%");
    fails(bench, "set fc 0.5", ERROR_USAGE,
          "set: '0.5' is not a whole number; a percentage ends in %");
    fails(bench, "set fc wight:3", ERROR_NAME,
          "set: 'wight' is neither a structure nor a criterion, nearest is "
          "'weight'");
    fails(bench, "set fc 5% magnitud", ERROR_NAME,
          "set: 'magnitud' is neither a structure nor a criterion, nearest is "
          "'magnitude'");
    fails(bench, "bake a cake", ERROR_NAME,
          "unknown command 'bake', expected set, global, budget, reset, "
          "criterion, structure, reconstruct, scan, criteria, robustness, "
          "undo, redo, older, newer, goto, snapshot, tune, masks, export");
    fails(bench, "set fc 5% wishful", ERROR_NAME,
          "set: 'wishful' is neither a structure nor a criterion, expected "
          "weight, 2:4, 2:4p, block:4x1, kernel, channel, head, layer; "
          "magnitude, lamp, l2, normalised, wanda, taylor, snip, fisher, obs, "
          "bn-scale, fpgm, apoz, mean-activation, random");
    fails(bench, "set fc 5% magnitude random", ERROR_USAGE,
          "set: found a second criterion 'random'");
    fails(bench, "set fc weight:5% weight", ERROR_USAGE,
          "set: found a second structure 'weight'");
    fails(bench, "undo x", ERROR_USAGE,
          "undo: found 'x', expected how many steps");
    fails(bench, "undo 0", ERROR_USAGE,
          "undo: found '0', expected how many steps");
    fails(bench, "export ''", ERROR_USAGE, "export: found an empty path");
    fails(bench, "set fc 50%; criterion random; snapshot B; undo; set x 1%",
          ERROR_NAME,
          "set: no layer 'x' among 6 from 'conv1' to 'fc' ('inspect' lists "
          "them)");
    fails(bench, "export a.onnx; undo", ERROR_USAGE,
          "'undo' after export or work, which must come last");
    fails(bench, "set 'fc 5%", ERROR_USAGE, "a quote (') is not closed");
    run(bench, "set layers.* 5%"); /* globs pass over what cannot be pruned */
    assert_int_equal(removed(bench, 3), 0);
    assert_int_equal(removed(bench, 2), 29);
}

static void export_hands_its_path_out(void **state)
{
    struct bench *bench = *state;
    struct command_result result;
    assert_int_equal(
        state_execute(&bench->state, "set fc 9%; export 'o ut'", &result, NULL),
        0);
    assert_int_equal(result.effect, COMMAND_EXPORT);
    assert_string_equal(result.argument, "o ut");
    assert_int_equal(bench->state.at.exported, 1);
    assert_int_equal(removed(bench, 5), 58);
    command_result_release(&result);
}

static void hash_speaks_of_decisions_alone(void **state)
{
    struct bench *bench = *state;
    run(bench, "set fc 50%");
    uint64_t first = state_current(&bench->state)->hash;
    run(bench, "set fc 60%; set conv1 1");
    assert_true(state_current(&bench->state)->hash != first);
    run(bench, "set conv1 0");
    run(bench, "set fc 320");
    assert_true(state_current(&bench->state)->hash == first);
    run(bench, "set fc 50% random");
    assert_true(state_current(&bench->state)->hash != first);
    run(bench, "reset; set conv1 9; reset conv1; set layers.1.conv1 320");
    assert_true(state_current(&bench->state)->hash != first);
}

static void every_command_has_its_row(void **state)
{
    (void)state;
    for (const struct command_info *info = session_commands(); info->name;
         info++) {
        const struct edit_command *command = edit_command_find(info->name);
        assert_non_null(command);
        assert_string_equal(command->name, info->name);
        assert_memory_equal(info->synopsis, info->name, strlen(info->name));
        assert_true(info->help[0] != '\0');
        assert_true(suggest_distance(info->name, info->name) == 0);
    }
    assert_null(edit_command_find("cake"));
}

/* Whether the manual has a line that begins with `macro` and this word. */
static bool is_in_manual(const char *manual, const char *macro,
                         const char *word)
{
    char line[80];
    snprintf(line, sizeof line, "\n%s %s", macro, word);
    while ((manual = strstr(manual, line))) {
        manual += strlen(line);
        if (strchr(" \n\\", *manual))
            return true;
    }
    return false;
}

static void manual_describes_every_word(void **state)
{
    (void)state;
    char *manual;
    size_t bytes;
    assert_int_equal(file_read(&manual, &bytes, "man/espalier-recipe.5", NULL),
                     0);
    for (const struct command_info *info = session_commands(); info->name;
         info++)
        if (!is_in_manual(manual, ".BI", info->name))
            fail_msg("command '%s' is not in the manual", info->name);
    for (size_t i = 0; criteria[i]; i++)
        if (!is_in_manual(manual, ".B", criteria[i]->name))
            fail_msg("criterion '%s' is not in the manual", criteria[i]->name);
    for (size_t i = 0; structures[i]; i++)
        if (!is_in_manual(manual, ".B", structures[i]->name))
            fail_msg("structure '%s' is not in the manual",
                     structures[i]->name);
    free(manual);
}

static void distance_counts_edits(void **state)
{
    (void)state;
    assert_int_equal(suggest_distance("", ""), 0);
    assert_int_equal(suggest_distance("", "abc"), 3);
    assert_int_equal(suggest_distance("abc", ""), 3);
    assert_int_equal(suggest_distance("undo", "redo"), 2);
    assert_int_equal(suggest_distance("udno", "undo"), 1);
    assert_int_equal(suggest_distance("kitten", "sitting"), 3);
    assert_int_equal(suggest_distance("FC", "fc"), 0);
}

static const char *nearest(const char *word, const char *a, const char *b)
{
    struct suggestion near = {.word = word};
    suggest_offer(&near, a);
    suggest_offer(&near, b);
    return near.best ? near.best : "";
}

static void only_what_is_near_is_suggested(void **state)
{
    (void)state;
    assert_string_equal(nearest("unod", "redo", "undo"), "undo");
    assert_string_equal(nearest("fd", "stem", "fc"), "fc");
    assert_string_equal(nearest("x", "stem", "fc"), "");
    assert_string_equal(nearest("", "a", "fc"), "");
    assert_string_equal(nearest("nosuch", "stem", "layers.0.conv1"), "");
    assert_string_equal(nearest("layer0.conv1", "layers.0.conv1", "stem"),
                        "layers.0.conv1");
    assert_string_equal(nearest("bake", "base", "take"), "base");
}

/* Walks that never end anywhere else than a full retelling would. */
static void random_lines_keep_the_tree_whole(void **state)
{
    struct bench *bench = *state;
    struct rng rng;
    rng_init(&rng, 3);
    static const char *const lines[] = {"set fc +3%",
                                        "set conv1 -7% random",
                                        "undo",
                                        "redo",
                                        "older 2",
                                        "newer",
                                        "global 40%",
                                        "reset layers.*",
                                        "snapshot A",
                                        "goto A",
                                        "goto 3",
                                        "undo 3",
                                        "set nothing 5%",
                                        "set * 200%",
                                        "criterion random",
                                        "criterion magnitude"};
    for (int i = 0; i < 1000; i++) {
        struct command_result result;
        struct error err = {0};
        const char *line = lines[rng_below(&rng, ARRAY_LENGTH(lines))];
        if (state_execute(&bench->state, line, &result, &err) == 0)
            command_result_release(&result);
        const struct position *at = &bench->state.at;
        assert_in_range(at->current, 0, at->count - 1);
        assert_in_range(at->tip, at->current, at->count - 1);
        for (int id = 1; id < at->count; id++) {
            const struct variant *v = state_variant(&bench->state, id);
            assert_int_equal(v->id, id);
            assert_in_range(v->parent, 0, id - 1);
        }
    }
    assert_true(bench->state.at.count > 100);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH(set_decides_for_names_globs_and_rows),
        WITH(steps_keep_the_method_of_the_layer),
        WITH(edits_of_one_line_are_one_variant),
        WITH(nothing_changes_without_a_reason),
        WITH(summaries_say_what_changed),
        WITH(global_ranks_the_chosen_layers),
        WITH(undo_tree_keeps_every_branch),
        WITH(snapshots_have_sane_names),
        WITH(failing_lines_change_nothing),
        WITH(export_hands_its_path_out),
        WITH(hash_speaks_of_decisions_alone),
        cmocka_unit_test(every_command_has_its_row),
        cmocka_unit_test(manual_describes_every_word),
        cmocka_unit_test(distance_counts_edits),
        cmocka_unit_test(only_what_is_near_is_suggested),
        WITH(random_lines_keep_the_tree_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

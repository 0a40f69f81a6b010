#include "base/array.h"
#include "base/rng.h"
#include "prune/criteria.h"
#include "prune_fixture.h"
#include "session/parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { LAYERS = 9 };
static const char *const names[LAYERS] = {
    "conv1",          "layers.0.conv1", "layers.0.conv2", "layers.1.conv1",
    "layers.1.conv2", "layers.2.down",  "odd \"name\";#", "fc",
    "@head"};
static const int64_t sizes[LAYERS] = {150,   144, 577, 2304, 36864,
                                      50000, 10,  640, 1};

static struct decision by(const struct criterion *criterion, int64_t remove)
{
    return (struct decision){.structure = &structure_weight,
                             .criterion = criterion,
                             .remove = remove};
}

static size_t lines_of(const char *text)
{
    size_t lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

/* Runs the lines on a dense model and compares the outcome. */
static void assert_recipe_gives(const struct fixture *f, const char *recipe,
                                const struct decision *decisions)
{
    struct state state;
    struct error err = {0};
    assert_int_equal(state_init(&state, f->graph, &f->layers, NULL), 0);
    char *copy = string_copy(recipe);
    for (char *line = copy, *end; *line; line = end + 1) {
        struct command_result result;
        end = strchr(line, '\n');
        assert_non_null(end);
        *end = '\0';
        if (state_execute(&state, line, &result, &err) < 0)
            fail_msg("'%s': %s in\n%s", line, err.message, recipe);
        command_result_release(&result);
    }
    const struct variant *v = state_current(&state);
    for (size_t i = 0; i < LAYERS; i++)
        if (!decision_equal(&v->decisions[i], &decisions[i]))
            fail_msg("layer %zu: found %lld, expected %lld from\n%s", i,
                     (long long)v->decisions[i].remove,
                     (long long)decisions[i].remove, recipe);
    free(copy);
    state_release(&state);
}

static void recipe_is(const struct fixture *f, const struct decision *decisions,
                      const char *expected)
{
    struct strbuf text = {0};
    recipe_add(&text, &f->layers, decisions);
    assert_string_equal(strbuf_text(&text), expected);
    assert_recipe_gives(f, strbuf_text(&text), decisions);
    strbuf_release(&text);
}

/* `percent` of every layer. */
static void set_all(struct decision *decisions, double percent)
{
    for (size_t i = 0; i < LAYERS; i++)
        decisions[i] =
            by(&criterion_magnitude, decision_units(percent / 100, sizes[i]));
}

static void recipes_are_short(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, LAYERS, names, sizes, 1);
    struct decision d[LAYERS] = {{0}};
    recipe_is(&f, d, "");
    set_all(d, 85.5);
    recipe_is(&f, d, "set * 85.5%\n");
    d[7] = by(&criterion_random, 320);
    recipe_is(&f, d, "set * 85.5%\nset fc 50% random\n");
    d[7].remove = 0;
    recipe_is(&f, d, "set * 85.5%\nset fc 0%\n");
    memset(d, 0, sizeof d);
    d[1] = by(&criterion_magnitude, 72);
    d[3] = by(&criterion_magnitude, 1152);
    recipe_is(&f, d, "set *.conv1 50%\n");
    d[2] = by(&criterion_magnitude, 404);
    d[4] = by(&criterion_magnitude, 25805);
    recipe_is(&f, d, "set *.conv1 50%\nset *.conv2 70%\n");
    memset(d, 0, sizeof d);
    d[4] = by(&criterion_magnitude, 12345);
    d[6] = by(&criterion_magnitude, 9);
    d[8] = by(&criterion_magnitude, 1);
    recipe_is(&f, d,
              "set layers.1.conv2 12345\n"
              "set \"odd \\\"name\\\";#\" 90%\n"
              "set @9 90%\n");
    f.layers.layers[6].prunable = f.layers.layers[8].prunable = false;
    set_all(d, 25);
    d[6].remove = d[8].remove = 0;
    recipe_is(&f, d, "set * 25%\n");
    fixture_release(&f);
}

static void recipes_restore_random_decisions(void **state)
{
    (void)state;
    const uint64_t seed = 20;
    struct rng rng;
    struct fixture f;
    rng_init(&rng, seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    fixture_init(&f, LAYERS, names, sizes, seed);
    static const double usual[] = {0, 50, 85, 85.5, 90, 99.99};
    for (int round = 0; round < 400; round++) {
        struct decision d[LAYERS] = {{0}};
        for (size_t i = 0; i < LAYERS; i++) {
            double percent = usual[rng_below(&rng, ARRAY_LENGTH(usual))];
            int64_t remove =
                round % 3 ? decision_units(percent / 100, sizes[i])
                          : (int64_t)rng_below(&rng, (uint64_t)sizes[i] + 1);
            d[i] = by(rng_below(&rng, 5) ? &criterion_magnitude
                                         : &criterion_random,
                      remove);
        }
        struct strbuf text = {0};
        recipe_add(&text, &f.layers, d);
        assert_false(text.failed);
        assert_in_range(lines_of(strbuf_text(&text)), 0, LAYERS);
        assert_recipe_gives(&f, strbuf_text(&text), d);
        strbuf_release(&text);
    }
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recipes_are_short),
        cmocka_unit_test(recipes_restore_random_decisions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

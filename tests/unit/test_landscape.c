/* A scan seen as a whole, against the functions that see one layer. */
#include "prune/landscape.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const double amounts[] = {0.2, 0.4, 0.6, 0.8};
static struct sensitivity table;

static void add(int row, const char *criterion, double amount, double value)
{
    char name[16];
    snprintf(name, sizeof name, "layer%d", row);
    struct sensitivity_point point = {.row = row,
                                      .layer = name,
                                      .structure = "weight",
                                      .amount = amount,
                                      .removed = (int64_t)(amount * 1000),
                                      .units = 1000,
                                      .value = value,
                                      .low = value - 0.005,
                                      .high = value + 0.005,
                                      .samples = 100 * row + 7};
    snprintf(point.criterion, sizeof point.criterion, "%s", criterion);
    assert_int_equal(sensitivity_add(&table, &point, NULL), 0);
}

/* Layer 2 falls earliest, layer 3 lacks its last point, layer 5 is of another
 * criterion. */
static int setup(void **state)
{
    (void)state;
    static const double falls[] = {0, 0.10, 0.40, 0.05, 0.20};
    table = (struct sensitivity){.baseline = 0.9};
    for (int row = 1; row <= 4; row++)
        for (size_t i = 0; i < 4; i++)
            if (row != 3 || i < 3)
                add(row, "magnitude", amounts[i],
                    0.9 - falls[row] * pow(amounts[i], 4));
    add(5, "random", 0.5, 0.3);
    sensitivity_sort(&table);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sensitivity_release(&table);
    return 0;
}

static void rows_are_what_each_layer_alone_gives(void **state)
{
    (void)state;
    struct landscape land;
    assert_int_equal(
        landscape_init(&land, &table, "weight", "magnitude", amounts, 4, NULL),
        0);
    assert_int_equal(land.count, 4);
    assert_int_equal(land.amount_count, 4);
    for (int row = 1; row <= 4; row++) {
        const struct landscape_row *found = landscape_row(&land, row);
        struct curve curve;
        assert_non_null(found);
        curve_of(&curve, &table, row, "weight", "magnitude");
        assert_memory_equal(found->curve.fit, curve.fit,
                            curve.count * sizeof *curve.fit);
        struct cliff cliff = cliff_find(&curve);
        assert_int_equal(found->cliff.found, cliff.found);
        assert_true(found->cliff.amount == cliff.amount);
        assert_int_equal(found->samples[0], 100 * row + 7);
    }
    assert_null(landscape_row(&land, 5));
    assert_null(landscape_row(&land, 0));
    landscape_release(&land);
}

static void the_first_rank_loses_most_and_gaps_have_none(void **state)
{
    (void)state;
    struct landscape land;
    assert_int_equal(
        landscape_init(&land, &table, "weight", "magnitude", amounts, 4, NULL),
        0);
    static const size_t ranks[] = {3, 1, 0, 2};
    static const char *const words[] = {"Low", "High", "", "Medium"};
    for (int row = 1; row <= 4; row++) {
        const struct landscape_row *found = landscape_row(&land, row);
        assert_int_equal(found->rank, ranks[row - 1]);
        assert_string_equal(found->word, words[row - 1]);
    }
    assert_int_equal(landscape_point(landscape_row(&land, 3), 0.8), -1);
    assert_int_equal(landscape_point(landscape_row(&land, 3), 0.6), 2);
    assert_int_equal(landscape_point(NULL, 0.6), -1);
    landscape_release(&land);
}

static void another_method_is_shown_where_the_own_was_not_scanned(void **state)
{
    (void)state;
    struct landscape land;
    assert_int_equal(
        landscape_init(&land, &table, "2:4", "lamp", amounts, 4, NULL), 0);
    assert_string_equal(land.structure, "weight");
    assert_string_equal(land.criterion, "magnitude");
    landscape_release(&land);
    assert_int_equal(
        landscape_init(&land, &table, "weight", "random", amounts, 4, NULL), 0);
    assert_int_equal(land.count, 1);
    assert_int_equal(land.amount_count, 5); /* and what was found */
    assert_true(land.amounts[2] == 0.5);
    landscape_release(&land);
}

static void nothing_scanned_is_only_columns(void **state)
{
    (void)state;
    static const struct sensitivity nothing;
    struct landscape land;
    assert_int_equal(
        landscape_init(&land, &nothing, "2:4", "lamp", amounts, 4, NULL), 0);
    assert_int_equal(land.count, 0);
    assert_int_equal(land.amount_count, 4);
    assert_string_equal(land.structure, "2:4");
    landscape_release(&land);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_are_what_each_layer_alone_gives),
        TEST(the_first_rank_loses_most_and_gaps_have_none),
        TEST(another_method_is_shown_where_the_own_was_not_scanned),
        TEST(nothing_scanned_is_only_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

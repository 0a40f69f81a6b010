/* Warnings of a cliff: by a scan at the key press, by figures behind it, and
 * never twice. */
#include "app.h"
#include "key.h"
#include "prune/crossing.h"
#include "warn.h"

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

enum { LAYERS = 2, POINTS = 40 };

static struct app app;
static struct sensitivity scanned;
static bool accurate; /* new variants are measured at once */
static double next_accuracy;

/* --- an explorer whose edits are "set ROW SHARE" --- */

static int execute(struct app *a, const char *line,
                   struct command_result *result, struct error *err)
{
    struct view *view = &a->view;
    int row = 0, id = (int)view->point_count;
    double share = 0;
    (void)err;
    *result = (struct command_result){.effect = COMMAND_EDITED};
    if (sscanf(line, "goto %d", &view->current) == 1)
        return 0;
    assert_true(id < POINTS);
    const struct view_point *from = view_now(view);
    struct view_point *point = &view->points[id];
    *point = (struct view_point){.id = id,
                                 .parent = from->id,
                                 .summary = string_copy("edit"),
                                 .removed = calloc(LAYERS, sizeof(int64_t))};
    memcpy(point->removed, from->removed, LAYERS * sizeof(int64_t));
    if (sscanf(line, "set %d %lf", &row, &share) == 2)
        point->removed[row] = llround(1000 * share);
    if (sscanf(line, "global %lf", &share) == 1)
        for (int i = 0; i < LAYERS; i++)
            point->removed[i] = llround(1000 * share);
    point->sparsity = (double)(point->removed[0] + point->removed[1]) / 2000;
    point->hash =
        (uint64_t)point->removed[0] << 32 | (uint64_t)(point->removed[1] + 1);
    if (accurate) {
        double difference = next_accuracy - 0.9;
        point->accuracy =
            (struct estimate){next_accuracy, next_accuracy - 0.005,
                              next_accuracy + 0.005, 1000, 1000};
        point->difference = (struct estimate){difference, difference - 0.004,
                                              difference + 0.004, 1000, 1000};
    }
    view->point_count++;
    view->current = id;
    return 0;
}

static void refresh(struct app *a)
{
    struct view *view = &a->view;
    for (size_t i = 0; i < LAYERS; i++) {
        view->layers[i].removed = view_now(view)->removed[i];
        view->layers[i].amount = (double)view_now(view)->removed[i] / 1000;
        view->layers[i].structure = "weight";
        view->layers[i].criterion = "magnitude";
    }
    assert_int_equal(view_grow_tree(view), 0);
    assert_int_equal(app_sync(a), 0);
}

static const struct backend backend = {.execute = execute, .refresh = refresh};

/* Row 1 falls behind 80 %, row 2 never, all together behind 50 %. */
static void add_scan(void)
{
    static const double begins[] = {0.5, 0.8, 2};
    char name[] = "layer";
    for (int row = 0; row <= LAYERS; row++)
        for (int i = 1; i <= 19; i++) {
            double amount = 0.05 * i;
            double past = amount > begins[row] ? amount - begins[row] : 0;
            double value = 0.9 - 0.005 * expm1(20 * past);
            struct sensitivity_point point = {.row = row,
                                              .layer = name,
                                              .structure = "weight",
                                              .criterion = "magnitude",
                                              .amount = amount,
                                              .removed = 50 * i,
                                              .units = 1000,
                                              .value = value,
                                              .low = value - 0.001,
                                              .high = value + 0.001};
            assert_int_equal(sensitivity_add(&scanned, &point, NULL), 0);
        }
    scanned.baseline = 0.9;
    sensitivity_sort(&scanned);
    app.view.scan.table = &scanned;
}

static int start(void **state)
{
    (void)state;
    app_init(&app, &backend, NULL);
    struct view *view = &app.view;
    accurate = false;
    next_accuracy = 0.9;
    view->model = string_copy("m.onnx");
    view->data = string_copy("data");
    view->structure = "weight";
    view->criterion = "magnitude";
    view->layers = array_create(LAYERS, sizeof *view->layers);
    view->points = array_create(POINTS, sizeof *view->points);
    view->layer_count = LAYERS;
    view->prunable = 2000;
    view->layers[0] = (struct view_layer){
        .name = string_copy("layers.3.downsample.0"), .prunable = true};
    view->layers[1] = (struct view_layer){
        .name = string_copy("fc"), .prunable = true, .leader = 1};
    view->layers[0].weights = view->layers[1].weights = 1000;
    view->points[0] =
        (struct view_point){.parent = -1,
                            .accuracy = {0.9, 0.895, 0.905, 1000, 1000},
                            .summary = string_copy(""),
                            .removed = calloc(LAYERS, sizeof(int64_t))};
    view->point_count = 1;
    refresh(&app);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    app_release(&app);
    sensitivity_release(&scanned);
    return 0;
}

/* The warning that a line leads to, "" when none does. */
static const char *warned(const char *line)
{
    int before = app.state.message_count;
    assert_true(app_execute(&app, line));
    assert_true(app.state.message_count - before <= 1);
    if (app.state.message_count == before)
        return "";
    assert_int_equal(app.state.messages[before].role, ROLE_WARN);
    return app.state.messages[before].text;
}

static void assert_warned(const char *line, const char *part)
{
    const char *text = warned(line);
    if (strstr(text, part) == NULL)
        fail_msg("'%s' said '%s'", line, text);
}

/* --- by a scan --- */

static void the_key_press_that_crosses_is_told(void **state)
{
    (void)state;
    add_scan();
    assert_string_equal(warned("set 0 0.79"), "");
    assert_warned("set 0 0.9", "3.2 points lost for 11% more, past its cliff "
                               "(80%); tune or undo");
    const char *text = app.state.messages[app.state.message_count - 1].text;
    assert_ptr_equal(strstr(text, "‹wnsample.0: "), text);
    assert_true(surface_width(text) <= 78);
    assert_string_equal(warned("set 1 0.95"), ""); /* has no cliff */
}

static void going_on_is_not_told_again(void **state)
{
    (void)state;
    add_scan();
    assert_warned("set 0 0.85", "past its cliff");
    assert_string_equal(warned("set 0 0.86"), "");
    assert_string_equal(warned("set 0 0.95"), "");
    assert_string_equal(warned("set 1 0.5"), "");
    /* To and fro at its edge. */
    assert_string_equal(warned("set 0 0.80"), "");
    assert_string_equal(warned("set 0 0.81"), "");
}

static void undo_and_the_same_again_is_not_told_again(void **state)
{
    (void)state;
    add_scan();
    assert_warned("set 0 0.9", "past its cliff");
    assert_string_equal(warned("goto 0"), "");
    assert_string_equal(warned("set 0 0.9"), ""); /* the same decisions */
    assert_string_equal(warned("goto 0"), "");
    assert_string_equal(warned("goto 1"), "");
    assert_string_equal(warned("goto 0"), "");
    assert_warned("set 0 0.88", "past its cliff"); /* others */
}

static void a_global_edit_is_judged_by_the_curve_of_all(void **state)
{
    (void)state;
    add_scan();
    assert_string_equal(warned("global 0.45"), "");
    assert_warned("global 0.6", "the model: 3.2 points lost for 15% more");
}

static void other_methods_are_not_judged_by_this_scan(void **state)
{
    (void)state;
    add_scan();
    for (size_t i = 0; i < scanned.count; i++)
        strcpy(scanned.points[i].criterion, "random");
    assert_string_equal(warned("set 0 0.9"), "");
}

/* --- by figures --- */

static void edit(const char *line, double accuracy)
{
    accurate = true;
    next_accuracy = accuracy;
    assert_string_equal(warned(line), "");
}

static void edit_past(const char *line, double accuracy, const char *part)
{
    accurate = true;
    next_accuracy = accuracy;
    assert_warned(line, part);
}

static void a_measured_jump_is_told_once(void **state)
{
    (void)state;
    edit("set 0 0.50", 0.898);
    edit("set 1 0.50", 0.895);
    edit_past("set 1 0.58", 0.863,
              "3.2 points lost for 4% more sparsity: past the cliff; tune or "
              "undo");
    edit("set 1 0.66", 0.80); /* past it already */
    edit("goto 2", 0);
    edit("set 1 0.54", 0.893);
    edit_past("set 1 0.64", 0.85, "4.3 points lost for 5% more");
}

static void a_slope_is_no_cliff(void **state)
{
    (void)state;
    edit("set 0 0.2", 0.888);
    edit("set 0 0.4", 0.872);
    edit("set 0 0.6", 0.855);
}

static void figures_that_come_later_are_told_then(void **state)
{
    (void)state;
    assert_string_equal(warned("set 0 0.3"), "");
    warn_measured(&app);
    assert_int_equal(app.state.message_count, 0);
    struct view_point *now = &app.view.points[1];
    now->accuracy = (struct estimate){0.80, 0.77, 0.83, 100, 1000};
    now->difference = (struct estimate){-0.10, -0.13, -0.07, 100, 1000};
    warn_measured(&app); /* too vague to be told */
    assert_int_equal(app.state.message_count, 0);
    now->accuracy = (struct estimate){0.81, 0.805, 0.815, 500, 1000};
    now->difference = (struct estimate){-0.09, -0.095, -0.085, 500, 1000};
    warn_measured(&app);
    assert_int_equal(app.state.message_count, 1);
    assert_non_null(strstr(app.state.messages[0].text, "9.0 points lost for "
                                                       "15% more sparsity"));
    now->accuracy.samples = now->difference.samples = 1000;
    warn_measured(&app);
    assert_int_equal(app.state.message_count, 1);
}

static void the_measured_rule_wants_clear_steep_losses(void **state)
{
    (void)state;
    const struct measured dense = {0, 0, 0, 0};
    const struct measured plateau = {0.5, 0.004, 0, 0.008};
    const struct {
        struct measured before, after;
        bool crosses;
    } cases[] = {
        {dense, {0.5, 0.118, 0.11, 0.126}, true},
        {dense, {0.5, 0.014, 0.012, 0.016}, false},  /* too little */
        {dense, {0.5, 0.02, 0.001, 0.04}, false},    /* not clear */
        {plateau, {0.5, 0.1, 0.09, 0.11}, false},    /* nothing added */
        {plateau, {0.4, 0.1, 0.09, 0.11}, false},    /* fewer */
        {plateau, {0.54, 0.036, 0.03, 0.042}, true}, /* 0.8 a per cent */
        {{0.5, 0.1, 0.09, 0.11},
         {0.6, 0.14, 0.13, 0.15},
         false}, /* no steeper */
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
        if (crossing_measured(&cases[i].before, &cases[i].after) !=
            cases[i].crosses)
            fail_msg("case %zu", i);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_key_press_that_crosses_is_told),
        TEST(going_on_is_not_told_again),
        TEST(undo_and_the_same_again_is_not_told_again),
        TEST(a_global_edit_is_judged_by_the_curve_of_all),
        TEST(other_methods_are_not_judged_by_this_scan),
        TEST(a_measured_jump_is_told_once),
        TEST(a_slope_is_no_cliff),
        TEST(figures_that_come_later_are_told_then),
        TEST(the_measured_rule_wants_clear_steep_losses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

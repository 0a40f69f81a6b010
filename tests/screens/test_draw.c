/* Every screen from fixed figures: text and roles, sizes and alphabets. */
#include "golden.h"
#include "sample.h"

#include "key.h"

#include "base/array.h"

#include <locale.h>
#include <setjmp.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct app app;
static struct surface surface;

static int start(void **state)
{
    (void)state;
    setlocale(LC_CTYPE, "C.UTF-8");
    sample_init(&app);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    app_release(&app);
    sample_scan_release();
    surface_release(&surface);
    return 0;
}

static void press(const char *keys)
{
    for (int key = key_read(&keys); key != KEY_NONE; key = key_read(&keys))
        app_key(&app, key);
}

/* Text, and below it one letter of role per cell. */
static void assert_drawn(const char *name, int rows, int columns)
{
    assert_int_equal(surface_resize(&surface, rows, columns), 0);
    app_draw(&app, &surface);
    char *text = surface_dump(&surface), *roles = surface_dump_roles(&surface);
    assert_true(text != NULL && roles != NULL);
    size_t bytes = strlen(text) + strlen(roles) + 16;
    char *both = malloc(bytes);
    assert_non_null(both);
    snprintf(both, bytes, "%s-- roles\n%s", text, roles);
    golden_assert(name, both, NULL);
    free(text);
    free(roles);
    free(both);
}

static void every_screen_is_drawn_as_before(void **state)
{
    (void)state;
    static const struct {
        const char *name, *keys;
    } screens[] = {
        {"layers", "1"},      {"detail", "2"},       {"tradeoff", "3"},
        {"history", "6"},     {"messages", "1 y 7"}, {"help", "1 ?"},
        {"palette", "Esc :"}, {"export", "Esc w"},   {"quit", "Esc q"},
        {"zoom", "Esc 1 z"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(screens); i++) {
        char name[64];
        press(screens[i].keys);
        snprintf(name, sizeof name, "draw-%s-80x24", screens[i].name);
        assert_drawn(name, 24, 80);
        snprintf(name, sizeof name, "draw-%s-140x40", screens[i].name);
        assert_drawn(name, 40, 140);
    }
}

static void a_long_group_takes_two_lines(void **state)
{
    (void)state;
    press("2");
    struct view_layer *layer = &app.view.layers[app_layer(&app)];
    layer->group = string_copy(
        "with s1.conv2, s2.conv2, s2.down; read by s3.conv1, s3.down");
    assert_drawn("draw-detail-group-80x24", 24, 80);
}

static void ascii_screens_hold_only_ascii(void **state)
{
    (void)state;
    static const char *const keys[] = {"1", "2", "3", "6", "?", "Esc w"};
    app.state.ascii = true;
    for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
        press(keys[i]);
        char name[64];
        snprintf(name, sizeof name, "draw-ascii-%zu-80x24", i);
        assert_drawn(name, 24, 80);
        for (int c = 0; c < 24 * 80; c++)
            assert_true(surface.cells[c].glyph < 0x80);
    }
}

static void tuning_is_two_curves(void **state)
{
    (void)state;
    static const char *const series[] = {"accuracy", "train loss", NULL};
    static const double accuracy[] = {0.604, 0.871, 0.888, 0.893};
    struct view *view = &app.view;
    press("5");
    assert_drawn("draw-tune-none-80x24", 24, 80);
    view->work_points = calloc(64, sizeof *view->work_points);
    assert_non_null(view->work_points);
    for (int i = 0; i < 4; i++)
        view->work_points[view->work_point_count++] = (struct work_point){
            0, i, accuracy[i], accuracy[i] - 0.006, accuracy[i] + 0.006};
    for (int i = 1; i <= 60; i++)
        view->work_points[view->work_point_count++] =
            (struct work_point){1, i / 20.0, 0.2 + exp(-i / 12.0), NAN, NAN};
    view->work_name = "tune";
    view->work_series = series;
    view->working = true;
    snprintf(view->work, sizeof view->work, "tune: loss 0.210, rate 0.03");
    view->work_done = 1404;
    view->work_total = 1872;
    view->work_seconds = 90;
    view->work_steerable = true;
    view->work_rest = WORK_REST_WHOLE;
    snprintf(view->work_line, sizeof view->work_line,
             "tune 3 epochs lr 0.03 distill");
    snprintf(view->work_note, sizeof view->work_note,
             "mask check: 0 of 47,012 pruned weights changed   best: epoch 3, "
             "89.30");
    assert_drawn("draw-tune-80x24", 24, 80);
    assert_drawn("draw-tune-140x40", 40, 140);
    app_say(&app, ROLE_TEXT,
            "one epoch more, from a tenth of the highest "
            "rate");
    assert_drawn("draw-tune-said-80x24", 24, 80);
    press("Esc");
    assert_drawn("draw-tune-discard-80x24", 24, 80);
    press("n");
    press("q");
    assert_drawn("draw-quit-tune-80x24", 24, 80);
    press("n");
    view->unsaved = false;
    view->work_rest = WORK_REST_ORDER;
    snprintf(view->work_line, sizeof view->work_line, "reconstruct 90%%");
    app.state.form.running = true;
    press("q");
    assert_drawn("draw-quit-reconstruct-80x24", 24, 80);
    press("n");
    app.state.form.running = false;
    view->unsaved = true;
    view->working = false;
    view->interrupted = "tune resume";
    assert_drawn("draw-tune-interrupted-80x24", 24, 80);
    app.state.overlay = OVERLAY_REPLACE;
    snprintf(app.state.kept, sizeof app.state.kept,
             "#3  tune 9 epochs lr 0.05 distill");
    snprintf(app.state.ordered, sizeof app.state.ordered, "tune 2 epochs");
    assert_drawn("draw-tune-replace-80x24", 24, 80);
    press("n");
}

/* Samples of ten classes, of which every seventh changes; a ring as the
 * picture of the first. */
static void add_flips(struct view_flips *flips)
{
    enum { FLIP_SAMPLES = 3000, SIDE = 28 };
    static struct outcome before[FLIP_SAMPLES], after[FLIP_SAMPLES];
    static int64_t right[FLIP_SAMPLES];
    struct error err;
    struct flipped *found;
    for (int i = 0; i < FLIP_SAMPLES; i++) {
        right[i] = i % 10;
        before[i] = (struct outcome){.predicted = (i + (i % 21 == 0)) % 10,
                                     .margin = (float)(i % 90) / 10};
        after[i] = before[i];
        if (i % 7 == 0 && i % 10 < 8)
            after[i].predicted = i % 14 ? (int)right[i] : (i * 3 + 1) % 10;
        if (i % 31 == 0)
            after[i].predicted = (before[i].predicted + 4) % 10;
        after[i].margin = -(float)(i % 50) / 20;
    }
    assert_int_equal(
        flipped_create(&found, before, after, right, FLIP_SAMPLES, &err), 0);
    flips->found = found;
    flips->picture = (struct view_picture){.sample = found->found.flips->sample,
                                           .planes = 1,
                                           .height = SIDE,
                                           .width = SIDE,
                                           .shape = "1x28x28"};
    flips->picture.levels = calloc(SIDE * SIDE, sizeof(float));
    assert_non_null(flips->picture.levels);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            flips->picture.levels[y * SIDE + x] =
                (float)fmax(0, 1 - fabs(hypot(y - 13.5, x - 13.5) - 9) / 5);
}

static void flips_are_listed_beside_their_picture(void **state)
{
    (void)state;
    press("8");
    assert_drawn("draw-flips-unknown-80x24", 24, 80);
    add_flips(&app.view.flips);
    assert_drawn("draw-flips-shades-80x24", 24, 80);
    app.state.painted = true;
    press("8");
    assert_drawn("draw-flips-80x24", 24, 80);
    assert_drawn("draw-flips-140x40", 40, 140);
    app.state.ascii = true;
    assert_drawn("draw-flips-ascii-80x24", 24, 80);
    for (int c = 0; c < 24 * 80; c++)
        assert_true(surface.cells[c].glyph < 0x80);
    press("f j j");
    assert_int_equal(app.state.flip_choice, FLIPS_LOST);
    assert_int_equal(app.state.lists[SCREEN_FLIPS].cursor, 2);
}

static void sensitivity_is_a_map_with_gaps(void **state)
{
    (void)state;
    press("4");
    assert_drawn("draw-sensitivity-none-80x24", 24, 80);
    sample_scan(&app);
    press("k k k l l l l l l");
    assert_drawn("draw-sensitivity-80x24", 24, 80);
    assert_drawn("draw-sensitivity-140x40", 40, 140);
    press("Tab");
    assert_drawn("draw-sensitivity-whole-80x24", 24, 80);
    press("Tab 2");
    assert_drawn("draw-detail-scanned-80x24", 24, 80);
    press("1");
    assert_drawn("draw-layers-scanned-80x24", 24, 80);
    assert_drawn("draw-layers-scanned-140x40", 40, 140);
    press("4 G"); /* not scanned; the row above cannot be pruned */
    assert_drawn("draw-sensitivity-gap-80x24", 24, 80);
    app.state.ascii = true;
    press("g");
    assert_drawn("draw-sensitivity-ascii-80x24", 24, 80);
    for (int c = 0; c < 24 * 80; c++)
        assert_true(surface.cells[c].glyph < 0x80);
}

static void the_map_is_sorted_by_rank_and_clicked(void **state)
{
    (void)state;
    sample_scan(&app);
    press("4 o");
    assert_int_equal(surface_resize(&surface, 24, 80), 0);
    app_draw(&app, &surface);
    const int *order = app.state.order;
    for (int i = 0; i < 8; i++) /* layers lose less the later they are */
        assert_int_equal(order[i], i < 7 ? i : 8);
    assert_true(isnan(app.view.layers[order[8]].lost));
    press("< I"); /* by another column, turned round: unknown ones stay last */
    press("o");
    app.state.descending = false;
    app_order(&app);
    assert_int_equal(order[0], 8);
    assert_true(isnan(app.view.layers[order[11]].lost));
    press("o");
    app_click(&app, 4, 17 + 6 * 6 + 2);
    assert_int_equal(app_layer(&app), 2 + app.state.lists[0].top);
    assert_int_equal(app.state.scan_amount, 6);
    app_click(&app, 12, 30); /* all together */
    assert_true(app.state.scan_whole);
}

/* Layers that lose their channels together were measured once. */
static void channels_are_one_row_for_their_group(void **state)
{
    (void)state;
    sample_scan(&app);
    for (size_t i = 0; i < app.view.scan.table->count; i++)
        strcpy(app.view.scan.table->points[i].structure, "channel");
    app.view.structure = "channel";
    assert_int_equal(view_make_landscape(&app.view), 0);
    app.view.layers[10].leader = app.view.layers[11].leader = 4;
    press("4 G");
    assert_drawn("draw-sensitivity-channel-80x24", 24, 80);
}

static void add_row(struct robustness *found, const char *name, int severity,
                    int lost)
{
    enum { SAMPLES = 1000 };
    struct robustness_row *row = &found->rows[found->count++];
    int dense = 920 - 60 * severity, now = dense - lost;
    *row = (struct robustness_row){
        .condition = string_copy(name),
        .severity = severity,
        .samples = SAMPLES,
        .value = estimate_wilson(now, SAMPLES, 0.95),
        .dense = estimate_wilson(dense, SAMPLES, 0.95),
        .difference = estimate_paired(now - 5, lost + 5, 5, SAMPLES, 0.95),
        .p_value = estimate_mcnemar(lost + 5, 5),
        .classes = calloc(10, sizeof *row->classes),
    };
    assert_non_null(row->classes);
    for (int c = 0; c < 10; c++) {
        int change = -(c * 7 % 10 - 4) * lost / 20, less = change < 0;
        row->classes[c] =
            (struct paired_counts){.samples = SAMPLES / 10,
                                   .both = dense / 10 + (less ? change : 0) - 1,
                                   .before_only = 1 - (less ? change : 0),
                                   .after_only = 1 + (less ? 0 : change)};
        paired_conclude(&row->classes[c]);
    }
}

/* Everything but the last corruption's last severities. */
static void add_robustness(struct view *view)
{
    static const int lost[] = {40, 25, 60, 3, 80, 12, -30, 5, 9, 70, 1, 22};
    struct robustness_known *known = calloc(1, sizeof *known);
    assert_non_null(known);
    atomic_init(&known->holders, 1);
    known->variant = view->current;
    known->hash = view_now(view)->hash;
    known->samples = 1000;
    known->planned = 62;
    known->found.classes = 10;
    known->found.rows = calloc(62, sizeof *known->found.rows);
    assert_non_null(known->found.rows);
    add_row(&known->found, "clean", 0, 8);
    add_row(&known->found, "hesitant", 0, 90);
    for (int i = 0; corruptions[i].name; i++)
        for (int s = 1; s <= CORRUPTION_SEVERITIES && known->found.count < 60;
             s++)
            add_row(&known->found, corruptions[i].name, s, lost[i] * s / 3);
    view->robustness = known;
}

static void robustness_is_a_table_and_a_curve(void **state)
{
    (void)state;
    press("9");
    assert_drawn("draw-robustness-none-80x24", 24, 80);
    add_robustness(&app.view);
    assert_drawn("draw-robustness-80x24", 24, 80);
    press("j j j j l");
    assert_drawn("draw-robustness-row-80x24", 24, 80);
    assert_drawn("draw-robustness-row-140x40", 40, 140);
    app.state.ascii = true;
    app.view.current = 0;
    press("G l");
    assert_drawn("draw-robustness-older-ascii-80x24", 24, 80);
    for (int c = 0; c < 24 * 80; c++)
        assert_true(surface.cells[c].glyph < 0x80);
}

static void two_variants_stand_side_by_side(void **state)
{
    (void)state;
    sample_compare(&app, 1);
    press("d");
    assert_int_equal(app.state.screen, SCREEN_COMPARE);
    assert_drawn("draw-compare-80x24", 24, 80);
    assert_drawn("draw-compare-140x40", 40, 140);
    app.view.compare.known = false;
    app.state.ascii = true;
    assert_drawn("draw-compare-unknown-ascii-80x24", 24, 80);
    for (int c = 0; c < 24 * 80; c++)
        assert_true(surface.cells[c].glyph < 0x80);
}

static void criteria_stand_beside_the_layers(void **state)
{
    (void)state;
    struct rivals *rivals = &app.view.compare.rivals;
    sample_compare(&app, 1);
    press("d Tab");
    assert_drawn("draw-compare-criteria-none-80x24", 24, 80);
    *rivals = (struct rivals){.hash = view_now(&app.view)->hash,
                              .variant = app.view.current,
                              .row = 5,
                              .structure = structures[0],
                              .amount = 0.85,
                              .current = 1};
    static const double values[] = {0.9012, 0.9134, 0.8855};
    static const struct criterion names[] = {
        {.name = "random"},     {.name = "magnitude"}, {.name = "lamp"},
        {.name = "activation"}, {.name = "obs"},       {.name = "wanda"},
        {.name = "taylor"},     {.name = "snip"},      {.name = "fisher"},
        {.name = "apoz"},       {.name = "bn-scale"},  {.name = "fpgm"}};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        double value = i < 3 ? values[i] : 0;
        rivals->items[rivals->count++] = (struct rival){.criterion = &names[i],
                                                        .known = i < 3,
                                                        .refused = i == 3,
                                                        .value = value,
                                                        .low = value - 0.006,
                                                        .high = value + 0.006};
    }
    assert_drawn("draw-compare-criteria-80x24", 24, 80);
}

/* What each structure buys the layer: measured, then for a device. */
static void structures_of_a_layer_have_speeds(void **state)
{
    (void)state;
    struct structure_times *known = &app.view.structures;
    static const struct structure names[] = {
        {.name = "weight"}, {.name = "channel"},   {.name = "2:4"},
        {.name = "1:4"},    {.name = "block:4x1"}, {.name = "block:16x1"}};
    static const double speeds[] = {1.31, 1.95, 1, NAN, 2.41, 12.3};
    press("2 Tab");
    assert_drawn("draw-structures-none-80x24", 24, 80);
    *known = (struct structure_times){.row = 5, .share = 0.85};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        known->times[known->count++] =
            (struct structure_time){.structure = &names[i],
                                    .share = i < 2 ? 0.85 : 0.5,
                                    .speed = speeds[i],
                                    .sparse = i == 0 || i > 3};
    assert_drawn("draw-structures-80x24", 24, 80);
    for (size_t i = 0; i < known->count; i++)
        known->times[i].predicted = true;
    known->complete = app.view.device = true;
    snprintf(app.view.machine, sizeof app.view.machine,
             "Raspberry Pi 4, predicted");
    app.state.ascii = true;
    assert_drawn("draw-structures-device-ascii-80x24", 24, 80);
    app.state.ascii = false;
    press("1");
    assert_drawn("draw-layers-device-80x24", 24, 80);
}

static void any_variant_can_be_the_other_side(void **state)
{
    (void)state;
    sample_compare(&app, 0);
    app.view.current = 6; /* made from 5; A is 3, B is 1 */
    static const int sides[] = {3, 1, 5, 0};
    press("d");
    assert_int_equal(app.state.compare_with, 0);
    for (size_t i = 0; i < ARRAY_LENGTH(sides); i++) {
        press("d");
        assert_int_equal(app.state.compare_with, sides[i]);
    }
    press("6 g j d");
    assert_int_equal(app.state.screen, SCREEN_COMPARE);
    assert_int_equal(app.state.compare_with, app.view.branches[1].id);
    press("Esc");
    assert_int_equal(app.state.screen, SCREEN_HISTORY);
}

static void held_out_samples_are_told_and_examined(void **state)
{
    (void)state;
    struct view *view = &app.view;
    struct export_form *form = &app.state.form;
    view->samples = 8000;
    view->aside = 2000;
    snprintf(view->holdout, sizeof view->holdout, "20%%");
    assert_drawn("draw-holdout-80x24", 24, 80);
    press("w");
    assert_drawn("draw-holdout-export-80x24", 24, 80);
    form->result = (struct engine_export_result){
        .finished = true,
        .path = string_copy("resnet8-s58.onnx"),
        .file_bytes = 128000,
        .verified = true,
        .samples = 8000,
        .accuracy_after = 0.9134,
        .exam = {.taken = true,
                 .samples = 2000,
                 .difference = {-0.0215, -0.0281, -0.0149, 2000, 2000},
                 .decided = {-0.0076, -0.0129, -0.0023, 8000, 8000},
                 .gap = {-0.0139, -0.0224, -0.0054, 2000, 2000},
                 .warning = true}};
    assert_drawn("draw-holdout-exam-80x24", 24, 80);
}

static void an_export_only_closes_until_it_fails(void **state)
{
    (void)state;
    struct export_form *form = &app.state.form;
    press("w");
    form->running = true;
    press("Tab Tab Space");
    assert_int_equal(form->field, 0);
    assert_drawn("draw-export-writing-80x24", 24, 80);
    press("Enter");
    assert_int_equal(app.state.overlay, OVERLAY_NONE);
    press("w x");
    form->running = false;
    form->result = (struct engine_export_result){
        .finished = true,
        .failed = true,
        .error = {.message = "resnet8-s58.masks.npz: array "
                             "'layers.0.conv1.weight': cannot write: No space "
                             "left on device"}};
    assert_drawn("draw-export-failed-80x24", 24, 80);
    app_say(&app, ROLE_ERROR, "export: %s", form->result.error.message);
    press("Esc 7");
    assert_drawn("draw-messages-whole-80x24", 24, 80);
    press("w");
    form->result.failed = form->result.finished = true;
    press("Esc");
    editor_set(&form->path, "/mnt/other.onnx");
    press("w"); /* the path that was wanted is still there */
    assert_string_equal(form->path.text, "/mnt/other.onnx");
    assert_false(form->result.finished);
}

static void unknown_figures_are_marked_not_invented(void **state)
{
    (void)state;
    struct view *view = &app.view;
    struct view_point *now = &view->points[view->current];
    now->accuracy = now->difference = (struct estimate){0};
    now->latency_ms = now->speedup = now->size = now->nonzero = NAN;
    for (size_t i = 0; i < view->layer_count; i++) {
        view->layers[i].ms = view->layers[i].share = NAN;
        view->layers[i].kernel = "";
    }
    view->stage = ENGINE_PLANNING;
    view->done = 0;
    assert_drawn("draw-unknown-80x24", 24, 80);
}

static void model_without_data_says_so(void **state)
{
    (void)state;
    app.view.data[0] = '\0';
    for (size_t i = 0; i < app.view.point_count; i++)
        app.view.points[i].accuracy = app.view.points[i].difference =
            (struct estimate){0};
    assert_drawn("draw-nodata-80x24", 24, 80);
}

static void failure_is_told_on_the_status_line(void **state)
{
    (void)state;
    app.view.failed = true;
    snprintf(app.view.error, sizeof app.view.error,
             "layer 's3.conv2': out of memory");
    assert_drawn("draw-failed-80x24", 24, 80);
}

static void too_small_says_what_is_needed(void **state)
{
    (void)state;
    assert_drawn("draw-small-60x20", 20, 60);
}

static void difference_within_its_interval_is_dim(void **state)
{
    (void)state;
    struct estimate *difference = &app.view.points[app.view.current].difference;
    assert_int_equal(surface_resize(&surface, 24, 80), 0);
    app_draw(&app, &surface);
    int column = 0;
    while (surface.cells[80 + column].glyph != 0x394)
        column++;
    assert_int_equal(surface.cells[80 + column].role, ROLE_BAD);
    difference->high = 0.001;
    app_draw(&app, &surface);
    assert_int_equal(surface.cells[80 + column].role, ROLE_DIM);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_screen_is_drawn_as_before),
        TEST(a_long_group_takes_two_lines),
        TEST(ascii_screens_hold_only_ascii),
        TEST(tuning_is_two_curves),
        TEST(flips_are_listed_beside_their_picture),
        TEST(sensitivity_is_a_map_with_gaps),
        TEST(the_map_is_sorted_by_rank_and_clicked),
        TEST(channels_are_one_row_for_their_group),
        TEST(robustness_is_a_table_and_a_curve),
        TEST(two_variants_stand_side_by_side),
        TEST(criteria_stand_beside_the_layers),
        TEST(structures_of_a_layer_have_speeds),
        TEST(any_variant_can_be_the_other_side),
        TEST(held_out_samples_are_told_and_examined),
        TEST(an_export_only_closes_until_it_fails),
        TEST(unknown_figures_are_marked_not_invented),
        TEST(model_without_data_says_so),
        TEST(failure_is_told_on_the_status_line),
        TEST(too_small_says_what_is_needed),
        TEST(difference_within_its_interval_is_dim),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

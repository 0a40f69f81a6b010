/* Figures are invented, but agree with each other. */
#include "sample.h"

#include "base/array.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *name, *description, *shape;
    int64_t weights;
    double sparsity, ms, dense_ms;
    bool prunable;
} layers[] = {
    {"stem", "Conv 3x3", "16x3x3x3", 432, 0, 0.21, 0.21, true},
    {"s1.conv1", "Conv 3x3", "16x16x3x3", 2304, 0.3, 0.30, 0.31, true},
    {"s1.conv2", "Conv 3x3", "16x16x3x3", 2304, 0.4, 0.31, 0.31, true},
    {"s2.conv1", "Conv 3x3", "32x16x3x3", 4608, 0.55, 0.33, 0.32, true},
    {"s2.conv2", "Conv 3x3", "32x32x3x3", 9216, 0.65, 0.37, 0.47, true},
    {"s2.shortcut.down", "Conv 1x1", "32x16x1x1", 512, 0.2, 0.06, 0.06, true},
    {"s3.conv1", "Conv 3x3", "64x32x3x3", 18432, 0.75, 0.28, 0.45, true},
    {"s3.conv2", "Conv 3x3", "64x64x3x3", 36864, 0.85, 0.31, 0.75, true},
    {"s3.down", "Conv 1x1", "64x32x1x1", 2048, 0.995, NAN, 0.07, true},
    {"s3.dw", "Conv 3x3 dw", "64x1x3x3", 576, 0, 0.09, 0.09, false},
    {"层.名字.很长很长很长", "Gemm", "64x64", 4096, 0.5, 0.04, 0.04, true},
    {"fc", "Gemm", "10x64", 640, 0, 0.02, 0.02, true},
};

static const struct {
    int parent;
    const char *summary;
    double accuracy, ms, size;
    int64_t samples;
} points[] = {
    {-1, "", 0.9210, 3.10, 1, 10000},
    {0, "global 50% magnitude", 0.9185, 2.75, 0.58, 10000},
    {1,
     "s3.* 0\xe2\x86\x92"
     "75%",
     0.9150, 2.60, 0.47, 10000},
    {2,
     "s3.conv2 75\xe2\x86\x92"
     "85%",
     0.9090, 2.20, 0.43, 10000},
    {1,
     "stem 50\xe2\x86\x92"
     "0%",
     0.9190, 2.80, 0.58, 10000},
    {4,
     "fc 50\xe2\x86\x92"
     "0%",
     0.8800, 2.90, 0.60, 10000},
    {5,
     "s3.conv2 75\xe2\x86\x92"
     "85%",
     0.9134, 2.36, 0.41, 6200},
};

enum { LAYERS = ARRAY_LENGTH(layers), POINTS = ARRAY_LENGTH(points) };

static void add_layers(struct view *view)
{
    view->layers = array_create(LAYERS, sizeof *view->layers);
    assert_non_null(view->layers);
    view->layer_count = LAYERS;
    for (size_t i = 0; i < LAYERS; i++) {
        struct view_layer *to = &view->layers[i];
        *to = (struct view_layer){
            .name = string_copy(layers[i].name),
            .weights = layers[i].weights,
            .removed =
                (int64_t)((double)layers[i].weights * layers[i].sparsity),
            .prunable = layers[i].prunable,
            .reason = layers[i].prunable ? "" : "depthwise: 9 weights each",
            .criterion = "magnitude",
            .structure = "weight",
            .ms = layers[i].ms,
            .dense_ms = layers[i].dense_ms,
            .share = layers[i].ms / 2.36,
            .reference_ms = layers[i].dense_ms,
            .kernel = isfinite(layers[i].ms) ? "k" : "",
            .sparse_kernel = layers[i].sparsity > 0.6,
            .leader = (int)i,
            .amount = layers[i].sparsity,
        };
        snprintf(to->description, sizeof to->description, "%s",
                 layers[i].description);
        snprintf(to->shape, sizeof to->shape, "%s", layers[i].shape);
    }
}

static struct estimate estimate(double value, double half, int64_t samples)
{
    return (struct estimate){value, value - half, value + half, samples, 10000};
}

static void add_points(struct view *view)
{
    view->points = array_create(POINTS, sizeof *view->points);
    assert_non_null(view->points);
    view->point_count = POINTS;
    for (int i = 0; i < POINTS; i++) {
        struct view_point *to = &view->points[i];
        *to = (struct view_point){
            .id = i,
            .parent = points[i].parent,
            .hash = (uint64_t)i,
            .summary = string_copy(points[i].summary),
            .sparsity = 1 - points[i].size,
            .accuracy = estimate(points[i].accuracy, 0.0055, points[i].samples),
            .difference = estimate(points[i].accuracy - 0.9210, 0.0053,
                                   i ? points[i].samples : 0),
            .latency_ms = points[i].ms,
            .latency_spread = 0.06,
            .speedup = 3.10 / points[i].ms,
            .bytes = 312000 * points[i].size,
            .size = points[i].size,
            .nonzero = points[i].size - (i ? 0.02 : 0),
            .macs = points[i].size,
            .removed = array_create(LAYERS, sizeof(int64_t)),
        };
        assert_non_null(to->removed);
        for (size_t l = 0; l < LAYERS; l++)
            to->removed[l] = view->layers[l].removed * i / (POINTS - 1);
    }
    memcpy(view->points[3].snapshots, "A", 2);
    memcpy(view->points[1].snapshots, "B", 2);
    view->snapshot_a = 3;
    view->snapshot_b = 1;
    view->current = POINTS - 1;
}

/* A bell of |w|, filters that fade, and a mask like a chess-board's cousin. */
static void add_weights(struct view_weights *weights)
{
    enum { FILTERS = 24, INPUTS = 32 };
    *weights = (struct view_weights){.row = 7,
                                     .count = 36864,
                                     .removed = 31334,
                                     .maximum = 0.1234,
                                     .threshold = 0.0312,
                                     .filters = FILTERS,
                                     .map_rows = FILTERS,
                                     .map_columns = INPUTS};
    for (int i = 0; i < VIEW_BINS; i++)
        weights->bins[i] = (int64_t)(400 * exp(-8.0 * i / VIEW_BINS));
    weights->norms = array_create(FILTERS, sizeof *weights->norms);
    weights->kept = array_create(FILTERS, sizeof *weights->kept);
    weights->map = array_create(FILTERS * INPUTS, sizeof *weights->map);
    assert_true(weights->norms && weights->kept && weights->map);
    for (int f = 0; f < FILTERS; f++) {
        weights->norms[f] = 2.0 - 0.08 * f;
        weights->kept[f] = f > 21 ? 0 : 0.4 - 0.015 * f;
        for (int i = 0; i < INPUTS; i++)
            weights->map[f * INPUTS + i] =
                f > 21 ? 0 : (double)((f * 7 + i * 5) % 9) / 9;
    }
}

static struct sensitivity scanned;

static void add_point(int row, double amount, double lost, int64_t units)
{
    char name[64];
    snprintf(name, sizeof name, "%s", row ? layers[row - 1].name : "*");
    double value = 0.9210 - lost, half = 0.002 + 0.1 * lost;
    struct sensitivity_point point = {
        .row = row,
        .layer = name,
        .structure = "weight",
        .criterion = "magnitude",
        .amount = amount,
        .removed = (int64_t)(amount * (double)units),
        .units = units,
        .value = value,
        .low = value - half,
        .high = value + half,
        .samples = lost > 0.02 ? 512 : 2048,
    };
    assert_int_equal(sensitivity_add(&scanned, &point, NULL), 0);
}

void sample_scan(struct app *app)
{
    scanned.baseline = 0.9210;
    for (int row = 0; row <= LAYERS; row++) {
        bool all = row == 0;
        double begin = all ? 0.45 : 0.2 + 0.06 * row;
        for (int i = 1; i <= 10; i++) {
            double amount = i == 10 ? 0.95 : 0.1 * i;
            double past = amount > begin ? amount - begin : 0;
            double lost = 0.0004 * (i % 3 - 1) + 0.005 * expm1(7 * past);
            bool known = row < 8 || (row == 8 && i < 7) || row == 9;
            if (known && (all || layers[row - 1].prunable))
                add_point(row, amount, fmin(lost, 0.82),
                          all ? 82000 : layers[row - 1].weights);
        }
    }
    sensitivity_sort(&scanned);
    app->view.scan.table = &scanned;
    assert_int_equal(view_make_landscape(&app->view), 0);
}

/* Class c has 200 + c samples and loses (4 - c) * 5. */
static void add_answers(struct paired *paired)
{
    enum { CLASSES = 10 };
    static struct outcome before[2100], after[2100];
    static int64_t right[2100];
    int64_t n = 0;
    for (int c = 0; c < CLASSES; c++)
        for (int i = 0; i < 200 + c; i++, n++) {
            int change = (4 - c) * 5;
            right[n] = c;
            before[n].predicted = i % 12 && i >= -change ? c : (c + 1) % 10;
            after[n].predicted = i % 12 && i >= change ? c : (c + 3) % 10;
        }
    assert_int_equal(paired_init(paired, before, after, right, n, NULL), 0);
}

void sample_compare(struct app *app, int from)
{
    struct view *view = &app->view;
    struct view_compare *c = &view->compare;
    c->from = from;
    c->to = view->current;
    c->layer_count = LAYERS;
    c->before = array_create(LAYERS, sizeof *c->before);
    c->after = array_create(LAYERS, sizeof *c->after);
    c->order = array_create(LAYERS, sizeof *c->order);
    assert_true(c->before && c->after && c->order);
    for (int i = 0; i < LAYERS; i++) {
        bool dense = layers[i].sparsity <= 0;
        struct view_choice now = {dense ? "" : "weight",
                                  dense ? "" : "magnitude", layers[i].sparsity,
                                  layers[i].ms / 2.36};
        c->before[i] = c->after[i] = now;
    }
    c->before[7].amount = 0.75;
    c->before[6].structure = "2:4";
    c->before[4].criterion = "lamp";
    c->before[3] = (struct view_choice){"", "", 0, 0.2};
    c->differing = 4;
    for (int i = 0; i < LAYERS; i++)
        c->order[i] = i < 4 ? (int[]){3, 4, 6, 7}[i] : i < 7 ? i - 4 : i;
    c->order[7] = 5;
    add_answers(&c->paired);
    c->known = true;
}

void sample_scan_release(void)
{
    sensitivity_release(&scanned);
}

void sample_init(struct app *app)
{
    app_init(app, NULL, NULL);
    struct view *view = &app->view;
    view->model = string_copy("resnet8.onnx");
    view->data = string_copy("cifar10/test");
    view->samples = 10000;
    snprintf(view->machine, sizeof view->machine, "avx2, 4 cores");
    view->criterion = "magnitude";
    view->structure = "weight";
    view->unsaved = view->can_undo = true;
    add_layers(view);
    add_points(view);
    add_weights(&view->weights);
    view->stage = ENGINE_EVALUATING;
    view->stage_variant = view->current;
    view->done = 6200;
    view->total = 10000;
    view->seconds = 6.5;
    view->work_left = NAN;
    assert_int_equal(view_grow_tree(view), 0);
    assert_int_equal(app_sync(app), 0);
    assert_int_equal(view_make_landscape(view), 0);
    app->state.lists[SCREEN_LAYERS].cursor = 7;
    app->state.marked[6] = app->state.marked[7] = true;
}

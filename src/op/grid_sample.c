/*
 * GridSample: each output pixel is sampled at the place that the grid names,
 * -1 to 1 over the image. Source of the rules: ONNX's reference; the cubic's
 * coefficient is -0.75.
 */
#include "base/array.h"
#include "op/support.h"

#include <math.h>
#include <string.h>

struct grid_params {
    const char *mode, *padding;
    int64_t align_corners;
};

enum grid_mode { GRID_LINEAR, GRID_NEAREST, GRID_CUBIC };
enum grid_padding { GRID_ZEROS, GRID_BORDER, GRID_REFLECTION };

static int parse(struct node *node, struct arena *arena, struct error *err)
{
    static const struct parameter table[] = {
        {"mode", ATTRIBUTE_STRING, offsetof(struct grid_params, mode), 0},
        {"padding_mode", ATTRIBUTE_STRING,
         offsetof(struct grid_params, padding), 0},
        {"align_corners", ATTRIBUTE_INT,
         offsetof(struct grid_params, align_corners), 0},
    };
    return op_parameters(node, arena, table, ARRAY_LENGTH(table),
                         sizeof(struct grid_params), err);
}

struct grid {
    int64_t n, c, h, w, oh, ow;
    enum grid_mode mode;
    enum grid_padding padding;
    bool corners;
};

static int set_modes(struct grid *grid, const struct grid_params *params,
                     struct error *err)
{
    /* Since opset 20 without the "bi". */
    static const struct {
        const char *name;
        enum grid_mode mode;
    } modes[] = {{"bilinear", GRID_LINEAR},
                 {"linear", GRID_LINEAR},
                 {"nearest", GRID_NEAREST},
                 {"bicubic", GRID_CUBIC},
                 {"cubic", GRID_CUBIC}};
    static const char *const paddings[] = {
        [GRID_ZEROS] = "zeros",
        [GRID_BORDER] = "border",
        [GRID_REFLECTION] = "reflection",
    };
    bool mode = !params->mode, padding = !params->padding;
    for (size_t i = 0; i < ARRAY_LENGTH(modes) && !mode; i++) {
        mode = strcmp(params->mode, modes[i].name) == 0;
        grid->mode = modes[i].mode;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(paddings) && !padding; i++) {
        padding = strcmp(params->padding, paddings[i]) == 0;
        grid->padding = (enum grid_padding)i;
    }
    if (!mode || !padding)
        return error_set(err, ERROR_UNSUPPORTED,
                         "mode '%s' with padding_mode '%s' is not supported",
                         params->mode ? params->mode : "",
                         params->padding ? params->padding : "");
    grid->corners = params->align_corners != 0;
    return 0;
}

static int grid_of(const struct op_call *call, struct grid *grid,
                   struct error *err)
{
    const struct shape *x = &call->inputs[0]->shape;
    const struct shape *g = &call->inputs[1]->shape;
    if (op_want_rank(call, 0, "X", 4, 4, err) < 0 ||
        op_want_rank(call, 1, "grid", 4, 4, err) < 0)
        return -1;
    if (g->dims[0] != x->dims[0] || g->dims[3] != 2 || x->dims[2] < 1 ||
        x->dims[3] < 1)
        return error_set(err, ERROR_SHAPE,
                         "input 'grid' is not (%lld, height, width, 2)",
                         (long long)x->dims[0]);
    *grid = (struct grid){.n = x->dims[0],
                          .c = x->dims[1],
                          .h = x->dims[2],
                          .w = x->dims[3],
                          .oh = g->dims[1],
                          .ow = g->dims[2]};
    return set_modes(grid, call->node->params, err);
}

static int infer(const struct op_call *call, struct error *err)
{
    struct grid grid;
    if (op_want_float(call, 0, "X", err) < 0 ||
        op_want_float(call, 1, "grid", err) < 0 ||
        grid_of(call, &grid, err) < 0)
        return -1;
    struct shape shape = {4, {grid.n, grid.c, grid.oh, grid.ow}};
    op_give(call, 0, DTYPE_FLOAT32, &shape);
    return 0;
}

/* -1 … 1 to pixels. */
static double pixel(const struct grid *grid, double place, int64_t size)
{
    if (grid->corners)
        return (place + 1) / 2 * (double)(size - 1);
    return ((place + 1) * (double)size - 1) / 2;
}

/* Folds x at the borders low and high until it lies between them. */
static double reflected(double x, double low, double high)
{
    double range = high - low;
    if (!(range > 0))
        return low;
    double beyond = x < low ? low - x : x > high ? x - high : 0;
    if (beyond == 0)
        return x;
    double turns = floor(beyond / range), rest = beyond - turns * range;
    bool odd = fmod(turns, 2) != 0;
    if (x < low)
        return odd ? high - rest : low + rest;
    return odd ? low + rest : high - rest;
}

/* A whole pixel inside the image, or -1 for one that is zero. */
static int64_t inside(const struct grid *grid, double x, int64_t size)
{
    double low = grid->corners ? 0 : -0.5;
    double high = (double)size - (grid->corners ? 1 : 0.5);
    double last = (double)(size - 1);
    if (grid->padding == GRID_REFLECTION)
        x = nearbyint(reflected(x, low, high));
    if (grid->padding != GRID_ZEROS)
        x = fmin(fmax(x, 0), last);
    return x >= 0 && x <= last ? (int64_t)x : -1;
}

static double cubic(double x)
{
    const double a = -0.75;
    double d = fabs(x);
    if (d <= 1)
        return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

/* Up to four pixels along one axis with their weights. */
struct taps {
    int count;
    int64_t index[4];
    double weight[4];
};

static void find_taps(struct taps *taps, const struct grid *grid, double place,
                      int64_t size)
{
    double x = pixel(grid, place, size), last = (double)(size - 1);
    if (!isfinite(x))
        x = grid->padding == GRID_ZEROS ? -2 - last : 0;
    /* Linear and nearest sample what is left of x after padding. */
    if (grid->mode != GRID_CUBIC && grid->padding == GRID_BORDER)
        x = fmin(fmax(x, 0), last);
    if (grid->mode != GRID_CUBIC && grid->padding == GRID_REFLECTION)
        x = fmin(fmax(reflected(x, grid->corners ? 0 : -0.5,
                                (double)size - (grid->corners ? 1 : 0.5)),
                      0),
                 last);
    if (grid->mode == GRID_NEAREST) {
        *taps = (struct taps){1, {inside(grid, nearbyint(x), size)}, {1}};
        return;
    }
    double first = floor(x) - (grid->mode == GRID_CUBIC ? 1 : 0);
    taps->count = grid->mode == GRID_CUBIC ? 4 : 2;
    for (int k = 0; k < taps->count; k++) {
        double d = x - (first + k);
        taps->index[k] = inside(grid, first + k, size);
        taps->weight[k] = grid->mode == GRID_CUBIC ? cubic(d) : 1 - fabs(d);
    }
}

static float sample(const struct grid *grid, const float *plane,
                    const struct taps *rows, const struct taps *columns)
{
    double sum = 0;
    for (int i = 0; i < rows->count; i++)
        for (int j = 0; j < columns->count; j++)
            if (rows->index[i] >= 0 && columns->index[j] >= 0)
                sum +=
                    rows->weight[i] * columns->weight[j] *
                    (double)plane[rows->index[i] * grid->w + columns->index[j]];
    return (float)sum;
}

static int run(const struct op_call *call, struct error *err)
{
    struct grid grid;
    if (grid_of(call, &grid, err) < 0)
        return -1;
    const float *places = call->inputs[1]->data, *x = call->inputs[0]->data;
    float *y = call->outputs[0]->data;
    int64_t size = grid.oh * grid.ow, plane = grid.h * grid.w;
    for (int64_t i = 0; i < grid.n * size; i++) {
        struct taps columns, rows;
        find_taps(&columns, &grid, (double)places[2 * i], grid.w);
        find_taps(&rows, &grid, (double)places[2 * i + 1], grid.h);
        for (int64_t c = 0; c < grid.c; c++) {
            int64_t image = i / size * grid.c + c;
            y[image * size + i % size] =
                sample(&grid, x + image * plane, &rows, &columns);
        }
    }
    return 0;
}

const struct op op_grid_sample = {
    .type = "GridSample",
    OP_OPSETS(16, OP_OPSET_LAST),
    .min_inputs = 2,
    .max_inputs = 2,
    .weight_input = -1,
    .parse = parse,
    .infer = infer,
    .run = run,
};

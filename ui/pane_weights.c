/* The selected layer's weights: |w| histogram and filter norms. */
#include "format.h"
#include "plot.h"
#include "screen.h"

#include "base/array.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Sums the fine bins into one height per column, 0…1. */
static double *column_heights(const struct view_weights *weights, int columns,
                              bool logarithmic, double *highest)
{
    double *heights = array_create((size_t)columns + 1, sizeof *heights);
    *highest = 0;
    if (heights == NULL)
        return NULL;
    for (int i = 0; i < VIEW_BINS; i++)
        heights[(int64_t)i * columns / VIEW_BINS] += (double)weights->bins[i];
    for (int i = 0; i < columns; i++)
        *highest = fmax(*highest, heights[i]);
    for (int i = 0; i<columns && * highest> 0; i++)
        heights[i] = logarithmic ? log1p(heights[i]) / log1p(*highest)
                                 : heights[i] / *highest;
    return heights;
}

static void draw_legend(const struct view_weights *weights,
                        struct surface *surface, struct rect area)
{
    char a[FORMAT_ROOM], b[FORMAT_ROOM];
    int64_t kept = weights->count - weights->removed;
    double share =
        weights->count ? (double)weights->removed / (double)weights->count : 0;
    int row = area.row + area.rows - 1, column = area.column + 1;
    column += surface_printf(
        surface, row, column, area.columns - 1, ROLE_PRUNED, "pruned %s %s",
        format_grouped(a, weights->removed), format_percent(b, share));
    surface_printf(surface, row, column + 2,
                   area.column + area.columns - column - 2, ROLE_KEPT,
                   "kept %s %s", format_grouped(a, kept),
                   format_percent(b, 1 - share));
}

void weights_pane(const struct app *app, struct surface *surface,
                  struct rect area)
{
    const struct view_weights *weights = &app->view.weights;
    bool logarithmic = app->state.screen == SCREEN_DETAIL;
    int columns = area.columns - 2, rows = area.rows - 3;
    double highest;
    if (weights->row < 0 || rows < 1 || columns < 10)
        return;
    surface_text(surface, area.row, area.column + 1, columns, ROLE_DIM,
                 logarithmic ? "|w| histogram, log count" : "|w| histogram");
    if (isfinite(weights->threshold)) {
        char text[FORMAT_ROOM];
        snprintf(text, sizeof text, "threshold %.3g", weights->threshold);
        widget_right(surface, area.row, area.column + 1, columns - 1, ROLE_TEXT,
                     text);
    }
    double *heights = column_heights(weights, columns, logarithmic, &highest);
    if (heights == NULL)
        return;
    struct rect plot = {area.row + 1, area.column + 1, rows, columns};
    int split = -1;
    if (isfinite(weights->threshold) && weights->maximum > 0)
        split = (int)fmin(weights->threshold / weights->maximum * columns,
                          columns - 1);
    else if (weights->removed == weights->count)
        split = columns;
    plot_columns(surface, plot, heights, split, ROLE_PRUNED, ROLE_KEPT);
    if (isfinite(weights->threshold))
        for (int r = 0; r < rows; r++)
            surface_put(surface, plot.row + r, plot.column + split, ROLE_NOW,
                        0x250a);
    int axis = plot.row + rows;
    char maximum[FORMAT_ROOM];
    snprintf(maximum, sizeof maximum, "%.3g", weights->maximum);
    surface_text(surface, axis, plot.column, 1, ROLE_DIM, "0");
    widget_right(surface, axis, plot.column, columns, ROLE_DIM, maximum);
    draw_legend(weights, surface, area);
    free(heights);
}

/* --- filters --- */

struct ranked {
    double norm;
    size_t filter;
};

static int by_norm(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->norm != y->norm)
        return x->norm < y->norm ? 1 : -1;
    return (x->filter > y->filter) - (x->filter < y->filter);
}

static void draw_filter(const struct view_weights *weights,
                        struct surface *surface, int row, int column, int width,
                        struct ranked filter, double highest)
{
    double kept = weights->kept[filter.filter];
    bool dead = kept == 0;
    int bar = width - 18;
    surface_printf(surface, row, column, 5, dead ? ROLE_DIM : ROLE_TEXT, "f%zu",
                   filter.filter);
    if (bar > 0)
        plot_bar(surface, row, column + 5, bar,
                 highest > 0 ? filter.norm / highest : 0,
                 dead ? ROLE_PRUNED : ROLE_BAR);
    char norm[FORMAT_ROOM], share[FORMAT_ROOM];
    snprintf(norm, sizeof norm, "%.2f", filter.norm);
    widget_right(surface, row, column + width - 12, 5, ROLE_TEXT, norm);
    widget_right(surface, row, column + width - 6, 5, ROLE_DIM,
                 dead ? "†" : format_percent(share, kept));
}

/* The strongest filters, then the weakest, when not all fit. */
void filters_pane(const struct app *app, struct surface *surface,
                  struct rect area)
{
    const struct view_weights *weights = &app->view.weights;
    int width = area.columns - 2, rows = area.rows - 1;
    if (weights->row < 0 || weights->filters == 0 || width < 20 || rows < 2)
        return;
    struct ranked *list = array_create(weights->filters, sizeof *list);
    if (list == NULL)
        return;
    size_t dead = 0;
    for (size_t i = 0; i < weights->filters; i++) {
        list[i] = (struct ranked){weights->norms[i], i};
        dead += weights->kept[i] == 0;
    }
    qsort(list, weights->filters, sizeof *list, by_norm);
    surface_printf(surface, area.row, area.column + 1, width, ROLE_DIM,
                   "L2 norm, kept  † dead %zu/%zu", dead, weights->filters);
    size_t shown =
        weights->filters < (size_t)rows ? weights->filters : (size_t)rows;
    for (size_t i = 0; i < shown; i++) {
        bool all = shown == weights->filters;
        size_t at = all || i < shown / 2 ? i : weights->filters - shown + i;
        draw_filter(weights, surface, area.row + 1 + (int)i, area.column + 1,
                    width, list[at], list[0].norm);
    }
    free(list);
}

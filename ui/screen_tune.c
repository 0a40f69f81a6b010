/* Work as curves: the first two series side by side, against the dense model
 * where one is its accuracy, and how far it is. */
#include "format.h"
#include "plot.h"
#include "screen.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Points of one series; accuracies in percent. */
struct curve {
    const struct view *view;
    int series;
    double scale;
};

static const struct work_point *point_at(const struct curve *curve, size_t i)
{
    const struct work_point *point = &curve->view->work_points[i];
    return point->series == curve->series ? point : NULL;
}

/* Ranges of everything that is drawn; false when nothing is known yet. */
static bool find_ranges(const struct curve *curve, double base, struct range *x,
                        struct range *y)
{
    size_t room = 3 * curve->view->work_point_count + 1, count = 0, xs = 0;
    double *values = malloc(2 * room * sizeof *values);
    if (values == NULL)
        return false;
    for (size_t i = 0; i < curve->view->work_point_count; i++) {
        const struct work_point *p = point_at(curve, i);
        if (p == NULL)
            continue;
        values[room + xs++] = p->x;
        values[count++] = curve->scale * p->y;
        values[count++] = curve->scale * p->low;
        values[count++] = curve->scale * p->high;
    }
    bool any = xs > 0;
    values[count++] = base;
    *x = range_of(values + room, xs);
    x->low = x->low < 0 ? 0 : x->low; /* of a single point, padded */
    *y = range_pad(range_of(values, count), 0.05);
    free(values);
    return any;
}

static void line_to(struct canvas *canvas, const struct axes *axes,
                    const double from[2], const double to[2], enum role role)
{
    double wide = axes->x.high - axes->x.low, high = axes->y.high - axes->y.low;
    double right = 2 * axes->inner.columns - 1, down = 4 * axes->inner.rows - 1;
    canvas_line(canvas, (from[0] - axes->x.low) / wide * right,
                (axes->y.high - from[1]) / high * down,
                (to[0] - axes->x.low) / wide * right,
                (axes->y.high - to[1]) / high * down, role);
}

static void draw_curve(struct surface *surface, const struct axes *axes,
                       const struct curve *curve, double base)
{
    struct canvas canvas = {0};
    double last[2] = {NAN, NAN};
    if (canvas_init(&canvas, axes->inner.rows, axes->inner.columns) != 0)
        return;
    for (size_t i = 0; i < curve->view->work_point_count; i++) {
        const struct work_point *p = point_at(curve, i);
        if (p == NULL)
            continue;
        double at[2] = {p->x, curve->scale * p->y};
        double low[2] = {p->x, curve->scale * p->low};
        double high[2] = {p->x, curve->scale * p->high};
        if (isfinite(low[1]) && isfinite(high[1]))
            line_to(&canvas, axes, low, high, ROLE_DIM);
        if (isfinite(at[1])) /* the first one is a dot */
            line_to(&canvas, axes, isfinite(last[1]) ? last : at, at,
                    ROLE_FRONT);
        memcpy(last, at, sizeof last);
    }
    canvas_draw(&canvas, surface, axes->inner.row, axes->inner.column);
    canvas_release(&canvas);
    int row, column;
    for (int c = 0; isfinite(base) && c < axes->inner.columns; c++)
        if (plot_cell(axes, axes->x.low, base, &row, &column) &&
            surface->cells[row * surface->columns + axes->inner.column + c]
                    .glyph == ' ')
            surface_put(surface, row, axes->inner.column + c, ROLE_DIM, 0x2508);
}

static void draw_series(const struct view *view, struct surface *surface,
                        struct rect area, int series)
{
    const char *name = view->work_series[series];
    bool accuracy = strcmp(name, "accuracy") == 0;
    struct curve curve = {view, series, accuracy ? 100 : 1};
    double base =
        accuracy ? 100 * view_base(view)->accuracy.value : (double)NAN;
    char title[64];
    struct range x, y;
    snprintf(title, sizeof title, "%s%s", name, accuracy ? " %   ┈ dense" : "");
    widget_rule(surface, area.row, area.column, area.columns, title, false);
    area.row++;
    area.rows--;
    if (!find_ranges(&curve, base, &x, &y)) {
        surface_text(surface, area.row + 1, area.column + 2, area.columns - 2,
                     ROLE_DIM, "nothing is known yet");
        return;
    }
    struct axes axes = plot_axes(surface, area, x, y, "ep");
    draw_curve(surface, &axes, &curve, base);
}

/* What can be done now. */
static void draw_keys(const struct app *app, struct surface *surface, int row)
{
    const struct view *view = &app->view;
    const char *text = "";
    if (view->working && view->work_steerable)
        text = app->state.paused
                   ? "P go on   Enter keep best   Esc discard (asks)"
                   : "P pause   + 1 epoch   Enter keep best   Esc discard "
                     "(asks)";
    else if (view->interrupted != NULL)
        text = "a tune was interrupted: r goes on with it";
    surface_text(surface, row, 1, surface->columns - 2, ROLE_KEY, text);
}

/* The first and the last accuracy, and how far it is. */
static void draw_figures(const struct app *app, struct surface *surface,
                         int row)
{
    const struct view *view = &app->view;
    const struct curve curve = {view, 0, 100};
    const struct work_point *first = NULL, *last = NULL;
    char text[160];
    for (size_t i = 0; i < view->work_point_count; i++) {
        const struct work_point *p = point_at(&curve, i);
        first = first ? first : p;
        last = p ? p : last;
    }
    widget_rule(surface, row, 0, surface->columns,
                !view->working      ? "at its end"
                : app->state.paused ? "paused"
                                    : view->work,
                false);
    if (last != NULL) {
        snprintf(text, sizeof text,
                 "before %.2f   now %.2f [%.2f, %.2f]   recovered %+.2f",
                 100 * first->y, 100 * last->y, 100 * last->low,
                 100 * last->high, 100 * (last->y - first->y));
        widget_clip(surface, row + 1, 1, surface->columns - 2, ROLE_VALUE,
                    text);
    }
    widget_clip(surface, row + 2, 1, surface->columns - 2, ROLE_DIM,
                view->work_note);
    if (view->work_total > 0)
        widget_progress(surface, row + 3, 1, surface->columns - 2,
                        (double)view->work_done / (double)view->work_total);
    draw_keys(app, surface, row + 4);
}

void tune_draw(struct app *app, struct surface *surface)
{
    const struct view *view = &app->view;
    int rows = surface->rows - 8, half = surface->columns / 2;
    title_draw(app, surface, view->work_name ? view->work_name : "tune");
    if (view->work_series == NULL) {
        widget_rule(surface, 1, 0, surface->columns, NULL, false);
        surface_text(surface, 3, 2, -1, ROLE_DIM,
                     "nothing was tuned yet: type  : tune 2 epochs lr 0.01");
        draw_keys(app, surface, 5);
    } else {
        struct rect left = {1, 0, rows, half - 1};
        struct rect right = {1, half, rows, surface->columns - half};
        bool two = view->work_series[1] != NULL;
        draw_series(view, surface,
                    two ? left : (struct rect){1, 0, rows, surface->columns},
                    two ? 1 : 0);
        if (two)
            draw_series(view, surface, right, 0);
        draw_figures(app, surface, rows + 1);
    }
    status_draw(app, surface);
    bar_draw(app, surface);
}

/* Accuracy against cost, a dot for every variant that was tried. */
#include "format.h"
#include "plot.h"
#include "screen.h"

#include "base/array.h"

#include <math.h>
#include <stdlib.h>

static bool shown(const struct app *app, const struct view_point *point)
{
    return point->accuracy.samples > 0 && isfinite(point->accuracy.value) &&
           isfinite(view_axis_value(point, app->state.axis)) &&
           (app->state.show_dominated || point->front ||
            point->id == app->view.current || point->id == 0);
}

/* Narrows a range to 1/zoom of its width around `centre`. */
static struct range zoomed(struct range range, double centre, double zoom)
{
    double half = (range.high - range.low) / zoom / 2;
    if (zoom <= 1 || !isfinite(centre))
        return range;
    return (struct range){centre - half, centre + half};
}

/* Costs, at least a tenth of their size wide: neither one point nor noise
 * fills the plot. */
static struct range cost_range(const double *values, size_t count)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        low = fmin(low, values[i]); /* which leaves out what is NAN */
        high = fmax(high, values[i]);
    }
    if (!(low <= high) || high <= 0)
        return range_pad(range_of(values, count), 0.05);
    double middle = (low + high) / 2, least = 0.05 * middle;
    struct range range = range_pad((struct range){low, high}, 0.05);
    if (range.high - range.low < 2 * least)
        range = (struct range){middle - least, middle + least};
    range.low = fmax(range.low, 0); /* never negative */
    return range;
}

static bool find_ranges(const struct app *app, int cursor, struct range *x,
                        struct range *y)
{
    const struct view *view = &app->view;
    double *xs = array_create(view->point_count * 2, sizeof *xs);
    if (xs == NULL)
        return false;
    double *ys = xs + view->point_count;
    size_t count = 0;
    for (size_t i = 0; i < view->point_count; i++) {
        if (!shown(app, &view->points[i]))
            continue;
        xs[count] = view_axis_value(&view->points[i], app->state.axis);
        ys[count++] = 100 * view->points[i].accuracy.value;
    }
    *x = cost_range(xs, count);
    *y = range_pad(range_of(ys, count), 0.08);
    if (y->high - y->low < 1) /* noise must not look like a cliff */
        *y = (struct range){y->low - 0.5, y->high + 0.5};
    if (app->state.axis != VIEW_LATENCY && x->high > 100)
        x->high = 100;
    if (y->high > 100 && y->low < 99)
        y->high = 100;
    free(xs);
    if (cursor >= 0 && app->state.plot_zoom > 1) {
        const struct view_point *at = &view->points[cursor];
        *x = zoomed(*x, view_axis_value(at, app->state.axis),
                    app->state.plot_zoom);
        *y = zoomed(*y, 100 * at->accuracy.value, app->state.plot_zoom);
    }
    return count > 0;
}

/* The front as a line through its points, in order of x. */
static void draw_front(const struct app *app, struct surface *surface,
                       const struct axes *axes)
{
    const struct view *view = &app->view;
    struct canvas canvas = {0};
    if (canvas_init(&canvas, axes->inner.rows, axes->inner.columns) != 0)
        return;
    double last_x = NAN, last_y = NAN, beyond = -INFINITY;
    double wide = axes->x.high - axes->x.low, high = axes->y.high - axes->y.low;
    for (;;) {
        const struct view_point *next = NULL;
        for (size_t i = 0; i < view->point_count; i++) {
            const struct view_point *p = &view->points[i];
            double x = view_axis_value(p, app->state.axis);
            if (p->front && x > beyond &&
                (next == NULL || x < view_axis_value(next, app->state.axis)))
                next = p;
        }
        if (next == NULL)
            break;
        beyond = view_axis_value(next, app->state.axis);
        double x =
            (beyond - axes->x.low) / wide * (2 * axes->inner.columns - 1);
        double y = (axes->y.high - 100 * next->accuracy.value) / high *
                   (4 * axes->inner.rows - 1);
        if (isfinite(last_x))
            canvas_line(&canvas, last_x, last_y, x, y, ROLE_FRONT);
        last_x = x;
        last_y = y;
    }
    canvas_draw(&canvas, surface, axes->inner.row, axes->inner.column);
    canvas_release(&canvas);
}

static void draw_point(const struct app *app, struct surface *surface,
                       const struct axes *axes, int id, enum role role,
                       uint32_t glyph)
{
    const struct view_point *point = &app->view.points[id];
    int row, column;
    if (shown(app, point) &&
        plot_cell(axes, view_axis_value(point, app->state.axis),
                  100 * point->accuracy.value, &row, &column))
        surface_put(surface, row, column, role, glyph);
}

/* Dotted lines through the point under the cursor, where nothing else is. */
static void draw_cross(const struct app *app, struct surface *surface,
                       const struct axes *axes, int cursor)
{
    const struct view_point *point = &app->view.points[cursor];
    struct rect in = axes->inner;
    int row, column;
    if (!shown(app, point) ||
        !plot_cell(axes, view_axis_value(point, app->state.axis),
                   100 * point->accuracy.value, &row, &column))
        return;
    for (int c = in.column; c < in.column + in.columns; c++)
        if (surface->cells[row * surface->columns + c].glyph == ' ')
            surface_put(surface, row, c, ROLE_DIM, 0x2508);
    for (int r = in.row; r < in.row + in.rows; r++)
        if (surface->cells[r * surface->columns + column].glyph == ' ')
            surface_put(surface, r, column, ROLE_DIM, 0x250a);
    surface_role(surface, row, column, 1, ROLE_CURSOR);
}

void plot_pane(struct app *app, struct surface *surface, struct rect area,
               int cursor)
{
    const struct view *view = &app->view;
    struct range x, y;
    if (area.rows < 5 || area.columns < 16)
        return;
    if (!find_ranges(app, cursor, &x, &y)) {
        surface_text(surface, area.row + area.rows / 2, area.column + 2,
                     area.columns - 2, ROLE_DIM,
                     view->data[0] ? "waiting for the first figures"
                                   : "needs a data set");
        return;
    }
    struct axes axes =
        plot_axes(surface, area, x, y, view_axis_unit(app->state.axis));
    view_front(&app->view, app->state.axis);
    draw_front(app, surface, &axes);
    for (size_t i = 0; i < view->point_count; i++)
        draw_point(app, surface, &axes, (int)i, ROLE_POINT,
                   view->points[i].front ? 0x25cf : 0xb7);
    draw_point(app, surface, &axes, 0, ROLE_BASE, 0x25cb);
    if (view->snapshot_a >= 0)
        draw_point(app, surface, &axes, view->snapshot_a, ROLE_NOW, 'A');
    if (view->snapshot_b >= 0)
        draw_point(app, surface, &axes, view->snapshot_b, ROLE_NOW, 'B');
    draw_point(app, surface, &axes, view->current, ROLE_NOW, 0x25c6);
    if (cursor >= 0)
        draw_cross(app, surface, &axes, cursor);
}

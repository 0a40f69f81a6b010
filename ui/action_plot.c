/* The cursor of the trade-off plot walks over variants. */
#include "action.h"

#include <math.h>

static bool shown(const struct app *app, int id)
{
    const struct view_point *point = &app->view.points[id];
    return point->accuracy.samples > 0 &&
           isfinite(view_axis_value(point, app->state.axis)) &&
           (app->state.show_dominated || point->front ||
            id == app->view.current || id == 0);
}

/* Where a point stands in one direction: by x or by accuracy. */
static double place(const struct app *app, int id, bool by_accuracy)
{
    const struct view_point *point = &app->view.points[id];
    return by_accuracy ? point->accuracy.value
                       : view_axis_value(point, app->state.axis);
}

/* Moves to the next point in that order; ids break ties. */
static void walk(struct app *app, int step, bool by_accuracy, bool front)
{
    struct list *list = &app->state.lists[SCREEN_TRADEOFF];
    int from = list->cursor, best = -1;
    double here = from < list->count ? place(app, from, by_accuracy) : NAN;
    for (int id = 0; id < list->count; id++) {
        if (id == from || !shown(app, id) ||
            (front && !app->view.points[id].front))
            continue;
        double there = place(app, id, by_accuracy);
        bool ahead = !isfinite(here) || (there - here) * step > 0 ||
                     (there == here && (id - from) * step > 0);
        if (!ahead)
            continue;
        double best_place = best < 0 ? 0 : place(app, best, by_accuracy);
        if (best < 0 || (best_place - there) * step > 0 ||
            (best_place == there && (best - id) * step > 0))
            best = id;
    }
    if (best >= 0)
        list_move(list, best);
}

void do_point(struct app *app, int step)
{
    walk(app, step, false, false);
}

void do_point_y(struct app *app, int step)
{
    walk(app, -step, true, false);
}

void do_front(struct app *app, int step)
{
    walk(app, step, false, true);
}

void do_axis(struct app *app, int unused)
{
    (void)unused;
    app->state.axis = (enum view_axis)((app->state.axis + 1) % VIEW_AXIS_COUNT);
    view_front(&app->view, app->state.axis);
}

void do_dominated(struct app *app, int unused)
{
    (void)unused;
    app->state.show_dominated = !app->state.show_dominated;
}

void do_plot_zoom(struct app *app, int step)
{
    double zoom = app->state.plot_zoom * (step > 0 ? 2 : 0.5);
    app->state.plot_zoom = step == 0 ? 1 : fmax(1, fmin(zoom, 64));
}

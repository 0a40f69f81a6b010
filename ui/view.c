/* What can be derived from the values in a view alone. */
#include "view.h"

#include "base/array.h"

#include <math.h>
#include <stdlib.h>

const struct view_point *view_now(const struct view *view)
{
    return &view->points[view->current];
}

const struct view_point *view_base(const struct view *view)
{
    return &view->points[0];
}

static double latency_of(const struct view_point *p)
{
    return p->latency_ms;
}

static double size_of(const struct view_point *p)
{
    return 100 * p->size;
}

static double nonzero_of(const struct view_point *p)
{
    return 100 * p->nonzero;
}

static double macs_of(const struct view_point *p)
{
    return 100 * p->macs;
}

static const struct {
    const char *name, *unit;
    double (*value)(const struct view_point *point);
} axes[VIEW_AXIS_COUNT] = {
    [VIEW_LATENCY] = {"latency", "ms", latency_of},
    [VIEW_SIZE] = {"size", "%", size_of},
    [VIEW_NONZERO] = {"nonzeros", "%", nonzero_of},
    [VIEW_MACS] = {"MACs", "%", macs_of},
};

double view_axis_value(const struct view_point *point, enum view_axis axis)
{
    return axes[axis].value(point);
}

const char *view_axis_name(enum view_axis axis)
{
    return axes[axis].name;
}

const char *view_axis_unit(enum view_axis axis)
{
    return axes[axis].unit;
}

static bool plotted(const struct view_point *point, enum view_axis axis)
{
    return point->accuracy.samples > 0 && isfinite(point->accuracy.value) &&
           isfinite(view_axis_value(point, axis));
}

/* Quadratic only in the points of the front, which are few. */
void view_front(struct view *view, enum view_axis axis)
{
    for (size_t i = 0; i < view->point_count; i++)
        view->points[i].front = false;
    double beyond = -INFINITY, best = -INFINITY;
    for (;;) {
        /* the cheapest point that is better than all cheaper ones */
        struct view_point *next = NULL;
        double next_x = INFINITY;
        for (size_t i = 0; i < view->point_count; i++) {
            struct view_point *p = &view->points[i];
            double x = view_axis_value(p, axis);
            if (!plotted(p, axis) || p->accuracy.value <= best || x < beyond)
                continue;
            if (x < next_x ||
                (x == next_x && p->accuracy.value > next->accuracy.value)) {
                next = p;
                next_x = x;
            }
        }
        if (next == NULL)
            return;
        next->front = true;
        beyond = next_x;
        best = next->accuracy.value;
    }
}

/* Children in order of id, as first child and next sibling. */
struct kin {
    int child, sibling;
};

/*
 * Preorder, but a node's newest child comes last and goes on in its line;
 * the older ones are branches one line to the right.
 */
int view_grow_tree(struct view *view)
{
    size_t count = view->point_count;
    struct kin *kin = array_create(count + 1, sizeof *kin);
    struct view_branch *stack = array_create(count + 1, sizeof *stack);
    struct view_branch *rows =
        realloc(view->branches, (count + 1) * sizeof *rows);
    if (rows != NULL)
        view->branches = rows;
    if (kin == NULL || stack == NULL || rows == NULL) {
        free(kin);
        free(stack);
        return -1;
    }
    for (size_t i = 0; i < count; i++)
        kin[i] = (struct kin){-1, -1};
    for (size_t i = count; i-- > 1;) { /* lists end up in order of id */
        int parent = view->points[i].parent;
        kin[i].sibling = kin[parent].child;
        kin[parent].child = (int)i;
    }
    size_t depth = 0, used = 0;
    if (count > 0)
        stack[depth++] = (struct view_branch){0, 0, false};
    while (depth > 0) {
        struct view_branch here = stack[--depth];
        rows[used++] = here;
        /* pushed newest first, so that it is taken last */
        size_t first = depth;
        for (int c = kin[here.id].child; c >= 0; c = kin[c].sibling) {
            bool newest = kin[c].sibling < 0;
            stack[depth++] =
                (struct view_branch){c, here.depth + (newest ? 0 : 1), !newest};
        }
        for (size_t a = first, b = depth; a + 1 < b; a++) {
            struct view_branch swap = stack[a];
            stack[a] = stack[--b];
            stack[b] = swap;
        }
    }
    free(kin);
    free(stack);
    return 0;
}

void view_release_weights(struct view_weights *weights)
{
    free(weights->norms);
    free(weights->kept);
    free(weights->map);
    *weights = (struct view_weights){.row = -1};
}

void view_release(struct view *view)
{
    for (size_t i = 0; i < view->layer_count; i++) {
        free(view->layers[i].name);
        free(view->layers[i].group);
    }
    for (size_t i = 0; i < view->point_count; i++) {
        free(view->points[i].summary);
        free(view->points[i].removed);
    }
    free(view->layers);
    free(view->points);
    free(view->branches);
    free(view->model);
    free(view->data);
    free(view->work_points);
    view_release_scan(&view->scan);
    view_release_compare(&view->compare);
    view_release_weights(&view->weights);
    view_release_flips(&view->flips);
    robustness_known_drop(view->robustness);
    *view = (struct view){0};
}

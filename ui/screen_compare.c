/* Two variants side by side: figures with differences and a paired test;
 * below, the layers that differ first, and the classes, worst first. */
#include "format.h"
#include "screen.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LABEL = 11, CLASSES = 28, HEAD = 8 };

/* A figure of both variants in a row of its own. */
struct figures {
    struct surface *surface;
    int row, columns; /* of a side */
};

static void add(struct figures *f, const char *label, const char *before,
                const char *after, enum role role, const char *difference)
{
    int from = LABEL, to = LABEL + f->columns, last = to + f->columns;
    surface_text(f->surface, f->row, 1, LABEL - 1, ROLE_DIM, label);
    surface_text(f->surface, f->row, from, f->columns - 1, ROLE_TEXT, before);
    surface_text(f->surface, f->row, to, f->columns - 1, ROLE_VALUE, after);
    surface_text(f->surface, f->row, last, f->surface->columns - last - 1, role,
                 difference);
    f->row++;
}

/* "variant 3 (A)" or "the dense model". */
static char *side_name(char *text, size_t room, const struct view_point *point)
{
    if (point->id == 0)
        snprintf(text, room, "#0 dense");
    else
        snprintf(text, room, "#%d%s%s", point->id,
                 point->snapshots[0] ? " " : "", point->snapshots);
    return text;
}

static void add_accuracy(struct figures *f, const struct view *view,
                         const struct view_point *a, const struct view_point *b)
{
    char before[2 * FORMAT_ROOM + 1], after[2 * FORMAT_ROOM + 1], text[128];
    char x[FORMAT_ROOM], y[FORMAT_ROOM];
    const struct view_compare *compare = &view->compare;
    const struct paired_counts *all = &compare->paired.all;
    snprintf(before, sizeof before, "%s %s",
             format_accuracy(x, &a->accuracy, 2),
             format_interval(y, &a->accuracy, 1));
    snprintf(after, sizeof after, "%s %s", format_accuracy(x, &b->accuracy, 2),
             format_interval(y, &b->accuracy, 1));
    if (!compare->known) {
        add(f, "accuracy", before, after, ROLE_DIM, "… not known yet");
        return;
    }
    bool clear = format_significant(&all->difference);
    snprintf(text, sizeof text, "%s %s",
             format_difference(x, &all->difference, 2),
             format_interval(y, &all->difference, 2));
    add(f, "accuracy", before, after,
        !clear                      ? ROLE_DIM
        : all->difference.value < 0 ? ROLE_BAD
                                    : ROLE_GOOD,
        text);
}

static void add_test(struct figures *f, const struct view *view,
                     const struct view_point *a, const struct view_point *b)
{
    char text[160], x[FORMAT_ROOM], y[FORMAT_ROOM], z[FORMAT_ROOM], p[16];
    const struct paired_counts *all = &view->compare.paired.all;
    if (!view->compare.known)
        return;
    if (all->p_value < 0.0001)
        snprintf(p, sizeof p, "p < 0.0001");
    else
        snprintf(p, sizeof p, "p %.4f", all->p_value);
    snprintf(text, sizeof text, "only #%d %s, only #%d %s, of %s: %s%s", a->id,
             format_grouped(x, all->before_only), b->id,
             format_grouped(y, all->after_only),
             format_grouped(z, all->samples), p,
             all->p_value < 0.05 ? "" : ", may be chance");
    surface_text(f->surface, f->row, 1, LABEL - 1, ROLE_DIM, "right");
    surface_text(f->surface, f->row++, LABEL, -1, ROLE_TEXT, text);
}

/* Change in per cent; less is better. */
static void add_cost(struct figures *f, const char *label, const char *before,
                     const char *after, double a, double b)
{
    char text[FORMAT_ROOM] = "…";
    double change = 100 * (b / a - 1);
    if (isfinite(change))
        snprintf(text, sizeof text, "%+.1f%%",
                 fabs(change) < 0.05 ? 0 : change);
    add(f, label, before, after, change < -1 ? ROLE_GOOD : ROLE_TEXT, text);
}

static char *latency_text(char *text, const struct view_point *p)
{
    char a[FORMAT_ROOM], b[FORMAT_ROOM];
    format_ms(a, p->latency_ms);
    format_ms(b, p->latency_spread);
    if (isfinite(p->latency_ms))
        snprintf(text, FORMAT_ROOM, "%.12s ms ±%.12s", a, b);
    else
        snprintf(text, FORMAT_ROOM, "…");
    return text;
}

static void draw_figures(const struct app *app, struct surface *surface)
{
    const struct view *view = &app->view;
    const struct view_point *a = &view->points[view->compare.from];
    const struct view_point *b = &view->points[view->compare.to];
    char x[FORMAT_ROOM], y[FORMAT_ROOM], name[64], other[72];
    struct figures f = {surface, 1,
                        surface->columns >= LAYOUT_WIDE_COLUMNS ? 30 : 20};
    snprintf(other, sizeof other, "%s now", side_name(name, sizeof name, b));
    add(&f, "", side_name(name, sizeof name, a), other, ROLE_DIM,
        "difference [95 %]");
    add_accuracy(&f, view, a, b);
    add_cost(&f, "latency", latency_text(x, a), latency_text(y, b),
             a->latency_ms, b->latency_ms);
    add_cost(&f, "size", format_bytes(x, a->bytes), format_bytes(y, b->bytes),
             a->bytes, b->bytes);
    add_cost(&f, "MACs", format_percent(x, a->macs), format_percent(y, b->macs),
             a->macs, b->macs);
    add_cost(&f, "nonzeros", format_percent(x, a->nonzero),
             format_percent(y, b->nonzero), a->nonzero, b->nonzero);
    add_test(&f, view, a, b);
}

/* --- layers --- */

struct table {
    struct surface *surface;
    struct rect area;
    int name, side; /* columns */
    bool wide;
};

/* "85% weight", with the criterion where there is room or it alone differs. */
static char *choice_text(char *text, size_t room, const struct view_choice *c,
                         const struct view_choice *other, bool wide)
{
    char a[FORMAT_ROOM];
    if (c->structure[0] == '\0') {
        snprintf(text, room, "dense");
        return text;
    }
    bool criterion = strcmp(c->structure, other->structure) == 0 &&
                     strcmp(c->criterion, other->criterion) != 0;
    format_percent(a, c->amount);
    if (wide)
        snprintf(text, room, "%s %s %s", a, c->structure, c->criterion);
    else
        snprintf(text, room, "%s %s", a,
                 criterion ? c->criterion : c->structure);
    return text;
}

static void draw_share(const struct table *t, int row, int column, int width,
                       double share)
{
    char text[FORMAT_ROOM] = "…";
    if (isfinite(share))
        snprintf(text, sizeof text, "%.0f", 100 * share);
    widget_right(t->surface, row, column, width, ROLE_DIM, text);
}

static void draw_layer(const struct table *t, const struct view *view, int row,
                       int index, bool differs)
{
    char text[96];
    const struct view_choice *a = &view->compare.before[index];
    const struct view_choice *b = &view->compare.after[index];
    enum role role = differs ? ROLE_TEXT : ROLE_DIM;
    int column = 2;
    widget_clip_start(t->surface, row, column, t->name, role,
                      view->layers[index].name);
    column += t->name + 1;
    widget_clip(t->surface, row, column, t->side - 1, role,
                choice_text(text, sizeof text, a, b, t->wide));
    column += t->side;
    widget_clip(t->surface, row, column, t->side - 1,
                differs ? ROLE_VALUE : ROLE_DIM,
                choice_text(text, sizeof text, b, a, t->wide));
    column += t->side;
    draw_share(t, row, column, 3, a->share);
    draw_share(t, row, column + 3, 4, b->share);
}

static void draw_layers(struct app *app, struct surface *surface,
                        struct rect area)
{
    const struct view *view = &app->view;
    struct list *list = &app->state.lists[SCREEN_COMPARE];
    bool wide = surface->columns >= LAYOUT_WIDE_COLUMNS;
    struct table t = {surface, area, 0, wide ? 30 : 14, wide};
    t.name = area.columns - 3 - 2 * t.side - 7;
    int column = 3 + t.name;
    surface_text(surface, area.row, 2, t.name, ROLE_DIM, "layer");
    surface_printf(surface, area.row, column, t.side, ROLE_DIM, "#%d",
                   view->compare.from);
    surface_printf(surface, area.row, column + t.side, t.side, ROLE_DIM,
                   "#%d now", view->compare.to);
    widget_right(surface, area.row, column + 2 * t.side, 7, ROLE_DIM, "lat%");
    list->count = (int)view->compare.layer_count;
    list->visible = area.rows - 1;
    list_move(list, list->cursor);
    list->top =
        layout_scroll(list->top, list->cursor, list->visible, list->count);
    for (int i = 0; i < list->visible && list->top + i < list->count; i++) {
        int at = list->top + i, row = area.row + 1 + i;
        draw_layer(&t, view, row, view->compare.order[at],
                   at < (int)view->compare.differing);
        if (at == list->cursor)
            surface_put(surface, row, 0, ROLE_NOW, 0x25b8);
    }
    if (list->top + list->visible < list->count)
        surface_put(surface, area.row + area.rows - 1, 1, ROLE_DIM, 0x2193);
}

/* --- classes --- */

static void draw_class(struct surface *surface, int row, int column,
                       const struct paired_class *c)
{
    char text[FORMAT_ROOM], a[FORMAT_ROOM];
    double n = (double)c->counts.samples;
    const struct estimate *d = &c->counts.difference;
    bool clear = format_significant(d);
    snprintf(text, sizeof text, "%lld", (long long)c->label);
    widget_right(surface, row, column, 5, ROLE_TEXT, text);
    snprintf(text, sizeof text, "%.1f",
             100 * (double)(c->counts.both + c->counts.before_only) / n);
    widget_right(surface, row, column + 5, 7, ROLE_TEXT, text);
    snprintf(text, sizeof text, "%.1f",
             100 * (double)(c->counts.both + c->counts.after_only) / n);
    widget_right(surface, row, column + 12, 7, ROLE_TEXT, text);
    snprintf(text, sizeof text, "%s%s", format_difference(a, d, 1),
             clear ? " *" : "  ");
    widget_right(surface, row, column + 19, 9,
                 !clear         ? ROLE_DIM
                 : d->value < 0 ? ROLE_BAD
                                : ROLE_GOOD,
                 text);
}

static void draw_classes(const struct view *view, struct surface *surface,
                         struct rect area)
{
    char text[FORMAT_ROOM];
    const struct paired *paired = &view->compare.paired;
    if (!view->compare.known) {
        bool other = view->compare.lacks_from;
        surface_printf(surface, area.row + 1, area.column + 1, -1, ROLE_DIM,
                       "#%d has not answered all:",
                       other ? view->compare.from : view->compare.to);
        snprintf(text, sizeof text, ":goto %d evaluates it",
                 view->compare.from);
        surface_text(surface, area.row + 2, area.column + 1, -1, ROLE_DIM,
                     other ? text : "e evaluates it");
        return;
    }
    widget_right(surface, area.row, area.column, 5, ROLE_DIM, "class");
    snprintf(text, sizeof text, "#%d", view->compare.from);
    widget_right(surface, area.row, area.column + 5, 7, ROLE_DIM, text);
    snprintf(text, sizeof text, "#%d", view->compare.to);
    widget_right(surface, area.row, area.column + 12, 7, ROLE_DIM, text);
    widget_right(surface, area.row, area.column + 19, 9, ROLE_DIM, "points  ");
    int rows = area.rows - 1;
    int count = (int)paired->class_count;
    for (int i = 0; i < rows && i < count; i++)
        draw_class(surface, area.row + 1 + i, area.column, &paired->classes[i]);
    if (count > rows)
        surface_printf(surface, area.row + area.rows - 1, area.column + 1,
                       area.columns - 1, ROLE_DIM, "%d more that lost less  ",
                       count - rows + 1);
}

/* --- criteria --- */

/* Those that are known by accuracy, then those that are not. */
static size_t order_rivals(const struct rivals *rivals,
                           const struct rival *order[RIVALS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < rivals->count; i++) {
        const struct rival *one = &rivals->items[i];
        size_t at = count++;
        for (; at > 0 && one->known &&
               (!order[at - 1]->known || order[at - 1]->value < one->value);
             at--)
            order[at] = order[at - 1];
        order[at] = one;
    }
    return count;
}

static void draw_rival(struct surface *surface, int row, struct rect area,
                       const struct rival *one, bool own)
{
    char text[FORMAT_ROOM] = "…";
    int column = area.column + 2, name = area.columns - 2 - 7 - 6;
    if (own)
        surface_put(surface, row, area.column + 1, ROLE_NOW, 0x25c6);
    widget_clip(surface, row, column, name, one->refused ? ROLE_DIM : ROLE_TEXT,
                one->criterion->name);
    if (one->known)
        snprintf(text, sizeof text, "%.2f", 100 * one->value);
    widget_right(surface, row, column + name, 7,
                 one->known ? ROLE_VALUE : ROLE_DIM,
                 one->refused ? "cannot" : text);
    if (!one->known)
        return;
    snprintf(text, sizeof text, "±%.2f", 50 * (one->high - one->low));
    widget_right(surface, row, column + name + 7, 6, ROLE_DIM, text);
}

static void draw_rivals(struct app *app, struct surface *surface,
                        struct rect area)
{
    const struct view *view = &app->view;
    const struct rivals *rivals = &view->compare.rivals;
    const struct rival *order[RIVALS_MAX];
    char amount[FORMAT_ROOM], text[96];
    if (rivals->count == 0) {
        surface_text(surface, area.row + 1, area.column + 1, -1, ROLE_DIM,
                     "c measures what each");
        surface_text(surface, area.row + 2, area.column + 1, -1, ROLE_DIM,
                     "criterion leaves of this");
        surface_text(surface, area.row + 3, area.column + 1, -1, ROLE_DIM,
                     "layer, all else as it is");
        return;
    }
    widget_clip_start(surface, area.row, area.column + 1, area.columns - 2,
                      ROLE_TEXT, view->layers[rivals->row].name);
    snprintf(text, sizeof text, "%s %s, of #%d%s",
             format_percent(amount, rivals->amount), rivals->structure->name,
             rivals->variant,
             rivals->hash == view_now(view)->hash ? "" : " (older)");
    widget_clip(surface, area.row + 1, area.column + 1, area.columns - 2,
                ROLE_DIM, text);
    int count = (int)order_rivals(rivals, order), room = area.rows - 2;
    int shown = count > room ? room - 1 : count;
    if (count > shown)
        surface_printf(surface, area.row + area.rows - 1, area.column + 2, -1,
                       ROLE_DIM, "and %d more", count - shown);
    for (int i = 0; i < shown; i++)
        draw_rival(surface, area.row + 2 + i, area, order[i],
                   order[i] == &rivals->items[rivals->current]);
}

void compare_draw(struct app *app, struct surface *surface)
{
    const struct view_compare *compare = &app->view.compare;
    char path[96], title[64];
    status_draw(app, surface);
    bar_draw(app, surface);
    if (compare->order == NULL) {
        title_draw(app, surface, "compare");
        return;
    }
    int divider = surface->columns - CLASSES - 1;
    struct rect layers = {HEAD + 1, 0, surface->rows - HEAD - 4, divider};
    struct rect classes = {HEAD + 1, divider + 1, layers.rows, CLASSES};
    snprintf(path, sizeof path, "compare   #%d now with #%d", compare->to,
             compare->from);
    title_draw(app, surface, path);
    draw_figures(app, surface);
    snprintf(title, sizeof title, "%zu of %zu layers differ",
             compare->differing, compare->layer_count);
    widget_rule(surface, HEAD, 0, surface->columns, title, false);
    widget_rule(surface, HEAD, divider, surface->columns - divider,
                app->state.compare_criteria ? "criteria, best first"
                                            : "classes, worst first",
                false);
    surface_put(surface, HEAD, divider, ROLE_BORDER, 0x252c);
    for (int r = 0; r < layers.rows; r++)
        surface_put(surface, layers.row + r, divider, ROLE_BORDER, 0x2502);
    draw_layers(app, surface, layers);
    if (app->state.compare_criteria)
        draw_rivals(app, surface, classes);
    else
        draw_classes(&app->view, surface, classes);
    surface_text(
        surface, surface->rows - 3, 1, -1, ROLE_DIM,
        "* clear of chance   d next of dense, A, B, parent   c criteria "
        "here   Tab pane");
}

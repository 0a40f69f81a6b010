/* Every variant tried as a point; the cursor's card; Enter loads it. */
#include "format.h"
#include "plot.h"
#include "screen.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Lines of the card, one below the other. */
struct card {
    struct surface *surface;
    int row, end, column, width;
};

static void add(struct card *card, enum role role, const char *label,
                const char *text)
{
    if (card->row >= card->end)
        return;
    surface_text(card->surface, card->row, card->column, 6, ROLE_DIM, label);
    surface_text(card->surface, card->row++, card->column + 6, card->width - 6,
                 role, text);
}

static void add_figures(struct card *card, const struct view_point *point)
{
    char text[4 * FORMAT_ROOM], a[FORMAT_ROOM], b[FORMAT_ROOM];
    add(card, ROLE_VALUE, "acc", format_accuracy(a, &point->accuracy, 2));
    add(card, ROLE_TEXT, "", format_interval(a, &point->accuracy, 2));
    if (point->id > 0) {
        format_margin(b, &point->difference);
        snprintf(text, sizeof text, "%s%s%s%s",
                 format_difference(a, &point->difference, 2), b[0] ? " ±" : "",
                 b, format_significant(&point->difference) ? " *" : "");
        add(card, ROLE_TEXT, "Δ", text);
    }
    snprintf(text, sizeof text, "%s%s ms", point->predicted ? "~" : "",
             format_ms(a, point->latency_ms));
    add(card, ROLE_VALUE, "lat", text);
    add(card, ROLE_TEXT, "", format_speed(a, point->speedup));
    snprintf(text, sizeof text, "%s  %s", format_percent(a, point->size),
             format_bytes(b, point->bytes));
    add(card, ROLE_TEXT, "size", text);
    add(card, ROLE_TEXT, "nnz", format_percent(a, point->nonzero));
    add(card, ROLE_TEXT, "front", point->front ? "yes" : "no");
}

/* Layers whose amounts differ from the current variant's. */
static void add_layers(struct card *card, const struct view *view,
                       const struct view_point *point)
{
    const struct view_point *now = view_now(view);
    if (card->row + 2 >= card->end)
        return;
    card->row++;
    surface_text(card->surface, card->row++, card->column, card->width,
                 ROLE_DIM, point == now ? "loaded now" : "layers, now > then");
    for (size_t i = 0; i < view->layer_count && point != now; i++) {
        const struct view_layer *layer = &view->layers[i];
        if (point->removed[i] == now->removed[i] || card->row >= card->end)
            continue;
        char a[FORMAT_ROOM], b[FORMAT_ROOM], text[2 * FORMAT_ROOM];
        double count = (double)layer->weights;
        snprintf(text, sizeof text, "%s>%s",
                 format_percent(a, (double)now->removed[i] / count),
                 format_percent(b, (double)point->removed[i] / count));
        int width = surface_width(text);
        widget_clip_start(card->surface, card->row, card->column,
                          card->width - width - 1, ROLE_TEXT, layer->name);
        widget_right(card->surface, card->row++, card->column, card->width,
                     ROLE_TEXT, text);
    }
}

static void draw_card(struct app *app, struct surface *surface,
                      struct rect area, int cursor)
{
    char title[32];
    struct card card = {surface, area.row + 1, area.row + area.rows - 3,
                        area.column + 2, area.columns - 4};
    snprintf(title, sizeof title, "variant %d", cursor);
    widget_box(surface, area, title);
    const struct view_point *point = &app->view.points[cursor];
    if (point->snapshots[0])
        add(&card, ROLE_NOW, "name", point->snapshots);
    widget_clip(surface, card.row++, card.column, card.width, ROLE_TEXT,
                cursor == 0 ? "dense model" : point->summary);
    add_figures(&card, point);
    add_layers(&card, &app->view, point);
    surface_text(surface, area.row + area.rows - 2, card.column, card.width,
                 ROLE_DIM, "Enter loads it");
}

void tradeoff_draw(struct app *app, struct surface *surface)
{
    struct layout_tradeoff l = layout_tradeoff(surface->rows, surface->columns);
    const struct view *view = &app->view;
    char path[160];
    int tried = 0, front = 0;
    int cursor = app->state.lists[SCREEN_TRADEOFF].cursor;
    view_front(&app->view, app->state.axis);
    for (size_t i = 0; i < view->point_count; i++) {
        tried += view->points[i].accuracy.samples > 0;
        front += view->points[i].front;
    }
    snprintf(path, sizeof path,
             "trade-off   accuracy %% by %s %s   %d tried, %d on front",
             view_axis_name(app->state.axis), view_axis_unit(app->state.axis),
             tried, front);
    title_draw(app, surface, path);
    plot_pane(app, surface, l.plot, cursor);
    draw_card(app, surface, l.card, cursor);
    surface_text(
        surface, l.legend.row, 1, surface->columns - 1, ROLE_DIM,
        "◆ now ○ dense ● front · dominated A B   hjkl move  n/p front  "
        "x axis  +/- zoom");
    status_draw(app, surface);
    bar_draw(app, surface);
}

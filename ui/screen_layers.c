/* The main screen: headline, table of layers, panes below and beside. */
#include "action.h"
#include "format.h"
#include "heat.h"
#include "key.h"
#include "plot.h"
#include "screen.h"

#include "base/array.h"
#include "engine/scan.h"
#include "prune/landscape.h"

#include <math.h>
#include <stdio.h>

/* A cell of the table; row: index of the layer. */
struct place {
    const struct app *app;
    struct surface *surface;
    int row, column, width;
    const struct view_layer *layer;
    size_t index;
};

static void draw_mark(const struct place *p)
{
    const struct state *state = &p->app->state;
    if ((int)p->index == app_layer(p->app))
        surface_put(p->surface, p->row, p->column, ROLE_NOW, 0x25b8);
    if (state->marked[p->index])
        surface_put(p->surface, p->row, p->column + 1, ROLE_MARKED, '*');
    char number[FORMAT_ROOM];
    snprintf(number, sizeof number, "%zu", p->index + 1);
    widget_right(p->surface, p->row, p->column + 1, 3, ROLE_DIM, number);
    if (state->marked[p->index])
        surface_put(p->surface, p->row, p->column + 1, ROLE_MARKED, '*');
}

static void draw_name(const struct place *p)
{
    widget_clip_start(p->surface, p->row, p->column, p->width,
                      p->layer->prunable ? ROLE_TEXT : ROLE_DIM,
                      p->layer->name);
}

static void draw_op(const struct place *p)
{
    widget_clip(p->surface, p->row, p->column, p->width, ROLE_DIM,
                p->layer->description);
}

static void draw_shape(const struct place *p)
{
    widget_clip(p->surface, p->row, p->column, p->width, ROLE_DIM,
                p->layer->shape);
}

static void draw_right(const struct place *p, enum role role, const char *text)
{
    widget_right(p->surface, p->row, p->column, p->width, role, text);
}

static void draw_weights(const struct place *p)
{
    char text[FORMAT_ROOM];
    draw_right(p, ROLE_TEXT, format_count(text, (double)p->layer->weights));
}

static double sparsity(const struct view_layer *layer)
{
    return layer->weights > 0 ? (double)layer->removed / (double)layer->weights
                              : 0;
}

/* Where the bar would reach the layer's cliff, by the scan. */
static void draw_cliff(const struct place *p, int width)
{
    const struct landscape_row *row =
        p->layer == &p->app->view.layers[p->index]
            ? view_scan_row(&p->app->view, (int)p->index)
            : NULL; /* of the total */
    if (row == NULL || !row->cliff.found || p->app->view.scan.narrows)
        return;
    int at = (int)(row->cliff.amount * width);
    bool past = p->layer->amount > row->cliff.amount;
    surface_put(p->surface, p->row, p->column + (at < width ? at : width - 1),
                past ? ROLE_BAD : ROLE_WARN, 0x250a);
}

static void draw_bar(const struct place *p)
{
    char text[FORMAT_ROOM];
    if (!p->layer->prunable) {
        widget_clip(p->surface, p->row, p->column, p->width, ROLE_DIM,
                    p->layer->reason);
        return;
    }
    plot_bar(p->surface, p->row, p->column, p->width - 6, sparsity(p->layer),
             ROLE_BAR);
    draw_cliff(p, p->width - 6);
    widget_right(p->surface, p->row, p->column + p->width - 6, 6, ROLE_VALUE,
                 format_percent(text, sparsity(p->layer)));
}

static void draw_share(const struct place *p)
{
    char text[FORMAT_ROOM] = "…";
    if (isfinite(p->layer->share))
        snprintf(text, sizeof text, "%.0f", 100 * p->layer->share);
    draw_right(p, ROLE_TEXT, text);
}

static void draw_speed(const struct place *p)
{
    char text[FORMAT_ROOM] = "…";
    double speed = p->layer->dense_ms / p->layer->ms;
    if (isfinite(speed))
        snprintf(text, sizeof text, "%.1f", speed);
    draw_right(p, speed >= 1.1 ? ROLE_GOOD : ROLE_TEXT, text);
}

static void draw_delta(const struct place *p)
{
    char text[FORMAT_ROOM] = "…";
    double before = p->app->state.reference == REFERENCE_BASE
                        ? p->layer->dense_ms
                        : p->layer->reference_ms;
    double delta = p->layer->ms - before;
    if (isfinite(delta))
        snprintf(text, sizeof text, "%+.3f", delta);
    draw_right(p, ROLE_TEXT, text);
}

static void draw_kernel(const struct place *p)
{
    draw_right(p, p->layer->sparse_kernel ? ROLE_GOOD : ROLE_DIM,
               p->layer->kernel[0] == '\0' ? "…"
               : p->layer->sparse_kernel   ? "sparse"
                                           : "dense");
}

/* What pruning this layer alone costs, from 10 to 95 %. */
static void draw_scan(const struct place *p)
{
    size_t count;
    const double *amounts = scan_default_amounts(&count);
    const struct view *view = &p->app->view;
    const struct landscape_row *row = view_scan_row(view, (int)p->index);
    if (row == NULL) {
        draw_right(p, ROLE_DIM, p->layer->prunable ? "…" : "");
        return;
    }
    int column = p->column + p->width - (int)count;
    for (size_t i = 0; i < count; i++) {
        int point = landscape_point(row, amounts[i]);
        double lost =
            point < 0 ? 0 : row->curve.baseline - row->curve.values[point];
        surface_put(p->surface, p->row, column + (int)i,
                    point < 0 ? ROLE_DIM : heat_role(lost),
                    point < 0 ? 0x2026 : heat_bar(lost));
    }
}

/* Columns of the table; name takes what the others leave, up to a width from
 * which on the bar is the better use. */
struct column {
    const char *title;
    int width;
    int least; /* columns that the table must have for it */
    bool right;
    enum sort sort;
    void (*draw)(const struct place *place);
};

enum { COLUMN_NAME = 1, COLUMN_BAR = 5, NAME_COLUMNS = 32, BAR_COLUMNS = 56 };
enum { SCAN_FROM = 90, SHAPE_FROM = 104 };

static const struct column columns[] = {
    {"   #", 5, 0, false, SORT_INDEX, draw_mark},
    {"layer", 0, 0, false, SORT_NAME, draw_name},
    {"op", 12, 0, false, SORT_OP, draw_op},
    {"shape", 12, SHAPE_FROM, false, SORT_COUNT, draw_shape},
    {"params", 6, 0, true, SORT_WEIGHTS, draw_weights},
    {"sparsity", 16, 0, false, SORT_SPARSITY, draw_bar},
    {"lat%", 5, 0, true, SORT_SHARE, draw_share},
    {"spd", 5, 0, true, SORT_SPEED, draw_speed},
    {"Δms", 7, 0, true, SORT_DELTA, draw_delta},
    {"kernel", 7, 0, true, SORT_COUNT, draw_kernel},
    {"sens", 11, SCAN_FROM, true, SORT_SENSITIVITY, draw_scan},
};

/* Where column `i` begins in a table of `width` columns, and how wide it is;
 * false when it is not shown. */
static bool column_place(size_t i, int width, int *begin, int *size)
{
    int fixed = 0, at = 0;
    for (size_t c = 0; c < ARRAY_LENGTH(columns); c++)
        if (width >= columns[c].least)
            fixed += columns[c].width;
    int spare = width - 1 - fixed;
    int name = spare < NAME_COLUMNS ? spare : NAME_COLUMNS;
    int bar = columns[COLUMN_BAR].width + spare - name;
    if (bar > BAR_COLUMNS)
        bar = BAR_COLUMNS;
    for (size_t c = 0; c <= i; c++) {
        if (width < columns[c].least)
            continue;
        int own = c == COLUMN_NAME  ? name
                  : c == COLUMN_BAR ? bar
                                    : columns[c].width;
        *begin = at;
        *size = own;
        at += own;
    }
    return width >= columns[i].least;
}

/* Columns that are left-aligned keep a blank on their right, and the bar one
 * on its left. */
static int inner_width(const struct column *column, int size)
{
    return column->right || column->sort == SORT_INDEX ? size : size - 1;
}

static void draw_head(struct app *app, struct surface *surface,
                      struct rect head)
{
    for (size_t i = 0; i < ARRAY_LENGTH(columns); i++) {
        int begin, size;
        if (!column_place(i, head.columns, &begin, &size))
            continue;
        bool sorted = columns[i].sort == app->state.sort;
        char title[24];
        static const char *const against[] = {"Δms", "ΔA ms", "ΔB ms"};
        bool guess =
            app->view.times_predicted &&
            (columns[i].sort == SORT_SHARE || columns[i].sort == SORT_SPEED);
        snprintf(title, sizeof title, "%s%s%s", guess && !sorted ? "~" : "",
                 columns[i].sort == SORT_DELTA ? against[app->state.reference]
                                               : columns[i].title,
                 !sorted || (i == 0 && !app->state.descending) ? ""
                 : app->state.descending                       ? "↓"
                                                               : "↑");
        int column = head.column + begin;
        if (columns[i].sort == SORT_SPARSITY)
            column++;
        enum role role = sorted ? ROLE_TITLE : ROLE_DIM;
        if (columns[i].right)
            widget_right(surface, head.row, column - 1, size + 1, role, title);
        else
            surface_text(surface, head.row, column, size, role, title);
    }
}

static void draw_row(struct app *app, struct surface *surface, int row,
                     struct rect table, int index)
{
    for (size_t i = 0; i < ARRAY_LENGTH(columns); i++) {
        struct place place = {
            app, surface, row, 0, 0, &app->view.layers[index], (size_t)index};
        int begin, size;
        if (!column_place(i, table.columns, &begin, &size))
            continue;
        place.column = table.column + begin;
        place.width = inner_width(&columns[i], size);
        if (columns[i].sort == SORT_SPARSITY)
            place.column++;
        columns[i].draw(&place);
    }
    if (index == app_layer(app) && app->state.pane == PANE_TABLE)
        surface_role(surface, row, table.column, table.columns, ROLE_CURSOR);
}

/* A line below the last layer, where there is room. */
static void draw_total(struct app *app, struct surface *surface, int row,
                       struct rect table)
{
    const struct view_point *now = view_now(&app->view);
    struct view_layer total = {.prunable = true,
                               .ms = now->latency_ms,
                               .dense_ms = now->latency_ms * now->speedup,
                               .share = NAN};
    for (size_t i = 0; i < app->view.layer_count; i++) {
        total.weights += app->view.layers[i].weights;
        total.removed += app->view.layers[i].removed;
    }
    static const enum sort shown[] = {SORT_WEIGHTS, SORT_SPARSITY, SORT_SPEED};
    surface_text(surface, row, table.column + 5, -1, ROLE_DIM, "total");
    for (size_t i = 0; i < ARRAY_LENGTH(columns); i++)
        for (size_t s = 0; s < ARRAY_LENGTH(shown); s++) {
            int begin, size;
            if (columns[i].sort != shown[s] ||
                !column_place(i, table.columns, &begin, &size))
                continue;
            struct place place = {app,  surface, row, table.column + begin,
                                  size, &total,  0};
            place.width = inner_width(&columns[i], size);
            place.column += columns[i].sort == SORT_SPARSITY;
            columns[i].draw(&place);
        }
}

static void draw_table(struct app *app, struct surface *surface,
                       struct rect table)
{
    struct list *list = &app->state.lists[SCREEN_LAYERS];
    list->visible = table.rows;
    list->top = layout_scroll(list->top, list->cursor, table.rows, list->count);
    int rows = list->count - list->top;
    for (int i = 0; i < rows && i < table.rows; i++)
        draw_row(app, surface, table.row + i, table,
                 app->state.order[list->top + i]);
    if (list->count == 0)
        surface_text(surface, table.row + 1, table.column + 5, -1, ROLE_WARN,
                     app->state.filter[0]
                         ? "no layer matches the filter - Esc clears it"
                         : "this model has no layer with weights");
    else if (rows < table.rows && app->state.filter[0] == '\0')
        draw_total(app, surface, table.row + rows, table);
    if (list->top > 0)
        surface_put(surface, table.row, table.column + table.columns - 1,
                    ROLE_DIM, 0x2191);
    if (rows > table.rows)
        surface_put(surface, table.row + table.rows - 1,
                    table.column + table.columns - 1, ROLE_DIM, 0x2193);
}

static void draw_rules(struct app *app, struct surface *surface,
                       const struct layout_layers *l)
{
    char title[128];
    const struct state *state = &app->state;
    const struct view *view = &app->view;
    int layer = app_layer(app);
    if (l->wide) {
        snprintf(title, sizeof title, "layers %d%s", state->lists[0].count,
                 state->filter[0] ? " (filtered)" : "");
        int left = l->divider > 0 ? l->divider : surface->columns;
        widget_rule(surface, l->upper_rule.row, 0, left, title,
                    state->pane == PANE_TABLE);
    }
    char plot[64];
    snprintf(plot, sizeof plot, "accuracy × %s", view_axis_name(state->axis));
    struct rect plot_rule = l->wide ? l->upper_rule : l->lower_rule;
    if (l->divider > 0)
        widget_rule(surface, plot_rule.row, l->divider + 1,
                    surface->columns - l->divider - 1, plot,
                    state->pane == PANE_PLOT);
    if (l->lower_rule.rows > 0 && layer >= 0) {
        snprintf(title, sizeof title, "%s  %s", view->layers[layer].name,
                 view->layers[layer].shape);
        widget_rule(surface, l->lower_rule.row, 0, l->divider, title,
                    state->pane == PANE_WEIGHTS);
    }
    if (l->history.rows > 0)
        widget_rule(surface, l->side_rule.row, l->side_rule.column,
                    l->side_rule.columns, "history  u ^R  g- g+",
                    state->pane == PANE_HISTORY);
    for (int r = 1; r < l->divider_rows; r++)
        surface_put(surface, l->divider_row + r, l->divider, ROLE_BORDER,
                    0x2502);
    if (l->divider > 0)
        surface_put(surface, l->divider_row, l->divider, ROLE_BORDER, 0x252c);
    if (l->history.rows > 0)
        surface_put(surface, l->side_rule.row, l->divider, ROLE_BORDER, 0x253c);
}

static struct layout_layers place_layers(const struct app *app)
{
    return layout_layers(app->rows, app->columns,
                         (int)app->view.layer_count + 1, app->state.zoom);
}

void layers_draw(struct app *app, struct surface *surface)
{
    struct layout_layers l = place_layers(app);
    if (!l.wide && app->state.pane == PANE_HISTORY)
        app->state.pane = PANE_TABLE;
    headline_draw(app, surface);
    draw_rules(app, surface, &l);
    draw_head(app, surface, l.head);
    draw_table(app, surface, l.table);
    if (l.histogram.rows > 0)
        weights_pane(app, surface, l.histogram);
    if (l.filters.rows > 0)
        filters_pane(app, surface, l.filters);
    if (l.plot.rows > 0)
        plot_pane(app, surface, l.plot, -1);
    if (l.history.rows > 0) {
        const struct list *history = &app->state.lists[SCREEN_HISTORY];
        history_pane(
            app, surface, l.history,
            layout_scroll(0, history->cursor, l.history.rows, history->count),
            -1);
    }
    status_draw(app, surface);
    bar_draw(app, surface);
}

static bool inside(struct rect r, int row, int column)
{
    return row >= r.row && row < r.row + r.rows && column >= r.column &&
           column < r.column + r.columns;
}

bool layers_click(struct app *app, int row, int column)
{
    struct layout_layers l = place_layers(app);
    struct list *list = &app->state.lists[SCREEN_LAYERS];
    const struct {
        struct rect area;
        enum pane pane;
    } panes[] = {{l.histogram, PANE_WEIGHTS},
                 {l.filters, PANE_WEIGHTS},
                 {l.plot, PANE_PLOT},
                 {l.history, PANE_HISTORY}};
    for (size_t i = 0; i < ARRAY_LENGTH(columns); i++) {
        int begin, size;
        if (inside(l.head, row, column) && columns[i].sort != SORT_COUNT &&
            column_place(i, l.head.columns, &begin, &size) && column >= begin &&
            column < begin + size) {
            app->state.descending = app->state.sort == columns[i].sort
                                        ? !app->state.descending
                                        : false;
            app->state.sort = columns[i].sort;
            app_order(app);
            return true;
        }
    }
    int at = list->top + row - l.table.row;
    if (inside(l.table, row, column) && at < list->count) {
        bool again = app->state.pane == PANE_TABLE && at == list->cursor;
        app->state.pane = PANE_TABLE;
        list_move(list, at);
        if (again)
            do_open_row(app, 0);
        return true;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(panes); i++) {
        if (!inside(panes[i].area, row, column))
            continue;
        if (app->state.pane == panes[i].pane)
            do_open_row(app, 0);
        app->state.pane = panes[i].pane;
        return true;
    }
    return false;
}

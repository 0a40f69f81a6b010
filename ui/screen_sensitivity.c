/* What each layer's pruning alone costs: a map of layers and amounts, below
 * it the selected layer's curve with its band and cliff. */
#include "action.h"
#include "format.h"
#include "heat.h"
#include "plot.h"
#include "screen.h"

#include "prune/landscape.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    CELL = 6,
    RANK = 3,
    WORD = 9,
    CLIFF = 5,
    SIDE = 31,
    NAME = 14,
    LOWER = 8
};

/* Where things are; everything follows from the size. */
struct place {
    struct app *app;
    struct surface *surface;
    const struct landscape *land;
    int top, rows;    /* the map without its head and the line of all */
    int name, cells;  /* columns */
    int name_columns; /* of the name and what is before the cells */
    int visible;      /* columns of amounts */
    bool wide;
};

/* Columns that the longest name takes. */
static int longest_name(const struct view *view)
{
    int longest = 12; /* "all together" */
    for (size_t i = 0; i < view->layer_count; i++) {
        int width = surface_width(view->layers[i].name);
        longest = width > longest ? width : longest;
    }
    return longest;
}

/* Rows of the map among `body`; the curve has at least LOWER with its rule. */
static int map_rows(const struct app *app, int body)
{
    int most = body - LOWER, least = body * 2 / 5;
    int wanted = app->state.lists[SCREEN_LAYERS].count + 1;
    wanted = wanted > most ? most : wanted;
    return wanted < least ? least : wanted;
}

static struct place place_of(struct app *app, struct surface *surface)
{
    struct place p = {.app = app,
                      .surface = surface,
                      .land = app->view.scan.land,
                      .top = 2,
                      .name = 3,
                      .wide = surface->columns >= LAYOUT_WIDE_COLUMNS};
    int behind = RANK + (p.wide ? WORD + CLIFF + 2 : 0);
    int body = surface->rows - 5;     /* title, head, legend, status, bar */
    p.rows = map_rows(app, body) - 1; /* and all layers together */
    p.visible = (surface->columns - p.name - NAME - behind) / CELL;
    if (p.visible > (int)p.land->amount_count)
        p.visible = (int)p.land->amount_count;
    int spare = surface->columns - p.name - behind - p.visible * CELL;
    int longest = longest_name(&app->view);
    p.name_columns = spare < longest ? spare : longest;
    p.cells = p.name + p.name_columns;
    return p;
}

/* "0.3", "12.3", "-0.1" points; always to one digit. */
static char *points_text(char *text, double lost)
{
    snprintf(text, FORMAT_ROOM, "%.1f", 100 * lost);
    if (strcmp(text, "-0.0") == 0)
        snprintf(text, FORMAT_ROOM, "0.0");
    return text;
}

static void draw_cell(const struct place *p, int row, int column,
                      const struct landscape_row *found, double amount,
                      bool selected)
{
    char text[FORMAT_ROOM] = "…";
    int point = landscape_point(found, amount);
    enum role role = ROLE_DIM;
    if (point >= 0) {
        double lost = p->land->baseline - found->curve.values[point];
        points_text(text, lost);
        role = heat_role(lost);
        surface_put(p->surface, row, column + 1, role, heat_glyph(lost));
    }
    widget_right(p->surface, row, column + 2, CELL - 2, role, text);
    if (selected)
        surface_role(p->surface, row, column + 1, CELL - 1, ROLE_CURSOR);
}

static void draw_behind(const struct place *p, int row,
                        const struct landscape_row *found)
{
    char text[FORMAT_ROOM] = "…";
    int column = p->cells + p->visible * CELL;
    if (found == NULL || (found->rank == 0 && found->row > 0))
        widget_right(p->surface, row, column, RANK, ROLE_DIM, text);
    if (found == NULL)
        return;
    if (found->rank > 0) {
        snprintf(text, sizeof text, "%zu", found->rank);
        widget_right(p->surface, row, column, RANK, ROLE_TEXT, text);
    }
    if (!p->wide)
        return;
    surface_text(p->surface, row, column + RANK + 2, WORD, ROLE_TEXT,
                 found->word);
    if (found->cliff.found)
        widget_right(p->surface, row, column + RANK + 1 + WORD, CLIFF,
                     ROLE_WARN, format_whole(text, found->cliff.amount));
}

static void draw_cells(const struct place *p, int row,
                       const struct landscape_row *found, bool cursor)
{
    const struct state *state = &p->app->state;
    for (int i = 0; i < p->visible; i++) {
        int at = state->scan_first + i;
        draw_cell(p, row, p->cells + i * CELL, found, p->land->amounts[at],
                  cursor && at == state->scan_amount);
    }
    draw_behind(p, row, found);
}

static void draw_row(const struct place *p, int row, int index)
{
    const struct view *view = &p->app->view;
    const struct view_layer *layer = &view->layers[index];
    bool here = index == app_layer(p->app);
    bool led = view->scan.narrows && layer->leader != index &&
               landscape_row(p->land, index + 1) == NULL;
    if (here)
        surface_put(p->surface, row, 0, ROLE_NOW, 0x25b8);
    if (p->app->state.marked[index])
        surface_put(p->surface, row, 1, ROLE_MARKED, '*');
    widget_clip_start(p->surface, row, p->name, p->name_columns,
                      here              ? ROLE_CURSOR
                      : layer->prunable ? ROLE_TEXT
                                        : ROLE_DIM,
                      layer->name);
    int room = p->surface->columns - p->cells - 2;
    if (!layer->prunable) {
        widget_clip(p->surface, row, p->cells + 1, room, ROLE_DIM,
                    layer->reason);
    } else if (led) {
        surface_printf(p->surface, row, p->cells + 1, room, ROLE_DIM,
                       "its channels go with %s",
                       view->layers[layer->leader].name);
    } else {
        draw_cells(p, row, view_scan_row(view, index), here);
    }
}

static void draw_head(const struct place *p)
{
    char text[FORMAT_ROOM];
    surface_text(p->surface, 1, p->name, -1, ROLE_DIM, "layer");
    for (int i = 0; i < p->visible; i++) {
        int at = p->app->state.scan_first + i;
        snprintf(text, sizeof text, "%.4g%%", 100 * p->land->amounts[at]);
        widget_right(p->surface, 1, p->cells + i * CELL, CELL,
                     at == p->app->state.scan_amount ? ROLE_TITLE : ROLE_DIM,
                     text);
    }
    int column = p->cells + p->visible * CELL;
    bool ranked = p->app->state.sort == SORT_SENSITIVITY;
    widget_right(p->surface, 1, column, RANK, ranked ? ROLE_TITLE : ROLE_DIM,
                 ranked ? "rk↓" : "rk");
    if (!p->wide)
        return;
    surface_text(p->surface, 1, column + RANK + 2, WORD, ROLE_DIM, "sens");
    widget_right(p->surface, 1, column + RANK + 1 + WORD, CLIFF, ROLE_DIM,
                 "cliff");
}

static void draw_map(const struct place *p)
{
    struct state *state = &p->app->state;
    struct list *list = &state->lists[SCREEN_LAYERS];
    int amounts = (int)p->land->amount_count;
    if (state->scan_amount >= amounts)
        state->scan_amount = amounts - 1;
    state->scan_first = layout_scroll(state->scan_first, state->scan_amount,
                                      p->visible, amounts);
    list->visible = p->rows;
    list->top = layout_scroll(list->top, list->cursor, p->rows, list->count);
    draw_head(p);
    for (int i = 0; i < p->rows && list->top + i < list->count; i++)
        draw_row(p, p->top + i, state->order[list->top + i]);
    if (list->count == 0)
        surface_text(p->surface, p->top + 1, p->name, -1, ROLE_WARN,
                     "no layer matches the filter - f changes it");
    int edge = p->surface->columns - 1;
    if (list->top > 0)
        surface_put(p->surface, 1, 0, ROLE_DIM, 0x2191);
    if (list->top + p->rows < list->count)
        surface_put(p->surface, p->top + p->rows, 0, ROLE_DIM, 0x2193);
    if (state->scan_first + p->visible < amounts)
        surface_put(p->surface, 1, edge, ROLE_DIM, 0x203a);
    surface_text(p->surface, p->top + p->rows, p->name, p->name_columns,
                 state->scan_whole ? ROLE_CURSOR : ROLE_DIM, "all together");
    draw_cells(p, p->top + p->rows, landscape_row(p->land, 0),
               state->scan_whole);
}

/* --- the curve --- */

static void line(struct canvas *canvas, const struct axes *axes,
                 const double from[2], const double to[2], enum role role)
{
    double right = 2 * axes->inner.columns - 1, down = 4 * axes->inner.rows - 1;
    double wide = axes->x.high - axes->x.low, high = axes->y.high - axes->y.low;
    canvas_line(canvas, (from[0] - axes->x.low) / wide * right,
                (axes->y.high - from[1]) / high * down,
                (to[0] - axes->x.low) / wide * right,
                (axes->y.high - to[1]) / high * down, role);
}

/* The band's edges, then the figures; both begin at the dense model. */
static void draw_lines(struct surface *surface, const struct axes *axes,
                       const struct curve *curve)
{
    const struct {
        const double *values;
        enum role role;
    } lines[] = {{curve->low, ROLE_DIM},
                 {curve->high, ROLE_DIM},
                 {curve->values, ROLE_FRONT}};
    struct canvas canvas;
    if (canvas_init(&canvas, axes->inner.rows, axes->inner.columns) != 0)
        return;
    for (size_t l = 0; l < 3; l++) {
        double last[2] = {0, 100 * curve->baseline};
        for (size_t i = 0; i < curve->count; i++) {
            double at[2] = {100 * curve->amounts[i], 100 * lines[l].values[i]};
            line(&canvas, axes, last, at, lines[l].role);
            memcpy(last, at, sizeof last);
        }
    }
    canvas_draw(&canvas, surface, axes->inner.row, axes->inner.column);
    canvas_release(&canvas);
}

static void draw_cliff(struct surface *surface, const struct axes *axes,
                       const struct cliff *cliff)
{
    struct rect in = axes->inner;
    int place = range_place(axes->x, 100 * cliff->amount, in.columns);
    if (!cliff->found || place < 0)
        return;
    for (int r = 0; r < in.rows; r++) {
        int row = in.row + r, column = in.column + place;
        if (surface->cells[row * surface->columns + column].glyph == ' ')
            surface_put(surface, row, column, ROLE_WARN, 0x250a);
    }
    if (place + 7 < in.columns)
        surface_text(surface, in.row + in.rows - 1, in.column + place + 1, 6,
                     ROLE_WARN, "cliff");
}

static void draw_curve(const struct place *p, struct rect area,
                       const struct landscape_row *found)
{
    const struct curve *curve = &found->curve;
    double values[3 * CURVE_MAX + 1], most = 1;
    size_t count = 0;
    values[count++] = 100 * curve->baseline;
    for (size_t i = 0; i < curve->count; i++) {
        values[count++] = 100 * curve->low[i];
        values[count++] = 100 * curve->high[i];
    }
    for (size_t i = 0; i < p->land->amount_count; i++)
        most = fmax(most, 100 * p->land->amounts[i]);
    struct range y = range_of(values, count);
    if (y.high - y.low < 1)
        y.low = y.high - 1;
    struct axes axes = plot_axes(p->surface, area, (struct range){0, most},
                                 range_pad(y, 0.04), "%");
    if (axes.inner.rows < 1)
        return;
    draw_lines(p->surface, &axes, curve);
    draw_cliff(p->surface, &axes, &found->cliff);
    int point =
        landscape_point(found, p->land->amounts[p->app->state.scan_amount]);
    int row, column;
    if (point >= 0 && plot_cell(&axes, 100 * curve->amounts[point],
                                100 * curve->values[point], &row, &column))
        surface_put(p->surface, row, column, ROLE_NOW, 0x25c6);
}

/* --- the figures beside it --- */

struct side {
    struct surface *surface;
    int row, end, column;
};

static void add(struct side *side, enum role role, const char *label,
                const char *text)
{
    if (side->row >= side->end)
        return;
    surface_text(side->surface, side->row, side->column, 8, ROLE_DIM, label);
    surface_text(side->surface, side->row++, side->column + 8, -1, role, text);
}

static void add_point(struct side *side, const struct place *p,
                      const struct landscape_row *found)
{
    char text[3 * FORMAT_ROOM], a[FORMAT_ROOM], label[FORMAT_ROOM];
    double amount = p->land->amounts[p->app->state.scan_amount];
    int point = landscape_point(found, amount);
    snprintf(label, sizeof label, "at %.4g%%", 100 * amount);
    if (point < 0) {
        add(side, ROLE_DIM, label, "… not measured");
        return;
    }
    const struct curve *curve = &found->curve;
    snprintf(text, sizeof text, "%.2f [%.2f, %.2f]", 100 * curve->values[point],
             100 * curve->low[point], 100 * curve->high[point]);
    add(side, ROLE_VALUE, label, text);
    double lost = curve->baseline - curve->values[point];
    snprintf(text, sizeof text, "%.2f of %.2f", 100 * lost,
             100 * curve->baseline);
    add(side, heat_role(lost), "lost", text);
    snprintf(text, sizeof text, "%s", format_grouped(a, found->samples[point]));
    add(side, ROLE_TEXT, "samples", text);
}

static void add_row(struct side *side, const struct landscape_row *found)
{
    char text[3 * FORMAT_ROOM], a[FORMAT_ROOM], b[FORMAT_ROOM], c[FORMAT_ROOM];
    const struct cliff *cliff = &found->cliff;
    snprintf(text, sizeof text, "%s [%s, %s]", format_whole(a, cliff->amount),
             format_whole(b, cliff->low), format_whole(c, cliff->high));
    add(side, cliff->found ? ROLE_WARN : ROLE_DIM, "cliff",
        cliff->found ? text : "none found");
    snprintf(text, sizeof text, "points lost at %s",
             format_whole(a, curve_amount(&found->curve, 0.005)));
    add(side, ROLE_TEXT, "0.5", text);
    snprintf(text, sizeof text, "rank %zu", found->rank);
    add(side, ROLE_TEXT, found->rank ? found->word : "",
        found->rank ? text : "");
}

/* What Enter would change: a layer's amount, or that of all. */
static void add_now(struct side *side, const struct place *p, int layer)
{
    char text[2 * FORMAT_ROOM], a[FORMAT_ROOM];
    const struct view *view = &p->app->view;
    const struct view_layer *l = &view->layers[layer];
    double now = l->weights > 0 ? (double)l->removed / (double)l->weights : 0;
    if (p->app->state.scan_whole)
        now = view_now(view)->sparsity;
    snprintf(text, sizeof text, "%s; Enter sets %.4g%%", format_percent(a, now),
             100 * p->land->amounts[p->app->state.scan_amount]);
    bool can = l->prunable || p->app->state.scan_whole;
    add(side, ROLE_TEXT, "now", can ? text : "cannot be pruned");
}

static void draw_side(const struct place *p, struct rect area,
                      const struct landscape_row *found, int layer)
{
    struct side side = {p->surface, area.row, area.row + area.rows,
                        area.column + 1};
    for (int r = 0; r < area.rows; r++)
        surface_put(p->surface, area.row + r, area.column - 1, ROLE_BORDER,
                    0x2502);
    add_point(&side, p, found);
    if (found != NULL)
        add_row(&side, found);
    add_now(&side, p, layer);
}

static void draw_nothing(const struct place *p, struct rect area)
{
    static const char *const lines[] = {
        "this was not scanned: s measures", "what pruning each layer costs;",
        "edits go first, nothing found is lost"};
    for (int i = 0; i < 3; i++)
        surface_text(p->surface, area.row + 1 + i, area.column + 1,
                     area.columns - 1, ROLE_DIM, lines[i]);
}

static void draw_lower(const struct place *p, int row, int rows)
{
    const struct view *view = &p->app->view;
    int layer = app_layer(p->app), columns = p->surface->columns;
    int side = p->wide ? SIDE + 9 : SIDE;
    bool whole = p->app->state.scan_whole;
    char title[160];
    if (layer < 0) {
        widget_rule(p->surface, row, 0, columns, NULL, false);
        return;
    }
    const struct landscape_row *found =
        whole ? landscape_row(p->land, 0) : view_scan_row(view, layer);
    snprintf(title, sizeof title, "%s: accuracy %%, 95 %% band",
             whole ? "all layers together" : view->layers[layer].name);
    widget_rule(p->surface, row, 0, columns, title, false);
    struct rect left = {row + 1, 1, rows - 1, columns - side - 2};
    struct rect right = {row + 1, columns - side, rows - 1, side};
    if (surface_width(title) + 6 < columns - side)
        surface_put(p->surface, row, columns - side - 1, ROLE_BORDER, 0x252c);
    if (found != NULL)
        draw_curve(p, left, found);
    else
        draw_nothing(p, left);
    draw_side(p, right, found, layer);
}

static void draw_legend(const struct place *p, int row)
{
    int used = surface_text(p->surface, row, 1, -1, ROLE_DIM, heat_legend);
    surface_printf(p->surface, row, used + 3, -1, ROLE_TEXT,
                   "s %s  r again  o rank  b plan  Tab all%s",
                   p->app->view.working ? "stop" : "start",
                   p->wide ? "  Enter set  E csv  p criterion  c cliff" : "");
}

void sensitivity_draw(struct app *app, struct surface *surface)
{
    if (app->view.scan.land == NULL)
        return; /* out of memory, and said */
    struct place p = place_of(app, surface);
    char path[160];
    int below = p.top + p.rows + 1;
    snprintf(path, sizeof path, "sensitivity   points lost%s · %s, %s",
             p.wide ? " when each layer alone is pruned, others dense" : "",
             p.land->structure, p.land->criterion);
    title_draw(app, surface, path);
    draw_map(&p);
    draw_lower(&p, below, surface->rows - 3 - below);
    draw_legend(&p, surface->rows - 3);
    status_draw(app, surface);
    bar_draw(app, surface);
}

bool sensitivity_click(struct app *app, int row, int column)
{
    struct surface size = {.rows = app->rows, .columns = app->columns};
    struct state *state = &app->state;
    struct list *list = &state->lists[SCREEN_LAYERS];
    if (app->view.scan.land == NULL)
        return false;
    struct place p = place_of(app, &size);
    int at = list->top + row - p.top, amount = state->scan_amount;
    bool whole = row == p.top + p.rows;
    if (row < p.top || row > p.top + p.rows || (!whole && at >= list->count))
        return false;
    if (column >= p.cells && column < p.cells + p.visible * CELL)
        amount = state->scan_first + (column - p.cells) / CELL;
    bool again = amount == state->scan_amount && whole == state->scan_whole &&
                 (whole || at == list->cursor);
    state->scan_amount = amount;
    state->scan_whole = whole;
    if (!whole)
        list_move(list, at);
    if (again && column >= p.cells)
        action_run(action_of_name("scan-set"), app);
    return true;
}

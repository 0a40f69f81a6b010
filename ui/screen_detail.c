/* One layer: its weights, filters, mask, and the amounts tried so far. */
#include "format.h"
#include "plot.h"
#include "screen.h"

#include "base/array.h"
#include "prune/landscape.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A cell of the map is the mean of the kernels it covers. */
static double map_share(const struct view_weights *weights, size_t row,
                        size_t rows, size_t column, size_t columns)
{
    size_t r0 = row * weights->map_rows / rows;
    size_t r1 = (row + 1) * weights->map_rows / rows;
    size_t c0 = column * weights->map_columns / columns;
    size_t c1 = (column + 1) * weights->map_columns / columns;
    double sum = 0;
    r1 = r1 > r0 ? r1 : r0 + 1;
    c1 = c1 > c0 ? c1 : c0 + 1;
    for (size_t r = r0; r < r1; r++)
        for (size_t c = c0; c < c1; c++)
            sum += weights->map[r * weights->map_columns + c];
    return sum / (double)((r1 - r0) * (c1 - c0));
}

static void draw_map(const struct app *app, struct surface *surface,
                     struct rect area)
{
    static const uint32_t shades[] = {0xb7, 0x2591, 0x2592, 0x2593, 0x2588};
    const struct view_weights *weights = &app->view.weights;
    if (weights->map_rows == 0 || weights->map == NULL) {
        surface_text(surface, area.row, area.column + 1, area.columns - 2,
                     ROLE_DIM, "too large to draw");
        return;
    }
    size_t rows = weights->map_rows, columns = weights->map_columns;
    if (rows > (size_t)area.rows)
        rows = (size_t)area.rows;
    if (columns > (size_t)area.columns - 2)
        columns = (size_t)area.columns - 2;
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++) {
            double share = map_share(weights, r, rows, c, columns);
            int shade = share <= 0 ? 0 : 1 + (int)fmin(3, share * 4);
            surface_put(surface, area.row + (int)r, area.column + 1 + (int)c,
                        shade ? ROLE_KEPT : ROLE_PRUNED, shades[shade]);
        }
    }
}

/* The newest variant of every amount of this layer, amounts ascending. */
static size_t collect_trials(const struct view *view, size_t layer,
                             const struct view_point **list)
{
    size_t count = 0;
    for (size_t i = 0; i < view->point_count; i++) {
        const struct view_point *point = &view->points[i];
        int64_t removed = point->removed[layer];
        size_t at = 0;
        while (at < count && list[at]->removed[layer] < removed)
            at++;
        if (at < count && list[at]->removed[layer] == removed) {
            if (list[at]->id != view->current)
                list[at] = point;
            continue;
        }
        for (size_t j = count; j > at; j--)
            list[j] = list[j - 1];
        list[at] = point;
        count++;
    }
    return count;
}

static void draw_trials(const struct app *app, struct surface *surface,
                        struct rect area, size_t layer)
{
    const struct view *view = &app->view;
    const struct view_point **list =
        array_create(view->point_count + 1, sizeof *list);
    if (list == NULL)
        return;
    size_t count = collect_trials(view, layer, list);
    size_t now = 0, visible = area.rows > 1 ? (size_t)area.rows - 1 : 0;
    for (size_t i = 0; i < count; i++)
        if (list[i]->id == view->current)
            now = i;
    int top = layout_scroll(0, (int)now, (int)visible, (int)count);
    surface_text(surface, area.row, area.column + 1, area.columns - 1, ROLE_DIM,
                 " here    # accuracy  Δ dense   speed");
    for (size_t i = 0; i < visible && (size_t)top + i < count; i++) {
        const struct view_point *p = list[(size_t)top + i];
        char a[FORMAT_ROOM], b[FORMAT_ROOM], c[FORMAT_ROOM], d[FORMAT_ROOM];
        int row = area.row + 1 + (int)i, column = area.column + 1;
        bool here = p->id == view->current;
        enum role role = here ? ROLE_VALUE : ROLE_TEXT;
        double share =
            (double)p->removed[layer] / (double)view->layers[layer].weights;
        if (here)
            surface_put(surface, row, column, ROLE_NOW, 0x25b8);
        widget_right(surface, row, column, 5, role, format_percent(a, share));
        surface_printf(surface, row, column + 6, 6, ROLE_DIM, "%4d", p->id);
        widget_right(surface, row, column + 11, 8, role,
                     format_accuracy(b, &p->accuracy, 2));
        widget_right(surface, row, column + 19, 9, role,
                     p->id == 0 ? "dense"
                                : format_difference(c, &p->difference, 2));
        widget_right(surface, row, column + 28, 8, role,
                     format_speed(d, p->speedup));
    }
    free(list);
}

/* What each structure means for this layer here, or on the device. */
static void draw_structures(const struct app *app, struct surface *surface,
                            struct rect area)
{
    const struct structure_times *known = &app->view.structures;
    char share[FORMAT_ROOM], speed[FORMAT_ROOM];
    int column = area.column + 1;
    surface_text(surface, area.row, column, area.columns - 1, ROLE_DIM,
                 "structure    removes   speed  kernel");
    for (size_t i = 0; i < known->count && (int)i + 1 < area.rows; i++) {
        const struct structure_time *t = &known->times[i];
        int row = area.row + 1 + (int)i;
        surface_text(surface, row, column, 12, ROLE_TEXT, t->structure->name);
        snprintf(speed, sizeof speed, "%s",
                 t->predicted && isfinite(t->speed) ? "~" : "");
        format_speed(speed + strlen(speed), t->speed);
        widget_right(surface, row, column + 13, 7, ROLE_TEXT,
                     format_percent(share, t->share));
        widget_right(surface, row, column + 20, 8,
                     t->speed >= 1.05 ? ROLE_GOOD : ROLE_TEXT, speed);
        surface_text(surface, row, column + 30, area.columns - 31, ROLE_DIM,
                     t->sparse ? "sparse" : "dense");
    }
    if (!known->complete && (int)known->count + 1 < area.rows)
        surface_text(surface, area.row + 1 + (int)known->count, column,
                     area.columns - 2, ROLE_DIM,
                     app->view.structures.row < 0 ? "nothing can be pruned here"
                                                  : "timing ...");
}

/* "cliff 77% [72%,80%] High rank 3" by the scan; "" not scanned. */
static const char *scan_text(char *text, size_t room, const struct view *view,
                             int layer)
{
    char a[FORMAT_ROOM], b[FORMAT_ROOM], c[FORMAT_ROOM];
    const struct landscape_row *row = view_scan_row(view, layer);
    text[0] = '\0';
    if (row == NULL)
        return text;
    size_t used = 0;
    if (row->cliff.found)
        used = (size_t)snprintf(
            text, room, "cliff %s [%s,%s]", format_whole(a, row->cliff.amount),
            format_whole(b, row->cliff.low), format_whole(c, row->cliff.high));
    else
        used = (size_t)snprintf(text, room, "no cliff");
    if (row->rank > 0 && used < room)
        snprintf(text + used, room - used, " %s rank %zu", row->word,
                 row->rank);
    return text;
}

/* What another order of its input channels saves; "" no other order. */
static const char *order_text(char *text, size_t room,
                              const struct view_layer *layer)
{
    text[0] = '\0';
    if (layer->kept > 0)
        snprintf(text, room, "order keeps %.1f%% of |w|, not %.1f%%",
                 100 * layer->kept, 100 * layer->kept_before);
    return text;
}

/* Bytes of the text's first line: up to the last comma or semicolon that fits
 * into `width`, all where it fits as a whole or has none. */
static size_t line_bytes(const char *text, int width)
{
    size_t bytes = strlen(text);
    char line[240];
    snprintf(line, sizeof line, "%s", text);
    if (bytes >= sizeof line)
        return bytes;
    while (surface_width(line) > width) {
        char *cut = strrchr(line, ' ');
        if (cut == NULL)
            return bytes;
        *cut = '\0';
        if (strchr(",;", cut[-(cut > line)]) != NULL)
            bytes = strlen(line);
    }
    return bytes;
}

/* The group on two lines where one is too short and rows are to spare;
 * returns how many rows it took from the last one up. */
static int draw_names(struct surface *surface, struct rect area,
                      const char *text)
{
    int width = area.columns - 2, last = area.row + area.rows - 1;
    size_t first = line_bytes(text, width);
    bool two = text[first] != '\0' && area.rows >= 8;
    char line[240];
    snprintf(line, sizeof line, "%.*s", (int)first, text);
    widget_clip(surface, last - two, area.column + 1, width, ROLE_DIM,
                two ? line : text);
    if (two)
        widget_clip(surface, last, area.column + 1, width, ROLE_DIM,
                    text + first + 1);
    return 1 + two;
}

/* What the layer's channels go together with, in the last rows. */
static int draw_group(const struct view *view, int index,
                      struct surface *surface, struct rect area)
{
    char scan[96], order[96];
    const struct view_layer *layer = &view->layers[index];
    const char *lines[] = {scan_text(scan, sizeof scan, view, index),
                           order_text(order, sizeof order, layer),
                           layer->width};
    if (area.rows <= 5)
        return 0;
    int used = layer->group && layer->group[0] != '\0'
                   ? draw_names(surface, area, layer->group)
                   : 0;
    for (int i = 2; i >= 0; i--) {
        if (lines[i][0] == '\0')
            continue;
        used++;
        widget_clip(surface, area.row + area.rows - used, area.column + 1,
                    area.columns - 2, ROLE_TEXT, lines[i]);
    }
    return used;
}

static void draw_title(struct app *app, struct surface *surface,
                       const struct view_layer *layer)
{
    char path[200], share[FORMAT_ROOM], ms[FORMAT_ROOM];
    double removed = layer->weights > 0
                         ? (double)layer->removed / (double)layer->weights
                         : 0;
    snprintf(path, sizeof path, "%s   %s %s   pruned %s   %s%s ms %s",
             layer->name, layer->description, layer->shape,
             format_percent(share, removed),
             app->view.times_predicted ? "~" : "", format_ms(ms, layer->ms),
             layer->kernel[0] == '\0' ? ""
             : layer->sparse_kernel   ? "sparse"
                                      : "dense");
    title_draw(app, surface, path);
}

/* "weights   energy 2 uJ of 9.78 uJ (a model)". */
static const char *weights_title(char *text, size_t room,
                                 const struct view_layer *layer)
{
    char a[FORMAT_ROOM], b[FORMAT_ROOM];
    int used = snprintf(text, room, "weights");
    if (layer->dense_joules > 0)
        snprintf(text + used, room - (size_t)used, "   energy %s%s%s (a model)",
                 format_joules(a, layer->joules), layer->removed ? " of " : "",
                 layer->removed ? format_joules(b, layer->dense_joules) : "");
    return text;
}

void detail_draw(struct app *app, struct surface *surface)
{
    char title[160];
    struct layout_detail l = layout_detail(surface->rows, surface->columns);
    int layer = app_layer(app);
    app->state.lists[SCREEN_LAYERS].visible = 1;
    status_draw(app, surface);
    bar_draw(app, surface);
    if (layer < 0) {
        title_draw(app, surface, "layers");
        return;
    }
    draw_title(app, surface, &app->view.layers[layer]);
    widget_rule(surface, l.upper_rule.row, 0, l.upper_divider,
                weights_title(title, sizeof title, &app->view.layers[layer]),
                false);
    widget_rule(surface, l.upper_rule.row, l.upper_divider,
                surface->columns - l.upper_divider, "filters", false);
    surface_put(surface, l.upper_rule.row, l.upper_divider, ROLE_BORDER,
                0x252c);
    weights_pane(app, surface, l.histogram);
    filters_pane(app, surface, l.filters);
    widget_rule(surface, l.lower_rule.row, 0, l.lower_divider,
                "mask  out ↓ in →  · none ░▒▓█ kept", false);
    widget_rule(surface, l.lower_rule.row, l.lower_divider,
                surface->columns - l.lower_divider,
                app->state.detail_structures
                    ? app->view.device ? "structures, predicted  Tab"
                                       : "structures, measured  Tab"
                    : "amounts of this layer tried  Tab",
                false);
    surface_put(surface, l.lower_rule.row, l.lower_divider, ROLE_BORDER,
                0x252c);
    draw_map(app, surface, l.mask);
    struct rect trials = l.trials;
    if (app->state.detail_structures) {
        draw_structures(app, surface, trials);
    } else {
        trials.rows -= draw_group(&app->view, layer, surface, trials);
        draw_trials(app, surface, trials, (size_t)layer);
    }
    for (int r = 0; r < l.filters.rows; r++)
        surface_put(surface, l.filters.row + r, l.upper_divider, ROLE_BORDER,
                    0x2502);
    for (int r = 0; r < l.trials.rows; r++)
        surface_put(surface, l.trials.row + r, l.lower_divider, ROLE_BORDER,
                    0x2502);
}

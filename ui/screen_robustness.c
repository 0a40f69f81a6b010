/* Accuracy on worse data: what every corruption costs at every severity,
 * beside the dense model; a curve of the one under the cursor, and its
 * classes. */
#include "format.h"
#include "plot.h"
#include "screen.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_COLUMNS = 15, CELL_COLUMNS = 6, LOWER_ROWS = 5, CONDITIONS = 64 };
enum { TABLE_COLUMNS = 2 + NAME_COLUMNS + 5 * CELL_COLUMNS };
enum { PLOT_MOST = 76 }; /* wider axes would count half severities */

/* Rows of one condition, in the order of their severities. */
struct span {
    const struct robustness_row *rows;
    size_t count;
};

static int spans_of(const struct robustness *found, struct span *spans)
{
    int count = 0;
    for (size_t i = 0; i < found->count; i++) {
        const struct robustness_row *row = &found->rows[i];
        struct span *last = count > 0 ? &spans[count - 1] : NULL;
        if (last && row->severity > 0 &&
            strcmp(last->rows->condition, row->condition) == 0)
            last->count++;
        else if (count < CONDITIONS)
            spans[count++] = (struct span){row, 1};
    }
    return count;
}

static const struct robustness_row *row_at(const struct span *span,
                                           int severity)
{
    for (size_t i = 0; i < span->count; i++)
        if (span->rows[i].severity == severity || span->rows[i].severity == 0)
            return &span->rows[i];
    return NULL;
}

static enum role change_role(const struct robustness_row *row)
{
    if (row->dense.samples == 0)
        return ROLE_TEXT;
    if (!format_significant(&row->difference))
        return ROLE_DIM;
    return row->difference.value < 0 ? ROLE_BAD : ROLE_GOOD;
}

/* --- the table --- */

static void draw_cell(struct surface *surface, int row, int column,
                      const struct robustness_row *from)
{
    char text[FORMAT_ROOM];
    if (from->dense.samples > 0)
        format_difference(text, &from->difference, 1);
    else
        snprintf(text, sizeof text, "%.1f", 100 * from->value.value);
    widget_right(surface, row, column, CELL_COLUMNS, change_role(from), text);
}

/* One figure alone has room for its interval. */
static void draw_single(struct surface *surface, int row, int column,
                        const struct robustness_row *from)
{
    char text[2 * FORMAT_ROOM], a[FORMAT_ROOM];
    const struct estimate *difference = &from->difference;
    if (from->dense.samples > 0)
        snprintf(text, sizeof text, "%s [%+.1f,%+.1f]",
                 format_difference(a, difference, 1), 100 * difference->low,
                 100 * difference->high);
    else
        snprintf(text, sizeof text, "%.1f %s", 100 * from->value.value,
                 format_interval(a, &from->value, 1));
    surface_text(surface, row, column + 1, -1, change_role(from), text);
}

static void draw_head(const struct app *app, struct surface *surface, int row)
{
    surface_text(surface, row, 1, NAME_COLUMNS, ROLE_DIM, "severity");
    for (int s = 1; s <= CORRUPTION_SEVERITIES; s++) {
        bool chosen = s == app->state.severity;
        char text[16];
        snprintf(text, sizeof text, chosen ? "[%d]" : "%d ", s);
        widget_right(surface, row,
                     1 + NAME_COLUMNS + (s - 1) * CELL_COLUMNS + 1,
                     CELL_COLUMNS, chosen ? ROLE_VALUE : ROLE_DIM, text);
    }
}

static void draw_table(struct app *app, struct surface *surface,
                       const struct span *spans, int count, struct rect area)
{
    struct list *list = &app->state.lists[SCREEN_ROBUSTNESS];
    draw_head(app, surface, area.row++);
    area.rows--;
    list->count = count;
    list->visible = area.rows;
    list_move(list, list->cursor);
    list->top = layout_scroll(list->top, list->cursor, area.rows, list->count);
    for (int i = 0; i < area.rows && list->top + i < count; i++) {
        const struct span *span = &spans[list->top + i];
        int row = area.row + i, column = 1 + NAME_COLUMNS;
        widget_clip_start(surface, row, 1, NAME_COLUMNS, ROLE_TEXT,
                          span->rows->condition);
        if (span->rows->severity == 0)
            draw_single(surface, row, column, span->rows);
        for (size_t r = 0; r < span->count; r++)
            if (span->rows[r].severity > 0)
                draw_cell(surface, row,
                          column + (span->rows[r].severity - 1) * CELL_COLUMNS,
                          &span->rows[r]);
        if (list->top + i != list->cursor)
            continue;
        surface_role(surface, row, 0, TABLE_COLUMNS, ROLE_CURSOR);
        surface_text(surface, row, 0, 1, ROLE_CURSOR, "▸");
    }
}

/* --- the curve --- */

/* Severity 0 is the clean data. */
struct curve {
    struct estimate now[CORRUPTION_SEVERITIES + 1];
    struct estimate dense[CORRUPTION_SEVERITIES + 1];
};

static struct curve curve_of(const struct robustness *found,
                             const struct span *span)
{
    struct curve curve = {0};
    curve.now[0] = found->rows[0].value;
    curve.dense[0] = found->rows[0].dense;
    for (size_t i = 0; i < span->count; i++) {
        const struct robustness_row *row = &span->rows[i];
        if (row->severity < 1 || row->severity > CORRUPTION_SEVERITIES)
            continue;
        curve.now[row->severity] = row->value;
        curve.dense[row->severity] = row->dense;
    }
    return curve;
}

static struct range range_of_curve(const struct curve *curve)
{
    double values[4 * (CORRUPTION_SEVERITIES + 1)];
    size_t count = 0;
    for (int s = 0; s <= CORRUPTION_SEVERITIES; s++) {
        const struct estimate *both[] = {&curve->now[s], &curve->dense[s]};
        for (int k = 0; k < 2; k++) {
            if (both[k]->samples == 0)
                continue;
            values[count++] = 100 * both[k]->low;
            values[count++] = 100 * both[k]->high;
        }
    }
    return range_pad(range_of(values, count), 0.05);
}

static void dots(struct canvas *canvas, const struct axes *axes,
                 const double from[2], const double to[2], enum role role)
{
    double wide = axes->x.high - axes->x.low, high = axes->y.high - axes->y.low;
    double right = 2 * axes->inner.columns - 1, down = 4 * axes->inner.rows - 1;
    canvas_line(canvas, (from[0] - axes->x.low) / wide * right,
                (axes->y.high - from[1]) / high * down,
                (to[0] - axes->x.low) / wide * right,
                (axes->y.high - to[1]) / high * down, role);
}

static void draw_points(struct surface *surface, const struct axes *axes,
                        const struct estimate *values, enum role role,
                        uint32_t glyph)
{
    int row, column;
    for (int s = 0; s <= CORRUPTION_SEVERITIES; s++)
        if (values[s].samples > 0 &&
            plot_cell(axes, s, 100 * values[s].value, &row, &column))
            surface_put(surface, row, column, role, glyph);
}

/* Lines between the points of one model, and its intervals. */
static void draw_lines(struct canvas *canvas, const struct axes *axes,
                       const struct estimate *values, enum role role, bool bars)
{
    for (int s = 0; s <= CORRUPTION_SEVERITIES; s++) {
        if (values[s].samples == 0)
            continue;
        double low[2] = {s, 100 * values[s].low};
        double high[2] = {s, 100 * values[s].high};
        double at[2] = {s, 100 * values[s].value};
        if (bars)
            dots(canvas, axes, low, high, role);
        int next = s + 1;
        while (next <= CORRUPTION_SEVERITIES && values[next].samples == 0)
            next++;
        if (next > CORRUPTION_SEVERITIES)
            continue;
        double to[2] = {next, 100 * values[next].value};
        dots(canvas, axes, at, to, role);
    }
}

static void draw_curve(struct surface *surface, const struct robustness *found,
                       const struct span *span, struct rect area)
{
    struct curve curve = curve_of(found, span);
    struct canvas canvas = {0};
    const struct range x = {-0.2, CORRUPTION_SEVERITIES + 0.2};
    struct axes axes =
        plot_axes(surface, area, x, range_of_curve(&curve), "sev");
    if (canvas_init(&canvas, axes.inner.rows, axes.inner.columns) != 0)
        return;
    draw_lines(&canvas, &axes, curve.dense, ROLE_BASE, false);
    draw_lines(&canvas, &axes, curve.now, ROLE_FRONT, true);
    canvas_draw(&canvas, surface, axes.inner.row, axes.inner.column);
    canvas_release(&canvas);
    draw_points(surface, &axes, curve.dense, ROLE_BASE, 0x25cb);
    draw_points(surface, &axes, curve.now, ROLE_NOW, 0x25c6);
}

/* --- one row in full --- */

struct class_points {
    int64_t label;
    struct estimate change; /* without a dense model the accuracy */
};

static int compare_changes(const void *a, const void *b)
{
    const struct class_points *x = a, *y = b;
    if (x->change.value != y->change.value)
        return x->change.value < y->change.value ? -1 : 1;
    return x->label < y->label ? -1 : x->label > y->label;
}

/* Classes that the row has samples of, worst first; returns how many. */
static size_t list_classes(struct class_points *list, int64_t classes,
                           const struct robustness_row *row)
{
    size_t count = 0;
    for (int64_t c = 0; c < classes; c++) {
        const struct paired_counts *counts = &row->classes[c];
        if (counts->samples == 0)
            continue;
        list[count++] = (struct class_points){
            c, row->dense.samples > 0
                   ? counts->difference
                   : estimate_wilson(robustness_right(row, c), counts->samples,
                                     0.95)};
    }
    if (count > 0)
        qsort(list, count, sizeof *list, compare_changes);
    return count;
}

/* "7:-20.0±7.2", dim where it may be chance. */
static void draw_class(struct surface *surface, int row, int column, int width,
                       const struct class_points *class, bool paired)
{
    char text[FORMAT_ROOM];
    const struct estimate *change = &class->change;
    double half = 50 * (change->high - change->low);
    enum role role = !paired                       ? ROLE_TEXT
                     : !format_significant(change) ? ROLE_DIM
                     : change->value < 0           ? ROLE_BAD
                                                   : ROLE_GOOD;
    snprintf(text, sizeof text, "%lld:", (long long)class->label);
    int used = surface_text(surface, row, column, width, ROLE_DIM, text);
    snprintf(text, sizeof text, paired ? "%+.1f±%.1f" : "%.1f±%.1f",
             100 * change->value, half);
    surface_text(surface, row, column + used, width - used, role, text);
}

/* What each class lost, worst first; without a dense model what it has. */
static void draw_classes(struct surface *surface, struct rect area,
                         const struct robustness *found,
                         const struct robustness_row *row)
{
    enum { LABEL = 8, ENTRY = 14 };
    struct class_points *list = calloc((size_t)found->classes, sizeof *list);
    size_t count = list ? list_classes(list, found->classes, row) : 0;
    surface_text(surface, area.row, area.column, LABEL, ROLE_DIM, "classes");
    int across = (area.columns - LABEL) / ENTRY;
    for (size_t i = 0; i < count && (int)i < across * area.rows; i++)
        draw_class(surface, area.row + (int)i / across,
                   area.column + LABEL + (int)i % across * ENTRY, ENTRY - 1,
                   &list[i], row->dense.samples > 0);
    free(list);
}

static void draw_row(struct surface *surface, int at,
                     const struct robustness *found,
                     const struct robustness_row *row)
{
    char title[160], text[200], a[FORMAT_ROOM], b[FORMAT_ROOM];
    int n = snprintf(title, sizeof title, "%s", row->condition);
    if (row->severity > 0)
        snprintf(title + n, sizeof title - (size_t)n, ", severity %d",
                 row->severity);
    else if (strcmp(row->condition, "hesitant") == 0)
        snprintf(title, sizeof title,
                 "hesitant: the tenth of the samples with the lowest margin");
    widget_rule(surface, at, 0, surface->columns, title, false);
    n = snprintf(text, sizeof text, "now %.2f %s", 100 * row->value.value,
                 format_interval(a, &row->value, 1));
    if (row->dense.samples > 0)
        snprintf(text + n, sizeof text - (size_t)n,
                 "  dense %.2f %s  change %s [%+.2f,%+.2f]",
                 100 * row->dense.value, format_interval(a, &row->dense, 1),
                 format_difference(b, &row->difference, 2),
                 100 * row->difference.low, 100 * row->difference.high);
    widget_clip(surface, at + 1, 1, surface->columns - 2, change_role(row),
                text);
    draw_classes(surface,
                 (struct rect){at + 2, 1, LOWER_ROWS - 3, surface->columns - 2},
                 found, row);
}

/* --- the whole --- */

static void draw_title(struct app *app, struct surface *surface)
{
    const struct robustness_known *known = app->view.robustness;
    char path[160] = "robustness", a[FORMAT_ROOM];
    if (known != NULL)
        snprintf(path, sizeof path,
                 known->variant > 0
                     ? "robustness   #%d beside the dense model, %s samples"
                     : "robustness   #%d, the dense model, %s samples",
                 known->variant, format_grouped(a, known->samples));
    title_draw(app, surface, path);
}

/* What the figures are about, and how to get them for this variant. */
static void draw_hint(const struct app *app, struct surface *surface, int row)
{
    const struct view *view = &app->view;
    const struct robustness_known *known = view->robustness;
    bool older = known->hash != view_now(view)->hash;
    if (older)
        surface_printf(surface, row, 1, surface->columns - 2, ROLE_WARN,
                       "these are the figures of #%d - Enter measures #%d",
                       known->variant, view->current);
    else if (known->found.count < known->planned)
        surface_printf(surface, row, 1, surface->columns - 2, ROLE_DIM,
                       "%zu of %zu rows%s", known->found.count, known->planned,
                       view->working ? "" : " - Enter begins again");
    else
        surface_text(surface, row, 1, surface->columns - 2, ROLE_DIM,
                     "◆ now  ○ dense   j/k condition  h/l severity  Enter "
                     "measures again");
}

static void draw_nothing(struct surface *surface)
{
    widget_rule(surface, 1, 0, surface->columns, NULL, false);
    surface_text(surface, 3, 2, -1, ROLE_TEXT,
                 "How does this variant stand worse images?");
    surface_text(surface, 5, 2, -1, ROLE_DIM,
                 "Enter measures 12 corruptions at 5 severities on 1,000 "
                 "samples, beside the");
    surface_text(surface, 6, 2, -1, ROLE_DIM,
                 "dense model; the explorer stays usable meanwhile. Less or "
                 "more:");
    surface_text(surface, 8, 2, -1, ROLE_DIM,
                 ": robustness gaussian-noise,jpeg 5000 samples");
    surface_text(surface, 9, 2, -1, ROLE_DIM,
                 ": robustness severity 3 also another/data/set");
}

static void draw_known(struct app *app, struct surface *surface)
{
    const struct robustness *found = &app->view.robustness->found;
    struct span spans[CONDITIONS];
    int count = spans_of(found, spans);
    int rows = surface->rows - 1 - LOWER_ROWS - 2 - 1;
    struct rect table = {2, 0, rows, TABLE_COLUMNS};
    struct rect plot = {2, TABLE_COLUMNS + 1, rows,
                        surface->columns - TABLE_COLUMNS - 2};
    if (plot.columns > PLOT_MOST)
        plot.columns = PLOT_MOST;
    int lower = table.row + rows;
    widget_rule(surface, 1, 0, surface->columns,
                found->rows[0].dense.samples > 0 ? "change in points"
                                                 : "accuracy in percent",
                false);
    widget_rule(surface, 1, TABLE_COLUMNS, surface->columns - TABLE_COLUMNS,
                "accuracy over severity", false);
    draw_table(app, surface, spans, count, table);
    for (int r = 1; r < lower; r++)
        surface_put(surface, r, TABLE_COLUMNS, ROLE_BORDER,
                    r == 1 ? 0x252c : 0x2502);
    const struct span *span =
        &spans[app->state.lists[SCREEN_ROBUSTNESS].cursor];
    const struct robustness_row *row = row_at(span, app->state.severity);
    if (span->rows->severity > 0)
        draw_curve(surface, found, span, plot);
    else
        surface_text(surface, plot.row + 1, plot.column + 1, plot.columns - 1,
                     ROLE_DIM, "no severities: one figure");
    if (row != NULL)
        draw_row(surface, lower, found, row);
    else
        widget_rule(surface, lower, 0, surface->columns, "not measured", false);
    draw_hint(app, surface, lower + LOWER_ROWS - 1);
}

void robustness_draw(struct app *app, struct surface *surface)
{
    draw_title(app, surface);
    if (app->view.robustness == NULL ||
        app->view.robustness->found.count == 0) {
        app->state.lists[SCREEN_ROBUSTNESS].count = 0;
        draw_nothing(surface);
    } else {
        draw_known(app, surface);
    }
    status_draw(app, surface);
    bar_draw(app, surface);
}

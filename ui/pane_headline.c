/* The rows that every screen has: headline, title, status, key bar. */
#include "action.h"
#include "format.h"
#include "key.h"
#include "plot.h"
#include "screen.h"

#include "base/array.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Writes pieces of a line one behind the other. */
struct line {
    struct surface *surface;
    int row, column, end;
};

static void add(struct line *line, enum role role, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void add(struct line *line, enum role role, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (line->column < line->end)
        line->column += surface_text(line->surface, line->row, line->column,
                                     line->end - line->column, role, text);
}

/* Goes to a column, or one behind the text when that is past it. */
static void tab(struct line *line, int column)
{
    line->column = line->column < column ? column : line->column + 1;
}

/* "[+] #7 A": unsaved, variant, its names. */
static void draw_corner(const struct app *app, struct surface *surface)
{
    char text[64];
    const struct view_point *now = view_now(&app->view);
    snprintf(text, sizeof text, "%s%s#%d%s%s",
             app->state.readonly ? "read-only " : "",
             app->view.unsaved ? "[+] " : "", now->id,
             now->snapshots[0] ? " " : "", now->snapshots);
    int width = surface_width(text);
    surface_fill(surface, 0, surface->columns - width - 2, 1, width + 2,
                 ROLE_TEXT, ' ');
    surface_text(surface, 0, surface->columns - width - 1, width, ROLE_TITLE,
                 text);
}

static void draw_names(const struct app *app, struct surface *surface)
{
    const struct view *view = &app->view;
    struct line line = {surface, 0, 1, surface->columns};
    bool wide = surface->columns >= LAYOUT_WIDE_COLUMNS;
    add(&line, ROLE_TITLE, "espalier");
    add(&line, ROLE_TEXT, "  %s", view->model);
    if (view->data[0])
        add(&line, ROLE_TEXT, " · ");
    if (view->aside > 0) /* every figure is about the rest */
        add(&line, ROLE_WARN, "%.0f%% of ",
            100 * (double)view->samples /
                (double)(view->samples + view->aside));
    if (view->data[0])
        add(&line, ROLE_TEXT, "%s", view->data);
    if (wide && view->samples > 0)
        add(&line, ROLE_DIM, " %lld", (long long)view->samples);
    if (wide || view->device)
        add(&line, view->device ? ROLE_WARN : ROLE_DIM, " · %s", view->machine);
    /* The corner needs the room. */
    bool crowded = !wide && (view->device || view->aside > 0);
    if (view->criterion != NULL && !crowded)
        add(&line, ROLE_DIM, "   %s·%s", view->criterion, view->structure);
    draw_corner(app, surface);
}

static enum role difference_role(const struct estimate *difference)
{
    if (!format_significant(difference))
        return ROLE_DIM;
    return difference->value < 0 ? ROLE_BAD : ROLE_GOOD;
}

static void draw_accuracy(const struct app *app, struct line *line, bool wide)
{
    char a[FORMAT_ROOM], b[FORMAT_ROOM], c[FORMAT_ROOM], d[FORMAT_ROOM];
    const struct view_point *now = view_now(&app->view);
    const struct view_point *base = view_base(&app->view);
    const char *names[] = {"acc", "accuracy", "agr", "agreement"};
    add(line, ROLE_DIM, "%s ", names[2 * app->view.fidelity + wide]);
    if (app->view.data[0] == '\0') {
        add(line, ROLE_DIM, "needs data");
        return;
    }
    add(line, ROLE_VALUE, "%s", format_accuracy(a, &now->accuracy, 2));
    if (now->accuracy.samples == 0)
        return;
    add(line, ROLE_TEXT, "%s %s", wide ? "%" : "",
        format_interval(b, &now->accuracy, wide ? 2 : 1));
    if (now->id == 0) {
        add(line, ROLE_DIM, " dense");
        return;
    }
    enum role role = difference_role(&now->difference);
    add(line, role, " Δ%s", format_difference(c, &now->difference, 2));
    format_margin(d, &now->difference);
    add(line, ROLE_DIM, "%s%s", d[0] ? " ±" : "", d);
    if (wide && base->accuracy.samples > 0)
        add(line, ROLE_DIM, " (dense %s)",
            format_accuracy(a, &base->accuracy, 2));
}

/* ".06" for 0.06; as precise as the figure it belongs to. */
static char *spread_text(char *text, double spread, double value)
{
    double size = fmax(spread, value);
    int digits = size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 1 ? 2 : 3;
    snprintf(text, FORMAT_ROOM, "%.*f", digits, spread);
    if (text[0] == '0' && text[1] == '.')
        memmove(text, text + 1, strlen(text));
    return text;
}

static void draw_latency(const struct app *app, struct line *line, bool wide)
{
    char a[FORMAT_ROOM], b[FORMAT_ROOM], c[FORMAT_ROOM];
    const struct view_point *now = view_now(&app->view);
    add(line, ROLE_DIM, wide ? "latency " : "lat ");
    if (!isfinite(now->latency_ms)) {
        add(line, ROLE_VALUE, "…");
        return;
    }
    add(line, ROLE_VALUE, "%s%s", now->predicted ? "~" : "",
        format_ms(a, now->latency_ms));
    add(line, ROLE_TEXT, wide ? " ms" : "ms");
    if (isfinite(now->latency_spread))
        add(line, ROLE_DIM, " ±%s",
            spread_text(b, now->latency_spread, now->latency_ms));
    if (isfinite(now->speedup))
        add(line, now->speedup >= 1.05 ? ROLE_GOOD : ROLE_TEXT, " %s",
            format_speed(c, now->speedup));
}

void headline_draw(struct app *app, struct surface *surface)
{
    char text[FORMAT_ROOM];
    const struct view_point *now = view_now(&app->view);
    bool wide = surface->columns >= LAYOUT_WIDE_COLUMNS;
    struct line line = {surface, 1, 1, surface->columns};
    draw_names(app, surface);
    draw_accuracy(app, &line, wide);
    tab(&line, wide ? 66 : 37);
    draw_latency(app, &line, wide);
    tab(&line, wide ? 95 : 62);
    add(&line, ROLE_DIM, "size ");
    add(&line, ROLE_VALUE, "%s", format_whole(text, now->size));
    if (wide)
        add(&line, ROLE_TEXT, " %s", format_bytes(text, now->bytes));
    tab(&line, wide ? 116 : 72);
    add(&line, ROLE_DIM, "nnz ");
    add(&line, ROLE_VALUE, "%s", format_whole(text, now->nonzero));
    if (!wide)
        return;
    tab(&line, 127);
    add(&line, ROLE_DIM, "MACs ");
    add(&line, ROLE_VALUE, "%s", format_whole(text, now->macs));
}

void title_draw(struct app *app, struct surface *surface, const char *path)
{
    struct line line = {surface, 0, 1, surface->columns};
    add(&line, ROLE_TITLE, "espalier");
    add(&line, ROLE_TEXT, " › %s", path);
    draw_corner(app, surface);
}

/* --- status --- */

static const char *const stage_names[ENGINE_STAGE_COUNT] = {
    [ENGINE_IDLE] = "ready",
    [ENGINE_BASELINE] = "dense model",
    [ENGINE_PLANNING] = "planning",
    [ENGINE_EVALUATING] = "eval",
    [ENGINE_CALIBRATING] = "calibrating",
    [ENGINE_MEASURING] = "timing",
    [ENGINE_EXPORTING] = "export",
};

static const char *stage_text(const struct app *app)
{
    const struct view *view = &app->view;
    if (app->state.paused)
        return "paused";
    if (view->stage == ENGINE_IDLE && !view->complete)
        return view_now(view)->accuracy.samples > 0 ? "stopped" : "waiting";
    return stage_names[view->stage];
}

static void draw_progress(const struct app *app, struct line *line, bool bar)
{
    char a[FORMAT_ROOM], b[FORMAT_ROOM], c[FORMAT_ROOM];
    const struct view *view = &app->view;
    if (view->failed) {
        add(line, ROLE_ERROR, "%s", view->error);
        return;
    }
    add(line, ROLE_TEXT, "%s", stage_text(app));
    if (view->stage != ENGINE_BASELINE)
        add(line, ROLE_TEXT, " #%d", view->stage_variant);
    if (view->ahead && view->stage_variant == view->current)
        add(line, ROLE_DIM, " · looked ahead");
    if (view->stage == ENGINE_IDLE || view->total <= 0)
        return;
    double share = (double)view->done / (double)view->total;
    int width = line->end >= LAYOUT_WIDE_COLUMNS ? 24 : 14;
    if (bar) {
        widget_progress(line->surface, line->row, line->column + 1, width,
                        share);
        line->column += width + 1;
    }
    add(line, ROLE_TEXT, " %s/%s", format_grouped(a, view->done),
        format_grouped(b, view->total));
    if (share > 0 && view->seconds > 1 && share < 1)
        add(line, ROLE_DIM, " %s",
            format_seconds(c, view->seconds * (1 - share) / share));
}

/* What is being done behind everything else. */
static void draw_work(const struct app *app, struct line *line)
{
    char left[FORMAT_ROOM];
    const struct view *view = &app->view;
    if (!view->working)
        return;
    add(line, ROLE_MARKED, "  · %s", view->work);
    if (view->work_total <= 0)
        return;
    double share = (double)view->work_done / (double)view->work_total;
    add(line, ROLE_TEXT, " %.0f%%", 100 * share);
    double seconds = isfinite(view->work_left)
                         ? view->work_left
                         : view->work_seconds * (1 - share) / share;
    if (share > 0 && share < 1 && view->work_seconds > 1)
        add(line, ROLE_DIM, " %s", format_seconds(left, seconds));
}

/* Why the latency may be off. */
static void draw_noise(const struct app *app, struct line *line)
{
    const struct view_point *now = view_now(&app->view);
    if (now->noise > NOISE_QUIET && !now->predicted && !app->state.still &&
        app->state.screen <= SCREEN_DETAIL)
        add(line, ROLE_WARN, "  · machine %s", noise_word(now->noise));
}

static void draw_hints(const struct app *app, struct line *line)
{
    int marked = 0;
    for (size_t i = 0; i < app->state.layer_count; i++)
        marked += app->state.marked[i];
    if (marked > 0)
        add(line, ROLE_MARKED, "  · %d marked", marked);
    if (app->state.filter[0])
        add(line, ROLE_WARN, "  · filter '%s'", app->state.filter);
    if (app->state.screen <= SCREEN_DETAIL && !app->view.working)
        add(line, ROLE_DIM, "  · h/l ±1%%  H/L ±10%%  s set  u undo");
}

/* What goes on: as many parts as there is room for, the first without its
 * bar. */
enum { STATE_PARTS = 4 };

static void draw_state(const struct app *app, struct line *line, int parts)
{
    surface_fill(line->surface, line->row, 0, 1, line->end, ROLE_TEXT, ' ');
    line->column = 1;
    if (parts > 0)
        draw_progress(app, line, parts > 1);
    if (parts > 2)
        draw_work(app, line);
    if (parts > 3)
        draw_noise(app, line);
    line->column += parts > 0 ? 2 : 0;
}

/* A message that was said just now is read in full: what goes on makes room. */
void status_draw(struct app *app, struct surface *surface)
{
    const struct state *state = &app->state;
    struct line line = {surface, surface->rows - 2, 1, surface->columns};
    const struct message *message =
        state->message_fresh ? &state->messages[state->message_count - 1]
                             : NULL;
    int parts = STATE_PARTS;
    draw_state(app, &line, parts);
    if (message == NULL) {
        line.column -= 2;
        draw_hints(app, &line);
        return;
    }
    int width = surface_width(message->text);
    while (parts > 0 && line.column + 1 + width >= surface->columns)
        draw_state(app, &line, --parts);
    widget_clip(surface, line.row, line.column,
                surface->columns - line.column - 1, message->role,
                message->text);
}

/* --- key bar --- */

/* The action of F-key `number` on this screen when it is on the bar. */
static const struct action *bar_action(const struct app *app, int number)
{
    const struct action *action =
        action_of_key(app->state.screen, KEY_CODE_F1 + number - 1);
    return action != NULL && action->bar != NULL ? action : NULL;
}

void bar_draw(struct app *app, struct surface *surface)
{
    struct line line = {surface, surface->rows - 1, 0, surface->columns};
    for (int f = 1; f <= 12; f++) {
        const struct action *action = bar_action(app, f);
        if (action == NULL)
            continue;
        bool off = action_why(action, app) != NULL;
        add(&line, ROLE_KEY, "F%d", f);
        add(&line, off ? ROLE_DIM : ROLE_KEY_LABEL, "%s", action->bar);
        add(&line, ROLE_TEXT, " ");
    }
    static const char *const hints[] = {
        " : commands  ? keys  Tab pane  z zoom  / find  f filter  q quit",
        " : commands  ? keys", ": commands ? keys", ":cmd ?keys", ": ?"};
    size_t hint = surface->columns >= LAYOUT_WIDE_COLUMNS ? 0 : 1;
    while (hint + 1 < ARRAY_LENGTH(hints) &&
           line.column + surface_width(hints[hint]) > surface->columns)
        hint++;
    add(&line, ROLE_DIM, "%s", hints[hint]);
}

int bar_key(const struct app *app, int column)
{
    int at = 0;
    for (int f = 1; f <= 12; f++) {
        const struct action *action = bar_action(app, f);
        if (action == NULL)
            continue;
        int width = (f < 10 ? 2 : 3) + surface_width(action->bar);
        if (column >= at && column < at + width)
            return KEY_CODE_F1 + f - 1;
        at += width + 1;
    }
    return KEY_NONE;
}

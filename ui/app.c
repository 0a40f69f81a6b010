/* State and dispatch: a key goes to the overlay, else to an action. */
#include "app.h"

#include "action.h"
#include "base/array.h"
#include "key.h"
#include "screen.h"
#include "warn.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void app_init(struct app *app, const struct backend *backend, void *context)
{
    static const struct backend nothing;
    *app = (struct app){0};
    app->backend = backend != NULL ? backend : &nothing;
    app->context = context;
    app->cursor_row = app->cursor_column = -1;
    app->dirty = true;
    app->view.weights.row = -1;
    app->view.snapshot_a = app->view.snapshot_b = -1;
    app->state.range_from = -1;
    app->state.warn.watched = -1;
    app->state.mouse = true;
    app->state.show_dominated = true;
    app->state.plot_zoom = 1;
    app->state.severity = 3;
    app->state.word = -1;
    app->state.form = (struct export_form){
        .masks = true, .recipe = true, .report = true, .verify = true};
}

void app_release(struct app *app)
{
    struct state *state = &app->state;
    free(state->order);
    free(state->marked);
    free(state->remembered);
    free(state->warn.before);
    free(state->warn.rearm);
    for (int i = 0; i < PROMPT_COUNT; i++)
        editor_release(&state->editors[i]);
    editor_release(&state->help_filter);
    editor_release(&state->form.path);
    editor_release(&state->form.confirm);
    engine_export_result_release(&state->form.result);
    view_release(&app->view);
    *app = (struct app){0};
}

void app_say(struct app *app, enum role role, const char *format, ...)
{
    struct state *state = &app->state;
    if (state->message_count == APP_MESSAGES) {
        memmove(state->messages, state->messages + 1,
                (APP_MESSAGES - 1) * sizeof *state->messages);
        state->message_count--;
    }
    struct message *message = &state->messages[state->message_count++];
    message->role = role;
    va_list args;
    va_start(args, format);
    vsnprintf(message->text, sizeof message->text, format, args);
    va_end(args);
    state->message_fresh = true;
    app->dirty = true;
}

void list_move(struct list *list, int to)
{
    to = to >= list->count ? list->count - 1 : to;
    list->cursor = to < 0 ? 0 : to;
}

struct list *app_list(struct app *app)
{
    enum screen_id screen = app->state.screen;
    if (screen == SCREEN_DETAIL || screen == SCREEN_SENSITIVITY)
        screen = SCREEN_LAYERS;
    return &app->state.lists[screen];
}

int app_layer(const struct app *app)
{
    const struct list *list = &app->state.lists[SCREEN_LAYERS];
    return list->cursor < list->count ? app->state.order[list->cursor] : -1;
}

/* --- order: sort and filter --- */

static double sort_value(const struct view_layer *layer, enum sort sort)
{
    switch (sort) {
    case SORT_WEIGHTS:
        return (double)layer->weights;
    case SORT_SPARSITY:
        return layer->weights ? (double)layer->removed / (double)layer->weights
                              : 0;
    case SORT_SHARE:
        return layer->share;
    case SORT_SPEED:
        return layer->dense_ms / layer->ms;
    case SORT_DELTA:
        return layer->ms - layer->dense_ms;
    case SORT_SENSITIVITY:
        return layer->lost;
    default:
        return 0;
    }
}

/* What is not known comes last, whichever way the others go. */
static int compare_layers(const struct view *view, const struct state *state,
                          int first, int second)
{
    const struct view_layer *a = &view->layers[first];
    const struct view_layer *b = &view->layers[second];
    double x = sort_value(a, state->sort), y = sort_value(b, state->sort);
    int order = (x > y) - (x < y);
    if (x != x || y != y)
        return (x != x) - (y != y);
    if (state->sort == SORT_INDEX)
        order = first - second;
    else if (state->sort == SORT_NAME)
        order = strcmp(a->name, b->name);
    else if (state->sort == SORT_OP)
        order = strcmp(a->description, b->description);
    return state->descending ? -order : order;
}

/* Insertion sort: stable, and tables have tens to hundreds of rows. */
static void sort_order(struct app *app)
{
    struct state *state = &app->state;
    int count = state->lists[SCREEN_LAYERS].count;
    for (int i = 1; i < count; i++) {
        int row = state->order[i], j = i;
        for (; j > 0; j--) {
            if (compare_layers(&app->view, state, state->order[j - 1], row) <=
                0)
                break;
            state->order[j] = state->order[j - 1];
        }
        state->order[j] = row;
    }
}

static bool passes(const struct view_layer *layer, const char *filter)
{
    if (filter[0] == '\0' || strstr(layer->name, filter) != NULL ||
        strstr(layer->description, filter) != NULL)
        return true;
    return fnmatch(filter, layer->name, 0) == 0;
}

void app_order(struct app *app)
{
    struct state *state = &app->state;
    struct list *list = &state->lists[SCREEN_LAYERS];
    int selected = list->count > 0 ? app_layer(app) : 0;
    list->count = 0;
    for (size_t i = 0; i < state->layer_count; i++)
        if (passes(&app->view.layers[i], state->filter))
            state->order[list->count++] = (int)i;
    sort_order(app);
    list_move(list, list->cursor);
    for (int i = 0; i < list->count; i++)
        if (state->order[i] == selected)
            list->cursor = i;
    app->dirty = true;
}

int app_sync(struct app *app)
{
    struct state *state = &app->state;
    size_t count = app->view.layer_count;
    if (state->layer_count != count || state->order == NULL) {
        free(state->order);
        free(state->marked);
        free(state->remembered);
        free(state->warn.before);
        free(state->warn.rearm);
        state->warn.before = array_create(count + 1, sizeof(double));
        state->warn.rearm = array_create(count + 1, sizeof(double));
        state->order = array_create(count + 1, sizeof *state->order);
        state->marked = array_create(count + 1, sizeof *state->marked);
        state->remembered = array_create(count + 1, sizeof *state->remembered);
        state->layer_count = 0;
        if (state->order == NULL || state->marked == NULL ||
            state->remembered == NULL || state->warn.before == NULL ||
            state->warn.rearm == NULL)
            return -1;
        state->layer_count = count;
        app_order(app);
    }
    struct list *points = &state->lists[SCREEN_TRADEOFF];
    struct list *history = &state->lists[SCREEN_HISTORY];
    if (points->count != (int)app->view.point_count) {
        points->count = history->count = (int)app->view.point_count;
        points->cursor = app->view.current;
        for (int i = 0; i < history->count; i++)
            if (app->view.branches[i].id == app->view.current)
                history->cursor = i;
    }
    app->dirty = true;
    return 0;
}

/* --- commands --- */

/* Whether a line changes nothing, whatever comes of it. */
static bool only_measures(const char *line)
{
    static const char *const names[] = {"scan", "criteria", "robustness"};
    size_t length = strcspn(line += strspn(line, " "), " ;");
    bool found = false;
    for (size_t i = 0; i < ARRAY_LENGTH(names) && !found; i++)
        found = strlen(names[i]) == length && !memcmp(line, names[i], length);
    return found && strchr(line, ';') == NULL;
}

/* What needs figures of samples that are not there follows when they are. */
static bool wait_for_samples(struct app *app, const char *line,
                             const struct error *err)
{
    struct state *state = &app->state;
    if (err->code != ERROR_CANCELLED || app->backend->calibrating == NULL ||
        strlen(line) >= sizeof state->waiting)
        return false;
    snprintf(state->waiting, sizeof state->waiting, "%s", line);
    state->waiting_variant = app->view.current;
    app_say(app, ROLE_WARN, "calibrating on samples first, then '%s' follows",
            line);
    return true;
}

void app_follow(struct app *app)
{
    char line[APP_LINE_BYTES];
    struct state *state = &app->state;
    if (state->waiting[0] == '\0' || app->backend->calibrating(app))
        return;
    memcpy(line, state->waiting, sizeof line);
    state->waiting[0] = '\0';
    if (app->view.current == state->waiting_variant)
        app_execute(app, line);
    else
        app_say(app, ROLE_GOOD, "calibrated: '%s' can be given now", line);
}

/* Begins work that was ordered. */
static void begin_work(struct app *app, const char *line)
{
    struct error err = {0};
    if (app->backend->work != NULL && app->backend->work(app, line, &err) != 0)
        app_say(app, ROLE_ERROR, "%s", err.message);
}

bool app_execute(struct app *app, const char *line)
{
    struct command_result result = {0};
    struct error err = {0};
    if (app->backend->execute == NULL)
        return false;
    if (app->state.readonly && !only_measures(line)) {
        app_say(app, ROLE_WARN, "this session is read-only");
        return false;
    }
    bool asked = app->state.overlay == OVERLAY_REPLACE;
    warn_begin(app);
    if (app->backend->execute(app, line, &result, &err) != 0) {
        if (app->state.overlay == OVERLAY_REPLACE && !asked)
            snprintf(app->state.ordered, sizeof app->state.ordered, "%s", line);
        else if (!wait_for_samples(app, line, &err))
            app_say(app, ROLE_ERROR, "%s", err.message);
        return false;
    }
    if (result.effect == COMMAND_EDITED)
        app->state.waiting[0] = '\0'; /* the user has gone on */
    if (result.message != NULL && result.message[0] != '\0')
        app_say(app, ROLE_TEXT, "%s", result.message);
    if (result.effect == COMMAND_EDITED && app->backend->show != NULL)
        app->backend->show(app, app_layer(app));
    if (result.effect == COMMAND_EXPORT)
        export_open(app, result.argument);
    if (result.effect == COMMAND_WORK)
        begin_work(app, result.argument);
    bool edited = result.effect == COMMAND_EDITED;
    command_result_release(&result);
    if (app->backend->refresh != NULL)
        app->backend->refresh(app);
    if (edited)
        warn_edit(app, line);
    warn_measured(app);
    for (int i = 0; i < app->state.lists[SCREEN_HISTORY].count; i++)
        if (app->view.branches[i].id == app->view.current)
            app->state.lists[SCREEN_HISTORY].cursor = i;
    app->state.lists[SCREEN_TRADEOFF].cursor = app->view.current;
    app->dirty = true;
    return true;
}

void app_command(struct app *app, const char *line)
{
    line += strspn(line, " ");
    static const struct {
        const char *typed, *action;
    } aliases[] = {{"q", "quit"}, {"q!", "quit!"}, {"w", "export-dialog"}};
    const char *name = line;
    for (size_t i = 0; i < ARRAY_LENGTH(aliases); i++)
        if (strcmp(line, aliases[i].typed) == 0)
            name = aliases[i].action;
    const struct action *action = action_of_name(name);
    const struct command_info *info = session_commands();
    for (; info->name != NULL && action != NULL; info++)
        if (strcmp(info->name, name) == 0)
            action = NULL; /* the command language comes first */
    if (action != NULL)
        action_run(action, app);
    else if (line[0] != '\0')
        app_execute(app, line);
}

/* --- keys --- */

void app_open(struct app *app, enum screen_id screen)
{
    struct state *state = &app->state;
    if (screen == state->screen)
        return;
    if (screen != SCREEN_LAYERS)
        state->back =
            state->screen == SCREEN_MESSAGES ? SCREEN_LAYERS : state->screen;
    state->screen = screen;
    if (screen == SCREEN_MESSAGES) /* the newest one */
        state->lists[screen].cursor = state->message_count - 1;
    state->range_from = -1;
    if (app->backend->refresh != NULL)
        app->backend->refresh(app);
    app->dirty = true;
}

void app_prompt(struct app *app, enum prompt_id prompt, const char *text)
{
    struct state *state = &app->state;
    state->prompt = prompt;
    state->overlay = OVERLAY_PROMPT;
    state->word_count = 0;
    state->word = -1;
    editor_set(&state->editors[prompt], text);
    app->dirty = true;
}

/* `g` goes to the top at once; g- and g+ take that back and do theirs. */
static bool sequence(struct app *app, int *key)
{
    struct state *state = &app->state;
    if (!state->prefix)
        return false;
    state->prefix = false;
    if (action_of_key(state->screen, KEY_CODE_PREFIX + *key) == NULL)
        return false;
    list_move(app_list(app), state->prefix_cursor);
    *key += KEY_CODE_PREFIX;
    return true;
}

void app_key(struct app *app, int key)
{
    struct state *state = &app->state;
    app->dirty = true;
    state->message_fresh = false;
    if (state->overlay != OVERLAY_NONE) {
        overlays[state->overlay].key(app, key);
        return;
    }
    if (!sequence(app, &key) && key == 'g') {
        state->prefix = true;
        state->prefix_cursor = app_list(app)->cursor;
    }
    const struct action *action = action_of_key(state->screen, key);
    char name[16];
    int layer = app_layer(app);
    int flip = state->lists[SCREEN_FLIPS].cursor;
    if (action != NULL)
        action_run(action, app);
    else
        app_say(app, ROLE_WARN, "'%s' does nothing here - press ? for all keys",
                key_text(key, name, sizeof name));
    bool moved = layer != app_layer(app) || /* another layer's weights */
                 flip != state->lists[SCREEN_FLIPS].cursor; /* its picture */
    if (moved && app->backend->refresh != NULL)
        app->backend->refresh(app);
}

void app_click(struct app *app, int row, int column)
{
    int key = KEY_NONE;
    if (row == app->rows - 1)
        key = bar_key(app, column);
    if (key != KEY_NONE)
        app_key(app, key);
    else if (app->state.overlay == OVERLAY_NONE &&
             ((app->state.screen == SCREEN_LAYERS &&
               layers_click(app, row, column)) ||
              (app->state.screen == SCREEN_SENSITIVITY &&
               sensitivity_click(app, row, column))) &&
             app->backend->refresh != NULL)
        app->backend->refresh(app);
    app->dirty = true;
}

void app_wheel(struct app *app, int steps)
{
    if (app->state.overlay == OVERLAY_NONE)
        for (int i = 0; i < 3; i++)
            app_key(app, steps < 0 ? KEY_CODE_UP : KEY_CODE_DOWN);
}

void app_draw(struct app *app, struct surface *surface)
{
    app->rows = surface->rows;
    app->columns = surface->columns;
    app->cursor_row = app->cursor_column = -1;
    surface->ascii = app->state.ascii;
    surface->painted = app->state.painted && !app->state.ascii;
    surface_clear(surface);
    if (!layout_fits(surface->rows, surface->columns)) {
        bool asking = app->state.overlay == OVERLAY_QUIT;
        surface_printf(surface, surface->rows / 2, 0, -1, ROLE_WARN,
                       asking ? "not exported: y leaves, n stays"
                              : "needs %dx%d, has %dx%d; q quits",
                       LAYOUT_MIN_COLUMNS, LAYOUT_MIN_ROWS, surface->columns,
                       surface->rows);
        return;
    }
    if (app->view.point_count > 0)
        screens[app->state.screen].draw(app, surface);
    if (app->state.overlay != OVERLAY_NONE)
        overlays[app->state.overlay].draw(app, surface);
}

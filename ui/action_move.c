/* Moving, finding, marking, sorting: nothing here changes the variant. */
#include "action.h"

#include "screen.h"

#include <fnmatch.h>
#include <string.h>

/* While `v` is on, marks follow the cursor from where it began. */
static void extend_range(struct app *app, int from, int to)
{
    struct state *state = &app->state;
    int low = from < to ? from : to, high = from < to ? to : from;
    for (int i = low; i <= high; i++)
        state->marked[state->order[i]] = true;
}

static void move_to(struct app *app, int to)
{
    struct list *list = app_list(app);
    list_move(list, to);
    if (app->state.range_from >= 0 && app->state.screen == SCREEN_LAYERS &&
        list->count > 0)
        extend_range(app, app->state.range_from, list->cursor);
}

void do_move(struct app *app, int step)
{
    move_to(app, app_list(app)->cursor + step);
}

void do_page(struct app *app, int halves)
{
    struct list *list = app_list(app);
    int half = list->visible > 1 ? list->visible / 2 : 1;
    move_to(app, list->cursor + halves * half);
}

void do_edge(struct app *app, int last)
{
    move_to(app, last ? app_list(app)->count - 1 : 0);
}

void do_detail_pane(struct app *app, int unused)
{
    (void)unused;
    app->state.detail_structures = !app->state.detail_structures;
    app->dirty = true;
}

void do_other_layer(struct app *app, int step)
{
    struct list *list = &app->state.lists[SCREEN_LAYERS];
    list_move(list, list->cursor + step);
}

void do_open_row(struct app *app, int unused)
{
    (void)unused;
    static const enum screen_id targets[PANE_COUNT] = {
        SCREEN_DETAIL, SCREEN_DETAIL, SCREEN_TRADEOFF, SCREEN_HISTORY};
    app_open(app, targets[app->state.pane]);
}

void do_back(struct app *app, int unused)
{
    (void)unused;
    struct state *state = &app->state;
    enum screen_id back = state->back;
    if (state->range_from >= 0) {
        state->range_from = -1;
    } else if (state->screen != SCREEN_LAYERS) {
        state->back = SCREEN_LAYERS;
        state->screen = back == state->screen ? SCREEN_LAYERS : back;
        if (app->backend->refresh != NULL)
            app->backend->refresh(app);
    } else if (state->filter[0] != '\0') {
        state->filter[0] = '\0';
        app_order(app);
    } else if (state->zoom) {
        state->zoom = false;
    } else if (state->pane != PANE_TABLE) {
        state->pane = PANE_TABLE;
    } else {
        app_say(app, ROLE_DIM, "nothing to go back to - q quits");
    }
}

void do_screen(struct app *app, int screen)
{
    app_open(app, (enum screen_id)screen);
}

void do_pane(struct app *app, int step)
{
    int panes = app->columns >= LAYOUT_WIDE_COLUMNS ? PANE_COUNT : PANE_HISTORY;
    app->state.pane =
        (enum pane)(((int)app->state.pane + step + panes) % panes);
    app->state.zoom = false;
}

void do_zoom(struct app *app, int unused)
{
    (void)unused;
    if (app->state.pane == PANE_TABLE)
        app->state.zoom = !app->state.zoom;
    else
        do_open_row(app, 0);
}

void do_search(struct app *app, int unused)
{
    (void)unused;
    app_prompt(app, PROMPT_SEARCH, "");
}

void do_filter(struct app *app, int unused)
{
    (void)unused;
    app_prompt(app, PROMPT_FILTER, app->state.filter);
}

void do_search_next(struct app *app, int step)
{
    struct state *state = &app->state;
    struct list *list = &state->lists[SCREEN_LAYERS];
    state->search_failed = false;
    for (int i = 1; i <= list->count; i++) {
        int at = ((list->cursor + i * step) % list->count + list->count) %
                 list->count;
        const char *name = app->view.layers[state->order[at]].name;
        if (strstr(name, state->search) == NULL &&
            fnmatch(state->search, name, 0) != 0)
            continue;
        list_move(list, at);
        return;
    }
    state->search_failed = true;
    app_say(app, ROLE_WARN, "no layer matches '%s'", state->search);
}

void do_sort(struct app *app, int step)
{
    struct state *state = &app->state;
    if (step == 0)
        state->descending = !state->descending;
    else
        state->sort =
            (enum sort)(((int)state->sort + step + SORT_COUNT) % SORT_COUNT);
    app_order(app);
}

void do_mark(struct app *app, int unused)
{
    (void)unused;
    int layer = app_layer(app);
    if (layer < 0)
        return;
    app->state.marked[layer] = !app->state.marked[layer];
    do_move(app, 1);
}

void do_mark_range(struct app *app, int unused)
{
    (void)unused;
    struct state *state = &app->state;
    if (state->range_from >= 0 || app_layer(app) < 0) {
        state->range_from = -1;
        return;
    }
    state->range_from = state->lists[SCREEN_LAYERS].cursor;
    state->marked[app_layer(app)] = true;
    app_say(app, ROLE_DIM, "marking as you move - v ends");
}

void do_mark_invert(struct app *app, int unused)
{
    (void)unused;
    struct state *state = &app->state;
    for (int i = 0; i < state->lists[SCREEN_LAYERS].count; i++)
        state->marked[state->order[i]] = !state->marked[state->order[i]];
}

void do_mark_clear(struct app *app, int unused)
{
    (void)unused;
    app->state.range_from = -1;
    memset(app->state.marked, 0,
           app->state.layer_count * sizeof *app->state.marked);
}

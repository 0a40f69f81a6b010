/* The table of actions. To add one: a row here, a handler in action_*.c. */
#include "action.h"

#include "key.h"

#include <stdio.h>
#include <string.h>

static const char *why_undo(const struct app *app)
{
    return app->view.can_undo ? NULL : "nothing to undo";
}

static const char *why_redo(const struct app *app)
{
    return app->view.can_redo ? NULL : "nothing to redo";
}

static const char *why_readonly(const struct app *app)
{
    return app->state.readonly ? "this session is read-only" : NULL;
}

static const char *why_layer(const struct app *app)
{
    if (app_layer(app) < 0)
        return "no layer is shown - Esc clears the filter";
    return why_readonly(app);
}

static const char *why_seen(const struct app *app)
{
    return app_layer(app) < 0 ? "no layer is shown - Esc clears the filter"
                              : NULL;
}

static const char *why_repeat(const struct app *app)
{
    return app->state.last_amount[0] ? why_layer(app) : "no edit to repeat";
}

static const char *why_compare(const struct app *app)
{
    return app->view.snapshot_a >= 0 || app->view.snapshot_b >= 0
               ? NULL
               : "no snapshot yet - A and B set them";
}

static const char *why_search(const struct app *app)
{
    return app->state.search[0] ? why_seen(app) : "nothing to find yet - /";
}

static const char *why_data(const struct app *app)
{
    return app->view.data[0] ? NULL : "needs a data set";
}

static const char *why_scan(const struct app *app)
{
    if (app->view.data[0] == '\0')
        return "there is no data to measure on";
    if (app->view.working && strcmp(app->view.work_name, "scan") != 0)
        return "other work is still being done";
    return NULL;
}

static const char *why_scan_row(const struct app *app)
{
    return why_seen(app) != NULL ? why_seen(app) : why_scan(app);
}

static const char *why_scan_set(const struct app *app)
{
    return app->view.scan.land == NULL ? "nothing was scanned yet"
                                       : why_layer(app);
}

static const char *why_scan_file(const struct app *app)
{
    return app->view.scan.table == NULL ? "nothing was scanned yet" : NULL;
}

static const char *why_scan_plan(const struct app *app)
{
    const char *why = why_scan_file(app);
    return why != NULL         ? why
           : app->view.working ? "other work is still being done"
                               : why_readonly(app);
}

static const char *why_point(const struct app *app)
{
    const struct list *list = &app->state.lists[app->state.screen];
    return list->cursor < list->count ? why_readonly(app) : "no variant here";
}

static const char *why_steer(const struct app *app)
{
    bool tunes = app->view.working && app->view.work_steerable;
    return tunes ? NULL : "nothing is being tuned";
}

static const char *why_go_on(const struct app *app)
{
    return app->view.interrupted != NULL ? why_readonly(app)
                                         : "no tune was interrupted";
}

static void do_load(struct app *app, int unused)
{
    (void)unused;
    char line[32];
    const struct state *state = &app->state;
    int at = state->lists[state->screen].cursor;
    int id = state->screen == SCREEN_HISTORY ? app->view.branches[at].id : at;
    snprintf(line, sizeof line, "goto %d", id);
    app_execute(app, line);
}

enum {
    LAYERS = CONTEXT_LAYERS,
    DETAIL = CONTEXT_DETAIL,
    EDIT = CONTEXT_EDIT,
    PLOT = CONTEXT_TRADEOFF,
    SENS = CONTEXT_SENSITIVITY,
    COMPARE = CONTEXT_COMPARE,
    TUNE = CONTEXT_TUNE,
    HISTORY = CONTEXT_HISTORY,
    FLIPS = CONTEXT_FLIPS,
    WORSE = CONTEXT_ROBUSTNESS,
    TABLES = CONTEXT_EDIT | CONTEXT_SENSITIVITY,
    LISTS = CONTEXT_EDIT | CONTEXT_HISTORY | CONTEXT_MESSAGES,
    ALL = CONTEXT_ALL,
    NO_PLOT = CONTEXT_ALL & ~CONTEXT_TRADEOFF,
};

/* name, keys, contexts, help, run, argument, why, bar */
const struct action actions[] = {
    /* edits */
    {"less", "h Left", EDIT, "sparsity -1 %", do_change, -1, why_layer, NULL},
    {"more", "l Right", EDIT, "sparsity +1 %", do_change, 1, why_layer, NULL},
    {"much-less", "H", EDIT, "sparsity -10 %", do_change, -10, why_layer, NULL},
    {"much-more", "L", EDIT, "sparsity +10 %", do_change, 10, why_layer, NULL},
    {"amount", "s", EDIT, "set an exact amount", do_amount, 0, why_layer, NULL},
    {"toggle", "x", EDIT, "pruning off and on again", do_toggle, 0, why_layer,
     NULL},
    {"reset-row", "r", EDIT, "make dense again", do_reset, 0, why_layer, NULL},
    {"repeat", ".", EDIT, "repeat the last amount", do_repeat, 0, why_repeat,
     NULL},
    {"balance", "b", EDIT, "one target over marked or all", do_global, 0,
     why_layer, NULL},
    {"next-criterion", "p", TABLES, "next pruning criterion", do_criterion, 0,
     why_readonly, NULL},
    {"next-structure", "S", TABLES, "next structure", do_structure, 0,
     why_readonly, NULL},
    {"mark", "Space", LAYERS, "mark, step down", do_mark, 0, why_seen, NULL},
    {"mark-range", "v", LAYERS, "mark while moving", do_mark_range, 0, why_seen,
     NULL},
    {"mark-invert", "*", LAYERS, "invert marks", do_mark_invert, 0, NULL, NULL},
    {"mark-clear", "U", LAYERS, "clear marks", do_mark_clear, 0, NULL, NULL},
    {"sort-previous", "<", LAYERS | SENS, "sort by column left", do_sort, -1,
     NULL, NULL},
    {"sort-next", ">", LAYERS | SENS, "sort by column right", do_sort, 1, NULL,
     NULL},
    {"sort-invert", "I", LAYERS | SENS, "invert the order", do_sort, 0, NULL,
     NULL},
    {"open", "Enter", LAYERS, "open the pane's screen", do_open_row, 0,
     why_seen, NULL},
    {"previous-layer", "[", DETAIL, "previous layer", do_other_layer, -1,
     why_seen, NULL},
    {"detail-pane", "Tab", DETAIL, "amounts or structures", do_detail_pane, 0,
     why_seen, NULL},
    {"next-layer", "]", DETAIL, "next layer", do_other_layer, 1, why_seen,
     NULL},

    /* two variants side by side */
    {"other-side", "d", COMPARE, "next: dense, A, B, parent", do_other_side, 0,
     NULL, NULL},

    {"criteria-here", "c", COMPARE, "try all criteria here", do_criteria, 0,
     why_scan, NULL},
    {"compare-pane", "Tab", COMPARE, "classes or criteria", do_compare_pane, 0,
     NULL, NULL},

    /* sensitivity */
    {"amount-left", "h Left", SENS, "smaller amount", do_scan_column, -1, NULL,
     NULL},
    {"amount-right", "l Right", SENS, "larger amount", do_scan_column, 1, NULL,
     NULL},
    {"scan-start", "s", SENS, "start or stop scanning", do_scan, 0, why_scan,
     NULL},
    {"scan-row", "r", SENS, "this layer, all samples", do_scan_again, 0,
     why_scan_row, NULL},
    {"sort-sensitivity", "o", SENS, "sort by rank or by index",
     do_sort_sensitivity, 0, NULL, NULL},
    {"scan-set", "Enter", SENS, "take this amount over", do_scan_set, 0,
     why_scan_set, NULL},
    {"scan-whole", "Tab", SENS, "curve of one layer or all", do_scan_whole, 0,
     NULL, NULL},
    {"cliff", "c", SENS, "what counts as a cliff", do_cliff, 0, NULL, NULL},
    {"scan-plan", "b", SENS, "plan a budget from this map", do_scan_plan, 0,
     why_scan_plan, NULL},
    {"scan-file", "E", SENS, "write the scan as CSV", do_scan_file, 0,
     why_scan_file, NULL},

    /* trade-off plot */
    {"point-left", "h Left", PLOT, "point to the left", do_point, -1, NULL,
     NULL},
    {"point-right", "l Right", PLOT, "point to the right", do_point, 1, NULL,
     NULL},
    {"point-up", "k Up", PLOT, "point above", do_point_y, -1, NULL, NULL},
    {"point-down", "j Down", PLOT, "point below", do_point_y, 1, NULL, NULL},
    {"front-next", "n", PLOT, "next on the front", do_front, 1, NULL, NULL},
    {"front-previous", "p", PLOT, "previous on the front", do_front, -1, NULL,
     NULL},
    {"axis", "x", PLOT, "next x axis", do_axis, 0, NULL, NULL},
    {"dominated", "i", PLOT, "show or hide dominated", do_dominated, 0, NULL,
     NULL},
    {"plot-in", "+", PLOT, "zoom in on the cursor", do_plot_zoom, 1, NULL,
     NULL},
    {"plot-out", "-", PLOT, "zoom out", do_plot_zoom, -1, NULL, NULL},
    {"plot-fit", "0", PLOT, "show all", do_plot_zoom, 0, NULL, NULL},
    {"load", "Enter", PLOT | HISTORY, "load this variant", do_load, 0,
     why_point, NULL},

    /* what flipped */
    {"flip-kind", "f", FLIPS, "all, lost, won, other", do_flip_choice, 0, NULL,
     NULL},

    /* robustness */
    {"milder", "h Left", WORSE, "milder severity", do_severity, -1, NULL, NULL},
    {"harsher", "l Right", WORSE, "harsher severity", do_severity, 1, NULL,
     NULL},
    {"corrupt", "Enter", WORSE, "measure this variant", do_robustness, 0,
     why_data, NULL},

    /* moving */
    {"down", "j Down", NO_PLOT, "down", do_move, 1, NULL, NULL},
    {"up", "k Up", NO_PLOT, "up", do_move, -1, NULL, NULL},
    {"first", "g Home", NO_PLOT, "first", do_edge, 0, NULL, NULL},
    {"last", "G End", NO_PLOT, "last", do_edge, 1, NULL, NULL},
    {"page-down", "PgDn", NO_PLOT, "page down", do_page, 2, NULL, NULL},
    {"page-up", "PgUp", NO_PLOT, "page up", do_page, -2, NULL, NULL},
    {"half-down", "^D", NO_PLOT, "half a page down", do_page, 1, NULL, NULL},
    {"half-up", "^U", NO_PLOT, "half a page up", do_page, -1, NULL, NULL},
    {"find", "/ F3", TABLES, "find a layer", do_search, 0, NULL, "Find"},
    {"find-next", "n", TABLES, "next match", do_search_next, 1, why_search,
     NULL},
    {"find-previous", "N", TABLES, "previous match", do_search_next, -1,
     why_search, NULL},
    {"filter", "f", LAYERS | SENS, "show only matching layers", do_filter, 0,
     NULL, NULL},
    {"next-pane", "Tab", LAYERS, "next pane", do_pane, 1, NULL, NULL},
    {"previous-pane", "S-Tab", LAYERS, "previous pane", do_pane, -1, NULL,
     NULL},
    {"zoom", "z", LAYERS, "zoom the pane", do_zoom, 0, NULL, NULL},
    {"keep-best", "Enter", TUNE, "end with the best epoch", do_steer,
     STEER_KEEP, why_steer, NULL},
    {"epoch-more", "+", TUNE, "one epoch more", do_steer, STEER_MORE, why_steer,
     NULL},
    {"discard", "Esc", TUNE, "discard the tune, or back", do_steer,
     STEER_DISCARD, NULL, NULL},
    {"go-on", "r", TUNE, "go on with an interrupted tune", do_go_on, 0,
     why_go_on, NULL},
    {"back", "Esc", ALL & ~CONTEXT_TUNE, "back one level", do_back, 0, NULL,
     NULL},

    /* everywhere */
    {"help", "F1 ?", ALL, "keys and actions", do_help, 0, NULL, "Help"},
    {"palette", ":", ALL, "command line", do_palette, 0, NULL, NULL},
    {"layers", "1", ALL, "layers", do_screen, SCREEN_LAYERS, NULL, NULL},
    {"detail", "2", ALL, "one layer in detail", do_screen, SCREEN_DETAIL,
     why_seen, NULL},
    {"tradeoff", "3 F5", ALL, "trade-off plot", do_screen, SCREEN_TRADEOFF,
     NULL, "Plot"},
    {"sensitivity", "4 F4", ALL, "cost of pruning each layer", do_screen,
     SCREEN_SENSITIVITY, NULL, "Sens"},
    {"curves", "5 F6", ALL, "curves of tuning", do_screen, SCREEN_TUNE, NULL,
     "Tune"},
    {"history", "6 T", ALL, "tree of variants", do_screen, SCREEN_HISTORY, NULL,
     NULL},
    {"flips", "8", ALL, "what flipped", do_screen, SCREEN_FLIPS, why_data,
     NULL},
    {"worse-data", "9", ALL, "robustness", do_screen, SCREEN_ROBUSTNESS,
     why_data, NULL},
    {"messages", "7", ALL, "what was said", do_screen, SCREEN_MESSAGES, NULL,
     NULL},
    {"undo-edit", "u F7", ALL, "undo", do_line, 0, why_undo, "Undo"},
    {"redo-edit", "^R", ALL, "redo", do_line, 1, why_redo, NULL},
    {"older", "g-", ALL, "older state", do_line, 2, why_readonly, NULL},
    {"newer", "g+", ALL, "newer state", do_line, 3, why_readonly, NULL},
    {"name", "a", ALL, "name this variant", do_snapshot, 0, why_readonly, NULL},
    {"set-a", "A", ALL, "snapshot as A", do_snapshot, 'A', why_readonly, NULL},
    {"set-b", "B", ALL, "snapshot as B", do_snapshot, 'B', why_readonly, NULL},
    {"a-b", "F8 ^B", ALL, "switch between A and B", do_compare, 0, why_compare,
     "A/B"},
    {"reference", "D", ALL, "differences: dense, A, B", do_reference, 0, NULL,
     NULL},
    {"compare", "d", ALL & ~COMPARE, "compare two variants", do_side_by_side, 0,
     NULL, NULL},
    {"evaluate", "e", ALL, "evaluate again", do_evaluate, 0, NULL, NULL},
    {"pause", "P", ALL, "pause the work", do_pause, 0, NULL, NULL},
    {"cancel", "^C", ALL, "stop the work", do_cancel, 0, NULL, NULL},
    {"export-dialog", "w F9", ALL, "export the model", do_export, 0,
     why_readonly, "Export"},
    {"ascii", "~", ALL, "ASCII or Unicode", do_ascii, 0, NULL, NULL},
    {"mouse", "M", ALL, "mouse on or off", do_mouse, 0, NULL, NULL},
    {"redraw", "^L", ALL, "redraw", do_redraw, 0, NULL, NULL},
    {"suspend", "^Z", ALL, "suspend", do_suspend, 0, NULL, NULL},
    {"quit", "q F10", ALL, "quit", do_quit, 0, NULL, "Quit"},
    {"quit!", "", ALL, "quit without asking", do_quit, 1, NULL, NULL},
    {NULL, NULL, 0, NULL, NULL, 0, NULL, NULL},
};

const struct action *action_of_key(enum screen_id screen, int key)
{
    for (const struct action *a = actions; a->name != NULL; a++) {
        if (!(a->contexts & 1u << screen))
            continue;
        const char *keys = a->keys;
        for (int k = key_read(&keys); k != KEY_NONE; k = key_read(&keys))
            if (k == key)
                return a;
    }
    return NULL;
}

const struct action *action_of_name(const char *name)
{
    for (const struct action *a = actions; a->name != NULL; a++)
        if (strcmp(a->name, name) == 0)
            return a;
    return NULL;
}

const char *action_why(const struct action *action, const struct app *app)
{
    return action->why != NULL ? action->why(app) : NULL;
}

void action_run(const struct action *action, struct app *app)
{
    const char *why = action_why(action, app);
    if (why != NULL)
        app_say(app, ROLE_WARN, "%s: %s", action->help, why);
    else
        action->run(app, action->argument);
}

const char *action_first_key(const struct action *action, char *text,
                             size_t room)
{
    size_t length = strcspn(action->keys, " ");
    snprintf(text, room, "%.*s", (int)length, action->keys);
    return text;
}

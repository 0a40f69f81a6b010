/* The screen of sensitivity: moving over amounts, scanning, taking over what
 * was found. */
#include "action.h"

#include "base/array.h"
#include "prune/landscape.h"

#include <stdio.h>
#include <string.h>

void do_scan_column(struct app *app, int step)
{
    struct state *state = &app->state;
    int count = app->view.scan.land != NULL
                    ? (int)app->view.scan.land->amount_count
                    : 0;
    state->scan_amount += step;
    if (state->scan_amount >= count)
        state->scan_amount = count - 1;
    if (state->scan_amount < 0)
        state->scan_amount = 0;
}

void do_scan_whole(struct app *app, int unused)
{
    (void)unused;
    app->state.scan_whole = !app->state.scan_whole;
}

/* A line of the command language for the session's method. */
static void scan(struct app *app, const char *layers, const char *behind)
{
    char line[160];
    snprintf(line, sizeof line, "scan%s %s %s%s", layers, app->view.structure,
             app->view.criterion, behind);
    if (app_execute(app, line))
        app_say(app, ROLE_TEXT, "scanning - edits go first, s stops");
}

void do_scan(struct app *app, int unused)
{
    (void)unused;
    if (!app->view.working)
        scan(app, "", "");
    else if (app->backend->stop_work != NULL)
        app->backend->stop_work(app);
}

void do_scan_again(struct app *app, int unused)
{
    (void)unused;
    char row[16];
    snprintf(row, sizeof row, " @%d", app_layer(app) + 1);
    if (app->view.working)
        app_say(app, ROLE_WARN, "it is still scanning - s stops it");
    else
        scan(app, row, " again");
}

/* To and fro between the map's order of execution and its ranks. */
void do_sort_sensitivity(struct app *app, int unused)
{
    (void)unused;
    struct state *state = &app->state;
    bool ranked = state->sort == SORT_SENSITIVITY;
    state->sort = ranked ? SORT_INDEX : SORT_SENSITIVITY;
    state->descending = !ranked;
    app_order(app);
}

void do_scan_set(struct app *app, int unused)
{
    (void)unused;
    char line[160], layer[24];
    const struct landscape *land = app->view.scan.land;
    const struct view_layer *here = &app->view.layers[app_layer(app)];
    if (land == NULL) {
        app_say(app, ROLE_WARN, "nothing was scanned yet - s begins");
        return;
    }
    do_scan_column(app, 0);
    if (!app->state.scan_whole && !here->prunable) {
        app_say(app, ROLE_WARN, "'%s' cannot be pruned: %s", here->name,
                here->reason);
        return;
    }
    snprintf(layer, sizeof layer, "set @%d", app_layer(app) + 1);
    snprintf(line, sizeof line, "%s %.6g%% %s %s",
             app->state.scan_whole ? "global" : layer,
             100 * land->amounts[app->state.scan_amount], land->structure,
             land->criterion);
    app_execute(app, line);
}

void do_scan_file(struct app *app, int unused)
{
    (void)unused;
    char path[256];
    const char *model = app->view.model;
    const char *end = strrchr(model, '.');
    int length = end != NULL ? (int)(end - model) : (int)strlen(model);
    snprintf(path, sizeof path, "%.*s-scan.csv", length < 200 ? length : 200,
             model);
    app_prompt(app, PROMPT_SCAN_FILE, path);
}

void scan_accept_file(struct app *app, const char *path)
{
    struct error err = {0};
    if (app->backend->file_exists != NULL &&
        app->backend->file_exists(app, path))
        app_say(app, ROLE_WARN, "%s exists: E takes another name", path);
    else if (app->backend->write_scan == NULL ||
             app->backend->write_scan(app, path, &err) != 0)
        app_say(app, ROLE_ERROR, "%s", err.message);
    else
        app_say(app, ROLE_GOOD, "wrote %zu points to %s",
                app->view.scan.table->count, path);
}

void do_scan_plan(struct app *app, int unused)
{
    (void)unused;
    app_prompt(app, PROMPT_PLAN, "drop 1.0 by sensitivity");
}

/* What the map lacks is measured first. */
void scan_accept_plan(struct app *app, const char *text)
{
    char line[160];
    snprintf(line, sizeof line, "budget %.140s", text);
    if (app_execute(app, line))
        app_say(app, ROLE_TEXT, "planning - edits go first, ^C stops");
}

/* The rules of prune/cliff.h and prune/crossing.h, to be read in full. */
void do_cliff(struct app *app, int unused)
{
    static const char *const rules[] = {
        "The cliff of a curve is where accuracy leaves its plateau: the change",
        "point of a plateau and a rising line, fitted to log(1 + drop / half a",
        "point) up to the first drop of five points. A curve that never drops",
        "by 1.5 points has none. Its interval (95 %) stands beside it.",
        "A warning is given at the key press that takes a layer (with `global`",
        "the model) above its cliff, as scanned. Where nothing was scanned, "
        "once",
        "both variants are measured: 1.5 points lost, clearly more than half a",
        "point, each per cent added costing three times those before it.",
        "Nobody is warned twice of one crossing.",
    };
    (void)unused;
    for (size_t i = 0; i < ARRAY_LENGTH(rules); i++)
        app_say(app, ROLE_TEXT, "%s", rules[i]);
    app->state.message_fresh = false;
    app_open(app, SCREEN_MESSAGES);
}

/* Edits: every one is a line of the command language, so that journal and
 * undo see exactly what the user did. */
#include "action.h"

#include "base/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The layers that an edit is about: marked ones, else the cursor's. */
static bool chosen(const struct app *app, size_t layer)
{
    bool any = false;
    for (size_t i = 0; i < app->state.layer_count; i++)
        any = any || app->state.marked[i];
    return any ? app->state.marked[layer] : (int)layer == app_layer(app);
}

/* Writes `before`, "@row", `after` for each chosen layer that can be pruned;
 * `between` separates them. Returns how many there are. */
static int each_row(const struct app *app, struct strbuf *out,
                    const char *between, const char *before, const char *after)
{
    int count = 0;
    for (size_t i = 0; i < app->state.layer_count; i++)
        if (chosen(app, i) && app->view.layers[i].prunable)
            strbuf_addf(out, "%s%s@%zu%s", count++ > 0 ? between : "", before,
                        i + 1, after);
    return count;
}

static void run(struct app *app, struct strbuf *line)
{
    if (line->failed)
        app_say(app, ROLE_ERROR, "out of memory");
    else
        app_execute(app, strbuf_text(line));
    strbuf_release(line);
}

static void say_why_not(struct app *app)
{
    int layer = app_layer(app);
    if (layer < 0)
        app_say(app, ROLE_WARN, "no layer is shown - Esc clears the filter");
    else
        app_say(app, ROLE_WARN, "'%s' cannot be pruned: %s",
                app->view.layers[layer].name, app->view.layers[layer].reason);
}

int edit_line(const struct app *app, struct strbuf *line, const char *amount)
{
    char after[APP_WORD_BYTES];
    snprintf(after, sizeof after, " %s", amount);
    return each_row(app, line, "; ", "set ", after);
}

void edit_amount(struct app *app, const char *amount)
{
    struct strbuf line = {0};
    if (edit_line(app, &line, amount) == 0) {
        say_why_not(app);
        return;
    }
    snprintf(app->state.last_amount, sizeof app->state.last_amount, "%s",
             amount);
    run(app, &line);
}

void edit_global(struct app *app, const char *amount)
{
    struct strbuf line = {0};
    strbuf_addf(&line, "global %s", amount);
    bool marked = false;
    for (size_t i = 0; i < app->state.layer_count; i++)
        marked = marked || app->state.marked[i];
    if (marked)
        each_row(app, &line, "", " ", "");
    run(app, &line);
}

void do_criterion(struct app *app, int unused)
{
    (void)unused;
    struct strbuf line = {0};
    size_t next = 0;
    for (size_t i = 0; criteria[i] != NULL; i++)
        if (app->view.criterion != NULL &&
            strcmp(criteria[i]->name, app->view.criterion) == 0)
            next = criteria[i + 1] != NULL ? i + 1 : 0;
    strbuf_addf(&line, "criterion %s", criteria[next]->name);
    run(app, &line);
}

/* Of a family (2:4, block:4x1) the member that stands for it. */
void do_structure(struct app *app, int unused)
{
    (void)unused;
    struct strbuf line = {0};
    size_t next = 0;
    for (size_t i = 0; structures[i] != NULL; i++)
        if (app->view.structure != NULL &&
            strcmp(structures[i]->name, app->view.structure) == 0)
            next = structures[i + 1] != NULL ? i + 1 : 0;
    strbuf_addf(&line, "structure %s", structures[next]->name);
    run(app, &line);
}

void do_change(struct app *app, int percent)
{
    char amount[16];
    snprintf(amount, sizeof amount, "%+d%%", percent);
    edit_amount(app, amount);
}

void do_amount(struct app *app, int unused)
{
    (void)unused;
    app_prompt(app, PROMPT_AMOUNT, "");
}

void do_global(struct app *app, int unused)
{
    (void)unused;
    app_prompt(app, PROMPT_GLOBAL, "");
}

void do_reset(struct app *app, int unused)
{
    (void)unused;
    edit_amount(app, "0%");
}

void do_repeat(struct app *app, int unused)
{
    (void)unused;
    char amount[sizeof app->state.last_amount];
    memcpy(amount, app->state.last_amount, sizeof amount);
    edit_amount(app, amount);
}

/* Switches pruning of each chosen layer off, or back on with its amount. */
void do_toggle(struct app *app, int unused)
{
    (void)unused;
    struct strbuf line = {0};
    for (size_t i = 0; i < app->state.layer_count; i++) {
        const struct view_layer *layer = &app->view.layers[i];
        int64_t *kept = &app->state.remembered[i];
        if (!chosen(app, i) || (layer->removed == 0 && *kept == 0))
            continue;
        strbuf_addf(&line, "%sset @%zu %lld", line.length > 0 ? "; " : "",
                    i + 1, layer->removed > 0 ? 0LL : (long long)*kept);
        if (layer->removed > 0)
            *kept = layer->removed;
    }
    if (line.length > 0)
        run(app, &line);
    else
        app_say(app, ROLE_WARN, "nothing to switch: this layer is not pruned");
    strbuf_release(&line);
}

void do_line(struct app *app, int line)
{
    static const char *const lines[] = {"undo", "redo", "older", "newer"};
    app_execute(app, lines[line]);
}

static void go_to(struct app *app, int id)
{
    char line[32];
    snprintf(line, sizeof line, "goto %d", id);
    app_execute(app, line);
}

void do_snapshot(struct app *app, int letter)
{
    char line[32];
    if (letter == 0) {
        app_prompt(app, PROMPT_SNAPSHOT, "");
        return;
    }
    snprintf(line, sizeof line, "snapshot %c", letter);
    app_execute(app, line);
}

void do_compare(struct app *app, int unused)
{
    (void)unused;
    const struct view *view = &app->view;
    int to =
        view->current == view->snapshot_a ? view->snapshot_b : view->snapshot_a;
    go_to(app, to >= 0 ? to : view->snapshot_b);
}

void do_reference(struct app *app, int unused)
{
    (void)unused;
    static const char *const names[] = {"the dense model", "snapshot A",
                                        "snapshot B"};
    const struct view *view = &app->view;
    enum view_reference next = app->state.reference;
    do {
        next = (enum view_reference)((next + 1) % 3);
    } while ((next == REFERENCE_A && view->snapshot_a < 0) ||
             (next == REFERENCE_B && view->snapshot_b < 0));
    app->state.reference = next;
    if (app->backend->refresh != NULL)
        app->backend->refresh(app);
    app_say(app, ROLE_TEXT, "differences are against %s%s", names[next],
            next == REFERENCE_BASE && view->snapshot_a < 0 &&
                    view->snapshot_b < 0
                ? " (A and B set snapshots)"
                : "");
}

/* The screen of tuning: what running work can be told. */
#include "action.h"
#include "key.h"
#include "screen.h"

#include <stdio.h>
#include <string.h>

static bool tunes(const struct app *app)
{
    return app->view.working && app->view.work_steerable;
}

static void steer(struct app *app, enum steering what, const char *said)
{
    struct error err = {0};
    if (app->backend->steer == NULL)
        return;
    if (app->backend->steer(app, what, &err) != 0)
        app_say(app, ROLE_ERROR, "%s", err.message);
    else
        app_say(app, ROLE_TEXT, "%s", said);
}

void do_steer(struct app *app, int what)
{
    if (what == STEER_KEEP)
        steer(app, what, "ending with the best epoch");
    else if (what == STEER_MORE)
        steer(app, what, "one epoch more, from a tenth of the highest rate");
    else if (tunes(app))
        app->state.overlay = OVERLAY_DISCARD;
    else
        do_back(app, 0);
}

/* On the variant that it was interrupted on, wherever the user is now. */
void do_go_on(struct app *app, int unused)
{
    char line[APP_LINE_BYTES];
    int variant = -1;
    (void)unused;
    if (app->backend->kept != NULL)
        variant = app->backend->kept(app, line, sizeof line);
    if (variant < 0 || variant == app->view.current ||
        variant >= (int)app->view.point_count)
        snprintf(line, sizeof line, "%s", app->view.interrupted);
    else
        snprintf(line, sizeof line, "goto %d; %s", variant,
                 app->view.interrupted);
    app_execute(app, line);
}

void discard_draw(struct app *app, struct surface *surface)
{
    struct rect box = layout_dialog(surface->rows, surface->columns, 8, 62);
    int column = box.column + 3, width = box.columns - 6;
    widget_box(surface, box, "Discard");
    surface_text(surface, box.row + 2, column, width, ROLE_TEXT,
                 "Stop, and drop what was trained so far?");
    widget_clip(surface, box.row + 3, column, width, ROLE_DIM,
                app->view.work_line);
    surface_text(surface, box.row + 5, column, width, ROLE_KEY,
                 "y discard    n go on    k keep the best epoch");
}

void discard_key(struct app *app, int key)
{
    if (key == 'y')
        steer(app, STEER_DISCARD, "discarded");
    if (key == 'k')
        steer(app, STEER_KEEP, "ending with the best epoch");
    if (key == 'y' || key == 'k' || key == 'n' || key == KEY_CODE_ESCAPE ||
        key == KEY_CONTROL('C') || !tunes(app))
        app->state.overlay = OVERLAY_NONE;
}

/* --- a new tune where one was interrupted --- */

int replace_asks(struct app *app, const char *line, struct error *err)
{
    struct state *state = &app->state;
    const char *resume = app->view.interrupted;
    char text[sizeof state->kept] = "";
    size_t name = strcspn(line, " ");
    if (resume == NULL || strcmp(line, resume) == 0 ||
        name != strcspn(resume, " ") || strncmp(line, resume, name) != 0)
        return 0;
    int variant = app->backend->kept != NULL
                      ? app->backend->kept(app, text, sizeof text)
                      : -1;
    if (variant < 0)
        snprintf(state->kept, sizeof state->kept, "%s", text);
    else
        snprintf(state->kept, sizeof state->kept, "#%d  %.140s", variant, text);
    state->overlay = OVERLAY_REPLACE;
    return error_set(err, ERROR_CANCELLED, "an interrupted tune is kept");
}

void replace_draw(struct app *app, struct surface *surface)
{
    struct rect box = layout_dialog(surface->rows, surface->columns, 10, 66);
    int column = box.column + 3, width = box.columns - 6;
    widget_box(surface, box, "Another tune");
    surface_text(surface, box.row + 2, column, width, ROLE_TEXT,
                 "A tune was interrupted and can still go on:");
    widget_clip(surface, box.row + 3, column + 2, width - 2, ROLE_WARN,
                app->state.kept);
    surface_text(surface, box.row + 4, column, width, ROLE_TEXT,
                 "Only one is kept, and the new one would drop it:");
    widget_clip(surface, box.row + 5, column + 2, width - 2, ROLE_DIM,
                app->state.ordered);
    surface_text(surface, box.row + 7, column, width, ROLE_KEY,
                 "r go on with it    y drop it, begin anew    n neither");
}

void replace_key(struct app *app, int key)
{
    bool leaves =
        key == 'n' || key == KEY_CODE_ESCAPE || key == KEY_CONTROL('C');
    if (key != 'r' && key != 'y' && !leaves)
        return;
    app->state.overlay = OVERLAY_NONE;
    if (leaves)
        app_say(app, ROLE_TEXT, "not begun - the interrupted tune is kept");
    if (key == 'r')
        do_go_on(app, 0);
    if (key == 'y') {
        char line[sizeof app->state.ordered];
        memcpy(line, app->state.ordered, sizeof line);
        steer(app, STEER_DISCARD, "the interrupted tune was dropped");
        app->view.interrupted = NULL; /* nothing is asked again */
        app_execute(app, line);
    }
}

/* The screen of tuning: what running work can be told. */
#include "action.h"
#include "key.h"
#include "screen.h"

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

void do_go_on(struct app *app, int unused)
{
    (void)unused;
    app_command(app, app->view.interrupted);
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

/* The two questions: leave with decisions not exported? resume the last
 * session? Neither is answered by Enter or by the key that asked. */
#include "key.h"
#include "screen.h"

#include <stdio.h>

/* What becomes of work under way: `rest` says how much of it is kept. */
static const char *const futures[] = {
    [WORK_REST_ORDER] = "It stays in the journal, and begins again when told.",
    [WORK_REST_NONE] = "It measures only, and begins again when told.",
    [WORK_REST_POINTS] = "What it found is kept; it goes on when told.",
    [WORK_REST_WHOLE] = "It is kept as it is; ':tune resume' goes on with it.",
};

void quit_draw(struct app *app, struct surface *surface)
{
    const struct view *view = &app->view;
    bool writing = app->state.form.running;
    int rows = 6 + 2 * view->unsaved + 2 * view->working + writing +
               (view->unsaved && view->working);
    struct rect box = layout_dialog(surface->rows, surface->columns, rows, 62);
    int row = box.row + 2, column = box.column + 3, width = box.columns - 6;
    widget_box(surface, box, "Quit");
    if (view->unsaved) {
        surface_printf(surface, row++, column, width, ROLE_TEXT,
                       "Variant #%d was not exported.", view_now(view)->id);
        surface_text(surface, row++, column, width, ROLE_DIM,
                     "Its decisions stay in the journal of this session.");
        row += view->working;
    }
    if (view->working) {
        char text[128];
        snprintf(text, sizeof text, "Under way: %s", view->work_line);
        widget_clip(surface, row++, column, width, ROLE_WARN, text);
        surface_text(surface, row++, column, width, ROLE_DIM,
                     futures[view->work_rest]);
    }
    if (writing)
        surface_text(surface, row++, column, width, ROLE_WARN,
                     "An export is being written: leaving breaks it off.");
    surface_text(surface, row + 1, column, width, ROLE_KEY,
                 view->unsaved && !writing
                     ? "y leave    n stay    w export first"
                     : "y leave    n stay");
}

void quit_key(struct app *app, int key)
{
    if (key == 'y' || key == 'Y')
        app->quit = true;
    if (key == 'y' || key == 'n' || key == 'Y' || key == 'N' ||
        key == KEY_CODE_ESCAPE || key == KEY_CONTROL('C'))
        app->state.overlay = OVERLAY_NONE;
    if (key == 'w')
        export_open(app, NULL);
}

void resume_draw(struct app *app, struct surface *surface)
{
    struct rect box = layout_dialog(surface->rows, surface->columns, 8, 66);
    int column = box.column + 3, width = box.columns - 6;
    widget_box(surface, box, "Resume");
    surface_text(surface, box.row + 2, column, width, ROLE_TEXT,
                 "The last session did not end:");
    widget_clip(surface, box.row + 3, column, width, ROLE_TEXT,
                app->state.resume);
    surface_text(surface, box.row + 5, column, width, ROLE_KEY,
                 "y resume it    n begin a new one (its journal is kept)");
}

void resume_key(struct app *app, int key)
{
    if (key == 'y' || key == 'n') {
        app->answer = key;
        app->state.overlay = OVERLAY_NONE;
    } else if (key == 'q' || key == KEY_CONTROL('C')) {
        app->quit = true;
    }
}

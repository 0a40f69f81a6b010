/* The two questions: leave with decisions not exported? resume the last
 * session? Neither is answered by Enter or by the key that asked. */
#include "key.h"
#include "screen.h"

void quit_draw(struct app *app, struct surface *surface)
{
    struct rect box = layout_dialog(surface->rows, surface->columns, 8, 62);
    const struct view_point *now = view_now(&app->view);
    int column = box.column + 3, width = box.columns - 6;
    widget_box(surface, box, "Quit");
    surface_printf(surface, box.row + 2, column, width, ROLE_TEXT,
                   "Variant #%d was not exported.", now->id);
    if (app->view.working && app->view.work_steerable)
        surface_text(surface, box.row + 4, column, width, ROLE_WARN,
                     "A tune is running: what it trained would be lost.");
    surface_text(surface, box.row + 3, column, width, ROLE_DIM,
                 "Its decisions stay in the journal of this session.");
    surface_text(surface, box.row + 5, column, width, ROLE_KEY,
                 "y leave    n stay    w export first");
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

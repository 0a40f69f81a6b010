/* Help, export, quit, and what concerns the program as a whole. */
#include "action.h"

#include "screen.h"

void do_help(struct app *app, int unused)
{
    (void)unused;
    app->state.overlay = OVERLAY_HELP;
    editor_set(&app->state.help_filter, "");
    app->state.help = (struct list){0};
}

void do_palette(struct app *app, int unused)
{
    (void)unused;
    app_prompt(app, PROMPT_COMMAND, "");
}

void do_export(struct app *app, int unused)
{
    (void)unused;
    export_open(app, NULL);
}

void do_quit(struct app *app, int sure)
{
    bool busy = app->view.working || app->state.form.running;
    if (sure || (!app->view.unsaved && !busy))
        app->quit = true;
    else
        app->state.overlay = OVERLAY_QUIT;
}

void do_pause(struct app *app, int unused)
{
    (void)unused;
    app->state.paused = !app->state.paused;
    if (app->backend->pause != NULL)
        app->backend->pause(app, app->state.paused);
    app_say(app, ROLE_TEXT, app->state.paused ? "P goes on" : "going on");
}

void do_cancel(struct app *app, int unused)
{
    (void)unused;
    app->state.waiting[0] = '\0';
    if (app->backend->cancel != NULL)
        app->backend->cancel(app);
    app_say(app, ROLE_TEXT, "stopped - e evaluates again, q quits");
}

void do_evaluate(struct app *app, int unused)
{
    (void)unused;
    if (app->backend->show != NULL)
        app->backend->show(app, app_layer(app));
    app_say(app, ROLE_TEXT, "evaluating");
}

void do_redraw(struct app *app, int unused)
{
    (void)unused;
    app->redraw = true;
}

void do_suspend(struct app *app, int unused)
{
    (void)unused;
    app->suspend = true;
}

void do_ascii(struct app *app, int unused)
{
    (void)unused;
    app->state.ascii = !app->state.ascii;
}

void do_mouse(struct app *app, int unused)
{
    (void)unused;
    app->state.mouse = !app->state.mouse;
    app_say(app, ROLE_TEXT,
            app->state.mouse ? "mouse on - Shift-drag selects text"
                             : "mouse off - the terminal selects text");
}

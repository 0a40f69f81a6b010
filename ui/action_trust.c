/* What the screens about trust can do. */
#include "action.h"

void do_flip_choice(struct app *app, int unused)
{
    (void)unused;
    static const char *const names[FLIP_CHOICES] = {
        "every answer that changed", "right answers lost", "right answers won",
        "wrong answers that changed"};
    struct state *state = &app->state;
    state->flip_choice =
        (enum flip_choice)((state->flip_choice + 1) % FLIP_CHOICES);
    size_t count;
    view_flips_chosen(&app->view.flips, state->flip_choice, &count);
    state->lists[SCREEN_FLIPS] = (struct list){.count = (int)count};
    if (app->backend->refresh != NULL)
        app->backend->refresh(app);
    app_say(app, ROLE_TEXT, "listed: %s", names[state->flip_choice]);
}

void do_severity(struct app *app, int step)
{
    int severity = app->state.severity + step;
    if (severity >= 1 && severity <= CORRUPTION_SEVERITIES)
        app->state.severity = severity;
}

void do_robustness(struct app *app, int unused)
{
    (void)unused;
    app_execute(app, "robustness");
}

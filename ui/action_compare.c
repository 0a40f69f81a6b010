/* Two variants side by side: which. */
#include "action.h"

#include <stdio.h>

static void look(struct app *app, int with)
{
    app->state.compare_with = with;
    if (app->backend->refresh != NULL)
        app->backend->refresh(app);
}

/* From history and plot: with the variant under the cursor. */
void do_side_by_side(struct app *app, int unused)
{
    (void)unused;
    struct state *state = &app->state;
    int at = state->lists[state->screen].cursor;
    if (state->screen == SCREEN_HISTORY)
        state->compare_with = app->view.branches[at].id;
    else if (state->screen == SCREEN_TRADEOFF)
        state->compare_with = at;
    app_open(app, SCREEN_COMPARE);
}

/* Dense, A, B, what the current one was made from: each once, and not the
 * current one itself. Returns how many. */
static int find_sides(const struct view *view, int sides[4])
{
    const int all[] = {0, view->snapshot_a, view->snapshot_b,
                       view_now(view)->parent};
    int count = 0;
    for (int i = 0; i < 4; i++) {
        bool known = all[i] < 0 || all[i] == view->current;
        for (int j = 0; j < count; j++)
            known = known || sides[j] == all[i];
        if (!known)
            sides[count++] = all[i];
    }
    return count;
}

void do_other_side(struct app *app, int unused)
{
    (void)unused;
    int sides[4], next = 0;
    int count = find_sides(&app->view, sides);
    for (int i = 0; i < count; i++)
        if (sides[i] == app->state.compare_with)
            next = (i + 1) % count;
    if (count == 0 || sides[next] == app->state.compare_with)
        app_say(app, ROLE_TEXT,
                "nothing else yet: A and B set snapshots, d in the history "
                "takes any");
    else
        look(app, sides[next]);
}

/* Criteria on the layer under the cursor. */
void do_criteria(struct app *app, int unused)
{
    (void)unused;
    char line[32];
    const struct list *list = &app->state.lists[SCREEN_COMPARE];
    const struct view_compare *compare = &app->view.compare;
    if (list->cursor >= (int)compare->layer_count)
        return;
    snprintf(line, sizeof line, "criteria @%d",
             compare->order[list->cursor] + 1);
    app->state.compare_criteria = true;
    app_execute(app, line);
}

void do_compare_pane(struct app *app, int unused)
{
    (void)unused;
    app->state.compare_criteria = !app->state.compare_criteria;
}

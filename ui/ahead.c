#include "ahead.h"

#include "action.h"

#include "base/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ranking the weights of larger layers takes longer than a key may. */
enum { MOST_WEIGHTS = 1 << 22 };

/* The last step ("+10%") or one percent, and its opposite. */
static void steps_of(const struct app *app, char steps[2][32])
{
    const char *last = app->state.last_amount;
    size_t length = strlen(last);
    bool relative = (last[0] == '+' || last[0] == '-') && length > 2 &&
                    last[length - 1] == '%';
    snprintf(steps[0], sizeof steps[0], "%s", relative ? last : "+1%");
    snprintf(steps[1], sizeof steps[1], "%c%s", steps[0][0] == '+' ? '-' : '+',
             steps[0] + 1);
}

/* Criteria that look at samples would collect them first. */
static bool is_worth_it(const struct app *app, const struct session *session)
{
    const struct view *view = &app->view;
    int layer = app_layer(app);
    bool here = app->state.screen == SCREEN_LAYERS ||
                app->state.screen == SCREEN_DETAIL;
    return here && layer >= 0 && view->data[0] != '\0' &&
           !app->state.readonly && !app->state.paused &&
           view->layers[layer].prunable &&
           view->layers[layer].weights <= MOST_WEIGHTS &&
           !session_criterion(session)->part;
}

void ahead_look(struct ahead *ahead, const struct app *app,
                struct session *session, struct engine *engine)
{
    char steps[2][32];
    struct strbuf lines[2] = {{0}, {0}};
    struct variant *variants[2];
    size_t count = 0;
    uint64_t hash = session_current(session)->hash;
    if (!is_worth_it(app, session))
        return;
    steps_of(app, steps);
    for (int i = 0; i < 2; i++)
        edit_line(app, &lines[i], steps[i]);
    bool same = ahead->line != NULL && ahead->hash == hash &&
                strcmp(ahead->line, strbuf_text(&lines[0])) == 0;
    for (int i = 0; i < 2 && !same; i++) {
        variants[count] = session_preview(session, strbuf_text(&lines[i]));
        count += variants[count] != NULL;
    }
    if (!same) {
        engine_look_ahead(engine, (const struct variant *const *)variants,
                          count, app_layer(app));
        free(ahead->line);
        ahead->line = strbuf_take(&lines[0]);
        ahead->hash = hash;
    }
    while (count > 0)
        variant_drop(variants[--count]);
    strbuf_release(&lines[0]);
    strbuf_release(&lines[1]);
}

void ahead_release(struct ahead *ahead)
{
    free(ahead->line);
    *ahead = (struct ahead){0};
}

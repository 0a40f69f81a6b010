/* What the user may do next: one step up or down on the selected layers. */
#ifndef UI_AHEAD_H
#define UI_AHEAD_H

#include "app.h"

struct ahead {
    char *line;    /* owned: what was looked at last */
    uint64_t hash; /* on which variant */
};

/*
 * Has the neighbours of the current variant evaluated while the engine has
 * nothing else to do: those that the last step, or one percent, leads to. Cheap
 * when nothing changed since.
 */
void ahead_look(struct ahead *ahead, const struct app *app,
                struct session *session, struct engine *engine);
void ahead_release(struct ahead *ahead);

#endif

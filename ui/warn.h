/*
 * Warnings of a cliff, at the key press by a scan, else as soon as both
 * variants are measured (prune/crossing.h says by which rules). Nobody is told
 * twice of one crossing: not again for a layer that stays at its cliff or
 * above, not again for the same decisions, not again for what is made from a
 * variant that was warned of until its loss is won back.
 */
#ifndef UI_WARN_H
#define UI_WARN_H

#include "app.h"

/* Before a line is executed: what the layers' amounts are. */
void warn_begin(struct app *app);
/* After it, once the view is up to date; edits make a new variant. */
void warn_edit(struct app *app, const char *line);
/* Whenever figures may have come. */
void warn_measured(struct app *app);

#endif

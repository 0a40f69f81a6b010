/* A view with fixed figures, for goldens of every screen. */
#ifndef SCREENS_SAMPLE_H
#define SCREENS_SAMPLE_H

#include "app.h"

/* Twelve layers of a small residual network, seven variants with a branch,
 * two snapshots, an evaluation under way. Never fails but by the test. */
/* A scan in which some points are still to come; to be released after the
 * app. */
void sample_scan(struct app *app);
void sample_scan_release(void);

/* The current variant beside `from`, with the answers of both. */
void sample_compare(struct app *app, int from);

void sample_init(struct app *app);

#endif

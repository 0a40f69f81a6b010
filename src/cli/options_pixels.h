/* The options that say how the model wants its pixels. */
#ifndef CLI_OPTIONS_PIXELS_H
#define CLI_OPTIONS_PIXELS_H

#include "cli/options.h"

int options_take_mean(struct cli_options *o, const char *t, struct error *e);
int options_take_std(struct cli_options *o, const char *t, struct error *e);
int options_take_scale(struct cli_options *o, const char *t, struct error *e);

#endif

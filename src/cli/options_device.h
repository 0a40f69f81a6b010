/* Values of the options about devices; options.c has the table. */
#ifndef CLI_OPTIONS_DEVICE_H
#define CLI_OPTIONS_DEVICE_H

#include "cli/options.h"

int options_take_device(struct cli_options *o, const char *t, struct error *e);
int options_take_name(struct cli_options *o, const char *t, struct error *e);
int options_take_brief(struct cli_options *o, const char *t, struct error *e);

#endif

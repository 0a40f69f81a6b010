/* Values of the options about worse data, flips and the exam; options.c has the
 * table. */
#ifndef CLI_OPTIONS_TRUST_H
#define CLI_OPTIONS_TRUST_H

#include "cli/options.h"

int options_take_dense(struct cli_options *o, const char *t, struct error *e);
int options_take_holdout(struct cli_options *o, const char *t, struct error *e);
int options_take_corruptions(struct cli_options *o, const char *t,
                             struct error *e);
int options_take_severity(struct cli_options *o, const char *t,
                          struct error *e);
int options_take_also(struct cli_options *o, const char *t, struct error *e);
int options_take_flips(struct cli_options *o, const char *t, struct error *e);

#endif

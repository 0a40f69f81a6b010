/* How options of scan and plan are taken; rows of options.c. */
#ifndef CLI_OPTIONS_SEARCH_H
#define CLI_OPTIONS_SEARCH_H

#include "cli/options.h"

int take_amounts(struct cli_options *options, const char *text,
                 struct error *err);
int take_layers(struct cli_options *options, const char *text,
                struct error *err);
int take_structure(struct cli_options *options, const char *text,
                   struct error *err);
int take_criterion(struct cli_options *options, const char *text,
                   struct error *err);
int take_tolerance(struct cli_options *options, const char *text,
                   struct error *err);
int take_floor(struct cli_options *options, const char *text,
               struct error *err);
int take_shard(struct cli_options *options, const char *text,
               struct error *err);
int take_budget(struct cli_options *options, const char *text,
                struct error *err);
int take_mix(struct cli_options *options, const char *text, struct error *err);
int take_allocator(struct cli_options *options, const char *text,
                   struct error *err);
int take_drop(struct cli_options *options, const char *text, struct error *err);

#endif

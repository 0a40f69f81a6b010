/*
 * The table of commands. To add one: a file cmd_<name>.c that defines its
 * `struct cli_command`, a row in command.c, a section in man/espalier.1, a
 * test in tests/cli/.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "cli/options.h"

struct cli_command {
    const char *name, *synopsis, *help;
    size_t least, most; /* arguments */
    unsigned groups;    /* options it takes */
    /* 0, or -1 with the error: ERROR_USAGE ends in status 2,
     * ERROR_CANCELLED in 130, others in 1. */
    int (*run)(const struct cli_options *options, struct error *err);
};

extern const struct cli_command command_inspect, command_eval, command_bench,
    command_prune, command_compare, command_data, command_replay, command_tune,
    command_scan, command_plan, command_profile, command_sessions;

/* NULL-terminated by pointer. */
extern const struct cli_command *const cli_commands[];
const struct cli_command *command_find(const char *name);

#endif

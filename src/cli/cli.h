/* The command line: commands, options, exit statuses. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "engine/engine.h"

/* Exit statuses: a contract. */
enum cli_status {
    CLI_DONE = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_INTERRUPTED = 130,
};

/* What a command line without a command asks for. */
struct cli_explorer {
    struct session_options session; /* model and data are set */
    struct engine_options engine;
    bool ascii, mono, mouse, readonly;
    bool resume_any;    /* no model was named: any session may go on */
    const char *resume; /* the journal of the session that goes on, or NULL */
};

/*
 * Runs what the command line says and returns the exit status.
 *
 * explore  opens the explorer; says on standard error what failed
 */
int cli_main(int argc, char **argv,
             int (*explore)(const struct cli_explorer *explorer));

#endif

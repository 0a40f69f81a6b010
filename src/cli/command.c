#include "cli/command.h"

#include <string.h>

const struct cli_command *const cli_commands[] = {
    &command_inspect,
    &command_eval,
    &command_bench,
    &command_scan,
    &command_plan,
    &command_prune,
    &command_tune,
    &command_compare,
    &command_profile,
    &command_data,
    &command_replay,
    &command_sessions,
    NULL,
};

const struct cli_command *command_find(const char *name)
{
    for (size_t i = 0; cli_commands[i]; i++) {
        if (strcmp(cli_commands[i]->name, name) == 0)
            return cli_commands[i];
    }
    return NULL;
}

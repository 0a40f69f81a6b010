/* What a command will write, looked at before it works. */
#include "base/array.h"
#include "base/file.h"
#include "cli/run.h"

/* `what` is how the user named it: "-o". */
static int refuse_same(const char *what, const char *target, const char *read,
                       struct error *err)
{
    if (!read || !file_is_same(target, read))
        return 0;
    return error_set(err, ERROR_USAGE,
                     "%s: %s would overwrite what is read, expected another "
                     "file",
                     target, what);
}

static int check_target(const struct cli_options *options, const char *what,
                        const char *target, struct error *err)
{
    const char *reads[] = {options->recipe, options->masks_file,
                           options->dense,  options->device,
                           options->train,  options->holdout};
    if (!target)
        return 0;
    for (size_t i = 0; i < options->argument_count; i++)
        if (refuse_same(what, target, options->arguments[i], err) < 0)
            return -1;
    for (size_t i = 0; i < ARRAY_LENGTH(reads); i++)
        if (refuse_same(what, target, reads[i], err) < 0)
            return -1;
    return file_check_target(target, err);
}

int run_check_targets(const struct cli_options *options, struct error *err)
{
    if (check_target(options, "-o", options->output, err) < 0 ||
        check_target(options, "--outputs", options->outputs, err) < 0)
        return -1;
    return check_target(options, "--checkpoint", options->checkpoint, err);
}

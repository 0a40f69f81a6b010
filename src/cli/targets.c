/* What a command will write, looked at before it works. */
#include "base/array.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "cli/run.h"
#include "export/export.h"

#include <stdlib.h>
#include <string.h>

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

/* -o is the user's own word, and what lies beside a file that is replaced goes
 * with it. Beside a new one names are ours: they replace nothing unasked. */
static int check_companions(const struct cli_options *options,
                            struct error *err)
{
    const struct export_request wanted = {.path = options->output,
                                          .masks = options->masks,
                                          .recipe = options->write_recipe,
                                          .report = options->report};
    struct strbuf names = {0};
    int result = 0;
    for (const struct export_output *o = export_outputs; o->name; o++) {
        char *path = options->output && o->wanted(&wanted)
                         ? export_companion(options->output, o->suffix)
                         : NULL;
        if (path && result == 0 && strcmp(o->suffix, ".onnx") != 0)
            result = check_target(options, "-o", path, err);
        free(path);
    }
    bool anew = options->output && !file_exists(options->output);
    if (result == 0 && anew && !options->force &&
        export_existing(&wanted, false, &names))
        result = error_set(err, ERROR_USAGE,
                           "%s: beside it %s would be replaced, --force "
                           "allows that",
                           options->output, strbuf_text(&names));
    strbuf_release(&names);
    return result;
}

int run_check_targets(const struct cli_options *options, struct error *err)
{
    if (check_target(options, "-o", options->output, err) < 0 ||
        check_companions(options, err) < 0 ||
        check_target(options, "--outputs", options->outputs, err) < 0)
        return -1;
    return check_target(options, "--checkpoint", options->checkpoint, err);
}

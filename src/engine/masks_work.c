/* The command `masks FILE` as work: masks that come back with a model. */
#include "base/array.h"
#include "engine/setup.h"
#include "engine/work.h"
#include "session/masks_file.h"

#include <stdlib.h>

static int parse(void **options, const struct session *session, size_t count,
                 const char *const *words, struct error *err)
{
    (void)session;
    if (count != 1)
        return error_set(err, ERROR_USAGE, "wants one file of masks (.npz)");
    *options = string_copy(words[0]);
    return *options ? 0 : error_memory(err, 1);
}

static int run(struct work *work, struct error *err)
{
    struct session_outcome outcome;
    if (masks_file_read(&outcome, work_setup(work)->session, work_options(work),
                        err) < 0)
        return -1;
    work_give_decisions(work, outcome.decisions);
    work_give_weights(work, outcome.weights);
    work_give_summary(work, outcome.summary);
    free(outcome.summary);
    return 0;
}

const struct work_kind work_masks = {
    .name = "masks",
    .parse = parse,
    .free_options = free,
    .run = run,
};

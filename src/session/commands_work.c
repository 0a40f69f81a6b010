/* The commands that order work. Edits that stand before them on the line become
 * a variant first; nothing may stand behind. */
#include "base/array.h"
#include "session/command.h"
#include "session/words.h"

int execution_order(struct execution *execution, const char *name, size_t count,
                    const char *const *words, struct error *err)
{
    struct strbuf line = {0};
    if (execution_flush(execution, err) < 0)
        return -1;
    strbuf_add(&line, name);
    for (size_t i = 0; i < count; i++)
        words_add(&line, words[i]);
    execution->argument = strbuf_take(&line);
    strbuf_release(&line);
    if (!execution->argument)
        return error_memory(err, count);
    const struct work_check *check = execution->state->check;
    if (check && check->run(check->context, execution->argument, err) < 0)
        return -1;
    execution_affect(execution, COMMAND_WORK);
    return 0;
}

int edit_command_tune(struct execution *execution, size_t count,
                      const char *const *words, struct error *err)
{
    return execution_order(execution, "tune", count, words, err);
}

int edit_command_budget(struct execution *execution, size_t count,
                        const char *const *words, struct error *err)
{
    return execution_order(execution, "budget", count, words, err);
}

int edit_command_reconstruct(struct execution *execution, size_t count,
                             const char *const *words, struct error *err)
{
    return execution_order(execution, "reconstruct", count, words, err);
}

int edit_command_robustness(struct execution *execution, size_t count,
                            const char *const *words, struct error *err)
{
    return execution_order(execution, "robustness", count, words, err);
}

int edit_command_scan(struct execution *execution, size_t count,
                      const char *const *words, struct error *err)
{
    return execution_order(execution, "scan", count, words, err);
}

int edit_command_criteria(struct execution *execution, size_t count,
                          const char *const *words, struct error *err)
{
    return execution_order(execution, "criteria", count, words, err);
}

int edit_command_masks(struct execution *execution, size_t count,
                       const char *const *words, struct error *err)
{
    return execution_order(execution, "masks", count, words, err);
}

/* What commands share: opening, evaluating with progress, interrupts. */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include "base/cancel.h"
#include "cli/options.h"

#include <cjson/cJSON.h>

/* Raised by SIGINT and SIGTERM; installs the handlers at the first call. A
 * second signal ends the program. */
const struct cancel *run_interrupt(void);

/* ERROR_CANCELLED when interrupted, else 0. */
int run_check(struct error *err);

/* Options of a session or engine as the words say. Borrowed strings. */
int run_session_options(struct session_options *out,
                        const struct cli_options *options, const char *model,
                        const char *data, struct error *err);
struct engine_options run_engine_options(const struct cli_options *options,
                                         bool measure_latency);

/* Opens model and data (NULL: none), without a journal. */
int run_open(struct session **out, const struct cli_options *options,
             const char *model, const char *data, struct error *err);

/* Before hours of work: what the options write can be written, and is none of
 * the files that they read. */
int run_check_targets(const struct cli_options *options, struct error *err);

/* Waits until the engine has nothing to do; says how far it is. */
int run_wait(struct engine *engine, const struct cli_options *options,
             struct error *err);

/*
 * Shows `variant` to the engine and waits for its complete report.
 * report  written, retained (report_drop)
 */
int run_evaluate(struct engine *engine, const struct session *session,
                 const struct variant *variant,
                 const struct cli_options *options,
                 const struct report **report, struct error *err);

/*
 * Has a line of work done on a variant by an engine of its own (cli/work.c).
 * outcome  owned by the caller (session_outcome_release)
 * data     the kind's own result, owned; may be NULL
 */
int run_work(const struct session *session, const struct variant *variant,
             const char *line, const struct cli_options *options,
             struct session_outcome *outcome, void **data, struct error *err);
/*
 * LAYER=WORDS, what `set` takes behind the layer with ':' or blanks between
 * (80%:block:4x1:lamp, channel:8, "50% channel/8"), as a line of the command
 * language; owned by the caller, NULL: no memory.
 * word  holds a '='
 */
char *run_set_line(const char *word);
/* Decisions as --recipe and --set say. */
int run_decide(struct session *session, const struct cli_options *options,
               struct error *err);
/* Writes -o OUT with what was asked for beside it, and reads it back.
 * written  owned by the caller (engine_export_result_release) */
int run_export(struct engine *engine, const struct variant *variant,
               const struct cli_options *options,
               struct engine_export_result *written, struct error *err);

/* For sessions whose lines may order work; options must not move. */
struct session_worker run_worker(struct cli_options *options);

/* How pixels become inputs, as a line of text and as JSON. */
void run_transform_text(const struct session *session, char *text,
                        size_t bytes);
cJSON *run_transform_json(const struct session *session);

#endif

/* Work without a screen: an engine of its own, waited for, with progress. */
#include "cli/run.h"

#include "engine/calibration.h"
#include "engine/work.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { POLL_NS = 50000000, PROGRESS_EVERY = 20 /* polls */ };

static int check(void *context, const struct session *session, const char *line,
                 struct error *err)
{
    (void)context;
    return engine_work_check(session, line, err);
}

static void show(const struct work_status *status, bool terminal)
{
    fprintf(stderr, "%s%s: %s", terminal ? "\r\033[K" : "", status->kind->name,
            status->stage);
    if (status->total > 0)
        fprintf(stderr, " %lld of %lld", (long long)status->done,
                (long long)status->total);
    fprintf(stderr, ", %.0f s%s", status->seconds, terminal ? "" : "\n");
}

static int wait_for(struct engine *engine, const struct cli_options *options)
{
    bool terminal = isatty(STDERR_FILENO), ended = false, any = false;
    for (int polls = 0; !ended; polls++) {
        const struct timespec pause = {.tv_nsec = POLL_NS};
        struct work_status status;
        nanosleep(&pause, NULL);
        if (cancel_raised(run_interrupt()))
            engine_work_cancel(engine);
        engine_work_poll(engine, &status);
        ended = status.finished;
        if (!ended && status.running &&
            (terminal || (options->progress && polls % PROGRESS_EVERY == 0))) {
            show(&status, terminal);
            any = true;
        }
        work_status_release(&status);
    }
    if (terminal && any)
        fprintf(stderr, "\r\033[K");
    return 0;
}

int run_work(const struct session *session, const struct variant *variant,
             const char *line, const struct cli_options *options,
             struct session_outcome *outcome, void **data, struct error *err)
{
    struct engine *engine;
    struct engine_options wanted = run_engine_options(options, false);
    if (data) /* of the command itself, not of a line of its recipe */
        wanted.checkpoint = options->checkpoint;
    if (engine_create(&engine, session, &wanted, err) < 0)
        return -1;
    int code = engine_work_start(engine, variant, line, err);
    if (code == 0) {
        struct error unkept = {0};
        wait_for(engine, options);
        if (engine_work_leave(engine, &unkept) < 0)
            fprintf(stderr,
                    "espalier: the tune's last steps are not kept: %s\n",
                    unkept.message);
        code = engine_work_take(engine, outcome, data, err);
    }
    engine_destroy(engine);
    return code == 0 ? run_check(err) : -1;
}

static int run(void *context, const struct session *session,
               const struct variant *variant, const char *line,
               struct session_outcome *outcome, struct error *err)
{
    return run_work(session, variant, line, context, outcome, NULL, err);
}

/* --- calibration: in the foreground, with progress --- */

static int show_calibration(void *context, const char *stage, int64_t done,
                            int64_t total, struct error *err)
{
    const struct cli_options *options = context;
    bool terminal = isatty(STDERR_FILENO), last = done + 1 >= total;
    if (terminal)
        fprintf(stderr, "\r\033[K");
    if (terminal && !last)
        fprintf(stderr, "calibrating: %s, %lld of %lld", stage, (long long)done,
                (long long)total);
    else if (!terminal && options->progress && done % PROGRESS_EVERY == 0)
        fprintf(stderr, "calibrating: %s, %lld of %lld\n", stage,
                (long long)done, (long long)total);
    return run_check(err);
}

static int calibrate(void *context, const struct session *session,
                     const struct weights *weights, enum calibration_part part,
                     const struct calibration **out, struct error *err)
{
    struct cli_options *options = context;
    if (!options->calibration) {
        const struct calibration_watch watch = {.progress = show_calibration,
                                                .cancel = run_interrupt(),
                                                .context = options};
        if (calibration_store_create(&options->calibration,
                                     (int)options->threads, err) < 0)
            return -1;
        calibration_store_watch(options->calibration, &watch);
    }
    return calibration_store_get(options->calibration, session, weights, part,
                                 out, err);
}

struct session_worker run_worker(struct cli_options *options)
{
    return (struct session_worker){check, run, options, calibrate};
}

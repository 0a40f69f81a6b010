/* `budget latency=50% drop 1.0`: a plan as a draft that can be edited. A
 * latency alone is met by a mix of structures whose weights are reconstructed;
 * `by` keeps to what is chosen for new decisions. */
#include "engine/planning.h"
#include "engine/scan_known.h"
#include "engine/state.h"
#include "engine/work.h"

#include "base/array.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_number(double *out, const char *text, const char *what,
                       struct error *err)
{
    char *end;
    *out = strtod(text, &end);
    if (end != text && *end == '%')
        end++;
    if (end == text || *end || !(*out > 0 && *out < 100))
        return error_set(err, ERROR_USAGE,
                         "found '%s', expected %s above 0 and below 100", text,
                         what);
    *out /= 100;
    return 0;
}

/* A kind and its share in two words, "drop" and points, "by" and an
 * allocator. */
static int take_pair(struct planning_request *request, const char *name,
                     const char *value, struct error *err)
{
    if (strcmp(name, "drop") == 0)
        return read_number(&request->drop, value, "points", err);
    if (strcmp(name, "by") == 0) {
        request->allocator = allocator_find(value);
        return request->allocator ? 0
                                  : error_set(err, ERROR_NAME,
                                              "unknown allocator '%s'", value);
    }
    request->kind = budget_find(name);
    if (request->kind == BUDGET_NONE)
        return error_set(err, ERROR_NAME,
                         "found '%s', expected latency, macs, parameters, "
                         "bytes, energy, drop or by",
                         name);
    return read_number(&request->share, value, "a percentage", err);
}

static int parse(void **options, const struct session *session, size_t count,
                 const char *const *words, struct error *err)
{
    struct planning_request request = {.drop = NAN};
    (void)session;
    for (size_t i = 0; i < count; i++) {
        int code = 0;
        if (strchr(words[i], '='))
            code = planning_read_budget(&request, words[i], err);
        else if (i + 1 < count)
            code = take_pair(&request, words[i], words[i + 1], err);
        else
            return error_set(err, ERROR_USAGE,
                             "expected a kind and a share, as latency 50%%");
        if (code < 0)
            return -1;
        i += !strchr(words[i], '=');
    }
    if (request.kind == BUDGET_NONE && isnan(request.drop))
        return error_set(err, ERROR_USAGE, "expected a budget or a drop");
    struct planning_request *copy = array_create(1, sizeof *copy);
    if (!copy)
        return error_memory(err, sizeof *copy);
    *copy = request;
    *options = copy;
    return 0;
}

/* What the screen is told at the next step. */
struct teller {
    struct work *work;
    char stage[WORK_STAGE_BYTES];
    size_t done, total;
};

static void take_progress(void *context, const struct scan_progress *progress)
{
    struct teller *teller = context;
    snprintf(teller->stage, sizeof teller->stage, "%s",
             progress->layer ? progress->layer : "the dense model");
    teller->done = progress->done;
    teller->total = progress->total;
}

static int step(void *context, struct error *err)
{
    struct teller *teller = context;
    return work_step(teller->work, teller->stage, (int64_t)teller->done,
                     (int64_t)teller->total, err);
}

/* Mixes structures where the line leaves that open and samples are there to
 * fit on, else plans with what is chosen for new decisions. */
static int choose_course(struct planning_request *request,
                         const struct dataset **data, struct work *work,
                         struct error *err)
{
    const struct setup *setup = work_setup(work);
    struct error why = {0};
    *request = *(const struct planning_request *)work_options(work);
    if (planning_may_mix(request) && !setup->device) {
        request->mix = work_training_data(work, data, &why) == 0;
        if (!request->mix && why.code != ERROR_UNSUPPORTED) {
            *err = why;
            return -1;
        }
    }
    if (!request->mix) {
        request->structure = session_structure(setup->session);
        request->criterion = session_criterion(setup->session);
    }
    return 0;
}

static int give(struct work *work, struct planning *planning,
                const struct planning_request *request, struct error *err)
{
    struct session_outcome outcome;
    if (planning_outcome(&outcome, planning, request, work_setup(work)->session,
                         err) < 0)
        return -1;
    work_give_decisions(work, outcome.decisions);
    if (outcome.weights)
        work_give_weights(work, outcome.weights);
    if (outcome.line)
        work_give_line(work, outcome.line);
    work_give_summary(work, outcome.summary);
    free(outcome.summary);
    return 0;
}

static int run(struct work *work, struct error *err)
{
    struct engine *engine = work_engine(work);
    struct planning_request request;
    const struct dataset *data = NULL;
    struct teller teller = {.work = work};
    struct probe_site site = {.setup = work_setup(work),
                              .pool = work_pool(work),
                              .base = engine->base,
                              .cancel = work_cancel(work),
                              .step = step,
                              .context = &teller,
                              .awaited = work_awaited(work)};
    struct scan_watch watch = {work_cancel(work), take_progress, &teller};
    struct probe probe;
    struct planning planning;
    if (choose_course(&request, &data, work, err) < 0 ||
        probe_init(&probe, &site, err) < 0)
        return -1;
    int code = planning_run(&planning, &probe, &request, data, &watch, err);
    if (code == 0) {
        code = give(work, &planning, &request, err);
        planning_release(&planning);
    }
    engine_scan_read(engine); /* what it scanned on the way */
    probe_release(&probe);
    return code;
}

const struct work_kind work_budget = {
    .name = "budget",
    .needs_data = true,
    .parse = parse,
    .free_options = free,
    .run = run,
};

#include "engine/tune_check.h"

#include "base/array.h"
#include "engine/pool.h"
#include "engine/setup.h"
#include "eval/evaluate.h"
#include "kernel/onednn.h"
#include "op/instance.h"
#include "session/session.h"

#include <stdlib.h>
#include <string.h>

enum { CHECK_BATCHES = 16 };

struct checking {
    struct evaluation evaluation;
    struct runner **runners; /* per worker */
    struct outcome *outcomes;
    int64_t first; /* batch of piece 0 */
    bool done[CHECK_BATCHES];
    const struct cancel *awaited;
};

static int check_piece(void *context, int worker, int64_t piece,
                       struct error *err)
{
    struct checking *c = context;
    int64_t count;
    if (c->done[piece] || cancel_raised(c->awaited))
        return 0;
    onednn_set_threads(1);
    int code =
        evaluation_run(&c->evaluation, c->runners[worker], c->first + piece,
                       c->outcomes, NULL, &count, c->awaited, err);
    c->done[piece] = code == 0;
    return code < 0 && err->code == ERROR_CANCELLED ? 0 : code;
}

/* Batches that the user interrupted are run again. */
static int run_some(const struct tune_check_request *request,
                    struct checking *c, int64_t count, struct error *err)
{
    const struct pool_task task = {count, check_piece, c};
    int64_t left = count;
    memset(c->done, 0, sizeof c->done);
    while (left > 0) {
        if (pool_run(work_pool(request->work), &task, err) < 0 ||
            work_step(request->work, "measuring accuracy", request->done,
                      request->total, err) < 0)
            return -1;
        left = count;
        for (int64_t i = 0; i < count; i++)
            left -= c->done[i];
    }
    return 0;
}

static int run_checks(const struct tune_check_request *request,
                      struct checking *c, struct error *err)
{
    int64_t batches = evaluation_batches(&c->evaluation);
    for (c->first = 0; c->first < batches; c->first += CHECK_BATCHES) {
        int64_t left = batches - c->first;
        if (run_some(request, c, left < CHECK_BATCHES ? left : CHECK_BATCHES,
                     err) < 0)
            return -1;
    }
    return 0;
}

static int make_checking(struct work *work, struct checking *c,
                         const struct graph *model, struct plan **plan,
                         struct error *err)
{
    const struct setup *setup = work_setup(work);
    const struct session *session = setup->session;
    struct graph *instance;
    int workers = pool_workers(work_pool(work));
    if (op_instantiate(&instance, model, setup->batch, err) < 0)
        return -1;
    const struct plan_options options = {.kernels = PLAN_KERNELS_DENSE,
                                         .threads = 1,
                                         .isa = setup->isa,
                                         .timing = setup->timing};
    int code = plan_create(plan, instance, &options, err);
    graph_drop(instance);
    if (code < 0)
        return -1;
    *c = (struct checking){
        .awaited = work_awaited(work),
        .evaluation = {.plan = *plan,
                       .dataset = session_dataset(session),
                       .transform = *session_transform(session),
                       .order = setup->order,
                       .labels = setup->labels,
                       .samples = setup->samples},
        .runners = array_create((size_t)workers, sizeof *c->runners),
        .outcomes =
            array_create((size_t)dataset_count(session_dataset(session)),
                         sizeof *c->outcomes)};
    if (!c->runners || !c->outcomes)
        return error_memory(err, (size_t)setup->samples * sizeof *c->outcomes);
    for (int i = 0; i < workers; i++)
        if (runner_create(&c->runners[i], *plan, err) < 0)
            return -1;
    return 0;
}

int tune_check(struct estimate *out, const struct tune_check_request *request,
               struct error *err)
{
    struct work *work = request->work;
    struct checking c = {0};
    struct plan *plan = NULL;
    int code = make_checking(work, &c, request->model, &plan, err);
    if (code == 0)
        code = run_checks(request, &c, err);
    const struct setup *setup = work_setup(work);
    int64_t right = 0, samples = setup->samples;
    for (int64_t i = 0; code == 0 && i < samples; i++)
        right += c.outcomes[setup->order[i]].correct;
    *out = estimate_clopper_pearson(right, samples, 0.95);
    for (int i = 0; c.runners && i < pool_workers(work_pool(work)); i++)
        if (c.runners[i])
            runner_destroy(c.runners[i]);
    free(c.runners);
    free(c.outcomes);
    plan_drop(plan);
    return code;
}

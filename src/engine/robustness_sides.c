/* Robustness of what sessions have now. */
#include "engine/robustness.h"

#include "engine/setup.h"

/* The evaluation plan of what a session has now. */
struct side {
    struct setup setup;
    struct mask_set masks;
    struct graph *graph;
    struct plan *plan;
    bool ready;
};

static int side_init(struct side *side, const struct session *session,
                     const struct variant *variant,
                     const struct engine_options *options,
                     const struct cancel *cancel, struct error *err)
{
    if (setup_init(&side->setup, session, options, err) < 0)
        return -1;
    side->ready = true;
    if (!side->setup.eval_graph)
        return error_set(err, ERROR_USAGE, "robustness needs a data set");
    if (session_masks(session, variant, NULL, NULL, &side->masks, err) < 0 ||
        setup_masked(&side->setup, &side->graph, side->setup.eval_graph,
                     variant, &side->masks, err) < 0)
        return -1;
    return setup_plan(&side->setup, &side->plan, side->graph, 1, NULL, cancel,
                      err);
}

static void side_release(struct side *side)
{
    plan_drop(side->plan);
    graph_drop(side->graph);
    mask_set_release(&side->masks);
    if (side->ready)
        setup_release(&side->setup);
}

/* What is asked of whom. */
struct pair {
    const struct session *session, *dense_session; /* NULL: no dense model */
    const struct variant *variant, *dense;
    const struct dataset *dataset;
};

static int run_pair(struct robustness *out, const struct pair *pair,
                    const struct engine_options *options,
                    const struct robustness_request *request, struct error *err)
{
    struct side now = {.ready = false}, before = {.ready = false};
    struct robustness_request full = *request;
    struct pool *pool = NULL;
    int code = side_init(&now, pair->session, pair->variant, options,
                         request->cancel, err);
    if (code == 0 && pair->dense_session)
        code = side_init(&before, pair->dense_session, pair->dense, options,
                         request->cancel, err);
    if (code == 0)
        code = pool_create(&pool, now.setup.options.workers,
                           !options->foreground, err);
    if (code == 0) {
        const struct transform *transform = session_transform(pair->session);
        full.variant = (struct robustness_side){now.plan, *transform};
        full.dense = (struct robustness_side){before.plan, *transform};
        full.dataset = pair->dataset;
        full.seed = session_options(pair->session)->seed;
        full.pool = pool;
        code = robustness_run(out, &full, err);
    }
    pool_destroy(pool);
    side_release(&before);
    side_release(&now);
    return code;
}

int engine_robustness(struct robustness *out, const struct session *session,
                      const struct session *dense,
                      const struct engine_options *options,
                      const struct robustness_request *request,
                      struct error *err)
{
    struct pair pair = {session, dense, session_current(session),
                        dense ? session_current(dense) : NULL,
                        session_dataset(session)};
    return run_pair(out, &pair, options, request, err);
}

int engine_exam(struct robustness *out, const struct session *session,
                const struct variant *variant,
                const struct engine_options *options,
                const struct cancel *cancel, struct error *err)
{
    struct dataset *own = NULL;
    struct robustness_request request = {.cancel = cancel};
    struct pair pair = {session, session, variant, session_variant(session, 0),
                        session_holdout(session)};
    if (!pair.dataset) {
        if (dataset_open(&own, session_options(session)->holdout, NULL, err) <
            0)
            return -1;
        pair.dataset = own;
    }
    int code = run_pair(out, &pair, options, &request, err);
    dataset_close(own);
    return code;
}

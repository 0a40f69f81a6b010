/* Robustness of what sessions have now. */
#include "engine/robustness.h"

#include "engine/setup.h"

/* One model's setup and plan. */
struct side {
    struct setup setup;
    struct plan *plan;
    bool ready;
};

int robustness_plan(struct plan **out, const struct setup *setup,
                    const struct variant *variant, const struct cancel *cancel,
                    struct error *err)
{
    struct mask_set masks = {0};
    struct graph *graph = NULL;
    int code = -1;
    if (session_masks(setup->session, variant, NULL, NULL, &masks, err) == 0 &&
        setup_masked(setup, &graph, setup->eval_graph, variant, &masks, err) ==
            0)
        code = setup_plan(setup, out, graph, 1, NULL, cancel, err);
    graph_drop(graph);
    mask_set_release(&masks);
    return code;
}

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
    return robustness_plan(&side->plan, &side->setup, variant, cancel, err);
}

static void side_release(struct side *side)
{
    plan_drop(side->plan);
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

/*
 * The exam of a model that is about to be written, on data that decided
 * nothing: a share that was set aside, or another data set. What it is
 * compared with is the drop on the data that decisions were made on, all of
 * it. Where either has no labels both are told as agreement with the dense
 * model.
 */
#include "engine/robustness.h"
#include "engine/state.h"

/* What both runs share. */
struct pupils {
    struct engine *engine;
    struct plan *variant, *dense;
    const struct cancel *cancel;
    bool agreement;
};

/* The first row of a run on one data set. */
static int sit(const struct pupils *pupils, const struct dataset *dataset,
               struct robustness_row *row, struct error *err)
{
    const struct session *session = pupils->engine->setup.session;
    const struct transform *transform = session_transform(session);
    struct robustness_request request = {
        .variant = {pupils->variant, *transform},
        .dense = {pupils->dense, *transform},
        .dataset = dataset,
        .agreement = pupils->agreement,
        .seed = session_options(session)->seed,
        .pool = pupils->engine->pool,
        .cancel = pupils->cancel,
    };
    struct robustness found;
    if (robustness_run(&found, &request, err) < 0)
        return -1;
    *row = found.rows[0]; /* its figures; what it owns goes */
    robustness_release(&found);
    return 0;
}

/* The drop that was decided by: as it is shown where that is exact. */
static int decided(const struct pupils *pupils, const struct variant *variant,
                   struct estimate *difference, struct error *err)
{
    struct engine *engine = pupils->engine;
    struct result known;
    struct robustness_row row;
    bool exact = engine_lookup(engine, variant->hash, &known) &&
                 !pupils->agreement &&
                 known.difference.samples == engine->setup.samples;
    *difference = known.difference;
    result_release(&known);
    if (exact)
        return 0;
    if (sit(pupils, session_dataset(engine->setup.session), &row, err) < 0)
        return -1;
    *difference = row.difference;
    return 0;
}

static int take(struct exam *exam, struct pupils *pupils,
                const struct variant *variant, struct error *err)
{
    const struct session *session = pupils->engine->setup.session;
    const struct dataset *dataset = session_holdout(session);
    struct dataset *own = NULL;
    struct robustness_row row;
    const struct session_options *opened = session_options(session);
    const struct dataset_options same = {.shape = opened->shape};
    if (!dataset && dataset_open(&own, opened->holdout, &same, err) < 0)
        return -1;
    pupils->agreement = !dataset_classes(session_dataset(session)) ||
                        !dataset_classes(own ? own : dataset);
    int code = sit(pupils, own ? own : dataset, &row, err);
    dataset_close(own);
    if (code < 0 || decided(pupils, variant, &exam->decided, err) < 0)
        return -1;
    exam->taken = true;
    exam->agreement = pupils->agreement;
    exam->samples = row.samples;
    exam->value = row.value;
    exam->dense = row.dense;
    exam->difference = row.difference;
    exam->gap = estimate_gap(&exam->difference, &exam->decided);
    exam->warning = exam->gap.low > 0 || exam->gap.high < 0;
    return 0;
}

int engine_take_exam(struct engine *engine, const struct variant *variant,
                     const struct cancel *cancel, struct exam *exam,
                     struct error *err)
{
    const struct setup *setup = &engine->setup;
    struct pupils pupils = {.engine = engine, .cancel = cancel};
    *exam = (struct exam){.taken = false};
    if (!session_options(setup->session)->holdout)
        return 0;
    if (!setup->eval_graph)
        return error_set(err, ERROR_USAGE, "an exam needs a data set");
    int code = robustness_plan(&pupils.variant, setup, variant, cancel, err);
    if (code == 0)
        code =
            robustness_plan(&pupils.dense, setup, engine->dense, cancel, err);
    if (code == 0)
        code = take(exam, &pupils, variant, err);
    plan_drop(pupils.dense);
    plan_drop(pupils.variant);
    return code;
}

/*
 * Every candidate runs on the same samples, spread evenly over the set: a
 * first look at a few, then all of them for those that may still win, since
 * the user waits for this before the first screen. The first candidate is the
 * best guess from the data alone; noise of a few hundred samples shall not
 * overrule it, so another one must be better by more than one standard error.
 * Otherwise accuracy decides, then loss.
 */
#include "eval/preprocess.h"

#include "base/array.h"
#include "eval/evaluate.h"
#include "op/instance.h"

#include <math.h>
#include <stdlib.h>

enum { BATCH = 64, FIRST_LOOK = 64 };

/* Standard errors of a difference behind the best that rule one out. */
static const double HOPELESS = 3;

/* What all trials share. */
struct search {
    struct evaluation evaluation;
    struct runner *runner;
    struct outcome *outcomes; /* by sample of the data set */
};

static int64_t *spread(int64_t all, int64_t samples)
{
    int64_t *order = array_create((size_t)samples, sizeof *order);
    for (int64_t i = 0; order && i < samples; i++)
        order[i] = i * all / samples;
    return order;
}

static int try_one(struct search *search, struct preprocess_trial *trial,
                   struct error *err)
{
    struct evaluation *evaluation = &search->evaluation;
    evaluation->transform = trial->transform;
    struct tally tally = {0};
    int64_t batches = evaluation_batches(evaluation), count;
    for (int64_t b = 0; b < batches; b++)
        if (evaluation_run(evaluation, search->runner, b, search->outcomes,
                           NULL, &count, NULL, err) < 0)
            return -1;
    for (int64_t i = 0; i < evaluation->samples; i++)
        tally_add(&tally, &search->outcomes[evaluation->order[i]], NULL);
    trial->accuracy = (double)tally.correct / (double)tally.samples;
    trial->loss = tally.loss / (double)tally.samples;
    trial->samples = tally.samples;
    return 0;
}

/* The best of those that saw `samples`. */
static size_t best_of(const struct preprocess_result *result, int64_t samples)
{
    const struct preprocess_trial *t = result->trials;
    size_t best = result->count;
    for (size_t i = 0; i < result->count; i++)
        if (t[i].samples == samples &&
            (best == result->count || t[i].accuracy > t[best].accuracy ||
             (t[i].accuracy == t[best].accuracy && t[i].loss < t[best].loss)))
            best = i;
    return best;
}

static size_t choose(const struct preprocess_result *result)
{
    const struct preprocess_trial *t = result->trials;
    size_t best = best_of(result, result->samples);
    double p = t[best].accuracy;
    double noise = sqrt(p * (1 - p) / (double)result->samples);
    return t[0].samples == result->samples && p - t[0].accuracy <= noise ? 0
                                                                         : best;
}

/* What a candidate must reach in the first look to stay: noise counts as if
 * one more answer had been right and one more wrong. */
static double first_bar(const struct preprocess_result *result, int64_t looked)
{
    double n = (double)looked;
    double best = result->trials[best_of(result, looked)].accuracy;
    double p = (best * n + 1) / (n + 2);
    return best - HOPELESS * sqrt(2 * p * (1 - p) / n);
}

/* `samples` of the set for every candidate that reaches `bar`. */
static int look(struct search *search, struct preprocess_result *result,
                int64_t samples, double bar, struct error *err)
{
    int64_t *order = spread(dataset_count(search->evaluation.dataset), samples);
    if (!order)
        return error_memory(err, (size_t)samples * sizeof *order);
    search->evaluation.order = order;
    search->evaluation.samples = samples;
    int code = 0;
    for (size_t i = 0; i < result->count && !code; i++)
        if (!(result->trials[i].accuracy < bar))
            code = try_one(search, &result->trials[i], err);
    free(order);
    return code;
}

/* Statistics of three channels are for models that see three. */
static size_t drop_unfit(struct preprocess_trial *trials, size_t count,
                         int64_t planes)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (trials[i].transform.channels == 1 ||
            trials[i].transform.channels == planes)
            trials[kept++] = trials[i];
    return kept;
}

static int64_t planes_of(const struct graph *instance,
                         const struct dataset *dataset)
{
    const struct shape *s = &instance->values[instance->inputs[0]].shape;
    struct shape sample = {.rank = s->rank > 0 ? s->rank - 1 : 0};
    for (int i = 0; i < sample.rank; i++)
        sample.dims[i] = s->dims[i + 1];
    return dataset_layout_for(dataset, 0, &sample).repeat *
           dataset_sample_shape(dataset, 0).dims[0];
}

static void list_trials(struct preprocess_result *result,
                        const struct graph *instance,
                        const struct dataset *dataset)
{
    struct transform list[PREPROCESS_MAX];
    size_t count = transform_candidates(dataset, list, PREPROCESS_MAX);
    for (size_t i = 0; i < count; i++)
        result->trials[i].transform = list[i];
    result->count =
        drop_unfit(result->trials, count, planes_of(instance, dataset));
}

static int try_all(struct preprocess_result *result, const struct plan *plan,
                   const struct dataset *dataset, struct error *err)
{
    int64_t all = dataset_count(dataset);
    struct search search = {
        .evaluation = {.plan = plan, .dataset = dataset},
        .outcomes = array_create((size_t)all, sizeof *search.outcomes)};
    int64_t first = result->samples < FIRST_LOOK ? result->samples : FIRST_LOOK;
    int code = -1;
    if (!search.outcomes) {
        error_memory(err, (size_t)all * sizeof *search.outcomes);
        goto out;
    }
    code = runner_create(&search.runner, plan, err);
    if (!code)
        code = look(&search, result, first, 0, err);
    if (!code && first < result->samples)
        code = look(&search, result, result->samples, first_bar(result, first),
                    err);
    if (!code)
        result->chosen = choose(result);
out:
    runner_destroy(search.runner);
    free(search.outcomes);
    return code;
}

/* A model that cannot be re-batched runs with the batch it declares. */
static int instantiate(struct graph **out, const struct graph *model,
                       struct error *err)
{
    int code = op_instantiate(out, model, BATCH, err);
    if (code < 0 && model->declared_batch > 0)
        code = op_instantiate(out, model, model->declared_batch, err);
    return code;
}

int preprocess_find(struct preprocess_result *result, const struct graph *model,
                    const struct dataset *dataset, int64_t samples,
                    struct error *err)
{
    *result = (struct preprocess_result){.count = 1};
    result->trials[0] = (struct preprocess_trial){
        .transform = transform_identity(), .accuracy = NAN, .loss = NAN};
    if (!dataset_is_image(dataset) || dataset_classes(dataset) == 0)
        return 0;
    int64_t all = dataset_count(dataset);
    result->samples = samples < all ? samples : all;
    struct plan_options options = {.kernels = PLAN_KERNELS_DENSE,
                                   .threads = cpu_count()};
    struct graph *instance = NULL;
    struct plan *plan = NULL;
    size_t map[EVALUATION_MAX_INPUTS];
    int code = -1;
    if (cpu_isa_select(&options.isa, err) < 0 ||
        instantiate(&instance, model, err) < 0 ||
        evaluation_match(instance, dataset, map, err) < 0 ||
        plan_create(&plan, instance, &options, err) < 0)
        goto out;
    list_trials(result, instance, dataset);
    code = try_all(result, plan, dataset, err);
out:
    plan_drop(plan);
    graph_drop(instance);
    return code;
}

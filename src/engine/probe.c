#include "engine/probe.h"

#include "base/array.h"
#include "base/clock.h"

#include <math.h>
#include <stdlib.h>

#define NORMAL_95 1.959963984540054

/* Batches of a first look, and what share of those seen a next one adds:
 * chosen together, so that what is chosen does not depend on time. */
enum { FIRST_LOOK = 8, GROWTH = 8 };

/* How long a piece between two steps may take: who edits waits for it. At least
 * a batch for each worker, at most PIECE_MOST batches. */
enum { PIECE_MOST = 32, PIECE_SHORT_NS = 8000000, PIECE_LONG_NS = 20000000 };

static struct evaluation evaluation_of(const struct probe *probe)
{
    return (struct evaluation){
        .plan = probe->plan,
        .dataset = session_dataset(probe->setup->session),
        .transform = *session_transform(probe->setup->session),
        .prefix = probe->prefix,
        .order = probe->strata->order,
        .labels = probe->setup->labels,
        .samples = probe->setup->samples,
    };
}

static int run_piece(void *context, int worker, int64_t piece,
                     struct error *err)
{
    struct probe *probe = context;
    struct runner **runner = &probe->runners[worker];
    struct evaluation evaluation = evaluation_of(probe);
    int64_t count;
    if (!*runner && runner_create(runner, probe->plan, err) < 0)
        return -1;
    return evaluation_run(&evaluation, *runner,
                          probe->batches[probe->first + piece], probe->outcomes,
                          NULL, &count, probe->site.cancel, err);
}

static int step(struct probe *probe, struct error *err)
{
    return probe->site.step ? probe->site.step(probe->site.context, err) : 0;
}

/* The next piece's batches from how long `count` of them took. */
static void size_piece(struct probe *probe, int64_t count, int64_t ns)
{
    int64_t least = pool_workers(probe->site.pool);
    if (ns > PIECE_LONG_NS && probe->piece / 2 >= least)
        probe->piece /= 2;
    else if (ns < PIECE_SHORT_NS && count == probe->piece &&
             2 * probe->piece <= PIECE_MOST)
        probe->piece *= 2;
}

/* Runs what the look asks for. */
static int run_batches(struct probe *probe, struct error *err)
{
    for (probe->first = 0; probe->first < probe->wanted;) {
        int64_t piece = probe->wanted - probe->first;
        if (probe->site.step && piece > probe->piece)
            piece = probe->piece;
        struct pool_task task = {piece, run_piece, probe};
        if (step(probe, err) < 0)
            return -1;
        int64_t begin = clock_now_ns();
        if (pool_run(probe->site.pool, &task, err) < 0)
            return -1;
        size_piece(probe, piece, clock_now_ns() - begin);
        probe->first += piece;
    }
    return 0;
}

/* Runs some more batches, the ones that say most. */
static int look(struct probe *probe, struct live *live, bool all,
                struct error *err)
{
    int64_t seen = live_samples(live) / probe->setup->batch;
    int64_t most = seen / GROWTH > FIRST_LOOK ? seen / GROWTH : FIRST_LOOK;
    if (all)
        most = probe->setup->batches;
    for (probe->wanted = 0; probe->wanted < most; probe->wanted++) {
        int64_t b = all ? probe->wanted : live_next(live);
        if (b < 0)
            break;
        probe->batches[probe->wanted] = b;
    }
    if (run_batches(probe, err) < 0)
        return -1;
    for (int64_t i = 0; i < probe->wanted; i++)
        live_add(live, probe->batches[i], probe->outcomes);
    return 0;
}

/* Whether a look is enough. */
static bool enough(const struct probe *probe, const struct probe_wish *wish,
                   const struct live_figures *found)
{
    const struct estimate *e = &found->accuracy;
    double drop = fabs(found->difference.value);
    double width = fmax(wish->tolerance, wish->relative * drop);
    if (e->samples >= probe->setup->samples)
        return true;
    return wish->tolerance > 0 &&
           (e->high - e->low <= 2 * width || e->high < wish->floor);
}

/* As lines of text have it, so that shards joined are the whole. */
static double share_of(double value)
{
    return round(fmin(fmax(value, 0), 1) * 1e6) / 1e6;
}

/* The interval for samples like these: it also counts that the data set is
 * itself a sample. One flip more than expected: a data set without any proves
 * no certainty. */
static struct probe_result result_of(const struct probe *probe,
                                     const struct live_figures *found)
{
    const struct estimate *e = &found->accuracy;
    double n = (double)probe->setup->samples;
    double drop = found->difference.value;
    double variance = (found->flips - drop * drop * n + 1) / (n * n);
    double set = NORMAL_95 * sqrt(fmax(variance, 0));
    return (struct probe_result){
        .value = share_of(e->value),
        .low = share_of(e->value - hypot(e->value - e->low, set)),
        .high = share_of(e->value + hypot(e->high - e->value, set)),
        .samples = e->samples,
    };
}

static int sample_plan(struct probe *probe, const struct probe_wish *wish,
                       struct probe_result *result, struct error *err)
{
    struct live *live;
    struct live_figures found;
    if (live_create(&live, probe->strata, err) < 0)
        return -1;
    int code;
    do {
        code = look(probe, live, wish->tolerance <= 0, err);
        if (code == 0)
            live_estimate(live, &found);
    } while (code == 0 && !enough(probe, wish, &found));
    if (code == 0)
        *result = result_of(probe, &found);
    live_destroy(live);
    return code;
}

static int make_plan(const struct probe *probe, struct plan **out,
                     const struct graph *graph, struct error *err)
{
    const struct setup *setup = probe->setup;
    bool automatic = setup->kernels == PLAN_KERNELS_AUTO;
    struct plan_options options = {
        .kernels = automatic ? PLAN_KERNELS_DENSE : setup->kernels,
        .threads = 1,
        .isa = setup->isa,
        .timing = setup->timing,
        .previous = probe->base_plan,
        .cancel = probe->site.cancel,
    };
    return plan_create(out, graph, &options, err);
}

static int find_masks(const struct probe *probe, struct mask_set *masks,
                      const struct variant *variant,
                      const struct decision *decisions, struct error *err)
{
    const struct session *session = probe->setup->session;
    struct graph *graph;
    if (weights_apply(&graph, session_graph(session), variant->weights, err) <
        0)
        return -1;
    struct mask_source source = {.graph = graph,
                                 .layers = session_layers(session),
                                 .decisions = decisions,
                                 .weights = variant->weights,
                                 .calibrator = session_calibrator(session)};
    int code = mask_set_init(masks, &source, err);
    graph_drop(graph);
    return code;
}

static int plan_decisions(const struct probe *probe, struct plan **plan,
                          const struct decision *decisions, struct error *err)
{
    const struct setup *setup = probe->setup;
    const struct variant *variant = probe->site.variant;
    struct mask_set masks;
    struct graph *graph = NULL;
    if (!variant)
        variant = session_variant(setup->session, 0);
    if (find_masks(probe, &masks, variant, decisions, err) < 0)
        return -1;
    int code =
        setup_masked(setup, &graph, setup->eval_graph, variant, &masks, err);
    if (code == 0)
        code = make_plan(probe, plan, graph, err);
    graph_drop(graph);
    mask_set_release(&masks);
    return code;
}

int probe_run(struct probe *probe, const struct decision *decisions,
              const struct probe_wish *wish, struct probe_result *result,
              struct error *err)
{
    struct plan *plan = NULL;
    if (plan_decisions(probe, &plan, decisions, err) < 0)
        return -1;
    probe->plan = plan;
    int code = sample_plan(probe, wish, result, err);
    for (int i = 0; i < pool_workers(probe->site.pool); i++) {
        runner_destroy(probe->runners[i]);
        probe->runners[i] = NULL;
    }
    probe->plan = NULL;
    plan_drop(plan);
    return code;
}

void probe_focus(struct probe *probe, int node)
{
    int at = node < 0 ? 0 : plan_step_of_node(probe->base_plan, node);
    prefix_choose(probe->prefix, probe->base_plan, at);
    prefix_sweep(probe->prefix);
}

/* --- life --- */

static int complete_baseline(struct probe *probe, struct error *err)
{
    struct trial *base = probe->site.base;
    struct trial_run run = {.setup = probe->setup,
                            .base = base,
                            .trial = base,
                            .base_plan = probe->base_plan,
                            .cancel = probe->site.cancel,
                            .pool = probe->site.pool};
    if (!trial_complete(base)) {
        if (trial_start(&run, err) < 0)
            return -1;
        while (!trial_wait(&run, false, -1))
            continue;
        if (trial_finish(&run, err) < 0)
            return -1;
    }
    int64_t correct = 0;
    for (int64_t i = 0; i < probe->setup->samples; i++)
        correct += base->outcomes[i].correct;
    probe->baseline = share_of((double)correct / (double)probe->setup->samples);
    return 0;
}

int probe_init(struct probe *probe, const struct probe_site *site,
               struct error *err)
{
    const struct setup *setup = site->setup;
    size_t workers = (size_t)pool_workers(site->pool);
    *probe = (struct probe){
        .site = *site, .setup = setup, .piece = (int64_t)workers};
    probe->outcomes =
        array_create((size_t)setup->samples, sizeof *probe->outcomes);
    probe->runners = array_create(workers, sizeof *probe->runners);
    probe->batches =
        array_create((size_t)setup->batches, sizeof *probe->batches);
    if (!probe->outcomes || !probe->runners || !probe->batches) {
        probe_release(probe);
        return error_memory(err, sizeof *probe->outcomes);
    }
    if (make_plan(probe, &probe->base_plan, setup->eval_graph, err) < 0 ||
        complete_baseline(probe, err) < 0 ||
        setup_strata(setup, &probe->strata, site->base->outcomes, err) < 0 ||
        prefix_create(&probe->prefix, setup->options.memory_bytes,
                      setup->batches, err) < 0) {
        probe_release(probe);
        return -1;
    }
    return 0;
}

void probe_release(struct probe *probe)
{
    prefix_destroy(probe->prefix);
    strata_destroy(probe->strata);
    plan_drop(probe->base_plan);
    free(probe->outcomes);
    free(probe->runners);
    free(probe->batches);
    *probe = (struct probe){0};
}

#include "engine/planning_cost.h"

#include "base/array.h"
#include "engine/forecast.h"
#include "measure/energy.h"
#include "measure/latency.h"

#include <math.h>
#include <stdlib.h>

enum { TURNS = 3 };

const double planning_levels[PLANNING_LEVELS] = {
    0,    0.05, 0.1,  0.15, 0.2,  0.25, 0.3,  0.35, 0.4,  0.45, 0.5,
    0.55, 0.6,  0.65, 0.7,  0.75, 0.8,  0.85, 0.9,  0.95, 0.98};

/* Between pieces: whoever waits goes first. */
static int step(const struct probe *probe, struct error *err)
{
    const struct probe_site *site = &probe->site;
    return site->step ? site->step(site->context, err) : 0;
}

/* What ends a measurement. */
static const struct cancel *ending(const struct probe *probe)
{
    const struct probe_site *site = &probe->site;
    return site->awaited ? site->awaited : site->cancel;
}

/* Whether somebody waited, who is to go first, and it is to be done again. */
static bool gives_way(const struct probe *probe, int code,
                      const struct error *why)
{
    return code < 0 && why->code == ERROR_CANCELLED && probe->site.awaited &&
           !cancel_raised(probe->site.cancel);
}

static int measure(struct latency *out, const struct probe *probe,
                   struct crew *crew, const struct latency_protocol *protocol,
                   struct error *err)
{
    struct error why;
    int code;
    do {
        why = (struct error){0};
        code = step(probe, &why);
        if (code == 0)
            code = latency_measure(out, crew, protocol, ending(probe), &why);
    } while (gives_way(probe, code, &why));
    if (code < 0 && err)
        *err = why;
    return code;
}

/* --- plans of decisions --- */

static int masks_of(struct mask_set *masks, const struct probe *probe,
                    const struct decision *decisions, struct error *err)
{
    const struct session *session = probe->setup->session;
    const struct mask_source source = {.graph = session_graph(session),
                                       .layers = session_layers(session),
                                       .decisions = decisions,
                                       .calibrator =
                                           session_calibrator(session)};
    return mask_set_init(masks, &source, err);
}

/* The instance under decisions; owned by the caller. */
static int masked(struct graph **out, const struct probe *probe,
                  const struct graph *instance,
                  const struct decision *decisions, struct error *err)
{
    const struct setup *setup = probe->setup;
    struct mask_set masks;
    if (!decisions) {
        *out = graph_retain(instance);
        return 0;
    }
    if (masks_of(&masks, probe, decisions, err) < 0)
        return -1;
    int code = setup_masked(setup, out, instance,
                            session_variant(setup->session, 0), &masks, err);
    mask_set_release(&masks);
    return code;
}

static int make_crew(struct crew **out, const struct probe *probe,
                     const struct decision *decisions, struct error *err)
{
    const struct setup *setup = probe->setup;
    const struct variant *dense = session_variant(setup->session, 0);
    struct mask_set masks = {0};
    if (decisions && masks_of(&masks, probe, decisions, err) < 0)
        return -1;
    int code = setup_crew(setup, out, dense, decisions ? &masks : NULL, NULL,
                          ending(probe), err);
    mask_set_release(&masks);
    return code;
}

/* Its kernels are measured: whoever waits goes first. */
static int crew_of(struct crew **out, const struct probe *probe,
                   const struct decision *decisions, struct error *err)
{
    struct error why;
    int code;
    do {
        why = (struct error){0};
        code = step(probe, &why);
        if (code == 0)
            code = make_crew(out, probe, decisions, &why);
    } while (gives_way(probe, code, &why));
    if (code < 0 && err)
        *err = why;
    return code;
}

/* The device's times under decisions; its layers are owned by the caller. */
static int device_times(struct result *out, const struct probe *probe,
                        const struct decision *decisions, struct error *err)
{
    const struct setup *setup = probe->setup;
    struct mask_set masks = {0};
    *out =
        (struct result){.layer_count = session_layers(setup->session)->count};
    out->layers = setup_layers(setup, setup->cost_graph);
    int code = out->layers ? 0 : error_memory(err, sizeof *out->layers);
    if (code == 0 && decisions)
        code = masks_of(&masks, probe, decisions, err);
    if (code == 0)
        code =
            setup_device_times(setup, out, session_variant(setup->session, 0),
                               decisions ? &masks : NULL, err);
    mask_set_release(&masks);
    if (code < 0)
        result_release(out);
    return code;
}

/* --- costs --- */

static double counted(const struct layer *layer, enum budget_kind kind,
                      double amount)
{
    double left = 1 - amount, macs = (double)layer->macs * left;
    int64_t nonzeros = llround((double)layer->weights * left);
    double bytes = (double)cost_encoded_bytes(layer->weights, nonzeros);
    switch (kind) {
    case BUDGET_MACS:
        return macs;
    case BUDGET_BYTES:
        return bytes;
    case BUDGET_ENERGY:
        return energy_model(macs, bytes);
    default:
        return (double)layer->weights * left;
    }
}

/* As time_level, of a device. */
static int predict_level(double *costs, double *fixed,
                         const struct probe *probe, const struct allocation *a,
                         size_t level, const struct decision *decisions,
                         struct error *err)
{
    struct result result;
    if (device_times(&result, probe, level ? decisions : NULL, err) < 0)
        return -1;
    if (level == 0)
        *fixed = result.latency_ms.median;
    for (size_t i = 0; i < a->row_count; i++) {
        double *cost = &costs[i * PLANNING_LEVELS + level];
        double ms = result.layers[a->rows[i]].ms;
        *cost = isfinite(ms) ? ms : 0;
        if (level == 0)
            *fixed -= *cost;
        else
            *cost = fmin(*cost, cost[-1]);
    }
    result_release(&result);
    return 0;
}

/* Times of all layers with `level` of each removed; at level 0 also what is
 * left of the whole. */
static int time_level(double *costs, double *fixed, const struct probe *probe,
                      const struct allocation *a, size_t level,
                      struct decision *decisions, double *amounts,
                      struct error *err)
{
    const struct layer_table *layers = a->source.layers;
    struct crew *crew = NULL;
    struct latency latency = {0};
    struct latency_protocol protocol = {3, 15, 40000000, 500000000};
    for (size_t i = 0; i < a->row_count; i++)
        amounts[i] = planning_levels[level];
    int code = allocation_decide(decisions, a, amounts, err);
    if (code == 0 && probe->setup->device)
        return predict_level(costs, fixed, probe, a, level, decisions, err);
    if (code == 0)
        code = crew_of(&crew, probe, level ? decisions : NULL, err);
    if (code == 0)
        code = measure(&latency, probe, crew, &protocol, err);
    for (size_t i = 0; code == 0 && level == 0 && i < latency.steps; i++)
        *fixed += latency.step_ms[i];
    for (size_t i = 0; code == 0 && i < a->row_count; i++) {
        int step =
            plan_step_of_node(crew_plan(crew), layers->layers[a->rows[i]].node);
        double *cost = &costs[i * PLANNING_LEVELS + level];
        *cost = step < 0 ? 0 : latency.step_ms[step];
        if (level == 0)
            *fixed -= *cost;
        else /* noise must not make more removed cost more */
            *cost = fmin(*cost, cost[-1]);
    }
    latency_release(&latency);
    crew_destroy(crew);
    return code;
}

int planning_costs(double *costs, double *fixed, const struct probe *probe,
                   const struct allocation *a, enum budget_kind kind,
                   struct error *err)
{
    const struct layer_table *layers = a->source.layers;
    struct decision *decisions = array_create(layers->count, sizeof *decisions);
    double *amounts = array_create(a->row_count + 1, sizeof *amounts);
    int code = decisions && amounts ? 0 : error_memory(err, layers->count);
    *fixed = 0;
    for (size_t level = 0; level < PLANNING_LEVELS && code == 0; level++) {
        if (kind == BUDGET_LATENCY) {
            code = time_level(costs, fixed, probe, a, level, decisions, amounts,
                              err);
            continue;
        }
        for (size_t i = 0; i < a->row_count; i++)
            costs[i * PLANNING_LEVELS + level] = counted(
                &layers->layers[a->rows[i]], kind, planning_levels[level]);
    }
    free(decisions);
    free(amounts);
    return code;
}

/* The levels that are timed under `base`; others lie between. */
static bool is_timed(size_t level)
{
    return !level || planning_levels[level] > 0.97 ||
           (planning_levels[level] > 0.49 && level % 2 == 0);
}

static int time_base(double *costs, double *fixed, const struct probe *probe,
                     const struct allocation *a, size_t level,
                     const struct decision *base, struct decision *decisions,
                     struct error *err)
{
    const struct layer_table *layers = a->source.layers;
    struct crew *crew = NULL;
    struct latency latency = {0};
    struct latency_protocol protocol = {3, 15, 40000000, 500000000};
    for (size_t i = 0; i < a->row_count; i++) {
        size_t row = a->rows[i];
        struct choice choice = {a->structure, a->criterion,
                                decision_units(planning_levels[level],
                                               layers->layers[row].weights)};
        decisions[row] = base[row];
        if (!base[row].skipped)
            decision_put(&decisions[row], &choice);
    }
    int code = crew_of(&crew, probe, decisions, err);
    if (code == 0)
        code = measure(&latency, probe, crew, &protocol, err);
    if (level == 0)
        *fixed = 0;
    for (size_t i = 0; code == 0 && level == 0 && i < latency.steps; i++)
        *fixed += latency.step_ms[i];
    for (size_t i = 0; code == 0 && i < a->row_count; i++) {
        size_t row = a->rows[i];
        int step = plan_step_of_node(crew_plan(crew), layers->layers[row].node);
        double *cost = &costs[i * PLANNING_LEVELS + level];
        *cost = step < 0 || base[row].skipped ? 0 : latency.step_ms[step];
        if (level == 0)
            *fixed -= *cost;
    }
    latency_release(&latency);
    crew_destroy(crew);
    return code;
}

/* Untimed levels lie on lines; noise must not make more removed cost more. */
static void fill_costs(double *costs)
{
    size_t last = 0;
    for (size_t level = 1; level < PLANNING_LEVELS; level++) {
        if (!is_timed(level))
            continue;
        costs[level] = fmin(costs[level], costs[last]);
        for (size_t k = last + 1; k < level; k++) {
            double share = (planning_levels[k] - planning_levels[last]) /
                           (planning_levels[level] - planning_levels[last]);
            costs[k] = costs[last] + share * (costs[level] - costs[last]);
        }
        last = level;
    }
}

int planning_times(double *costs, double *fixed, const struct probe *probe,
                   const struct allocation *a, const struct decision *base,
                   struct error *err)
{
    size_t count = a->source.layers->count;
    struct decision *decisions = array_create(count + 1, sizeof *decisions);
    int code = decisions ? 0 : error_memory(err, count * sizeof *decisions);
    for (size_t i = 0; i < count && code == 0; i++)
        decisions[i] = base[i];
    for (size_t level = 0; level < PLANNING_LEVELS && code == 0; level++) {
        if (!is_timed(level))
            continue;
        code = time_base(costs, fixed, probe, a, level, base, decisions, err);
    }
    for (size_t i = 0; i < a->row_count && code == 0; i++)
        fill_costs(costs + i * PLANNING_LEVELS);
    free(decisions);
    return code;
}

/* --- what it really takes --- */

static int measure_once(const struct probe *probe, struct crew *crew,
                        double *best, struct noise *noise, struct error *err)
{
    struct latency latency = {0};
    struct latency_protocol protocol = {5, 30, 150000000, 1500000000};
    if (measure(&latency, probe, crew, &protocol, err) < 0)
        return -1;
    *best = fmin(*best, latency.run_ms.median);
    if (noise && !(latency.noise.spread <= noise->spread))
        *noise = latency.noise;
    latency_release(&latency);
    return 0;
}

static int predict_ms(const struct probe *probe,
                      const struct decision *decisions, double *ms,
                      struct error *err)
{
    struct result result;
    if (device_times(&result, probe, decisions, err) < 0)
        return -1;
    *ms = result.latency_ms.median;
    result_release(&result);
    return 0;
}

int planning_measure(const struct probe *probe,
                     const struct decision *decisions, double *dense_ms,
                     double *ms, struct noise *noise, struct error *err)
{
    if (noise)
        *noise = (struct noise){0};
    if (probe->setup->device)
        return predict_ms(probe, NULL, dense_ms, err) < 0
                   ? -1
                   : predict_ms(probe, decisions, ms, err);
    struct crew *crews[2] = {NULL, NULL};
    double *found[2] = {dense_ms, ms};
    int code = crew_of(&crews[0], probe, NULL, err);
    if (code == 0)
        code = crew_of(&crews[1], probe, decisions, err);
    *dense_ms = *ms = INFINITY;
    /* In turn, so that what else the machine does falls on both; the least
     * median counts. */
    for (int turn = 0; turn < TURNS && code == 0; turn++)
        for (int i = 0; i < 2 && code == 0; i++) {
            code = measure_once(probe, crews[i], found[i], noise, err);
        }
    crew_destroy(crews[0]);
    crew_destroy(crews[1]);
    return code;
}

int planning_bytes(const struct probe *probe, const struct decision *decisions,
                   double *bytes, struct error *err)
{
    struct graph *graph;
    struct cost cost;
    if (masked(&graph, probe, probe->setup->cost_graph, decisions, err) < 0)
        return -1;
    cost_of_graph(graph, &cost);
    graph_drop(graph);
    *bytes = (double)cost.encoded_bytes;
    return 0;
}

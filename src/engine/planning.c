#include "engine/planning.h"

#include "base/array.h"
#include "base/strbuf.h"
#include "engine/bare.h"
#include "engine/planning_cost.h"
#include "engine/planning_mix.h"
#include "engine/training.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 8, DROP_HALVINGS = 9 };
#define CLOSE_ENOUGH 0.025 /* of the wanted time */
#define TOLERANCE    0.005 /* of the accuracy of proposals */
#define RELATIVE     0.1
#define MOST_CHANGE  1.6 /* of the target between two rounds */

static const char *const names[BUDGET_KIND_COUNT] = {
    [BUDGET_NONE] = "none",   [BUDGET_LATENCY] = "latency",
    [BUDGET_MACS] = "macs",   [BUDGET_PARAMETERS] = "parameters",
    [BUDGET_BYTES] = "bytes", [BUDGET_ENERGY] = "energy",
};

const char *budget_name(enum budget_kind kind)
{
    return names[kind];
}

enum budget_kind budget_find(const char *name)
{
    for (int i = BUDGET_NONE + 1; i < BUDGET_KIND_COUNT; i++)
        if (strcmp(names[i], name) == 0)
            return (enum budget_kind)i;
    return BUDGET_NONE;
}

int planning_read_budget(struct planning_request *request, const char *text,
                         struct error *err)
{
    const char *equals = strchr(text, '=');
    char name[24] = "", *end;
    if (equals && (size_t)(equals - text) < sizeof name)
        memcpy(name, text, (size_t)(equals - text));
    request->kind = budget_find(name);
    if (request->kind == BUDGET_NONE)
        return error_set(err, ERROR_USAGE,
                         "found '%s', expected latency, macs, parameters, "
                         "bytes or energy and a share, as latency=50%%",
                         text);
    double share = strtod(equals + 1, &end);
    if (end != equals + 1 && *end == '%') {
        share /= 100;
        end++;
    }
    if (end == equals + 1 || *end || !(share > 0 && share < 1))
        return error_set(err, ERROR_USAGE,
                         "found '%s', expected a share above 0 and below 1, or "
                         "a percentage",
                         text);
    request->share = share;
    return 0;
}

bool planning_may_mix(const struct planning_request *request)
{
    return request->kind == BUDGET_LATENCY && !request->structure &&
           !request->criterion && !request->allocator;
}

void planning_release(struct planning *planning)
{
    free(planning->decisions);
    weights_drop(planning->weights);
    *planning = (struct planning){0};
}

/* What was asked for, predicted and then measured, in one line of 80 columns.
 */
static void describe(struct strbuf *text, const struct planning *p,
                     const struct planning_request *request)
{
    double predicted = 100 * p->predicted.value;
    double measured = 100 * p->measured.value;
    if (request->kind == BUDGET_LATENCY) {
        strbuf_addf(text,
                    "plan: latency predicted %.1f %%, measured %.1f %%; "
                    "accuracy %.2f %%, %.2f %%",
                    100 * p->predicted.latency_ms / p->dense_latency_ms,
                    100 * p->ratio, predicted, measured);
        return;
    }
    strbuf_add(text, "plan: ");
    if (request->kind != BUDGET_NONE)
        strbuf_addf(text, "%s %.1f %%; ", budget_name(request->kind),
                    100 * p->ratio);
    strbuf_addf(text, "accuracy predicted %.2f %%, measured %.2f %%", predicted,
                measured);
}

int planning_outcome(struct session_outcome *out, struct planning *planning,
                     const struct planning_request *request,
                     const struct session *session, struct error *err)
{
    struct strbuf summary = {0};
    *out = (struct session_outcome){0};
    describe(&summary, planning, request);
    out->summary = strbuf_take(&summary);
    int code = out->summary ? 0 : error_memory(err, summary.length);
    strbuf_release(&summary);
    if (code == 0 && planning->weights &&
        !(out->line = session_draft_line(session, planning->decisions,
                                         "reconstruct", err)))
        code = -1;
    if (code < 0) {
        session_outcome_release(out);
        return -1;
    }
    out->decisions = planning->decisions;
    out->weights = planning->weights;
    planning->decisions = NULL;
    planning->weights = NULL;
    return 0;
}

/* One plan while it is made. */
struct work_on_plan {
    struct probe *probe;
    const struct planning_request *request;
    const struct scan_watch *watch;
    struct planning *planning;
    struct allocation a;
    size_t *rows;
    struct curve *curves;
    double *costs, *amounts, *best;
    struct decision *decisions;
};

static void tell(const struct work_on_plan *w, const char *what, size_t done,
                 size_t total)
{
    struct scan_progress progress = {
        .done = done, .total = total, .layer = what, .seconds_left = NAN};
    if (w->watch->progress)
        w->watch->progress(w->watch->context, &progress);
}

/* --- preparing --- */

static int choose_rows(struct work_on_plan *w, struct error *err)
{
    struct allocation *a = &w->a;
    const struct layer_table *layers = a->source.layers;
    size_t n = layers->count + 1;
    w->rows = array_create(n, sizeof *w->rows);
    w->curves = array_create(n, sizeof *w->curves);
    w->costs = array_create(n * PLANNING_LEVELS, sizeof *w->costs);
    w->amounts = array_create(n, sizeof *w->amounts);
    w->best = array_create(n, sizeof *w->best);
    w->decisions = array_create(n, sizeof *w->decisions);
    w->planning->decisions = array_create(n, sizeof *w->decisions);
    if (!w->rows || !w->curves || !w->costs || !w->amounts || !w->best ||
        !w->decisions || !w->planning->decisions)
        return error_memory(err, n * sizeof *w->curves);
    for (size_t i = 0; i < layers->count; i++)
        if (layers->layers[i].prunable &&
            structure_units(a->structure, &layers->layers[i]) > 0)
            w->rows[a->row_count++] = i;
    a->rows = w->rows;
    a->curves = w->curves;
    a->costs = w->costs;
    a->levels = planning_levels;
    a->level_count = PLANNING_LEVELS;
    if (a->row_count)
        return 0;
    return error_set(err, ERROR_RANGE,
                     "no layer can be pruned with structure '%s'",
                     a->structure->name);
}

static int scan_layers(struct work_on_plan *w, struct error *err)
{
    struct scan_request request = scan_request_default();
    struct sensitivity table = {0};
    request.structure = w->a.structure;
    request.criterion = w->a.criterion;
    request.whole = false;
    int code = scan_run(&table, w->probe, &request, w->watch, err);
    for (size_t i = 0; i < w->a.row_count && code == 0; i++) {
        const struct layer *layer = &w->a.source.layers->layers[w->rows[i]];
        curve_of(&w->curves[i], &table, layer->row, w->a.structure->name,
                 w->a.criterion->name);
    }
    sensitivity_release(&table);
    return code;
}

static int prepare(struct work_on_plan *w, struct error *err)
{
    const struct planning_request *r = w->request;
    const struct session *session = w->probe->setup->session;
    struct allocation *a = &w->a;
    enum budget_kind kind =
        r->kind == BUDGET_NONE ? BUDGET_PARAMETERS : r->kind;
    a->source = (struct mask_source){.graph = session_graph(session),
                                     .layers = session_layers(session),
                                     .calibrator = session_calibrator(session)};
    a->structure = r->structure ? r->structure : structures[0];
    a->criterion = r->criterion ? r->criterion : criteria[0];
    if (choose_rows(w, err) < 0 || scan_layers(w, err) < 0)
        return -1;
    tell(w, "costs of layers", 0, 1);
    if (planning_costs(w->costs, &a->fixed, w->probe, a, kind, err) < 0)
        return -1;
    memset(w->amounts, 0, a->row_count * sizeof *w->amounts);
    w->planning->dense_cost = allocation_total(a, w->amounts);
    w->planning->baseline = w->probe->baseline;
    if (w->probe->setup->device)
        snprintf(w->planning->device, sizeof w->planning->device, "%.47s",
                 w->probe->setup->device->info.name);
    return planning_bytes(w->probe, NULL, &w->planning->dense_bytes, err);
}

/* --- proposing --- */

static int evaluate(struct work_on_plan *w, const double *amounts,
                    double tolerance, struct probe_result *found,
                    struct error *err)
{
    struct probe_wish wish = {tolerance, RELATIVE, 0};
    if (allocation_decide(w->decisions, &w->a, amounts, err) < 0)
        return -1;
    probe_focus(w->probe, -1);
    return probe_run(w->probe, w->decisions, &wish, found, err);
}

static size_t count_allocators(const struct work_on_plan *w)
{
    size_t count = 0;
    while (!w->request->allocator && allocators[count])
        count++;
    return w->request->allocator ? 1 : count;
}

/* Lets every allocator propose for `budget`; the one whose proposal keeps
 * most accuracy stays. */
static int choose_allocator(struct work_on_plan *w, double budget,
                            struct error *err)
{
    struct planning *p = w->planning;
    struct error last = {0};
    double best = -1;
    p->trial_count = count_allocators(w);
    for (size_t i = 0; i < p->trial_count; i++) {
        const struct allocator *allocator =
            w->request->allocator ? w->request->allocator : allocators[i];
        struct probe_result found;
        p->trials[i] = (struct planning_trial){allocator, false, NAN, ""};
        tell(w, allocator->name, i, p->trial_count);
        if (allocate_for(allocator, &w->a, budget, w->amounts, &last) < 0) {
            if (last.code == ERROR_RANGE)
                continue;
            *err = last;
            return -1;
        }
        if (evaluate(w, w->amounts, TOLERANCE, &found, err) < 0)
            return -1;
        p->trials[i].feasible = true;
        p->trials[i].value = found.value;
        if (found.value <= best)
            continue;
        best = found.value;
        p->allocator = allocator;
    }
    if (p->allocator)
        return 0;
    return error_set(err, ERROR_RANGE, "budget %s %.4g%% cannot be met: %s",
                     budget_name(w->request->kind), 100 * w->request->share,
                     last.message);
}

/* Proposes for a time, measures, corrects what the sum of layers misses. */
static int meet_latency(struct work_on_plan *w, double budget,
                        struct error *err)
{
    struct planning *p = w->planning;
    double wanted = w->request->share, closest = INFINITY, target = budget;
    for (int round = 0; round < ROUNDS; round++) {
        double dense, ms;
        struct error failed = {0};
        tell(w, "measured latency", (size_t)round, ROUNDS);
        if (allocate_for(p->allocator, &w->a, target, w->amounts, &failed) <
            0) {
            if (failed.code == ERROR_RANGE && round)
                break; /* the closest so far */
            *err = failed;
            return -1;
        }
        if (allocation_decide(w->decisions, &w->a, w->amounts, err) < 0 ||
            planning_measure(w->probe, w->decisions, &dense, &ms, &p->noise,
                             err) < 0)
            return -1;
        double miss = fabs(ms / dense - wanted);
        if (ms / dense > wanted * PLANNING_ALLOWED)
            miss += 1; /* any that meets it is closer */
        if (miss < closest) {
            closest = miss;
            p->ratio = ms / dense;
            p->dense_latency_ms = dense;
            p->measured.latency_ms = ms;
            p->predicted.latency_ms =
                allocation_total(&w->a, w->amounts) / p->dense_cost * dense;
            memcpy(w->best, w->amounts, w->a.row_count * sizeof *w->best);
        }
        if (miss <= CLOSE_ENOUGH * wanted)
            break;
        double change = wanted / (ms / dense);
        target *= fmin(fmax(change, 1 / MOST_CHANGE), MOST_CHANGE);
    }
    return 0;
}

/* The strongest proposal whose evaluated drop stays allowed. */
static int meet_drop(struct work_on_plan *w, struct error *err)
{
    struct planning *p = w->planning;
    const struct allocator *allocator = w->request->allocator;
    double low = 0, high = 1;
    p->allocator = allocator ? allocator : &allocator_sensitivity;
    memset(w->best, 0, w->a.row_count * sizeof *w->best);
    for (int i = 0; i < DROP_HALVINGS; i++) {
        double middle = (low + high) / 2;
        struct probe_result found;
        tell(w, p->allocator->name, (size_t)i, DROP_HALVINGS);
        if (p->allocator->allocate(&w->a, middle, w->amounts, err) < 0 ||
            evaluate(w, w->amounts, TOLERANCE / 2, &found, err) < 0)
            return -1;
        if (p->baseline - found.value > w->request->drop) {
            high = middle;
            continue;
        }
        low = middle;
        memcpy(w->best, w->amounts, w->a.row_count * sizeof *w->best);
    }
    return 0;
}

/* --- finishing --- */

/* Half the width of the interval of a curve at an amount: the nearest
 * point's. */
static double half_width(const struct curve *curve, double amount)
{
    double distance = INFINITY, half = 0;
    for (size_t i = 0; i < curve->count; i++) {
        if (fabs(curve->amounts[i] - amount) >= distance)
            continue;
        distance = fabs(curve->amounts[i] - amount);
        half = (curve->high[i] - curve->low[i]) / 2;
    }
    return amount > 0 ? half : 0;
}

static void predict(struct work_on_plan *w)
{
    struct planning_figures *f = &w->planning->predicted;
    double squares = 0, bytes = w->planning->dense_bytes;
    const struct layer_table *layers = w->a.source.layers;
    for (size_t i = 0; i < w->a.row_count; i++) {
        const struct layer *layer = &layers->layers[w->rows[i]];
        double half = half_width(&w->curves[i], w->best[i]);
        int64_t left = llround((1 - w->best[i]) * (double)layer->weights);
        squares += half * half;
        bytes -= (double)(cost_encoded_bytes(layer->weights, layer->weights) -
                          cost_encoded_bytes(layer->weights, left));
    }
    f->value = w->planning->baseline - allocation_drop(&w->a, w->best);
    f->low = fmax(f->value - sqrt(squares), 0);
    f->high = fmin(f->value + sqrt(squares), 1);
    f->bytes = bytes;
    f->cost = allocation_total(&w->a, w->best);
}

static int finish(struct work_on_plan *w, struct error *err)
{
    struct planning *p = w->planning;
    const struct planning_request *r = w->request;
    struct probe_result found;
    tell(w, "the plan", 0, 1);
    predict(w);
    if (evaluate(w, w->best, 0, &found, err) < 0 ||
        planning_bytes(w->probe, w->decisions, &p->measured.bytes, err) < 0)
        return -1;
    size_t count = w->a.source.layers->count;
    memcpy(p->decisions, w->decisions, count * sizeof *p->decisions);
    p->measured.value = found.value;
    p->measured.low = found.low;
    p->measured.high = found.high;
    p->measured.cost = p->predicted.cost;
    if (r->kind != BUDGET_LATENCY) {
        if (planning_measure(w->probe, w->decisions, &p->dense_latency_ms,
                             &p->measured.latency_ms, &p->noise, err) < 0)
            return -1;
        p->predicted.latency_ms = NAN;
        p->ratio = p->predicted.cost / p->dense_cost;
    }
    p->budget_met =
        r->kind == BUDGET_NONE || p->ratio <= r->share * PLANNING_ALLOWED;
    p->drop_met = isnan(r->drop) || p->baseline - found.value <= r->drop + 1e-9;
    return 0;
}

static int make(struct work_on_plan *w, struct error *err)
{
    const struct planning_request *r = w->request;
    if (prepare(w, err) < 0)
        return -1;
    if (r->kind == BUDGET_NONE)
        return meet_drop(w, err) < 0 ? -1 : finish(w, err);
    double budget = r->share * w->planning->dense_cost;
    if (choose_allocator(w, budget, err) < 0)
        return -1;
    if (r->kind == BUDGET_LATENCY)
        return meet_latency(w, budget, err) < 0 ? -1 : finish(w, err);
    if (allocate_for(w->planning->allocator, &w->a, budget, w->best, err) < 0)
        return -1;
    return finish(w, err);
}

static int run_alone(struct planning *planning, struct probe *probe,
                     const struct planning_request *request,
                     const struct scan_watch *watch, struct error *err)
{
    *planning = (struct planning){0};
    struct work_on_plan w = {.probe = probe,
                             .request = request,
                             .watch = watch,
                             .planning = planning};
    int code = make(&w, err);
    free(w.rows);
    free(w.curves);
    free(w.costs);
    free(w.amounts);
    free(w.best);
    free(w.decisions);
    if (code < 0)
        planning_release(planning);
    return code;
}

int planning_run(struct planning *planning, struct probe *probe,
                 const struct planning_request *request,
                 const struct dataset *data, const struct scan_watch *watch,
                 struct error *err)
{
    return request->mix
               ? planning_mix(planning, probe, request, data, watch, err)
               : run_alone(planning, probe, request, watch, err);
}

int engine_planning(struct planning *planning, const struct session *session,
                    const struct engine_options *options,
                    const struct planning_request *request,
                    const struct scan_watch *watch, struct error *err)
{
    struct bare bare;
    struct probe probe;
    struct dataset *opened = NULL;
    const struct dataset *data = NULL;
    if (bare_init(&bare, session, options, err) < 0)
        return -1;
    struct probe_site site = bare_site(&bare, watch->cancel);
    int code = probe_init(&probe, &site, err);
    if (code == 0) {
        if (request->mix)
            code = training_data(&data, &opened, session, err);
        if (code == 0)
            code = planning_run(planning, &probe, request, data, watch, err);
        probe_release(&probe);
    }
    dataset_close(opened);
    bare_release(&bare);
    return code;
}

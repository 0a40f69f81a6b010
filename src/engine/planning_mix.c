#include "engine/planning_mix.h"

#include "base/array.h"
#include "engine/planning_cost.h"
#include "engine/reconstruct_run.h"
#include "prune/block.h"
#include "prune/criteria.h"
#include "prune/group.h"
#include "prune/score.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Shares of single weights in steps of one percent, up to most of them. */
enum { STEPS = 98, HALVINGS = 60, TRIES = 6, ROUNDS = 5 };
/* Samples of a reconstruction in short; of one layer halved. */
enum { SHORT_SAMPLES = 384, ROUND_TO = 8 };
#define CLOSE_ENOUGH 0.02  /* of the wanted time */
#define TOLERANCE    0.003 /* of the accuracy of trials */
#define MOST_CHANGE  1.4   /* of the target between two rounds */

/* How far each part of the course comes, of a thousand; by how long they take
 * on ResNet-20. */
enum phase {
    PHASE_WEIGHTS,
    PHASE_RANKS,
    PHASE_FIRST_TIME,
    PHASE_MOVES,
    PHASE_TIME,
    PHASE_REFIT,
    PHASE_COUNT,
};
static const size_t phase_ends[PHASE_COUNT] = {140, 220, 270, 710, 760, 1000};

/* A step beside single weights. */
struct move {
    size_t row; /* a layer of the block or group */
    struct choice choice;
    double gain; /* accuracy that is lost for the share of time saved */
};

struct mix {
    struct probe *probe;
    const struct planning_request *request;
    const struct dataset *data;
    const struct scan_watch *watch;
    struct planning *planning;
    const struct layer_table *layers;
    struct allocation a; /* rows and their times under `base` */
    size_t *rows;
    double *costs, *amounts;
    double *errors; /* per row: of 0 ... STEPS percent */
    struct decision *base, *decisions, *best;
    struct move *moves;
    size_t move_count;
    enum phase phase;
    double dense_ms; /* sum of the dense model's steps */
    double factor;   /* measured time by summed time, of the last plan */
};

static void tell(const struct mix *m, const char *what, size_t done,
                 size_t total)
{
    size_t begin = m->phase ? phase_ends[m->phase - 1] : 0;
    size_t length = phase_ends[m->phase] - begin;
    const struct scan_progress progress = {
        .done = begin + (total ? length * done / total : 0),
        .total = phase_ends[PHASE_COUNT - 1],
        .layer = what,
        .seconds_left = NAN,
    };
    if (m->watch->progress)
        m->watch->progress(m->watch->context, &progress);
}

/* Between pieces: whoever waits goes first. */
static int pause_for_others(const struct mix *m, struct error *err)
{
    const struct probe_site *site = &m->probe->site;
    return site->step ? site->step(site->context, err) : 0;
}

static int lend(void *mix, struct error *err)
{
    return pause_for_others(mix, err);
}

static int refitted(void *context, const char *layer, int done, int total,
                    struct error *err)
{
    const struct mix *m = context;
    (void)layer;
    if (m->phase == PHASE_REFIT)
        tell(m, "reconstructing the plan", (size_t)done, (size_t)total);
    return pause_for_others(m, err);
}

/* --- what single weights cost --- */

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Running sums of the least costs; a layer that cannot be asked loses its
 * output's share evenly. */
static int find_errors(struct mix *m, size_t place, struct error *err)
{
    const struct mask_source *source = &m->a.source;
    const struct layer *layer = &m->layers->layers[m->rows[place]];
    double *errors = m->errors + place * (STEPS + 1), sum = 0;
    struct error why = {0};
    float *costs = score_layer(source, m->rows[place], &criterion_obs, &why);
    if (!costs && why.code != ERROR_UNSUPPORTED) {
        *err = why;
        return -1;
    }
    if (costs)
        qsort(costs, (size_t)layer->weights, sizeof *costs, compare_floats);
    int64_t at = 0;
    for (int step = 1; step <= STEPS; step++) {
        int64_t end = decision_units(step / 100.0, layer->weights);
        for (; costs && at < end; at++)
            sum += (double)costs[at];
        errors[step] = costs ? sum : step / 100.0;
    }
    free(costs);
    return 0;
}

static int init(struct mix *m, struct error *err)
{
    const struct session *session = m->probe->setup->session;
    size_t n = (m->layers = session_layers(session))->count + 1;
    m->rows = array_create(n, sizeof *m->rows);
    m->costs = array_create(n * PLANNING_LEVELS, sizeof *m->costs);
    m->amounts = array_create(n, sizeof *m->amounts);
    m->errors = array_create(n * (STEPS + 1), sizeof *m->errors);
    m->base = array_create(n, sizeof *m->base);
    m->decisions = array_create(n, sizeof *m->decisions);
    m->best = array_create(n, sizeof *m->best);
    m->moves = array_create(3 * n, sizeof *m->moves);
    m->planning->decisions = array_create(n, sizeof *m->best);
    if (!m->rows || !m->costs || !m->amounts || !m->errors || !m->base ||
        !m->decisions || !m->best || !m->moves || !m->planning->decisions)
        return error_memory(err, n * PLANNING_LEVELS * sizeof(double));
    m->a = (struct allocation){
        .source = {.graph = session_graph(session),
                   .layers = m->layers,
                   .calibrator = session_calibrator(session)},
        .rows = m->rows,
        .structure = &structure_weight,
        .criterion = &criterion_magnitude,
        .levels = planning_levels,
        .costs = m->costs,
        .level_count = PLANNING_LEVELS,
    };
    for (size_t i = 0; i < m->layers->count; i++) {
        m->base[i] = decision_dense();
        if (m->layers->layers[i].prunable)
            m->rows[m->a.row_count++] = i;
    }
    for (size_t i = 0; i < m->a.row_count; i++) {
        tell(m, "what weights cost", i, m->a.row_count);
        if (pause_for_others(m, err) < 0 || find_errors(m, i, err) < 0)
            return -1;
    }
    return 0;
}

static void release(struct mix *m)
{
    free(m->rows);
    free(m->costs);
    free(m->amounts);
    free(m->errors);
    free(m->base);
    free(m->decisions);
    free(m->best);
    free(m->moves);
}

/* --- distributing --- */

/* Each layer's share where error and time, at a price of `price` per
 * millisecond, are least; the time of all of them. */
static double share_out(struct mix *m, double price)
{
    double total = m->a.fixed;
    for (size_t i = 0; i < m->a.row_count; i++) {
        const double *errors = m->errors + i * (STEPS + 1);
        double least = INFINITY, cost = 0;
        for (int step = 0; step <= STEPS; step++) {
            double time = allocation_cost(&m->a, i, step / 100.0);
            if (errors[step] + price * time >= least)
                continue;
            least = errors[step] + price * time;
            cost = time;
            m->amounts[i] = step / 100.0;
        }
        total += cost;
    }
    return total;
}

/* The least error within a time: the price is found by bisection on its
 * logarithm. */
static int distribute(struct mix *m, double ms, struct error *err)
{
    double low = -20, high = 20;
    if (share_out(m, exp(high)) > ms)
        return error_set(err, ERROR_RANGE,
                         "budget latency %.4g%% cannot be met: without most "
                         "weights %.3f ms of %.3f are left",
                         100 * m->request->share, share_out(m, exp(high)),
                         m->dense_ms);
    for (int i = 0; i < HALVINGS; i++) {
        double middle = (low + high) / 2;
        if (share_out(m, exp(middle)) > ms)
            low = middle;
        else
            high = middle;
    }
    share_out(m, exp(high));
    memcpy(m->decisions, m->base, m->layers->count * sizeof *m->base);
    for (size_t i = 0; i < m->a.row_count; i++) {
        const struct layer *layer = &m->layers->layers[m->rows[i]];
        struct choice choice = {&structure_weight, &criterion_magnitude,
                                decision_units(m->amounts[i], layer->weights)};
        if (!m->base[m->rows[i]].skipped)
            decision_put(&m->decisions[m->rows[i]], &choice);
    }
    return 0;
}

/* --- trying --- */

static int refit(struct mix *m, struct weights **out,
                 struct decision *decisions, const char *method,
                 int64_t samples, struct error *err)
{
    const struct reconstruct_order order = {
        .setup = m->probe->setup,
        .pool = m->probe->site.pool,
        .lender = {m->probe->site.awaited, lend, m},
        .data = m->data,
        .method = reconstruct_method_find(method),
        .samples = samples,
        .cancel = m->probe->site.cancel,
        .progress = refitted,
        .context = m,
    };
    return reconstruct_run(out, decisions, NULL, &order, err);
}

/* Accuracy of decisions with weights of their own. */
static int evaluate(struct mix *m, const struct decision *decisions,
                    const struct weights *weights, double tolerance,
                    struct probe_result *found, struct error *err)
{
    const struct probe_wish wish = {tolerance, 0.1, 0};
    const struct variant variant = {.weights = weights};
    probe_focus(m->probe, -1);
    m->probe->site.variant = weights ? &variant : NULL;
    int code = probe_run(m->probe, decisions, &wish, found, err);
    m->probe->site.variant = NULL;
    return code;
}

/* Distributes, reconstructs in short and evaluates what is decided in base. */
static int try_base(struct mix *m, struct probe_result *found,
                    struct error *err)
{
    struct weights *weights = NULL;
    double ms = m->request->share * m->dense_ms / m->factor;
    if (planning_times(m->costs, &m->a.fixed, m->probe, &m->a, m->base, err) <
            0 ||
        distribute(m, ms, err) < 0 ||
        refit(m, &weights, m->decisions, "sparsegpt", SHORT_SAMPLES, err) < 0)
        return -1;
    int code = evaluate(m, m->decisions, weights, TOLERANCE, found, err);
    weights_drop(weights);
    return code;
}

static void note_trial(struct mix *m, const char *name, bool feasible,
                       double value)
{
    struct planning *p = m->planning;
    if (p->trial_count == PLANNING_TRIALS)
        return;
    struct planning_trial *trial = &p->trials[p->trial_count++];
    *trial = (struct planning_trial){&allocator_knapsack, feasible, value, ""};
    snprintf(trial->name, sizeof trial->name, "%s", name);
}

/* --- moves --- */

/* Time of the rows that a move touches, as far as it saves any. */
static double saved_by(const struct mix *m, const struct move *move)
{
    double saved = 0;
    const struct layer *layer = &m->layers->layers[move->row];
    for (size_t i = 0; i < m->a.row_count; i++) {
        const struct layer *other = &m->layers->layers[m->rows[i]];
        double time = m->costs[i * PLANNING_LEVELS];
        bool reads = false;
        for (size_t j = 0; layer->group && j < layer->group->reader_count; j++)
            reads = reads || layer->group->readers[j] == (int)m->rows[i];
        if (move->choice.structure->skips)
            saved += other->block == layer->block ? time : 0;
        else
            saved += other->group == layer->group || reads ? time / 2 : 0;
    }
    return saved / m->dense_ms;
}

static void add_moves(struct mix *m)
{
    for (size_t i = 0; i < m->layers->count; i++) {
        const struct layer *layer = &m->layers->layers[i];
        bool first_of_block = layer->block && layer->block->layers[0] == (int)i;
        const struct group *group = layer->group;
        if (first_of_block && structure_units(&structure_layer, layer))
            m->moves[m->move_count++] = (struct move){
                i, {&structure_layer, &criterion_magnitude, 1}, 0};
        int64_t half = group ? group->unit_count / 2 / ROUND_TO * ROUND_TO : 0;
        if (group && group->layers[0] == (int)i &&
            group->kind == GROUP_CHANNELS && half > 0 && half <= group->most)
            m->moves[m->move_count++] = (struct move){
                i, {&structure_channel, &criterion_wanda, half}, 0};
    }
}

static int compare_moves(const void *a, const void *b)
{
    const struct move *x = a, *y = b;
    if (x->gain != y->gain)
        return x->gain < y->gain ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static int rank_moves(struct mix *m, struct error *err)
{
    const struct probe_wish wish = {0.01, 0.2, 0};
    size_t count = m->layers->count;
    add_moves(m);
    for (size_t i = 0; i < m->move_count; i++) {
        struct move *move = &m->moves[i];
        struct probe_result found;
        char name[PLANNING_TRIAL_NAME];
        snprintf(name, sizeof name, "%.30s alone",
                 m->layers->layers[move->row].name);
        tell(m, name, i, m->move_count);
        for (size_t j = 0; j < count; j++)
            m->decisions[j] = decision_dense();
        if (decision_choose(m->decisions, m->layers, move->row, &move->choice,
                            err) < 0 ||
            probe_run(m->probe, m->decisions, &wish, &found, err) < 0)
            return -1;
        double drop = fmax(m->probe->baseline - found.value, 1e-3);
        move->gain = drop / fmax(saved_by(m, move), 1e-6);
    }
    if (m->move_count)
        qsort(m->moves, m->move_count, sizeof *m->moves, compare_moves);
    return 0;
}

static int try_moves(struct mix *m, double *value, struct error *err)
{
    size_t count = m->layers->count, bytes = count * sizeof *m->base;
    struct decision *kept = array_create(count + 1, sizeof *kept);
    int code = kept ? 0 : error_memory(err, bytes);
    size_t tries = m->move_count < TRIES ? m->move_count : TRIES;
    for (size_t i = 0; i < tries && code == 0; i++) {
        const struct move *move = &m->moves[i];
        char name[PLANNING_TRIAL_NAME];
        struct probe_result found = {0};
        struct error why = {0};
        snprintf(name, sizeof name, "%s %.30s",
                 move->choice.structure->skips ? "without" : "half of",
                 m->layers->layers[move->row].name);
        tell(m, name, i, tries);
        memcpy(kept, m->base, bytes);
        if (m->base[move->row].skipped)
            continue;
        code =
            decision_choose(m->base, m->layers, move->row, &move->choice, &why);
        if (code == 0)
            code = try_base(m, &found, &why);
        bool better = code == 0 && found.value > *value;
        note_trial(m, name, code == 0, code == 0 ? found.value : (double)NAN);
        if (better) {
            *value = found.value;
            memcpy(m->best, m->decisions, bytes);
        } else {
            memcpy(m->base, kept, bytes);
        }
        if (code < 0 && why.code != ERROR_RANGE && why.code != ERROR_MISMATCH &&
            why.code != ERROR_UNSUPPORTED)
            *err = why;
        else
            code = 0;
    }
    free(kept);
    return code;
}

/* --- finishing --- */

/* Measures what is best, corrects the target until the time is met. */
static int meet_time(struct mix *m, struct error *err)
{
    struct planning *p = m->planning;
    size_t bytes = m->layers->count * sizeof *m->best;
    double wanted = m->request->share, closest = INFINITY, target, sum;
    target = wanted * m->dense_ms / m->factor;
    if (planning_times(m->costs, &m->a.fixed, m->probe, &m->a, m->base, err) <
        0)
        return -1;
    for (int round = 0; round < ROUNDS; round++) {
        double dense, ms;
        struct error why = {0};
        tell(m, "measured latency", (size_t)round, ROUNDS);
        if (distribute(m, target, &why) < 0) {
            if (round)
                break;
            *err = why;
            return -1;
        }
        if (planning_measure(m->probe, m->decisions, &dense, &ms, NULL, err) <
            0)
            return -1;
        sum = allocation_total(&m->a, m->amounts);
        double miss = fabs(ms / dense - wanted);
        if (miss < closest) {
            closest = miss;
            p->ratio = ms / dense;
            p->dense_latency_ms = dense;
            p->measured.latency_ms = ms;
            p->predicted.latency_ms = sum / m->dense_ms * dense * m->factor;
            p->predicted.cost = sum;
            memcpy(p->decisions, m->decisions, bytes);
        }
        m->factor = ms / dense / (sum / m->dense_ms);
        if (miss <= CLOSE_ENOUGH * wanted)
            break;
        double change = wanted / (ms / dense);
        target *= fmin(fmax(change, 1 / MOST_CHANGE), MOST_CHANGE);
    }
    return 0;
}

static int finish(struct mix *m, struct error *err)
{
    struct planning *p = m->planning;
    struct probe_result found;
    struct weights *weights;
    if (refit(m, &weights, p->decisions, "obs", 0, err) < 0)
        return -1;
    p->weights = weights;
    if (evaluate(m, p->decisions, weights, 0, &found, err) < 0 ||
        planning_bytes(m->probe, p->decisions, &p->measured.bytes, err) < 0)
        return -1;
    p->predicted.bytes = p->measured.bytes;
    p->measured.value = found.value;
    p->measured.low = found.low;
    p->measured.high = found.high;
    p->measured.cost = p->predicted.cost;
    p->budget_met = p->ratio <= m->request->share * PLANNING_ALLOWED;
    p->drop_met = isnan(m->request->drop) ||
                  p->baseline - found.value <= m->request->drop + 1e-9;
    return 0;
}

static int make(struct mix *m, struct error *err)
{
    struct planning *p = m->planning;
    struct probe_result found;
    double value;
    if (init(m, err) < 0 ||
        planning_bytes(m->probe, NULL, &p->dense_bytes, err) < 0)
        return -1;
    p->allocator = &allocator_knapsack;
    p->baseline = m->probe->baseline;
    m->phase = PHASE_RANKS;
    tell(m, "times of layers", 0, 1);
    if (planning_times(m->costs, &m->a.fixed, m->probe, &m->a, m->base, err) <
        0)
        return -1;
    memset(m->amounts, 0, m->a.row_count * sizeof *m->amounts);
    m->dense_ms = p->dense_cost = allocation_total(&m->a, m->amounts);
    if (rank_moves(m, err) < 0)
        return -1;
    /* Single weights alone first: also what the sum of steps misses. */
    m->phase = PHASE_FIRST_TIME;
    if (meet_time(m, err) < 0 || try_base(m, &found, err) < 0)
        return -1;
    value = found.value;
    note_trial(m, "weights", true, value);
    m->phase = PHASE_MOVES;
    if (try_moves(m, &value, err) < 0)
        return -1;
    m->phase = PHASE_TIME;
    if (meet_time(m, err) < 0)
        return -1;
    m->phase = PHASE_REFIT;
    p->predicted.value = p->predicted.low = p->predicted.high = value;
    return finish(m, err);
}

int planning_mix(struct planning *planning, struct probe *probe,
                 const struct planning_request *request,
                 const struct dataset *data, const struct scan_watch *watch,
                 struct error *err)
{
    *planning = (struct planning){0};
    struct mix m = {.probe = probe,
                    .request = request,
                    .data = data,
                    .watch = watch,
                    .planning = planning,
                    .factor = 1};
    int code = request->kind == BUDGET_LATENCY && !probe->setup->device
                   ? make(&m, err)
                   : error_set(err, ERROR_USAGE,
                               "structures are mixed for a latency of this "
                               "machine, found a budget of another kind");
    release(&m);
    if (code < 0)
        planning_release(planning);
    return code;
}

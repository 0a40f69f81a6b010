/* `criteria @8`, `criteria stem 50%`: one probe for each criterion, on the
 * variant's own weights. It changes no variant. */
#include "engine/rivals.h"

#include "base/array.h"
#include "engine/probe.h"
#include "engine/state.h"
#include "engine/work.h"
#include "session/amount.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So many samples are all run: figures are then those that choosing the
 * criterion gives. Of more, as many as this takes (criteria differ by less than
 * layers do). */
enum { ALL_SAMPLES = 10000 };
#define TOLERANCE 0.0025
#define RELATIVE  0.05

struct wish {
    size_t row;
    bool named; /* the amount; else the variant's */
    struct amount amount;
};

/* --- words --- */

static int parse(void **options, const struct session *session, size_t count,
                 const char *const *words, struct error *err)
{
    const struct layer_table *layers = session_layers(session);
    if (count < 1 || count > 2)
        return error_set(err, ERROR_USAGE,
                         "found %zu words, expected a layer and perhaps an "
                         "amount",
                         count);
    struct wish *wish = array_create(1, sizeof *wish);
    size_t *found = array_create(layers->count + 1, sizeof *found);
    int code = wish && found ? 0 : error_memory(err, sizeof *wish);
    size_t matches = code ? 0 : layer_match(layers, words[0], found, err);
    if (code == 0 && matches != 1)
        code = matches ? error_set(err, ERROR_USAGE,
                                   "'%s' names %zu layers, expected one",
                                   words[0], matches)
                       : -1;
    if (code == 0 && count == 2) {
        code = amount_parse(&wish->amount, words[1], err);
        wish->named = true;
    }
    if (code == 0)
        wish->row = found[0];
    free(found);
    if (code < 0)
        free(wish);
    else
        *options = wish;
    return code;
}

/* --- what is asked --- */

/* The choice to be made by each criterion. */
static int find_choice(struct choice *choice, const struct work *work,
                       struct error *err)
{
    const struct wish *wish = work_options(work);
    const struct session *session = work_setup(work)->session;
    const struct layer *layer = &session_layers(session)->layers[wish->row];
    struct choice choices[DECISION_CHOICES];
    size_t count =
        decision_choices(&work_variant(work)->decisions[wish->row], choices);
    *choice = count ? choices[0]
                    : (struct choice){session_structure(session),
                                      session_criterion(session), 0};
    if (structure_fits(choice->structure, layer, err) < 0)
        return -1;
    if (wish->named && amount_apply(&wish->amount, choice->remove,
                                    structure_units(choice->structure, layer),
                                    &choice->remove, err) < 0)
        return -1;
    if (choice->remove)
        return 0;
    return error_set(err, ERROR_USAGE,
                     "'%s' is not pruned: name an amount, as  criteria %s 50%%",
                     layer->name, layer->name);
}

static void begin(struct rivals *rivals, const struct work *work,
                  const struct choice *choice)
{
    const struct wish *wish = work_options(work);
    const struct layer_table *layers =
        session_layers(work_setup(work)->session);
    const struct variant *variant = work_variant(work);
    *rivals = (struct rivals){
        .hash = variant->hash,
        .variant = variant->id,
        .row = wish->row,
        .structure = choice->structure,
        .amount = (double)choice->remove /
                  (double)structure_units(choice->structure,
                                          &layers->layers[wish->row]),
    };
    while (criteria[rivals->count] && rivals->count < RIVALS_MAX) {
        rivals->items[rivals->count].criterion = criteria[rivals->count];
        rivals->count++;
    }
    rivals->current = rivals->count;
    if (choice->remove ==
        decision_choice(&variant->decisions[wish->row], choice->structure)
            .remove)
        for (size_t i = 0; i < rivals->count; i++)
            if (rivals->items[i].criterion == choice->criterion)
                rivals->current = i;
}

/* --- the run --- */

struct contest {
    struct work *work;
    struct rivals rivals;
    size_t at;
};

static void publish(const struct contest *contest)
{
    struct engine *engine = work_engine(contest->work);
    pthread_mutex_lock(&engine->mutex);
    engine->rivals = contest->rivals;
    engine_wake(engine);
    pthread_mutex_unlock(&engine->mutex);
}

static int step(void *context, struct error *err)
{
    struct contest *c = context;
    return work_step(c->work, c->rivals.items[c->at].criterion->name,
                     (int64_t)c->at, (int64_t)c->rivals.count, err);
}

/* What one criterion leaves. What it refuses is an answer, too. */
static int run_one(struct contest *c, struct probe *probe, struct choice choice,
                   struct error *err)
{
    const struct session *session = work_setup(c->work)->session;
    const struct layer_table *layers = session_layers(session);
    const struct variant *variant = work_variant(c->work);
    struct rival *rival = &c->rivals.items[c->at];
    bool all = work_setup(c->work)->samples <= ALL_SAMPLES;
    struct probe_wish wish = {all ? 0 : TOLERANCE, RELATIVE, 0};
    struct probe_result found;
    struct error why = {0};
    struct decision *decisions = array_create(layers->count, sizeof *decisions);
    if (!decisions)
        return error_memory(err, layers->count * sizeof *decisions);
    memcpy(decisions, variant->decisions, layers->count * sizeof *decisions);
    choice.criterion = rival->criterion;
    int code = decision_choose(decisions, layers, c->rivals.row, &choice, &why);
    if (code == 0)
        code = probe_run(probe, decisions, &wish, &found, &why);
    free(decisions);
    if (cancel_raised(work_cancel(c->work)))
        return error_set(err, ERROR_CANCELLED, "cancelled");
    rival->known = code == 0;
    rival->refused = code < 0;
    if (code == 0) {
        rival->value = found.value;
        rival->low = found.low;
        rival->high = found.high;
        rival->samples = found.samples;
    } else {
        snprintf(rival->reason, sizeof rival->reason, "%.95s", why.message);
    }
    publish(c);
    return 0;
}

static void give_summary(const struct contest *c)
{
    const struct rival *best = NULL;
    char text[160];
    const struct session *session = work_setup(c->work)->session;
    for (size_t i = 0; i < c->rivals.count; i++) {
        const struct rival *one = &c->rivals.items[i];
        if (one->known && (!best || one->value > best->value))
            best = one;
    }
    snprintf(text, sizeof text, "criteria on %.60s: %s leaves most, %.2f %%",
             session_layers(session)->layers[c->rivals.row].name,
             best ? best->criterion->name : "none",
             best ? 100 * best->value : 0);
    work_give_summary(c->work, text);
}

static int run(struct work *work, struct error *err)
{
    struct contest contest = {.work = work};
    struct choice choice;
    struct probe probe;
    struct probe_site site = {.setup = work_setup(work),
                              .pool = work_pool(work),
                              .base = work_engine(work)->base,
                              .variant = work_variant(work),
                              .cancel = work_cancel(work),
                              .step = step,
                              .context = &contest};
    if (find_choice(&choice, work, err) < 0 ||
        probe_init(&probe, &site, err) < 0)
        return -1;
    begin(&contest.rivals, work, &choice);
    publish(&contest);
    int code = 0;
    for (; contest.at < contest.rivals.count && code == 0; contest.at++)
        code = run_one(&contest, &probe, choice, err);
    if (code == 0)
        give_summary(&contest);
    probe_release(&probe);
    return code;
}

bool engine_rivals(struct engine *engine, struct rivals *out)
{
    pthread_mutex_lock(&engine->mutex);
    *out = engine->rivals;
    pthread_mutex_unlock(&engine->mutex);
    return out->count > 0;
}

const struct work_kind work_criteria = {
    .name = "criteria",
    .needs_data = true,
    .rest = WORK_REST_NONE,
    .parse = parse,
    .free_options = free,
    .run = run,
};

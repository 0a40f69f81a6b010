/* The commands that change decisions: set, global, reset; and the defaults
 * that they take: criterion, structure. */
#include "base/array.h"
#include "base/strbuf.h"
#include "base/suggest.h"
#include "prune/apply.h"
#include "session/amount.h"
#include "session/command.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Chosen rows of the layer table, ascending. */
struct rows {
    size_t *list;
    size_t count;
};

static int rows_init(struct rows *rows, const struct layer_table *layers,
                     struct error *err)
{
    *rows = (struct rows){0};
    rows->list = array_create(layers->count, sizeof *rows->list);
    return rows->list ? 0 : error_memory(err, layers->count * sizeof(size_t));
}

/*
 * The prunable rows that one pattern names. What a glob matches besides is
 * passed over; a pattern that names only layers that cannot be pruned is an
 * error that says why.
 */
static int rows_match(struct rows *rows, const struct layer_table *layers,
                      const char *pattern, struct error *err)
{
    size_t found = layer_match(layers, pattern, rows->list, err);
    if (!found)
        return -1;
    const struct layer *first = &layers->layers[rows->list[0]];
    rows->count = 0;
    for (size_t i = 0; i < found; i++)
        if (layers->layers[rows->list[i]].prunable)
            rows->list[rows->count++] = rows->list[i];
    if (!rows->count)
        return error_set(err, ERROR_UNSUPPORTED,
                         "layer '%s' cannot be pruned: %s", first->name,
                         first->reason);
    return 0;
}

/* The prunable rows that any of the patterns names; all for no pattern. */
static int rows_match_all(struct rows *rows, const struct layer_table *layers,
                          size_t count, const char *const *patterns,
                          struct error *err)
{
    static const char *const everything[] = {"*"};
    if (!count)
        return rows_match(rows, layers, everything[0], err);
    bool *chosen = array_create(layers->count, sizeof *chosen);
    if (!chosen)
        return error_memory(err, layers->count);
    for (size_t i = 0; i < count; i++) {
        if (rows_match(rows, layers, patterns[i], err) < 0) {
            free(chosen);
            return -1;
        }
        for (size_t j = 0; j < rows->count; j++)
            chosen[rows->list[j]] = true;
    }
    rows->count = 0;
    for (size_t i = 0; i < layers->count; i++)
        if (chosen[i])
            rows->list[rows->count++] = i;
    free(chosen);
    return 0;
}

static int unknown_method(const char *word, struct error *err)
{
    struct suggestion near = {.word = word};
    struct strbuf list = {0};
    for (size_t i = 0; structures[i]; i++) {
        suggest_offer(&near, structures[i]->name);
        strbuf_addf(&list, "%s%s", i ? ", " : "", structures[i]->name);
    }
    for (size_t i = 0; criteria[i]; i++) {
        suggest_offer(&near, criteria[i]->name);
        strbuf_addf(&list, "%s%s", i ? ", " : "; ", criteria[i]->name);
    }
    error_set(err, ERROR_NAME,
              near.best ? "'%.100s' is neither a structure nor a criterion, "
                          "nearest is '%s'"
                        : "'%.100s' is neither a structure nor a criterion, "
                          "expected %s",
              word, near.best ? near.best : strbuf_text(&list));
    strbuf_release(&list);
    return -1;
}

/* What a set line says besides the layers; NULL: not said. */
struct request {
    struct amount amount;
    bool natural; /* a structure stands for its own amount (2:4) */
    const struct structure *structure;
    const struct criterion *criterion;
};

/* As structure_read; an unknown name gets the nearest as a hint. */
static int find_structure(const struct structure **out, const char *word,
                          struct error *err)
{
    struct error why = {0};
    if (structure_read(out, word, &why) == 0)
        return 0;
    if (why.code == ERROR_NAME)
        return unknown_method(word, err);
    return error_set(err, why.code, "%s", why.message);
}

static int add_method(struct request *request, const char *word,
                      struct error *err)
{
    const struct criterion *criterion = criterion_find(word);
    const struct structure *structure = NULL;
    if (!criterion && find_structure(&structure, word, err) < 0)
        return -1;
    if (structure ? request->structure != NULL : request->criterion != NULL)
        return error_set(err, ERROR_USAGE, "found a second %s '%s'",
                         structure ? "structure" : "criterion", word);
    if (structure)
        request->structure = structure;
    else
        request->criterion = criterion;
    return 0;
}

/* AMOUNT, STRUCTURE:AMOUNT or a structure that has an amount of its own. */
static int parse_request(struct request *request, const char *word,
                         struct error *err)
{
    struct error why = {0};
    if (structure_read(&request->structure, word, &why) == 0) {
        request->natural = request->structure->natural != NULL;
        if (request->natural)
            return 0;
        return error_set(err, ERROR_USAGE,
                         "'%s' is a structure, expected an amount before it",
                         word);
    }
    if (why.code != ERROR_NAME)
        return error_set(err, why.code, "%s", why.message);
    const char *colon = strrchr(word, ':');
    if (colon) {
        char *name = strndup(word, (size_t)(colon - word));
        if (!name)
            return error_memory(err, strlen(word));
        int result = find_structure(&request->structure, name, err);
        free(name);
        if (result < 0)
            return -1;
        word = colon + 1;
    }
    return amount_parse(&request->amount, word, err);
}

/* A step keeps what the layer is pruned by, unless channels or blocks are
 * what is worked on; an amount starts anew. */
static struct choice next_choice(const struct decision *decision,
                                 const struct state *state,
                                 const struct request *request)
{
    const struct structure *structure = state->at.structure;
    bool relative = request->amount.relative;
    if (request->structure)
        structure = request->structure;
    else if (relative && decision->remove && !structure->narrows &&
             !structure->skips)
        structure = decision->structure;
    struct choice present = decision_choice(decision, structure);
    bool keep = relative && present.remove;
    return (struct choice){
        .structure = structure,
        .criterion = request->criterion ? request->criterion
                     : keep             ? present.criterion
                                        : state->at.criterion,
        .remove = structure == present.structure || structure->narrows ||
                          structure->skips
                      ? present.remove
                      : 0,
    };
}

static int decide(struct decision *draft, const struct state *state, size_t row,
                  const struct request *request, struct error *err)
{
    const struct layer *layer = &state->layers->layers[row];
    struct choice next = next_choice(&draft[row], state, request);
    if (structure_fits(next.structure, layer, err) < 0)
        return -1;
    if (next.criterion->part && !state->calibrator)
        return error_set(err, ERROR_USAGE,
                         "criterion '%s' needs samples to calibrate on, there "
                         "is no data",
                         next.criterion->name);
    int64_t units = structure_units(next.structure, layer);
    int64_t most = structure_most(next.structure, layer);
    if (request->natural)
        next.remove = next.structure->natural(next.structure, layer);
    else if (amount_apply(&request->amount, next.remove, units, &next.remove,
                          err) < 0)
        return error_prefix(err, "layer '%s' has %lld %s", layer->name,
                            (long long)units, next.structure->unit);
    /* One channel stays, however large the share. */
    bool share = request->amount.percent || request->amount.relative;
    if (share && next.remove > most)
        next.remove = most;
    return decision_choose(draft, state->layers, row, &next, err);
}

/* Whether an earlier row has spoken for this one: they share a group or a
 * block, and what is decided is decided for all of it. */
static bool spoken_for(const struct execution *execution,
                       const struct rows *rows, size_t i,
                       const struct request *request)
{
    const struct state *state = execution->state;
    const struct structure *structure =
        request->structure ? request->structure : state->at.structure;
    const struct layer *layer = &state->layers->layers[rows->list[i]];
    for (size_t j = 0; j < i; j++) {
        const struct layer *other = &state->layers->layers[rows->list[j]];
        if ((structure->narrows && layer->group &&
             layer->group == other->group) ||
            (structure->skips && layer->block && layer->block == other->block))
            return true;
    }
    return false;
}

/* Of several rows, those whose structure does not apply are passed over with
 * the first reason, unless none is left. */
static int decide_rows(struct execution *execution, struct decision *draft,
                       const struct rows *rows, const struct request *request,
                       struct error *err)
{
    size_t passed = 0;
    for (size_t i = 0; i < rows->count; i++) {
        size_t row = rows->list[i];
        struct error why = {0};
        if (spoken_for(execution, rows, i, request) ||
            decide(draft, execution->state, row, request, &why) == 0)
            continue;
        bool none_left = passed + 1 == rows->count;
        if (why.code != ERROR_UNSUPPORTED || none_left)
            return error_set(err, why.code, "%s", why.message);
        if (!passed++)
            execution_say(execution, "passed over %s", why.message);
    }
    if (passed > 1)
        execution_say(execution, "passed over %zu layers", passed);
    return 0;
}

int edit_command_set(struct execution *execution, size_t count,
                     const char *const *words, struct error *err)
{
    const struct state *state = execution->state;
    const struct layer_table *layers = state->layers;
    struct request request = {0};
    struct rows rows;
    if (parse_request(&request, words[1], err) < 0)
        return -1;
    for (size_t i = 2; i < count; i++)
        if (add_method(&request, words[i], err) < 0)
            return -1;
    struct decision *draft = execution_draft(execution, err);
    if (!draft || rows_init(&rows, layers, err) < 0)
        return -1;
    int result = rows_match(&rows, layers, words[0], err);
    if (!result)
        result = decide_rows(execution, draft, &rows, &request, err);
    free(rows.list);
    execution->draft_commands++;
    return result;
}

/* The share of the rows' weights that `amount` means. */
static int global_share(const struct amount *amount,
                        const struct layer_table *layers,
                        const struct decision *decisions,
                        const struct rows *rows, double *share,
                        struct error *err)
{
    int64_t total = 0, present = 0, remove;
    for (size_t i = 0; i < rows->count; i++) {
        const struct decision *decision = &decisions[rows->list[i]];
        const struct layer *layer = &layers->layers[rows->list[i]];
        total += layer->weights;
        if (decision->remove)
            present +=
                llround((double)decision->remove /
                        (double)structure_units(decision->structure, layer) *
                        (double)layer->weights);
    }
    if (amount_apply(amount, present, total, &remove, err) < 0)
        return error_prefix(err, "there are %lld weights", (long long)total);
    *share = total ? (double)remove / (double)total : 0;
    return 0;
}

/* The share of the units of the rows' groups that `amount` means. */
static int group_share(const struct amount *amount,
                       const struct layer_table *layers,
                       const struct decision *decisions,
                       const struct rows *rows,
                       const struct structure *structure, double *share,
                       struct error *err)
{
    int64_t total = 0, present = 0, remove;
    for (size_t i = 0; i < rows->count; i++) {
        const struct layer *layer = &layers->layers[rows->list[i]];
        bool seen = false;
        for (size_t j = 0; j < i && !seen; j++)
            seen = layers->layers[rows->list[j]].group == layer->group;
        int64_t units = seen ? 0 : structure_units(structure, layer);
        total += units;
        present += units ? decisions[rows->list[i]].width.remove : 0;
    }
    if (amount_apply(amount, present, total, &remove, err) < 0)
        return error_prefix(err, "there are %lld %s", (long long)total,
                            structure->unit);
    *share = total ? (double)remove / (double)total : 0;
    return 0;
}

static int rank_rows(struct decision *draft, const struct state *state,
                     const struct rows *rows, const struct request *request,
                     struct error *err)
{
    struct graph *graph;
    double share = 0;
    bool narrows = request->structure->narrows;
    int result = narrows ? group_share(&request->amount, state->layers, draft,
                                       rows, request->structure, &share, err)
                         : global_share(&request->amount, state->layers, draft,
                                        rows, &share, err);
    if (result < 0 || state_graph(state, &graph, err) < 0)
        return -1;
    const struct mask_source source = {
        .graph = graph,
        .layers = state->layers,
        .weights = state_current(state)->weights,
        .calibrator = state->calibrator,
    };
    if (narrows)
        result =
            allocate_groups(draft, &source, rows->list, rows->count,
                            request->structure, request->criterion, share, err);
    else
        result = allocate_global(draft, &source, rows->list, rows->count,
                                 request->criterion, share, err);
    graph_drop(graph);
    return result;
}

/* The words between the amount and the layers, in any order. */
static int global_methods(struct request *request, const struct state *state,
                          size_t count, const char *const *words, size_t *next,
                          struct error *err)
{
    for (; *next < count; ++*next) {
        if (!criterion_find(words[*next]) && !structure_find(words[*next]))
            break;
        if (add_method(request, words[*next], err) < 0)
            return -1;
    }
    if (!request->criterion)
        request->criterion = state->at.criterion;
    if (!request->structure)
        request->structure =
            state->at.structure->narrows ? state->at.structure : structures[0];
    if (request->structure->narrows || request->structure == structures[0])
        return 0;
    return error_set(err, ERROR_UNSUPPORTED,
                     "there is no ranking of %s over layers, expected weight, "
                     "channel or head",
                     request->structure->unit);
}

int edit_command_global(struct execution *execution, size_t count,
                        const char *const *words, struct error *err)
{
    const struct state *state = execution->state;
    const struct layer_table *layers = state->layers;
    struct request request = {0};
    struct rows rows;
    size_t next = 1;
    if (amount_parse(&request.amount, words[0], err) < 0 ||
        global_methods(&request, state, count, words, &next, err) < 0)
        return -1;
    struct decision *draft = execution_draft(execution, err);
    if (!draft || rows_init(&rows, layers, err) < 0)
        return -1;
    int result = rows_match_all(&rows, layers, count - next, words + next, err);
    if (!result)
        result = rank_rows(draft, state, &rows, &request, err);
    free(rows.list);
    execution->draft_commands++;
    strbuf_addf(&execution->label, "global %s", words[0]);
    if (request.structure != structures[0])
        strbuf_addf(&execution->label, " %s", request.structure->name);
    strbuf_addf(&execution->label, " %s", request.criterion->name);
    for (size_t i = next; i < count; i++)
        strbuf_addf(&execution->label, " %s", words[i]);
    return result;
}

int edit_command_reset(struct execution *execution, size_t count,
                       const char *const *words, struct error *err)
{
    const struct layer_table *layers = execution->state->layers;
    struct rows rows;
    struct decision *draft = execution_draft(execution, err);
    if (!draft || rows_init(&rows, layers, err) < 0)
        return -1;
    int result = rows_match_all(&rows, layers, count, words, err);
    for (size_t i = 0; !result && i < rows.count; i++)
        decision_clear(draft, layers, rows.list[i]);
    execution->own_weights = !count;
    free(rows.list);
    execution->draft_commands++;
    return result;
}

int edit_command_criterion(struct execution *execution, size_t count,
                           const char *const *words, struct error *err)
{
    struct position *at = &execution->state->at;
    const struct criterion *criterion =
        count ? criterion_find(words[0]) : at->criterion;
    if (!criterion)
        return unknown_method(words[0], err);
    if (criterion != at->criterion)
        execution_affect(execution, COMMAND_SETTING);
    at->criterion = criterion;
    execution_say(execution, "criterion %s: %s", criterion->name,
                  criterion->help);
    return 0;
}

int edit_command_structure(struct execution *execution, size_t count,
                           const char *const *words, struct error *err)
{
    struct position *at = &execution->state->at;
    const struct structure *structure = at->structure;
    if (count && find_structure(&structure, words[0], err) < 0)
        return -1;
    if (structure != at->structure)
        execution_affect(execution, COMMAND_SETTING);
    at->structure = structure;
    execution_say(execution, "structure %s: %s", structure->name,
                  structure->help);
    return 0;
}

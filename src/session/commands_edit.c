/* The commands that change decisions: set, global, reset; and the defaults
 * that they take: criterion, structure. */
#include "base/array.h"
#include "prune/apply.h"
#include "session/amount.h"
#include "session/command.h"
#include "session/suggest.h"

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
    const char *best = criteria[0]->name;
    for (size_t i = 0; criteria[i]; i++)
        if (suggest_distance(word, criteria[i]->name) <
            suggest_distance(word, best))
            best = criteria[i]->name;
    for (size_t i = 0; structures[i]; i++)
        if (suggest_distance(word, structures[i]->name) <
            suggest_distance(word, best))
            best = structures[i]->name;
    return error_set(err, ERROR_NAME,
                     "'%s' is neither a structure nor a criterion, nearest is "
                     "'%s'",
                     word, best);
}

/* What a set line says besides the layers; NULL: not said. */
struct request {
    struct amount amount;
    const struct structure *structure;
    const struct criterion *criterion;
};

static int add_method(struct request *request, const char *word,
                      struct error *err)
{
    const struct structure *structure = structure_find(word);
    const struct criterion *criterion = criterion_find(word);
    if (!structure && !criterion)
        return unknown_method(word, err);
    if (structure ? request->structure != NULL : request->criterion != NULL)
        return error_set(err, ERROR_USAGE, "found a second %s '%s'",
                         structure ? "structure" : "criterion", word);
    if (structure)
        request->structure = structure;
    else
        request->criterion = criterion;
    return 0;
}

/* AMOUNT or STRUCTURE:AMOUNT. */
static int parse_request(struct request *request, const char *word,
                         struct error *err)
{
    const char *colon = strrchr(word, ':');
    if (colon) {
        char *name = strndup(word, (size_t)(colon - word));
        if (!name)
            return error_memory(err, strlen(word));
        request->structure = structure_find(name);
        int result = request->structure ? 0 : unknown_method(name, err);
        free(name);
        if (result < 0)
            return -1;
        word = colon + 1;
    }
    return amount_parse(&request->amount, word, err);
}

static int decide(struct decision *decision, const struct state *state,
                  const struct layer *layer, const struct request *request,
                  struct error *err)
{
    /* A step keeps what the layer is pruned by; an amount starts anew. */
    bool keep = request->amount.relative && decision->remove;
    struct decision next = {
        .structure = keep ? decision->structure : state->at.structure,
        .criterion = keep ? decision->criterion : state->at.criterion,
    };
    if (request->structure)
        next.structure = request->structure;
    if (request->criterion)
        next.criterion = request->criterion;
    int64_t units = next.structure->units(layer);
    int64_t present =
        next.structure == decision->structure ? decision->remove : 0;
    if (!units)
        return error_set(err, ERROR_UNSUPPORTED,
                         "layer '%s' has no %s to remove", layer->name,
                         next.structure->unit);
    if (amount_apply(&request->amount, present, units, &next.remove, err) < 0)
        return error_prefix(err, "layer '%s' has %lld %s", layer->name,
                            (long long)units, next.structure->unit);
    *decision = next;
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
    for (size_t i = 0; !result && i < rows.count; i++)
        result = decide(&draft[rows.list[i]], state,
                        &layers->layers[rows.list[i]], &request, err);
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
        total += layers->layers[rows->list[i]].weights;
        present += decision->remove;
    }
    if (amount_apply(amount, present, total, &remove, err) < 0)
        return error_prefix(err, "there are %lld weights", (long long)total);
    *share = total ? (double)remove / (double)total : 0;
    return 0;
}

static int rank_rows(struct decision *draft, const struct state *state,
                     const struct rows *rows, const struct criterion *criterion,
                     double share, struct error *err)
{
    struct graph *graph;
    if (state_graph(state, &graph, err) < 0)
        return -1;
    const struct mask_source source = {
        .graph = graph,
        .layers = state->layers,
        .weights = state_current(state)->weights,
    };
    int result = allocate_global(draft, &source, rows->list, rows->count,
                                 criterion, share, err);
    graph_drop(graph);
    return result;
}

int edit_command_global(struct execution *execution, size_t count,
                        const char *const *words, struct error *err)
{
    const struct state *state = execution->state;
    const struct layer_table *layers = state->layers;
    const struct criterion *criterion = state->at.criterion;
    struct amount amount;
    struct rows rows;
    double share = 0;
    size_t next = 1;
    if (amount_parse(&amount, words[0], err) < 0)
        return -1;
    if (count > next && criterion_find(words[next]))
        criterion = criterion_find(words[next++]);
    struct decision *draft = execution_draft(execution, err);
    if (!draft || rows_init(&rows, layers, err) < 0)
        return -1;
    int result = rows_match_all(&rows, layers, count - next, words + next, err);
    if (!result)
        result = global_share(&amount, layers, draft, &rows, &share, err);
    if (!result)
        result = rank_rows(draft, state, &rows, criterion, share, err);
    free(rows.list);
    execution->draft_commands++;
    strbuf_addf(&execution->label, "global %s %s", words[0], criterion->name);
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
        draft[rows.list[i]].remove = 0;
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
    const struct structure *structure =
        count ? structure_find(words[0]) : at->structure;
    if (!structure)
        return unknown_method(words[0], err);
    if (structure != at->structure)
        execution_affect(execution, COMMAND_SETTING);
    at->structure = structure;
    execution_say(execution, "structure %s: %s", structure->name,
                  structure->help);
    return 0;
}

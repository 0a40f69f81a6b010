/*
 * The command `reconstruct`: layers fitted on training samples, by the method
 * that is named, at the amounts that were decided or at one amount for the
 * whole model that measured errors distribute.
 */
#include "base/array.h"
#include "engine/reconstruct_run.h"
#include "engine/state.h"
#include "engine/work.h"
#include "session/amount.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct wish {
    const struct reconstruct_method *method;
    bool distribute; /* `share` of the weights of the chosen layers */
    double share;
    bool *chosen; /* per layer; owned */
};

static void free_wish(void *options)
{
    struct wish *wish = options;
    if (wish)
        free(wish->chosen);
    free(wish);
}

static int add_layers(struct wish *wish, const struct layer_table *layers,
                      const char *pattern, struct error *err)
{
    size_t *rows = array_create(layers->count, sizeof *rows);
    if (!rows)
        return error_memory(err, layers->count * sizeof *rows);
    size_t count = layer_match(layers, pattern, rows, err);
    for (size_t i = 0; i < count; i++)
        wish->chosen[rows[i]] = true;
    free(rows);
    return count ? 0 : -1;
}

static int add_word(struct wish *wish, const struct layer_table *layers,
                    const char *word, bool *named, struct error *err)
{
    struct amount amount;
    const struct reconstruct_method *method = reconstruct_method_find(word);
    if (method) {
        wish->method = method;
        return 0;
    }
    if (word[strlen(word) - (*word != 0)] == '%') {
        if (amount_parse(&amount, word, err) < 0)
            return -1;
        if (amount.relative)
            return error_set(err, ERROR_USAGE,
                             "found the step '%s', expected an amount", word);
        wish->distribute = true;
        wish->share = amount.share;
        return 0;
    }
    *named = true;
    return add_layers(wish, layers, word, err);
}

static int parse(void **options, const struct session *session, size_t count,
                 const char *const *words, struct error *err)
{
    const struct layer_table *layers = session_layers(session);
    struct wish *wish = array_create(1, sizeof *wish);
    bool named = false;
    int result = wish ? 0 : error_memory(err, sizeof *wish);
    if (!result) {
        wish->method = reconstruct_methods[0];
        wish->chosen = array_create(layers->count, sizeof *wish->chosen);
        if (!wish->chosen)
            result = error_memory(err, layers->count);
    }
    for (size_t i = 0; i < count && !result; i++)
        result = add_word(wish, layers, words[i], &named, err);
    if (!result && wish->method->statistics && (named || wish->distribute))
        result = error_set(err, ERROR_USAGE,
                           "%s measures the whole model, expected no layers "
                           "and no amount",
                           wish->method->name);
    for (size_t i = 0; !result && !named && i < layers->count; i++)
        wish->chosen[i] = true;
    if (result < 0)
        free_wish(wish);
    else
        *options = wish;
    return result;
}

/* --- the run --- */

static int step(void *context, const char *layer, int done, int total,
                struct error *err)
{
    return work_step(context, layer, done, total, err);
}

static int lend(void *work, struct error *err)
{
    return work_lend(work, err);
}

static int run(struct work *work, struct error *err)
{
    const struct wish *wish = work_options(work);
    const struct variant *variant = work_variant(work);
    size_t count = variant->layer_count;
    struct reconstruct_order order = {
        .setup = work_setup(work),
        .pool = work_pool(work),
        .lender = {work_awaited(work), lend, work},
        .weights = variant->weights,
        .method = wish->method,
        .chosen = wish->chosen,
        .distribute = wish->distribute,
        .share = wish->share,
        .cancel = work_cancel(work),
        .progress = step,
        .context = work,
    };
    struct weights *weights;
    double removed;
    char summary[80];
    if (work_training_data(work, &order.data, err) < 0)
        return -1;
    struct decision *decisions = array_create(count + 1, sizeof *decisions);
    if (!decisions)
        return error_memory(err, count * sizeof *decisions);
    memcpy(decisions, variant->decisions, count * sizeof *decisions);
    if (reconstruct_run(&weights, decisions, &removed, &order, err) < 0) {
        free(decisions);
        return -1;
    }
    snprintf(summary, sizeof summary, "reconstruct %s, %.1f %% removed",
             wish->method->name, 100 * removed);
    work_give_weights(work, weights);
    work_give_summary(work, summary);
    if (wish->distribute)
        work_give_decisions(work, decisions);
    else
        free(decisions);
    return 0;
}

const struct work_kind work_reconstruct = {
    .name = "reconstruct",
    .needs_data = true,
    .parse = parse,
    .free_options = free_wish,
    .run = run,
};

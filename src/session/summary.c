/* Describes an edit by what changed, not by the words that asked for it. */
#include "session/amount.h"
#include "session/command.h"

#include <string.h>

/* Percentages of the layers that differ, "" where they are not all equal. */
struct difference {
    size_t count;
    const struct layer *first;
    struct choice after; /* of the first */
    size_t methods; /* that change to the first's criterion and structure */
    char from[AMOUNT_TEXT_BYTES], to[AMOUNT_TEXT_BYTES];
};

/* The part of the decisions that differs: a block, a width, or weights. */
static void different(const struct decision *before,
                      const struct decision *after, struct choice *from,
                      struct choice *to)
{
    const struct structure *kind = after->structure;
    if (before->skipped != after->skipped)
        kind = structure_find("layer");
    else if (before->width.remove != after->width.remove ||
             (after->width.remove &&
              before->width.criterion != after->width.criterion))
        kind = after->width.remove ? after->width.structure
                                   : before->width.structure;
    if (!kind)
        kind = before->structure ? before->structure : structures[0];
    *from = decision_choice(before, kind);
    *to = decision_choice(after, kind);
}

static const char *percentage(const struct layer *layer,
                              const struct choice *choice, char *text)
{
    if (!choice->remove)
        return amount_steps_text(0, 0, text);
    return amount_text(choice->remove,
                       structure_units(choice->structure, layer), text);
}

static bool changes_method(const struct choice *before,
                           const struct choice *after)
{
    return before->remove && after->remove &&
           (before->criterion != after->criterion ||
            before->structure != after->structure);
}

static void add_layer(struct difference *sum, const struct layer *layer,
                      const struct decision *old, const struct decision *now)
{
    char from[AMOUNT_TEXT_BYTES], to[AMOUNT_TEXT_BYTES];
    struct choice before, after;
    different(old, now, &before, &after);
    percentage(layer, &before, from);
    percentage(layer, &after, to);
    if (!sum->count++) {
        sum->first = layer;
        sum->after = after;
        memcpy(sum->from, from, sizeof from);
        memcpy(sum->to, to, sizeof to);
    }
    sum->methods += changes_method(&before, &after) &&
                    after.criterion == sum->after.criterion;
    if (strcmp(sum->from, from))
        sum->from[0] = '\0';
    if (strcmp(sum->to, to))
        sum->to[0] = '\0';
}

static double removed_share(const struct layer_table *layers,
                            const struct decision *decisions)
{
    struct variant variant = {.layer_count = layers->count};
    memcpy(&variant.decisions, &decisions, sizeof decisions);
    return variant_sparsity(&variant, layers);
}

void summary_add(struct strbuf *text, const struct layer_table *layers,
                 const struct decision *before, const struct decision *after)
{
    struct difference sum = {0};
    for (size_t i = 0; i < layers->count; i++)
        if (!decision_equal(&before[i], &after[i]))
            add_layer(&sum, &layers->layers[i], &before[i], &after[i]);
    if (!sum.count)
        return;
    if (sum.count == 1)
        strbuf_add(text, sum.first->name);
    else
        strbuf_addf(text, "%zu layers", sum.count);
    if (sum.from[0] && sum.to[0] && strcmp(sum.from, sum.to))
        strbuf_addf(text, " %s→%s%%", sum.from, sum.to);
    else if (sum.to[0])
        strbuf_addf(text, " →%s%%", sum.to);
    else
        strbuf_addf(text, ", %.1f→%.1f%% of all",
                    100 * removed_share(layers, before),
                    100 * removed_share(layers, after));
    const struct structure *kind = sum.after.structure;
    if (kind && (kind->narrows || kind->skips))
        strbuf_addf(text, " %s", kind->unit);
    if (sum.methods == sum.count)
        strbuf_addf(text, " by %s", sum.after.criterion->name);
}

/* Choices that concern several layers at once. */
#include "prune/block.h"
#include "prune/criteria.h"
#include "prune/group.h"
#include "prune/narrow.h"

#include <math.h>

/* The row of the table that a member of its family is kept as. */
static const struct structure *plain(const struct structure *structure)
{
    if (structure->narrows && structure->multiple)
        return structure->fits == structure_head.fits ? &structure_head
                                                      : &structure_channel;
    return structure;
}

static int64_t rounded(const struct structure *structure, int64_t units,
                       int64_t remove)
{
    if (structure->multiple < 2 || !remove)
        return remove;
    int64_t kept = (units - remove) / structure->multiple * structure->multiple;
    return units - (kept ? kept : structure->multiple);
}

static int check(const struct layer *layer, const struct choice *choice,
                 int64_t most, struct error *err)
{
    if (choice->remove >= 0 && choice->remove <= most)
        return 0;
    return error_set(err, ERROR_RANGE,
                     "layer '%s': found %lld %s to remove, expected at most "
                     "%lld, one has to stay",
                     layer->name, (long long)choice->remove,
                     choice->structure->unit, (long long)most);
}

int decision_choose(struct decision *decisions,
                    const struct layer_table *layers, size_t row,
                    const struct choice *choice, struct error *err)
{
    const struct layer *layer = &layers->layers[row];
    const struct structure *structure = choice->structure;
    if (structure_fits(structure, layer, err) < 0 ||
        (choice->remove &&
         criterion_fits(choice->criterion, structure, err) < 0))
        return -1;
    struct choice put = *choice;
    int64_t units = structure_units(structure, layer);
    if (structure->narrows) {
        put.remove = rounded(structure, units, put.remove);
        put.structure = plain(structure);
        if (check(layer, &put, structure_most(structure, layer), err) < 0)
            return -1;
        for (size_t i = 0; i < layer->group->layer_count; i++)
            decision_put(&decisions[layer->group->layers[i]], &put);
    } else if (structure->skips) {
        for (size_t i = 0; i < layer->block->layer_count; i++)
            decision_put(&decisions[layer->block->layers[i]], &put);
    } else {
        decision_put(&decisions[row], &put);
    }
    return put.remove && (structure->narrows || structure->skips ||
                          structure->permutes)
               ? narrow_check(decisions, layers, err)
               : 0;
}

void decision_clear(struct decision *decisions,
                    const struct layer_table *layers, size_t row)
{
    const struct layer *layer = &layers->layers[row];
    decisions[row].remove = 0;
    for (size_t i = 0; layer->group && i < layer->group->layer_count; i++)
        decisions[layer->group->layers[i]].width.remove = 0;
    for (size_t i = 0; layer->block && i < layer->block->layer_count; i++)
        decisions[layer->block->layers[i]].skipped = false;
}

/* --- how many weights --- */

static double share_removed(const struct choice *width,
                            const struct layer *layer)
{
    const struct group *group = layer->group;
    if (!width->remove || !group || !group->unit_count)
        return 0;
    return (double)width->remove / (double)group->unit_count;
}

/* The share of the layer's inputs that goes with other layers' channels. */
static double inputs_removed(const struct decision *decisions,
                             const struct layer_table *layers, size_t row)
{
    const struct group_table *groups = layers->groups;
    double share = 0;
    for (size_t g = 0; groups && g < groups->count; g++) {
        const struct group *group = &groups->groups[g];
        if (!group->layer_count)
            continue;
        int first = group->layers[0];
        double removed =
            share_removed(&decisions[first].width, &layers->layers[first]);
        for (size_t i = 0; removed > 0 && i < group->reader_count; i++)
            if (group->readers[i] == (int)row)
                share += removed * group->reader_shares[i];
    }
    return share;
}

int64_t decision_weights(const struct decision *decisions,
                         const struct layer_table *layers, size_t row)
{
    const struct layer *layer = &layers->layers[row];
    const struct decision *decision = &decisions[row];
    double weights = (double)layer->weights, left = weights;
    if (decision->skipped)
        return layer->weights;
    left *= 1 - share_removed(&decision->width, layer) *
                    (layer->group ? layer->group->share : 0);
    left *= 1 - inputs_removed(decisions, layers, row);
    if (decision->remove) {
        int64_t units = structure_units(decision->structure, layer);
        if (units == layer->weights && left == weights)
            return decision->remove;
        left *= units ? 1 - (double)decision->remove / (double)units : 1;
    }
    return llround(weights - left);
}

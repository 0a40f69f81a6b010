/*
 * Channels, heads and blocks go first; weights are chosen among what these
 * leave, in the shapes of the smaller graph and in its order of channels, so
 * that patterns (N:M) fit what will run. Masks are kept in the model's own
 * shapes all the same: they say what is gone of the model.
 */
#include "prune/apply.h"

#include "base/array.h"
#include "op/instance.h"
#include "prune/criteria.h"
#include "prune/masked.h"
#include "prune/narrow.h"
#include "prune/permute.h"
#include "prune/score.h"

#include <stdlib.h>
#include <string.h>

void mask_set_release(struct mask_set *set)
{
    for (size_t i = 0; set->masks && i < set->count; i++)
        bitmask_release(&set->masks[i]);
    masked_release(set);
    free(set->masks);
    free(set->removed);
    free(set->labels);
    free(set->blocks);
    free(set->order);
    free(set->shares);
    *set = (struct mask_set){0};
}

bool mask_set_shrinks(const struct mask_set *set)
{
    return set && set->labels;
}

static struct removal removal_of_set(const struct mask_set *set)
{
    return (struct removal){set->labels, set->blocks, set->order};
}

/* --- one layer --- */

struct masking {
    struct mask_set *set;
    const struct mask_source *source;
    struct graph *small; /* what is left of the graph; NULL: all of it */
    bool same;           /* as much is left as in the previous set */
};

/* What becomes of one layer's weight. */
struct outline {
    bool cut;       /* some of it goes with channels or blocks */
    uint32_t *from; /* per place: the element that comes there; NULL: its own */
};

/* The decision about weights alone. */
static int64_t weights_to_remove(const struct decision *decision)
{
    bool whole = decision->structure &&
                 (decision->structure->narrows || decision->structure->skips);
    return whole ? 0 : decision->remove;
}

static int check_decision(const struct layer *layer,
                          const struct decision *decision, int64_t *units,
                          struct error *err)
{
    const struct structure *structure = decision->structure;
    if (structure_fits(structure, layer, err) < 0)
        return -1;
    *units = structure->units(structure, layer);
    if (decision->remove >= 0 && decision->remove <= *units)
        return 0;
    return error_set(err, ERROR_RANGE,
                     "layer '%s' has %lld removable %s, found %lld to remove",
                     layer->name, (long long)*units, structure->unit,
                     (long long)decision->remove);
}

/* What is left of a layer as a layer of its own. */
static struct layer small_layer(const struct masking *masking, size_t row)
{
    struct layer layer = masking->source->layers->layers[row];
    const struct value *weight = &masking->small->values[layer.weight];
    layer.shape = weight->constant.shape;
    layer.weights = tensor_elements(&weight->constant);
    layer.matrix = layer_matrix_of(masking->small, layer.node, layer.weight);
    return layer;
}

/* Scores of kept weights move together; their number. */
static int64_t gather(float *scores, const struct bitmask *kept)
{
    int64_t count = 0;
    for (size_t i = 0; i < kept->bits; i++)
        if (bitmask_get(kept, i))
            scores[count++] = scores[i];
    return count;
}

/* Clears those of the kept bits that `chosen`, one bit each, has cleared. */
static void scatter(struct bitmask *kept, const struct bitmask *chosen)
{
    size_t at = 0;
    for (size_t i = 0; i < kept->bits; i++)
        if (bitmask_get(kept, i) && !bitmask_get(chosen, at++))
            bitmask_set(kept, i, false);
}

/* The bits as they lie in the running graph, or back. */
static int turn_bits(struct bitmask *bits, const uint32_t *from, bool back,
                     struct error *err)
{
    struct bitmask turned;
    if (!from)
        return 0;
    if (bitmask_init(&turned, bits->bits, true) < 0)
        return error_memory(err, bits->bits / 8);
    for (size_t i = 0; i < bits->bits; i++)
        bitmask_set(&turned, back ? from[i] : i,
                    bitmask_get(bits, back ? i : from[i]));
    bitmask_release(bits);
    *bits = turned;
    return 0;
}

static int turn_scores(float **scores, const uint32_t *from, size_t count,
                       struct error *err)
{
    if (!from)
        return 0;
    float *turned = array_create(count + 1, sizeof *turned);
    if (!turned)
        return error_memory(err, count * sizeof *turned);
    for (size_t i = 0; i < count; i++)
        turned[i] = (*scores)[from[i]];
    free(*scores);
    *scores = turned;
    return 0;
}

/* Selects among the kept weights, in the shapes and the order that run.
 * scores  (layer->weights) of the model's layer, changed */
static int select_kept(const struct masking *masking, size_t row,
                       struct bitmask *kept, const struct outline *outline,
                       float *scores, int64_t remove, struct error *err)
{
    const struct decision *decision = &masking->source->decisions[row];
    struct layer layer = masking->source->layers->layers[row];
    struct bitmask chosen = {0};
    int result = 0;
    if (outline->cut) {
        layer = small_layer(masking, row);
        if (gather(scores, kept) != layer.weights)
            return error_set(err, ERROR_MISMATCH,
                             "layer '%s' keeps other weights than its mask",
                             layer.name);
    }
    if (decision->criterion->within_rows && layer.matrix.rows &&
        decision->structure == structures[0])
        result = score_rank_rows(&layer.matrix, scores, err);
    if (result == 0)
        result = decision->structure->select(decision->structure, &layer,
                                             scores, remove, &chosen, err);
    if (result == 0)
        scatter(kept, &chosen);
    bitmask_release(&chosen);
    return result;
}

/* Chooses among the kept weights. */
static int choose_weights(const struct masking *masking, size_t row,
                          struct bitmask *kept, const struct outline *outline,
                          struct error *err)
{
    const struct mask_source *source = masking->source;
    const struct decision *decision = &source->decisions[row];
    const struct layer *layer = &source->layers->layers[row];
    bool anywhere = decision->structure == structures[0];
    const uint32_t *from = anywhere ? NULL : outline->from;
    int64_t units, remove = decision->remove;
    if (check_decision(layer, decision, &units, err) < 0)
        return -1;
    if (outline->cut) {
        double share = (double)remove / (double)units;
        struct layer small = small_layer(masking, row);
        remove =
            decision_units(share, structure_units(decision->structure, &small));
    }
    float *scores = score_layer(source, row, decision->criterion, err);
    if (!scores)
        return -1;
    int result = turn_scores(&scores, from, (size_t)layer->weights, err);
    if (result == 0)
        result = turn_bits(kept, from, false, err);
    if (result == 0)
        result = select_kept(masking, row, kept, outline, scores, remove, err);
    if (result == 0)
        result = turn_bits(kept, from, true, err);
    free(scores);
    return result;
}

/* Whether N:M holds for a mask of the model in the order that runs: 1; 0; -1
 * after an error. A pattern that takes less than it can proves nothing. */
static int keeps_pattern(const struct masking *masking, size_t row,
                         const struct bitmask *mask,
                         const struct outline *outline, struct error *err)
{
    const struct structure *structure =
        masking->source->decisions[row].structure;
    const struct layer *layer = &masking->source->layers->layers[row];
    struct bitmask chosen = {0};
    if (structure->select != structure_nm.select || outline->cut ||
        masking->source->decisions[row].remove <
            structure->natural(structure, layer))
        return 1;
    float *scores = array_create((size_t)layer->weights + 1, sizeof *scores);
    if (!scores)
        return error_memory(err, (size_t)layer->weights * sizeof *scores);
    for (size_t i = 0; i < mask->bits; i++)
        scores[i] = bitmask_get(mask, outline->from ? outline->from[i] : i);
    int result =
        structure->select(structure, layer, scores,
                          structure->natural(structure, layer), &chosen, err);
    bool holds = true;
    for (size_t i = 0; i < mask->bits && result == 0; i++)
        holds = holds && (!(scores[i] > 0) || bitmask_get(&chosen, i));
    bitmask_release(&chosen);
    free(scores);
    return result < 0 ? -1 : holds;
}

/* The weights' own mask, where it is of this decision; NULL: there is none. */
static int known_mask(const struct bitmask **mask,
                      const struct masking *masking, size_t row,
                      const struct outline *outline, struct error *err)
{
    const struct mask_source *source = masking->source;
    *mask = weights_mask(source->weights, row, &source->decisions[row]);
    int holds = *mask ? keeps_pattern(masking, row, *mask, outline, err) : 0;
    if (!holds)
        *mask = NULL;
    return holds < 0 ? -1 : 0;
}

/* Clears what goes with channels, heads and blocks. */
static void clear_lost(struct bitmask *mask, const struct layer *layer,
                       unsigned char *const keep[SHAPE_MAX_RANK])
{
    int64_t index[SHAPE_MAX_RANK] = {0};
    for (size_t i = 0; i < mask->bits; i++) {
        bool kept = true;
        for (int d = 0; d < layer->shape.rank; d++)
            kept = kept && (!keep[d] || keep[d][index[d]]);
        if (!kept)
            bitmask_set(mask, i, false);
        for (int d = layer->shape.rank - 1; d >= 0; d--) {
            if (++index[d] < layer->shape.dims[d])
                break;
            index[d] = 0;
        }
    }
}

static int cut_mask(const struct masking *masking, size_t row,
                    struct bitmask *mask, struct outline *outline,
                    struct error *err)
{
    const struct mask_set *set = masking->set;
    const struct layer_table *layers = masking->source->layers;
    const struct layer *layer = &layers->layers[row];
    struct removal removal = removal_of_set(set);
    struct shrink_places places;
    struct arena arena = {0};
    if (!set->labels)
        return 0;
    int block = layers->blocks->block_of[row];
    if (block >= 0 && set->blocks[block]) {
        for (size_t i = 0; i < mask->bits; i++)
            bitmask_set(mask, i, false);
        outline->cut = true;
        return 0;
    }
    int result = shrink_weight(masking->source->graph, layers, &removal, row,
                               &places, &arena, err);
    for (int d = 0; d < layer->shape.rank && result == 0; d++)
        outline->cut = outline->cut || places.keep[d];
    if (outline->cut)
        clear_lost(mask, layer, places.keep);
    if (result == 0)
        result = permute_elements(&outline->from, &places, &layer->shape, err);
    arena_release(&arena);
    return result;
}

/* Takes weights away from what is left; `mask` has a bit for each. */
static int mask_weights(struct masking *masking, size_t row,
                        struct bitmask *mask, const struct outline *outline,
                        struct error *err)
{
    const struct bitmask *known = NULL;
    if (known_mask(&known, masking, row, outline, err) < 0)
        return -1;
    if (known)
        bitmask_and(mask, known);
    if (known || !bitmask_count(mask))
        return 0;
    return choose_weights(masking, row, mask, outline, err);
}

/* Whether nothing that a layer's mask follows from has changed: weights, what
 * is left of the graph and in which order, the layer's decision. */
static bool is_kept(const struct masking *masking, size_t row)
{
    const struct mask_source *source = masking->source;
    return masking->same && source->previous && source->previous_decisions &&
           decision_equal(&source->decisions[row],
                          &source->previous_decisions[row]);
}

/* Copies what the previous set has; one bit a weight. */
static int keep_row(struct masking *masking, size_t row, struct error *err)
{
    struct mask_set *set = masking->set;
    const struct mask_set *previous = masking->source->previous;
    const struct bitmask *mask = &previous->masks[row];
    if (mask->words && bitmask_copy(&set->masks[row], mask) < 0)
        return error_memory(err, mask->bits / 8);
    set->removed[row] = previous->removed[row];
    return masked_keep(set, previous, row, err);
}

static int mask_row(struct masking *masking, size_t row, struct error *err)
{
    struct mask_set *set = masking->set;
    const struct layer *layer = &masking->source->layers->layers[row];
    struct bitmask *mask = &set->masks[row];
    struct outline outline = {0};
    int64_t remove = weights_to_remove(&masking->source->decisions[row]);
    if (!remove && !set->labels)
        return 0;
    if (bitmask_init(mask, (size_t)layer->weights, true) < 0)
        return error_memory(err, (unsigned long long)layer->weights / 8);
    int result = cut_mask(masking, row, mask, &outline, err);
    if (result == 0 && remove)
        result = mask_weights(masking, row, mask, &outline, err);
    free(outline.from);
    if (result < 0)
        return -1;
    set->removed[row] = layer->weights - (int64_t)bitmask_count(mask);
    if (!set->removed[row] && !remove)
        bitmask_release(mask); /* dense after all */
    return 0;
}

/* --- all layers --- */

bool mask_set_same_shape(const struct mask_set *set,
                         const struct mask_set *previous)
{
    if (!previous || !set->labels || !previous->labels)
        return previous && !set->labels && !previous->labels;
    size_t bytes = set->label_count * sizeof *set->order;
    bool ordered = set->order != NULL;
    if (ordered != (previous->order != NULL) ||
        (ordered && memcmp(set->order, previous->order, bytes) != 0))
        return false;
    return set->label_count == previous->label_count &&
           set->block_count == previous->block_count &&
           !memcmp(set->labels, previous->labels, set->label_count) &&
           !memcmp(set->blocks, previous->blocks, set->block_count);
}

static int find_order(struct mask_set *set, const struct mask_source *source,
                      const struct removal *removal, struct error *err)
{
    set->shares = array_create(set->count + 1, sizeof *set->shares);
    if (!set->shares)
        return error_memory(err, set->count * sizeof *set->shares);
    return permute_find(&set->order, set->shares, source, removal, err);
}

/* Finds what goes for real, what is left of the graph then, and in which
 * order. */
static int narrow(struct masking *masking, struct error *err)
{
    struct mask_set *set = masking->set;
    const struct mask_source *source = masking->source;
    const struct layer_table *layers = source->layers;
    struct removal_draft draft;
    struct graph *model = NULL;
    if (!layers->groups || !layers->blocks)
        return 0;
    if (removal_draft_init(&draft, layers, err) < 0)
        return -1;
    int result = narrow_decide(&draft, source, err);
    bool goes = draft.label_count || draft.block_count;
    struct removal removal = removal_of(&draft);
    if (result == 0)
        result = find_order(set, source, &removal, err);
    if (result == 0 && (goes || set->order)) {
        set->labels = draft.labels;
        set->blocks = draft.blocks;
        set->label_count = layers->groups->labels.count;
        set->block_count = layers->blocks->count;
        draft.labels = draft.blocks = NULL;
    }
    if (result == 0 && goes) {
        result = shrink_graph(&model, source->graph, layers, &removal,
                              SHRINK_COMPACT, err);
        if (result == 0)
            result = op_instantiate(&masking->small, model,
                                    source->graph->batch, err);
        graph_drop(model);
    }
    removal_draft_release(&draft);
    return result;
}

int mask_set_init(struct mask_set *set, const struct mask_source *source,
                  struct error *err)
{
    size_t count = source->layers->count;
    struct masking masking = {.set = set, .source = source};
    *set = (struct mask_set){.count = count};
    set->masks = array_create(count, sizeof *set->masks);
    set->removed = array_create(count, sizeof *set->removed);
    int result = set->masks && set->removed
                     ? narrow(&masking, err)
                     : error_memory(err, count * sizeof *set->masks);
    masking.same = mask_set_same_shape(set, source->previous);
    for (size_t i = 0; i < count && result == 0; i++)
        result = is_kept(&masking, i) ? keep_row(&masking, i, err)
                                      : mask_row(&masking, i, err);
    graph_drop(masking.small);
    if (result < 0)
        mask_set_release(set);
    return result;
}

int mask_set_model(struct graph **out, const struct graph *graph,
                   const struct layer_table *layers, const struct mask_set *set,
                   struct error *err)
{
    struct graph *masked;
    bool *none = array_create(
        layers->groups ? layers->groups->labels.count + 1 : 1, sizeof *none);
    struct removal removal = removal_of_set(set);
    if (!none)
        return error_memory(err, layers->count);
    if (!removal.labels)
        removal = (struct removal){none, NULL, NULL};
    int result = masked_graph(&masked, graph, layers, set, err);
    if (result == 0) {
        result =
            shrink_graph(out, masked, layers, &removal, SHRINK_COMPACT, err);
        graph_drop(masked);
    }
    free(none);
    return result;
}

int mask_set_apply(struct graph **out, const struct graph *graph,
                   const struct layer_table *layers, const struct mask_set *set,
                   struct error *err)
{
    struct graph *model;
    if (!mask_set_shrinks(set))
        return masked_graph(out, graph, layers, set, err);
    if (mask_set_model(&model, graph, layers, set, err) < 0)
        return -1;
    int result = op_instantiate(out, model, graph->batch, err);
    graph_drop(model);
    return result;
}

int mask_set_verify(const struct mask_set *set, const struct graph *graph,
                    const struct layer_table *layers,
                    const struct cancel *cancel, struct error *err)
{
    enum { RUNS = 2, SEED = 1 };
    struct removal removal = removal_of_set(set);
    if (!mask_set_shrinks(set))
        return 0;
    return shrink_verify(graph, layers, &removal, RUNS, SEED, cancel, err);
}

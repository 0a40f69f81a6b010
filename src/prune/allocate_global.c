/*
 * One ranking over all chosen layers. What falls in a layer is a prefix of
 * the layer's own (score, index) order, so the layer's decision (criterion
 * and count) reproduces it exactly without storing the global threshold.
 */
#include "base/array.h"
#include "prune/apply.h"
#include "prune/criteria.h"
#include "prune/score.h"
#include "prune/select.h"

#include <math.h>
#include <stdlib.h>

int allocate_global(struct decision *decisions,
                    const struct mask_source *source, const size_t *rows,
                    size_t row_count, const struct criterion *criterion,
                    double share, struct error *err)
{
    int result = -1;
    int64_t total = 0;
    struct score_cut cut;
    float **scores = array_create(row_count, sizeof *scores);
    struct score_span *spans = array_create(row_count, sizeof *spans);
    if (!scores || !spans) {
        error_memory(err, row_count * sizeof *spans);
        goto out;
    }
    for (size_t i = 0; i < row_count; i++) {
        const struct layer *layer = &source->layers->layers[rows[i]];
        spans[i].count = structure_units(&structure_weight, layer);
        if (!spans[i].count)
            continue;
        scores[i] = score_layer(source, rows[i], criterion, err);
        if (!scores[i])
            goto out;
        spans[i].scores = scores[i];
        total += spans[i].count;
    }
    if (score_cut_find(&cut, spans, row_count, decision_units(share, total),
                       err) < 0)
        goto out;
    for (size_t i = 0; i < row_count; i++) {
        if (!spans[i].count)
            continue;
        struct choice choice = {&structure_weight, criterion,
                                score_cut_apply(&cut, &spans[i], NULL)};
        decision_put(&decisions[rows[i]], &choice);
    }
    result = 0;
out:
    for (size_t i = 0; scores && i < row_count; i++)
        free(scores[i]);
    free(scores);
    free(spans);
    return result;
}

/* The share of all weights of the rows that the decisions remove. */
static double share_gone(const struct decision *decisions,
                         const struct layer_table *layers, const size_t *rows,
                         size_t row_count)
{
    double gone = 0, all = 0;
    for (size_t i = 0; i < row_count; i++) {
        gone += (double)decision_weights(decisions, layers, rows[i]);
        all += (double)layers->layers[rows[i]].weights;
    }
    return all > 0 ? gone / all : 0;
}

/* Weights fall in proportion from what channels leave, so the share of the
 * ranking that gives the share of the whole is searched for (false position;
 * its first guess is right where every layer lost as much). */
int allocate_global_rest(struct decision *decisions,
                         const struct mask_source *source, const size_t *rows,
                         size_t row_count, const struct criterion *criterion,
                         double share, struct error *err)
{
    static const double close_enough = 0.0005;
    enum { MOST_TRIALS = 12 };
    double low = 0, high = 1, at_high = 1;
    for (size_t i = 0; i < row_count; i++)
        decision_put(&decisions[rows[i]],
                     &(struct choice){&structure_weight, criterion, 0});
    double at_low = share_gone(decisions, source->layers, rows, row_count);
    for (int i = 0; i < MOST_TRIALS && at_low < share; i++) {
        double rank =
            low + (share - at_low) * (high - low) / (at_high - at_low);
        if (allocate_global(decisions, source, rows, row_count, criterion, rank,
                            err) < 0)
            return -1;
        double at = share_gone(decisions, source->layers, rows, row_count);
        if (fabs(at - share) < close_enough)
            break;
        double *end = at < share ? &low : &high;
        *(at < share ? &at_low : &at_high) = at;
        *end = rank;
    }
    return 0;
}

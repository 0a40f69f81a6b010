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

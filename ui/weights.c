/*
 * The selected layer's weights, for histogram, filters and mask. Made again
 * only when layer or decision change; the mask comes from the same criterion
 * and structure that prune it, so the picture is what is run.
 */
#include "view.h"

#include "base/array.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Larger layers are drawn without filters and mask: making them would be a
 * noticeable pause at every key. */
enum { WEIGHTS_MASK_MAX = 1 << 22, WEIGHTS_MAP_SIDE = 64 };

/* How a stored weight is cut into filters (outputs) and inputs. */
struct cut {
    size_t outputs, inputs, kernel;
    bool transposed; /* stored (in, out) */
};

static struct cut cut_of(const struct layer *layer)
{
    const struct shape *shape = &layer->shape;
    struct cut cut = {1, 1, 1, false};
    if (shape->rank < 1 || layer->weights <= 0)
        return cut;
    cut.outputs = (size_t)shape->dims[0];
    cut.inputs = shape->rank > 1 ? (size_t)shape->dims[1] : 1;
    cut.kernel = (size_t)layer->weights / (cut.outputs * cut.inputs);
    cut.transposed = strcmp(layer->op, "MatMul") == 0 ||
                     strcmp(layer->op, "ConvTranspose") == 0;
    if (cut.transposed) {
        size_t swap = cut.outputs;
        cut.outputs = cut.inputs;
        cut.inputs = swap;
    }
    return cut;
}

static size_t output_of(const struct cut *cut, size_t i)
{
    return cut->transposed ? i / cut->kernel % cut->outputs
                           : i / (cut->inputs * cut->kernel);
}

static size_t input_of(const struct cut *cut, size_t i)
{
    return cut->transposed ? i / (cut->outputs * cut->kernel)
                           : i / cut->kernel % cut->inputs;
}

static void count_bins(struct view_weights *out, const float *values)
{
    memset(out->bins, 0, sizeof out->bins);
    out->maximum = 0;
    for (int64_t i = 0; i < out->count; i++)
        if (isfinite(values[i]))
            out->maximum = fmax(out->maximum, fabs((double)values[i]));
    double scale = out->maximum > 0 ? VIEW_BINS / out->maximum : 0;
    for (int64_t i = 0; i < out->count; i++) {
        int bin = (int)(fabs((double)values[i]) * scale);
        out->bins[bin < VIEW_BINS ? bin : VIEW_BINS - 1] +=
            isfinite(values[i]) != 0;
    }
}

/* |w| below which weights fall, from the bins: exact to a 1024th of the
 * largest. Only meaningful where the rank is by magnitude. */
static double threshold_of(const struct view_weights *weights,
                           const struct decision *decision)
{
    if (decision->remove <= 0 || decision->criterion == NULL ||
        strcmp(decision->criterion->name, "magnitude") != 0)
        return NAN;
    int64_t below = 0;
    for (int i = 0; i < VIEW_BINS; i++) {
        if (below + weights->bins[i] >= weights->removed) {
            double part = weights->bins[i]
                              ? (double)(weights->removed - below) /
                                    (double)weights->bins[i]
                              : 0;
            return (i + part) * weights->maximum / VIEW_BINS;
        }
        below += weights->bins[i];
    }
    return weights->maximum;
}

static int allocate(struct view_weights *out, const struct cut *cut)
{
    free(out->norms);
    free(out->kept);
    free(out->map);
    out->filters = cut->outputs;
    out->map_rows =
        cut->outputs < WEIGHTS_MAP_SIDE ? cut->outputs : WEIGHTS_MAP_SIDE;
    out->map_columns =
        cut->inputs < WEIGHTS_MAP_SIDE ? cut->inputs : WEIGHTS_MAP_SIDE;
    out->norms = array_create(out->filters + 1, sizeof *out->norms);
    out->kept = array_create(out->filters + 1, sizeof *out->kept);
    out->map =
        array_create(out->map_rows * out->map_columns + 1, sizeof *out->map);
    return out->norms && out->kept && out->map ? 0 : -1;
}

/* Sums kept weights per filter and per cell of the map into shares. */
static void sum_kept(struct view_weights *out, const struct cut *cut,
                     const float *values, const struct bitmask *mask)
{
    double *cells =
        array_create(out->map_rows * out->map_columns + 1, sizeof *cells);
    for (size_t i = 0; i < (size_t)out->count; i++) {
        size_t filter = output_of(cut, i);
        size_t cell = filter * out->map_rows / cut->outputs * out->map_columns +
                      input_of(cut, i) * out->map_columns / cut->inputs;
        bool kept = mask->words == NULL || bitmask_get(mask, i);
        out->norms[filter] += (double)values[i] * (double)values[i];
        out->kept[filter] += kept;
        out->map[cell] += kept;
        if (cells != NULL)
            cells[cell]++;
    }
    for (size_t i = 0; i < out->filters; i++) {
        out->norms[i] = sqrt(out->norms[i]);
        out->kept[i] /= (double)(cut->inputs * cut->kernel);
    }
    for (size_t i = 0; cells != NULL && i < out->map_rows * out->map_columns;
         i++)
        out->map[i] = cells[i] > 0 ? out->map[i] / cells[i] : 0;
    free(cells);
}

/* Whether a layer's mask follows from more than its weights and decision:
 * channels or blocks go somewhere, or samples are asked. */
static bool needs_all(const struct variant *variant, int row)
{
    const struct criterion *criterion = variant->decisions[row].criterion;
    if (criterion != NULL && (criterion->part || criterion->within_rows))
        return true;
    for (size_t i = 0; i < variant->layer_count; i++)
        if (variant->decisions[i].width.remove || variant->decisions[i].skipped)
            return true;
    return false;
}

static int take_mask(struct bitmask *mask, const struct session *session,
                     size_t row)
{
    struct mask_set set;
    if (session_masks(session, session_current(session), NULL, NULL, &set,
                      NULL) < 0)
        return -1;
    *mask = set.masks[row];
    set.masks[row] = (struct bitmask){0};
    mask_set_release(&set);
    return 0;
}

/* The layer's mask by its decision; words NULL where nothing is removed. */
static int make_mask(struct bitmask *mask, const struct session *session,
                     const struct layer *layer, const struct decision *decision,
                     const float *values)
{
    const struct score_input input = {session_graph(session), layer, values,
                                      NULL};
    *mask = (struct bitmask){0};
    if (decision->remove == 0 || decision->structure == NULL)
        return 0;
    float *score = array_create((size_t)layer->weights, sizeof *score);
    int status = -1;
    if (score != NULL && decision->criterion->score != NULL &&
        decision->criterion->score(&input, score, NULL) == 0)
        status = decision->structure->select(decision->structure, layer, score,
                                             decision->remove, mask, NULL);
    free(score);
    return status;
}

int view_fill_weights(struct view_weights *weights,
                      const struct session *session, int row, bool with_map)
{
    const struct layer_table *layers = session_layers(session);
    if (row < 0 || row >= (int)layers->count) {
        weights->row = -1;
        return 0;
    }
    const struct layer *layer = &layers->layers[row];
    const struct decision *decision = &session_current(session)->decisions[row];
    const struct tensor *stored =
        &session_graph(session)->values[layer->weight].constant;
    uint64_t content = ((uint64_t)decision->remove << 8) ^
                       (uint64_t)(uintptr_t)decision->criterion ^
                       (uint64_t)(uintptr_t)decision->structure ^ with_map;
    bool all = needs_all(session_current(session), row);
    if (all)
        content ^= session_current(session)->hash;
    if (weights->row == row && weights->content == content)
        return 0;
    struct tensor values;
    struct bitmask mask = {0};
    struct cut cut = cut_of(layer);
    if (stored->data == NULL ||
        tensor_convert(&values, stored, DTYPE_FLOAT32, NULL) != 0)
        return -1;
    if (weights->row != row) {
        weights->count = layer->weights;
        count_bins(weights, values.data);
    }
    weights->row = row;
    weights->content = content;
    weights->removed = decision_weights(session_current(session)->decisions,
                                        layers, (size_t)row);
    weights->threshold = threshold_of(weights, decision);
    int status = 0;
    weights->filters = weights->map_rows = 0;
    if (with_map && layer->weights <= WEIGHTS_MASK_MAX) {
        status = all ? take_mask(&mask, session, (size_t)row)
                     : make_mask(&mask, session, layer, decision, values.data);
        if (status == 0)
            status = allocate(weights, &cut);
        if (status == 0)
            sum_kept(weights, &cut, values.data, &mask);
    }
    if (status != 0)
        weights->content = ~content; /* samples are asked: try again */
    bitmask_release(&mask);
    tensor_release(&values);
    return status;
}

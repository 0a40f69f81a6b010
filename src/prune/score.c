#include "prune/score.h"

#include "base/array.h"
#include "prune/calibration.h"
#include "prune/select.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* A layer's weight as float32; release it. */
static int read_weight(struct tensor *weight, const struct graph *graph,
                       const struct layer *layer, struct error *err)
{
    const struct tensor *constant = &graph->values[layer->weight].constant;
    if (constant->dtype == DTYPE_FLOAT32) {
        *weight = tensor_share(constant);
        return 0;
    }
    return tensor_convert(weight, constant, DTYPE_FLOAT32, err);
}

/* What the criterion wants to know of the samples; NULL: nothing. */
static int find_data(const struct calibration **out,
                     const struct mask_source *source, size_t row,
                     const struct criterion *criterion, struct error *err)
{
    const struct calibrator *calibrator = source->calibrator;
    *out = NULL;
    if (criterion->part == CALIBRATION_NONE)
        return 0;
    if (!calibrator)
        return error_set(err, ERROR_UNSUPPORTED,
                         "criterion '%s' needs samples to calibrate on, there "
                         "are none",
                         criterion->name);
    if (calibrator->get(calibrator->context, source->weights, criterion->part,
                        out, err) < 0)
        return error_prefix(err, "criterion '%s'", criterion->name);
    const char *reason = (*out)->layers[row].reason;
    return !*reason ? 0
                    : error_set(err, ERROR_UNSUPPORTED, "criterion '%s': %s",
                                criterion->name, reason);
}

typedef int score_face(const struct score_input *input, float *score,
                       struct error *err);

static float *run_face(score_face *face, const struct mask_source *source,
                       size_t row, const struct criterion *criterion,
                       int64_t count, struct error *err)
{
    const struct layer *layer = &source->layers->layers[row];
    const struct calibration *data = NULL;
    struct tensor weight = {0};
    float *scores = NULL;
    int code = find_data(&data, source, row, criterion, err);
    if (code == 0)
        code = read_weight(&weight, source->graph, layer, err);
    if (code == 0)
        scores = array_create((size_t)count + 1, sizeof *scores);
    if (code == 0 && !scores)
        code = error_memory(err, (unsigned long long)count * sizeof *scores);
    if (code == 0) {
        const struct score_input input = {source->graph, layer, weight.data,
                                          data ? &data->layers[row] : NULL};
        code = face(&input, scores, err);
    }
    calibration_drop(data);
    tensor_release(&weight);
    if (code == 0)
        return scores;
    error_prefix(err, "layer '%s'", layer->name);
    free(scores);
    return NULL;
}

float *score_layer(const struct mask_source *source, size_t row,
                   const struct criterion *criterion, struct error *err)
{
    int64_t count = source->layers->layers[row].weights;
    if (!criterion->score) {
        error_set(err, ERROR_UNSUPPORTED,
                  "layer '%s': criterion '%s' ranks channels and heads, not "
                  "single weights",
                  source->layers->layers[row].name, criterion->name);
        return NULL;
    }
    float *scores =
        run_face(criterion->score, source, row, criterion, count, err);
    if (scores)
        weights_lower_scores(source->weights, row, scores, count);
    return scores;
}

/* Rows that the weights mask whole are worth nothing: what went before goes
 * again. */
static void lower_rows(const struct mask_source *source, size_t row,
                       float *rows)
{
    const struct layer_matrix *m = &source->layers->layers[row].matrix;
    const struct weights *weights = source->weights;
    const struct bitmask *mask = weights ? &weights->masks[row] : NULL;
    for (int64_t r = 0; mask && mask->words && r < m->rows; r++) {
        bool any = false;
        for (int64_t c = 0; c < m->inputs && !any; c++)
            for (int64_t p = 0; p < m->places && !any; p++)
                any = bitmask_get(mask, (size_t)layer_matrix_at(m, r, c, p));
        if (!isnan(rows[r]))
            rows[r] = any ? fmaxf(rows[r], FLT_MIN) : 0;
    }
}

float *score_rows(const struct mask_source *source, size_t row,
                  const struct criterion *criterion, struct error *err)
{
    float *rows = run_face(criterion->score_rows, source, row, criterion,
                           source->layers->layers[row].matrix.rows, err);
    if (rows)
        lower_rows(source, row, rows);
    return rows;
}

/* --- ranks inside rows --- */

struct ranked {
    uint32_t key;
    int64_t at;
};

static int compare(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

int score_rank_rows(const struct layer_matrix *m, float *scores,
                    struct error *err)
{
    size_t columns = (size_t)(m->inputs * m->places), count;
    struct ranked *row = array_create(columns + 1, sizeof *row);
    if (!row)
        return error_memory(err, columns * sizeof *row);
    for (int64_t r = 0; r < m->rows; r++) {
        count = 0;
        for (int64_t c = 0; c < m->inputs; c++)
            for (int64_t p = 0; p < m->places; p++) {
                int64_t at = layer_matrix_at(m, r, c, p);
                row[count++] = (struct ranked){score_key(scores[at]), at};
            }
        qsort(row, count, sizeof *row, compare);
        for (size_t i = 0; i < count; i++)
            if (!(scores[row[i].at] < 0))
                scores[row[i].at] = (float)i;
    }
    free(row);
    return 0;
}

/* The table of methods: how what falls is chosen. */
#include "prune/reconstruct.h"

#include "base/array.h"
#include "prune/sparsegpt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Beyond this many columns a trace costs more than it is worth. */
enum { OBS_COLUMNS = 640 };

static int choose_sparsegpt(struct fit *fit, const struct decision *decision,
                            const struct parallel *parallel,
                            const struct cancel *cancel, struct bitmask *mask,
                            float *weight, double *error, struct error *err)
{
    return sparsegpt(fit, decision->structure, decision->remove, mask, weight,
                     error, parallel, cancel, err);
}

static int choose_obs(struct fit *fit, const struct decision *decision,
                      const struct parallel *parallel,
                      const struct cancel *cancel, struct bitmask *mask,
                      float *weight, double *error, struct error *err)
{
    if (fit->columns > OBS_COLUMNS)
        return choose_sparsegpt(fit, decision, parallel, cancel, mask, weight,
                                error, err);
    if (fit_trace(fit, decision->structure, parallel, cancel, err) < 0)
        return -1;
    return fit_select(fit, decision->remove, mask, err);
}

static const struct reconstruct_method method_obs = {
    .name = "obs",
    .help = "chooses what falls by its cost after refitting (ExactOBS, "
            "SparseGPT in wide layers)",
    .choose = choose_obs,
    .traces = true,
};

static const struct reconstruct_method method_sparsegpt = {
    .name = "sparsegpt",
    .help = "chooses what falls in one pass over the columns (SparseGPT)",
    .choose = choose_sparsegpt,
};

/*
 * |w| times the norm of its input, compared inside each row: the row's places
 * in that order decide, so that every row loses the same share.
 * Source: Sun et al. 2023, eq. 1.
 */
struct ranked {
    float score;
    int column;
};

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? -1 : 1;
    return x->column - y->column;
}

static int choose_wanda(struct fit *fit, const struct decision *decision,
                        const struct parallel *parallel,
                        const struct cancel *cancel, struct bitmask *mask,
                        float *weight, double *error, struct error *err)
{
    const struct layer_matrix *m = &fit->layer->matrix;
    size_t n = (size_t)fit->columns;
    struct ranked *row = array_create(n, sizeof *row);
    float *scores = array_create((size_t)fit->layer->weights, sizeof *scores);
    int result = row && scores ? 0 : error_memory(err, n * sizeof *row);
    (void)parallel;
    (void)cancel;
    (void)error;
    for (int r = 0; r < fit->rows && !result; r++) {
        size_t group = (size_t)(r / (fit->rows / fit->groups));
        for (int j = 0; j < fit->columns; j++) {
            size_t at = (group * n + (size_t)j) * n + (size_t)j;
            double mean = fit->centred ? fit->mean[group * n + (size_t)j] : 0;
            int64_t stored =
                layer_matrix_at(m, r, j / m->places, j % m->places);
            row[j] =
                (struct ranked){fabsf(weight[stored]) *
                                    (float)sqrt(fit->second[at] + mean * mean),
                                j};
        }
        qsort(row, n, sizeof *row, compare_ranked);
        for (int i = 0; i < fit->columns; i++)
            scores[layer_matrix_at(m, r, row[i].column / m->places,
                                   row[i].column % m->places)] = (float)i;
    }
    if (!result)
        result =
            decision->structure->select(decision->structure, fit->layer, scores,
                                        decision->remove, mask, err);
    free(row);
    free(scores);
    return result;
}

static const struct reconstruct_method method_wanda = {
    .name = "wanda",
    .help = "chooses by |w| times the norm of the input, row by row",
    .choose = choose_wanda,
};

static const struct reconstruct_method method_refit = {
    .name = "refit",
    .help = "keeps the masks and refits the weights that stay",
};

static const struct reconstruct_method method_recalibrate = {
    .name = "recalibrate",
    .help = "keeps masks and weights; measures batch norms again, or scales "
            "and shifts where they were folded",
    .statistics = true,
};

const struct reconstruct_method *const reconstruct_methods[] = {
    &method_obs,   &method_sparsegpt,   &method_wanda,
    &method_refit, &method_recalibrate, NULL,
};

const struct reconstruct_method *reconstruct_method_find(const char *name)
{
    for (size_t i = 0; reconstruct_methods[i]; i++)
        if (!strcmp(reconstruct_methods[i]->name, name))
            return reconstruct_methods[i];
    return NULL;
}

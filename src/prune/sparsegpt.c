/*
 * With U^T U = H^-1, U upper, U_ii^2 is the diagonal of the inverse once the
 * columns before i are fixed; a weight that falls costs w^2 / U_ii^2 and
 * moves the columns behind by -w / U_ii * U_i,j. Groups of a grouped
 * convolution have a U each; blocks run over the columns of all of them.
 */
#include "prune/sparsegpt.h"

#include "base/array.h"
#include "prune/criteria.h"
#include "prune/select.h"
#include "prune/spd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 128 };

struct pass {
    const struct fit *fit;
    const struct structure *structure;
    const struct cancel *cancel;
    double *upper;   /* (groups, columns, columns): U, rows contiguous */
    double *weight;  /* (rows, columns) */
    bool *falls;     /* (rows, columns) */
    double *errors;  /* (rows) */
    int first, last; /* columns of the block */
};

static void pass_release(struct pass *pass)
{
    free(pass->upper);
    free(pass->weight);
    free(pass->falls);
    free(pass->errors);
}

static int pass_init(struct pass *pass, struct error *err)
{
    const struct fit *fit = pass->fit;
    size_t n = (size_t)fit->columns, rows = (size_t)fit->rows;
    size_t groups = (size_t)fit->groups;
    pass->upper = array_create(groups * n, n * sizeof(double));
    pass->weight = array_create(rows * n, sizeof(double));
    pass->falls = array_create(rows * n, sizeof(bool));
    pass->errors = array_create(rows, sizeof(double));
    if (!pass->upper || !pass->weight || !pass->falls || !pass->errors)
        return error_memory(err, (unsigned long long)(groups * n) * n * 8);
    memcpy(pass->weight, fit->wanted, rows * n * sizeof(double));
    memcpy(pass->upper, fit->inverse, groups * n * n * sizeof(double));
    for (size_t g = 0; g < groups; g++) {
        double *u = pass->upper + g * n * n;
        if (spd_factor(u, fit->columns) < 0)
            return error_set(err, ERROR_RANGE, "its statistics are singular");
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < i; j++)
                u[j * n + i] = u[i * n + j];
    }
    return 0;
}

static const double *upper_of(const struct pass *pass, int row)
{
    const struct fit *fit = pass->fit;
    size_t n = (size_t)fit->columns;
    return pass->upper + (size_t)(row / (fit->rows / fit->groups)) * n * n;
}

/* --- choosing --- */

static double cost_of(const struct pass *pass, int row, int column)
{
    size_t n = (size_t)pass->fit->columns, j = (size_t)column;
    double w = pass->weight[(size_t)row * n + j];
    double u = upper_of(pass, row)[j * n + j];
    int group = row / (pass->fit->rows / pass->fit->groups);
    if (pass->fit->dead[(size_t)group * n + j])
        return 0;
    return pass->fit->scale[row] * w * w / (u * u);
}

/* The cheapest of the block over all rows. */
static int choose_block(struct pass *pass, int64_t remove, struct error *err)
{
    int rows = pass->fit->rows, width = pass->last - pass->first;
    size_t n = (size_t)pass->fit->columns;
    struct score_span span = {NULL, (int64_t)rows * width};
    struct bitmask kept = {0};
    struct score_cut cut;
    float *costs = array_create((size_t)span.count, sizeof *costs);
    if (!costs || bitmask_init(&kept, (size_t)span.count, true) < 0) {
        free(costs);
        return error_memory(err, (size_t)span.count * sizeof *costs);
    }
    for (int r = 0; r < rows; r++)
        for (int j = 0; j < width; j++)
            costs[r * width + j] = (float)cost_of(pass, r, pass->first + j);
    span.scores = costs;
    int result = score_cut_find(&cut, &span, 1, remove, err);
    if (!result)
        score_cut_apply(&cut, &span, &kept);
    for (int r = 0; r < rows && !result; r++)
        for (int j = 0; j < width; j++)
            pass->falls[(size_t)r * n + (size_t)(pass->first + j)] =
                !bitmask_get(&kept, (size_t)(r * width + j));
    free(costs);
    bitmask_release(&kept);
    return result;
}

/* Of a group of M inputs at one place the M - N cheapest, when its first
 * column is reached. */
static void choose_group(struct pass *pass, int row, int column)
{
    const struct layer_matrix *m = &pass->fit->layer->matrix;
    size_t n = (size_t)pass->fit->columns;
    int of = pass->structure->second, places = (int)m->places;
    int input = column / places;
    bool *falls = pass->falls + (size_t)row * n;
    if (input % of || input + of > (int)m->inputs)
        return;
    for (int fallen = 0; fallen < of - pass->structure->first; fallen++) {
        int best = -1;
        double least = INFINITY;
        for (int i = of; i-- > 0;) {
            int j = column + i * places;
            double cost = falls[j] ? INFINITY : cost_of(pass, row, j);
            if (cost < least) {
                least = cost;
                best = j;
            }
        }
        if (best >= 0)
            falls[best] = true;
    }
}

/* --- correcting --- */

static int correct_row(void *context, int worker, int64_t piece,
                       struct error *err)
{
    (void)worker;
    struct pass *pass = context;
    const struct fit *fit = pass->fit;
    int row = (int)piece, n = fit->columns;
    size_t stride = (size_t)n;
    double *w = pass->weight + (size_t)row * stride;
    const bool *falls = pass->falls + (size_t)row * stride;
    bool groups = pass->structure->select == structure_nm.select;
    if (cancel_raised(pass->cancel))
        return error_set(err, ERROR_CANCELLED, "cancelled");
    for (int i = pass->first; i < pass->last; i++) {
        const double *u = upper_of(pass, row) + (size_t)i * stride;
        if (groups)
            choose_group(pass, row, i);
        if (!falls[i])
            continue;
        double change = w[i] / u[i];
        pass->errors[row] += fit->scale[row] * change * change;
        w[i] = 0;
        for (int j = i + 1; j < n; j++)
            w[j] -= change * u[j];
    }
    return 0;
}

static int run_blocks(struct pass *pass, int64_t remove,
                      const struct parallel *parallel, struct error *err)
{
    int n = pass->fit->columns;
    bool groups = pass->structure->select == structure_nm.select;
    int64_t done = 0;
    for (pass->first = 0; pass->first < n; pass->first = pass->last) {
        pass->last =
            groups || pass->first + BLOCK > n ? n : pass->first + BLOCK;
        int64_t by_here =
            llround((double)remove * (double)pass->last / (double)n);
        if (!groups && choose_block(pass, by_here - done, err) < 0)
            return -1;
        done = by_here;
        if (parallel_pieces(parallel, pass->fit->rows, correct_row, pass, err) <
            0)
            return -1;
    }
    return 0;
}

static int write_outcome(const struct pass *pass, struct bitmask *mask,
                         float *weight, double *error, struct error *err)
{
    const struct fit *fit = pass->fit;
    const struct layer_matrix *m = &fit->layer->matrix;
    if (bitmask_init(mask, (size_t)fit->layer->weights, true) < 0)
        return error_memory(err, (size_t)fit->layer->weights / 8);
    for (int r = 0; r < fit->rows; r++)
        for (int j = 0; j < fit->columns; j++) {
            size_t at = (size_t)r * (size_t)fit->columns + (size_t)j;
            int64_t stored =
                layer_matrix_at(m, r, j / m->places, j % m->places);
            weight[stored] = (float)pass->weight[at];
            if (pass->falls[at])
                bitmask_set(mask, (size_t)stored, false);
        }
    for (int r = 0; error && r < fit->rows; r++)
        *error = (r ? *error : 0) + pass->errors[r];
    return 0;
}

int sparsegpt(const struct fit *fit, const struct structure *structure,
              int64_t remove, struct bitmask *mask, float *weight,
              double *error, const struct parallel *parallel,
              const struct cancel *cancel, struct error *err)
{
    struct pass pass = {.fit = fit, .structure = structure, .cancel = cancel};
    bool nm = structure->select == structure_nm.select &&
              structure->natural(structure, fit->layer) == remove;
    if (structure != &structure_weight && !nm)
        return error_set(err, ERROR_UNSUPPORTED,
                         "%d columns are too many to choose '%s' by "
                         "reconstruction",
                         fit->columns, structure->name);
    int result = pass_init(&pass, err);
    if (!result)
        result = run_blocks(&pass, remove, parallel, err);
    if (!result)
        result = write_outcome(&pass, mask, weight, error, err);
    pass_release(&pass);
    return result;
}

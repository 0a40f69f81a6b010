/*
 * The squared error of a row v on the data is (v - w) H (v - w)^T and a
 * constant, where w solves the damped normal equations; damping pulls toward
 * the weights of before. Everything after fit_init works with H and w only.
 */
#include "prune/fit.h"

#include "base/array.h"
#include "prune/obs.h"
#include "prune/spd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DAMPING 0.01

enum { DAMPING_RETRIES = 6 };

static int64_t stored_at(const struct fit *fit, int row, int column)
{
    const struct layer_matrix *m = &fit->layer->matrix;
    return layer_matrix_at(m, row, column / m->places, column % m->places);
}

static int group_of(const struct fit *fit, int row)
{
    return row / (fit->rows / fit->groups);
}

static const double *second_of(const struct fit *fit, int row)
{
    size_t n = (size_t)fit->columns;
    return fit->second + (size_t)group_of(fit, row) * n * n;
}

/* --- making --- */

static int allocate(struct fit *fit, struct error *err)
{
    size_t n = (size_t)fit->columns, groups = (size_t)fit->groups;
    size_t rows = (size_t)fit->rows;
    fit->second = array_create(groups * n, n * sizeof(double));
    fit->inverse = array_create(groups * n, n * sizeof(double));
    fit->wanted = array_create(rows * n, sizeof(double));
    fit->scale = array_create(rows, sizeof(double));
    fit->mean = array_create(groups * n, sizeof(double));
    fit->dead = array_create(groups * n, sizeof(bool));
    fit->target = array_create(rows, sizeof(double));
    if (fit->second && fit->inverse && fit->wanted && fit->scale && fit->mean &&
        fit->dead && fit->target)
        return 0;
    return error_memory(err, (unsigned long long)(2 * groups * n) * n * 8);
}

/* H of one group: mean products, about the mean when a bias is free. */
static void fill_second(struct fit *fit, const struct hessian *h, int group,
                        bool centred)
{
    size_t n = (size_t)fit->columns, at = (size_t)group * n;
    double count = (double)h->count;
    for (size_t i = 0; i < n; i++)
        fit->mean[at + i] = h->first[at + i] / count;
    const double *mean = fit->mean + at;
    for (size_t i = 0; i < n; i++)
        fit->dead[at + i] = h->second[(at + i) * n + i] == 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            fit->second[(at + i) * n + j] =
                h->second[(at + i) * n + j] / count -
                (centred ? mean[i] * mean[j] : 0);
}

/* Adds damping until there is an inverse. */
static int invert_group(struct fit *fit, int group, struct error *err)
{
    size_t n = (size_t)fit->columns;
    double *second = fit->second + (size_t)group * n * n;
    double *inverse = fit->inverse + (size_t)group * n * n;
    double mean = 0, added = 0;
    double *factor = array_create(n, n * sizeof *factor);
    if (!factor)
        return error_memory(err, (unsigned long long)n * n * sizeof *factor);
    for (size_t i = 0; i < n; i++)
        mean += second[i * n + i] / (double)n;
    if (!(mean > 0))
        mean = 1;
    int status = -1;
    for (int i = 0; i < DAMPING_RETRIES && status < 0; i++) {
        double wanted = fit->damping * mean;
        for (size_t j = 0; j < n; j++)
            second[j * n + j] += wanted - added;
        added = wanted;
        memcpy(factor, second, n * n * sizeof *factor);
        status = spd_factor(factor, fit->columns);
        if (status < 0)
            fit->damping *= 10;
    }
    if (status == 0)
        spd_invert(factor, fit->columns, inverse);
    free(factor);
    return status == 0 ? 0
                       : error_set(err, ERROR_RANGE,
                                   "its inputs give no usable statistics");
}

/* w = (G + damping W) H^-1 with targets, else the weights of before. */
static void fill_wanted(struct fit *fit, const float *weight,
                        const struct hessian *h,
                        const struct fit_options *options, double added,
                        int row, double *right)
{
    size_t n = (size_t)fit->columns, group = (size_t)group_of(fit, row);
    const double *mean = fit->mean + group * n;
    const double *inverse = fit->inverse + group * n * n;
    double *wanted = fit->wanted + (size_t)row * n;
    double bias = options->bias ? (double)options->bias[row] : 0;
    double count = (double)h->count;
    fit->target[row] = bias;
    for (size_t j = 0; j < n; j++) {
        wanted[j] = (double)weight[stored_at(fit, row, (int)j)];
        fit->target[row] += wanted[j] * mean[j];
    }
    if (!h->cross)
        return;
    fit->target[row] = h->target[row] / count;
    double shift = options->centred ? fit->target[row] : bias;
    for (size_t j = 0; j < n; j++) {
        double product = h->cross[(size_t)row * n + j] / count;
        right[j] = product - shift * mean[j] + added * wanted[j];
    }
    for (size_t j = 0; j < n; j++) {
        double sum = 0;
        for (size_t k = 0; k < n; k++)
            sum += inverse[j * n + k] * right[k];
        wanted[j] = sum;
    }
}

/* What the wanted weights contribute to the output's mean square. */
static double energy(const struct fit *fit, int row)
{
    size_t n = (size_t)fit->columns;
    const double *second = second_of(fit, row);
    const double *w = fit->wanted + (size_t)row * n;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double line = 0;
        for (size_t j = 0; j < n; j++)
            line += second[i * n + j] * w[j];
        sum += w[i] * line;
    }
    return sum * fit->scale[row];
}

int fit_init(struct fit *fit, const struct layer *layer, const float *weight,
             const struct hessian *hessian, const struct fit_options *options,
             struct error *err)
{
    const struct layer_matrix *m = &layer->matrix;
    *fit = (struct fit){
        .layer = layer,
        .rows = (int)m->rows,
        .columns = hessian->columns,
        .groups = hessian->groups,
        .centred = options->centred,
        .damping = options->damping > 0 ? options->damping : DAMPING,
    };
    double *right = array_create((size_t)fit->columns, sizeof *right);
    int result = right ? allocate(fit, err)
                       : error_memory(err, (size_t)fit->columns * 8);
    for (int g = 0; g < fit->groups && !result; g++) {
        size_t corner = (size_t)g * (size_t)fit->columns * (size_t)fit->columns;
        fill_second(fit, hessian, g, options->centred);
        double before = fit->second[corner];
        result = invert_group(fit, g, err);
        double added = fit->second[corner] - before;
        int rows = fit->rows / fit->groups;
        for (int r = g * rows; r < (g + 1) * rows && !result; r++) {
            double scale =
                options->row_scale ? (double)options->row_scale[r] : 1;
            fit->scale[r] = scale * scale;
            fill_wanted(fit, weight, hessian, options, added, r, right);
            fit->total += energy(fit, r);
        }
    }
    free(right);
    if (result < 0)
        fit_release(fit);
    return result;
}

void fit_release(struct fit *fit)
{
    free(fit->second);
    free(fit->inverse);
    free(fit->wanted);
    free(fit->scale);
    free(fit->mean);
    free(fit->dead);
    free(fit->target);
    free(fit->order);
    free(fit->increase);
    *fit = (struct fit){0};
}

/* --- solving --- */

struct solving {
    const struct fit *fit;
    const struct bitmask *mask;
    const struct cancel *cancel;
    float *weight;
    double *errors; /* (rows) */
};

/* H v = H w on the kept columns; without any the row is zero. */
static int solve_kept(const struct fit *fit, int row, const int *kept,
                      int count, double *v, struct error *err)
{
    size_t n = (size_t)fit->columns, k = (size_t)count;
    const double *second = second_of(fit, row);
    const double *w = fit->wanted + (size_t)row * n;
    double *factor = array_create(k + 1, (k + 1) * sizeof *factor);
    if (!factor)
        return error_memory(err, (unsigned long long)k * k * sizeof *factor);
    for (size_t i = 0; i < k; i++) {
        const double *line = second + (size_t)kept[i] * n;
        v[i] = 0;
        for (size_t j = 0; j < n; j++)
            v[i] += line[j] * w[j];
        for (size_t j = 0; j <= i; j++)
            factor[i * k + j] = line[kept[j]];
    }
    int status = spd_factor(factor, count);
    if (status == 0)
        spd_solve(factor, count, v);
    free(factor);
    return status == 0
               ? 0
               : error_set(err, ERROR_RANGE, "its statistics are singular");
}

/* (v - w) H (v - w)^T */
static double error_of(const struct fit *fit, int row, const double *v)
{
    size_t n = (size_t)fit->columns;
    const double *second = second_of(fit, row);
    const double *w = fit->wanted + (size_t)row * n;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double line = 0;
        for (size_t j = 0; j < n; j++)
            line += second[i * n + j] * (v[j] - w[j]);
        sum += (v[i] - w[i]) * line;
    }
    return sum * fit->scale[row];
}

static int solve_row(void *context, int worker, int64_t piece,
                     struct error *err)
{
    (void)worker;
    const struct solving *s = context;
    const struct fit *fit = s->fit;
    int n = fit->columns, row = (int)piece, count = 0;
    if (cancel_raised(s->cancel))
        return error_set(err, ERROR_CANCELLED, "cancelled");
    int *kept = array_create((size_t)n, sizeof *kept);
    double *v = array_create((size_t)n, sizeof *v);
    double *full = array_create((size_t)n, sizeof *full);
    int result =
        kept && v && full ? 0 : error_memory(err, (size_t)n * sizeof *full);
    for (int j = 0; j < n && !result; j++)
        if (bitmask_get(s->mask, (size_t)stored_at(fit, row, j)))
            kept[count++] = j;
    if (!result)
        result = solve_kept(fit, row, kept, count, v, err);
    if (!result) {
        for (int i = 0; i < count; i++)
            full[kept[i]] = (double)(float)v[i];
        for (int j = 0; j < n; j++)
            s->weight[stored_at(fit, row, j)] = (float)full[j];
        s->errors[row] = error_of(fit, row, full);
    }
    free(kept);
    free(v);
    free(full);
    return result;
}

int fit_solve(const struct fit *fit, const struct bitmask *mask, float *weight,
              double *error, const struct parallel *parallel,
              const struct cancel *cancel, struct error *err)
{
    struct solving s = {fit, mask, cancel, weight, NULL};
    s.errors = array_create((size_t)fit->rows, sizeof *s.errors);
    if (!s.errors)
        return error_memory(err, (size_t)fit->rows * sizeof *s.errors);
    int result = parallel_pieces(parallel, fit->rows, solve_row, &s, err);
    if (error) {
        *error = 0;
        for (int r = 0; r < fit->rows; r++)
            *error += s.errors[r];
    }
    free(s.errors);
    return result;
}

void fit_bias(const struct fit *fit, const float *weight, double *bias)
{
    size_t n = (size_t)fit->columns;
    for (int r = 0; r < fit->rows; r++) {
        const double *mean = fit->mean + (size_t)group_of(fit, r) * n;
        bias[r] = fit->target[r];
        for (size_t j = 0; j < n; j++)
            bias[r] -= (double)weight[stored_at(fit, r, (int)j)] * mean[j];
    }
}

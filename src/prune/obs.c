/*
 * One triangle of the inverse is kept; a column that falls changes places
 * with the last one, so the work shrinks with what is left. Units of several
 * columns fall column by column, which is exact; only their score needs the
 * inverse of their block.
 */
#include "prune/obs.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { WIDTH_MAX = 64 };

struct state {
    const struct obs_problem *problem;
    int left;         /* columns still there */
    double *inverse;  /* lower triangle, row i at i * columns */
    double *weight;   /* (rows, columns), places as in inverse */
    double *fallen;   /* the column that falls */
    int *at, *column; /* place of a column, column at a place */
    int *room;        /* per bucket */
    bool *gone;       /* per unit */
};

static size_t aligned(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

size_t obs_scratch_bytes(const struct obs_problem *problem)
{
    size_t n = (size_t)problem->columns, rows = (size_t)problem->rows;
    size_t units = (size_t)problem->units;
    return aligned(n * n * sizeof(double)) + aligned(rows * n * 8) +
           aligned(n * sizeof(double)) + 2 * aligned(n * sizeof(int)) +
           aligned(units * sizeof(int)) + aligned(units * sizeof(bool));
}

static void *take(char **scratch, size_t bytes)
{
    void *taken = *scratch;
    *scratch += aligned(bytes);
    return taken;
}

static void begin(struct state *s, const struct obs_problem *problem,
                  char *scratch)
{
    size_t n = (size_t)problem->columns, rows = (size_t)problem->rows;
    size_t units = (size_t)problem->units;
    s->problem = problem;
    s->left = problem->columns;
    s->inverse = take(&scratch, n * n * sizeof(double));
    s->weight = take(&scratch, rows * n * sizeof(double));
    s->fallen = take(&scratch, n * sizeof(double));
    s->at = take(&scratch, n * sizeof(int));
    s->column = take(&scratch, n * sizeof(int));
    s->room = take(&scratch, units * sizeof(int));
    s->gone = take(&scratch, units * sizeof(bool));
    for (size_t i = 0; i < n; i++) {
        memcpy(s->inverse + i * n, problem->inverse + i * n,
               (i + 1) * sizeof(double));
        s->at[i] = s->column[i] = (int)i;
    }
    memcpy(s->weight, problem->weight, rows * n * sizeof(double));
    for (size_t u = 0; u < units; u++) {
        s->room[u] = problem->bucket_limit; /* buckets are fewer than units */
        s->gone[u] = false;
    }
}

static double entry(const struct state *s, int i, int j)
{
    size_t n = (size_t)s->problem->columns;
    return i >= j ? s->inverse[(size_t)i * n + (size_t)j]
                  : s->inverse[(size_t)j * n + (size_t)i];
}

/* Moves the last place to place p and drops what was there. */
static void drop_place(struct state *s, int p)
{
    size_t n = (size_t)s->problem->columns;
    int last = s->left - 1;
    double *a = s->inverse;
    if (p != last) {
        double *from = a + (size_t)last * n, *to = a + (size_t)p * n;
        memcpy(to, from, (size_t)p * sizeof *to);
        for (int j = p + 1; j < last; j++)
            a[(size_t)j * n + (size_t)p] = from[j];
        to[p] = from[last];
        for (int r = 0; r < s->problem->rows; r++) {
            double *w = s->weight + (size_t)r * n;
            w[p] = w[last];
        }
        s->fallen[p] = s->fallen[last];
        s->column[p] = s->column[last];
        s->at[s->column[p]] = p;
    }
    s->left = last;
}

/* row -= factor * column, for the part below and on the diagonal */
static void subtract(double *restrict row, const double *restrict column,
                     double factor, int count)
{
    for (int j = 0; j < count; j++)
        row[j] -= factor * column[j];
}

/* Removes one column; returns what that adds to the error. */
static double fall(struct state *s, int column)
{
    size_t n = (size_t)s->problem->columns;
    int p = s->at[column], rows = s->problem->rows;
    double pivot = s->inverse[(size_t)p * n + (size_t)p], cost = 0;
    for (int i = 0; i < s->left; i++)
        s->fallen[i] = entry(s, i, p);
    double factors[WIDTH_MAX];
    for (int first = 0; first < rows; first += WIDTH_MAX) {
        int count = rows - first < WIDTH_MAX ? rows - first : WIDTH_MAX;
        for (int r = 0; r < count; r++) {
            double *w = s->weight + (size_t)(first + r) * n;
            factors[r] = w[p] / pivot;
            cost += w[p] * factors[r];
            subtract(w, s->fallen, factors[r], s->left);
        }
    }
    s->at[column] = -1;
    drop_place(s, p);
    for (int i = 0; i < s->left; i++)
        if (s->fallen[i] != 0)
            subtract(s->inverse + (size_t)i * n, s->fallen,
                     s->fallen[i] / pivot, i + 1);
    return cost;
}

/* w_B ([H^-1]_BB)^-1 w_B^T over the rows, by a small Cholesky. */
static double block_cost(const struct state *s, const int *places, int count)
{
    double l[WIDTH_MAX][WIDTH_MAX], cost = 0;
    size_t n = (size_t)s->problem->columns;
    for (int i = 0; i < count; i++) {
        for (int j = 0; j <= i; j++) {
            double sum = entry(s, places[i], places[j]);
            for (int k = 0; k < j; k++)
                sum -= l[i][k] * l[j][k];
            l[i][j] = i == j ? sqrt(fmax(sum, 1e-300)) : sum / l[j][j];
        }
    }
    for (int r = 0; r < s->problem->rows; r++) {
        const double *w = s->weight + (size_t)r * n;
        double solved[WIDTH_MAX];
        for (int i = 0; i < count; i++) {
            double sum = w[places[i]];
            for (int k = 0; k < i; k++)
                sum -= l[i][k] * solved[k];
            solved[i] = sum / l[i][i];
            cost += solved[i] * solved[i];
        }
    }
    return cost;
}

static double unit_cost(const struct state *s, int unit)
{
    const struct obs_problem *problem = s->problem;
    size_t n = (size_t)problem->columns;
    int places[WIDTH_MAX], count = 0;
    if (!problem->members) {
        int p = s->at[unit];
        double sum = 0;
        for (int r = 0; r < problem->rows; r++) {
            double w = s->weight[(size_t)r * n + (size_t)p];
            sum += w * w;
        }
        return sum / s->inverse[(size_t)p * n + (size_t)p];
    }
    const int *members =
        problem->members + (size_t)unit * (size_t)problem->width;
    for (int i = 0; i < problem->width; i++)
        if (members[i] >= 0)
            places[count++] = s->at[members[i]];
    return block_cost(s, places, count);
}

static bool has_room(const struct state *s, int unit)
{
    const int *bucket = s->problem->bucket;
    return !bucket || (bucket[unit] >= 0 && s->room[bucket[unit]] > 0);
}

/* The cheapest unit that may fall, the first of equals; -1: none. */
static int cheapest(const struct state *s, bool any)
{
    const struct obs_problem *problem = s->problem;
    int best = -1;
    double least = INFINITY;
    for (int u = 0; u < problem->units; u++) {
        if (s->gone[u] || (!any && !has_room(s, u)))
            continue;
        double cost = unit_cost(s, u);
        if (cost < least || best < 0) { /* also what is not a number */
            least = cost;
            best = u;
        }
    }
    return best;
}

void obs_trace(const struct obs_problem *problem, int *order, double *increase,
               void *scratch)
{
    struct state s;
    begin(&s, problem, scratch);
    bool any = false;
    for (int step = 0; step < problem->steps; step++) {
        int unit = any ? -1 : cheapest(&s, false);
        if (unit < 0) {
            any = true;
            unit = cheapest(&s, true);
        }
        s.gone[unit] = true;
        if (problem->bucket && problem->bucket[unit] >= 0)
            s.room[problem->bucket[unit]]--;
        order[step] = unit;
        increase[step] = 0;
        if (!problem->members) {
            increase[step] = fall(&s, unit);
            continue;
        }
        const int *members =
            problem->members + (size_t)unit * (size_t)problem->width;
        for (int i = 0; i < problem->width; i++)
            if (members[i] >= 0)
                increase[step] += fall(&s, members[i]);
    }
}

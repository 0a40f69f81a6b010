#include "prune/cliff.h"

#include <math.h>
#include <string.h>

#define NORMAL_95    1.959963984540054
#define CHI_SQUARE_1 3.841458820694124 /* 95 % quantiles */
#define CHI_SQUARE_2 5.991464547107979
#define HALF_POINT   0.005
#define LEAST_DROP   0.015 /* of something to call a cliff */
#define ENOUGH_DROP  0.05  /* behind it the cliff has been passed */
/* What a broken line misses of a real curve, in units of z. */
#define MODEL_SPREAD 0.15
enum { STEPS = 200 }; /* change points tried: every half per cent */

/* --- the curve --- */

static bool is_of(const struct sensitivity_point *p, int row,
                  const char *structure, const char *criterion)
{
    return p->row == row && strcmp(p->structure, structure) == 0 &&
           strcmp(p->criterion, criterion) == 0;
}

size_t curve_of(struct curve *curve, const struct sensitivity *table, int row,
                const char *structure, const char *criterion)
{
    *curve = (struct curve){.baseline = table->baseline};
    for (size_t i = 0; i < table->count; i++) {
        const struct sensitivity_point *p = &table->points[i];
        structure = structure || p->row != row ? structure : p->structure;
        criterion = criterion || p->row != row ? criterion : p->criterion;
        if (p->row != row || !is_of(p, row, structure, criterion) ||
            curve->count == CURVE_MAX)
            continue;
        size_t at = curve->count++;
        for (; at > 0 && curve->amounts[at - 1] > p->amount; at--) {
            curve->amounts[at] = curve->amounts[at - 1];
            curve->values[at] = curve->values[at - 1];
            curve->low[at] = curve->low[at - 1];
            curve->high[at] = curve->high[at - 1];
        }
        curve->amounts[at] = p->amount;
        curve->values[at] = p->value;
        curve->low[at] = p->low;
        curve->high[at] = p->high;
    }
    curve_fit(curve);
    return curve->count;
}

/* Standard error of a point; never nothing. */
static double error_of(const struct curve *curve, size_t i)
{
    return fmax((curve->high[i] - curve->low[i]) / (2 * NORMAL_95), 1e-4);
}

void curve_fit(struct curve *curve)
{
    double sums[CURVE_MAX], weights[CURVE_MAX];
    size_t sizes[CURVE_MAX], blocks = 0;
    for (size_t i = 0; i < curve->count; i++) {
        double error = error_of(curve, i), weight = 1 / (error * error);
        sums[blocks] = weight * curve->values[i];
        weights[blocks] = weight;
        sizes[blocks++] = 1;
        while (blocks > 1 && sums[blocks - 1] / weights[blocks - 1] >
                                 sums[blocks - 2] / weights[blocks - 2]) {
            blocks--;
            sums[blocks - 1] += sums[blocks];
            weights[blocks - 1] += weights[blocks];
            sizes[blocks - 1] += sizes[blocks];
        }
    }
    for (size_t b = 0, i = 0; b < blocks; b++)
        for (size_t k = 0; k < sizes[b]; k++, i++)
            curve->fit[i] = fmin(sums[b] / weights[b], curve->baseline);
}

double curve_at(const struct curve *curve, double amount)
{
    double x = 0, y = curve->baseline;
    for (size_t i = 0; i < curve->count; i++) {
        if (amount <= curve->amounts[i]) {
            double share = (amount - x) / (curve->amounts[i] - x);
            return y + share * (curve->fit[i] - y);
        }
        x = curve->amounts[i];
        y = curve->fit[i];
    }
    return y;
}

double curve_amount(const struct curve *curve, double drop)
{
    double x = 0, y = curve->baseline, goal = curve->baseline - drop;
    for (size_t i = 0; i < curve->count; i++) {
        if (curve->fit[i] < goal) {
            double fall = y - curve->fit[i];
            return fall > 0 ? x + (y - goal) / fall * (curve->amounts[i] - x)
                            : x;
        }
        x = curve->amounts[i];
        y = curve->fit[i];
    }
    return x;
}

double curve_sensitivity(const struct curve *curve)
{
    double sum = 0;
    for (size_t i = 0; i < curve->count; i++)
        sum += curve->baseline - curve->fit[i];
    return curve->count ? sum / (double)curve->count : NAN;
}

const char *sensitivity_word(size_t rank, size_t count)
{
    double place = ((double)rank + 0.5) / (double)(count ? count : 1);
    if (place < 0.33)
        return "Low";
    if (place < 0.66)
        return "Medium";
    return place < 0.95 ? "High" : "Top 5 %";
}

const char *sensitivity_word_of(const struct sensitivity *table, int row,
                                const char *structure, const char *criterion)
{
    struct curve curve;
    size_t rank = 0, count = 0;
    int last = 0;
    if (row < 1 || !curve_of(&curve, table, row, structure, criterion))
        return "";
    double own = curve_sensitivity(&curve);
    for (size_t i = 0; i < table->count; i++) {
        int other = table->points[i].row;
        if (other < 1 || other == last)
            continue;
        last = other; /* points are sorted by row */
        if (!curve_of(&curve, table, other, structure, criterion))
            continue;
        double drop = curve_sensitivity(&curve);
        count++;
        rank += drop < own || (drop == own && other < row);
    }
    return sensitivity_word(rank, count);
}

/* --- the cliff --- */

/* Points of the broken line: amount, z, weight. The first is (0, 0). */
struct line_points {
    size_t count;
    double x[CURVE_MAX + 1], z[CURVE_MAX + 1], w[CURVE_MAX + 1];
};

static void take_points(struct line_points *points, const struct curve *curve)
{
    points->count = 0;
    for (size_t i = 0; i <= curve->count; i++) {
        double drop = i ? curve->baseline - curve->fit[i - 1] : 0;
        double error = i ? error_of(curve, i - 1) : 1e-4;
        /* The fit keeps out what points above the baseline would add. */
        double spread = error / (HALF_POINT + drop);
        size_t at = points->count++;
        points->x[at] = i ? curve->amounts[i - 1] : 0;
        points->z[at] = log1p(drop / HALF_POINT);
        points->w[at] = 1 / (spread * spread + MODEL_SPREAD * MODEL_SPREAD);
        if (drop > ENOUGH_DROP)
            break;
    }
}

/*
 * Squared error of the best z = a + s * max(0, x - c), s >= 0, for a given c.
 */
static double squares(const struct line_points *p, double c)
{
    double sw = 0, sh = 0, sz = 0, shh = 0, shz = 0;
    for (size_t i = 0; i < p->count; i++) {
        double h = fmax(0, p->x[i] - c), w = p->w[i];
        sw += w;
        sh += w * h;
        sz += w * p->z[i];
        shh += w * h * h;
        shz += w * h * p->z[i];
    }
    double determinant = sw * shh - sh * sh;
    double slope = determinant > 1e-12 * sw * shh
                       ? fmax((sw * shz - sh * sz) / determinant, 0)
                       : 0;
    double level = (sz - slope * sh) / sw, sum = 0;
    for (size_t i = 0; i < p->count; i++) {
        double rest = p->z[i] - level - slope * fmax(0, p->x[i] - c);
        sum += p->w[i] * rest * rest;
    }
    return sum;
}

struct cliff cliff_find(const struct curve *curve)
{
    struct cliff none = {.found = false};
    struct line_points points;
    if (curve->count < 2 ||
        curve->baseline - curve->fit[curve->count - 1] <= LEAST_DROP)
        return none;
    take_points(&points, curve);
    double last = points.x[points.count - 1], best = INFINITY, at = 0;
    for (int i = 0; i < STEPS; i++) {
        double c = last * i / STEPS, s = squares(&points, c);
        if (s < best) {
            best = s;
            at = c;
        }
    }
    /* With c at the last point nothing is behind it: a level line. */
    if (squares(&points, last) - best <= CHI_SQUARE_2)
        return none;
    double freedom = fmax((double)points.count - 3, 1);
    double limit = best + CHI_SQUARE_1 * fmax(1, best / freedom);
    struct cliff cliff = {true, at, at, at};
    for (int i = 0; i < STEPS; i++) {
        double c = last * i / STEPS;
        if (squares(&points, c) > limit)
            continue;
        cliff.low = fmin(cliff.low, c);
        cliff.high = fmax(cliff.high, c);
    }
    return cliff;
}

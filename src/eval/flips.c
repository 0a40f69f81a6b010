/*
 * The believed chances are corrected by what was seen: a logistic regression
 * of the answers with the believed logits as offset and the effects of strata
 * and classes. The effects' doubt and the chance of every single answer add up
 * to the variance. Fitted by Newton's method; Laplace's approximation.
 */
#include "eval/flips.h"

#include <math.h>

enum { STEPS = 8 };

static const double FARTHEST = 2; /* an effect's largest change in a step */
static const double CLOSE = 0.02; /* the step after it is its square */

static double probability(const struct flips_view *view, const int *own,
                          int count, int64_t i)
{
    double logit =
        (double)view->logit[i] + effects_sum(view->effects, own, count);
    return 1 / (1 + exp(-logit));
}

/* --- fitting --- */

static void add_answers(const struct flips_view *view)
{
    const struct strata *strata = view->effects->strata;
    for (size_t h = 0; h < strata->count; h++) {
        int64_t end, first = strata_range(strata, h, &end);
        for (int64_t i = first; i < end; i++) {
            if (!view->seen[i])
                continue;
            int own[EFFECTS_OWN];
            int count = effects_of(view->effects, h, i, own);
            double p = probability(view, own, count, i);
            effects_add(view->effects, own, count, (view->yes[i] ? 1 : 0) - p,
                        p * (1 - p));
        }
    }
}

void flips_fit(const struct flips_view *view)
{
    double most = INFINITY;
    for (int step = 0; step < STEPS && most > CLOSE; step++) {
        effects_begin(view->effects);
        add_answers(view);
        most = effects_take(view->effects, FARTHEST);
    }
}

/* --- counting --- */

/* Flips of one direction, and how their mean moves with the effects. */
struct outlook {
    struct flips flips;
    double slope[EFFECTS_MOST];
};

static void outlook_add(struct outlook *outlook, const int *own, int count,
                        double chance)
{
    double variance = chance * (1 - chance);
    outlook->flips.mean += chance;
    outlook->flips.variance += variance;
    for (int k = 0; k < count; k++)
        outlook->slope[own[k]] += variance;
}

void flips_count(const struct flips_view *view, struct flips *lost,
                 struct flips *won)
{
    const struct strata *strata = view->effects->strata;
    struct outlook down = {0}, up = {0};
    for (size_t h = 0; h < strata->count; h++) {
        int64_t end, first = strata_range(strata, h, &end);
        for (int64_t i = first; i < end; i++) {
            bool from = view->base[i];
            struct outlook *outlook = from ? &down : &up;
            if (view->seen[i]) {
                outlook->flips.seen += view->yes[i] != from;
                continue;
            }
            int own[EFFECTS_OWN];
            int count = effects_of(view->effects, h, i, own);
            double p = probability(view, own, count, i);
            outlook_add(outlook, own, count, from ? 1 - p : p);
        }
    }
    down.flips.variance += effects_doubt(view->effects, down.slope);
    up.flips.variance += effects_doubt(view->effects, up.slope);
    *lost = down.flips;
    *won = up.flips;
}

/*
 * A sample of variance v says what it is (v less), and says something of its
 * effects, on which all others depend: with c = information^-1 slope, summed
 * over its own effects, it takes v (1 + c)^2 off the variance of the whole.
 */
void flips_worth(const struct flips_view *view, float *worth)
{
    const struct strata *strata = view->effects->strata;
    struct outlook all = {0};
    for (size_t h = 0; h < strata->count; h++) {
        int64_t end, first = strata_range(strata, h, &end);
        for (int64_t i = first; i < end; i++) {
            worth[i] = 0;
            if (view->seen[i])
                continue;
            int own[EFFECTS_OWN];
            int count = effects_of(view->effects, h, i, own);
            double p = probability(view, own, count, i);
            outlook_add(&all, own, count, p);
            worth[i] = (float)(p * (1 - p));
        }
    }
    effects_solve(view->effects, all.slope);
    for (size_t h = 0; h < strata->count; h++) {
        int64_t end, first = strata_range(strata, h, &end);
        for (int64_t i = first; i < end; i++) {
            int own[EFFECTS_OWN];
            int count = effects_of(view->effects, h, i, own);
            double reach = 1;
            for (int k = 0; k < count; k++)
                reach += all.slope[own[k]];
            worth[i] *= (float)(reach * reach);
        }
    }
}

/* A quantile of the gamma distribution by Wilson and Hilferty's cube. */
static double gamma_bound(const struct flips *flips, double z)
{
    if (!(flips->variance > 0) || !(flips->mean > 0))
        return flips->mean;
    double shape = flips->mean * flips->mean / flips->variance;
    double root = 1 - 1 / (9 * shape) + z / (3 * sqrt(shape));
    return root > 0 ? flips->mean * root * root * root : 0;
}

struct flips_range flips_combine(int64_t base, const struct flips *lost,
                                 const struct flips *won, double z, double more)
{
    double lost_up = gamma_bound(lost, z) - lost->mean + more;
    double lost_down = lost->mean - gamma_bound(lost, -z) + more;
    double won_up = gamma_bound(won, z) - won->mean + more;
    double won_down = won->mean - gamma_bound(won, -z) + more;
    double value =
        (double)(base - lost->seen + won->seen) - lost->mean + won->mean;
    return (struct flips_range){
        .value = value,
        .low = value - sqrt(lost_up * lost_up + won_down * won_down),
        .high = value + sqrt(lost_down * lost_down + won_up * won_up),
    };
}

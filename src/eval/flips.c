/*
 * The believed chances are corrected by what was seen: a logistic regression
 * of the answers with the believed logits as offset and an effect for each
 * stratum, each label and each rival. The effects are drawn to zero by normal
 * priors; those of strata walk from the boundary outwards on either side, so
 * that where nothing flipped and little was expected the neighbours and the
 * model speak, with the doubt of the walk, and where much was seen the data.
 * The effects' doubt and the chance of every single answer add up to the
 * variance. Fitted by Newton's method; Laplace's approximation.
 */
#include "eval/flips.h"

#include <math.h>
#include <string.h>

/* With more classes only strata have effects. */
enum { CLASSES = 24, SIZE = STRATA_MAX + 2 * CLASSES, STEPS = 8, OWN = 3 };

/* Deviations before anything was seen, in logits: of the stratum at the
 * boundary, from stratum to stratum, of a class. */
static const double FIRST = 0.7, WALK = 0.5, CLASS = 0.5;
static const double FARTHEST = 2; /* an effect's largest change in a step */
static const double CLOSE = 0.02; /* the step after it is its square */

/* Effects of strata, then labels, then rivals. */
struct effects {
    int strata, classes, size;
    double value[SIZE];
    double gradient[SIZE];
    double information[SIZE][SIZE]; /* its lower triangle; or Cholesky's */
};

static void effects_init(struct effects *e, const struct strata *strata)
{
    e->strata = (int)strata->count;
    e->classes = strata->classes <= CLASSES ? strata->classes : 0;
    e->size = e->strata + 2 * e->classes;
    memset(e->value, 0, sizeof e->value);
}

/* The effects of the sample at place i of stratum h, ascending; how many. */
static int own_effects(const struct effects *e, const struct strata *strata,
                       size_t h, int64_t i, int own[OWN])
{
    int32_t label = strata->label[i], rival = strata->rival[i];
    int count = 0;
    own[count++] = (int)h;
    if (label >= 0 && label < e->classes)
        own[count++] = e->strata + label;
    if (rival >= 0 && rival < e->classes)
        own[count++] = e->strata + e->classes + rival;
    return count;
}

static double probability(const struct effects *e, const int *own, int count,
                          double logit)
{
    for (int k = 0; k < count; k++)
        logit += e->value[own[k]];
    return 1 / (1 + exp(-logit));
}

/* --- fitting --- */

/* That effect a (less b, unless -1) is normal with this deviation. */
static void believe(struct effects *e, int a, int b, double deviation)
{
    double weight = 1 / (deviation * deviation);
    double off = e->value[a] - (b < 0 ? 0 : e->value[b]);
    e->information[a][a] += weight;
    e->gradient[a] -= weight * off;
    if (b < 0)
        return;
    e->information[b][b] += weight;
    e->information[a > b ? a : b][a > b ? b : a] -= weight;
    e->gradient[b] += weight * off;
}

static void add_beliefs(struct effects *e, const struct strata *strata)
{
    for (int h = 0; h < e->strata; h++) {
        bool right = strata->list[h].right;
        int inner = right ? h - 1 : h + 1;
        bool edge = inner < 0 || inner == e->strata ||
                    strata->list[inner].right != right;
        believe(e, h, edge ? -1 : inner, edge ? FIRST : WALK);
    }
    for (int c = e->strata; c < e->size; c++)
        believe(e, c, -1, CLASS);
}

static void add_answers(struct effects *e, const struct flips_view *view)
{
    for (size_t h = 0; h < view->strata->count; h++) {
        int64_t end, first = strata_range(view->strata, h, &end);
        for (int64_t i = first; i < end; i++) {
            if (!view->seen[i])
                continue;
            int own[OWN], count = own_effects(e, view->strata, h, i, own);
            double p = probability(e, own, count, (double)view->logit[i]);
            for (int k = 0; k < count; k++) {
                e->gradient[own[k]] += (view->yes[i] ? 1 : 0) - p;
                for (int m = 0; m <= k; m++)
                    e->information[own[k]][own[m]] += p * (1 - p);
            }
        }
    }
}

/* Cholesky's factor in place; the beliefs make it positive. */
static void factor(struct effects *e)
{
    for (int i = 0; i < e->size; i++) {
        double *row = e->information[i];
        for (int j = 0; j <= i; j++) {
            const double *other = e->information[j];
            double x = row[j];
            for (int k = 0; k < j; k++)
                x -= row[k] * other[k];
            row[j] = i == j ? sqrt(fmax(x, 1e-12)) : x / other[j];
        }
    }
}

/* x becomes L^-1 x, whose squares sum to x' information^-1 x. */
static void forward(const struct effects *e, double *x)
{
    for (int i = 0; i < e->size; i++) {
        for (int k = 0; k < i; k++)
            x[i] -= e->information[i][k] * x[k];
        x[i] /= e->information[i][i];
    }
}

static void backward(const struct effects *e, double *x)
{
    for (int i = e->size - 1; i >= 0; i--) {
        for (int k = i + 1; k < e->size; k++)
            x[i] -= e->information[k][i] * x[k];
        x[i] /= e->information[i][i];
    }
}

/* Leaves the factor of the information at the last step. */
static void fit(struct effects *e, const struct flips_view *view)
{
    double most = INFINITY;
    for (int step = 0; step < STEPS && most > CLOSE; step++) {
        memset(e->gradient, 0, sizeof e->gradient);
        memset(e->information, 0, sizeof e->information);
        add_beliefs(e, view->strata);
        add_answers(e, view);
        factor(e);
        forward(e, e->gradient);
        backward(e, e->gradient);
        most = 0;
        for (int i = 0; i < e->size; i++)
            most = fmax(most, fabs(e->gradient[i]));
        double part = most > FARTHEST ? FARTHEST / most : 1;
        for (int i = 0; i < e->size; i++)
            e->value[i] += part * e->gradient[i];
    }
}

/* --- counting --- */

/* Flips of one direction, and how their mean moves with the effects. */
struct outlook {
    struct flips flips;
    double slope[SIZE];
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

static struct flips outlook_close(struct outlook *outlook,
                                  const struct effects *e)
{
    forward(e, outlook->slope);
    for (int i = 0; i < e->size; i++)
        outlook->flips.variance += outlook->slope[i] * outlook->slope[i];
    return outlook->flips;
}

void flips_count(const struct flips_view *view, struct flips *lost,
                 struct flips *won)
{
    struct effects e;
    struct outlook down = {0}, up = {0};
    effects_init(&e, view->strata);
    fit(&e, view);
    for (size_t h = 0; h < view->strata->count; h++) {
        int64_t end, first = strata_range(view->strata, h, &end);
        for (int64_t i = first; i < end; i++) {
            bool from = view->base[i];
            struct outlook *outlook = from ? &down : &up;
            if (view->seen[i]) {
                outlook->flips.seen += view->yes[i] != from;
                continue;
            }
            int own[OWN], count = own_effects(&e, view->strata, h, i, own);
            double p = probability(&e, own, count, (double)view->logit[i]);
            outlook_add(outlook, own, count, from ? 1 - p : p);
        }
    }
    *lost = outlook_close(&down, &e);
    *won = outlook_close(&up, &e);
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

/*
 * The believed chances are calibrated by what was seen: in zones, runs of
 * strata from the boundary outwards that hold at least ZONE flips, the flips
 * are believed times (flips + PRIOR all) / (believed + PRIOR), "all" being
 * that ratio over all strata. So where nothing flipped and little was expected
 * the model speaks, with the doubt of PRIOR flips; where much was seen, the
 * data. Where flips are the rule the answers that stay are calibrated in the
 * same way; the two are weighed by their variances, whose harmonic sum is the
 * binomial's in between. Answers that scatter more than the chances say
 * (unequal classes, a bent margin) widen the whole by that ratio.
 */
#include "eval/flips.h"

#include <math.h>

static const double ZONE = 4;    /* flips, seen and believed */
static const double PRIOR = 1;   /* flips */
static const double SCATTER = 5; /* squares that are believed before */
/* Half of the answers may flip for another reason than the chance says. */
static const double LEAST_SPREAD = 0.1;

/* One direction of flips in some strata; sums over its samples. */
struct zone {
    double seen, flips, believed;
    double left, likely, likely_square; /* not seen: count, q, q^2 */
    double square, cross;               /* seen: q^2, and q of the flipped */
};

struct ratios {
    double flip, stay;
};

static void zone_add(struct zone *zone, const struct zone *more)
{
    zone->seen += more->seen;
    zone->flips += more->flips;
    zone->believed += more->believed;
    zone->left += more->left;
    zone->likely += more->likely;
    zone->likely_square += more->likely_square;
    zone->square += more->square;
    zone->cross += more->cross;
}

static struct zone zone_of(const struct flips_view *view, size_t h, bool from)
{
    const struct strata *strata = view->strata;
    int64_t end, first = strata_range(strata, h, &end);
    struct zone zone = {0};
    for (int64_t i = first; i < end; i++) {
        if (view->base[i] != from)
            continue;
        double q = (double)view->chance[i];
        if (!view->seen[i]) {
            zone.left++;
            zone.likely += q;
            zone.likely_square += q * q;
            continue;
        }
        bool flipped = view->yes[i] != from;
        zone.seen++;
        zone.believed += q;
        zone.square += q * q;
        zone.flips += flipped;
        zone.cross += flipped ? q : 0;
    }
    return zone;
}

/* Flips and stays per believed one, drawn to `prior`. */
static struct ratios ratios_of(const struct zone *zone, struct ratios prior)
{
    return (struct ratios){
        .flip = (zone->flips + PRIOR * prior.flip) / (zone->believed + PRIOR),
        .stay = (zone->seen - zone->flips + PRIOR * prior.stay) /
                (zone->seen - zone->believed + PRIOR),
    };
}

struct sums {
    double mean, variance;
    double residual, believed; /* squares of the answers seen */
};

static void close_zone(struct zone *zone, struct ratios prior,
                       struct sums *sums)
{
    if (zone->left > 0 && zone->likely > 0) {
        struct ratios r = ratios_of(zone, prior);
        double stay = zone->left - zone->likely;
        double flip_variance =
            zone->likely * zone->likely * r.flip / (zone->believed + PRIOR);
        double stay_variance =
            stay * stay * r.stay / (zone->seen - zone->believed + PRIOR);
        double w = 1 / (flip_variance + 1e-12), v = 1 / (stay_variance + 1e-12);
        double mean =
            (w * r.flip * zone->likely + v * (zone->left - r.stay * stay)) /
            (w + v);
        mean = fmin(fmax(mean, 0), zone->left);
        double alike = zone->likely_square / zone->likely;
        sums->mean += mean;
        sums->variance += 1 / (w + v) + mean * fmax(1 - alike, LEAST_SPREAD);
        double ratio = mean / zone->likely;
        sums->residual += zone->flips - 2 * ratio * zone->cross +
                          ratio * ratio * zone->square;
        sums->believed += ratio * zone->believed - ratio * ratio * zone->square;
    }
    *zone = (struct zone){0};
}

void flips_count(const struct flips_view *view, bool from, struct flips *flips)
{
    size_t count = view->strata->count;
    struct zone zones[STRATA_MAX], all = {0}, open = {0};
    for (size_t h = 0; h < count; h++) {
        zones[h] = zone_of(view, h, from);
        zone_add(&all, &zones[h]);
    }
    struct ratios prior = ratios_of(&all, (struct ratios){1, 1});
    struct sums sums = {0};
    for (size_t k = 0; k < count; k++) {
        zone_add(&open, &zones[from ? k : count - 1 - k]);
        if (open.flips + open.believed >= ZONE)
            close_zone(&open, prior, &sums);
    }
    close_zone(&open, prior, &sums);
    double scatter =
        (sums.residual + SCATTER) / (fmax(sums.believed, 0) + SCATTER);
    *flips = (struct flips){
        .seen = (int64_t)all.flips,
        .mean = sums.mean,
        .variance = sums.variance * fmax(scatter, 1),
    };
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

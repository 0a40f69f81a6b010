/*
 * Two readings of the scan. sensitivity: every layer may cost the same drop of
 * accuracy; each removes the most that its monotone curve allows (AIMET's
 * accuracy floor). hull: each step goes where it saves most for the drop it
 * costs, on the lower convex hull of every layer's curve of drop over cost,
 * which is what makes greedy steps optimal when drops add up.
 */
#include "prune/allocate.h"

#include <math.h>

#define FINEST_DROP 1e-5 /* allowed at the weakest strength above 0 */

static int by_floor(const struct allocation *a, double strength,
                    double *amounts, struct error *err)
{
    (void)err;
    for (size_t i = 0; i < a->row_count; i++) {
        const struct curve *curve = &a->curves[i];
        double drop =
            FINEST_DROP * pow(curve->baseline / FINEST_DROP, fmin(strength, 1));
        amounts[i] =
            strength > 0 && curve->count ? curve_amount(curve, drop) : 0;
    }
    return 0;
}

/* Where drop + price * cost is least: a point of the hull. */
static double cheapest(const struct allocation *a, size_t place, double price)
{
    const struct curve *curve = &a->curves[place];
    double best = INFINITY, amount = 0;
    for (size_t i = 0; i < a->level_count; i++) {
        double drop = curve->baseline - curve_at(curve, a->levels[i]);
        double sum = drop + price * a->costs[place * a->level_count + i];
        if (sum < best && curve->count &&
            a->levels[i] <= curve->amounts[curve->count - 1] + 1e-9) {
            best = sum;
            amount = a->levels[i];
        }
    }
    return amount;
}

static int by_hull(const struct allocation *a, double strength, double *amounts,
                   struct error *err)
{
    double dense = a->fixed;
    (void)err;
    for (size_t i = 0; i < a->row_count; i++)
        dense += a->costs[i * a->level_count];
    /* From a ten-thousandth of a point to ten times everything, for saving all
     * of the cost. */
    double price = strength > 0 ? pow(10, 7 * strength - 6) / dense : 0;
    for (size_t i = 0; i < a->row_count; i++)
        amounts[i] = cheapest(a, i, strength >= 1 ? 1e9 / dense : price);
    return 0;
}

const struct allocator allocator_sensitivity = {
    .name = "sensitivity",
    .help = "the same drop of accuracy in every layer, by the scan",
    .needs_scan = true,
    .allocate = by_floor,
};

const struct allocator allocator_hull = {
    .name = "hull",
    .help = "steps that save most for their drop, by the scan",
    .needs_scan = true,
    .allocate = by_hull,
};

#include "prune/crossing.h"

#include <math.h>

#define HALF_POINT 0.005
#define LEAST_LOST 0.015
#define STEEPER    3

bool crossing_scanned(struct crossing *crossing, const struct curve *curve,
                      double before, double after)
{
    struct cliff cliff = cliff_find(curve);
    if (!cliff.found || before > cliff.amount || after <= cliff.amount)
        return false;
    *crossing =
        (struct crossing){before, after, cliff.amount,
                          curve_at(curve, before) - curve_at(curve, after)};
    return true;
}

bool crossing_measured(const struct measured *before,
                       const struct measured *after)
{
    double lost = after->lost - before->lost;
    double added = after->sparsity - before->sparsity;
    if (!(lost >= LEAST_LOST) || !(added > 0) ||
        !(after->low - before->high > HALF_POINT))
        return false;
    if (before->sparsity <= 0)
        return true;
    double slope = (fmax(before->lost, 0) + HALF_POINT) / before->sparsity;
    return lost / added >= STEEPER * slope;
}

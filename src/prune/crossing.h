/*
 * When an edit goes past a cliff. The two rules, also in espalier(1):
 *
 * By a scan: the layer's amount was at most its cliff (prune/cliff.h) and is
 * now above it.
 *
 * By measured figures: between the two variants at least one and a half points
 * were lost, clearly more than half a point (95 %), and each per cent of
 * sparsity that was added cost at least three times what each per cent before
 * it did, half a point more allowed to those (the plateau's).
 */
#ifndef PRUNE_CROSSING_H
#define PRUNE_CROSSING_H

#include "prune/cliff.h"

/* One layer's edit; amounts are shares of its units. */
struct crossing {
    double before, after, cliff;
    double lost; /* by the monotone curve, 0 … 1 */
};

/* Whether the edit from `before` to `after` crosses. */
bool crossing_scanned(struct crossing *crossing, const struct curve *curve,
                      double before, double after);

/* A variant as measured. */
struct measured {
    double sparsity; /* share of the prunable weights */
    /* Accuracy lost against the dense model, with its 95 % interval. */
    double lost, low, high;
};

bool crossing_measured(const struct measured *before,
                       const struct measured *after);

#endif

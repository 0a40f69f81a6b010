/* What layers cost at each level of pruning, and what a plan really takes. */
#ifndef ENGINE_PLANNING_COST_H
#define ENGINE_PLANNING_COST_H

#include "engine/planning.h"

enum { PLANNING_LEVELS = 21 };
/* Shares that costs are known at: 0, 0.05 ... 0.95, 0.98. */
extern const double planning_levels[PLANNING_LEVELS];

/*
 * Fills costs (row_count * PLANNING_LEVELS) and fixed of an allocation whose
 * other fields are set.
 * latency  milliseconds, the measured median of each layer's step in the plan
 *          of a model that removes the same share everywhere: dense or sparse
 *          kernels, whichever such a plan takes
 *          (of the device's model where there is one)
 * energy   joules by energy_model
 */
int planning_costs(double *costs, double *fixed, const struct probe *probe,
                   const struct allocation *a, enum budget_kind kind,
                   struct error *err);

/*
 * As planning_costs of a latency, under decisions (channels, blocks) that hold
 * already; what is passed over costs nothing.
 */
int planning_times(double *costs, double *fixed, const struct probe *probe,
                   const struct allocation *a, const struct decision *base,
                   struct error *err);

/* Measured medians of the dense model and of decisions, in turn; noise (may be
 * NULL) of the least steady run. */
int planning_measure(const struct probe *probe,
                     const struct decision *decisions, double *dense_ms,
                     double *ms, struct noise *noise, struct error *err);

/* Encoded bytes of the weights under decisions (NULL: dense). */
int planning_bytes(const struct probe *probe, const struct decision *decisions,
                   double *bytes, struct error *err);

#endif

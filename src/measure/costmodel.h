/*
 * Predicts how long a step takes on a device from what it has to do, after
 * points that were measured there.
 *
 * Method: steps of one class (a kind of operator computed in one way) follow
 * a law, ns = sum of non-negative coefficients times features (work, work as
 * vectors see it, elements moved, weights read), fitted by robust least
 * squares on relative errors. What the law leaves, the logarithm of measured
 * over law, is interpolated between the nearest points: a layer that was
 * measured at other densities is predicted almost by itself.
 *
 * Not thread-safe; the owner locks.
 */
#ifndef MEASURE_COSTMODEL_H
#define MEASURE_COSTMODEL_H

#include "base/error.h"
#include "kernel/workload.h"

struct costmodel;

int costmodel_create(struct costmodel **out, struct error *err);
void costmodel_destroy(struct costmodel *model);

/* Adds a measured time; it replaces an earlier one of the same workload, and
 * the nearest one where there are very many.
 * Errors: ERROR_MEMORY. */
int costmodel_add(struct costmodel *model, const struct workload *workload,
                  double ns, struct error *err);

/* Fits to all points; before predictions, after points were added. Costs
 * about a millisecond for a thousand points. Errors: ERROR_MEMORY. */
int costmodel_fit(struct costmodel *model, struct error *err);

/* Whether anything like it was measured; *ns is written. */
bool costmodel_predict(const struct costmodel *model,
                       const struct workload *workload, double *ns);

/*
 * The expected time of a dense or plain workload in the fastest way that is
 * known: as it is, or, where many of its weights are zero, by a sparse
 * kernel; the way is written into it.
 */
bool costmodel_best(const struct costmodel *model, struct workload *workload,
                    double *ns);

/* --- for profiles and benches --- */

size_t costmodel_point_count(const struct costmodel *model);
const struct timed_workload *costmodel_points(const struct costmodel *model);

enum { COSTMODEL_FEATURES = 5 };
/* What coefficients belong to, in order: "start" (ns), "mac", "vector" (ns a
 * multiplication, plain and padded), "element" (moved), "weight" (read). */
extern const char *const costmodel_features[COSTMODEL_FEATURES];

struct costmodel_class {
    char name[WORKLOAD_NAME_BYTES];
    size_t points;
    double ns[COSTMODEL_FEATURES];
    double error; /* median of |predicted / measured - 1| where each problem
                     is predicted from the others; NAN: too few */
};
size_t costmodel_class_count(const struct costmodel *model);
struct costmodel_class costmodel_class_at(const struct costmodel *model,
                                          size_t index);

#endif

/*
 * Weights of one layer fitted to data: which to remove and what the others
 * become, so that the layer gives what it should on the inputs that it gets.
 *
 * All matrices have the layer's rows and columns (input, place); rows of a
 * grouped convolution follow each other group by group.
 */
#ifndef PRUNE_FIT_H
#define PRUNE_FIT_H

#include "base/cancel.h"
#include "base/parallel.h"
#include "prune/decision.h"
#include "prune/hessian.h"

struct fit_options {
    double damping;         /* of the mean diagonal; 0: 0.01 */
    bool centred;           /* a bias behind the layer can be chosen as well */
    const float *bias;      /* (rows) of the layer itself; NULL: 0 */
    const float *row_scale; /* what an error of a row counts; NULL: 1 */
};

struct fit {
    const struct layer *layer;
    int rows, columns, groups;
    double damping;  /* that was used */
    bool centred;    /* H is about the mean */
    double *second;  /* (groups, columns, columns): H, damped */
    double *inverse; /* the same, inverted */
    double *wanted;  /* (rows, columns): the best dense weights */
    double *scale;   /* (rows): squared row scales */
    double *mean;    /* (groups, columns): of the inputs */
    bool *dead;      /* (groups, columns): an input that is always 0 */
    double *target;  /* (rows): mean of the targets */
    double total;    /* scaled mean square of the targets */
    /* fit_trace: */
    const struct structure *structure;
    int bands, steps; /* rows that fall together, units of a band */
    int first_steps;  /* of them those that the pattern lets fall (N:M) */
    int *order;       /* (bands, steps) */
    double *increase; /* (bands, steps), scaled */
};

/*
 * weight   (layer->weights) as stored
 * hessian  with cross sums: the fit is to the targets; without: to the
 *          outputs of `weight` on the same inputs
 *
 * H is damped, ten times more each time it is not positive definite.
 * Errors: ERROR_MEMORY, ERROR_RANGE (inputs that are no numbers).
 */
int fit_init(struct fit *fit, const struct layer *layer, const float *weight,
             const struct hessian *hessian, const struct fit_options *options,
             struct error *err);
void fit_release(struct fit *fit);

/*
 * Traces every band of rows down to nothing (ExactOBS).
 * Errors: ERROR_UNSUPPORTED for structures that have no such trace.
 */
int fit_trace(struct fit *fit, const struct structure *structure,
              const struct parallel *parallel, const struct cancel *cancel,
              struct error *err);

/* Removes `remove` units by the traces, over all bands; mask as stored,
 * initialised here. */
int fit_select(const struct fit *fit, int64_t remove, struct bitmask *mask,
               struct error *err);

/* The scaled increases of all units in the order in which fit_select takes
 * them, non-decreasing; returns how many; owned by the caller. */
double *fit_increases(const struct fit *fit, int64_t *count, struct error *err);

/*
 * What each single weight costs when it falls, as shares of what the layer
 * gives; no two are equal, and their order is that of fit_select. Of layers
 * with more than FIT_TRACE_COLUMNS one look stands for the trace:
 * w^2 / [H^-1]_jj, fit_trace was not called then.
 *
 * cost  (layer->weights) as stored, written
 */
enum { FIT_TRACE_COLUMNS = 640 };
int fit_costs(const struct fit *fit, float *cost, struct error *err);

/*
 * The fit of a layer to its own outputs on the dense side of a trace, an error
 * counted as much as the batch norm behind it scales it, traced for single
 * weights unless it is too wide: what obs ranks by.
 */
int fit_own_outputs(struct fit *fit, const struct trace *trace,
                    const struct layer *layer, double damping,
                    struct error *err);

/*
 * The least-squares weights on a mask, one row at a time, as stored.
 *
 * error  the scaled mean square error of the result on the data, may be NULL
 */
int fit_solve(const struct fit *fit, const struct bitmask *mask, float *weight,
              double *error, const struct parallel *parallel,
              const struct cancel *cancel, struct error *err);

/* The bias that gives the targets' mean with these weights; (rows), written.
 * weight  as stored */
void fit_bias(const struct fit *fit, const float *weight, double *bias);

#endif

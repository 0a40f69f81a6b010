/*
 * Second-order statistics of a layer's inputs on calibration samples: what
 * reconstruction and several criteria know about the data.
 */
#ifndef PRUNE_HESSIAN_H
#define PRUNE_HESSIAN_H

#include "prune/layer.h"
#include "prune/trace.h"

/* Of one group of a layer; columns run over (input, place), as the matrix's
 * elements of a row that reads all of the group's inputs. */
struct hessian {
    int groups, columns, rows; /* rows of one group */
    int64_t count;             /* input vectors seen */
    double *second;            /* (groups, columns, columns): sum of x x^T */
    double *cross;  /* (groups, rows, columns): sum of t x^T; NULL: unwanted */
    double *first;  /* (groups, columns): sum of x */
    double *target; /* (groups, rows): sum of t */
    double *square; /* (groups, rows): sum of t^2 */
};

/* The value t that a layer's output should have had, written in place. */
struct hessian_target {
    int output;     /* value id whose dense side is wanted */
    int correction; /* value id, GRAPH_NONE: t += (dense - changed) / scale */
    const float *scale; /* per row; NULL: 1; near 0: not corrected */
};

/*
 * Reads the inputs of layer `layer` of a trace on one side. The layer's node
 * is a Conv, Gemm or MatMul whose weight is a matrix (layer->matrix.rows).
 *
 * target  NULL: cross, target and square stay NULL
 *
 * Errors: ERROR_UNSUPPORTED (says why, without the layer's name),
 * ERROR_MEMORY, ERROR_CANCELLED.
 */
int hessian_init(struct hessian *hessian, const struct trace *trace,
                 const struct layer *layer, enum trace_side side,
                 const struct hessian_target *target, struct error *err);
void hessian_release(struct hessian *hessian);

/* 0 when the layer's inputs can be read, else -1 and why not. */
int hessian_serves(const struct graph *instance, const struct layer *layer,
                   struct error *err);

#endif

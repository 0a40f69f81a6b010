/*
 * What a kernel has to do, in numbers that a time follows from: no pointers,
 * no packing, the same on every machine. Profiles of devices are made of
 * them.
 */
#ifndef KERNEL_WORKLOAD_H
#define KERNEL_WORKLOAD_H

#include "kernel/sparse_structure.h"

#include <stddef.h>

enum workload_method {
    WORKLOAD_DENSE,   /* a fast dense kernel, whoever's */
    WORKLOAD_SPARSE,  /* one of our sparse kernels */
    WORKLOAD_PLAIN,   /* the operator's plain code */
    WORKLOAD_REORDER, /* a change of layout */
    WORKLOAD_METHOD_COUNT,
};

struct workload {
    enum kernel_kind kind;
    enum workload_method method;
    enum sparse_form form; /* SPARSE: of the packed weights */
    enum layout layout;    /* SPARSE: of source and result */
    /* CONV, DECONV, PRODUCT; ones elsewhere. */
    int64_t n, groups, ic, oc, oh, ow;
    int64_t window, stride; /* kh * kw, sh */
    int64_t macs;           /* dense */
    int64_t weights, nonzeros;
    int64_t stored[SPARSE_FORM_COUNT]; /* weights that each form stores */
    int64_t source, result;            /* elements, without constants */
};

/* A measurement: the way of computing is written in it. */
struct timed_workload {
    struct workload workload;
    double ns;
};

/*
 * spec        its pointers are not read
 * structure   what was counted of its weights; NULL: all are there
 * source, result  elements read and written
 */
void workload_of(struct workload *out, const struct kernel_spec *spec,
                 const struct sparse_structure *structure, int64_t source,
                 int64_t result);

/* Weights that its way of computing multiplies with. */
int64_t workload_stored(const struct workload *workload);

enum { WORKLOAD_NAME_BYTES = 48 };

/* What its class computes: "conv 3x3", "conv 1x1", "depthwise", "product",
 * "vector" (a product of few rows), "pool", "eltwise" … */
const char *workload_shape(const struct workload *workload);

/* "conv 3x3 dense", "conv 1x1 sparse any plane": workloads whose times follow
 * one law. */
void workload_class(const struct workload *workload,
                    char text[WORKLOAD_NAME_BYTES]);

/* "conv"; "dense"; "rows4". */
const char *workload_kind_name(enum kernel_kind kind);
const char *workload_method_name(enum workload_method method);
const char *workload_form_name(enum sparse_form form);

#endif

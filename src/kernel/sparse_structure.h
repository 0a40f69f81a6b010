/*
 * What the zeros of a weight have in common: which of the sparse kernels'
 * forms hold it without storing many zeros. Found from the weights alone, so
 * that every model whose zeros lie so profits, wherever it was pruned.
 */
#ifndef KERNEL_SPARSE_STRUCTURE_H
#define KERNEL_SPARSE_STRUCTURE_H

#include "base/rng.h"
#include "kernel/spec.h"

#include <stddef.h>

/* Forms of packed weights. A kernel of one form computes every weight, but is
 * fast where it stores few zeros. */
enum sparse_form {
    SPARSE_FORM_ANY,     /* kept weights one by one */
    SPARSE_FORM_ROWS4,   /* blocks of 4 output channels x 1 input */
    SPARSE_FORM_ROWS16,  /* blocks of 16 output channels x 1 input */
    SPARSE_FORM_LANES,   /* 16 output channels, each with as many kept weights
                            among 16 inputs: N:M */
    SPARSE_FORM_INPUT16, /* blocks of 1 output channel x 16 inputs */
    SPARSE_FORM_COUNT,
};

/* Inputs are input channels at one kernel position: of a convolution's weight
 * (oc, ic, kh, kw) those that follow each other along ic. */
struct sparse_structure {
    int64_t weights, nonzeros;
    int64_t stored[SPARSE_FORM_COUNT]; /* weights that each form stores */
    int block;    /* output channels whose zeros agree: 16, 8, 4; 0: none */
    int inputs;   /* inputs that are kept or pruned together: 16; 0 */
    int keep, of; /* N:M, at most `keep` of `of` inputs; 0: no such pattern */
};

/* spec: a convolution or product with its weight. Costs about a nanosecond a
 * weight. */
void sparse_structure_of(struct sparse_structure *out,
                         const struct kernel_spec *spec);

/* The form whose zeros these are; ANY where no pattern was found. */
enum sparse_form sparse_structure_form(
    const struct sparse_structure *structure);

/*
 * Draws weights of which about `density` are kept where a form wants them.
 *
 * spec     its weight is not read
 * weights  (as the spec's), written: 0.01 or 0
 */
void sparse_structure_draw(const struct kernel_spec *spec,
                           enum sparse_form form, double density,
                           struct rng *rng, float *weights);

enum { SPARSE_STRUCTURE_BYTES = 32 }; /* of a name */

/* "2:4", "block 16x1", "block 1x16" for weights of which a form's kernel
 * profits; "" for others. */
void sparse_structure_name(const struct sparse_structure *structure,
                           enum sparse_form form, char *text, size_t bytes);

#endif

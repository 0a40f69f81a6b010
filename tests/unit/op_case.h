/* Operator cases as graphs: one node, its constants and its inputs. */
#ifndef TESTS_OP_CASE_H
#define TESTS_OP_CASE_H

#include "op/instance.h"

struct op_case {
    const char *name, *type;
    int opset, outputs, seed;
    const char *attributes, *inputs;
    const char *shape;    /* of the first output, as shape_text writes it */
    double sum, weighted; /* of all outputs one after the other */
};

extern const struct op_case op_cases[];
extern const size_t op_case_count;

/*
 * The case as a finished, unresolved template whose run-time inputs x0, x1, …
 * declare their whole shapes, so that its declared batch is the one to
 * instantiate it with (op_case_batch).
 */
int op_case_build(struct graph **out, const struct op_case *row,
                  struct error *err);
int64_t op_case_batch(const struct graph *graph);

/* The numbers of run-time input `input` (in the graph's order). */
int op_case_input(struct tensor *out, const struct op_case *row, size_t input,
                  struct error *err);

/* The figures of an output list as the cases state them. */
struct op_figures {
    double sum, weighted, magnitude; /* magnitude: weighted sum of |x| */
    int64_t count;
};
void op_figures_add(struct op_figures *figures, const struct tensor *tensor);

#endif

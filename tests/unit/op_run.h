/* Runs an instance by every operator's plain code: the oracle of plans. */
#ifndef TESTS_OP_RUN_H
#define TESTS_OP_RUN_H

#include "op/instance.h"

/*
 * values   one per value of the instance; inputs set by the caller, the
 *          rest written by this (op_run_release)
 * Returns 0, or -1 with the operator's error.
 */
int op_run_graph(const struct graph *instance, struct tensor *values,
                 struct error *err);
struct tensor *op_run_values(const struct graph *instance);
void op_run_release(const struct graph *instance, struct tensor *values);

#endif

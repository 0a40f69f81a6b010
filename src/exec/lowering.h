/*
 * What lowering nodes to tasks shares with finding patterns. Internal to
 * exec.
 */
#ifndef EXEC_LOWERING_H
#define EXEC_LOWERING_H

#include "exec/task.h"

/*
 * Several nodes that spell one function, as exporters write it: layer norm,
 * GELU, hard swish, attention. The last one, `root`, stands for all: its spec
 * computes the function of `input` and of `more`.
 */
struct pattern {
    int root, input;
    int more[TASK_MAX_OPERANDS - 1], more_count;
    int nodes[TASK_MAX_NODES]; /* root included */
    int count;
};

struct lowering {
    const struct graph *graph;
    struct kernel_spec *specs; /* per node */
    int *uses;                 /* per value: readers, graph outputs counted */
    int *reader;               /* per value: the last node that reads it */
    int *task_of;              /* per node: its task, -1 */
    struct task_list *list;
    struct pattern *patterns;
    size_t pattern_count;
    int *pattern_of; /* per node: its pattern, -1 */
};

/* Attention around its softmax, `node`. */
bool pattern_match_attention(const struct lowering *l, int node,
                             struct pattern *p, struct kernel_spec *spec);

/* Finds patterns, sets their roots' specs and counts uses anew: nodes inside
 * of a pattern read nothing. Nodes are lowered and uses counted already. */
void patterns_find(struct lowering *l);

/* Whether the node was swallowed by a pattern whose root is another one. */
static inline bool pattern_swallowed(const struct lowering *l, int node)
{
    int pattern = l->pattern_of[node];
    return pattern >= 0 && l->patterns[pattern].root != node;
}

#endif

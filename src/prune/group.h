/*
 * Dependency groups: which channels of which layers can only go together.
 *
 * Labels (op/couple.h) begin at the output axis of every layer with a
 * constant weight and are handed on through the graph. Labels that are tied
 * make one *unit*: an output channel of a convolution, the same channel of
 * all layers that a residual stream adds up, an attention head. Layers whose
 * channels share units make one *group*. A unit that reaches the model's
 * outputs, meets its inputs, or goes through something that cannot be
 * analysed stays; a group without units that can go is locked and says why.
 */
#ifndef PRUNE_GROUP_H
#define PRUNE_GROUP_H

#include "op/couple.h"
#include "prune/layer.h"

enum group_kind { GROUP_CHANNELS, GROUP_HEADS };

struct group {
    int id; /* from 1, in order of execution */
    enum group_kind kind;
    int *layers; /* rows that produce its channels, ascending */
    size_t layer_count;
    int *readers; /* rows that read them and belong to other groups or none */
    size_t reader_count;
    double *reader_shares; /* of each reader's inputs that are units */
    double share;          /* of its layers' outputs that are units */
    int *units;            /* their labels, in order */
    int64_t unit_count;
    int64_t width;      /* positions of the widest layer's output axis */
    int64_t channels;   /* units, and what stays; locked: the width */
    int64_t most;       /* units that can go: every axis keeps one position */
    const char *reason; /* locked: why; "" else */
};

/* An axis that must keep a position: its labels, none of them locked. */
struct group_axis {
    int *labels;
    size_t count;
};

/* Reshape, Transpose, Reshape that only permute channels. */
struct group_shuffle {
    int before, swap, after; /* node ids */
};

struct group_table {
    struct labels labels;
    struct label_map *values; /* per value id of the instance */
    size_t value_count;
    struct label_use *uses;
    size_t use_count;
    struct label_root *roots;
    size_t root_count;
    struct group_shuffle *shuffles;
    size_t shuffle_count;
    struct group_axis *axes;
    size_t axis_count;
    /* Axes that a label lies on: axis_list[axis_begin[l] ... [l + 1]). */
    size_t *axis_begin;
    int *axis_list;
    struct group *groups;
    size_t count;
    int *group_of; /* per layer row: index of its group, -1: none */
    int *unit_of;  /* per label that is a unit: group index, else -1 */
    /* Per label that is a unit: units of a group that are of one kind may
     * change places (prune/permute.h); 0: it stays where it is. */
    uint64_t *kinds;
};

/*
 * Analyses an instance of one sample.
 *
 * layers  rows of the same instance; borrowed during the call
 *
 * Errors: ERROR_MEMORY, those of the operators' faces.
 */
int group_table_create(struct group_table **out, const struct graph *instance,
                       const struct layer_table *layers, struct error *err);
void group_table_destroy(struct group_table *table);

/* The group of a layer's output channels; NULL: none. */
const struct group *group_of_layer(const struct group_table *table, size_t row);

/* The row whose weight is operand `input` of a node; -1: none. */
int group_row_of(const struct layer_table *layers, const struct graph *graph,
                 int node, int input);

/* Axis i of operand `value` is axis axes[i] of the weight as it is stored. */
void group_stored_axes(const struct graph *graph, int value, int axes[]);

/*
 * Which positions of every axis a removal takes: slabs[axis][i] is the label
 * that position i goes with, -1 where it stays whatever goes. Slabs of axes
 * on which nothing depends are NULL. Memory is the caller's arena's.
 */
struct group_slabs {
    int *labels[SHAPE_MAX_RANK];
};
int group_slabs_of(struct group_slabs *slabs, struct group_table *table,
                   const struct label_map *map, struct arena *arena,
                   struct error *err);

#endif

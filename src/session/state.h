/*
 * What commands change: the tree of variants and a few settings. All of it
 * can be given back, so that a line that fails half-way changes nothing.
 */
#ifndef SESSION_STATE_H
#define SESSION_STATE_H

#include "session/variant.h"

enum { SNAPSHOT_NAME_BYTES = 32, SNAPSHOT_MAX = 64 };

struct snapshot {
    char name[SNAPSHOT_NAME_BYTES];
    int id;
};

/* Small and without pointers to own: copied before a line, put back after a
 * failure. */
struct position {
    int count;           /* variants; ids are 0 … count-1 */
    int current;         /* where the user is */
    int tip;             /* a descendant of current: redo goes toward it */
    int exported;        /* the variant of the last `export`, -1: none */
    uint64_t saved_hash; /* of the variant last exported, or the dense one */
    const struct criterion *criterion;
    const struct structure *structure;
    int snapshot_count;
    struct snapshot snapshots[SNAPSHOT_MAX];
};

/* Whether a line of work could be done; see session_worker. */
struct work_check {
    int (*run)(void *context, const char *line, struct error *err);
    void *context;
};

struct state {
    const struct work_check *check; /* borrowed; NULL: not checked */
    const struct graph *graph;      /* borrowed; batch 1 */
    const struct layer_table *layers;
    const struct calibrator *calibrator; /* borrowed; NULL: none */
    struct variant **variants;
    size_t capacity;
    struct position at;
};

/* A tree with the dense variant only. graph and layers are borrowed. */
int state_init(struct state *state, const struct graph *graph,
               const struct layer_table *layers, struct error *err);
void state_release(struct state *state);

const struct variant *state_current(const struct state *state);
/* NULL when there is no such id. */
const struct variant *state_variant(const struct state *state, int id);

/* Adds a child of the current variant and moves to it. decisions NULL: all
 * dense; weights NULL: the model's own. */
int state_add(struct state *state, const struct decision *decisions,
              const struct weights *weights, const char *command,
              const char *summary, struct error *err);

/* The model's graph with the weights of the current variant, for scores.
 * Owned by the caller. */
int state_graph(const struct state *state, struct graph **out,
                struct error *err);

/* Goes to a variant that exists; redo leads from it to its newest heirs
 * unless it lies on the way that redo already knows. */
void state_go(struct state *state, int id);

/* One step from `id`, an ancestor of the tip, toward it; -1: it is the tip. */
int state_redo_target(const struct state *state, int id);

/* Back to how it was; variants made since are dropped. */
void state_restore(struct state *state, const struct position *before);

/* Index of a snapshot, -1 when the name is free. */
int state_find_snapshot(const struct state *state, const char *name);

#endif

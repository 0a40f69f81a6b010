/* What the user decided for one layer, and the tables it refers to. */
#ifndef PRUNE_DECISION_H
#define PRUNE_DECISION_H

#include "prune/layer.h"
#include "tensor/bitmask.h"

struct structure;

/* What samples can tell about layers (prune/calibration.h). */
enum calibration_part {
    CALIBRATION_NONE,
    CALIBRATION_INPUTS,    /* norms of inputs */
    CALIBRATION_OUTPUTS,   /* what channels give */
    CALIBRATION_GRADIENTS, /* of the loss of batches, per weight */
    CALIBRATION_FISHER,    /* of the loss of single samples */
    CALIBRATION_ORDER,     /* what removing weights costs (ExactOBS) */
    CALIBRATION_PARTS,
};

struct layer_calibration;

/* What a criterion looks at; borrowed. */
struct score_input {
    const struct graph *graph; /* with the weights that are judged */
    const struct layer *layer;
    const float *weight;                  /* (layer->shape) */
    const struct layer_calibration *data; /* NULL: the criterion needs none */
};

/* A criterion: how important is each weight? Higher = keep. One file and one
 * row each (prune/score_<name>.c). */
struct criterion {
    const char *name, *help;
    enum calibration_part part; /* of the samples' figures that it needs */
    bool within_rows; /* single weights are compared inside their output row */
    /* score (layer->weights), written; NULL: ranks whole channels only */
    int (*score)(const struct score_input *input, float *score,
                 struct error *err);
    /* rows (layer->matrix.rows), written: how important are the outputs? NAN:
     * this layer does not know. NULL: as important as their weights together
     */
    int (*score_rows)(const struct score_input *input, float *rows,
                      struct error *err);
};
extern const struct criterion *const criteria[]; /* NULL-terminated */
/* Also by a second name: "l1" is magnitude. */
const struct criterion *criterion_find(const char *name);
/* 0 when it ranks units of this structure, else -1 and why not. */
int criterion_fits(const struct criterion *criterion,
                   const struct structure *structure, struct error *err);

/*
 * A structure: which weights fall together. A row of structures[] may stand
 * for a family with two numbers (N:M, block:HxW): the row is its best-known
 * member and `parse` reads the others.
 */
struct structure {
    const char *name, *help;
    const char *unit;  /* "weights" */
    int first, second; /* a family's numbers: N and M, H and W */
    /* Whether `name` is of the family; its numbers go to `out`. Returns 1, 0
     * when it is not, -1 when its numbers are wrong. NULL: one member. */
    int (*parse)(const char *name, struct structure *out, struct error *err);
    /* Why it does not apply to a prunable layer; NULL: applies to all. */
    int (*fits)(const struct structure *self, const struct layer *layer,
                struct error *err);
    /* Channels and heads go for real (prune/shrink.h), and so does a whole
     * layer: nothing of them is left to be masked. `select` is NULL. */
    bool narrows, skips;
    /* Input channels take an order in which more magnitude stays
     * (prune/permute.h). */
    bool permutes;
    int64_t multiple; /* how many stay is a multiple of this; 0: any number */
    /* Units that can go when all cannot; NULL: all. */
    int64_t (*most)(const struct structure *self, const struct layer *layer);
    /* Units in this layer that can be removed; 0: does not apply. */
    int64_t (*units)(const struct structure *self, const struct layer *layer);
    /* What the structure's name without an amount asks for (2:4: half of the
     * weights). NULL: it needs an amount. */
    int64_t (*natural)(const struct structure *self, const struct layer *layer);
    /* Keeps all but the `remove` least important units. Exactly that many
     * by (score, index). mask written, initialised by the callee. */
    int (*select)(const struct structure *self, const struct layer *layer,
                  const float *score, int64_t remove, struct bitmask *mask,
                  struct error *err);
};
extern const struct structure *const structures[]; /* NULL-terminated */

/*
 * The structure of that name, a member of a family included ("2:4",
 * "block:4x1"). One object for each name, alive until the process ends, so
 * pointers compare. Any thread.
 * Errors: ERROR_NAME (no such structure), ERROR_RANGE (a family's numbers).
 */
int structure_read(const struct structure **out, const char *name,
                   struct error *err);

/* The same; NULL where there is none. */
const struct structure *structure_find(const char *name);

/* Units of a layer, 0 where the structure does not apply. */
int64_t structure_units(const struct structure *structure,
                        const struct layer *layer);

/* 0 when the structure applies, else -1 and why not, naming the layer. */
int structure_fits(const struct structure *structure, const struct layer *layer,
                   struct error *err);

/* How many units of what go, ranked by what. remove == 0: none. */
struct choice {
    const struct structure *structure;
    const struct criterion *criterion;
    int64_t remove; /* units */
};

/*
 * Everything decided for one layer. Channels or heads (`width`) go first, the
 * same ones in every layer of the group, whose decisions agree; weights
 * (`structure`) go from what is left, in the same proportion. A skipped layer
 * is gone with its block.
 */
struct decision {
    const struct structure *structure;
    const struct criterion *criterion;
    int64_t remove; /* units */
    struct choice width;
    bool skipped;
};

/* Nothing is removed. */
struct decision decision_dense(void);
bool decision_is_dense(const struct decision *decision);

enum { DECISION_CHOICES = 3 };
/* What the decision consists of, dense parts left out; how many. */
size_t decision_choices(const struct decision *decision,
                        struct choice choices[DECISION_CHOICES]);
/* What it says about structures of this kind; remove 0: nothing. */
struct choice decision_choice(const struct decision *decision,
                              const struct structure *structure);
/* Puts a choice in its place; the rest stays. */
void decision_put(struct decision *decision, const struct choice *choice);

/*
 * Puts a choice for layer `row` and all that go with it: the group's layers,
 * the block's. What stays is rounded down to the structure's multiple.
 * Errors: ERROR_UNSUPPORTED (does not apply), ERROR_RANGE (more than can go).
 */
int decision_choose(struct decision *decisions,
                    const struct layer_table *layers, size_t row,
                    const struct choice *choice, struct error *err);

/* Makes layer `row` dense, and all that goes with it. */
void decision_clear(struct decision *decisions,
                    const struct layer_table *layers, size_t row);

/* Units that can go. */
int64_t structure_most(const struct structure *structure,
                       const struct layer *layer);

/*
 * About how many weights of layer `row` are gone: exact for weights; channels
 * count by their share of the layer's outputs and inputs.
 */
int64_t decision_weights(const struct decision *decisions,
                         const struct layer_table *layers, size_t row);

/*
 * round(share * units), halves away from zero (as C's llround), clamped to
 * 0 … units. share is 0…1.
 */
int64_t decision_units(double share, int64_t units);

/* Whether both remove the same; two dense decisions are equal. */
bool decision_equal(const struct decision *a, const struct decision *b);

#endif

/*
 * Exactly what the screens draw, as plain values: filled from session and
 * report in one place (view_fill), made by hand in tests. Ratios run 0…1;
 * NAN and samples 0 mean "not known (yet)".
 */
#ifndef UI_VIEW_H
#define UI_VIEW_H

#include "engine/flipped.h"
#include "engine/rivals.h"
#include "engine/robustness_known.h"
#include "engine/scan_known.h"
#include "engine/structures.h"
#include "engine/work.h"
#include "eval/paired.h"

enum { VIEW_BINS = 1024, VIEW_NAME_BYTES = 24, VIEW_SHAPE_BYTES = 40 };

struct view_layer {
    char *name;           /* owned */
    char description[24]; /* "Conv 3x3" */
    char shape[VIEW_SHAPE_BYTES];
    int64_t weights, removed;
    bool prunable;
    const char *reason; /* static; why not prunable */
    const char *criterion, *structure;
    double amount;            /* share of the structure's units that goes */
    char width[80];           /* "4 of 16 channels go, 4 layers together", "" */
    double kept_before, kept; /* of the magnitude by N:M: in the model's order
                                 and in the new one; NAN: no other order */
    char *group;              /* owned; who shares them, or why they stay; "" */
    double ms, dense_ms;      /* NAN: not measured */
    double share;             /* of the variant's latency */
    double reference_ms;      /* in the reference variant */
    double reference_removed;
    double joules, dense_joules; /* of one sample, by the model */
    const char *kernel;          /* static, "" not known */
    bool sparse_kernel;
    double lost; /* mean points lost by the scan, NAN: not scanned */
    int leader;  /* the first of the layers that lose channels together */
};

/* One variant: a point of the plot, a row of the history. */
struct view_point {
    int id, parent;
    uint64_t hash;
    char *summary; /* owned */
    double sparsity;
    struct estimate accuracy, difference;
    double latency_ms, latency_spread; /* median, (p90 - p10) / 2 */
    double speedup;
    bool predicted;                  /* the latency is not measured (yet) */
    enum noise_kind noise;           /* of the machine when it was measured */
    double bytes, size;              /* encoded; share of dense */
    double nonzero;                  /* share of parameters */
    double macs;                     /* effective share */
    char snapshots[VIEW_NAME_BYTES]; /* "A", "A B", "" */
    int64_t *removed;                /* per layer, owned; differences */
    bool front;                      /* set by view_front */
};

/* A row of the tree of variants, main line first. */
struct view_branch {
    int id;
    int depth;  /* how many lines pass on the left */
    bool start; /* the first row of a branch */
};

/* The selected layer's weights. */
struct view_weights {
    int row; /* of the layer, -1: none */
    int64_t count, removed;
    int64_t bins[VIEW_BINS]; /* of |w|, 0 … maximum */
    double maximum;
    double threshold; /* |w| below is pruned; NAN when not by magnitude */
    size_t filters;
    double *norms;                /* owned: L2 per filter, dense */
    double *kept;                 /* owned: share of weights kept per filter */
    size_t map_rows, map_columns; /* mask map: out x in, 0: not made */
    double *map;                  /* owned: share kept per (out, in) */
    uint64_t content;             /* what it was made from */
};

/* A sample as it is stored, for the eye. */
struct view_picture {
    int64_t sample; /* -1: none */
    int planes, height, width;
    float *levels; /* owned: (planes, height, width), 0…1; NULL: no picture */
    bool stretched; /* from lowest to highest: the numbers are no pixels */
    char shape[VIEW_SHAPE_BYTES]; /* of the sample */
};

/* Which flips are listed. */
enum flip_choice {
    FLIPS_ALL,
    FLIPS_LOST,
    FLIPS_WON,
    FLIPS_OTHER,
    FLIP_CHOICES,
};

struct view_flips {
    const struct flipped *found; /* retained; NULL: not known (yet) */
    struct view_picture picture;
};

enum view_axis {
    VIEW_LATENCY,
    VIEW_SIZE,
    VIEW_NONZERO,
    VIEW_MACS,
    VIEW_AXIS_COUNT
};

struct landscape; /* prune/landscape.h */
struct landscape_row;

/* What is known of sensitivity. */
struct view_scan {
    const struct scan_snapshot *source; /* retained; NULL: nothing */
    const struct sensitivity *table;    /* of all methods; NULL: nothing */
    struct landscape *land;             /* of one method; owned */
    const char *structure, *criterion;  /* that were wanted for it */
    bool narrows; /* layers that lose channels together are one */
};

/* What was decided for a layer, in words. */
struct view_choice {
    const char *structure, *criterion; /* "" dense */
    double amount;                     /* share of the structure's units */
    double share;                      /* of the variant's latency, NAN */
};

/* Two variants side by side (fill_compare.c). */
struct view_compare {
    struct rivals rivals; /* the newest; count 0: none yet */
    int from, to;         /* variant ids */
    size_t layer_count;
    struct view_choice *before, *after; /* per layer, owned */
    int *order;                         /* owned: layers that differ first */
    size_t differing;
    bool known;           /* both have answered all samples */
    bool lacks_from;      /* it is the other one that has not */
    struct paired paired; /* owned */
    uint64_t hashes[2];   /* that `paired` was made from */
};

enum view_reference { REFERENCE_BASE, REFERENCE_A, REFERENCE_B };

struct view {
    /* what is open */
    char *model, *data; /* owned: file name; "fashion-mnist/test" or "" */
    int64_t samples;
    char holdout[64]; /* what the exam is taken on: "20%", a name; "": none */
    int64_t aside;    /* samples that the data gave to it; 0: none of them */
    bool fidelity;    /* no labels: agreement with the dense model */
    char machine[80];
    bool device;          /* latencies are predicted for that machine */
    char preprocess[160]; /* what was found, for the messages */
    const char *criterion, *structure;
    bool unsaved, can_undo, can_redo;

    size_t layer_count;
    struct view_layer *layers; /* owned */
    int64_t prunable;          /* weights */
    bool times_predicted;      /* those of the layers */

    size_t point_count, point_room;
    struct view_point *points;    /* owned; index = variant id */
    struct view_branch *branches; /* owned, point_count rows */
    int current;                  /* variant id */
    int snapshot_a, snapshot_b;   /* ids, -1 */

    struct view_weights weights;
    struct structure_times structures; /* of the layer in detail; row -1 */
    struct view_flips flips;           /* while its screen is open */
    /* Retained; of the current variant or of an older one; NULL: nothing. */
    const struct robustness_known *robustness;
    struct view_scan scan;
    struct view_compare compare; /* while its screen is open */

    /* progress */
    enum engine_stage stage;
    int stage_variant;
    int64_t done, total;
    double seconds;
    bool complete, failed, paused;
    bool ahead; /* the figures were there before they were asked for */
    char error[256];

    /* work behind the screen */
    bool working;
    char work[WORK_STAGE_BYTES + 32]; /* "tune: epoch 2 of 5" */
    int64_t work_done, work_total;
    double work_seconds, work_left; /* left NAN: by the share done */
    char work_line[96];             /* that ordered it */
    char work_note[WORK_NOTE_BYTES];
    bool work_steerable;      /* ends with its best, goes on for more */
    enum work_rest work_rest; /* what is left of it when the program ends */
    const char *interrupted;  /* the line that goes on with it; NULL: none */
    const char *work_name;    /* static; NULL: there was none yet */
    const char *const *work_series; /* static names of its curves, or NULL */
    struct work_point *work_points; /* owned */
    size_t work_point_count;
};

/* The current variant's point; never NULL once filled. */
const struct view_point *view_now(const struct view *view);
const struct view_point *view_base(const struct view *view);
double view_axis_value(const struct view_point *point, enum view_axis axis);
const char *view_axis_name(enum view_axis axis); /* "latency" */
const char *view_axis_unit(enum view_axis axis); /* "ms" */

/* Marks the points that no other beats in both accuracy and axis. */
void view_front(struct view *view, enum view_axis axis);

/* Rebuilds `branches` from the points' parents. 0, or -1 out of memory. */
int view_grow_tree(struct view *view);

void view_release(struct view *view);

/* --- from session and report --- */

/*
 * Brings everything up to date; cheap when little changed.
 *
 * report     may be NULL (nothing known yet)
 * selected   row of the layer whose weights are shown, -1: none
 * with_map   also the filters and the mask map (detail, wide screens)
 * reference  columns of differences
 *
 * Returns 0, or -1 when memory is exhausted.
 */
int view_fill(struct view *view, const struct session *session,
              struct engine *engine, const struct report *report, int selected,
              bool with_map, enum view_reference reference);

/* The flips that a choice lists, and how many. */
const struct flip *view_flips_chosen(const struct view_flips *flips,
                                     enum flip_choice choice, size_t *count);
/*
 * What flipped between the dense model and the current variant, as far as it
 * is known, and the picture of the cursor's row of those that are listed.
 */
int view_fill_flips(struct view_flips *flips, const struct session *session,
                    struct engine *engine, enum flip_choice choice, int cursor);
/* The picture of one sample of a data set. */
int view_fill_picture(struct view_picture *picture,
                      const struct dataset *dataset, int64_t sample);
void view_release_flips(struct view_flips *flips);
/* Brings the comparison of the current variant with another up to date. */
int view_fill_compare(struct view *view, const struct session *session,
                      struct engine *engine, int from);
void view_release_compare(struct view_compare *compare);

/* What is known of sensitivity (view_scan.c). */
int view_fill_scan(struct view *view, struct engine *engine);
void view_release_scan(struct view_scan *scan);
/* Builds the landscape of the view's method from scan.table. */
int view_make_landscape(struct view *view);
/* A layer's row of the landscape; NULL: not scanned. */
const struct landscape_row *view_scan_row(const struct view *view, int layer);

/* What structures buy one layer: asks the engine as often as it is called. */
void view_fill_structures(struct view *view, struct engine *engine, int row);

/* The part about one layer's weights (weights.c). */
int view_fill_weights(struct view_weights *weights,
                      const struct session *session, int row, bool with_map);
void view_release_weights(struct view_weights *weights);

#endif

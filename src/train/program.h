/* The inside of a network: slots, steps, uses of parameters. */
#ifndef TRAIN_PROGRAM_H
#define TRAIN_PROGRAM_H

#include "kernel/image_train.h"
#include "kernel/norm.h"
#include "kernel/onednn_train.h"
#include "kernel/outer.h"
#include "kernel/winograd_train.h"
#include "op/instance.h"
#include "train/network.h"

enum { STEP_MAX_SLOTS = 64, STEP_NONE = -1 };

/* A value of one shard in one layout. */
struct slot {
    int value;               /* of the instance */
    struct layout_desc desc; /* of what is not (n, c, h, w): n elements */
    bool plain;              /* row-major: every operator may read it */
    bool flows;              /* a gradient comes back to it */
    bool shares;             /* bytes of another slot (an alias) */
    bool reached;            /* some reader writes its gradient */
    bool joined;             /* its gradient becomes another's in place */
    int64_t floats;
    int64_t at, gradient_at;    /* in a shard's memory, in floats; -1: none */
    int first_write, last_read; /* of the gradient, in backward order */
};

/* One parameter as an operand of one step. */
struct use {
    int parameter, step, operand;
    int value; /* that the node reads: the parameter or a view of it */
    int64_t count;
    int64_t *map; /* element of the parameter for each of ours; NULL: same */
    float *operand_data; /* plain, as the node reads it */
    float *total;        /* plain gradient of the batch */
    bool joined;         /* total is the parameter's gradient */
    bool direct;         /* the step writes total itself, no lane sums it */
    void *packed[2];     /* TRAIN_FORWARD's and TRAIN_DATA's packing */
    int64_t lane_at, lane_floats; /* in a lane's sums */
};

enum step_kind {
    STEP_KERNEL,  /* onednn_train.h: convolution, product, pooling */
    STEP_OWN,     /* kernels of our own: the step's face says how */
    STEP_NORM,    /* batch norm, and an addition and a clip behind it */
    STEP_CLIP,    /* rectifiers */
    STEP_ADD,     /* of two computed tensors of one shape */
    STEP_ALIAS,   /* same bytes */
    STEP_CONVERT, /* a change of layout */
    STEP_PLAIN,   /* the operator's own code */
};

struct step_norm {
    float epsilon;
    int64_t channels, count; /* count: values per channel in the batch */
    struct norm_clip clip;
    bool clips;
    int statistics;                       /* index */
    double *sums;                         /* [shard][2][room] */
    float *shift, *mean, *scale, *offset; /* [room] */
    float *a, *b, *c;                     /* backward factors [room] */
    double *inverse;                      /* [room] */
};

struct step;

/* A step by kernels of our own; the last four only where it has a weight. */
struct step_face {
    void (*forward)(struct network *n, struct step *s, int64_t shard);
    void (*backward)(struct network *n, struct step *s, int64_t shard);
    size_t (*scratch_bytes)(const struct step *step);
    /* Of the weight's packing for a pass, and of its gradient's. */
    size_t (*packed_bytes)(const struct step *step, enum train_pass pass);
    void (*pack)(const struct step *step, enum train_pass pass,
                 const float *plain, void *packed);
    void (*unpack)(const struct step *step, const float *by_weight,
                   float *plain);
};

/* A convolution in blocks of channels (winograd_train.h). */
struct step_conv {
    const struct winograd_kernels *kernels;
    struct winograd_pass forward, data;
};

/* A convolution or pooling with images as lanes (image_train.h). */
struct step_image {
    const struct image_kernels *kernels;
    struct image_conv conv;
};

/* The gradients by weight and bias of a product, over the whole batch. */
struct step_sums {
    struct outer outer;  /* result NULL: none are wanted */
    const float **sides; /* (2, shards): the outer's left and right */
};

struct step {
    enum step_kind kind;
    int node;
    int inputs[STEP_MAX_SLOTS]; /* slots of the node's inputs; STEP_NONE */
    int outputs[STEP_MAX_SLOTS];
    int input_count, output_count;
    bool adds[STEP_MAX_SLOTS]; /* the gradient of this input exists already */
    bool active;               /* takes part in the backward run */
    int uses[STEP_MAX_SLOTS];  /* of parameters, by input; STEP_NONE */
    struct kernel_spec spec;
    const struct step_face *face; /* of STEP_OWN */
    bool by_src;                  /* whose gradient by the source is wanted */
    struct step_conv conv;
    struct step_image image;
    struct onednn_trained trained;
    int64_t workspace_at;                              /* in a shard's memory */
    struct onednn_binding *bindings[TRAIN_PASS_COUNT]; /* per shard */
    struct step_norm norm;
    struct step_sums sums;
    struct norm_clip clip;
};

/* One pass over all shards up to where they must meet. */
enum step_phase {
    PHASE_FORWARD,
    PHASE_STATISTICS, /* a norm's sums, before its PHASE_FORWARD */
    PHASE_BACKWARD,
    PHASE_SUMS, /* a norm's backward sums, before its PHASE_BACKWARD */
    PHASE_FILL,
    PHASE_LOSS,
};

struct item {
    int step;
    enum step_phase phase;
    bool meets; /* after it all shards meet (a norm combines) */
};

/* A part of a product's sums. */
struct sums_piece {
    int step;
    int64_t column; /* the first of a panel; -1: the bias */
};

/* What a thread needs while it runs a shard. A lane runs its shards in
 * order; lanes are the pieces of parallel work. */
struct lane {
    float *sums;      /* gradients of all uses, in their packing */
    float *spare;     /* one gradient that will be added */
    float *use_spare; /* one use's gradient that will be added */
    void *scratch;
    /* What comes next on the way to the next meeting. */
    int64_t shard;
    size_t item;
};

struct network {
    struct network_options options;
    struct graph *model, *instance;
    struct onednn_engine engine;
    const struct norm_kernels *norm;
    int64_t shards, lanes;

    struct slot *slots;
    size_t slot_count, slot_capacity;
    struct step *steps;
    size_t step_count, step_capacity;
    struct use *uses;
    size_t use_count, use_capacity;
    struct parameter *parameters;
    size_t parameter_count, parameter_capacity;
    struct network_statistics *statistics;
    size_t statistics_count, statistics_capacity;
    struct item *items; /* forward, loss, backward */
    size_t item_count, item_capacity;
    size_t forward_items; /* how many come before the loss */
    struct sums_piece *pieces;
    size_t piece_count, piece_capacity;

    int *value_slots; /* the first slot of each value; STEP_NONE */
    bool *done;       /* nodes that another step does as well */
    bool *unfolded;   /* nodes that were folded, until parameters moved them */
    bool *closed;     /* values that somebody reads who hands no gradient on */
    int loss_slot;
    int64_t shard_floats, spare_floats, use_spare_floats, lane_floats;
    size_t scratch_bytes;
    float **memory; /* per shard */
    struct lane *lane;

    /* of the run in progress */
    const struct network_task *task;
    const struct cancel *cancel;
    size_t first_item, last_item;
    bool wants_gradients;
};

/* unfold.c: makes steps of constants that parameters are in, before building;
 * whether an operand of such a node is a parameter */
int program_unfold(struct network *network, struct error *err);
bool unfolded_use(const struct network *network, const struct node *node,
                  int operand);
/* build.c */
int program_build(struct network *network, struct error *err);
/* memory.c: gradients, arenas, bindings */
int program_plan(struct network *network, struct error *err);
int program_bind(struct network *network, struct error *err);
/* run.c */
int program_run_item(struct network *network, const struct item *item,
                     int64_t shard, struct error *err);
/* norm.c */
int norm_step_init(struct network *network, struct step *step,
                   struct error *err);
void norm_step_release(struct step *step);
void norm_statistics_item(struct network *n, struct step *s, int64_t shard);
void norm_forward_item(struct network *n, struct step *s, int64_t shard);
void norm_sums_item(struct network *n, struct step *s, int64_t shard);
void norm_backward_item(struct network *n, struct step *s, int64_t shard);
void norm_meet_forward(struct network *network, struct step *step);
void norm_meet_backward(struct network *network, struct step *step);
void norm_refresh(struct network *network, struct step *step);
/* conv.c, image.c: false when it is not served */
bool conv_step_init(const struct network *network, struct step *step,
                    bool by_src);
bool image_step_init(const struct network *network, struct step *step,
                     bool by_src);
/* product.c: after all shards have met, the weights of products */
bool sums_wanted(const struct step *step);
int sums_plan(struct network *network, struct error *err);
int sums_run(struct network *network, struct error *err);
/* plain.c */
int plain_forward(struct network *network, struct step *step, int64_t shard,
                  struct error *err);
int plain_backward(struct network *network, struct step *step, int64_t shard,
                   struct error *err);
/* uses.c */
int use_add(struct network *network, int step, int operand, int value,
            struct error *err);
void use_release(struct use *use);
void uses_join(struct network *network);
int uses_reduce(struct network *network, struct error *err);
int uses_refresh(struct network *network, struct error *err);

static inline float *slot_data(const struct network *network, int slot,
                               int64_t shard)
{
    return slot < 0 ? NULL : network->memory[shard] + network->slots[slot].at;
}

static inline float *slot_gradient(const struct network *network, int slot,
                                   int64_t shard)
{
    if (slot < 0 || network->slots[slot].gradient_at < 0)
        return NULL;
    return network->memory[shard] + network->slots[slot].gradient_at;
}

static inline struct lane *lane_of(struct network *network, int64_t shard)
{
    return &network->lane[shard % network->lanes];
}

/* Whether a lane's sums are begun or added to by this shard. */
static inline bool lane_begins(const struct network *network, int64_t shard)
{
    return shard < network->lanes;
}

#endif

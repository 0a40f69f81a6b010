/* Inside shrink: nodes as they will be, before they are added. */
#ifndef PRUNE_SHRINK_DRAFT_H
#define PRUNE_SHRINK_DRAFT_H

#include "prune/shrink.h"

/* One node to be; all memory is the arena's. */
struct draft {
    const char *type;
    const char **inputs, **outputs; /* names, "" where omitted */
    size_t input_count, output_count;
    struct attribute *attributes;
    size_t attribute_count;
};

struct shrink {
    const struct graph *graph; /* its constants are taken */
    const struct layer_table *layers;
    struct group_table *table;
    const struct removal *removal;
    enum shrink_mode mode;
    struct arena arena;
    struct graph *out;
    struct draft *drafts;     /* per node */
    struct tensor *constants; /* per value of the model: what takes the place
                                 of its constant; data NULL: nothing */
    const char **placeholder; /* the only input of nodes that do nothing */
    int *readers;             /* per value: operands that read it */
    struct graph *pair;       /* of two samples, made when asked for */
    bool pair_tried;
};

/* Kept positions per axis of a map: 0 or 1; NULL: all stay. */
int shrink_keep(struct shrink *shrink, const struct label_map *map,
                unsigned char *keep[SHAPE_MAX_RANK], struct error *err);
int64_t shrink_count(const unsigned char *keep, int64_t size);

/* Adds what this map takes to `keep`. */
int shrink_take(struct shrink *shrink, const struct label_map *map,
                unsigned char *keep[SHAPE_MAX_RANK], struct error *err);

/* Adds where this map's positions come from. */
int shrink_order(struct shrink *shrink, const struct label_map *map,
                 int *from[SHAPE_MAX_RANK], struct error *err);

/* The constants of all nodes, as the mode asks. */
int shrink_constants(struct shrink *shrink, struct error *err);

/* A new constant as operand `input` of the draft. */
int shrink_operand(struct shrink *shrink, struct draft *draft, size_t input,
                   const char *hint, const struct tensor *tensor,
                   struct error *err);

/* Changes what the node says about shapes: group counts, sizes, targets. */
int shrink_node(struct shrink *shrink, int node, struct draft *draft,
                struct error *err);

/* Channel shuffles become a choice of channels. */
int shrink_shuffles(struct shrink *shrink, struct error *err);

#endif

/*
 * What a scan found: the accuracy that each layer's pruning alone leaves, by
 * amount. A table of points, its text form (CSV, also the file that a scan
 * resumes from), and the joining of shards.
 */
#ifndef PRUNE_SENSITIVITY_H
#define PRUNE_SENSITIVITY_H

#include "base/error.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

enum { SENSITIVITY_WORD_BYTES = 32 };

/* One layer at one amount, all others dense. */
struct sensitivity_point {
    int row;     /* of the layer, 1-based as "@row" */
    char *layer; /* owned */
    char structure[SENSITIVITY_WORD_BYTES], criterion[SENSITIVITY_WORD_BYTES];
    double amount;           /* share asked for, 0…1 */
    int64_t removed, units;  /* what that is in this layer */
    double value, low, high; /* accuracy and its 95 % interval */
    int64_t samples;         /* that were run for it */
};

struct sensitivity {
    uint64_t key;    /* model, data and settings: what may be joined */
    char *model;     /* owned */
    char metric[16]; /* "top1", "fidelity" */
    double baseline; /* the dense model's accuracy on all the data */
    struct sensitivity_point *points;
    size_t count, capacity;
};

void sensitivity_release(struct sensitivity *table);

/* Adds a copy of the point, its layer's name included. */
int sensitivity_add(struct sensitivity *table,
                    const struct sensitivity_point *point, struct error *err);

/* The same, in place of the point that sensitivity_find finds. */
int sensitivity_put(struct sensitivity *table,
                    const struct sensitivity_point *point, struct error *err);

/* Fills an empty table with a copy. */
int sensitivity_copy(struct sensitivity *into, const struct sensitivity *from,
                     struct error *err);

/* Removes the points for which `drop` says so. */
void sensitivity_drop_points(
    struct sensitivity *table,
    bool (*drop)(void *context, const struct sensitivity_point *point),
    void *context);

/* The point of the same row, structure, criterion and number removed; NULL
 * when there is none. */
const struct sensitivity_point *sensitivity_find(
    const struct sensitivity *table, const struct sensitivity_point *like);

/* By row, structure, criterion, amount. */
void sensitivity_sort(struct sensitivity *table);

/*
 * Adds the points of `from` that `into` does not have. An empty `into` takes
 * over the head.
 * Errors: ERROR_MISMATCH when they are of different scans.
 */
int sensitivity_merge(struct sensitivity *into, const struct sensitivity *from,
                      struct error *err);

/* --- text --- */

/* The heading line, and one point as a line; both end in '\n'. Every line
 * names model, metric, baseline and key, so that lines can be joined. */
void sensitivity_heading(struct strbuf *text);
void sensitivity_line(struct strbuf *text, const struct sensitivity *table,
                      const struct sensitivity_point *point);

/*
 * Reads lines written by the above into an empty table; of two about the same
 * point the later one counts (it was found again). A last line that was
 * torn (no '\n') is left out; *complete_bytes (may be NULL) says where it
 * begins.
 *
 * name  of the file, for errors
 *
 * Errors: "NAME:LINE: ...": ERROR_FORMAT, ERROR_MISMATCH (two scans in one
 * file).
 */
int sensitivity_parse(struct sensitivity *table, const char *name,
                      const char *text, size_t bytes, size_t *complete_bytes,
                      struct error *err);

/* Reads a file; errors name it. */
int sensitivity_read(struct sensitivity *table, const char *path,
                     struct error *err);

#endif

/*
 * A scan seen as a whole: every layer's curve, cliff and rank, for one
 * structure and one criterion. What screens and warnings ask.
 */
#ifndef PRUNE_LANDSCAPE_H
#define PRUNE_LANDSCAPE_H

#include "prune/cliff.h"

struct landscape_row {
    int row; /* of the layer, 1-based; 0: all layers together */
    struct curve curve;
    int64_t samples[CURVE_MAX]; /* that each point of the curve took */
    struct cliff cliff;
    double lost;      /* mean drop over the amounts */
    size_t rank;      /* 1: the most sensitive; 0: some amounts are to come */
    const char *word; /* "Low" … "Top 5 %", "" without a rank */
};

struct landscape {
    char structure[SENSITIVITY_WORD_BYTES], criterion[SENSITIVITY_WORD_BYTES];
    double baseline;
    size_t count; /* rows ascending */
    struct landscape_row *rows;
    size_t amount_count; /* those wanted and those found, ascending */
    double amounts[CURVE_MAX];
};

/*
 * structure, criterion  what is meant; where the table has no point of them,
 *                       those of its first point
 * amounts               columns to have in any case, `count` of them
 */
int landscape_init(struct landscape *land, const struct sensitivity *table,
                   const char *structure, const char *criterion,
                   const double *amounts, size_t count, struct error *err);
void landscape_release(struct landscape *land);

/* NULL: not scanned. */
const struct landscape_row *landscape_row(const struct landscape *land,
                                          int row);

/* Which point of a row's curve is that of an amount; -1: not scanned. */
int landscape_point(const struct landscape_row *row, double amount);

#endif

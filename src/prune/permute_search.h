/* Which column comes to which place, such that N:M keeps most magnitude. */
#ifndef PRUNE_PERMUTE_SEARCH_H
#define PRUNE_PERMUTE_SEARCH_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* A layer that keeps N of every M columns that follow each other. */
struct permute_reader {
    int columns;
    int64_t vectors;        /* rows and places of the kernel */
    const float *magnitude; /* (columns, vectors), none negative */
    int keep, of;           /* N and M */
    const int *unit;        /* (columns): whose place it is; -1: it stays */
    int *at;                /* (columns): the column that is here; changed */
};

struct permute_search {
    int units;
    const uint64_t *kinds; /* (units): those of one kind may swap; 0: stays */
    struct permute_reader *readers;
    size_t count;
    int64_t budget; /* magnitudes that are looked at, at most */
};

/*
 * Climbs by swaps, then by two swaps at once between two groups of M <= 4,
 * until none keeps more or the budget is spent. Every unit has the same number
 * of columns in a reader as all others of its kind.
 *
 * order  (units), changed: order[u] is the unit that comes to u's place
 *
 * Never keeps less than before. The same in every run and on any machine.
 */
int permute_search(int *order, const struct permute_search *search,
                   struct error *err);

/* The magnitude that the pattern keeps; *total: all there is. */
double permute_kept(const struct permute_reader *reader, double *total);

#endif

/* The figures of a session that goes on: what its variants measured before. */
#ifndef UI_REMEMBER_H
#define UI_REMEMBER_H

#include "view.h"

/*
 * A file beside the journal, a line for each variant that was measured in
 * full. It only says what was seen: without it, or where a line cannot be
 * read, the figures are measured again. Errors are therefore not told.
 */
struct remember {
    char *path;                /* owned; NULL: nothing is kept */
    struct view_point *points; /* owned; no pointers in them */
    size_t count, capacity;
    bool torn; /* the last line has no end */
};

/* journal: its path; "": none, nothing is kept. */
void remember_open(struct remember *remember, const char *journal,
                   const struct view *view);
/* Writes the current variant's figures once they are complete. */
void remember_keep(struct remember *remember, const struct view *view);
/* Gives the points of which nothing is known what was known of them. */
void remember_recall(const struct remember *remember, struct view *view);
void remember_release(struct remember *remember);

#endif

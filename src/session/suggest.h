/* The nearest known word to one that is not known. */
#ifndef SESSION_SUGGEST_H
#define SESSION_SUGGEST_H

/* The fewest single-character edits (insert, delete, replace, swap of two
 * neighbours) that turn a into b; long words count as far apart. */
unsigned suggest_distance(const char *a, const char *b);

#endif

/* The nearest known word to one that is not known, where it is near. */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H

/* The fewest single-character edits (insert, delete, replace, swap of two
 * neighbours; capitals count as small) that turn a into b. Long words count
 * as far apart. */
unsigned suggest_distance(const char *a, const char *b);

/* Known words are offered one by one; begins as {.word = WORD}. */
struct suggestion {
    const char *word;
    const char *best; /* NULL: none was near so far */
    unsigned distance;
};

/* Keeps the word if it is nearest so far, and edits of at most a third of the
 * longer word (one at least) lead to it: what is farther is no slip. */
void suggest_offer(struct suggestion *suggestion, const char *known);

#endif

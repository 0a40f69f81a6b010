/*
 * What is known of each variant, by content hash. Figures are kept for good;
 * outcomes and unfinished trials under a budget, the longest unused go first.
 * Not locked: the engine's mutex guards it.
 */
#ifndef ENGINE_STORE_H
#define ENGINE_STORE_H

#include "engine/trial.h"

struct store_entry {
    uint64_t hash;
    bool exact; /* accuracy on all samples */
    bool ahead; /* before anybody asked for it */
    struct result result;
    struct trial *trial; /* owned; complete or not; NULL: gone */
    uint64_t used;
};

struct store {
    struct store_entry **entries;
    size_t count, capacity;
    uint64_t clock;
    int64_t budget_bytes, trial_bytes;
};

void store_release(struct store *store);

/* The entry, NULL: nothing known. Finding counts as a use. */
struct store_entry *store_find(struct store *store, uint64_t hash);

/* Keeps a copy of the figures. Returns the entry, NULL without memory. */
struct store_entry *store_put(struct store *store, uint64_t hash,
                              const struct result *result, bool exact);

/* Takes the trial out (owned by the caller); NULL when there is none. */
struct trial *store_take_trial(struct store *store, struct store_entry *entry);

/* Hands a trial to an entry (NULL entry: destroyed), dropping others while
 * the budget is exceeded. */
void store_keep_trial(struct store *store, struct store_entry *entry,
                      struct trial *trial);

#endif

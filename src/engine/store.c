#include "engine/store.h"

#include "base/array.h"

#include <stdlib.h>

static int64_t trial_bytes(const struct trial *trial)
{
    return trial->samples * (int64_t)sizeof *trial->outcomes + trial->batches;
}

static void drop_trial(struct store *store, struct store_entry *entry)
{
    if (!entry->trial)
        return;
    store->trial_bytes -= trial_bytes(entry->trial);
    trial_destroy(entry->trial);
    entry->trial = NULL;
}

void store_release(struct store *store)
{
    for (size_t i = 0; i < store->count; i++) {
        drop_trial(store, store->entries[i]);
        result_release(&store->entries[i]->result);
        free(store->entries[i]);
    }
    free(store->entries);
    *store = (struct store){0};
}

struct store_entry *store_find(struct store *store, uint64_t hash)
{
    /* Newest first: what is asked for is mostly what was just made. */
    for (size_t i = store->count; i-- > 0;) {
        struct store_entry *entry = store->entries[i];
        if (entry->hash == hash) {
            entry->used = ++store->clock;
            return entry;
        }
    }
    return NULL;
}

static struct store_entry *add_entry(struct store *store, uint64_t hash)
{
    struct store_entry *entry = array_create(1, sizeof *entry);
    if (!entry || array_reserve(&store->entries, &store->capacity,
                                store->count + 1, sizeof *store->entries) < 0) {
        free(entry);
        return NULL;
    }
    entry->hash = hash;
    entry->used = ++store->clock;
    store->entries[store->count++] = entry;
    return entry;
}

struct store_entry *store_put(struct store *store, uint64_t hash,
                              const struct result *result, bool exact)
{
    struct result copy = {0};
    if (result_copy(&copy, result) < 0)
        return NULL;
    struct store_entry *entry = store_find(store, hash);
    if (!entry)
        entry = add_entry(store, hash);
    if (!entry) {
        result_release(&copy);
        return NULL;
    }
    result_release(&entry->result);
    entry->result = copy;
    entry->exact = exact;
    return entry;
}

struct trial *store_take_trial(struct store *store, struct store_entry *entry)
{
    struct trial *trial = entry->trial;
    if (trial)
        store->trial_bytes -= trial_bytes(trial);
    entry->trial = NULL;
    return trial;
}

void store_keep_trial(struct store *store, struct store_entry *entry,
                      struct trial *trial)
{
    if (!entry) {
        trial_destroy(trial);
        return;
    }
    drop_trial(store, entry);
    entry->trial = trial;
    store->trial_bytes += trial_bytes(trial);
    while (store->trial_bytes > store->budget_bytes) {
        struct store_entry *oldest = NULL;
        for (size_t i = 0; i < store->count; i++) {
            struct store_entry *other = store->entries[i];
            if (other->trial && other != entry &&
                (!oldest || other->used < oldest->used))
                oldest = other;
        }
        if (!oldest)
            return;
        drop_trial(store, oldest);
    }
}

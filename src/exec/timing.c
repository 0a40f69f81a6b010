/* An open-addressing table from hashes to nanoseconds, behind a mutex. */
#include "exec/timing.h"

#include "base/array.h"
#include "base/thread.h"

#include <stdlib.h>

struct timing_entry {
    uint64_t key; /* 0: free */
    double ns;
};

struct timing {
    pthread_mutex_t mutex;
    struct timing_entry *entries;
    size_t count, capacity; /* a power of two */
};

int timing_create(struct timing **out, struct error *err)
{
    struct timing *timing = array_create(1, sizeof(*timing));
    if (!timing)
        return error_memory(err, sizeof(*timing));
    if (pthread_mutex_init(&timing->mutex, NULL)) {
        free(timing);
        return error_memory(err, sizeof(*timing));
    }
    *out = timing;
    return 0;
}

void timing_destroy(struct timing *timing)
{
    if (!timing)
        return;
    pthread_mutex_destroy(&timing->mutex);
    free(timing->entries);
    free(timing);
}

/* The entry of `key`, or the free one where it belongs. */
static struct timing_entry *find(struct timing_entry *entries, size_t capacity,
                                 uint64_t key)
{
    size_t i = (size_t)(key ^ key >> 32) & (capacity - 1);
    while (entries[i].key && entries[i].key != key)
        i = (i + 1) & (capacity - 1);
    return &entries[i];
}

static int grow(struct timing *timing)
{
    size_t capacity = timing->capacity ? timing->capacity * 2 : 256;
    struct timing_entry *entries = array_create(capacity, sizeof(*entries));
    if (!entries)
        return -1;
    for (size_t i = 0; i < timing->capacity; i++)
        if (timing->entries[i].key)
            *find(entries, capacity, timing->entries[i].key) =
                timing->entries[i];
    free(timing->entries);
    timing->entries = entries;
    timing->capacity = capacity;
    return 0;
}

int timing_get(struct timing *timing, uint64_t key, double *ns)
{
    bool known = false;
    key = key ? key : 1;
    pthread_mutex_lock(&timing->mutex);
    if (timing->capacity) {
        struct timing_entry *entry =
            find(timing->entries, timing->capacity, key);
        known = entry->key != 0;
        if (known)
            *ns = entry->ns;
    }
    pthread_mutex_unlock(&timing->mutex);
    return known;
}

void timing_put(struct timing *timing, uint64_t key, double ns)
{
    key = key ? key : 1;
    pthread_mutex_lock(&timing->mutex);
    /* Without memory the measurement is forgotten: it is made again. */
    if (timing->count * 2 < timing->capacity || grow(timing) == 0) {
        struct timing_entry *entry =
            find(timing->entries, timing->capacity, key);
        timing->count += entry->key == 0;
        entry->key = key;
        entry->ns = ns;
    }
    pthread_mutex_unlock(&timing->mutex);
}

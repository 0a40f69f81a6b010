#include "base/map.h"
#include "base/hash.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Open addressing, linear probing, at most two thirds full. */
struct map_entry {
    char *key;
    uint64_t hash;
    size_t value;
};

static size_t slot_of(const struct map_entry *entries, size_t capacity,
                      const char *key, uint64_t hash)
{
    size_t i = (size_t)hash & (capacity - 1);
    while (entries[i].key &&
           (entries[i].hash != hash || strcmp(entries[i].key, key) != 0))
        i = (i + 1) & (capacity - 1);
    return i;
}

void map_release(struct map *map)
{
    for (size_t i = 0; i < map->capacity; i++)
        free(map->entries[i].key);
    free(map->entries);
    *map = (struct map){0};
}

static int grow(struct map *map)
{
    size_t capacity = map->capacity ? map->capacity * 2 : 16;
    struct map_entry *entries = calloc(capacity, sizeof *entries);
    if (!entries)
        return -1;
    for (size_t i = 0; i < map->capacity; i++) {
        struct map_entry *old = &map->entries[i];
        if (old->key)
            entries[slot_of(entries, capacity, old->key, old->hash)] = *old;
    }
    free(map->entries);
    map->entries = entries;
    map->capacity = capacity;
    return 0;
}

int map_set(struct map *map, const char *key, size_t value)
{
    if (3 * (map->count + 1) > 2 * map->capacity && grow(map) < 0)
        return -1;
    uint64_t hash = hash_bytes(0, key, strlen(key));
    struct map_entry *entry =
        &map->entries[slot_of(map->entries, map->capacity, key, hash)];
    if (!entry->key) {
        entry->key = strdup(key);
        if (!entry->key)
            return -1;
        entry->hash = hash;
        map->count++;
    }
    entry->value = value;
    return 0;
}

bool map_get(const struct map *map, const char *key, size_t *value)
{
    if (!map->count)
        return false;
    uint64_t hash = hash_bytes(0, key, strlen(key));
    const struct map_entry *entry =
        &map->entries[slot_of(map->entries, map->capacity, key, hash)];
    if (entry->key && value)
        *value = entry->value;
    return entry->key != NULL;
}

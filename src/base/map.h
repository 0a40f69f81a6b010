/* A map from strings to numbers (indices into somebody's array). */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>

struct map_entry;

/* `struct map map = {0};` is empty. Keys are copied. Not thread-safe. */
struct map {
    struct map_entry *entries;
    size_t count, capacity;
};

void map_release(struct map *map);

/* Sets key to value, replacing. Returns 0, or -1 when memory is exhausted. */
int map_set(struct map *map, const char *key, size_t value);

/* Whether key is there; its value is written when value is not NULL. */
bool map_get(const struct map *map, const char *key, size_t *value);

#endif

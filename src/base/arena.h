/* A bump allocator: many small objects that die together. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_block;

/* `struct arena arena = {0};` is an empty arena. Not thread-safe. */
struct arena {
    struct arena_block *blocks;
    size_t total_bytes;
};

void arena_release(struct arena *arena);

/* Zeroed memory aligned to 16 bytes, owned by the arena; NULL when exhausted.
 */
void *arena_alloc(struct arena *arena, size_t bytes);

/* As arena_alloc for count * size, NULL when the product overflows. */
void *arena_array(struct arena *arena, size_t count, size_t size);

char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t bytes);
void *arena_memdup(struct arena *arena, const void *data, size_t bytes);

#endif

#include "base/array.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int array_reserve(void *items, size_t *capacity, size_t wanted,
                  size_t item_bytes)
{
    if (wanted <= *capacity)
        return 0;
    size_t next = *capacity + *capacity / 2;
    if (next < wanted)
        next = wanted;
    if (next < 8)
        next = 8;
    if (item_bytes && next > SIZE_MAX / item_bytes)
        return -1;
    void *old;
    memcpy(&old, items, sizeof old);
    void *grown = realloc(old, next * item_bytes);
    if (!grown)
        return -1;
    memcpy(items, &grown, sizeof grown);
    *capacity = next;
    return 0;
}

void *array_create(size_t count, size_t item_bytes)
{
    if (item_bytes && count > SIZE_MAX / item_bytes)
        return NULL;
    return calloc(count ? count : 1, item_bytes ? item_bytes : 1);
}

char *string_copy(const char *text)
{
    return text ? strdup(text) : NULL;
}

/* Growing arrays: items, count and capacity kept by the owner. */
#ifndef BASE_ARRAY_H
#define BASE_ARRAY_H

#include <stddef.h>

/*
 * Makes room for `wanted` items of `item_bytes` each, growing by half.
 *
 * items     address of the owner's pointer (malloc'ed or NULL), may move
 * capacity  items that fit now, written
 *
 * Returns 0, or -1 when memory is exhausted (items unchanged).
 */
int array_reserve(void *items, size_t *capacity, size_t wanted,
                  size_t item_bytes);

/* malloc of count * size that checks the product; zeroed; NULL on failure. */
void *array_create(size_t count, size_t item_bytes);

/* strdup that accepts NULL (giving NULL). Owned by the caller. */
char *string_copy(const char *text);

#define ARRAY_LENGTH(a) (sizeof(a) / sizeof((a)[0]))

#endif

/* Large blocks of memory in large pages, where the system has them. */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

#include <stddef.h>

/*
 * `bytes` of zeros and at least 64 behind them, 64-byte aligned; free() gives
 * them back. A block of a megabyte or more begins at a large page and asks for
 * such: whoever streams through it misses fewer translations, and the
 * processor fetches ahead across what would be pages. NULL: no memory.
 */
void *pages_create(size_t bytes);

#endif

#include "base/pages.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { LINE = 64, LARGE_FROM = 1 << 20, LARGE_PAGE = 2 << 20 };

void *pages_create(size_t bytes)
{
    size_t unit = bytes < LARGE_FROM ? LINE : LARGE_PAGE;
    size_t whole = ((bytes + LINE) / unit + 1) * unit;
    void *memory = whole > bytes ? aligned_alloc(unit, whole) : NULL;
    if (!memory)
        return NULL;
#ifdef MADV_HUGEPAGE
    /* Advice only: without large pages all works as before. */
    if (unit == LARGE_PAGE)
        (void)madvise(memory, whole, MADV_HUGEPAGE);
#endif
    memset(memory, 0, whole);
    return memory;
}

/* Places slots in one arena: the largest first, each at the lowest offset
 * that no slot alive at the same time covers. */
#include "base/array.h"
#include "exec/plan_internal.h"

#include <stdlib.h>

enum { ALIGN = 64, SLACK = 64 };

/* Graph inputs are written before the first step and stay: a runner may run
 * again on the same input. */
static bool stays(const struct slot *slot)
{
    return slot->first < 0;
}

static bool overlap_in_time(const struct slot *a, const struct slot *b)
{
    /* A step reads its operands while it writes its result. */
    return stays(a) || stays(b) || (a->first <= b->last && b->first <= a->last);
}

static int64_t room_of(const struct slot *slot)
{
    return ((int64_t)slot->bytes + SLACK + ALIGN - 1) / ALIGN * ALIGN;
}

static int by_size(const void *a, const void *b)
{
    const struct slot *const *x = a, *const *y = b;
    if ((*x)->bytes != (*y)->bytes)
        return (*x)->bytes < (*y)->bytes ? 1 : -1;
    return (*x)->first - (*y)->first;
}

/* Puts a slot behind those whose offsets are as low. */
static void place(struct slot **placed, size_t count, struct slot *slot)
{
    size_t at = count;
    for (; at > 0 && placed[at - 1]->offset > slot->offset; at--)
        placed[at] = placed[at - 1];
    placed[at] = slot;
}

/* The lowest offset at which `slot` fits among `placed` (sorted by offset). */
static int64_t lowest(const struct slot *slot, struct slot *const *placed,
                      size_t count)
{
    int64_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        if (!overlap_in_time(slot, placed[i]))
            continue;
        if (offset + room_of(slot) <= placed[i]->offset)
            break;
        int64_t end = placed[i]->offset + room_of(placed[i]);
        offset = end > offset ? end : offset;
    }
    return offset;
}

int memory_assign(struct plan *plan)
{
    size_t count = 0, done = 0;
    struct slot **order = array_create(plan->slot_count, sizeof(*order));
    struct slot **placed = array_create(plan->slot_count, sizeof(*placed));
    if (!order || !placed) {
        free(order);
        free(placed);
        return -1;
    }
    for (size_t i = 0; i < plan->slot_count; i++)
        if (!plan->slots[i].constant)
            order[count++] = &plan->slots[i];
    qsort(order, count, sizeof(*order), by_size);
    plan->arena_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        order[i]->offset = lowest(order[i], placed, done);
        int64_t end = order[i]->offset + room_of(order[i]);
        plan->arena_bytes = end > plan->arena_bytes ? end : plan->arena_bytes;
        place(placed, done++, order[i]);
    }
    free(order);
    free(placed);
    return 0;
}

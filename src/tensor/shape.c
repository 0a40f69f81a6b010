#include "tensor/shape.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int64_t shape_elements(const struct shape *shape)
{
    int64_t product = 1;
    for (int i = 0; i < shape->rank; i++)
        if (shape->dims[i] < 0 ||
            __builtin_mul_overflow(product, shape->dims[i], &product))
            return -1;
    return product;
}

bool shape_equal(const struct shape *a, const struct shape *b)
{
    return a->rank == b->rank &&
           memcmp(a->dims, b->dims, (size_t)a->rank * sizeof a->dims[0]) == 0;
}

int shape_broadcast(struct shape *out, const struct shape *a,
                    const struct shape *b)
{
    struct shape result = {.rank = a->rank > b->rank ? a->rank : b->rank};
    for (int i = 1; i <= result.rank; i++) {
        int64_t x = i <= a->rank ? a->dims[a->rank - i] : 1;
        int64_t y = i <= b->rank ? b->dims[b->rank - i] : 1;
        if (x != y && x != 1 && y != 1)
            return -1;
        result.dims[result.rank - i] = x == 1 ? y : x;
    }
    *out = result;
    return 0;
}

void shape_strides(const struct shape *shape, int64_t strides[SHAPE_MAX_RANK])
{
    int64_t step = 1;
    for (int i = shape->rank - 1; i >= 0; i--) {
        strides[i] = shape->dims[i] == 1 ? 0 : step;
        step *= shape->dims[i];
    }
}

const char *shape_text(const struct shape *shape, char *text)
{
    size_t used = 0;
    if (!shape->rank)
        snprintf(text, SHAPE_TEXT_BYTES, "scalar");
    for (int i = 0; i < shape->rank; i++) {
        const char *cross = i ? "x" : "";
        size_t room = SHAPE_TEXT_BYTES - used;
        int n = shape->dims[i] < 0 ? snprintf(text + used, room, "%s?", cross)
                                   : snprintf(text + used, room, "%s%" PRId64,
                                              cross, shape->dims[i]);
        used += (size_t)n;
    }
    return text;
}

/* Whatever the bytes: an IDX tensor or one line that says why not. */
#include "dataset/format.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const uint8_t *data, size_t size, int64_t limit)
{
    struct tensor tensor;
    struct error err = {0};
    int64_t total = 0;
    if (idx_parse(&tensor, &total, data, size, limit, &err) < 0) {
        if (tensor.data || err.code == ERROR_NONE || !err.message[0] ||
            strchr(err.message, '\n'))
            abort();
        return;
    }
    int64_t count = tensor_elements(&tensor);
    if (count <= 0 || tensor.shape.dims[0] > total)
        abort();
    volatile double kept = tensor_number(&tensor, count - 1);
    (void)kept; /* reading must not be optimised away */
    tensor_release(&tensor);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(data, size, 0);
    check(data, size, 2);
    return 0;
}

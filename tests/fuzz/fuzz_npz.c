/* Whatever the bytes: arrays or one line that says why not. */
#include "dataset/npz.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct npz npz;
    struct error err = {0};
    if (npz_parse(&npz, data, size, &err) < 0) {
        if (npz.arrays || npz.count || err.code == ERROR_NONE ||
            !err.message[0])
            abort();
        return 0;
    }
    double sum = 0;
    for (size_t i = 0; i < npz.count; i++) {
        const struct tensor *tensor = &npz.arrays[i].tensor;
        int64_t count = tensor_elements(tensor);
        if (!npz_find(&npz, npz.arrays[i].name) || count < 0)
            abort();
        if (count)
            sum += tensor_number(tensor, count - 1);
    }
    npz_release(&npz);
    volatile double kept = sum; /* reading must not be optimised away */
    (void)kept;
    return 0;
}

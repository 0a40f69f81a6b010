/* Whatever the text: rows of numbers or one line that says why not. */
#include "dataset/dataset.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *path, int64_t limit)
{
    struct dataset_options options = {.limit = limit};
    struct dataset *dataset = NULL;
    struct error err = {0};
    if (dataset_open(&dataset, path, &options, &err) < 0) {
        if (dataset || err.code == ERROR_NONE || !err.message[0])
            abort();
        for (const char *p = err.message; *p; p++)
            if (iscntrl((unsigned char)*p))
                abort();
        return;
    }
    int64_t count = dataset_count(dataset);
    struct shape sample = dataset_sample_shape(dataset, 0);
    struct transform none = transform_identity();
    float *row = malloc((size_t)shape_elements(&sample) * sizeof *row);
    if (!row || count < 1 || (limit && count > limit) ||
        dataset_label(dataset, count - 1) >= dataset_classes(dataset))
        abort();
    dataset_read(dataset, 0, &none, DTYPE_FLOAT32, count - 1, NULL, 1, row);
    free(row);
    dataset_close(dataset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[] = "/tmp/espalier-fuzz-XXXXXX.csv";
    int fd = mkstemps(path, 4);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file))
        abort();
    check(path, 0);
    check(path, 2);
    unlink(path);
    return 0;
}

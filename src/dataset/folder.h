/* Inside `dataset`: the names in a folder, sorted by their bytes. */
#ifndef DATASET_FOLDER_H
#define DATASET_FOLDER_H

#include "base/error.h"

#include <stddef.h>

struct folder {
    char **names; /* owned, without those that begin with a dot */
    size_t count;
};

/* Errors "PATH: ...": ERROR_IO, ERROR_MEMORY. */
int folder_read(struct folder *folder, const char *path, struct error *err);
void folder_release(struct folder *folder);

#endif

#include "dataset/folder.h"

#include "base/array.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int folder_read(struct folder *folder, const char *path, struct error *err)
{
    size_t capacity = 0;
    *folder = (struct folder){0};
    DIR *directory = opendir(path);
    if (!directory)
        return error_set(err, ERROR_IO, "%s: cannot open folder: %s", path,
                         strerror(errno));
    const struct dirent *entry;
    int result = 0;
    while (!result && (entry = readdir(directory))) {
        if (entry->d_name[0] == '.')
            continue;
        char *name = string_copy(entry->d_name);
        if (!name || array_reserve(&folder->names, &capacity, folder->count + 1,
                                   sizeof *folder->names) < 0) {
            free(name);
            result = error_memory(err, strlen(entry->d_name));
        } else {
            folder->names[folder->count++] = name;
        }
    }
    closedir(directory);
    if (result < 0)
        folder_release(folder);
    else if (folder->count)
        qsort(folder->names, folder->count, sizeof *folder->names,
              compare_names);
    return result;
}

void folder_release(struct folder *folder)
{
    for (size_t i = 0; i < folder->count; i++)
        free(folder->names[i]);
    free(folder->names);
    *folder = (struct folder){0};
}

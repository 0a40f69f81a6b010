/*
 * The sessions that lie in the state folder, each with everything that is kept
 * of it: its journal, the outcomes of work, a tune that was interrupted.
 */
#ifndef SESSION_FILES_H
#define SESSION_FILES_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct session_files {
    char *path;         /* of the journal, owned; it may be gone */
    char *model_path;   /* owned; NULL: its journal cannot be read */
    int commands;       /* decisions in it */
    int64_t modified;   /* of the newest file, seconds since the epoch */
    int64_t bytes;      /* of all files */
    int64_t tune_bytes; /* of a tune that can go on; 0: none */
    bool running;
};

struct session_list {
    struct session_files *items;
    size_t count, capacity;
};

/* folder: NULL: the usual one. Newest first; a folder that is not there is
 * empty. Errors: ERROR_MEMORY, ERROR_IO. */
int session_list_read(struct session_list *list, const char *folder,
                      struct error *err);
void session_list_release(struct session_list *list);

/*
 * Deletes a session: its journal, if it is there, and all that is kept of it.
 * bytes  of the deleted files, added
 * Errors: ERROR_USAGE (no journal's name), ERROR_IO (running, nothing there).
 */
int session_remove(const char *path, int64_t *bytes, struct error *err);

#endif

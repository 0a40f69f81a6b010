/* Files: whole reads, mappings, atomic writes, paths. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A read-only mapping of a whole file. */
struct file_map {
    const unsigned char *data; /* NULL when the file is empty */
    size_t bytes;
};

/*
 * Maps a regular file. Errors name no path: callers prefix it.
 * Returns 0, or -1 with ERROR_IO.
 */
int file_map_open(struct file_map *map, const char *path, struct error *err);
void file_map_close(struct file_map *map);

/* Reads a whole file into owned memory, one NUL added behind it. */
int file_read(char **data, size_t *bytes, const char *path, struct error *err);

/*
 * An atomic write: bytes go to a temporary file in the same folder, which
 * takes the path's place (after fsync) only on file_commit. Until then, and
 * after any failure, the old file stays as it was.
 */
struct file_writer {
    char *path, *temporary;
    int descriptor;
    bool failed;
};

/* A device or a folder is refused: the rename would take its place. */
int file_begin(struct file_writer *writer, const char *path, struct error *err);
int file_add(struct file_writer *writer, const void *data, size_t bytes,
             struct error *err);
int file_commit(struct file_writer *writer, struct error *err);
/* Drops an uncommitted write; nothing happens after a commit. */
void file_abandon(struct file_writer *writer);

/* file_begin, file_add and file_commit in one; the error names the path. */
int file_write(const char *path, const void *data, size_t bytes,
               struct error *err);

/* Whether file_begin would succeed now; what is there stays as it is. The
 * error names the path. */
int file_check_target(const char *path, struct error *err);

/* Creates a folder and its parents (0700 for new ones). */
int file_make_folders(const char *path, struct error *err);

bool file_exists(const char *path);
bool file_is_folder(const char *path);
/* One and the same file, by whatever names; false where one is missing. */
bool file_is_same(const char *a, const char *b);
int64_t file_size(const char *path); /* -1 when it cannot be told */

/* Owned strings, NULL when memory is exhausted. */
char *path_join(const char *folder, const char *name);
char *path_folder(const char *path); /* "." when there is none */

/* The part behind the last slash; borrowed. */
const char *path_name(const char *path);

/* A relative path that stays inside its folder: not absolute, no "..". */
bool path_is_inside(const char *path);

#endif

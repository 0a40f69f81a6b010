/* The file that a scan resumes from: one line per finished point, appended
 * in single writes, so that several processes may share it. */
#ifndef ENGINE_SCAN_FILE_H
#define ENGINE_SCAN_FILE_H

#include "prune/sensitivity.h"

struct scan_file {
    char *path;
    int descriptor; /* -1: none */
};

/*
 * Opens (or makes) the file of scan `table->key` below the state folder and
 * adds the points that it holds to the table, whose head is set. A torn last
 * line is cut off. Where there is no state folder nothing is kept.
 *
 * folder   NULL: the default one
 * restart  begin with an empty file
 */
int scan_file_open(struct scan_file *file, struct sensitivity *table,
                   const char *folder, bool restart, struct error *err);
/* Adds the points that the file of scan `table->key` holds, if there is one. */
int scan_file_read(struct sensitivity *table, const char *folder,
                   struct error *err);
/* Whether any scan has left a file below the state folder. */
bool scan_file_any(const char *folder);
int scan_file_add(struct scan_file *file, const struct sensitivity *table,
                  const struct sensitivity_point *point, struct error *err);
void scan_file_close(struct scan_file *file);

#endif

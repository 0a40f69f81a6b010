/*
 * What an engine knows of its model's sensitivity: a table that grows while
 * work scans, published as immutable, counted snapshots.
 */
#ifndef ENGINE_SCAN_KNOWN_H
#define ENGINE_SCAN_KNOWN_H

#include "engine/engine.h"
#include "prune/sensitivity.h"

struct scan_snapshot {
    atomic_int holders;
    uint64_t version; /* grows with every one that is published */
    struct sensitivity table;
};

/* The newest, retained (scan_snapshot_drop); NULL before the first. */
const struct scan_snapshot *engine_scan_known(struct engine *engine);
void scan_snapshot_drop(const struct scan_snapshot *snapshot);

/* Asks for what earlier scans have left to be read, before anything else. */
void engine_scan_read(struct engine *engine);

/* Publishes a copy; on the engine thread. */
int engine_scan_publish(struct engine *engine, const struct sensitivity *table,
                        struct error *err);

#endif

/*
 * How the run of a strip is cut into tiles. Part of sparse_run.h.
 */
#ifndef KERNEL_SPARSE_STRIP_H
#define KERNEL_SPARSE_STRIP_H

#include "kernel/sparse_tile.h"
#if defined(SPARSE_AVX2) || defined(SPARSE_AVX512)
#include "kernel/sparse_tile_chunk.h"
#endif
#if defined(SPARSE_AVX2)
#include "kernel/sparse_tile_pair.h"
#endif
#include "kernel/sparse_tile_quartet.h"

/* Vectors per tile such that what a tile reads of all channels stays in the
 * first-level cache, but not so few that entries cost more than sums. */
static int64_t vectors_per_tile(const struct run *r)
{
    enum { CACHE_BYTES = 24 * 1024, FEWEST = 7 };
    const struct conv_spec *c = r->conv;
    const struct sparse_geometry *g = &r->geometry;
    int64_t reach = (c->kh - 1) * c->dh / g->sh * g->pitch * g->unit;
    int64_t floats = CACHE_BYTES / (int64_t)sizeof(float) /
                     (c->ic / c->groups * g->sh * g->sw);
    int64_t vectors = (floats - reach) / LANES;
    if (vectors < FEWEST)
        return FEWEST;
    return vectors < MOST_VECTORS ? vectors : MOST_VECTORS;
}

/* Vectors of a tile, at most, and its function for as many. */
struct tile_way {
    tile_function *const *functions;
    int64_t most;
};

static struct tile_way way_of(const struct run *r)
{
    if (r->quartet)
        return (struct tile_way){tiles_quartet, MOST_QUARTET};
#if defined(SPARSE_AVX2) || defined(SPARSE_AVX512)
    if (r->chunk)
        return (struct tile_way){tiles_chunk, vectors_per_tile(r)};
#endif
#if defined(SPARSE_AVX2)
    if (r->pair)
        return (struct tile_way){tiles_pair, MOST_PAIRED};
#endif
    if (r->rows > 1)
        return (struct tile_way){tiles4, MOST_SHARED};
    return (struct tile_way){tiles, vectors_per_tile(r)};
}

/* Cuts the strip's run into tiles of nearly equal size. */
static void run_strip(const struct run *r, struct strip *s)
{
    int64_t vectors = (s->length + LANES - 1) / LANES;
    struct tile_way way = way_of(r);
    int64_t count = (vectors + way.most - 1) / way.most;
    int64_t done = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t next = vectors * (i + 1) / count;
        s->at = done * LANES;
        way.functions[next - done](r, s);
        done = next;
    }
}

/* Which lanes or vectors of a run of `rows` output rows are outputs. */
static void fill_table(const struct run *r, int64_t rows)
{
    int64_t unit = r->geometry.unit, pitch = r->geometry.pitch;
    int64_t ow = r->conv->ow;
    int64_t length = ((rows - 1) * pitch + ow) * unit;
    int64_t vectors = (length + LANES - 1) / LANES;
    if (r->finish == FINISH_FLAT) {
        memset(r->keep, 0xff,
               (size_t)(vectors * LANES / KEEP_LANES) * sizeof *r->keep);
        for (int64_t y = 0; y + 1 < rows; y++)
            for (int64_t p = y * pitch + ow; p < (y + 1) * pitch; p++)
                keep_not(r->keep, p);
    } else if (r->finish == FINISH_BLOCKS) {
        int64_t parts = unit / LANES, row = pitch * parts;
        for (int64_t v = 0; v < vectors; v++) {
            int64_t y = v / row, x = v - y * row;
            int64_t at = y * r->dst_pitch + x * LANES;
            r->place[v] = (int32_t)(x < ow * parts ? at : -1);
        }
    }
}

#endif

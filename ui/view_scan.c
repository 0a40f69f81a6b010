/* What the engine knows of sensitivity, as the screens want it. Built again
 * only when more was found or another method is chosen. */
#include "view.h"

#include "base/array.h"
#include "engine/scan.h"
#include "prune/decision.h"
#include "prune/landscape.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void release_land(struct view_scan *scan)
{
    if (scan->land != NULL)
        landscape_release(scan->land);
    free(scan->land);
    scan->land = NULL;
}

void view_release_scan(struct view_scan *scan)
{
    release_land(scan);
    scan_snapshot_drop(scan->source);
    *scan = (struct view_scan){0};
}

int view_make_landscape(struct view *view)
{
    static const struct sensitivity nothing;
    struct view_scan *scan = &view->scan;
    size_t count;
    const double *amounts = scan_default_amounts(&count);
    release_land(scan);
    scan->structure = view->structure;
    scan->criterion = view->criterion;
    scan->land = array_create(1, sizeof *scan->land);
    if (scan->land == NULL ||
        landscape_init(scan->land, scan->table ? scan->table : &nothing,
                       view->structure, view->criterion, amounts, count,
                       NULL) != 0)
        return -1;
    const struct structure *structure = structure_find(scan->land->structure);
    scan->narrows = structure != NULL && structure->narrows;
    for (size_t i = 0; i < view->layer_count; i++) {
        const struct landscape_row *row = view_scan_row(view, (int)i);
        view->layers[i].lost = row != NULL && row->rank > 0 ? row->lost : NAN;
    }
    return 0;
}

static bool is_stale(const struct view *view,
                     const struct scan_snapshot *newest)
{
    const struct view_scan *scan = &view->scan;
    return newest != scan->source || scan->land == NULL ||
           strcmp(scan->structure, view->structure) != 0 ||
           strcmp(scan->criterion, view->criterion) != 0;
}

int view_fill_scan(struct view *view, struct engine *engine)
{
    struct view_scan *scan = &view->scan;
    const struct scan_snapshot *newest =
        engine != NULL ? engine_scan_known(engine) : NULL;
    if (!is_stale(view, newest)) {
        scan_snapshot_drop(newest);
        return 0;
    }
    scan_snapshot_drop(scan->source);
    scan->source = newest;
    scan->table = newest != NULL ? &newest->table : NULL;
    return view_make_landscape(view);
}

const struct landscape_row *view_scan_row(const struct view *view, int layer)
{
    const struct view_scan *scan = &view->scan;
    if (scan->land == NULL)
        return NULL;
    const struct landscape_row *own = landscape_row(scan->land, layer + 1);
    if (own != NULL || !scan->narrows)
        return own;
    return landscape_row(scan->land, view->layers[layer].leader + 1);
}

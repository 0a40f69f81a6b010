/*
 * One ranking over the units of several dependency groups. What goes of a
 * group is a prefix of its own order, so the group's decision reproduces it.
 */
#include "base/array.h"
#include "prune/importance.h"
#include "prune/narrow.h"

#include <stdlib.h>

/* A group that loses all but one channel is as good as cut. */
#define MOST_OF_GROUP 0.9

struct candidate {
    float importance;
    size_t group; /* of the table */
    int64_t unit; /* in the group */
};

struct ranking {
    struct candidate *candidates;
    size_t count, capacity;
    bool *chosen;     /* per group of the table */
    int64_t *removed; /* per group of the table */
};

static int compare(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->importance != y->importance)
        return x->importance < y->importance ? -1 : 1;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return (x->unit > y->unit) - (x->unit < y->unit);
}

static int add_group(struct ranking *ranking, const struct mask_source *source,
                     size_t index, const struct criterion *criterion,
                     struct error *err)
{
    const struct group *group = &source->layers->groups->groups[index];
    size_t units = (size_t)group->unit_count;
    float *importance = group_importance(source, group, criterion, err);
    if (!importance)
        return -1;
    int result =
        array_reserve(&ranking->candidates, &ranking->capacity,
                      ranking->count + units, sizeof *ranking->candidates);
    if (result < 0)
        error_memory(err, units * sizeof *ranking->candidates);
    for (size_t u = 0; u < units && result == 0; u++)
        ranking->candidates[ranking->count++] =
            (struct candidate){importance[u], index, (int64_t)u};
    free(importance);
    return result;
}

static int64_t most_of(const struct group *group)
{
    int64_t most = (int64_t)(MOST_OF_GROUP * (double)group->unit_count);
    return most < group->most ? most : group->most;
}

/* Writes how many units each group loses. */
static void cut(struct ranking *ranking, const struct group_table *groups,
                int64_t remove)
{
    qsort(ranking->candidates, ranking->count, sizeof *ranking->candidates,
          compare);
    for (size_t i = 0; i < ranking->count && remove; i++) {
        size_t g = ranking->candidates[i].group;
        if (ranking->removed[g] >= most_of(&groups->groups[g]))
            continue;
        ranking->removed[g]++;
        remove--;
    }
}

/* The first row of every chosen group speaks for it. */
static int decide(struct decision *decisions, const struct layer_table *layers,
                  const struct ranking *ranking,
                  const struct structure *structure,
                  const struct criterion *criterion, struct error *err)
{
    const struct group_table *groups = layers->groups;
    for (size_t g = 0; g < groups->count; g++) {
        if (!ranking->chosen[g])
            continue;
        struct choice choice = {structure, criterion, ranking->removed[g]};
        if (decision_choose(decisions, layers,
                            (size_t)groups->groups[g].layers[0], &choice,
                            err) < 0)
            return -1;
    }
    return 0;
}

int allocate_groups(struct decision *decisions,
                    const struct mask_source *source, const size_t *rows,
                    size_t row_count, const struct structure *structure,
                    const struct criterion *criterion, double share,
                    struct error *err)
{
    const struct group_table *groups = source->layers->groups;
    size_t count = groups ? groups->count : 0;
    struct ranking ranking = {
        .chosen = array_create(count + 1, sizeof *ranking.chosen),
        .removed = array_create(count + 1, sizeof *ranking.removed),
    };
    int result = ranking.chosen && ranking.removed
                     ? 0
                     : error_memory(err, count * sizeof *ranking.removed);
    for (size_t i = 0; i < row_count && result == 0; i++) {
        const struct layer *layer = &source->layers->layers[rows[i]];
        if (!structure_units(structure, layer))
            continue;
        size_t g = (size_t)(layer->group - groups->groups);
        if (!ranking.chosen[g])
            result = add_group(&ranking, source, g, criterion, err);
        ranking.chosen[g] = true;
    }
    if (result == 0 && !ranking.count)
        result =
            error_set(err, ERROR_UNSUPPORTED,
                      "none of the layers has %s that can go", structure->unit);
    if (result == 0) {
        cut(&ranking, groups, decision_units(share, (int64_t)ranking.count));
        result = decide(decisions, source->layers, &ranking, structure,
                        criterion, err);
    }
    free(ranking.candidates);
    free(ranking.chosen);
    free(ranking.removed);
    return result;
}

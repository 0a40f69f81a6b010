#include "prune/decision.h"

#include "prune/criteria.h"

#include <math.h>
#include <string.h>

const struct criterion *const criteria[] = {
    &criterion_magnitude,
    &criterion_lamp,
    &criterion_random,
    NULL,
};

const struct criterion *criterion_find(const char *name)
{
    for (size_t i = 0; criteria[i]; i++)
        if (!strcmp(criteria[i]->name, name))
            return criteria[i];
    return NULL;
}

int64_t decision_units(double share, int64_t units)
{
    if (!(share > 0) || units <= 0) /* NAN too */
        return 0;
    if (share >= 1)
        return units;
    int64_t remove = llround(share * (double)units);
    return remove > units ? units : remove;
}

bool decision_equal(const struct decision *a, const struct decision *b)
{
    if (a->remove != b->remove)
        return false;
    return !a->remove ||
           (a->structure == b->structure && a->criterion == b->criterion);
}

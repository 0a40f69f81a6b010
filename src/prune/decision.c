#include "prune/decision.h"

#include "prune/criteria.h"

#include <math.h>
#include <string.h>

const struct criterion *const criteria[] = {
    &criterion_magnitude,
    &criterion_lamp,
    &criterion_l2,
    &criterion_normalised,
    &criterion_wanda,
    &criterion_taylor,
    &criterion_snip,
    &criterion_fisher,
    &criterion_obs,
    &criterion_bn_scale,
    &criterion_fpgm,
    &criterion_apoz,
    &criterion_mean_activation,
    &criterion_random,
    NULL,
};

const struct criterion *criterion_find(const char *name)
{
    if (!strcmp(name, "l1"))
        return &criterion_magnitude;
    for (size_t i = 0; criteria[i]; i++)
        if (!strcmp(criteria[i]->name, name))
            return criteria[i];
    return NULL;
}

int criterion_fits(const struct criterion *criterion,
                   const struct structure *structure, struct error *err)
{
    if (criterion->score || structure->narrows || structure->skips)
        return 0;
    return error_set(err, ERROR_UNSUPPORTED,
                     "criterion '%s' ranks channels and heads, found structure "
                     "'%s'",
                     criterion->name, structure->name);
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

struct decision decision_dense(void)
{
    return (struct decision){.structure = structures[0],
                             .criterion = criteria[0]};
}

bool decision_is_dense(const struct decision *decision)
{
    return !decision->remove && !decision->width.remove && !decision->skipped;
}

static bool choice_equal(const struct choice *a, const struct choice *b)
{
    if (a->remove != b->remove)
        return false;
    return !a->remove ||
           (a->structure == b->structure && a->criterion == b->criterion);
}

bool decision_equal(const struct decision *a, const struct decision *b)
{
    struct choice x = {a->structure, a->criterion, a->remove};
    struct choice y = {b->structure, b->criterion, b->remove};
    return choice_equal(&x, &y) && choice_equal(&a->width, &b->width) &&
           a->skipped == b->skipped;
}

size_t decision_choices(const struct decision *decision,
                        struct choice choices[DECISION_CHOICES])
{
    size_t count = 0;
    if (decision->skipped)
        choices[count++] = (struct choice){&structure_layer, criteria[0], 1};
    if (decision->width.remove)
        choices[count++] = decision->width;
    if (decision->remove)
        choices[count++] = (struct choice){
            decision->structure, decision->criterion, decision->remove};
    return count;
}

struct choice decision_choice(const struct decision *decision,
                              const struct structure *structure)
{
    if (structure->skips)
        return (struct choice){structure, criteria[0], decision->skipped};
    if (structure->narrows)
        return decision->width;
    return (struct choice){decision->structure, decision->criterion,
                           decision->remove};
}

void decision_put(struct decision *decision, const struct choice *choice)
{
    if (choice->structure->skips) {
        decision->skipped = choice->remove != 0;
    } else if (choice->structure->narrows) {
        decision->width = *choice;
    } else {
        decision->structure = choice->structure;
        decision->criterion = choice->criterion;
        decision->remove = choice->remove;
    }
}

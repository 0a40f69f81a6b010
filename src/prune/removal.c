#include "prune/removal.h"

#include "base/array.h"

#include <stdlib.h>

int removal_draft_init(struct removal_draft *draft,
                       const struct layer_table *layers, struct error *err)
{
    const struct group_table *groups = layers->groups;
    *draft = (struct removal_draft){
        .layers = layers,
        .labels = array_create(groups->labels.count + 1, sizeof(bool)),
        .blocks = array_create(layers->blocks->count + 1, sizeof(bool)),
        .left = array_create(groups->axis_count + 1, sizeof(size_t)),
    };
    if (!draft->labels || !draft->blocks || !draft->left) {
        removal_draft_release(draft);
        return error_memory(err, groups->labels.count);
    }
    for (size_t i = 0; i < groups->axis_count; i++)
        draft->left[i] = groups->axes[i].count;
    return 0;
}

void removal_draft_release(struct removal_draft *draft)
{
    free(draft->labels);
    free(draft->blocks);
    free(draft->left);
    *draft = (struct removal_draft){0};
}

bool removal_take(struct removal_draft *draft, int unit)
{
    const struct group_table *groups = draft->layers->groups;
    size_t first = groups->axis_begin[unit],
           last = groups->axis_begin[unit + 1];
    if (draft->labels[unit])
        return false;
    for (size_t i = first; i < last; i++)
        if (draft->left[groups->axis_list[i]] <= 1)
            return false;
    for (size_t i = first; i < last; i++)
        draft->left[groups->axis_list[i]]--;
    draft->labels[unit] = true;
    draft->label_count++;
    return true;
}

void removal_return(struct removal_draft *draft, int unit)
{
    const struct group_table *groups = draft->layers->groups;
    if (!draft->labels[unit])
        return;
    for (size_t i = groups->axis_begin[unit]; i < groups->axis_begin[unit + 1];
         i++)
        draft->left[groups->axis_list[i]]++;
    draft->labels[unit] = false;
    draft->label_count--;
}

struct removal removal_of(const struct removal_draft *draft)
{
    return (struct removal){draft->labels, draft->blocks, NULL};
}

/*
 * The table of structures and the members of its families. A member is made
 * when it is first named and stays: decisions hold pointers to it, and there
 * are at most as many as a user types.
 */
#include "prune/criteria.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

const struct structure *const structures[] = {
    &structure_weight, &structure_nm,     &structure_nm_permuted,
    &structure_block,  &structure_kernel, &structure_channel,
    &structure_head,   &structure_layer,  NULL,
};

struct member {
    struct structure structure;
    struct member *next;
    char name[];
};

/* Pushed to by any thread, never taken from. */
static _Atomic(struct member *) members;

static const struct structure *find_member(const char *name)
{
    for (struct member *m = atomic_load(&members); m; m = m->next)
        if (!strcmp(m->name, name))
            return &m->structure;
    return NULL;
}

static const struct structure *add_member(const struct structure *structure,
                                          const char *name)
{
    size_t bytes = strlen(name) + 1;
    struct member *made = malloc(sizeof *made + bytes);
    if (!made)
        return NULL;
    memcpy(made->name, name, bytes);
    made->structure = *structure;
    made->structure.name = made->name;
    made->next = atomic_load(&members);
    do {
        const struct structure *present = find_member(name);
        if (present) { /* somebody else was faster */
            free(made);
            return present;
        }
    } while (!atomic_compare_exchange_weak(&members, &made->next, made));
    return &made->structure;
}

int structure_read(const struct structure **out, const char *name,
                   struct error *err)
{
    *out = NULL;
    for (size_t i = 0; structures[i]; i++)
        if (!strcmp(structures[i]->name, name))
            *out = structures[i];
    if (!*out)
        *out = find_member(name);
    for (size_t i = 0; !*out && structures[i]; i++) {
        if (!structures[i]->parse)
            continue;
        struct structure member = *structures[i];
        int found = structures[i]->parse(name, &member, err);
        if (found < 0)
            return -1;
        if (!found)
            continue;
        *out = add_member(&member, name);
        if (!*out)
            return error_memory(err, sizeof member);
    }
    return *out ? 0 : error_set(err, ERROR_NAME, "no structure '%.100s'", name);
}

const struct structure *structure_find(const char *name)
{
    const struct structure *found;
    return structure_read(&found, name, NULL) < 0 ? NULL : found;
}

int structure_fits(const struct structure *structure, const struct layer *layer,
                   struct error *err)
{
    if (!layer->prunable)
        return error_set(err, ERROR_UNSUPPORTED,
                         "layer '%s' cannot be pruned: %s", layer->name,
                         layer->reason);
    if (!structure->fits || structure->fits(structure, layer, err) == 0)
        return 0;
    return error_prefix(err, "layer '%s'", layer->name);
}

int64_t structure_units(const struct structure *structure,
                        const struct layer *layer)
{
    if (!layer->prunable ||
        (structure->fits && structure->fits(structure, layer, NULL) < 0))
        return 0;
    return structure->units(structure, layer);
}

int64_t structure_most(const struct structure *structure,
                       const struct layer *layer)
{
    int64_t units = structure_units(structure, layer);
    return units && structure->most ? structure->most(structure, layer) : units;
}

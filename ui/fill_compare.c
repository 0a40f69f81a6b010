/* Two variants side by side: what was decided, what it costs, and their
 * answers sample by sample. */
#include "view.h"

#include "base/array.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void view_release_compare(struct view_compare *compare)
{
    free(compare->before);
    free(compare->after);
    free(compare->order);
    paired_release(&compare->paired);
    *compare = (struct view_compare){0};
}

static int reserve(struct view_compare *compare, size_t count)
{
    if (compare->layer_count == count && compare->order != NULL)
        return 0;
    view_release_compare(compare);
    compare->before = array_create(count + 1, sizeof *compare->before);
    compare->after = array_create(count + 1, sizeof *compare->after);
    compare->order = array_create(count + 1, sizeof *compare->order);
    if (compare->before == NULL || compare->after == NULL ||
        compare->order == NULL) {
        view_release_compare(compare);
        return -1;
    }
    compare->layer_count = count;
    return 0;
}

/* --- layers --- */

static double total_ms(const struct result *result)
{
    double total = 0;
    for (size_t i = 0; i < result->layer_count; i++)
        if (isfinite(result->layers[i].ms))
            total += result->layers[i].ms;
    return total;
}

static void fill_side(struct view_choice *to, const struct session *session,
                      struct engine *engine, const struct variant *variant)
{
    const struct layer_table *layers = session_layers(session);
    struct result result = {0};
    if (engine != NULL)
        engine_lookup(engine, variant->hash, &result);
    double total = total_ms(&result);
    for (size_t i = 0; i < layers->count; i++) {
        struct choice choices[DECISION_CHOICES];
        size_t count = decision_choices(&variant->decisions[i], choices);
        int64_t units =
            count ? structure_units(choices[0].structure, &layers->layers[i])
                  : 0;
        to[i] = (struct view_choice){
            .structure = count ? choices[0].structure->name : "",
            .criterion = count ? choices[0].criterion->name : "",
            .amount = units > 0 ? (double)choices[0].remove / (double)units : 0,
            .share = i < result.layer_count && total > 0
                         ? result.layers[i].ms / total
                         : NAN,
        };
    }
    result_release(&result);
}

static void order_layers(struct view_compare *compare,
                         const struct variant *from, const struct variant *to)
{
    size_t used = 0;
    for (int same = 0; same < 2; same++) {
        for (size_t i = 0; i < compare->layer_count; i++)
            if (decision_equal(&from->decisions[i], &to->decisions[i]) ==
                (same == 1))
                compare->order[used++] = (int)i;
        if (!same)
            compare->differing = used;
    }
}

/* --- answers --- */

/* The right classes; without labels those that the dense model gives. */
static int64_t *right_answers(const struct view *view,
                              const struct session *session,
                              struct engine *engine, struct outcome *room)
{
    const struct dataset *data = session_dataset(session);
    int64_t samples = view->samples;
    int64_t *right = array_create((size_t)samples, sizeof *right);
    if (right == NULL)
        return NULL;
    if (view->fidelity &&
        engine_outcomes(engine, session_variant(session, 0)->hash, room,
                        samples, NULL) < 0) {
        free(right);
        return NULL;
    }
    for (int64_t i = 0; i < samples; i++)
        right[i] = view->fidelity ? room[i].predicted : dataset_label(data, i);
    return right;
}

/* Whether all answers of a variant are at hand; costs nothing. */
static bool has_answers(struct engine *engine, uint64_t hash)
{
    struct outcome none;
    return engine_outcomes(engine, hash, &none, 0, NULL) == 0;
}

static bool pair_answers(struct view *view, const struct session *session,
                         struct engine *engine, const uint64_t hashes[2])
{
    size_t n = (size_t)view->samples;
    struct outcome *before = array_create(n, sizeof *before);
    struct outcome *after = array_create(n, sizeof *after);
    int64_t *right =
        before && after ? right_answers(view, session, engine, before) : NULL;
    bool known =
        right != NULL &&
        engine_outcomes(engine, hashes[0], before, view->samples, NULL) == 0 &&
        engine_outcomes(engine, hashes[1], after, view->samples, NULL) == 0 &&
        paired_init(&view->compare.paired, before, after, right, view->samples,
                    NULL) == 0;
    free(before);
    free(after);
    free(right);
    return known;
}

/* What is not known yet, or not kept any more, is left unknown. */
static void fill_answers(struct view *view, const struct session *session,
                         struct engine *engine, const uint64_t hashes[2])
{
    struct view_compare *compare = &view->compare;
    if (compare->known &&
        memcmp(compare->hashes, hashes, sizeof compare->hashes) == 0)
        return;
    paired_release(&compare->paired);
    compare->lacks_from = !has_answers(engine, hashes[0]);
    compare->known = !compare->lacks_from && has_answers(engine, hashes[1]) &&
                     pair_answers(view, session, engine, hashes);
    memcpy(compare->hashes, hashes, sizeof compare->hashes);
}

int view_fill_compare(struct view *view, const struct session *session,
                      struct engine *engine, int from)
{
    struct view_compare *compare = &view->compare;
    const struct variant *a = session_variant(session, from);
    const struct variant *b = session_current(session);
    if (reserve(compare, view->layer_count) != 0)
        return -1;
    compare->from = from;
    compare->to = b->id;
    fill_side(compare->before, session, engine, a);
    fill_side(compare->after, session, engine, b);
    order_layers(compare, a, b);
    if (engine != NULL)
        engine_rivals(engine, &compare->rivals);
    if (engine != NULL && view->samples > 0)
        fill_answers(view, session, engine, (uint64_t[2]){a->hash, b->hash});
    return 0;
}

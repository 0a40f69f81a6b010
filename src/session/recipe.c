/*
 * The shortest lines that give a set of decisions. Layers are gathered into
 * groups that one amount can serve: the percentage with the fewest decimals
 * that means the right number in most layers, then in most of the rest, and
 * exact numbers where no percentage with two decimals serves. Each group is
 * covered by globs that match none but its own layers. Beginning with
 * `set *` and naming the exceptions is tried too; the fewer lines win.
 */
#include "base/array.h"
#include "base/file.h"
#include "session/amount.h"
#include "session/parts.h"
#include "session/words.h"
#include "session/work.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DECIMALS = 2, FINEST = 10000, PATTERN_BYTES = 512 };

/* Layers that one amount serves. */
struct group {
    char amount[AMOUNT_TEXT_BYTES + 1];
    const struct structure *structure;
    const struct criterion *criterion;
};

struct grouping {
    const struct layer_table *layers;
    const struct decision *decisions;
    int *group_of; /* per layer; -1: not prunable, or not grouped yet */
    struct group *groups;
    int count;
    bool *uncovered;  /* scratch of cover_group */
    size_t *matches;  /* scratch of layer_match */
    int64_t *changes; /* scratch of best_percentage: FINEST + 2 */
};

static bool same_method(const struct decision *a, const struct decision *b)
{
    return a->remove && b->remove && a->structure == b->structure &&
           a->criterion == b->criterion;
}

/* The percentages in steps of 10^-decimals that mean a decision: first and
 * last step; first > last when there is none. */
static void find_steps(const struct grouping *g, size_t i, int decimals,
                       int64_t *first, int64_t *last)
{
    static const int64_t scales[] = {100, 1000, 10000};
    const struct decision *d = &g->decisions[i];
    int64_t units = structure_units(d->structure, &g->layers->layers[i]);
    double scale = (double)scales[decimals] / (double)units;
    *first = (int64_t)(((double)d->remove - 0.5) * scale) - 1;
    *last = (int64_t)(((double)d->remove + 0.5) * scale) + 1;
    *first = *first < 0 ? 0 : *first;
    *last = *last > scales[decimals] ? scales[decimals] : *last;
    while (*first <= *last &&
           decision_units(amount_share(*first, decimals), units) != d->remove)
        ++*first;
    while (*first <= *last &&
           decision_units(amount_share(*last, decimals), units) != d->remove)
        --*last;
}

/*
 * The step that serves most ungrouped layers of the same method as layer
 * `like`; of several the one nearest to what the largest of them removes.
 * Returns how many it serves.
 */
static int64_t best_percentage(const struct grouping *g, size_t like,
                               int decimals, int64_t *step)
{
    static const int64_t scales[] = {100, 1000, 10000};
    int64_t best = 0, sum = 0, largest = 0;
    double share = 0;
    memset(g->changes, 0, (FINEST + 2) * sizeof *g->changes);
    for (size_t i = 0; i < g->layers->count; i++) {
        const struct decision *d = &g->decisions[i];
        int64_t first, last;
        if (g->group_of[i] >= 0 || !same_method(d, &g->decisions[like]))
            continue;
        find_steps(g, i, decimals, &first, &last);
        if (first > last)
            continue;
        g->changes[first]++;
        g->changes[last + 1]--;
        int64_t units = structure_units(d->structure, &g->layers->layers[i]);
        if (units > largest) {
            largest = units;
            share =
                (double)d->remove / (double)units * (double)scales[decimals];
        }
    }
    for (int64_t s = 0; s <= scales[decimals]; s++) {
        sum += g->changes[s];
        double distance = (double)s - share, old = (double)*step - share;
        if (sum > best ||
            (best && sum == best && distance * distance < old * old)) {
            best = sum;
            *step = s;
        }
    }
    return best;
}

/* Makes the largest group of layers of the same method as `like`, which may
 * or may not be among them. */
static void make_group(struct grouping *g, size_t like)
{
    const struct decision *d = &g->decisions[like];
    struct group *group = &g->groups[g->count];
    int64_t best = 0, steps = 0, step = 0;
    int decimals = 0;
    for (int n = 0; n <= MAX_DECIMALS; n++) {
        int64_t served = best_percentage(g, like, n, &step);
        if (served > best) {
            best = served;
            steps = step;
            decimals = n;
        }
    }
    group->structure = d->structure;
    group->criterion = d->criterion;
    if (best) {
        char number[AMOUNT_TEXT_BYTES];
        snprintf(group->amount, sizeof group->amount, "%s%%",
                 amount_steps_text(steps, decimals, number));
    } else {
        snprintf(group->amount, sizeof group->amount, "%" PRId64, d->remove);
    }
    for (size_t i = 0; i < g->layers->count; i++) {
        const struct decision *other = &g->decisions[i];
        if (g->group_of[i] >= 0 || !same_method(d, other))
            continue;
        int64_t units =
            structure_units(other->structure, &g->layers->layers[i]);
        bool served = best ? decision_units(amount_share(steps, decimals),
                                            units) == other->remove
                           : other->remove == d->remove;
        if (served)
            g->group_of[i] = g->count;
    }
    g->count++;
}

static void make_groups(struct grouping *g)
{
    const struct layer_table *layers = g->layers;
    for (size_t i = 0; i < layers->count; i++)
        g->group_of[i] = -1;
    /* The first group is the dense layers. */
    memcpy(g->groups[0].amount, "0%", 3);
    g->count = 1;
    for (size_t i = 0; i < layers->count; i++)
        if (layers->layers[i].prunable && !g->decisions[i].remove)
            g->group_of[i] = 0;
    for (size_t i = 0; i < layers->count; i++)
        /* The best amount may serve others first. */
        while (layers->layers[i].prunable && g->group_of[i] < 0)
            make_group(g, i);
}

/* How many uncovered layers of a group a pattern names; 0 when it names a
 * prunable layer of another group. */
static size_t usefulness(const struct grouping *g, int group,
                         const char *pattern)
{
    size_t useful = 0;
    size_t count = layer_match(g->layers, pattern, g->matches, NULL);
    for (size_t i = 0; i < count; i++) {
        size_t row = g->matches[i];
        if (g->group_of[row] >= 0 && g->group_of[row] != group)
            return 0;
        useful += g->group_of[row] == group && g->uncovered[row];
    }
    return useful;
}

/*
 * Tries name with parts between two dots (or ends) replaced by a star:
 * "layers.1.conv2" gives "*", "layers.*", "*.conv2", "layers.*.conv2", ...
 */
static size_t best_glob(const struct grouping *g, int group, const char *name,
                        char *best)
{
    size_t length = strlen(name), most = 1;
    if (length + 2 > PATTERN_BYTES || strpbrk(name, "*?[\\"))
        return 0;
    for (size_t a = 0; a <= length; a++) {
        if (a && name[a - 1] != '.')
            continue;
        for (size_t b = length + 1; b-- > a;) {
            char pattern[PATTERN_BYTES];
            if (b < length && name[b] != '.')
                continue;
            snprintf(pattern, sizeof pattern, "%.*s*%s", (int)a, name,
                     name + b);
            size_t useful = usefulness(g, group, pattern);
            if (useful > most) {
                most = useful;
                memcpy(best, pattern, sizeof pattern);
            }
        }
    }
    return most > 1 ? most : 0;
}

static void add_set(struct strbuf *text, const struct group *group,
                    const char *pattern)
{
    struct strbuf line = {0};
    strbuf_add(&line, "set");
    words_add(&line, pattern);
    words_add(&line, group->amount);
    if (group->structure && group->structure != structures[0])
        words_add(&line, group->structure->name);
    if (group->criterion && group->criterion != criteria[0])
        words_add(&line, group->criterion->name);
    text->failed |= line.failed;
    strbuf_addf(text, "%s\n", strbuf_text(&line));
    strbuf_release(&line);
}

static void mark_covered(const struct grouping *g, const char *pattern)
{
    size_t count = layer_match(g->layers, pattern, g->matches, NULL);
    for (size_t i = 0; i < count; i++)
        g->uncovered[g->matches[i]] = false;
}

/* Lines for one group: globs while they serve several layers, then names. */
static void cover_group(const struct grouping *g, int group,
                        struct strbuf *text)
{
    const struct layer_table *layers = g->layers;
    char best[PATTERN_BYTES] = "", pattern[PATTERN_BYTES];
    for (size_t i = 0; i < layers->count; i++)
        g->uncovered[i] = g->group_of[i] == group;
    for (size_t most = 1; most;) {
        most = 0;
        for (size_t i = 0; i < layers->count; i++) {
            size_t useful =
                g->uncovered[i]
                    ? best_glob(g, group, layers->layers[i].name, pattern)
                    : 0;
            if (useful > most) {
                most = useful;
                memcpy(best, pattern, sizeof best);
            }
        }
        if (most) {
            add_set(text, &g->groups[group], best);
            mark_covered(g, best);
        }
    }
    for (size_t i = 0; i < layers->count; i++) {
        if (!g->uncovered[i])
            continue;
        snprintf(pattern, sizeof pattern, "@%d", layers->layers[i].row);
        const char *name = layers->layers[i].name;
        add_set(text, &g->groups[group], *name == '@' ? pattern : name);
    }
}

static size_t count_lines(const struct strbuf *text)
{
    size_t lines = 0;
    for (size_t i = 0; i < text->length; i++)
        lines += text->text[i] == '\n';
    return lines;
}

/* Whether layer i is the first of its group. */
static bool begins_group(const struct grouping *g, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (g->group_of[j] == g->group_of[i])
            return false;
    return g->group_of[i] >= 0;
}

/* All groups but `base`, which "set *" serves; base 0: the dense ones. */
static void add_groups(const struct grouping *g, int base, struct strbuf *text)
{
    if (base)
        add_set(text, &g->groups[base], "*");
    for (size_t i = 0; i < g->layers->count; i++)
        if (begins_group(g, i) && g->group_of[i] != base)
            cover_group(g, g->group_of[i], text);
}

/* The group with most layers. */
static int largest_group(const struct grouping *g)
{
    int best = 0;
    size_t most = 0;
    for (int group = 0; group < g->count; group++) {
        size_t count = 0;
        for (size_t i = 0; i < g->layers->count; i++)
            count += g->group_of[i] == group;
        if (count > most) {
            most = count;
            best = group;
        }
    }
    return best;
}

/* A line for the choice of one layer, which stands for all that go with it. */
static void add_choice(struct strbuf *text, const struct layer *layer,
                       const struct choice *choice)
{
    struct group group = {.structure = choice->structure,
                          .criterion = choice->criterion};
    int64_t units = structure_units(choice->structure, layer), steps;
    int decimals;
    if (choice->structure->narrows &&
        amount_percentage(choice->remove, units, &steps, &decimals)) {
        char number[AMOUNT_TEXT_BYTES];
        snprintf(group.amount, sizeof group.amount, "%s%%",
                 amount_steps_text(steps, decimals, number));
    } else {
        snprintf(group.amount, sizeof group.amount, "%" PRId64, choice->remove);
    }
    char row[16];
    snprintf(row, sizeof row, "@%d", layer->row);
    add_set(text, &group, layer->name[0] == '@' ? row : layer->name);
}

/* Widths and blocks, said once for all layers that share them. */
static void add_narrowing(struct strbuf *text, const struct layer_table *layers,
                          const struct decision *decisions)
{
    for (size_t i = 0; i < layers->count; i++) {
        const struct layer *layer = &layers->layers[i];
        struct choice choices[DECISION_CHOICES];
        size_t count = decision_choices(&decisions[i], choices);
        for (size_t j = 0; j < count; j++) {
            const struct structure *kind = choices[j].structure;
            bool first = true;
            for (size_t k = 0; k < i && first; k++)
                first =
                    !(kind->narrows ? layers->layers[k].group == layer->group
                                    : layers->layers[k].block == layer->block);
            if ((kind->narrows || kind->skips) && first)
                add_choice(text, layer, &choices[j]);
        }
    }
}

void recipe_add(struct strbuf *text, const struct layer_table *layers,
                const struct decision *decisions)
{
    add_narrowing(text, layers, decisions);
    size_t count = layers->count;
    struct strbuf plain = {0}, starred = {0};
    struct grouping g = {
        .layers = layers,
        .decisions = decisions,
        .group_of = array_create(count, sizeof *g.group_of),
        .groups = array_create(count + 1, sizeof *g.groups),
        .uncovered = array_create(count, sizeof *g.uncovered),
        .matches = array_create(count, sizeof *g.matches),
        .changes = array_create(FINEST + 2, sizeof *g.changes),
    };
    if (!g.group_of || !g.groups || !g.uncovered || !g.matches || !g.changes) {
        text->failed = true;
    } else {
        make_groups(&g);
        add_groups(&g, 0, &plain);
        int base = largest_group(&g);
        const struct strbuf *shorter = &plain;
        if (base) {
            add_groups(&g, base, &starred);
            if (count_lines(&starred) < count_lines(&plain))
                shorter = &starred;
        }
        strbuf_add(text, strbuf_text(shorter));
        text->failed |= plain.failed || starred.failed;
    }
    strbuf_release(&plain);
    strbuf_release(&starred);
    free(g.group_of);
    free(g.groups);
    free(g.uncovered);
    free(g.matches);
    free(g.changes);
}

char *session_draft_line(const struct session *session,
                         const struct decision *decisions, const char *work,
                         struct error *err)
{
    struct strbuf lines = {0}, text = {0};
    recipe_add(&lines, &session->layers, decisions);
    strbuf_add(&text, "reset");
    for (const char *line = strbuf_text(&lines); *line;) {
        size_t length = strcspn(line, "\n");
        strbuf_add(&text, "; ");
        strbuf_add_bytes(&text, line, length);
        line += length + (line[length] != '\0');
    }
    strbuf_addf(&text, "; %s", work);
    text.failed |= lines.failed;
    char *taken = strbuf_take(&text);
    if (!taken)
        error_memory(err, lines.length);
    strbuf_release(&lines);
    strbuf_release(&text);
    return taken;
}

/* A comment must stay on its line whatever the file's name holds. */
static void add_comment(struct strbuf *text, const char *label,
                        const char *value)
{
    strbuf_addf(text, "# %s ", label);
    for (; *value; value++) {
        char c = (unsigned char)*value < ' ' || *value == 0x7f ? '?' : *value;
        strbuf_add_bytes(text, &c, 1);
    }
    strbuf_add(text, "\n");
}

char *session_recipe(const struct session *session,
                     const struct variant *variant, struct error *err)
{
    struct strbuf text = {0};
    strbuf_add(&text, "# espalier recipe\n");
    add_comment(&text, "model", path_name(session->options.model_path));
    if (session->options.data_path)
        add_comment(&text, "data ", path_name(session->options.data_path));
    strbuf_addf(&text, "# removes %.2f %% of the prunable weights\n",
                100 * variant_sparsity(variant, &session->layers));
    session_add_history(&text, session, variant);
    char *taken = strbuf_take(&text);
    if (!taken)
        error_memory(err, session->layers.count * PATTERN_BYTES);
    strbuf_release(&text);
    return taken;
}

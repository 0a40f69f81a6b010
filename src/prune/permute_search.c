/*
 * Hill climbing from the order that is there. A swap changes the groups of M
 * that its columns lie in and no others, so its gain is what these keep
 * afterwards, less what they kept before; that is remembered. A pair is tried
 * again only when one of its groups has changed since it was tried last.
 *
 * Swaps alone end where parting three columns from a fourth needs two of
 * them at once; for M = 4 one and two swaps between two groups reach every
 * way to divide their eight columns.
 */
#include "prune/permute_search.h"

#include "base/array.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { GROUP_MAX = 16, LANES = 16, STRIPE = 16 * LANES };

/* Of the magnitude of the groups touched: less is rounding. */
static const double LEAST_GAIN = 1e-5;

/* --- one group --- */

static float lesser(float a, float b)
{
    return a < b ? a : b;
}

static float greater(float a, float b)
{
    return a < b ? b : a;
}

/* The two largest of four, in an order of sums that columns do not change. */
static void add_two_of_four(const float *const c[], int64_t i, float *sum)
{
    float ab = greater(c[0][i], c[1][i]), cd = greater(c[2][i], c[3][i]);
    float under_ab = lesser(c[0][i], c[1][i]);
    float under_cd = lesser(c[2][i], c[3][i]);
    float apart = ab + cd, together = greater(ab + under_ab, cd + under_cd);
    *sum += greater(apart, together);
}

static void add_one(const float *const c[], int of, int64_t i, float *sum)
{
    float most = c[0][i];
    for (int j = 1; j < of; j++)
        most = greater(most, c[j][i]);
    *sum += most;
}

static void add_most(const float *const c[], int keep, int of, int64_t i,
                     float *sum)
{
    float most[GROUP_MAX + 1]; /* descending */
    int count = 0;
    for (int j = 0; j < of; j++) {
        int at = count < keep ? count++ : keep;
        for (; at && most[at - 1] < c[j][i]; at--)
            most[at] = most[at - 1];
        most[at] = c[j][i];
    }
    for (int j = 0; j < count; j++)
        *sum += most[j];
}

static void add_stripe(const float *const c[], int keep, int of, int64_t first,
                       int64_t last, float lanes[LANES])
{
    if (keep == 2 && of == 4)
        for (; first + LANES <= last; first += LANES)
            for (int l = 0; l < LANES; l++)
                add_two_of_four(c, first + l, &lanes[l]);
    if (keep == 1)
        for (; first + LANES <= last; first += LANES)
            for (int l = 0; l < LANES; l++)
                add_one(c, of, first + l, &lanes[l]);
    for (; first < last; first++)
        add_most(c, keep, of, first, &lanes[first % LANES]);
}

/* The last group of fewer than M keeps all. */
static double group_kept(const struct permute_reader *reader, int group,
                         int64_t *looked)
{
    const float *columns[GROUP_MAX];
    int of = reader->columns - group * reader->of;
    int keep = of < reader->of ? of : reader->keep;
    double sum = 0;
    of = of < reader->of ? of : reader->of;
    for (int j = 0; j < of; j++)
        columns[j] =
            reader->magnitude +
            (int64_t)reader->at[group * reader->of + j] * reader->vectors;
    for (int64_t v = 0; v < reader->vectors; v += STRIPE) {
        float lanes[LANES] = {0};
        int64_t end =
            v + STRIPE < reader->vectors ? v + STRIPE : reader->vectors;
        add_stripe(columns, keep, of, v, end, lanes);
        for (int l = 0; l < LANES; l++)
            sum += (double)lanes[l];
    }
    *looked += reader->vectors * of;
    return sum;
}

static int group_count(const struct permute_reader *reader)
{
    return (reader->columns + reader->of - 1) / reader->of;
}

double permute_kept(const struct permute_reader *reader, double *total)
{
    double kept = 0;
    int64_t looked = 0;
    for (int g = 0; g < group_count(reader); g++)
        kept += group_kept(reader, g, &looked);
    *total = 0;
    for (int64_t i = 0; i < reader->columns * reader->vectors; i++)
        *total += (double)reader->magnitude[i];
    return kept;
}

/* --- swaps --- */

/* What is known of a reader while its columns move. */
struct side {
    int *begin, *list; /* positions of unit u: list[begin[u] ... [u + 1]) */
    double *kept;      /* per group */
    double *now;       /* per group: while a swap is tried */
    int *touched;      /* groups that it touches */
    bool *is_touched;
    int touched_count;
};

struct pair {
    int a, b;
};

struct climb {
    const struct permute_search *search;
    int *order;
    struct side *sides;
    int64_t looked;
    int64_t time;     /* visits so far */
    int64_t *changed; /* per unit: when a group that it lies in was */
    bool any;         /* something was swapped in this pass */
};

static void side_release(struct side *side)
{
    free(side->begin);
    free(side->list);
    free(side->kept);
    free(side->now);
    free(side->touched);
    free(side->is_touched);
}

static int side_init(struct climb *climb, size_t r, struct error *err)
{
    const struct permute_reader *reader = &climb->search->readers[r];
    struct side *side = &climb->sides[r];
    size_t units = (size_t)climb->search->units;
    size_t groups = (size_t)group_count(reader);
    side->begin = array_create(units + 2, sizeof *side->begin);
    side->list = array_create((size_t)reader->columns + 1, sizeof *side->list);
    side->kept = array_create(groups + 1, sizeof *side->kept);
    side->now = array_create(groups + 1, sizeof *side->now);
    side->touched = array_create(groups + 1, sizeof *side->touched);
    side->is_touched = array_create(groups + 1, sizeof *side->is_touched);
    if (!side->begin || !side->list || !side->kept || !side->now ||
        !side->touched || !side->is_touched)
        return error_memory(err, (units + groups) * sizeof(double));
    for (int c = 0; c < reader->columns; c++)
        if (reader->unit[c] >= 0)
            side->begin[reader->unit[c] + 2]++;
    for (size_t u = 2; u < units + 2; u++)
        side->begin[u] += side->begin[u - 1];
    for (int c = 0; c < reader->columns; c++)
        if (reader->unit[c] >= 0)
            side->list[side->begin[reader->unit[c] + 1]++] = c;
    for (size_t g = 0; g < groups; g++)
        side->kept[g] = group_kept(reader, (int)g, &climb->looked);
    return 0;
}

static void touch(struct side *side, const struct permute_reader *reader,
                  int unit)
{
    for (int i = side->begin[unit]; i < side->begin[unit + 1]; i++) {
        int group = side->list[i] / reader->of;
        if (!side->is_touched[group])
            side->touched[side->touched_count++] = group;
        side->is_touched[group] = true;
    }
}

static void swap_columns(const struct side *side,
                         const struct permute_reader *reader, struct pair pair)
{
    const int *a = side->list + side->begin[pair.a];
    const int *b = side->list + side->begin[pair.b];
    int count = side->begin[pair.a + 1] - side->begin[pair.a];
    for (int i = 0; i < count; i++) {
        int column = reader->at[a[i]];
        reader->at[a[i]] = reader->at[b[i]];
        reader->at[b[i]] = column;
    }
}

static void swap_all(const struct climb *climb, const struct pair *pairs,
                     int count)
{
    for (int p = 0; p < count; p++)
        for (size_t r = 0; r < climb->search->count; r++)
            swap_columns(&climb->sides[r], &climb->search->readers[r],
                         pairs[p]);
}

/* What the touched groups keep now: `gain` more than the `old` before. */
static void judge(struct climb *climb, const struct pair *pairs, int count,
                  double *gain, double *old)
{
    *gain = *old = 0;
    for (size_t r = 0; r < climb->search->count; r++) {
        struct side *side = &climb->sides[r];
        const struct permute_reader *reader = &climb->search->readers[r];
        side->touched_count = 0;
        for (int p = 0; p < count; p++) {
            touch(side, reader, pairs[p].a);
            touch(side, reader, pairs[p].b);
        }
        for (int i = 0; i < side->touched_count; i++) {
            int group = side->touched[i];
            side->now[group] = group_kept(reader, group, &climb->looked);
            *gain += side->now[group] - side->kept[group];
            *old += side->kept[group];
            side->is_touched[group] = false;
        }
    }
}

static void accept(struct climb *climb, const struct pair *pairs, int count)
{
    for (int p = 0; p < count; p++) {
        int unit = climb->order[pairs[p].a];
        climb->order[pairs[p].a] = climb->order[pairs[p].b];
        climb->order[pairs[p].b] = unit;
    }
    for (size_t r = 0; r < climb->search->count; r++) {
        struct side *side = &climb->sides[r];
        const struct permute_reader *reader = &climb->search->readers[r];
        for (int i = 0; i < side->touched_count; i++) {
            int group = side->touched[i], first = group * reader->of;
            side->kept[group] = side->now[group];
            for (int c = first; c < first + reader->of && c < reader->columns;
                 c++)
                if (reader->unit[c] >= 0)
                    climb->changed[reader->unit[c]] = climb->time;
        }
    }
    climb->any = true;
}

/* Swaps when that keeps more, else changes nothing. */
static void try_swaps(struct climb *climb, const struct pair *pairs, int count)
{
    const uint64_t *kinds = climb->search->kinds;
    double gain, old;
    for (int p = 0; p < count; p++)
        if (!kinds[pairs[p].a] || kinds[pairs[p].a] != kinds[pairs[p].b])
            return;
    swap_all(climb, pairs, count);
    judge(climb, pairs, count, &gain, &old);
    if (gain > LEAST_GAIN * old)
        accept(climb, pairs, count);
    else
        swap_all(climb, pairs, count); /* pairs have no unit in common */
}

/* --- passes --- */

static bool spent(const struct climb *climb)
{
    return climb->looked >= climb->search->budget;
}

/* All pairs, the near ones of every unit first; `before`: the time at which
 * the last such pass began, -1: none. */
static void pass_single(struct climb *climb, int64_t before)
{
    int n = climb->search->units;
    int64_t begin = climb->time;
    for (int d = 1; d <= n / 2; d++) {
        int last = 2 * d == n ? d : n;
        for (int i = 0; i < last && !spent(climb); i++) {
            struct pair pair = {i, (i + d) % n};
            int64_t seen = before < 0 ? -1 : before + (climb->time - begin);
            if (climb->changed[pair.a] > seen || climb->changed[pair.b] > seen)
                try_swaps(climb, &pair, 1);
            climb->time++;
        }
    }
}

/* The units of a group that have one column each in it; how many. */
static int units_of_group(const struct climb *climb, size_t r, int group,
                          int units[4])
{
    const struct permute_reader *reader = &climb->search->readers[r];
    int count = 0, first = group * reader->of;
    for (int c = first; c < first + reader->of && c < reader->columns; c++) {
        int u = reader->unit[c];
        const int *begin = climb->sides[r].begin;
        if (u >= 0 && begin[u + 1] - begin[u] == 1)
            units[count++] = u;
    }
    return count;
}

static void try_two(struct climb *climb, size_t r, int group, int other)
{
    int a[4], b[4];
    int in_a = units_of_group(climb, r, group, a);
    int in_b = units_of_group(climb, r, other, b);
    /* Two swaps of four divide them as the two of the others do. */
    bool half = climb->search->count == 1 && in_a == 4;
    for (int i = 0; i < in_a - 1; i++)
        for (int j = i + 1; j < in_a && !(half && i); j++)
            for (int k = 0; k < in_b; k++)
                for (int l = 0; l < in_b && !spent(climb); l++)
                    if (k != l && (k < l || climb->search->count > 1))
                        try_swaps(climb,
                                  (struct pair[]){{a[i], b[k]}, {a[j], b[l]}},
                                  2);
}

static bool group_changed(const struct climb *climb, size_t r, int group,
                          int64_t since)
{
    const struct permute_reader *reader = &climb->search->readers[r];
    int first = group * reader->of;
    for (int c = first; c < first + reader->of && c < reader->columns; c++)
        if (reader->unit[c] >= 0 && climb->changed[reader->unit[c]] > since)
            return true;
    return false;
}

static void pass_double(struct climb *climb, int64_t before)
{
    int64_t begin = climb->time;
    for (size_t r = 0; r < climb->search->count; r++) {
        const struct permute_reader *reader = &climb->search->readers[r];
        int groups = reader->of <= 4 ? group_count(reader) : 0;
        for (int d = 1; d < groups; d++)
            for (int g = 0; g + d < groups && !spent(climb); g++) {
                int64_t seen = before < 0 ? -1 : before + (climb->time - begin);
                if (group_changed(climb, r, g, seen) ||
                    group_changed(climb, r, g + d, seen))
                    try_two(climb, r, g, g + d);
                climb->time++;
            }
    }
}

static void run(struct climb *climb)
{
    int64_t singles = -1, doubles = -1;
    do {
        do {
            int64_t begin = climb->time;
            climb->any = false;
            pass_single(climb, singles);
            singles = begin;
        } while (climb->any && !spent(climb));
        int64_t begin = climb->time;
        pass_double(climb, doubles);
        doubles = begin;
    } while (climb->any && !spent(climb));
}

int permute_search(int *order, const struct permute_search *search,
                   struct error *err)
{
    size_t count = search->count, units = (size_t)search->units;
    struct climb climb = {.search = search, .order = order};
    climb.sides = array_create(count + 1, sizeof *climb.sides);
    climb.changed = array_create(units + 1, sizeof *climb.changed);
    int result = climb.sides && climb.changed
                     ? 0
                     : error_memory(err, units * sizeof *climb.changed);
    for (size_t r = 0; r < count && !result; r++)
        result = side_init(&climb, r, err);
    if (!result)
        run(&climb);
    for (size_t r = 0; climb.sides && r < count; r++)
        side_release(&climb.sides[r]);
    free(climb.sides);
    free(climb.changed);
    return result;
}

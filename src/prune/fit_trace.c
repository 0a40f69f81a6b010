/* Which units fall, by ExactOBS: structures become bands of rows that share
 * a mask and units of columns; bands are merged by their next increase. */
#include "prune/criteria.h"
#include "prune/fit.h"
#include "prune/obs.h"

#include "base/array.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How a structure cuts the layer's matrix. */
struct cut {
    int height; /* rows of a band; the last of a group may be lower */
    int units, width;
    int *members; /* (units, width); NULL: single columns */
    int *bucket;  /* (units); NULL: none */
    int limit, first_steps;
};

static void cut_release(struct cut *cut)
{
    free(cut->members);
    free(cut->bucket);
}

static int cut_weights(struct cut *cut, const struct layer_matrix *m,
                       const struct structure *structure)
{
    (void)structure;
    cut->units = (int)(m->inputs * m->places);
    cut->first_steps = cut->units;
    return 0;
}

static int cut_nm(struct cut *cut, const struct layer_matrix *m,
                  const struct structure *structure)
{
    int of = structure->second, full = (int)m->inputs / of * of;
    cut->units = (int)(m->inputs * m->places);
    cut->limit = of - structure->first;
    cut->first_steps = full / of * cut->limit * (int)m->places;
    cut->bucket = array_create((size_t)cut->units, sizeof *cut->bucket);
    for (int u = 0; cut->bucket && u < cut->units; u++) {
        int input = u / (int)m->places, place = u % (int)m->places;
        cut->bucket[u] =
            input < full ? input / of * (int)m->places + place : -1;
    }
    return cut->bucket ? 0 : -1;
}

/* Units of `width` inputs at one place, or of all places of one input. */
static int cut_members(struct cut *cut, const struct layer_matrix *m,
                       int inputs, bool all_places)
{
    int places = (int)m->places, kernel = all_places ? places : 1;
    int across = ((int)m->inputs + inputs - 1) / inputs;
    cut->width = inputs * kernel;
    cut->units = across * (places / kernel);
    cut->first_steps = cut->units;
    if (cut->width == 1)
        return 0;
    cut->members = array_create((size_t)cut->units * (size_t)cut->width,
                                sizeof *cut->members);
    if (!cut->members)
        return -1;
    for (int u = 0; u < cut->units; u++)
        for (int i = 0; i < cut->width; i++) {
            int input = u % across * inputs + i / kernel;
            int place = u / across + i % kernel;
            cut->members[u * cut->width + i] =
                input < m->inputs ? input * places + place : -1;
        }
    return 0;
}

static int cut_blocks(struct cut *cut, const struct layer_matrix *m,
                      const struct structure *structure)
{
    cut->height = structure->first;
    return cut_members(cut, m, structure->second, false);
}

static int cut_kernels(struct cut *cut, const struct layer_matrix *m,
                       const struct structure *structure)
{
    (void)structure;
    return cut_members(cut, m, 1, true);
}

/* By the row of structures[] that a member belongs to. */
static const struct {
    const struct structure *family;
    int (*make)(struct cut *cut, const struct layer_matrix *m,
                const struct structure *structure);
} cuts[] = {
    {&structure_weight, cut_weights},
    {&structure_nm, cut_nm},
    {&structure_block, cut_blocks},
    {&structure_kernel, cut_kernels},
};

static int cut_init(struct cut *cut, const struct layer_matrix *m,
                    const struct structure *structure, struct error *err)
{
    *cut = (struct cut){.height = 1, .width = 1};
    for (size_t i = 0; i < ARRAY_LENGTH(cuts); i++) {
        if (cuts[i].family->select != structure->select)
            continue;
        if (cuts[i].make(cut, m, structure) == 0)
            return 0;
        cut_release(cut);
        return error_memory(err, (size_t)(m->inputs * m->places));
    }
    return error_set(err, ERROR_UNSUPPORTED,
                     "structure '%s' is not chosen by reconstruction",
                     structure->name);
}

/* --- tracing --- */

struct tracing {
    struct fit *fit;
    const struct cut *cut;
    const struct cancel *cancel;
};

/* Bands do not cross groups. */
static void band_rows(const struct fit *fit, const struct cut *cut, int band,
                      int *first, int *count)
{
    int rows = fit->rows / fit->groups;
    int bands = (rows + cut->height - 1) / cut->height;
    int in_group = band % bands * cut->height;
    *first = band / bands * rows + in_group;
    *count = rows - in_group < cut->height ? rows - in_group : cut->height;
}

static int trace_band(void *context, int worker, int64_t piece,
                      struct error *err)
{
    (void)worker;
    const struct tracing *t = context;
    struct fit *fit = t->fit;
    int band = (int)piece, first, rows;
    size_t n = (size_t)fit->columns, steps = (size_t)fit->steps;
    if (cancel_raised(t->cancel))
        return error_set(err, ERROR_CANCELLED, "cancelled");
    band_rows(fit, t->cut, band, &first, &rows);
    int group = first / (fit->rows / fit->groups);
    double *weight = array_create((size_t)rows * n, sizeof *weight);
    struct obs_problem problem = {
        .columns = fit->columns,
        .inverse = fit->inverse + (size_t)group * n * n,
        .rows = rows,
        .weight = weight,
        .units = t->cut->units,
        .width = t->cut->width,
        .members = t->cut->members,
        .bucket = t->cut->bucket,
        .bucket_limit = t->cut->limit,
        .steps = fit->steps,
    };
    size_t bytes = obs_scratch_bytes(&problem);
    void *scratch = weight ? aligned_alloc(64, bytes) : NULL;
    if (!scratch) {
        free(weight);
        return error_memory(err, bytes);
    }
    const bool *dead = fit->dead + (size_t)group * n;
    for (int r = 0; r < rows; r++) {
        double scale = sqrt(fit->scale[first + r]);
        for (size_t j = 0; j < n; j++) /* what reads a dead input is free */
            weight[(size_t)r * n + j] =
                dead[j] ? 0 : scale * fit->wanted[(size_t)(first + r) * n + j];
    }
    obs_trace(&problem, fit->order + (size_t)band * steps,
              fit->increase + (size_t)band * steps, scratch);
    free(scratch);
    free(weight);
    return 0;
}

int fit_trace(struct fit *fit, const struct structure *structure,
              const struct parallel *parallel, const struct cancel *cancel,
              struct error *err)
{
    struct cut cut;
    if (cut_init(&cut, &fit->layer->matrix, structure, err) < 0)
        return -1;
    int rows = fit->rows / fit->groups;
    fit->structure = structure;
    fit->bands = fit->groups * ((rows + cut.height - 1) / cut.height);
    fit->steps = cut.units;
    fit->first_steps = cut.first_steps;
    size_t count = (size_t)fit->bands * (size_t)fit->steps;
    free(fit->order);
    free(fit->increase);
    fit->order = array_create(count, sizeof *fit->order);
    fit->increase = array_create(count, sizeof *fit->increase);
    struct tracing tracing = {fit, &cut, cancel};
    int result =
        fit->order && fit->increase
            ? parallel_pieces(parallel, fit->bands, trace_band, &tracing, err)
            : error_memory(err, count * sizeof *fit->increase);
    cut_release(&cut);
    return result;
}

/* --- merging --- */

/* Bands by their next increase, the first of equals on top. */
struct heap {
    const struct fit *fit;
    int *bands, *next; /* next: step of a band */
    int count, limit;  /* steps that a band may take in this phase */
};

static bool before(const struct heap *heap, int a, int b)
{
    size_t steps = (size_t)heap->fit->steps;
    double x = heap->fit->increase[(size_t)a * steps + (size_t)heap->next[a]];
    double y = heap->fit->increase[(size_t)b * steps + (size_t)heap->next[b]];
    return x < y || (x == y && a < b);
}

static void sink(struct heap *heap, int i)
{
    int *bands = heap->bands;
    for (;;) {
        int least = i, left = 2 * i + 1;
        for (int child = left; child <= left + 1; child++)
            if (child < heap->count && before(heap, bands[child], bands[least]))
                least = child;
        if (least == i)
            return;
        int other = bands[i];
        bands[i] = bands[least];
        bands[least] = other;
        i = least;
    }
}

static void begin_phase(struct heap *heap, int limit)
{
    heap->limit = limit;
    heap->count = 0;
    for (int b = 0; b < heap->fit->bands; b++)
        if (heap->next[b] < limit)
            heap->bands[heap->count++] = b;
    for (int i = heap->count / 2; i-- > 0;)
        sink(heap, i);
}

static int heap_init(struct heap *heap, const struct fit *fit,
                     struct error *err)
{
    size_t bands = (size_t)fit->bands;
    *heap = (struct heap){.fit = fit};
    heap->bands = array_create(bands, sizeof *heap->bands);
    heap->next = array_create(bands, sizeof *heap->next);
    if (!heap->bands || !heap->next)
        return error_memory(err, bands * sizeof *heap->next);
    begin_phase(heap, fit->first_steps);
    return 0;
}

static void heap_release(struct heap *heap)
{
    free(heap->bands);
    free(heap->next);
}

/* The band whose unit falls next, *step of its trace; -1: none is left. */
static int heap_take(struct heap *heap, int *step)
{
    if (!heap->count && heap->limit < heap->fit->steps)
        begin_phase(heap, heap->fit->steps);
    if (!heap->count)
        return -1;
    int band = heap->bands[0];
    *step = heap->next[band]++;
    if (heap->next[band] == heap->limit)
        heap->bands[0] = heap->bands[--heap->count];
    sink(heap, 0);
    return band;
}

static void clear_unit(const struct fit *fit, const struct cut *cut, int band,
                       int unit, struct bitmask *mask)
{
    const struct layer_matrix *m = &fit->layer->matrix;
    int first, rows;
    band_rows(fit, cut, band, &first, &rows);
    for (int i = 0; i < cut->width; i++) {
        int column = cut->members ? cut->members[unit * cut->width + i] : unit;
        for (int r = first; column >= 0 && r < first + rows; r++)
            bitmask_set(mask,
                        (size_t)layer_matrix_at(m, r, column / m->places,
                                                column % m->places),
                        false);
    }
}

int fit_select(const struct fit *fit, int64_t remove, struct bitmask *mask,
               struct error *err)
{
    struct cut cut;
    struct heap heap = {0};
    if (cut_init(&cut, &fit->layer->matrix, fit->structure, err) < 0)
        return -1;
    int result = heap_init(&heap, fit, err);
    if (!result && bitmask_init(mask, (size_t)fit->layer->weights, true) < 0)
        result = error_memory(err, (size_t)fit->layer->weights / 8);
    for (int64_t i = 0; !result && i < remove; i++) {
        int step, band = heap_take(&heap, &step);
        if (band < 0)
            break;
        clear_unit(fit, &cut, band,
                   fit->order[(size_t)band * (size_t)fit->steps + (size_t)step],
                   mask);
    }
    heap_release(&heap);
    cut_release(&cut);
    return result;
}

double *fit_increases(const struct fit *fit, int64_t *count, struct error *err)
{
    struct heap heap = {0};
    *count = (int64_t)fit->bands * fit->steps;
    double *increases = array_create((size_t)*count, sizeof *increases);
    if (!increases || heap_init(&heap, fit, err) < 0) {
        free(increases);
        heap_release(&heap);
        error_memory(err, (size_t)*count * sizeof *increases);
        return NULL;
    }
    double most = 0;
    for (int64_t i = 0; i < *count; i++) {
        int step, band = heap_take(&heap, &step);
        double next =
            fit->increase[(size_t)band * (size_t)fit->steps + (size_t)step];
        most = next > most ? next : most;
        increases[i] = most;
    }
    heap_release(&heap);
    return increases;
}

static void cost_of_look(const struct fit *fit, float *cost)
{
    const struct layer_matrix *m = &fit->layer->matrix;
    size_t n = (size_t)fit->columns;
    for (int r = 0; r < fit->rows; r++) {
        int group = r / (fit->rows / fit->groups);
        const double *inverse = fit->inverse + (size_t)group * n * n;
        for (int j = 0; j < fit->columns; j++) {
            double w = fit->wanted[(size_t)r * n + (size_t)j];
            cost[layer_matrix_at(m, r, j / m->places, j % m->places)] =
                (float)(fit->scale[r] * w * w /
                        inverse[(size_t)j * n + (size_t)j]);
        }
    }
}

static int cost_of_trace(const struct fit *fit, float *cost, struct error *err)
{
    const struct layer_matrix *m = &fit->layer->matrix;
    struct heap heap = {0};
    float most = 0;
    double share = fit->total > 0 ? 1 / fit->total : 1;
    int code = heap_init(&heap, fit, err), step, band;
    while (code == 0 && (band = heap_take(&heap, &step)) >= 0) {
        size_t at = (size_t)band * (size_t)fit->steps + (size_t)step;
        int column = fit->order[at];
        float next = (float)(fit->increase[at] * share);
        most = next > most ? next : nextafterf(most, INFINITY);
        cost[layer_matrix_at(m, band, column / m->places, column % m->places)] =
            most;
    }
    heap_release(&heap);
    return code;
}

int fit_costs(const struct fit *fit, float *cost, struct error *err)
{
    if (fit->order)
        return cost_of_trace(fit, cost, err);
    double share = fit->total > 0 ? 1 / fit->total : 1;
    cost_of_look(fit, cost);
    for (int64_t i = 0; i < fit->layer->weights; i++)
        cost[i] = (float)((double)cost[i] * share);
    return 0;
}

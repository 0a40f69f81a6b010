#include "engine/scan.h"

#include "base/array.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "engine/bare.h"
#include "engine/scan_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SALT = 5 };
#define TOLERANCE 0.005
#define RELATIVE  0.2

static const double default_amounts[] = {0.1, 0.2, 0.3, 0.4, 0.5,
                                         0.6, 0.7, 0.8, 0.9, 0.95};

struct scan_request scan_request_default(void)
{
    return (struct scan_request){.tolerance = TOLERANCE,
                                 .relative = RELATIVE,
                                 .whole = true,
                                 .resume = true};
}

const double *scan_default_amounts(size_t *count)
{
    *count = ARRAY_LENGTH(default_amounts);
    return default_amounts;
}

/* One scan while it runs. */
struct scan {
    struct probe *probe;
    const struct setup *setup;
    struct scan_request request; /* defaults filled in */
    const struct scan_watch *watch;
    struct sensitivity *table;
    struct scan_file file;
    size_t *rows;               /* owned */
    struct decision *decisions; /* of the point */
    size_t done, total;
    double work_done, work_left; /* in multiplications behind the layers */
    int64_t start_ns;
};

/* --- what identifies a scan --- */

static uint64_t hash_text(uint64_t hash, const char *text)
{
    return hash_bytes(hash, text, strlen(text) + 1);
}

static uint64_t hash_graph(uint64_t hash, const struct graph *graph)
{
    for (size_t i = 0; i < graph->node_count; i++)
        hash = hash_text(hash, graph->nodes[i].type);
    for (size_t i = 0; i < graph->value_count; i++) {
        const struct tensor *constant = &graph->values[i].constant;
        if (constant->data)
            hash = hash_bytes(hash, constant->data,
                              (size_t)tensor_elements(constant) *
                                  dtype_size(constant->dtype));
    }
    return hash;
}

static uint64_t hash_data(uint64_t hash, const struct setup *setup)
{
    const struct dataset *data = session_dataset(setup->session);
    const struct transform *t = session_transform(setup->session);
    hash = hash_u64(hash, (uint64_t)setup->samples);
    hash = hash_bytes(hash, &t->scale, sizeof t->scale);
    hash = hash_bytes(hash, t->mean, sizeof t->mean);
    hash = hash_bytes(hash, t->std, sizeof t->std);
    for (int64_t i = 0; i < setup->samples; i++)
        hash = hash_u64(hash, (uint64_t)dataset_label(data, i));
    const struct picture_shape *shape = dataset_shape(data);
    hash = hash_u64(hash, (uint64_t)shape->resize_height << 32 |
                              (uint64_t)shape->resize_width);
    hash = hash_u64(hash, (uint64_t)shape->crop_height << 33 |
                              (uint64_t)shape->crop_width << 1 | shape->bgr);
    if (shape->layout) /* files of before keep their keys */
        hash = hash_u64(hash, (uint64_t)shape->layout);
    hash = hash_text(hash, path_name(dataset_path(data)));
    return hash_text(hash, dataset_split(data));
}

/* Named training data: what criteria that look at samples say depends on it. A
 * share that was set aside shows in the samples that are left. */
static uint64_t hash_training(uint64_t hash, const struct session *session)
{
    const char *path = session_options(session)->train_path;
    if (!path || session_training(session))
        return hash;
    char *real = realpath(path, NULL);
    hash = hash_text(hash, real ? real : path);
    free(real);
    return hash;
}

uint64_t scan_key(const struct setup *setup, const struct scan_request *request)
{
    uint64_t hash = hash_u64(0, SALT);
    hash = hash_graph(hash, session_graph(setup->session));
    hash = hash_data(hash, setup);
    hash = hash_training(hash, setup->session);
    hash = hash_u64(hash, session_options(setup->session)->seed);
    hash = hash_bytes(hash, &request->tolerance, sizeof request->tolerance);
    return hash_bytes(hash, &request->relative, sizeof request->relative);
}

int scan_known(struct sensitivity *table, const struct setup *setup,
               struct error *err)
{
    const struct scan_request request = scan_request_default();
    const char *folder = session_options(setup->session)->state_folder;
    if (!scan_file_any(folder))
        return 0; /* the model need not be hashed */
    table->key = scan_key(setup, &request);
    return scan_file_read(table, folder, err);
}

/* --- one point --- */

/* Whether the place behind the last layer is meant: the whole model. */
static bool is_whole(const struct scan *scan, size_t place)
{
    return place == scan->request.row_count;
}

/* Writes the decisions of a point. */
static int decide(struct scan *scan, size_t place,
                  const struct sensitivity_point *point, struct error *err)
{
    const struct scan_request *r = &scan->request;
    const struct session *session = scan->setup->session;
    const struct layer_table *layers = session_layers(session);
    memset(scan->decisions, 0, layers->count * sizeof *scan->decisions);
    if (is_whole(scan, place) && r->structure == structures[0]) {
        struct mask_source source = {.graph = session_graph(session),
                                     .layers = layers,
                                     .calibrator = session_calibrator(session)};
        return allocate_global(scan->decisions, &source, r->rows, r->row_count,
                               r->criterion, point->amount, err);
    }
    size_t first = is_whole(scan, place) ? 0 : place;
    size_t end = is_whole(scan, place) ? r->row_count : place + 1;
    for (size_t i = first; i < end; i++) {
        const struct layer *layer = &layers->layers[r->rows[i]];
        int64_t most = structure_most(r->structure, layer);
        int64_t remove =
            decision_units(point->amount, structure_units(r->structure, layer));
        struct choice choice = {r->structure, r->criterion,
                                remove < most ? remove : most};
        if (decision_choose(scan->decisions, layers, r->rows[i], &choice, err) <
            0)
            return -1;
    }
    return 0;
}

static int run_point(struct scan *scan, size_t place,
                     struct sensitivity_point *point, struct error *err)
{
    const struct scan_request *r = &scan->request;
    struct probe_wish wish = {r->again ? 0 : r->tolerance, r->relative,
                              r->floor};
    struct probe_result found;
    if (decide(scan, place, point, err) < 0 ||
        probe_run(scan->probe, scan->decisions, &wish, &found, err) < 0)
        return -1;
    point->value = found.value;
    point->low = found.low;
    point->high = found.high;
    point->samples = found.samples;
    return 0;
}

/* --- all points --- */

static void tell(const struct scan *scan, const char *layer,
                 const struct sensitivity_point *point)
{
    if (!scan->watch->progress)
        return;
    int64_t now = clock_now_ns();
    double spent = (double)(now - scan->start_ns) * 1e-9;
    struct scan_progress progress = {
        .done = scan->done,
        .total = scan->total,
        .layer = layer,
        .seconds = spent,
        .seconds_left = scan->work_done > 0
                            ? spent * scan->work_left / scan->work_done
                            : NAN,
        .point = point,
    };
    scan->watch->progress(scan->watch->context, &progress);
}

/* Whether point number `amount` of the layer that is `place`th in the list
 * belongs to this shard: whole layers while there are enough. */
static bool in_shard(const struct scan *scan, size_t place, size_t amount)
{
    const struct scan_request *r = &scan->request;
    if (r->shards <= 1)
        return true;
    size_t shards = (size_t)r->shards;
    size_t item = shards <= r->row_count + r->whole
                      ? place
                      : place * r->amount_count + amount;
    return item % shards == (size_t)r->shard - 1;
}

static const struct layer *layer_at(const struct scan *scan, size_t place)
{
    const struct layer_table *layers = session_layers(scan->setup->session);
    return &layers->layers[scan->request.rows[place]];
}

static struct sensitivity_point point_of(const struct scan *scan, size_t place,
                                         double amount)
{
    static char whole[] = "*";
    const struct scan_request *r = &scan->request;
    struct sensitivity_point point = {.layer = whole, .amount = amount};
    if (!is_whole(scan, place)) {
        point.row = layer_at(scan, place)->row;
        point.layer = layer_at(scan, place)->name;
        point.units = structure_units(r->structure, layer_at(scan, place));
    }
    for (size_t i = 0; is_whole(scan, place) && i < r->row_count; i++)
        point.units += structure_units(r->structure, layer_at(scan, i));
    point.removed = decision_units(amount, point.units);
    if (!is_whole(scan, place)) {
        int64_t most = structure_most(r->structure, layer_at(scan, place));
        point.removed = point.removed < most ? point.removed : most;
    }
    snprintf(point.structure, sizeof point.structure, "%s", r->structure->name);
    snprintf(point.criterion, sizeof point.criterion, "%s", r->criterion->name);
    return point;
}

/* How much runs for a point, whatever the samples. */
static double work_of(const struct scan *scan, size_t place)
{
    const struct layer_table *layers = session_layers(scan->setup->session);
    size_t first = is_whole(scan, place) ? 0 : scan->request.rows[place];
    double work = 1;
    for (size_t i = first; i < layers->count; i++)
        work += (double)layers->layers[i].macs;
    return work;
}

/* Makes the cached activations those before the place. */
static void focus_on(struct scan *scan, size_t place)
{
    probe_focus(scan->probe,
                is_whole(scan, place) ? -1 : layer_at(scan, place)->node);
}

static int scan_point(struct scan *scan, size_t place,
                      struct sensitivity_point *point, struct error *err)
{
    double work = work_of(scan, place);
    if (run_point(scan, place, point, err) < 0)
        return error_prefix(err, "layer '%s' at %.4g %%", point->layer,
                            100 * point->amount);
    if (sensitivity_add(scan->table, point, err) < 0 ||
        scan_file_add(&scan->file, scan->table, point, err) < 0)
        return -1;
    scan->done++;
    scan->work_done += work;
    scan->work_left -= work;
    tell(scan, point->layer, point);
    return 0;
}

static int scan_place(struct scan *scan, size_t place, struct error *err)
{
    const struct scan_request *r = &scan->request;
    bool chosen = false, below = false;
    for (size_t a = 0; a < r->amount_count; a++) {
        struct sensitivity_point point = point_of(scan, place, r->amounts[a]);
        if (!in_shard(scan, place, a))
            continue;
        const struct sensitivity_point *known =
            sensitivity_find(scan->table, &point);
        if (known || below) {
            below = below || known->high < r->floor;
            scan->work_left -= known ? 0 : work_of(scan, place);
            scan->done += !known;
            continue;
        }
        if (!chosen) {
            tell(scan, point.layer, NULL);
            focus_on(scan, place);
            chosen = true;
        }
        if (scan_point(scan, place, &point, err) < 0)
            return -1;
        below = point.high < r->floor;
    }
    return 0;
}

static size_t place_count(const struct scan *scan)
{
    return scan->request.row_count + scan->request.whole;
}

/* Total, what is known, and what it takes. */
static void count_points(struct scan *scan)
{
    const struct scan_request *r = &scan->request;
    for (size_t i = 0; i < place_count(scan); i++) {
        for (size_t a = 0; a < r->amount_count; a++) {
            struct sensitivity_point point = point_of(scan, i, r->amounts[a]);
            if (!in_shard(scan, i, a))
                continue;
            bool known = sensitivity_find(scan->table, &point) != NULL;
            scan->total++;
            scan->done += known;
            scan->work_left += known ? 0 : work_of(scan, i);
        }
    }
}

/* Points of other requests under the same key stay in the file alone. */
static bool is_wanted(const struct scan *scan,
                      const struct sensitivity_point *point)
{
    const struct scan_request *r = &scan->request;
    for (size_t i = 0; i < place_count(scan); i++) {
        for (size_t a = 0; a < r->amount_count; a++) {
            struct sensitivity_point wanted = point_of(scan, i, r->amounts[a]);
            if (wanted.row == point->row && wanted.removed == point->removed &&
                !strcmp(wanted.structure, point->structure) &&
                !strcmp(wanted.criterion, point->criterion))
                return in_shard(scan, i, a);
        }
    }
    return false;
}

static bool is_unwanted(void *scan, const struct sensitivity_point *point)
{
    return !is_wanted(scan, point);
}

static bool is_any(void *context, const struct sensitivity_point *point)
{
    (void)context;
    (void)point;
    return true;
}

/* --- the beginning --- */

static int choose_rows(struct scan *scan, struct error *err)
{
    struct scan_request *r = &scan->request;
    const struct layer_table *layers = session_layers(scan->setup->session);
    size_t count = r->rows ? r->row_count : layers->count, kept = 0;
    scan->rows = array_create(count + 1, sizeof *scan->rows);
    if (!scan->rows)
        return error_memory(err, count * sizeof *scan->rows);
    for (size_t i = 0; i < count; i++) {
        size_t row = r->rows ? r->rows[i] : i;
        const struct layer *layer = &layers->layers[row];
        if (layer->prunable && structure_units(r->structure, layer) > 0)
            scan->rows[kept++] = row;
    }
    r->rows = scan->rows;
    r->row_count = kept;
    if (kept)
        return 0;
    return error_set(err, ERROR_RANGE,
                     "no layer can be scanned with structure '%s'",
                     r->structure->name);
}

static int fill_request(struct scan *scan, const struct scan_request *request,
                        struct error *err)
{
    struct scan_request *r = &scan->request;
    *r = *request;
    r->structure = r->structure ? r->structure : structures[0];
    r->criterion = r->criterion ? r->criterion : criteria[0];
    if (!r->amounts) {
        r->amounts = default_amounts;
        r->amount_count = ARRAY_LENGTH(default_amounts);
    }
    for (size_t i = 0; i < r->amount_count; i++)
        if (!(r->amounts[i] > 0 && r->amounts[i] <= 1) ||
            (i && r->amounts[i] <= r->amounts[i - 1]))
            return error_set(err, ERROR_RANGE,
                             "found amount %g, expected ascending ones above "
                             "0 and up to 1",
                             r->amounts[i]);
    if (r->shards && (r->shard < 1 || r->shard > r->shards))
        return error_set(err, ERROR_USAGE, "found shard %d, expected 1 to %d",
                         r->shard, r->shards);
    return choose_rows(scan, err);
}

static int begin(struct scan *scan, struct error *err)
{
    struct sensitivity *table = scan->table;
    const struct setup *setup = scan->setup;
    const struct session_options *options = session_options(setup->session);
    size_t layers = session_layers(setup->session)->count;
    scan->decisions = array_create(layers, sizeof *scan->decisions);
    table->model = string_copy(onnx_path(session_model(setup->session)));
    if (!scan->decisions || !table->model)
        return error_memory(err, layers * sizeof *scan->decisions);
    table->baseline = scan->probe->baseline;
    table->key = scan_key(setup, &scan->request);
    snprintf(table->metric, sizeof table->metric, "%s",
             setup->metric == METRIC_TOP1 ? "top1" : "fidelity");
    if (scan->request.resume &&
        scan_file_open(&scan->file, table, options->state_folder,
                       scan->request.restart, err) < 0)
        return -1;
    if (!scan->request.resume && scan->request.known &&
        scan->request.known->key == table->key &&
        sensitivity_merge(table, scan->request.known, err) < 0)
        return -1;
    sensitivity_drop_points(table, scan->request.again ? is_any : is_unwanted,
                            scan);
    count_points(scan);
    return 0;
}

int scan_run(struct sensitivity *table, struct probe *probe,
             const struct scan_request *request, const struct scan_watch *watch,
             struct error *err)
{
    struct scan scan = {.probe = probe,
                        .setup = probe->setup,
                        .watch = watch,
                        .table = table,
                        .file = {.descriptor = -1},
                        .start_ns = clock_now_ns()};
    int code = fill_request(&scan, request, err);
    if (code == 0)
        code = begin(&scan, err);
    for (size_t i = 0; code == 0 && i < place_count(&scan); i++)
        code = scan_place(&scan, i, err);
    sensitivity_sort(table);
    scan_file_close(&scan.file);
    free(scan.decisions);
    free(scan.rows);
    return code;
}

int engine_scan(struct sensitivity *table, const struct session *session,
                const struct engine_options *options,
                const struct scan_request *request,
                const struct scan_watch *watch, struct error *err)
{
    struct bare bare;
    struct probe probe;
    if (watch->progress)
        watch->progress(watch->context,
                        &(struct scan_progress){.seconds_left = NAN});
    if (bare_init(&bare, session, options, err) < 0)
        return -1;
    struct probe_site site = bare_site(&bare, watch->cancel);
    int code = probe_init(&probe, &site, err);
    if (code == 0) {
        code = scan_run(table, &probe, request, watch, err);
        probe_release(&probe);
    }
    bare_release(&bare);
    return code;
}

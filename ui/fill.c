/* From session and report to the view. What is known of a variant is kept
 * with its point, so earlier variants stay on plot and history. */
#include "view.h"

#include "base/array.h"
#include "base/cpu.h"
#include "base/strbuf.h"
#include "measure/energy.h"
#include "prune/group.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

/* --- once: model, data, layers --- */

static void fill_holdout(struct view *view, const struct session *session)
{
    const char *holdout = session_options(session)->holdout;
    const struct dataset *aside = session_holdout(session);
    if (holdout == NULL)
        return;
    view->aside = aside ? dataset_count(aside) : 0;
    snprintf(view->holdout, sizeof view->holdout, "%.63s",
             aside ? holdout : base_name(holdout));
}

static int fill_names(struct view *view, const struct session *session,
                      const struct engine *engine)
{
    const char *device = engine ? engine_device(engine) : NULL;
    const struct dataset *data = session_dataset(session);
    char text[256] = "";
    view->model = string_copy(base_name(onnx_path(session_model(session))));
    if (data != NULL) {
        char path[200];
        snprintf(path, sizeof path, "%s", dataset_path(data));
        size_t length = strlen(path);
        while (length > 1 && path[length - 1] == '/')
            path[--length] = '\0';
        snprintf(text, sizeof text, "%s%s%s", base_name(path),
                 dataset_split(data)[0] ? "/" : "", dataset_split(data));
        view->samples = dataset_count(data);
        view->fidelity = dataset_classes(data) == 0;
        fill_holdout(view, session);
    }
    view->data = string_copy(text);
    enum cpu_isa isa = CPU_ISA_SCALAR;
    cpu_isa_select(&isa, NULL);
    snprintf(view->machine, sizeof view->machine, "%s, %d cores",
             cpu_isa_name(isa), cpu_count());
    view->device = device != NULL;
    if (device != NULL)
        snprintf(view->machine, sizeof view->machine, "%.48s, predicted",
                 device);
    const struct preprocess_result *found = session_preprocess(session);
    if (data != NULL && found != NULL && found->count > 1)
        snprintf(view->preprocess, sizeof view->preprocess,
                 "pre-processing found: %s (%.1f%% of %lld samples right)",
                 found->trials[found->chosen].transform.name,
                 100 * found->trials[found->chosen].accuracy,
                 (long long)found->samples);
    else if (data != NULL && found != NULL && found->stated)
        snprintf(view->preprocess, sizeof view->preprocess,
                 "pre-processing as the model's file says: %s",
                 found->trials[0].transform.name);
    return view->model != NULL && view->data != NULL ? 0 : -1;
}

/* "with stem, layers.1.conv2; read by layers.3.conv1", or why all stay. */
static char *group_text(const struct layer_table *layers,
                        const struct layer *layer)
{
    const struct group *group = layer->group;
    struct strbuf text = {0};
    if (group != NULL && group->most == 0)
        strbuf_addf(&text, "all channels stay: %s", group->reason);
    const char *before = "with ";
    for (size_t i = 0; group && group->most && i < group->layer_count; i++) {
        const struct layer *other = &layers->layers[group->layers[i]];
        if (other == layer)
            continue;
        strbuf_addf(&text, "%s%s", before, other->name);
        before = ", ";
    }
    before = text.length ? "; read by " : "read by ";
    for (size_t i = 0; group && group->most && i < group->reader_count; i++) {
        strbuf_addf(&text, "%s%s", before,
                    layers->layers[group->readers[i]].name);
        before = ", ";
    }
    char *taken = text.failed ? NULL : string_copy(strbuf_text(&text));
    strbuf_release(&text);
    return taken;
}

static void fill_width(struct view_layer *to, const struct layer *layer,
                       const struct decision *decision)
{
    const struct group *group = layer->group;
    const char *unit =
        group && group->kind == GROUP_HEADS ? "heads" : "channels";
    to->width[0] = '\0';
    if (decision->skipped)
        snprintf(to->width, sizeof to->width, "gone with its block");
    else if (group != NULL && group->most > 0)
        snprintf(to->width, sizeof to->width, "%lld of %lld %s go%s",
                 (long long)decision->width.remove,
                 (long long)group->unit_count, unit,
                 group->layer_count > 1 ? ", with" : "");
    if (!decision->skipped && group != NULL && group->layer_count > 1 &&
        group->most > 0)
        snprintf(to->width + strlen(to->width),
                 sizeof to->width - strlen(to->width), " %zu other layer%s",
                 group->layer_count - 1, group->layer_count > 2 ? "s" : "");
}

static int fill_layer_names(struct view *view, const struct session *session)
{
    const struct layer_table *layers = session_layers(session);
    view->layers = array_create(layers->count + 1, sizeof *view->layers);
    if (view->layers == NULL)
        return -1;
    view->layer_count = layers->count;
    for (size_t i = 0; i < layers->count; i++) {
        const struct layer *from = &layers->layers[i];
        struct view_layer *to = &view->layers[i];
        char shape[SHAPE_TEXT_BYTES];
        to->name = string_copy(from->name);
        if (to->name == NULL)
            return -1;
        memcpy(to->description, from->description, sizeof to->description);
        snprintf(to->shape, sizeof to->shape, "%.39s",
                 shape_text(&from->shape, shape));
        to->group = group_text(layers, from);
        if (to->group == NULL)
            return -1;
        to->weights = from->weights;
        to->prunable = from->prunable;
        to->reason = from->reason;
        to->leader = from->group && from->group->layer_count
                         ? from->group->layers[0]
                         : (int)i;
        view->prunable += from->prunable ? from->weights : 0;
    }
    return 0;
}

/* --- points --- */

static void fill_figures(struct view_point *point, const struct result *result)
{
    const struct stats_summary *now = &result->latency_ms;
    const struct cost *cost = &result->cost;
    point->accuracy = result->accuracy;
    point->difference = result->difference;
    if (result->has_latency || result->latency_predicted) {
        point->predicted = result->latency_predicted;
        point->noise = result->noise.kind;
        point->latency_ms = now->median;
        point->latency_spread =
            point->predicted ? NAN : (now->p90 - now->p10) / 2;
        point->speedup = result->dense_latency_ms.median / now->median;
    }
    if (cost->parameters > 0) {
        point->bytes = (double)cost->encoded_bytes;
        point->size = (double)cost->encoded_bytes / (double)cost->dense_bytes;
        point->nonzero = (double)cost->nonzeros / (double)cost->parameters;
        point->macs = cost->macs > 0
                          ? (double)cost->effective_macs / (double)cost->macs
                          : NAN;
    }
}

static int add_point(struct view *view, const struct session *session,
                     struct engine *engine, int id)
{
    const struct variant *variant = session_variant(session, id);
    size_t count = variant->layer_count;
    if (array_reserve(&view->points, &view->point_room, (size_t)id + 1,
                      sizeof *view->points) != 0)
        return -1;
    struct view_point *point = &view->points[id];
    struct result known = {0};
    *point = (struct view_point){
        .id = id,
        .parent = variant->parent,
        .hash = variant->hash,
        .summary = string_copy(variant->summary),
        .sparsity = variant_sparsity(variant, session_layers(session)),
        .latency_ms = NAN,
        .latency_spread = NAN,
        .speedup = NAN,
        .bytes = NAN,
        .size = NAN,
        .nonzero = NAN,
        .macs = NAN,
        .removed = array_create(count + 1, sizeof *point->removed),
    };
    view->point_count = (size_t)id + 1;
    if (point->summary == NULL || point->removed == NULL)
        return -1;
    for (size_t i = 0; i < count; i++)
        point->removed[i] =
            decision_weights(variant->decisions, session_layers(session), i);
    if (engine != NULL && engine_lookup(engine, variant->hash, &known)) {
        fill_figures(point, &known);
        result_release(&known);
    }
    return 0;
}

static void fill_snapshots(struct view *view, const struct session *session)
{
    view->snapshot_a = session_snapshot(session, "A");
    view->snapshot_b = session_snapshot(session, "B");
    for (size_t i = 0; i < view->point_count; i++)
        view->points[i].snapshots[0] = '\0';
    for (size_t i = 0; i < view->point_count; i++) {
        struct view_point *point = &view->points[i];
        bool a = (int)i == view->snapshot_a, b = (int)i == view->snapshot_b;
        snprintf(point->snapshots, sizeof point->snapshots, "%s%s%s",
                 a ? "A" : "", a && b ? " " : "", b ? "B" : "");
    }
}

/* --- layers of the current variant --- */

/* What is said of a layer in one word each: of several choices the first. */
static void fill_choice(struct view_layer *to, const struct layer *layer,
                        const struct decision *decision)
{
    struct choice choices[DECISION_CHOICES];
    size_t count = decision_choices(decision, choices);
    int64_t units = count ? structure_units(choices[0].structure, layer) : 0;
    to->amount = units > 0 ? (double)choices[0].remove / (double)units : 0;
    to->criterion = count ? choices[0].criterion->name : "";
    to->structure = count ? choices[0].structure->name : "";
}

static void fill_energy(struct view_layer *to, const struct layer *layer)
{
    int64_t kept = to->weights - to->removed;
    double share = to->weights > 0 ? (double)kept / (double)to->weights : 1;
    to->dense_joules =
        energy_model((double)layer->macs, 4.0 * (double)to->weights);
    to->joules = energy_model((double)layer->macs * share,
                              (double)cost_encoded_bytes(to->weights, kept));
}

static void fill_layers(struct view *view, const struct session *session,
                        const struct result *result,
                        const struct result *baseline)
{
    const struct variant *now = session_current(session);
    double total = 0;
    view->times_predicted = result && result->latency_predicted;
    for (size_t i = 0; result && i < result->layer_count; i++)
        if (isfinite(result->layers[i].ms))
            total += result->layers[i].ms;
    for (size_t i = 0; i < view->layer_count; i++) {
        struct view_layer *to = &view->layers[i];
        fill_choice(to, &session_layers(session)->layers[i],
                    &now->decisions[i]);
        fill_width(to, &session_layers(session)->layers[i], &now->decisions[i]);
        to->removed =
            decision_weights(now->decisions, session_layers(session), i);
        fill_energy(to, &session_layers(session)->layers[i]);
        to->ms = to->dense_ms = to->share = to->reference_ms = NAN;
        to->kept = to->kept_before = NAN;
        to->kernel = "";
        to->sparse_kernel = false;
        if (baseline != NULL && i < baseline->layer_count)
            to->dense_ms = baseline->layers[i].ms;
        if (result == NULL || i >= result->layer_count)
            continue;
        const struct layer_result *from = &result->layers[i];
        to->ms = from->ms;
        if (isfinite(from->dense_ms))
            to->dense_ms = from->dense_ms;
        to->share = total > 0 ? from->ms / total : NAN;
        to->kernel = from->kernel != NULL ? from->kernel : "";
        to->sparse_kernel = from->sparse_kernel;
        if (from->magnitude > 0) {
            to->kept = from->kept / from->magnitude;
            to->kept_before = from->kept_before / from->magnitude;
        }
    }
}

void view_fill_structures(struct view *view, struct engine *engine, int row)
{
    view->structures = (struct structure_times){.row = -1};
    if (engine == NULL || row < 0 || !view->layers[row].prunable)
        return;
    const struct view_layer *layer = &view->layers[row];
    double share = layer->weights > 0
                       ? (double)layer->removed / (double)layer->weights
                       : 0;
    /* In steps, so that small edits do not begin anew. */
    if (share > 0)
        share = fmax(round(share * 20), 1) / 20;
    if (!engine_structures(engine, row, share, &view->structures))
        view->structures = (struct structure_times){.row = row, .share = share};
}

/* The weights removed are those decided, whatever the structure counts. */
static void fill_reference(struct view *view, struct engine *engine,
                           enum view_reference reference)
{
    int id = reference == REFERENCE_A   ? view->snapshot_a
             : reference == REFERENCE_B ? view->snapshot_b
                                        : -1;
    struct result result = {0};
    if (id < 0 || engine == NULL ||
        !engine_lookup(engine, view->points[id].hash, &result))
        return;
    for (size_t i = 0; i < view->layer_count && i < result.layer_count; i++) {
        view->layers[i].reference_ms = result.layers[i].ms;
        view->layers[i].reference_removed = (double)view->points[id].removed[i];
    }
    result_release(&result);
}

static void fill_progress(struct view *view, const struct report *report)
{
    view->stage = report ? report->stage : ENGINE_IDLE;
    view->stage_variant = report ? report->variant : view->current;
    view->done = report ? report->done : 0;
    view->total = report ? report->total : 0;
    view->seconds = report ? report->seconds : 0;
    view->complete = report && report->complete;
    view->ahead = report && report->ahead;
    view->failed = report && report->failed;
    if (view->failed)
        snprintf(view->error, sizeof view->error, "%.250s",
                 report->error.message);
}

/* What a report says belongs to every variant with the same decisions. */
static void fill_report(struct view *view, const struct report *report)
{
    for (size_t i = 0; i < view->point_count; i++)
        if (view->points[i].hash == report->hash)
            fill_figures(&view->points[i], &report->result);
    if (report->has_baseline)
        fill_figures(&view->points[0], &report->baseline);
}

static void fill_work(struct view *view, struct engine *engine)
{
    struct work_status status;
    view->working =
        engine_work_poll(engine, &status) && (status.queued || status.running);
    if (view->working)
        snprintf(view->work, sizeof view->work, "%s%s%s", status.kind->name,
                 status.stage[0] ? ": " : "", status.stage);
    view->work_done = status.done;
    view->work_total = status.total;
    view->work_seconds = status.seconds;
    view->work_left = status.kind ? status.seconds_left : NAN;
    view->work_name = status.kind ? status.kind->name : NULL;
    view->work_steerable = status.kind && status.kind->steerable;
    view->work_rest = status.kind ? status.kind->rest : WORK_REST_NONE;
    snprintf(view->work_line, sizeof view->work_line, "%s",
             status.line ? status.line : "");
    snprintf(view->work_note, sizeof view->work_note, "%s", status.note);
    view->interrupted = view->working ? NULL : engine_work_interrupted(engine);
    view->work_series = status.kind ? status.kind->series : NULL;
    free(view->work_points);
    view->work_points = status.points;
    view->work_point_count = status.point_count;
    status.points = NULL;
    work_status_release(&status);
}

int view_fill(struct view *view, const struct session *session,
              struct engine *engine, const struct report *report, int selected,
              bool with_map, enum view_reference reference)
{
    const struct variant *now = session_current(session);
    if (view->model == NULL && (fill_names(view, session, engine) != 0 ||
                                fill_layer_names(view, session) != 0))
        return -1;
    int before = (int)view->point_count;
    for (int id = before; id < session_variant_count(session); id++)
        if (add_point(view, session, engine, id) != 0)
            return -1;
    if (before != (int)view->point_count && view_grow_tree(view) != 0)
        return -1;
    view->current = now->id;
    view->criterion = session_criterion(session)->name;
    view->structure = session_structure(session)->name;
    view->unsaved = session_unsaved(session);
    view->can_undo = session_can_undo(session);
    view->can_redo = session_can_redo(session);
    fill_snapshots(view, session);
    if (report != NULL)
        fill_report(view, report);
    bool fits = report != NULL && report->hash == now->hash;
    fill_layers(view, session, fits ? &report->result : NULL,
                report && report->has_baseline ? &report->baseline : NULL);
    fill_reference(view, engine, reference);
    fill_progress(view, report);
    fill_work(view, engine);
    robustness_known_drop(view->robustness);
    view->robustness = engine_robustness_known(engine, now->hash);
    if (view_fill_scan(view, engine) != 0)
        return -1;
    return view_fill_weights(&view->weights, session, selected, with_map);
}

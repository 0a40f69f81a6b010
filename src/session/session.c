/* Opening and closing, and what a session holds. */
#include "session/session.h"

#include "base/array.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/strbuf.h"
#include "eval/evaluate.h"
#include "op/instance.h"
#include "session/masks_file.h"
#include "session/parts.h"
#include "session/words.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PREPROCESS_SAMPLES = 512 };

char *session_real_path(const char *path)
{
    char *real = realpath(path, NULL);
    return real ? real : string_copy(path);
}

int session_hash_file(uint64_t *hash, const char *path, struct error *err)
{
    struct file_map map;
    if (file_map_open(&map, path, err) < 0)
        return error_prefix(err, "%s", path);
    *hash = hash_bytes(0, map.data, map.bytes);
    file_map_close(&map);
    return 0;
}

/* Model input and data set must fit, and every label must have an output. */
static int check_data(const struct session *session, struct error *err)
{
    const struct graph *graph = session->graph;
    const char *path = session->options.data_path;
    size_t *map = array_create(graph->input_count, sizeof *map);
    if (!map)
        return error_memory(err, graph->input_count * sizeof *map);
    int result = evaluation_match(graph, session->dataset, map, err);
    free(map);
    if (result < 0) /* some of its errors name the data already */
        return err && !strncmp(err->message, path, strlen(path))
                   ? -1
                   : error_prefix(err, "%s", path);
    if (!graph->output_count)
        return 0;
    const struct value *output = &graph->values[graph->outputs[0]];
    int64_t classes = shape_elements(&output->shape);
    if (classes == 1) /* one number tells two, see op/answer.h */
        classes = 2;
    int64_t labels = dataset_classes(session->dataset);
    if (labels > classes)
        return error_set(err, ERROR_SHAPE,
                         "%s: found label %lld, but the model's output '%s' "
                         "has %lld classes",
                         path, (long long)labels - 1, output->name,
                         (long long)classes);
    return 0;
}

static int copy_options(struct session_options *out,
                        const struct session_options *in, struct error *err)
{
    *out = *in;
    out->masks = NULL;
    out->model_path = string_copy(in->model_path);
    out->data_path = string_copy(in->data_path);
    out->split = string_copy(in->split);
    out->state_folder = string_copy(in->state_folder);
    out->train_path = string_copy(in->train_path);
    out->holdout = string_copy(in->holdout);
    if (!out->train_path != !in->train_path || !out->holdout != !in->holdout ||
        !out->model_path || !out->data_path != !in->data_path ||
        !out->split != !in->split || !out->state_folder != !in->state_folder)
        return error_memory(err, PATH_MAX);
    return 0;
}

static void free_text(const char *text)
{
    char *owned;
    memcpy(&owned, &text, sizeof owned);
    free(owned);
}

static int check_work(void *context, const char *line, struct error *err)
{
    const struct session *session = context;
    const struct session_worker *worker = session->options.worker;
    if (worker && worker->check(worker->context, session, line, err) < 0)
        return -1;
    if (session->ready && session->ready(session->ready_context, line, err) < 0)
        return -1;
    return worker ? 0
                  : error_set(err, ERROR_UNSUPPORTED,
                              "nobody does such work here");
}

static int calibrate(void *context, const struct weights *weights,
                     enum calibration_part part, const struct calibration **out,
                     struct error *err)
{
    const struct session *session = context;
    const struct session_worker *worker = session->options.worker;
    return worker->calibrate(worker->context, session, weights, part, out, err);
}

/* The sizes of data set input `from` for a dynamic model input: images may
 * be wanted with their channels last, or in colour when they are grey. */
static void declare_input(struct session *session, size_t input, size_t from)
{
    const struct dataset *dataset = session->dataset;
    const struct graph *graph = onnx_graph(session->model);
    const struct shape *model = &graph->values[graph->inputs[input]].shape;
    struct shape sample = dataset_sample_shape(dataset, from);
    if (dataset_is_image(dataset) && sample.rank == 3 && model->rank == 4) {
        int64_t *d = sample.dims, channels = model->dims[1];
        if (channels < 0 && model->dims[3] > 0) { /* (h, w, c) */
            d[0] = d[1];
            d[1] = d[2];
            d[2] = model->dims[3];
        } else if (channels > 0 && d[0] == 1) {
            d[0] = channels;
        }
    }
    onnx_declare_input(session->model, input, &sample);
}

static void declare_inputs(struct session *session)
{
    const struct dataset *dataset = session->dataset;
    const struct graph *graph = onnx_graph(session->model);
    size_t arrays = dataset_input_count(dataset);
    for (size_t i = 0; i < graph->input_count; i++) {
        const char *name = graph->values[graph->inputs[i]].name;
        bool single = graph->input_count == 1 && arrays == 1;
        for (size_t k = 0; k < arrays; k++)
            if (single || strcmp(dataset_input_name(dataset, k), name) == 0)
                declare_input(session, i, k);
    }
}

static int open_data(struct session *session, struct error *err)
{
    const struct session_options *options = &session->options;
    struct dataset_options data = {options->split, options->samples,
                                   options->shape};
    if (!options->data_path)
        return 0;
    if (dataset_open(&session->dataset, options->data_path, &data, err) < 0)
        return -1;
    declare_inputs(session);
    return 0;
}

static int open_parts(struct session *session, struct error *err)
{
    struct session_options *options = &session->options;
    if (options->worker) /* the caller's may not live as long */
        options->worker = &session->worker;
    const char *model = options->model_path;
    if (session_hash_file(&session->model_hash, model, err) < 0 ||
        onnx_open(&session->model, model, err) < 0 ||
        open_data(session, err) < 0)
        return -1;
    session->external_hash = onnx_hash_external(session->model);
    if (op_instantiate(&session->graph, onnx_graph(session->model), 1, err) <
            0 ||
        layer_table_init(&session->layers, session->graph, err) < 0)
        return error_prefix(err, "%s", model);
    if (session->dataset &&
        (session_set_aside(session, err) < 0 || check_data(session, err) < 0))
        return -1;
    if (state_init(&session->state, session->graph, &session->layers, err) < 0)
        return -1;
    session->check = (struct work_check){check_work, session};
    session->state.check = &session->check;
    session->calibrator = (struct calibrator){calibrate, session};
    session->state.calibrator = session_calibrator(session);
    return 0;
}

int session_assemble(struct session **out,
                     const struct session_options *options, struct error *err)
{
    struct session *session = calloc(1, sizeof *session);
    if (!session)
        return error_memory(err, sizeof *session);
    session->journal.descriptor = -1;
    if (options->worker)
        session->worker = *options->worker;
    if (copy_options(&session->options, options, err) < 0 ||
        open_parts(session, err) < 0) {
        session_leave(session);
        return -1;
    }
    *out = session;
    return 0;
}

void session_set_transform(struct session *session,
                           const struct transform *transform, double accuracy,
                           int64_t samples)
{
    session->transform = *transform;
    session->preprocess = (struct preprocess_result){
        .count = 1,
        .samples = samples,
        .trials = {{*transform, accuracy, NAN}},
    };
}

/* Means and deviations that were said: one for all planes or one each. */
static int check_channels(const struct session *session,
                          const struct transform *t, struct error *err)
{
    const struct graph *graph = session->graph;
    if (!session->dataset || t->channels < 2 || !graph->input_count)
        return 0;
    const struct value *input = &graph->values[graph->inputs[0]];
    struct shape wanted = input->shape; /* of one sample */
    wanted.rank -= wanted.rank > 0;
    memmove(wanted.dims, wanted.dims + 1,
            (size_t)wanted.rank * sizeof *wanted.dims);
    struct dataset_layout layout =
        dataset_layout_for(session->dataset, 0, &wanted);
    struct shape sample = dataset_sample_shape(session->dataset, 0);
    int64_t planes = sample.rank < 3 ? 1 : sample.dims[0] * layout.repeat;
    if (t->channels == planes)
        return 0;
    return error_set(err, ERROR_USAGE,
                     "%s: found a mean and deviation of %d channels, expected "
                     "one number or %lld as the model's input",
                     session->options.data_path, t->channels,
                     (long long)planes);
}

/* What the file says of images' pixels, if it does. */
static int read_stated(struct session *session, struct error *err)
{
    struct transform stated;
    const char *text = onnx_metadata(session->model, SESSION_PIXELS_KEY);
    if (!text || !dataset_is_image(session->dataset))
        return 0;
    if (journal_transform_read(&stated, text, err) < 0)
        return error_prefix(err, "%s: metadata '%s'",
                            session->options.model_path, SESSION_PIXELS_KEY);
    if (check_channels(session, &stated, err) < 0)
        return -1;
    session_set_transform(session, &stated, NAN, 0);
    session->preprocess.stated = true;
    return 0;
}

static int find_transform(struct session *session, struct error *err)
{
    const struct session_options *options = &session->options;
    struct preprocess_result *found = &session->preprocess;
    struct transform identity = transform_identity();
    if (!session->dataset || !options->preprocess_auto) {
        session_set_transform(
            session, options->preprocess_auto ? &identity : &options->transform,
            NAN, 0);
        return check_channels(session, &session->transform, err);
    }
    if (read_stated(session, err) < 0)
        return -1;
    if (found->stated)
        return 0;
    if (preprocess_find(found, onnx_graph(session->model), session->dataset,
                        PREPROCESS_SAMPLES, err) < 0)
        return -1;
    session->transform = found->trials[found->chosen].transform;
    return 0;
}

int session_state_pixels(struct session *session, struct error *err)
{
    static const char unknown[] = "none";
    const struct preprocess_result *found = &session->preprocess;
    if (!session->dataset || !dataset_is_image(session->dataset) ||
        (!strcmp(session->transform.name, unknown) &&
         isnan(found->trials[found->chosen].accuracy)))
        return 0;
    char *text = journal_transform_text(&session->transform);
    int result =
        text ? onnx_annotate(session->model, SESSION_PIXELS_KEY, text, err)
             : error_memory(err, PATH_MAX);
    free(text);
    return result;
}

static int refuse_control(const char *path, struct error *err)
{
    for (const char *p = path; p && *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return error_set(err, ERROR_UNSUPPORTED,
                             "a path with the control character %d cannot be "
                             "kept in a journal",
                             *p);
    return 0;
}

/* A share as it is, a path with all links resolved. */
static char *share_text(const char *share)
{
    bool path = share && (strchr(share, '/') || !strchr(share, '%'));
    return path ? session_real_path(share) : string_copy(share);
}

static int start_journal(struct session *session, struct error *err)
{
    const struct session_options *options = &session->options;
    const struct preprocess_result *found = &session->preprocess;
    int result = -1;
    struct journal_head head = {
        .model_path = session_real_path(options->model_path),
        .data_path =
            options->data_path ? session_real_path(options->data_path) : NULL,
        .split = string_copy(options->split),
        .shape = options->shape,
        .train = share_text(options->train_path),
        .holdout = share_text(options->holdout),
        .model_hash = session->model_hash,
        .external_hash = session->external_hash,
        .samples = options->samples,
        .seed = options->seed,
        .has_transform = session->dataset != NULL,
        .transform = session->transform,
        .accuracy = found->trials[found->chosen].accuracy,
        .trial_samples =
            isnan(found->trials[found->chosen].accuracy) ? 0 : found->samples,
    };
    char *folder = journal_folder(options->state_folder, err);
    char *text = head.model_path ? journal_head_text(&head) : NULL;
    if (folder && !text)
        error_memory(err, PATH_MAX);
    else if (folder && refuse_control(head.model_path, err) == 0 &&
             refuse_control(head.data_path, err) == 0 &&
             refuse_control(head.train, err) == 0 &&
             refuse_control(head.holdout, err) == 0)
        result = journal_create(&session->journal, folder, text, err);
    free(head.model_path);
    free(head.data_path);
    free(head.split);
    free(head.train);
    free(head.holdout);
    free(folder);
    free(text);
    return result;
}

static int keep_masks(struct session *session, const char *path,
                      struct error *err)
{
    struct session_outcome outcome;
    struct strbuf line = {0};
    if (masks_file_read(&outcome, session, path, err) < 0)
        return -1;
    strbuf_add(&line, "masks");
    words_add(&line, path);
    int code =
        line.failed ? error_memory(err, line.length)
        : session_adopt(session, 0, strbuf_text(&line), &outcome, err) < 0 ? -1
                                                                           : 0;
    strbuf_release(&line);
    session_outcome_release(&outcome);
    return code;
}

/* Data that are read only later must be there now: hours may lie between. */
static int check_path(const char *what, const char *text, struct error *err)
{
    bool share = text && strchr(text, '%') && !strchr(text, '/');
    if (!text || share || file_exists(text))
        return 0;
    return error_set(err, ERROR_IO, "%s: found no such %s data", text, what);
}

int session_open(struct session **out, const struct session_options *options,
                 struct error *err)
{
    struct session *session;
    if (check_path("training", options->train_path, err) < 0 ||
        check_path("held-out", options->holdout, err) < 0)
        return -1;
    if (session_assemble(&session, options, err) < 0)
        return -1;
    if (find_transform(session, err) < 0 ||
        session_state_pixels(session, err) < 0 ||
        (options->journal && start_journal(session, err) < 0)) {
        session_leave(session);
        return -1;
    }
    if (options->masks && keep_masks(session, options->masks, err) < 0) {
        session_close(session);
        return -1;
    }
    *out = session;
    return 0;
}

void session_leave(struct session *session)
{
    if (!session)
        return;
    /* A session in which nothing was decided leaves nothing behind. */
    if (session->journal.descriptor >= 0 && !session->journaled)
        unlink(session->journal.path);
    journal_close(&session->journal);
    free(session->unfinished);
    if (session->state.variants)
        state_release(&session->state);
    layer_table_release(&session->layers);
    graph_drop(session->graph);
    dataset_close(session->training);
    dataset_close(session->holdout);
    dataset_close(session->dataset);
    onnx_close(session->model);
    free_text(session->options.model_path);
    free_text(session->options.data_path);
    free_text(session->options.split);
    free_text(session->options.state_folder);
    free_text(session->options.train_path);
    free_text(session->options.holdout);
    free(session);
}

void session_close(struct session *session)
{
    if (session && session->journal.descriptor >= 0 && session->journaled)
        journal_append(&session->journal, "close\n", NULL);
    session_leave(session);
}

/* --- what it holds --- */

const struct onnx_model *session_model(const struct session *session)
{
    return session->model;
}

uint64_t session_model_hash(const struct session *session)
{
    return session->external_hash
               ? hash_u64(session->model_hash, session->external_hash)
               : session->model_hash;
}

const struct graph *session_graph(const struct session *session)
{
    return session->graph;
}

const struct layer_table *session_layers(const struct session *session)
{
    return &session->layers;
}

const struct dataset *session_dataset(const struct session *session)
{
    return session->dataset;
}

const struct dataset *session_training(const struct session *session)
{
    return session->training;
}

const struct dataset *session_holdout(const struct session *session)
{
    return session->holdout;
}

const struct transform *session_transform(const struct session *session)
{
    return &session->transform;
}

const struct preprocess_result *session_preprocess(
    const struct session *session)
{
    return &session->preprocess;
}

const struct session_options *session_options(const struct session *session)
{
    return &session->options;
}

const char *session_path(const struct session *session)
{
    return session->journal.path ? session->journal.path : "";
}

const struct calibrator *session_calibrator(const struct session *session)
{
    const struct session_worker *worker = session->options.worker;
    bool known = worker && worker->calibrate && session->dataset;
    return known ? &session->calibrator : NULL;
}

const struct variant *session_current(const struct session *session)
{
    return state_current(&session->state);
}

const struct variant *session_variant(const struct session *session, int id)
{
    return state_variant(&session->state, id);
}

int session_variant_count(const struct session *session)
{
    return session->state.at.count;
}

bool session_can_undo(const struct session *session)
{
    return state_current(&session->state)->parent >= 0;
}

bool session_can_redo(const struct session *session)
{
    return state_redo_target(&session->state, session->state.at.current) >= 0;
}

int session_snapshot(const struct session *session, const char *name)
{
    int index = state_find_snapshot(&session->state, name);
    return index < 0 ? -1 : session->state.at.snapshots[index].id;
}

int session_masks(const struct session *session, const struct variant *variant,
                  const struct mask_set *previous,
                  const struct variant *previous_variant, struct mask_set *set,
                  struct error *err)
{
    struct graph *graph;
    if (weights_apply(&graph, session->graph, variant->weights, err) < 0)
        return -1;
    struct mask_source source = {
        .graph = graph,
        .layers = &session->layers,
        .decisions = variant->decisions,
        .weights = variant->weights,
        .calibrator = session_calibrator(session),
    };
    if (previous && previous_variant &&
        previous_variant->weights == variant->weights) {
        source.previous = previous;
        source.previous_decisions = previous_variant->decisions;
    }
    int result = mask_set_init(set, &source, err);
    graph_drop(graph);
    return result;
}

bool session_unsaved(const struct session *session)
{
    return state_current(&session->state)->hash != session->state.at.saved_hash;
}

void session_watch_orders(struct session *session,
                          int (*ready)(void *context, const char *line,
                                       struct error *err),
                          void *context)
{
    session->ready = ready;
    session->ready_context = context;
}

const char *session_unfinished(const struct session *session)
{
    return session->unfinished;
}

const struct criterion *session_criterion(const struct session *session)
{
    return session->state.at.criterion;
}

const struct structure *session_structure(const struct session *session)
{
    return session->state.at.structure;
}

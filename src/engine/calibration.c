/*
 * Two locks: `mutex` guards the entries, `collecting` is held by whoever
 * collects, so that others wait for it and find what they wanted. It may be
 * taken again by who lends its processors in between: an edit that is answered
 * then may want figures of its own.
 */
#include "engine/calibration.h"

#include "base/array.h"
#include "base/cpu.h"
#include "base/rng.h"
#include "engine/pool.h"
#include "engine/setup.h"
#include "engine/training.h"
#include "eval/evaluate.h"
#include "prune/reconstruct.h"
#include "train/evidence.h"

#include <pthread.h>
#include <stdlib.h>

enum { BATCH = 16, GRADIENT_BATCH = 64, LEAST_BATCHES = 4, ENTRIES = 24 };

/* Norms and shares settle sooner than what is inverted or has signs. */
static const int samples_wanted[CALIBRATION_PARTS] = {
    [CALIBRATION_INPUTS] = 256,     [CALIBRATION_OUTPUTS] = 256,
    [CALIBRATION_GRADIENTS] = 2048, [CALIBRATION_FISHER] = 512,
    [CALIBRATION_ORDER] = 512,
};

static const int64_t memory_bytes = INT64_C(1) << 30;

struct entry {
    uint64_t weights; /* hash; 0: the model's own */
    const struct calibration *calibration;
};

struct calibration_store {
    pthread_mutex_t mutex, collecting;
    struct entry entries[ENTRIES]; /* the oldest first */
    size_t count;
    struct calibration_watch watch;
    pthread_t editor;     /* with watch.ask */
    struct error failure; /* why the last collection came to nothing */
    enum calibration_part failed;
    int workers;
    struct dataset *training; /* guarded by `collecting` */
};

int calibration_store_create(struct calibration_store **out, int workers,
                             struct error *err)
{
    struct calibration_store *store = array_create(1, sizeof *store);
    if (!store)
        return error_memory(err, sizeof *store);
    pthread_mutexattr_t again;
    pthread_mutexattr_init(&again);
    pthread_mutexattr_settype(&again, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&store->mutex, NULL);
    pthread_mutex_init(&store->collecting, &again);
    pthread_mutexattr_destroy(&again);
    store->workers = workers > 0 ? workers : cpu_count();
    *out = store;
    return 0;
}

void calibration_store_destroy(struct calibration_store *store)
{
    if (!store)
        return;
    for (size_t i = 0; i < store->count; i++)
        calibration_drop(store->entries[i].calibration);
    dataset_close(store->training);
    pthread_mutex_destroy(&store->mutex);
    pthread_mutex_destroy(&store->collecting);
    free(store);
}

void calibration_store_watch(struct calibration_store *store,
                             const struct calibration_watch *watch)
{
    pthread_mutex_lock(&store->mutex);
    store->watch = watch ? *watch : (struct calibration_watch){0};
    store->editor = pthread_self();
    pthread_mutex_unlock(&store->mutex);
}

/* --- collecting --- */

struct collection {
    const struct session *session;
    struct calibration_watch watch;
    const struct dataset *data;
    struct graph *model, *instance; /* with the weights */
    struct pool *pool;
    struct pool_lender lender;
    int64_t *order;
    size_t count; /* samples of the data */
    struct evaluation evaluation;
    size_t map[EVALUATION_MAX_INPUTS];
};

static int fill(void *context, size_t input, int64_t b, void *out,
                struct error *err)
{
    const struct collection *c = context;
    const struct graph *graph = c->instance;
    (void)err;
    evaluation_fill_input(&c->evaluation, &graph->values[graph->inputs[input]],
                          c->map[input], b * graph->batch, graph->batch, out);
    return 0;
}

static int run_pool(void *collection, int64_t count, parallel_piece *piece,
                    void *context, struct error *err)
{
    const struct collection *c = collection;
    const struct pool_task task = {count, piece, context};
    return pool_run_lending(c->pool, &task, &c->lender, err);
}

static int run_pieces(void *collection, int64_t count,
                      int (*piece)(void *context, int64_t index,
                                   struct error *err),
                      void *context, struct error *err)
{
    const struct collection *c = collection;
    return pool_run_pieces(c->pool, count, piece, context, err);
}

static int lend(void *collection, struct error *err)
{
    const struct collection *c = collection;
    return c->lender.lend(c->lender.owner, err);
}

static int tell(const struct collection *c, const char *stage, int64_t done,
                int64_t total, struct error *err)
{
    if (!c->watch.progress)
        return 0;
    return c->watch.progress(c->watch.context, stage, done, total, err);
}

static int tell_layer(void *context, const char *layer, int done, int total,
                      struct error *err)
{
    return tell(context, layer, done, total, err);
}

static int tell_samples(void *context, int64_t done, int64_t total,
                        struct error *err)
{
    return tell(context, "gradients", done, total, err);
}

static int collect_gradients(struct collection *c, enum calibration_part part,
                             const struct calibration **out, struct error *err)
{
    const struct train_workers workers = {.run = run_pieces,
                                          .awaited = c->lender.awaited,
                                          .lend = lend,
                                          .owner = c};
    size_t samples = (size_t)samples_wanted[part];
    samples = samples < c->count ? samples : c->count;
    size_t batch = part == CALIBRATION_FISHER || samples < GRADIENT_BATCH
                       ? 1
                       : GRADIENT_BATCH;
    enum cpu_isa isa;
    struct evidence_set set;
    if (dataset_classes(c->data) < 1)
        return error_set(err, ERROR_UNSUPPORTED,
                         "%s has no labels, gradients need them",
                         dataset_path(c->data));
    if (cpu_isa_select(&isa, err) < 0)
        return -1;
    const struct evidence_request request = {
        .model = c->model,
        .dataset = c->data,
        .transform = *session_transform(c->session),
        .order = c->order,
        .samples = (int64_t)samples,
        .batch = (int64_t)batch,
        .workers = &workers,
        .isa = isa,
        .cancel = c->watch.cancel,
        .progress = tell_samples,
        .context = c,
    };
    if (evidence_collect(&set, &request, err) < 0)
        return -1;
    int code = calibration_of_gradients(out, part, session_layers(c->session),
                                        &set, err);
    evidence_release(&set);
    return code;
}

static int64_t batches_for(const struct collection *c,
                           enum calibration_part part)
{
    int64_t batch = c->instance->batch, here = (int64_t)c->count / batch;
    int64_t bytes = reconstruct_batch_bytes(c->instance);
    int64_t batches = samples_wanted[part] / batch;
    int64_t room = bytes > 0 ? memory_bytes / bytes : batches;
    batches = batches < room ? batches : room;
    batches = batches > LEAST_BATCHES ? batches : LEAST_BATCHES;
    return batches < here ? batches : here > 0 ? here : 1;
}

static int collect_part(struct collection *c, enum calibration_part part,
                        const struct calibration **out, struct error *err)
{
    if (part == CALIBRATION_GRADIENTS || part == CALIBRATION_FISHER)
        return collect_gradients(c, part, out, err);
    if (c->instance->input_count > EVALUATION_MAX_INPUTS)
        return error_set(err, ERROR_UNSUPPORTED, "found %zu inputs",
                         c->instance->input_count);
    if (evaluation_match(c->instance, c->data, c->map, err) < 0)
        return -1;
    const struct calibration_request request = {
        .instance = c->instance,
        .layers = session_layers(c->session),
        .source = {batches_for(c, part), fill, c},
        .parallel = {pool_workers(c->pool), run_pool, c},
        .cancel = c->watch.cancel,
        .progress = tell_layer,
        .progress_context = c,
    };
    return calibration_collect(out, part, &request, err);
}

static int open_samples(struct collection *c, struct dataset **opened,
                        struct error *err)
{
    struct rng rng;
    if (training_data(&c->data, opened, c->session, err) < 0)
        return -1;
    c->count = (size_t)dataset_count(c->data);
    c->order = array_create(c->count + 1, sizeof *c->order);
    if (!c->order)
        return error_memory(err, c->count * sizeof *c->order);
    rng_init(&rng, session_options(c->session)->seed);
    rng_permutation(&rng, c->order, c->count);
    c->evaluation = (struct evaluation){
        .dataset = c->data,
        .transform = *session_transform(c->session),
        .order = c->order,
        .samples = (int64_t)c->count,
    };
    return 0;
}

static int with_weights(struct collection *c, const struct weights *weights,
                        struct error *err)
{
    struct graph *plain;
    const struct graph *model = onnx_graph(session_model(c->session));
    if (weights_apply(&c->model, model, weights, err) < 0 ||
        setup_instance(&plain, c->session, BATCH, err) < 0)
        return -1;
    int code = weights_apply(&c->instance, plain, weights, err);
    graph_drop(plain);
    return code;
}

static int collect(struct calibration_store *store,
                   const struct session *session, const struct weights *weights,
                   enum calibration_part part, const struct calibration **out,
                   struct error *err)
{
    struct collection c = {.session = session, .watch = store->watch};
    if (c.watch.lender)
        c.lender = c.watch.lender(c.watch.context);
    int code = open_samples(&c, &store->training, err);
    if (code == 0)
        code = with_weights(&c, weights, err);
    if (code == 0)
        code =
            pool_create(&c.pool, store->workers, store->watch.ask != NULL, err);
    if (code == 0)
        code = collect_part(&c, part, out, err);
    pool_destroy(c.pool);
    graph_drop(c.instance);
    graph_drop(c.model);
    free(c.order);
    return code;
}

/* --- keeping --- */

/* Retained; NULL: not there. */
static const struct calibration *find(struct calibration_store *store,
                                      uint64_t weights,
                                      enum calibration_part part)
{
    const struct calibration *found = NULL;
    pthread_mutex_lock(&store->mutex);
    for (size_t i = 0; i < store->count && !found; i++)
        if (store->entries[i].weights == weights &&
            store->entries[i].calibration->part == part)
            found = calibration_retain(store->entries[i].calibration);
    pthread_mutex_unlock(&store->mutex);
    return found;
}

static void keep(struct calibration_store *store, uint64_t weights,
                 const struct calibration *calibration)
{
    pthread_mutex_lock(&store->mutex);
    if (store->count == ENTRIES) {
        calibration_drop(store->entries[0].calibration);
        for (size_t i = 1; i < ENTRIES; i++)
            store->entries[i - 1] = store->entries[i];
        store->count--;
    }
    store->entries[store->count++] =
        (struct entry){weights, calibration_retain(calibration)};
    pthread_mutex_unlock(&store->mutex);
}

/* why NULL: it went well. */
static void note_failure(struct calibration_store *store,
                         enum calibration_part part, const struct error *why)
{
    bool failed = why && why->code != ERROR_CANCELLED;
    pthread_mutex_lock(&store->mutex);
    store->failed = failed ? part : CALIBRATION_NONE;
    store->failure = failed ? *why : (struct error){0};
    pthread_mutex_unlock(&store->mutex);
}

/* An edit that asked in vain is told why, once. */
static bool take_failure(struct calibration_store *store,
                         enum calibration_part part, struct error *err)
{
    pthread_mutex_lock(&store->mutex);
    bool failed = store->failed == part;
    if (failed)
        error_set(err, store->failure.code, "%s", store->failure.message);
    if (failed)
        store->failed = CALIBRATION_NONE;
    pthread_mutex_unlock(&store->mutex);
    return failed;
}

/* Whether this is the thread that edits, which does not wait. */
static bool must_not_wait(struct calibration_store *store,
                          struct calibration_watch *watch)
{
    pthread_mutex_lock(&store->mutex);
    *watch = store->watch;
    bool editor =
        watch->ask && pthread_equal(store->editor, pthread_self()) != 0;
    pthread_mutex_unlock(&store->mutex);
    return editor;
}

int calibration_store_get(struct calibration_store *store,
                          const struct session *session,
                          const struct weights *weights,
                          enum calibration_part part,
                          const struct calibration **out, struct error *err)
{
    uint64_t hash = weights ? weights->hash : 0;
    struct calibration_watch watch;
    *out = find(store, hash, part);
    if (*out)
        return 0;
    if (must_not_wait(store, &watch)) {
        if (take_failure(store, part, err))
            return -1;
        watch.ask(watch.context, weights, part);
        return error_set(err, ERROR_CANCELLED,
                         "calibrating first, try again soon");
    }
    pthread_mutex_lock(&store->collecting);
    *out = find(store, hash, part);
    int code = 0;
    if (!*out) {
        struct error why = {0};
        code = collect(store, session, weights, part, out, &why);
        if (code == 0)
            keep(store, hash, *out);
        note_failure(store, part, code < 0 ? &why : NULL);
        if (code < 0 && err)
            *err = why;
    }
    pthread_mutex_unlock(&store->collecting);
    return code;
}

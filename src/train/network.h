/*
 * A model ready for training: its forward and backward steps for one batch,
 * memory planned once.
 *
 * The batch is cut into shards; every shard has memory of its own and runs on
 * one thread from layer to layer while its activations are in cache. Shards
 * meet only where batch norm needs the statistics of all of them, so these
 * are exact, as if the batch were one. Sums over shards are made in a fixed
 * order: the result does not depend on the number of threads.
 *
 * Layouts stay as the convolutions want them from end to end.
 */
#ifndef TRAIN_NETWORK_H
#define TRAIN_NETWORK_H

#include "op/answer.h"
#include "base/cancel.h"
#include "base/cpu.h"
#include "graph/graph.h"

/* Who runs pieces of a task at the same time. */
struct train_workers {
    int (*run)(void *owner, int64_t pieces,
               int (*piece)(void *context, int64_t index, struct error *err),
               void *context, struct error *err);
    /*
     * Raised while others wait for the workers (NULL: never): a run stops
     * where its shards are, after the step in hand, and calls `lend`, during
     * which nothing of it runs; then it goes on as if nothing had been.
     * `lend` resets the flag; its error ends the run.
     */
    const struct cancel *awaited;
    int (*lend)(void *owner, struct error *err);
    void *owner;
};

struct network_options {
    int64_t batch;
    int64_t shard; /* samples in a shard: a divisor of batch; 0: chosen */
    /* Batch norm keeps the model's statistics instead of the batch's. */
    bool frozen_statistics;
    const struct train_workers *workers; /* NULL: the calling thread */
    enum cpu_isa isa;
};

struct network;

/* A constant that is trained: what the file stores under value id `id`. */
struct parameter {
    int id;
    int64_t count;
    float *value, *gradient; /* (count), the network's */
    bool is_weight;          /* of a convolution, product or table: decays */
};

/* A batch norm's running statistics, as the file stores them. */
struct network_statistics {
    int mean_id, variance_id;
    int64_t channels;
    float *mean, *variance;  /* (channels), kept by the network */
    const float *batch_mean; /* of the last forward run, as the next */
    float *batch_variance;
    int64_t samples; /* values behind each: n * h * w of the batch */
};

/* What a step is asked to do beside the model's own computation. */
struct network_task {
    /* Writes the samples of shard `shard` to the graph's inputs, plain. */
    int (*fill)(void *context, int64_t shard, void *const *inputs,
                struct error *err);
    /*
     * Reads the first output (samples, classes) of a shard and writes the
     * gradient of the loss by it; NULL: only forward. The mean over the batch
     * is the caller's: the gradient is that of a sum.
     */
    int (*loss)(void *context, int64_t shard, const float *output,
                float *gradient, struct error *err);
    void *context;
};

/*
 * model  a resolved template, retained; its constants are where training
 *        begins
 * out    owned by the caller (network_destroy)
 *
 * Errors: ERROR_UNSUPPORTED "node 'X' (Op, 3 of 5): has no gradient",
 * ERROR_RANGE (shard does not divide batch), and op_instantiate's.
 */
int network_create(struct network **out, const struct graph *model,
                   const struct network_options *options, struct error *err);
void network_destroy(struct network *network); /* NULL is fine */

int64_t network_shards(const struct network *network);
int64_t network_shard_size(const struct network *network);
/* How the first output tells classes. */
struct op_answer network_answer(const struct network *network);
/* Type and shape of graph input `input` for one shard. */
const struct value *network_input(const struct network *network, size_t input);
size_t network_input_count(const struct network *network);
/* A constant of the model; the first output of a shard after a run. */
const struct value *network_value(const struct network *network, int id);
const float *network_output(const struct network *network, int64_t shard);
enum cpu_isa network_isa(const struct network *network);
int64_t network_bytes(const struct network *network);

size_t network_parameter_count(const struct network *network);
struct parameter *network_parameter(struct network *network, size_t i);
size_t network_statistics_count(const struct network *network);
struct network_statistics *network_statistics(struct network *network,
                                              size_t i);

/*
 * Forward and, with a loss, backward over one batch: every parameter's
 * gradient is written. Allocates nothing on the fast path.
 * Errors: those of fill and loss, of lend, ERROR_CANCELLED.
 */
int network_run(struct network *network, const struct network_task *task,
                const struct cancel *cancel, struct error *err);

/* Pieces of work beside a run, on whoever runs the network's. */
int network_share(const struct network *network, int64_t pieces,
                  int (*piece)(void *context, int64_t index, struct error *err),
                  void *context, struct error *err);

/* To be called after values of parameters (or statistics) were changed. */
int network_refresh(struct network *network, struct error *err);

#endif

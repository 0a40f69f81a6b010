/*
 * What each structure buys one layer on this machine (or on the device whose
 * profile was given): the layer alone is pruned so, planned and timed beside
 * the dense model, when nothing else is to be done.
 */
#ifndef ENGINE_STRUCTURES_H
#define ENGINE_STRUCTURES_H

#include "engine/engine.h"

enum { STRUCTURE_TIMES = 12 };

struct structure_time {
    const struct structure *structure;
    double share;   /* of the layer's weights that goes */
    double speed;   /* dense over pruned: the layer, with the changes of layout
                       that it needs; NAN: not known (yet) */
    bool sparse;    /* one of our sparse kernels does it */
    bool predicted; /* for a device */
};

struct structure_times {
    int row;      /* of the layer; -1: nothing */
    double share; /* that was asked for; N:M have their own */
    size_t count;
    struct structure_time times[STRUCTURE_TIMES]; /* that fit the layer */
    bool complete;
};

/*
 * What is known of layer `row` with `share` (0: half) of its weights gone;
 * asks for the rest, newest first. The engine's descriptor wakes when there is
 * more. Whether there is anything; out is written.
 */
bool engine_structures(struct engine *engine, int row, double share,
                       struct structure_times *out);

#endif

/* Small networks of every way in which channels can depend on each other. */
#ifndef UNIT_TOPOLOGY_H
#define UNIT_TOPOLOGY_H

#include "prune/group.h"

/*
 * `text` holds one item a line:
 *   in NAME SHAPE              an input, "?" for the batch: ?x3x8x8
 *   const NAME SHAPE           normally distributed numbers
 *   ints NAME N,N,...          a list of int64
 *   number NAME X              one float32
 *   OUT,OUT = TYPE IN IN ... [| ATTRIBUTE=N,N ATTRIBUTE=X.X ATTRIBUTE:TEXT]
 *   out NAME
 * "-" is an omitted input. A number with a point is a float attribute, a list
 * (or one number followed by a comma) a list of integers.
 */
struct topology {
    const char *name, *text;
    /* "layer+layer=channels/removable; ...", in the order of groups */
    const char *groups;
};

extern const struct topology topologies[];
extern const size_t topology_count;

/* A resolved template; constants depend on the name only. */
struct graph *topology_build(const struct topology *topology);

#endif

/* A graph's tasks, their candidates and what choosing among them needs. */
#ifndef UNIT_CHOOSE_FIXTURE_H
#define UNIT_CHOOSE_FIXTURE_H

#include "exec/choose.h"

struct subject {
    struct graph *graph;
    struct task_list list;
    struct value_view *views;
    struct compile_context context;
    struct plan_options options;
    struct choice *choices; /* per task */
    struct choosing choosing;
};

/* Lists the candidates of an instance, which it takes; a failure fails the
 * test. timing: NULL: times are not measured. */
void open_subject_on(struct subject *s, enum cpu_isa isa, struct graph *graph,
                     int threads, struct timing *timing);
/* On this processor's instructions. */
void open_subject(struct subject *s, struct graph *graph, int threads,
                  struct timing *timing);
void close_subject(struct subject *s);

#endif

#include "choose_fixture.h"

#include "base/array.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

void open_subject_on(struct subject *s, enum cpu_isa isa, struct graph *graph,
                     int threads, struct timing *timing)
{
    struct error err = {0};
    *s = (struct subject){.graph = graph};
    assert_int_equal(task_list_init(&s->list, graph, true, &err), 0);
    for (size_t i = 0; i < s->list.count; i++)
        task_count_nonzeros(&s->list.tasks[i]);
    s->views = array_create(graph->value_count, sizeof *s->views);
    s->choices = array_create(s->list.count, sizeof *s->choices);
    assert_non_null(s->views);
    assert_non_null(s->choices);
    for (size_t i = 0; i < graph->value_count; i++)
        value_view_of(&s->views[i], &graph->values[i]);
    s->options = (struct plan_options){.kernels = PLAN_KERNELS_AUTO,
                                       .threads = threads,
                                       .isa = isa,
                                       .timing = timing};
    s->context = (struct compile_context){.box = engine_box_create(),
                                          .views = s->views,
                                          .instance = graph,
                                          .isa = s->options.isa,
                                          .threads = threads};
    assert_non_null(s->context.box);
    s->choosing = (struct choosing){.instance = graph,
                                    .list = &s->list,
                                    .views = s->views,
                                    .context = &s->context,
                                    .options = &s->options,
                                    .choices = s->choices};
    assert_int_equal(choosing_candidates(&s->choosing, &err), 0);
}

void open_subject(struct subject *s, struct graph *graph, int threads,
                  struct timing *timing)
{
    open_subject_on(s, cpu_isa_detect(), graph, threads, timing);
}

void close_subject(struct subject *s)
{
    engine_box_drop(s->context.box);
    free(s->choices);
    free(s->views);
    task_list_release(&s->list);
    graph_drop(s->graph);
}

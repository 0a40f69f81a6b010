/* The dense kernels of the library, where it is linked. */
#include "measure/survey.h"

#include "base/array.h"
#include "kernel/onednn.h"

#include <math.h>
#include <stdlib.h>

static const struct epilogue relu = {false, {ELTWISE_RELU, 0, 0}};

static void run(void *argument)
{
    (void)onednn_run(argument);
}

static struct onednn_problem problem_of(const struct kernel_spec *spec)
{
    const struct conv_spec *c = &spec->conv;
    const struct product_spec *p = &spec->product;
    struct onednn_problem problem = {.spec = spec, .epilogue = &relu};
    if (spec->kind == KERNEL_PRODUCT) {
        problem.src = (struct layout_desc){LAYOUT_PLAIN, p->n, p->in, 1, 1, 0};
        problem.dst = (struct layout_desc){LAYOUT_PLAIN, p->n, p->out, 1, 1, 0};
    } else {
        problem.src =
            (struct layout_desc){LAYOUT_PLAIN, c->n, c->ic, c->ih, c->iw, 0};
        problem.dst =
            (struct layout_desc){LAYOUT_PLAIN, c->n, c->oc, c->oh, c->ow, 0};
    }
    return problem;
}

static double time_kernel(const struct onednn_engine *engine,
                          struct onednn_problem *problem)
{
    struct onednn_kernel kernel;
    struct onednn_binding binding;
    double ns = INFINITY;
    if (problem->spec->kind == KERNEL_CONV &&
        onednn_preferred(engine, problem, &problem->src.layout,
                         &problem->dst.layout))
        return INFINITY;
    problem->other = problem->dst;
    if (onednn_kernel_create(&kernel, engine, problem))
        return INFINITY;
    size_t size = sizeof(float);
    void *memory[] = {
        survey_memory((size_t)layout_elements(&problem->src) * size),
        survey_memory((size_t)layout_elements(&problem->dst) * size),
        survey_memory(kernel.scratch_bytes)};
    if (memory[0] && memory[1] && memory[2] &&
        onednn_binding_create(&binding, engine, &kernel, memory[0], NULL,
                              memory[1], memory[2]) == 0) {
        ns = survey_time(run, &binding);
        onednn_binding_release(&binding);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(memory); i++)
        free(memory[i]);
    onednn_kernel_release(&kernel);
    return ns;
}

double survey_onednn(void *context, const struct kernel_spec *spec)
{
    struct onednn_engine engine;
    struct onednn_problem problem = problem_of(spec);
    (void)context;
    onednn_set_threads(1);
    if (onednn_engine_open(&engine))
        return INFINITY;
    double ns = time_kernel(&engine, &problem);
    onednn_engine_close(&engine);
    return ns;
}

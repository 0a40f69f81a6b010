/* Functions that files spell as several nodes are computed in one step, and
 * mean the same. */
#include "exec_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

enum { WIDTH = 37 };

static const int64_t rows[] = {2, 5, WIDTH};

/* One node of two inputs (b may be NULL). */
struct line {
    const char *type, *a, *b, *output;
};

static void number(struct graph *g, const char *name, float value)
{
    exec_constant(g, name, 1, 0, 0, NULL);
    *(float *)g->values[graph_find_value(g, name)].constant.data = value;
}

static void add_lines(struct graph *g, const struct line *lines, size_t count)
{
    static const char *const last[] = {"axes=-1", NULL};
    for (size_t i = 0; i < count; i++) {
        const char *const inputs[] = {lines[i].a, lines[i].b, NULL};
        bool reduces = strcmp(lines[i].type, "ReduceMean") == 0;
        exec_node(g, lines[i].type, inputs, lines[i].output,
                  reduces ? last : NULL);
    }
}

static struct graph *numbers(void)
{
    static const int64_t vector[] = {WIDTH}, matrix[] = {WIDTH, 24};
    static const int64_t short_vector[] = {24};
    struct graph *g = exec_graph();
    number(g, "two", 2);
    number(g, "one", 1);
    number(g, "half", 0.5F);
    number(g, "root", 1.41421354F);
    number(g, "inverse", 0.70710677F);
    number(g, "epsilon", 1e-3F);
    exec_constant(g, "gamma", 2, 1, 1, vector);
    exec_constant(g, "beta", 3, 1, 1, vector);
    exec_constant(g, "weight", 4, 0.2F, 2, matrix);
    exec_constant(g, "bias", 5, 1, 1, short_vector);
    return g;
}

/* How many steps other than reorders a dense plan has; it must agree with the
 * nodes one by one. The last step's kernel is written. */
static int steps_of(struct graph *graph, char kernel[64])
{
    int64_t count, steps = 0, expected_count;
    struct plan *plain = exec_plan(graph, PLAN_KERNELS_REFERENCE, NULL, NULL);
    struct plan *plan = exec_plan(graph, PLAN_KERNELS_DENSE, NULL, NULL);
    float *expected = exec_run(plain, 5, &expected_count);
    float *found = exec_run(plan, 5, &count);
    assert_int_equal(count, expected_count);
    exec_assert_close(found, expected, count, 1e-5);
    for (size_t i = 0; i < plan_step_count(plan); i++) {
        struct plan_step step = plan_step_at(plan, i);
        if (step.reorder)
            continue;
        steps++;
        (void)snprintf(kernel, 64, "%s", step.kernel);
    }
    free(expected);
    free(found);
    plan_drop(plan);
    plan_drop(plain);
    graph_drop(graph);
    return (int)steps;
}

static void layer_norm_spelled_out_is_one_step(void **state)
{
    (void)state;
    static const struct line power = {"Pow", "d", "two", "q"};
    static const struct line product = {"Mul", "d", "d", "q"};
    for (int i = 0; i < 4; i++) {
        const struct line lines[] = {
            {"ReduceMean", "x", NULL, "m"}, {"Sub", "x", "m", "d"},
            i & 1 ? power : product,        {"ReduceMean", "q", NULL, "v"},
            {"Add", "v", "epsilon", "e"},   {"Sqrt", "e", NULL, "s"},
            {"Div", "d", "s", "n"},         {"Mul", "n", "gamma", "g"},
            {"Add", "beta", "g", "y"},
        };
        struct graph *g = numbers();
        char kernel[64];
        bool scaled = (i & 2) != 0;
        add_lines(g, lines, scaled ? COUNT(lines) : COUNT(lines) - 2);
        g = exec_finish(g, "x", 3, rows, scaled ? "y" : "n");
        assert_int_equal(steps_of(g, kernel), 1);
        assert_memory_equal(kernel, "dense_layer_norm", 16);
    }
}

static void gelu_spelled_out_joins_its_product(void **state)
{
    (void)state;
    static const struct line orders[][5] = {
        {{"Div", "b", "root", "d"},
         {"Erf", "d", NULL, "e"},
         {"Add", "e", "one", "a"},
         {"Mul", "b", "a", "p"},
         {"Mul", "p", "half", "y"}},
        {{"Mul", "b", "inverse", "d"},
         {"Erf", "d", NULL, "e"},
         {"Add", "one", "e", "a"},
         {"Mul", "half", "a", "p"},
         {"Mul", "b", "p", "y"}},
        {{"Mul", "b", "half", "h"},
         {"Div", "b", "root", "d"},
         {"Erf", "d", NULL, "e"},
         {"Add", "e", "one", "a"},
         {"Mul", "h", "a", "y"}},
    };
    for (size_t i = 0; i < COUNT(orders); i++) {
        static const struct line before[] = {{"MatMul", "x", "weight", "w"},
                                             {"Add", "bias", "w", "b"}};
        struct graph *g = numbers();
        char kernel[64];
        add_lines(g, before, COUNT(before));
        add_lines(g, orders[i], COUNT(orders[i]));
        assert_int_equal(steps_of(exec_finish(g, "x", 3, rows, "y"), kernel),
                         1);
        assert_string_equal(kernel, "onednn product plain");
    }
}

static void hard_swish_spelled_out_is_one_step(void **state)
{
    (void)state;
    static const char *const inputs[] = {"x", NULL};
    static const char *const sixth[] = {"alpha=0.1666666716337204", NULL};
    static const struct line last = {"Mul", "x", "s", "y"};
    struct graph *g = numbers();
    char kernel[64];
    exec_node(g, "HardSigmoid", inputs, "s", sixth);
    add_lines(g, &last, 1);
    assert_int_equal(steps_of(exec_finish(g, "x", 3, rows, "y"), kernel), 1);
}

static void what_others_read_is_not_swallowed(void **state)
{
    (void)state;
    /* The last node reads inside of what would be a GELU, a layer norm. */
    static const struct line gelu[] = {
        {"Div", "x", "root", "d"}, {"Erf", "d", NULL, "e"},
        {"Add", "e", "one", "a"},  {"Mul", "x", "a", "p"},
        {"Mul", "p", "half", "h"}, {"Add", "h", "a", "y"},
    };
    static const struct line norm[] = {
        {"ReduceMean", "x", NULL, "m"}, {"Sub", "x", "m", "d"},
        {"Mul", "d", "d", "q"},         {"ReduceMean", "q", NULL, "v"},
        {"Add", "v", "epsilon", "e"},   {"Sqrt", "e", NULL, "s"},
        {"Div", "d", "s", "n"},         {"Add", "n", "q", "y"},
    };
    char kernel[64];
    struct graph *g = numbers();
    add_lines(g, gelu, COUNT(gelu));
    assert_int_equal(steps_of(exec_finish(g, "x", 3, rows, "y"), kernel),
                     COUNT(gelu));
    g = numbers();
    add_lines(g, norm, COUNT(norm));
    assert_int_equal(steps_of(exec_finish(g, "x", 3, rows, "y"), kernel),
                     COUNT(norm));
}

static void constants_that_repeat_are_added_fast(void **state)
{
    (void)state;
    static const int64_t x[] = {3, 4, 5, 6};
    static const struct {
        int rank;
        int64_t dims[4];
    } shapes[] = {{1, {6}},          {2, {5, 6}},       {3, {4, 5, 6}},
                  {4, {3, 4, 5, 6}}, {4, {1, 1, 1, 6}}, {3, {1, 5, 6}},
                  {4, {1, 4, 1, 1}}};
    static const char *const types[] = {"Add", "Mul"};
    for (size_t i = 0; i < 2 * COUNT(shapes); i++) {
        struct graph *g = exec_graph();
        char kernel[64];
        exec_constant(g, "c", 1, 1, shapes[i / 2].rank, shapes[i / 2].dims);
        const struct line line = {types[i % 2], "c", "x", "y"};
        add_lines(g, &line, 1);
        assert_int_equal(steps_of(exec_finish(g, "x", 4, x, "y"), kernel), 1);
        assert_memory_equal(kernel, "onednn", 6);
    }
}

/* How a file may spell attention. */
struct spelling {
    int rank;
    bool turns;   /* transposes of queries, keys and the result */
    bool divides; /* the scores; else the queries are multiplied */
    bool masked;
    int chooses; /* 1: a stored choice keeps scores, 2: it fills them */
};

static void turn(struct graph *g, const char *x, const char *y,
                 const char *perm)
{
    const char *const inputs[] = {x, NULL}, *const attributes[] = {perm, NULL};
    exec_node(g, "Transpose", inputs, y, attributes);
}

static void pair(struct graph *g, const char *type, const char *a,
                 const char *b, const char *y)
{
    const char *const inputs[] = {a, b, NULL};
    exec_node(g, type, inputs, y, NULL);
}

/* Queries, keys and values are all made of x (batch, [heads,] tokens, 12). */
static struct graph *attention_of(const struct spelling *s)
{
    static const int64_t mask[] = {1, 7}, square[] = {7, 7};
    static const int64_t dims[2][4] = {{3, 7, 12}, {2, 3, 7, 12}};
    struct graph *g = exec_graph();
    bool four = s->rank == 4;
    number(g, "scale", 0.5F);
    number(g, "wide", 3.5F);
    number(g, "low", -1e4F);
    number(g, "zero", 0);
    exec_constant(g, "mask", 9, 2, 2, mask);
    exec_constant(g, "square", 10, 2, 2, square);
    const char *query = "x";
    if (s->turns) { /* there and back, by two nodes */
        turn(g, "x", "t", four ? "perm=0,2,1,3" : "perm=1,0,2");
        turn(g, "t", "u", four ? "perm=0,2,1,3" : "perm=1,0,2");
        query = "u";
    }
    if (!s->divides) {
        pair(g, "Mul", query, "scale", "q");
        query = "q";
    }
    turn(g, "x", "k", four ? "perm=0,1,3,2" : "perm=0,2,1");
    pair(g, "MatMul", query, "k", "s");
    const char *scores = "s";
    if (s->divides) {
        pair(g, "Div", scores, "wide", "d");
        scores = "d";
    }
    if (s->chooses) {
        const char *const keeps[] = {"c", scores, "low", NULL};
        const char *const fills[] = {"c", "low", scores, NULL};
        pair(g, "Greater", "square", "zero", "c");
        exec_node(g, "Where", s->chooses == 1 ? keeps : fills, "w", NULL);
        scores = "w";
    }
    if (s->masked) {
        pair(g, "Add", scores, "mask", "a");
        scores = "a";
    }
    const char *const one[] = {scores, NULL};
    static const char *const last[] = {"axis=-1", NULL};
    exec_node(g, "Softmax", one, "p", last);
    pair(g, "MatMul", "p", "x", s->turns ? "o" : "y");
    if (s->turns)
        turn(g, "o", "y", four ? "perm=0,2,1,3" : "perm=1,0,2");
    return exec_finish(g, "x", s->rank, dims[four], "y");
}

static void attention_is_one_step(void **state)
{
    (void)state;
    for (int i = 0; i < 48; i++) {
        const struct spelling s = {i & 1 ? 4 : 3, (i & 2) != 0, (i & 4) != 0,
                                   (i & 8) != 0, i / 16};
        char kernel[64];
        assert_int_equal(steps_of(attention_of(&s), kernel), 1);
        assert_memory_equal(kernel, "dense_attention", 15);
    }
}

/* Shares that somebody else reads are computed. */
static void attention_that_shows_its_shares_is_not_fused(void **state)
{
    (void)state;
    static const int64_t dims[] = {3, 7, 12};
    static const char *const last[] = {"axis=-1", NULL};
    static const char *const scores[] = {"s", NULL};
    struct graph *g = exec_graph();
    char kernel[64];
    turn(g, "x", "k", "perm=0,2,1");
    pair(g, "MatMul", "x", "k", "s");
    exec_node(g, "Softmax", scores, "p", last);
    pair(g, "MatMul", "p", "x", "o");
    pair(g, "MatMul", "p", "o", "y");
    g = exec_finish(g, "x", 3, dims, "y");
    assert_true(steps_of(g, kernel) > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention_is_one_step),
        cmocka_unit_test(attention_that_shows_its_shares_is_not_fused),
        cmocka_unit_test(layer_norm_spelled_out_is_one_step),
        cmocka_unit_test(gelu_spelled_out_joins_its_product),
        cmocka_unit_test(hard_swish_spelled_out_is_one_step),
        cmocka_unit_test(what_others_read_is_not_swallowed),
        cmocka_unit_test(constants_that_repeat_are_added_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "onnx_fixture.h"

#include "base/array.h"
#include "op/instance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* x -> Mul by a branch's own "w" -> "inner"; the other branch: Neg. */
struct branches {
    struct onnx_make yes, no;
};

static void add_graph(struct onnx_make *make, Onnx__NodeProto *node,
                      const char *name, struct onnx_make *branch)
{
    Onnx__AttributeProto *attribute = make_attribute(make, node, name);
    attribute->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH;
    attribute->g = &branch->graph;
}

static void begin_branches(struct branches *branches)
{
    static const int64_t dims[] = {2, 0};
    make_begin(&branches->yes, 13);
    make_initializer(&branches->yes, "w", DTYPE_FLOAT32, dims);
    make_node(&branches->yes, "Mul", "scale", "x w", "inner");
    make_output(&branches->yes, "inner");
    make_begin(&branches->no, 13);
    make_node(&branches->no, "Neg", "negate", "x", "inner");
    make_output(&branches->no, "inner");
}

static void end_branches(struct branches *branches)
{
    make_end(&branches->yes);
    make_end(&branches->no);
}

/* x (n, 2) -> If(condition) -> Add "w", so that names meet -> y */
static Onnx__NodeProto *begin_model(struct onnx_make *make,
                                    struct branches *branches)
{
    static const int64_t dims[] = {-1, 2, 0}, weight[] = {2, 0};
    make_input(make, "x", DTYPE_FLOAT32, dims);
    make_initializer(make, "w", DTYPE_FLOAT32, weight);
    Onnx__NodeProto *node =
        make_node(make, "If", "choice", "condition", "chosen");
    add_graph(make, node, "then_branch", &branches->yes);
    add_graph(make, node, "else_branch", &branches->no);
    make_node(make, "Add", "shift", "chosen w", "y");
    make_output(make, "y");
    return node;
}

static void add_condition(struct onnx_make *make, bool truth)
{
    static const int64_t scalar[] = {0};
    Onnx__TensorProto *tensor =
        make_initializer(make, "condition", DTYPE_BOOL, scalar);
    tensor->raw_data.data[0] = truth;
}

static size_t count_type(const struct onnx_model *model, const char *type)
{
    const struct graph *graph = onnx_graph(model);
    size_t count = 0;
    for (size_t i = 0; i < graph->node_count; i++)
        count += strcmp(graph->nodes[i].type, type) == 0;
    return count;
}

static void a_stored_condition_takes_its_branch(void **state)
{
    struct fixture *f = *state;
    for (int truth = 0; truth < 2; truth++) {
        struct branches branches;
        fixture_again(f);
        make_end(&f->make);
        make_begin(&f->make, 13);
        begin_branches(&branches);
        begin_model(&f->make, &branches);
        add_condition(&f->make, truth);
        make_write(&f->make, f->path);
        struct onnx_model *model = open_good(f->path);
        assert_int_equal(count_type(model, "If"), 0);
        assert_int_equal(count_type(model, "Mul"), truth);
        assert_int_equal(count_type(model, "Neg"), !truth);
        if (truth) /* the branch's own w is another one */
            assert_true(graph_find_value(onnx_graph(model), "w_1") >= 0);
        onnx_close(model);
        end_branches(&branches);
    }
}

/* condition = (shape(x)[axis] == 2) */
static void add_shape_condition(struct onnx_make *make, int64_t axis)
{
    static const int64_t scalar[] = {0};
    Onnx__TensorProto *place =
        make_initializer(make, "axis", DTYPE_INT64, scalar);
    Onnx__TensorProto *two = make_initializer(make, "two", DTYPE_INT64, scalar);
    int64_t number = 2;
    memcpy(place->raw_data.data, &axis, sizeof axis);
    memcpy(two->raw_data.data, &number, sizeof number);
    make_node(make, "Shape", "shape", "x", "sizes");
    make_node(make, "Gather", "size", "sizes axis", "size");
    make_node(make, "Equal", "same", "size two", "condition");
}

static void shapes_decide_what_no_batch_changes(void **state)
{
    struct fixture *f = *state;
    struct branches branches;
    make_end(&f->make);
    make_begin(&f->make, 13);
    begin_branches(&branches);
    add_shape_condition(&f->make, 1);
    begin_model(&f->make, &branches);
    make_write(&f->make, f->path);
    struct onnx_model *model = open_good(f->path);
    assert_int_equal(count_type(model, "Mul"), 1);
    onnx_close(model);
    end_branches(&branches);
}

static void conditions_on_the_batch_are_refused(void **state)
{
    struct fixture *f = *state;
    struct branches branches;
    make_end(&f->make);
    make_begin(&f->make, 13);
    begin_branches(&branches);
    add_shape_condition(&f->make, 0);
    begin_model(&f->make, &branches);
    assert_network_refused(f, ERROR_UNSUPPORTED,
                           "If (opset 13, 1 node, first 'choice': its "
                           "condition is not constant)");
    end_branches(&branches);
}

static void conditions_on_the_data_are_refused(void **state)
{
    struct fixture *f = *state;
    struct branches branches;
    static const int64_t scalar[] = {1, 0};
    make_end(&f->make);
    make_begin(&f->make, 13);
    begin_branches(&branches);
    begin_model(&f->make, &branches);
    make_input(&f->make, "condition", DTYPE_BOOL, scalar);
    assert_network_refused(f, ERROR_UNSUPPORTED, "condition is not constant");
    end_branches(&branches);
}

static void branches_of_other_outputs_are_refused(void **state)
{
    struct fixture *f = *state;
    struct branches branches;
    make_end(&f->make);
    make_begin(&f->make, 13);
    begin_branches(&branches);
    make_output(&branches.yes, "x");
    begin_model(&f->make, &branches);
    add_condition(&f->make, true);
    assert_network_refused(f, ERROR_FORMAT, "a branch has 2 outputs");
    branches.yes.graph.n_output = 1;
    f->make.graph.node[0]->n_attribute = 0;
    assert_network_refused(f, ERROR_FORMAT, "a branch is missing");
    end_branches(&branches);
}

static void what_is_written_has_no_branches(void **state)
{
    struct fixture *f = *state;
    struct branches branches;
    struct error err = {0};
    make_end(&f->make);
    make_begin(&f->make, 13);
    begin_branches(&branches);
    begin_model(&f->make, &branches);
    add_condition(&f->make, true);
    make_write(&f->make, f->path);
    struct onnx_model *model = open_good(f->path);
    int id = graph_find_value(onnx_graph(model), "w_1");
    struct tensor zeros;
    assert_int_equal(tensor_init(&zeros, DTYPE_FLOAT32,
                                 &onnx_graph(model)->values[id].shape, &err),
                     0);
    assert_int_equal(onnx_write(model, f->path, 1, &id, &zeros, &err), 0);
    tensor_release(&zeros);
    onnx_close(model);
    model = open_good(f->path);
    const struct value *weight = value_of(model, "w_1");
    assert_true(tensor_number(&weight->constant, 0) == 0);
    assert_int_equal(count_type(model, "Mul"), 1);
    onnx_close(model);
    end_branches(&branches);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(a_stored_condition_takes_its_branch),
        WITH_FOLDER(shapes_decide_what_no_batch_changes),
        WITH_FOLDER(conditions_on_the_batch_are_refused),
        WITH_FOLDER(conditions_on_the_data_are_refused),
        WITH_FOLDER(branches_of_other_outputs_are_refused),
        WITH_FOLDER(what_is_written_has_no_branches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Dependency groups of every topology. */
#include "base/strbuf.h"
#include "op/instance.h"
#include "topology.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void describe(struct strbuf *text, const struct layer_table *layers)
{
    const struct group_table *table = layers->groups;
    for (size_t i = 0; i < table->count; i++) {
        const struct group *group = &table->groups[i];
        if (text->length)
            strbuf_add(text, "; ");
        for (size_t j = 0; j < group->layer_count; j++)
            strbuf_addf(text, "%s%s", j ? "+" : "",
                        layers->layers[group->layers[j]].name);
        strbuf_addf(text, "=%lld/%lld", (long long)group->channels,
                    (long long)group->most);
        assert_int_equal(group->most == 0, group->reason[0] != '\0');
    }
}

static void groups_are_those_of_the_topology(void **state)
{
    (void)state;
    for (size_t i = 0; i < topology_count; i++) {
        struct graph *graph = topology_build(&topologies[i]), *instance;
        struct layer_table layers;
        struct error err = {0};
        struct strbuf text = {0};
        if (op_instantiate(&instance, graph, 1, &err) < 0 ||
            layer_table_init(&layers, instance, &err) < 0)
            fail_msg("%s: %s", topologies[i].name, err.message);
        describe(&text, &layers);
        if (strcmp(strbuf_text(&text), topologies[i].groups))
            fail_msg("%s: found '%s', expected '%s'", topologies[i].name,
                     strbuf_text(&text), topologies[i].groups);
        strbuf_release(&text);
        layer_table_release(&layers);
        graph_drop(instance);
        graph_drop(graph);
    }
}

/* The reason of the only group of the named topology that is locked by more
 * than being the output. */
static const char *reason_of(const char *name, char *reason)
{
    size_t i = 0;
    while (strcmp(topologies[i].name, name))
        i++;
    struct graph *graph = topology_build(&topologies[i]), *instance;
    struct layer_table layers;
    assert_int_equal(op_instantiate(&instance, graph, 1, NULL), 0);
    assert_int_equal(layer_table_init(&layers, instance, NULL), 0);
    snprintf(reason, 200, "%s", layers.groups->groups[0].reason);
    layer_table_release(&layers);
    graph_drop(instance);
    graph_drop(graph);
    return reason;
}

static void locked_groups_say_why(void **state)
{
    (void)state;
    char text[200];
    assert_string_equal(reason_of("residual with the input", text),
                        "it meets the model's input");
    assert_string_equal(reason_of("depthwise on the input", text),
                        "it meets the model's input");
    assert_string_equal(reason_of("layer norm", text),
                        "its width is normalised by 'LayerNormalization_1' "
                        "(LayerNormalization)");
    assert_string_equal(reason_of("shared by one that must keep it", text),
                        "its weight is shared with a layer that keeps it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_are_those_of_the_topology),
        cmocka_unit_test(locked_groups_say_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "prune/sensitivity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static char strange[] = "a,\"b\" layer", plain[] = "fc1", model[] = "m,1.onnx";

static struct sensitivity head(uint64_t key)
{
    return (struct sensitivity){
        .key = key, .model = model, .metric = "top1", .baseline = 0.9357};
}

static struct sensitivity_point point(int row, char *layer, double amount)
{
    return (struct sensitivity_point){.row = row,
                                      .layer = layer,
                                      .structure = "weight",
                                      .criterion = "magnitude",
                                      .amount = amount,
                                      .removed = (int64_t)(1000 * amount),
                                      .units = 1000,
                                      .value = 0.9,
                                      .low = 0.85,
                                      .high = 0.95,
                                      .samples = 256};
}

/* Heading and the points; released by the caller. */
static struct strbuf lines(uint64_t key, const struct sensitivity_point *points,
                           size_t count)
{
    struct strbuf text = {0};
    struct sensitivity table = head(key);
    sensitivity_heading(&text);
    for (size_t i = 0; i < count; i++)
        sensitivity_line(&text, &table, &points[i]);
    return text;
}

static void lines_read_as_they_were_written(void **state)
{
    (void)state;
    const struct sensitivity_point points[] = {point(2, strange, 0.5),
                                               point(1, plain, 0.25)};
    struct strbuf text = lines(UINT64_C(0xfedcba9876543210), points, 2);
    struct sensitivity table = {0};
    struct error err = {0};
    size_t complete;
    assert_int_equal(
        sensitivity_parse(&table, "x", text.text, text.length, &complete, &err),
        0);
    assert_int_equal(complete, text.length);
    assert_int_equal(table.count, 2);
    assert_true(table.key == UINT64_C(0xfedcba9876543210));
    assert_string_equal(table.model, model);
    assert_string_equal(table.metric, "top1");
    assert_true(table.baseline == 0.9357);
    assert_string_equal(table.points[0].layer, strange);
    assert_int_equal(table.points[0].removed, 500);
    assert_true(table.points[0].low == 0.85);
    sensitivity_sort(&table);
    assert_string_equal(table.points[0].layer, plain);
    assert_non_null(sensitivity_find(&table, &points[0]));
    struct sensitivity_point other = point(2, strange, 0.6);
    assert_null(sensitivity_find(&table, &other));
    sensitivity_release(&table);
    strbuf_release(&text);
}

static void a_torn_line_is_left_out(void **state)
{
    (void)state;
    const struct sensitivity_point points[] = {point(1, plain, 0.5),
                                               point(2, strange, 0.5)};
    struct strbuf one = lines(1, points, 1), two = lines(1, points, 2);
    struct error err = {0};
    for (size_t cut = one.length; cut < two.length; cut++) {
        struct sensitivity table = {0};
        size_t complete;
        assert_int_equal(
            sensitivity_parse(&table, "x", two.text, cut, &complete, &err), 0);
        assert_int_equal(table.count, 1);
        assert_int_equal(complete, one.length);
        sensitivity_release(&table);
    }
    strbuf_release(&one);
    strbuf_release(&two);
}

static void wrong_lines_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *line, *word;
    } wrong[] = {
        {"fc1,weight\n", "columns"},
        {"fc1,weight,l1,2,0.9,0.8,1,5,1,1,9,top1,0.9,m,1\n", "amount"},
        {"fc1,weight,l1,.5,nan,0.8,1,5,1,1,9,top1,0.9,m,1\n", "value"},
        {"fc1,weight,l1,.5,.9,0.8,1,-5,1,1,9,top1,0.9,m,1\n", "samples"},
        {"fc1,weight,l1,.5,.9,0.8,1,5,1,1,9,top1,0.9,m,xyz\n", "scan"},
        {"fc1,,l1,.5,.9,0.8,1,5,1,1,9,top1,0.9,m,1\n", "structure"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct sensitivity table = {0};
        struct error err = {0};
        assert_int_equal(sensitivity_parse(&table, "x.csv", wrong[i].line,
                                           strlen(wrong[i].line), NULL, &err),
                         -1);
        assert_non_null(strstr(err.message, wrong[i].word));
        assert_non_null(strstr(err.message, "x.csv:1: "));
        sensitivity_release(&table);
    }
}

static void only_parts_of_one_scan_are_joined(void **state)
{
    (void)state;
    const struct sensitivity_point a = point(1, plain, 0.5),
                                   b = point(1, plain, 0.75);
    struct sensitivity first = head(1), second = head(1), third = head(2);
    struct sensitivity all = {0};
    struct error err = {0};
    struct sensitivity_point both[] = {a, b};
    first.points = both;
    first.count = 1;
    second.points = both;
    second.count = 2;
    assert_int_equal(sensitivity_merge(&all, &first, &err), 0);
    assert_int_equal(sensitivity_merge(&all, &second, &err), 0);
    assert_int_equal(all.count, 2);
    assert_int_equal(sensitivity_merge(&all, &third, &err), -1);
    assert_int_equal(err.code, ERROR_MISMATCH);
    sensitivity_release(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_read_as_they_were_written),
        cmocka_unit_test(a_torn_line_is_left_out),
        cmocka_unit_test(wrong_lines_are_named),
        cmocka_unit_test(only_parts_of_one_scan_are_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Profiles: measured, written, read back; and the energy meter. */
#include "base/file.h"
#include "base/strbuf.h"
#include "measure/costmodel.h"
#include "measure/device.h"
#include "measure/energy.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct error err;
static char folder[] = "/tmp/espalier-device-XXXXXX";
static char path[128];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/profile.json", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static void check(int code)
{
    if (code < 0)
        fail_msg("%s", err.message);
}

static struct survey measured(double (*dense)(void *,
                                              const struct kernel_spec *))
{
    struct survey survey;
    struct survey_options options = {.dense = dense, .brief = true};
    check(cpu_isa_select(&options.isa, &err));
    check(survey_run(&survey, &options, &err));
    return survey;
}

static struct device_info described(void)
{
    struct device_info info;
    device_info_here(&info, CPU_ISA_SCALAR);
    snprintf(info.name, sizeof info.name, "a \"board\" \\ 4\n");
    snprintf(info.dense, sizeof info.dense, "own");
    info.bytes_per_s = 1e9;
    return info;
}

static void a_profile_is_read_as_it_was_written(void **state)
{
    (void)state;
    struct survey survey = measured(survey_onednn);
    struct device_info info = described();
    struct device *device;
    check(device_write(path, &info, &survey, &err));
    check(device_read(&device, path, &err));
    assert_string_equal(device->info.name, "a \"board\" \\ 4 ");
    assert_string_equal(device->info.dense, "own");
    assert_int_equal(device->info.threads, 1);
    assert_int_equal(costmodel_point_count(device->model), survey.count);
    const struct timed_workload *points = costmodel_points(device->model);
    for (size_t i = 0; i < survey.count; i++) {
        assert_memory_equal(&points[i].workload, &survey.points[i].workload,
                            sizeof points[i].workload);
        assert_true(fabs(points[i].ns - survey.points[i].ns) <= 0.5);
    }
    device_destroy(device);
    survey_release(&survey);
}

/* Whether there is a class whose name begins so. */
static bool has_class(const struct survey *survey, const char *beginning)
{
    for (size_t i = 0; i < survey->count; i++) {
        char name[WORKLOAD_NAME_BYTES];
        workload_class(&survey->points[i].workload, name);
        if (strncmp(name, beginning, strlen(beginning)) == 0)
            return true;
    }
    return false;
}

static void every_kind_of_kernel_is_measured(void **state)
{
    (void)state;
    struct survey with = measured(survey_onednn), without = measured(NULL);
    const char *const classes[] = {
        "conv 3x3 dense",      "conv 3x3 sparse any",   "conv 1x1 dense",
        "conv 1x1 sparse any", "vector dense",          "vector sparse any",
        "depthwise dense",     "conv 3x3 sparse rows4", "eltwise dense"};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        if (!has_class(&with, classes[i]))
            fail_msg("no '%s' was measured", classes[i]);
        if (!has_class(&without, classes[i]))
            fail_msg("no '%s' was measured without a library", classes[i]);
    }
    assert_true(with.bytes_per_s > 0);
    survey_release(&with);
    survey_release(&without);
}

static void a_survey_ends_when_it_is_cancelled(void **state)
{
    (void)state;
    struct survey survey;
    struct cancel cancel = {0};
    struct survey_options options = {.brief = true, .cancel = &cancel};
    cancel_raise(&cancel);
    assert_int_equal(survey_run(&survey, &options, &err), -1);
    assert_int_equal(err.code, ERROR_CANCELLED);
}

/* What is said of a file that is no profile; the text follows the path. */
static void assert_refused(const char *text, const char *expected)
{
    struct device *device;
    char message[512];
    check(file_write(path, text, strlen(text), &err));
    assert_int_equal(device_read(&device, path, &err), -1);
    assert_null(device);
    assert_int_equal(err.code, ERROR_FORMAT);
    snprintf(message, sizeof message, "%s: %s", path, expected);
    assert_string_equal(err.message, message);
}

#define HEAD                                                                   \
    "{\"format\":\"espalier-profile\",\"version\":1,\"name\":\"n\","           \
    "\"cpu\":\"c\",\"isa\":\"neon\",\"dense\":\"own\",\"cores\":4,"            \
    "\"threads\":1,\"bytes_per_s\":1e9"
#define POINT                                                                  \
    "\"kind\":\"conv\",\"way\":\"dense\",\"n\":1,\"groups\":1,\"ic\":1,"       \
    "\"oc\":1,\"oh\":1,\"ow\":1,\"window\":1,\"stride\":1,\"macs\":1,"         \
    "\"weights\":1,\"nonzeros\":1,\"source\":1,\"result\":1"

static void what_is_no_profile_is_refused_in_one_line(void **state)
{
    (void)state;
    struct device *device;
    assert_refused("hello", "no device profile: expected one JSON object");
    assert_refused("{}", "no device profile: 'format' is not "
                         "'espalier-profile'");
    assert_refused("{\"format\":\"espalier-profile\",\"version\":2}",
                   "profile of version 2, expected 1: measure the device "
                   "again");
    assert_refused("{\"format\":\"espalier-profile\",\"version\":1}",
                   "'name' is missing, expected a text");
    assert_refused(HEAD "}", "'points' is missing, expected measurements");
    assert_refused(HEAD ",\"points\":[]}",
                   "'points' is missing, expected measurements");
    assert_refused(HEAD ",\"points\":[{\"kind\":\"tea\"}]}",
                   "point 1: 'kind' is 'tea', which is unknown");
    assert_refused(HEAD ",\"points\":[{" POINT
                        ",\"stored\":[1,1,1,1,1],\"ns\":-3}]}",
                   "point 1: 'ns' is -3, expected 1 to 1e+15");
    assert_refused(HEAD ",\"points\":[{" POINT ",\"stored\":[1],\"ns\":3}]}",
                   "point 1: 'stored' is missing, expected 5 numbers");
    assert_int_equal(device_read(&device, "/no/such/file", &err), -1);
    assert_int_equal(err.code, ERROR_IO);
    assert_non_null(strstr(err.message, "/no/such/file"));
}

/* --- energy --- */

static void write_counter(const char *name, const char *text)
{
    char file[256], domain[160];
    snprintf(domain, sizeof domain, "%s/intel-rapl:0", folder);
    mkdir(domain, 0700);
    snprintf(file, sizeof file, "%s/%s", domain, name);
    check(file_write(file, text, strlen(text), &err));
}

static void counters_of_energy_may_begin_anew(void **state)
{
    (void)state;
    struct energy_meter meter;
    energy_meter_begin(&meter, folder);
    assert_true(isnan(energy_meter_end(&meter))); /* there are none */
    write_counter("energy_uj", "9000000\n");
    write_counter("max_energy_range_uj", "10000000\n");
    energy_meter_begin(&meter, folder);
    write_counter("energy_uj", "9500000\n");
    assert_true(fabs(energy_meter_end(&meter) - 0.5) < 1e-9);
    write_counter("energy_uj", "250000\n");
    assert_true(fabs(energy_meter_end(&meter) - 1.25) < 1e-9);
    char file[160];
    snprintf(file, sizeof file, "%s/intel-rapl:0/energy_uj", folder);
    unlink(file);
    assert_true(isnan(energy_meter_end(&meter)));
    snprintf(file, sizeof file, "%s/intel-rapl:0/max_energy_range_uj", folder);
    unlink(file);
    snprintf(file, sizeof file, "%s/intel-rapl:0", folder);
    rmdir(file);
}

static void the_energy_model_is_work_and_weights(void **state)
{
    (void)state;
    struct cost cost = {.effective_macs = 1000000, .encoded_bytes = 50000};
    assert_true(fabs(energy_of_cost(&cost) - (4.6e-6 + 8e-6)) < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_profile_is_read_as_it_was_written),
        cmocka_unit_test(every_kind_of_kernel_is_measured),
        cmocka_unit_test(a_survey_ends_when_it_is_cancelled),
        cmocka_unit_test(what_is_no_profile_is_refused_in_one_line),
        cmocka_unit_test(counters_of_energy_may_begin_anew),
        cmocka_unit_test(the_energy_model_is_work_and_weights),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

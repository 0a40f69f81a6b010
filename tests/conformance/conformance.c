/*
 * Runs ONNX's backend tests (Debian: libonnx-testdata) through every
 * operator's plain code and, where that agrees, as plans of every family of
 * kernels; reports, per folder, how many agree, how many are
 * refused before anything is computed, and how many are wrong: that number
 * must be zero, and is the exit status.
 *
 *   conformance [-v] FOLDER...
 *
 * A folder holds test_*\/model.onnx and test_data_set_*\/{in,out}put_*.pb.
 * Operands that espalier wants constant (shapes, axes, bounds) are inputs in
 * many of these models: what is refused with run-time operands is tried again
 * with integer inputs as constants, then with all inputs but the first, then
 * with all.
 */
#include "exec/plan.h"
#include "onnx.pb-c.h"
#include "onnx/model.h"
#include "../unit/op_run.h"
#include "base/file.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_OPERANDS = 64, PATH_BYTES = 1024, MAX_REASONS = 4096 };

enum verdict { AGREES, REFUSED, DISPUTED, WRONG, VERDICT_COUNT };

/* Where the test data contradicts the specification, with the reason. */
static const struct dispute {
    const char *test, *reason;
} disputes[] = {
    {"test_cast_FLOAT_to_BFLOAT16", "the data truncates, ONNX rounds"},
    {"test_castlike_FLOAT_to_BFLOAT16",
     "the data truncates; espalier computes halves in float32"},
    {"test_castlike_FLOAT_to_BFLOAT16_expanded",
     "the data truncates, ONNX rounds"},
};

/* Which inputs are given as constants, tried in this order. */
enum given { GIVEN_NONE, GIVEN_INTEGERS, GIVEN_REST, GIVEN_ALL, GIVEN_COUNT };

struct totals {
    int count[VERDICT_COUNT], given[GIVEN_COUNT];
};

struct data {
    struct tensor inputs[MAX_OPERANDS], outputs[MAX_OPERANDS];
    int input_count, output_count;
};

static char *read_bytes(const char *path, size_t *bytes)
{
    struct error err = {0};
    char *data;
    return file_exists(path) && file_read(&data, bytes, path, &err) == 0 ? data
                                                                         : NULL;
}

/* The typed field as wide elements, narrowed to the tensor's type. */
static int take_elements(struct tensor *tensor, const Onnx__TensorProto *proto)
{
    int64_t count = tensor_elements(tensor);
    size_t size = dtype_size(tensor->dtype);
    const struct {
        const void *data;
        size_t count, wide;
    } fields[] = {
        {proto->float_data, proto->n_float_data, 4},
        {proto->int32_data, proto->n_int32_data, 4},
        {proto->int64_data, proto->n_int64_data, 8},
        {proto->double_data, proto->n_double_data, 8},
        {proto->uint64_data, proto->n_uint64_data, 8},
    };
    if (proto->raw_data.len) {
        if (proto->raw_data.len != tensor_bytes(tensor))
            return -1;
        memcpy(tensor->data, proto->raw_data.data, proto->raw_data.len);
        return 0;
    }
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (!fields[i].count)
            continue;
        if ((int64_t)fields[i].count != count)
            return -1;
        for (size_t j = 0; j < fields[i].count; j++)
            memcpy((char *)tensor->data + j * size,
                   (const char *)fields[i].data + j * fields[i].wide, size);
        return 0;
    }
    return count ? -1 : 0;
}

static int read_tensor(struct tensor *tensor, const char *path,
                       struct error *err)
{
    size_t bytes;
    char *data = read_bytes(path, &bytes);
    Onnx__TensorProto *proto =
        data ? onnx__tensor_proto__unpack(NULL, bytes, (void *)data) : NULL;
    free(data);
    if (!proto)
        return error_set(err, ERROR_FORMAT, "%s is no tensor", path);
    struct shape shape = {.rank = (int)proto->n_dims};
    int result = -1;
    if (proto->n_dims > SHAPE_MAX_RANK || proto->data_type <= 0 ||
        !dtype_size((enum dtype)proto->data_type)) {
        error_set(err, ERROR_UNSUPPORTED, "test data of type %d",
                  (int)proto->data_type);
    } else {
        memcpy(shape.dims, proto->dims, proto->n_dims * sizeof *proto->dims);
        result = tensor_init(tensor, (enum dtype)proto->data_type, &shape, err);
        if (result == 0 && take_elements(tensor, proto) < 0)
            result = error_set(err, ERROR_FORMAT, "%s is damaged", path);
    }
    onnx__tensor_proto__free_unpacked(proto, NULL);
    return result;
}

static int read_list(struct tensor *list, int *count, const char *folder,
                     const char *kind, struct error *err)
{
    for (*count = 0; *count < MAX_OPERANDS; ++*count) {
        char path[PATH_BYTES + 64];
        snprintf(path, sizeof path, "%s/%s_%d.pb", folder, kind, *count);
        if (!file_exists(path))
            return 0;
        if (read_tensor(&list[*count], path, err) < 0)
            return -1;
    }
    return error_set(err, ERROR_RANGE, "too many operands");
}

static void release_data(struct data *data)
{
    for (int i = 0; i < MAX_OPERANDS; i++) {
        tensor_release(&data->inputs[i]);
        tensor_release(&data->outputs[i]);
    }
}

/* The test data calls bfloat16 numbers uint16: NumPy has no such type. */
static void name_bfloat16(struct tensor *list, int count, const char *folder)
{
    for (int i = 0; i < count && strstr(folder, "BFLOAT16"); i++)
        if (list[i].dtype == DTYPE_UINT16)
            list[i].dtype = DTYPE_BFLOAT16;
}

/* --- one attempt --- */

#define EXACT_ROOM 1e-7 /* as ONNX's own runner */

static bool is_given(enum given given, size_t i, const struct tensor *tensor)
{
    if (given == GIVEN_INTEGERS)
        return dtype_is_integer(tensor->dtype);
    return given == GIVEN_ALL || (given == GIVEN_REST && i > 0);
}

/* The test's input in the type that the graph takes. */
static int convert(struct tensor *out, const struct tensor *in,
                   enum dtype dtype, struct error *err)
{
    return tensor_convert(out, in, dtype, err);
}

static int instantiate(struct graph **out, const struct graph *model,
                       const struct data *data, enum given given,
                       struct error *err)
{
    struct graph *copy;
    if (data->input_count != (int)model->input_count)
        return error_set(err, ERROR_FORMAT, "%d inputs given, expected %zu",
                         data->input_count, model->input_count);
    if (graph_copy(&copy, model, err) < 0)
        return -1;
    int result = 0;
    for (size_t i = 0; i < model->input_count && result == 0; i++) {
        struct tensor constant;
        int id = model->inputs[i];
        if (!is_given(given, i, &data->inputs[i]))
            continue;
        result =
            convert(&constant, &data->inputs[i], copy->values[id].dtype, err);
        if (result == 0) {
            result = graph_set_constant(copy, id, &constant, err);
            tensor_release(&constant);
        }
    }
    /* Data of another batch than the declared one asks for re-batching. */
    int64_t batch = 1;
    if (data->input_count && data->inputs[0].shape.rank &&
        data->inputs[0].shape.dims[0] > 0)
        batch = data->inputs[0].shape.dims[0];
    if (result == 0)
        result = op_instantiate(out, copy, batch, err);
    graph_drop(copy);
    return result;
}

static bool is_close(double found, double expected, double room)
{
    if (isnan(expected) || isinf(expected))
        return isnan(expected) ? isnan(found) : found == expected;
    return fabs(found - expected) <= room + 1e-3 * fabs(expected);
}

static bool same_type(enum dtype found, enum dtype expected)
{
    bool half = expected == DTYPE_FLOAT16 || expected == DTYPE_BFLOAT16;
    return found == expected || (half && found == DTYPE_FLOAT32);
}

/* room: absolute tolerance beside a relative one of 1e-3 */
static int compare(const struct tensor *found, const struct tensor *expected,
                   double room, struct error *err)
{
    char left[SHAPE_TEXT_BYTES], right[SHAPE_TEXT_BYTES];
    if (!same_type(found->dtype, expected->dtype) ||
        !shape_equal(&found->shape, &expected->shape))
        return error_set(
            err, ERROR_MISMATCH, "found %s of %s, expected %s of %s",
            shape_text(&found->shape, left), dtype_name(found->dtype),
            shape_text(&expected->shape, right), dtype_name(expected->dtype));
    int64_t count = tensor_elements(expected);
    for (int64_t i = 0; i < count; i++)
        if (!is_close(tensor_number(found, i), tensor_number(expected, i),
                      room))
            return error_set(err, ERROR_MISMATCH,
                             "element %lld is %.9g, expected %.9g",
                             (long long)i, tensor_number(found, i),
                             tensor_number(expected, i));
    return 0;
}

/* Kernels add in float32: an error goes with a tensor's largest number. */
static double room_of(const struct tensor *tensor)
{
    double largest = 0;
    int64_t count = tensor_elements(tensor);
    for (int64_t i = 0; i < count; i++)
        if (isfinite(tensor_number(tensor, i)))
            largest = fmax(largest, fabs(tensor_number(tensor, i)));
    return 1e-5 * largest + EXACT_ROOM;
}

/* One family of kernels against the plain code's values. */
static int run_plan(const struct graph *instance, const struct tensor *values,
                    enum plan_kernels kernels, struct timing *timing,
                    struct error *err)
{
    struct plan *plan;
    struct runner *runner = NULL;
    struct plan_options options = {.kernels = kernels,
                                   .threads = 1,
                                   .isa = cpu_isa_detect(),
                                   .timing = timing};
    if (plan_create(&plan, instance, &options, err) < 0)
        return -1;
    int result = runner_create(&runner, plan, err);
    for (size_t i = 0; i < instance->input_count && result == 0; i++) {
        const struct tensor *input = &values[instance->inputs[i]];
        if (!instance->values[instance->inputs[i]].constant.data)
            memcpy(runner_input(runner, i), input->data, tensor_bytes(input));
    }
    if (result == 0)
        result = runner_run(runner, 0, plan_step_count(plan), NULL, NULL, err);
    for (size_t i = 0; i < instance->output_count && result == 0; i++) {
        const struct tensor *expected = &values[instance->outputs[i]];
        result =
            compare(runner_output(runner, i), expected, room_of(expected), err);
    }
    if (result < 0)
        error_prefix(err, "kernels %d", (int)kernels);
    runner_destroy(runner);
    plan_drop(plan);
    return result;
}

static enum verdict run_plans(const struct graph *instance,
                              const struct tensor *values, struct error *err)
{
    struct timing *timing;
    if (timing_create(&timing, err) < 0)
        return REFUSED;
    int result = 0;
    for (int k = PLAN_KERNELS_AUTO; k <= PLAN_KERNELS_REFERENCE && result == 0;
         k++)
        result = run_plan(instance, values, (enum plan_kernels)k, timing, err);
    timing_destroy(timing);
    return result < 0 ? WRONG : AGREES;
}

static enum verdict run_and_compare(const struct graph *instance,
                                    const struct data *data, struct error *err)
{
    enum verdict verdict = AGREES;
    struct tensor *values = op_run_values(instance);
    for (size_t i = 0; i < instance->input_count; i++) {
        int id = instance->inputs[i];
        const struct value *value = &instance->values[id];
        if (value->constant.data)
            continue;
        if (!shape_equal(&value->shape, &data->inputs[i].shape) ||
            convert(&values[id], &data->inputs[i], value->dtype, err) < 0) {
            error_set(err, ERROR_SHAPE, "the input's shape is not declared so");
            verdict = REFUSED;
        }
    }
    if (verdict == AGREES && op_run_graph(instance, values, err) < 0)
        verdict = REFUSED;
    for (size_t i = 0; i < instance->output_count && verdict == AGREES; i++)
        if ((int)i < data->output_count &&
            compare(&values[instance->outputs[i]], &data->outputs[i],
                    EXACT_ROOM, err) < 0)
            verdict = WRONG;
    if (verdict == AGREES)
        verdict = run_plans(instance, values, err);
    op_run_release(instance, values);
    return verdict;
}

static enum verdict attempt(const struct graph *model, const struct data *data,
                            enum given given, struct error *err)
{
    struct graph *instance;
    if (instantiate(&instance, model, data, given, err) < 0)
        return REFUSED;
    enum verdict verdict = run_and_compare(instance, data, err);
    graph_drop(instance);
    return verdict;
}

/* Reports the first refusal's reason when every attempt is refused. */
static enum verdict try_all(const struct graph *model, const struct data *data,
                            enum given *given, struct error *err)
{
    for (*given = GIVEN_NONE; *given < GIVEN_COUNT; ++*given) {
        struct error reason = {0};
        enum verdict verdict = attempt(model, data, *given, &reason);
        if (*given == GIVEN_NONE || verdict == WRONG)
            *err = reason;
        if (verdict != REFUSED)
            return verdict;
    }
    return REFUSED;
}

/* --- folders --- */

static enum verdict run_sets(const struct graph *model, const char *folder,
                             enum given *given, struct error *err)
{
    enum verdict verdict = AGREES;
    for (int set = 0; verdict == AGREES; set++) {
        char path[PATH_BYTES + 32];
        struct data data = {0};
        snprintf(path, sizeof path, "%s/test_data_set_%d", folder, set);
        if (!file_is_folder(path)) {
            if (set)
                return AGREES;
            error_set(err, ERROR_IO, "no test data");
            return REFUSED;
        }
        if (read_list(data.inputs, &data.input_count, path, "input", err) < 0 ||
            read_list(data.outputs, &data.output_count, path, "output", err) <
                0)
            verdict = REFUSED;
        name_bfloat16(data.inputs, data.input_count, folder);
        name_bfloat16(data.outputs, data.output_count, folder);
        if (verdict == AGREES)
            verdict = try_all(model, &data, given, err);
        release_data(&data);
    }
    return verdict;
}

/* Opens a model; one of an opset below 6 is tried as if it were of opset 6,
 * whose operators differ in attributes that are refused. */
static int open_model(struct onnx_model **out, const char *path,
                      struct error *err)
{
    struct error again = {0};
    char copy[] = "/tmp/espalier-conformance-XXXXXX";
    size_t bytes;
    if (onnx_open(out, path, err) == 0)
        return 0;
    char *data =
        strstr(err->message, "found opset") ? read_bytes(path, &bytes) : NULL;
    Onnx__ModelProto *proto =
        data ? onnx__model_proto__unpack(NULL, bytes, (void *)data) : NULL;
    free(data);
    int descriptor = proto && proto->n_opset_import ? mkstemp(copy) : -1;
    int result = -1;
    if (descriptor >= 0) {
        close(descriptor);
        proto->opset_import[0]->version = 6;
        unsigned char *packed =
            malloc(onnx__model_proto__get_packed_size(proto) + 1);
        bytes = packed ? onnx__model_proto__pack(proto, packed) : 0;
        if (file_write(copy, packed, bytes, &again) == 0)
            result = onnx_open(out, copy, err);
        free(packed);
        unlink(copy);
    }
    if (proto)
        onnx__model_proto__free_unpacked(proto, NULL);
    return result;
}

static const struct dispute *find_dispute(const char *name)
{
    for (size_t i = 0; i < sizeof disputes / sizeof disputes[0]; i++)
        if (strcmp(disputes[i].test, name) == 0)
            return &disputes[i];
    return NULL;
}

static void run_test(const char *folder, struct totals *totals, bool verbose)
{
    static const char *const names[] = {"ok", "refused", "disputed", "WRONG"};
    char path[PATH_BYTES + 16];
    struct error err = {0};
    struct onnx_model *model;
    enum given given = GIVEN_NONE;
    enum verdict verdict = REFUSED;
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    if (open_model(&model, path, &err) == 0) {
        verdict = run_sets(onnx_graph(model), folder, &given, &err);
        onnx_close(model);
    }
    const char *name = strrchr(folder, '/');
    name = name ? name + 1 : folder;
    const char *reason = strstr(err.message, "model.onnx: ");
    reason = reason ? reason + strlen("model.onnx: ") : err.message;
    const struct dispute *dispute = find_dispute(name);
    if (verdict == WRONG && dispute) {
        verdict = DISPUTED;
        reason = dispute->reason;
    }
    totals->count[verdict]++;
    if (verdict == AGREES)
        totals->given[given]++;
    if (verbose || verdict >= DISPUTED)
        printf("%-8s %s%s%s\n", names[verdict], name,
               verdict == AGREES ? "" : ": ", verdict == AGREES ? "" : reason);
}

static int is_test(const struct dirent *entry)
{
    return strncmp(entry->d_name, "test_", 5) == 0;
}

static int run_folder(const char *folder, bool verbose)
{
    struct totals totals = {{0}, {0}};
    struct dirent **entries;
    int count = scandir(folder, &entries, is_test, alphasort);
    if (count < 0) {
        printf("%s: cannot be read\n", folder);
        return 1;
    }
    for (int i = 0; i < count; i++) {
        char path[PATH_BYTES];
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        run_test(path, &totals, verbose);
        free(entries[i]);
    }
    free(entries);
    printf("%s: %d agree (%d as they are, %d with integer, %d with other, %d "
           "with all inputs constant), %d refused, %d disputed, %d wrong\n",
           folder, totals.count[AGREES], totals.given[GIVEN_NONE],
           totals.given[GIVEN_INTEGERS], totals.given[GIVEN_REST],
           totals.given[GIVEN_ALL], totals.count[REFUSED],
           totals.count[DISPUTED], totals.count[WRONG]);
    return totals.count[WRONG];
}

int main(int argc, char **argv)
{
    bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    int wrong = 0;
    for (int i = verbose ? 2 : 1; i < argc; i++)
        wrong += run_folder(argv[i], verbose);
    return wrong ? 1 : 0;
}

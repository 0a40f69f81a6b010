#include "onnx_fixture.h"

#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

int fixture_set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    make_small_network(&f->make);
    f->folder = make_folder();
    f->path = path_join(f->folder, "model.onnx");
    *state = f;
    return 0;
}

int fixture_tear_down(void **state)
{
    struct fixture *f = *state;
    make_end(&f->make);
    make_remove(f->folder);
    free(f->path);
    free(f);
    return 0;
}

void fixture_again(struct fixture *f)
{
    make_end(&f->make);
    make_small_network(&f->make);
}

struct onnx_model *open_good(const char *path)
{
    struct onnx_model *model = NULL;
    struct error err = {0};
    if (onnx_open(&model, path, &err) < 0)
        fail_msg("%s", err.message);
    return model;
}

void assert_refused(const char *path, enum error_code code, const char *part)
{
    struct onnx_model *model = NULL;
    struct error err = {0};
    assert_int_equal(onnx_open(&model, path, &err), -1);
    assert_null(model);
    size_t n = strlen(path);
    if (strncmp(err.message, path, n) != 0 || err.message[n] != ':' ||
        strchr(err.message, '\n') || !strstr(err.message, part))
        fail_msg("found '%s', expected '%s: ...%s...'", err.message, path,
                 part);
    assert_int_equal(err.code, code);
}

void assert_network_refused(struct fixture *f, enum error_code code,
                            const char *part)
{
    make_write(&f->make, f->path);
    assert_refused(f->path, code, part);
}

void write_bytes(struct fixture *f, const char *name, const void *data,
                 size_t bytes)
{
    char *path = path_join(f->folder, name);
    assert_int_equal(file_write(path, data, bytes, NULL), 0);
    free(path);
}

const struct value *value_of(const struct onnx_model *model, const char *name)
{
    const struct graph *graph = onnx_graph(model);
    int id = graph_find_value(graph, name);
    assert_true(id >= 0);
    return &graph->values[id];
}

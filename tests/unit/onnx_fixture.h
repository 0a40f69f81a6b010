/* A folder with a small network, and what the tests of src/onnx say of it. */
#ifndef TESTS_UNIT_ONNX_FIXTURE_H
#define TESTS_UNIT_ONNX_FIXTURE_H

#include "onnx_make.h"

#include "onnx/model.h"

struct fixture {
    struct onnx_make make;
    char *folder, *path;
};

int fixture_set_up(void **state);
int fixture_tear_down(void **state);
/* Begins the network anew. */
void fixture_again(struct fixture *f);

#define WITH_FOLDER(test)                                                      \
    cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)

struct onnx_model *open_good(const char *path);

/* Opening fails with this code in one line that begins with the path and
 * has `part` in it. */
void assert_refused(const char *path, enum error_code code, const char *part);
/* The same for the fixture's network, written first. */
void assert_network_refused(struct fixture *f, enum error_code code,
                            const char *part);
/* A file in the fixture's folder. */
void write_bytes(struct fixture *f, const char *name, const void *data,
                 size_t bytes);
const struct value *value_of(const struct onnx_model *model, const char *name);

#endif

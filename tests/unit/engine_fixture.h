/* Sessions and engines over seeded noise, for tests. */
#ifndef UNIT_ENGINE_FIXTURE_H
#define UNIT_ENGINE_FIXTURE_H

#include "engine/engine.h"

#define ENGINE_MODEL "data/mlp.onnx"
enum { SAMPLES = 300, CLASSES = 10 };

/* Group set-up and tear-down: a folder with labelled.npz, unlabelled.npz. */
int engine_make_folder(void **state);
int engine_remove_folder(void **state);
void engine_path(const char *name, char *path, size_t bytes);

/* A data set of seeded noise; the highest label is `highest`, -1: none. */
void engine_write_data(const char *name, int64_t highest);

/* data: a name in the folder, NULL: none. */
struct session *engine_open_session(const char *data);
struct engine *engine_start(const struct session *session, bool latency);
/* Executes a line; the new current variant. */
const struct variant *engine_edit(struct session *session, const char *line);
/* Shows and waits; the complete report, retained. */
const struct report *engine_shown(struct engine *engine,
                                  const struct variant *variant);

#endif

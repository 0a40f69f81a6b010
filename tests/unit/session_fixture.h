/* Sessions on a bundled model and data, in a state folder of their own. */
#ifndef UNIT_SESSION_FIXTURE_H
#define UNIT_SESSION_FIXTURE_H

#include "session/session.h"

extern const char fixture_model[], fixture_data[];

/* For cmocka: *state is the path of a fresh folder under build/. */
int session_setup(void **state);
int session_teardown(void **state);

/* 100 samples, a transform given; a journal unless folder is NULL. */
struct session_options session_fixture_options(const char *folder);
struct session *session_fixture_open(const char *folder);

/* A model alone: no data, no journal. */
struct session *session_fixture_load(const char *path);

/* The row of the one layer of this name. */
size_t session_fixture_row(const struct session *session, const char *name);

/* Executes a line that must succeed. */
void session_fixture_run(struct session *session, const char *line);

void assert_same_variants(const struct session *a, const struct session *b);

#endif

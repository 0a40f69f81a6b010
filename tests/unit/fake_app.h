/* An explorer without session, engine or terminal: a model of four layers
 * and three variants, and a backend that only writes down what is asked. */
#ifndef UNIT_FAKE_APP_H
#define UNIT_FAKE_APP_H

#include "app.h"

struct fake {
    struct app app;
    char executed[512]; /* the last command line */
    char exported[64];  /* path and switches of the last export */
    char worked[64];    /* the last line of work that was begun */
    int shown;          /* focus of the last evaluation, -1: none */
    int cancelled, refreshed;
    bool fails;  /* the next command is refused */
    bool lacks;  /* samples must be asked first */
    bool orders; /* the next command is work */
    int dropped; /* how often that was dropped */
};

/* The one of the test that runs. */
extern struct fake fake;

/* Setup and teardown for cmocka. */
int fake_start(void **state);
int fake_stop(void **state);

/* Presses keys by name, types characters. */
void press(const char *keys);
void type(const char *text);
/* The newest message. */
const char *said(void);

#endif

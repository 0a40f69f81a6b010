/*
 * Runs a fuzz target once for each file given, where there is no fuzzing
 * engine. A name that is a pattern nobody expanded (an empty corpus) is
 * passed over; any other missing file is an error.
 */
#include "base/file.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path)
{
    char *bytes;
    size_t size;
    struct error err = {0};
    if (file_read(&bytes, &size, path, &err) < 0) {
        if (strchr(path, '*') && !file_exists(path))
            return 0;
        fprintf(stderr, "%s: %s\n", path, err.message);
        return -1;
    }
    printf("%s: %zu bytes\n", path, size);
    fflush(stdout); /* a crash shows which file it was */
    /* A copy of exact size, so that a sanitizer sees reads behind its end. */
    uint8_t *exact = malloc(size ? size : 1);
    if (exact) {
        memcpy(exact, bytes, size);
        LLVMFuzzerTestOneInput(exact, size);
    }
    free(exact);
    free(bytes);
    return exact ? 0 : -1;
}

int main(int argc, char **argv)
{
    int bad = 0;
    for (int i = 1; i < argc; i++)
        bad |= run_file(argv[i]) < 0;
    return bad;
}

#include "engine/bench.h"
#include "kernel/onednn.h"

void engine_library_version(char *text, size_t bytes)
{
    onednn_version(text, bytes);
}

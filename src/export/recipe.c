/* The recipe, as the session writes it. */
#include "base/file.h"
#include "export/export.h"

#include <stdlib.h>
#include <string.h>

int export_recipe(const struct session *session,
                  const struct export_request *request, const char *path,
                  struct error *err)
{
    char *text = session_recipe(session, request->variant, err);
    if (!text)
        return error_prefix(err, "%s", path);
    int result = file_write(path, text, strlen(text), err);
    free(text);
    return result;
}

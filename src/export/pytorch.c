/* A PyTorch module that holds the exported masks while a model is tuned
 * elsewhere. The text is fixed but for the name of the masks' file. */
#include "base/file.h"
#include "base/strbuf.h"
#include "export/export.h"

#include <stdlib.h>
#include <string.h>

static const char head[] =
    "\"\"\"Holds espalier's masks while a model is tuned in PyTorch.\n"
    "\n"
    "    masks = Masks(model)      # zeroes what is pruned\n"
    "    ...\n"
    "    loss.backward()\n"
    "    optimiser.step()\n"
    "    masks.apply()             # after every step\n"
    "\n"
    "Export the tuned model to ONNX and open it again: what is zero ranks\n"
    "lowest, so the same amounts give the same masks.\n"
    "\"\"\"\n"
    "import pathlib\n"
    "\n"
    "import numpy\n"
    "import torch\n"
    "\n";

static const char body[] =
    "\n"
    "\n"
    "class Masks:\n"
    "    \"\"\"names: masks' names to parameters' where they differ.\"\"\"\n"
    "\n"
    "    def __init__(self, model, path=PATH, names=None):\n"
    "        parameters = dict(model.named_parameters())\n"
    "        self.kept = []\n"
    "        for name, kept in numpy.load(path).items():\n"
    "            name = (names or {}).get(name, name)\n"
    "            if name not in parameters:\n"
    "                raise KeyError(f\"no parameter '{name}': pass names=\"\n"
    "                               \"{mask: parameter}\")\n"
    "            parameter = parameters[name]\n"
    "            if kept.shape != parameter.shape:\n"
    "                kept = kept.T  # a product may be stored transposed\n"
    "            if kept.shape != parameter.shape:\n"
    "                raise ValueError(f\"'{name}' is "
    "{tuple(parameter.shape)},\"\n"
    "                                 f\" its mask {kept.shape}\")\n"
    "            mask = torch.from_numpy(kept.copy()).to(parameter.device)\n"
    "            self.kept.append((parameter, mask))\n"
    "            parameter.register_hook(lambda g, m=mask: g * m)\n"
    "        self.apply()\n"
    "\n"
    "    @torch.no_grad()\n"
    "    def apply(self):\n"
    "        for parameter, mask in self.kept:\n"
    "            parameter.mul_(mask)\n";

int export_pytorch(const struct session *session,
                   const struct export_request *request, const char *path,
                   struct error *err)
{
    struct strbuf text = {0};
    char *masks = export_companion(request->path, ".masks.npz");
    (void)session;
    if (!masks)
        return error_memory(err, strlen(request->path));
    const char *slash = strrchr(masks, '/');
    strbuf_add(&text, head);
    strbuf_add(&text, "PATH = pathlib.Path(__file__).with_name(\"");
    for (const char *p = slash ? slash + 1 : masks; *p; p++)
        strbuf_addf(&text, *p == '"' || *p == '\\' ? "\\%c" : "%c", *p);
    strbuf_add(&text, "\")\n");
    strbuf_add(&text, body);
    char *whole = strbuf_take(&text);
    strbuf_release(&text);
    free(masks);
    if (!whole)
        return error_memory(err, sizeof body);
    int result = file_write(path, whole, strlen(whole), err);
    free(whole);
    return result;
}

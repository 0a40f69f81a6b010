/* The one place that knows both faces: the command line and the explorer. */
#include "app.h"
#include "cli/cli.h"

#include <locale.h>

static int explore(const struct cli_explorer *explorer)
{
    const struct ui_options options = {
        .ascii = explorer->ascii,
        .no_color = explorer->mono,
        .no_mouse = !explorer->mouse,
        .readonly = explorer->readonly,
        .resume_any = explorer->resume_any,
        .resume = explorer->resume,
    };
    return ui_main(&explorer->session, &explorer->engine, &options);
}

int main(int argc, char **argv)
{
    /* Only characters: numbers are written and read the same everywhere. */
    setlocale(LC_CTYPE, "");
    return cli_main(argc, argv, explore);
}

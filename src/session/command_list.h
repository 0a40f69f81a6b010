/*
 * The commands: parser, help, completion and manual come from this list. To
 * add one: a row here, `edit_command_<name>` in a commands_*.c, a case in
 * tests/unit/test_command.c, and a paragraph in man/espalier-recipe.5.
 *
 * COMMAND(name, synopsis, help, fewest words, most words (-1: any),
 *         what the 1st, 2nd, … word is (the last kind repeats))
 */
/* clang-format off */
#ifndef COMMAND /* the header alone says nothing */
#define COMMAND(...)
#endif
COMMAND(set, "set LAYERS AMOUNT [STRUCTURE] [CRITERION]",
        "remove an amount of each layer that LAYERS names",
        2, 4, WORD_LAYER, WORD_AMOUNT, WORD_METHOD)
COMMAND(global, "global AMOUNT [STRUCTURE] [CRITERION] [LAYERS ...]",
        "distribute one amount over layers by one ranking of all weights "
        "(channels, heads)",
        1, -1, WORD_AMOUNT, WORD_CRITERION_OR_LAYER, WORD_LAYER)
COMMAND(budget, "budget KIND=SHARE [drop POINTS] [by ALLOCATOR]",
        "plan under a budget of latency, macs, parameters, bytes or energy",
        1, -1, WORD_NONE, WORD_AMOUNT, WORD_NONE)
COMMAND(reset, "reset [LAYERS ...]",
        "make layers dense again (by default all, with the model's own weights)",
        0, -1, WORD_LAYER, WORD_LAYER, WORD_LAYER)
COMMAND(criterion, "criterion [NAME]",
        "what new decisions rank weights by",
        0, 1, WORD_CRITERION, WORD_NONE, WORD_NONE)
COMMAND(structure, "structure [NAME]",
        "what new decisions remove together",
        0, 1, WORD_STRUCTURE, WORD_NONE, WORD_NONE)
COMMAND(reconstruct, "reconstruct [LAYERS ...] [METHOD] [AMOUNT]",
        "refit the weights that stay, on training samples",
        0, -1, WORD_LAYER, WORD_LAYER, WORD_LAYER)
COMMAND(scan, "scan [LAYERS ...] [STRUCTURE] [CRITERION] [AMOUNT ...] [again]",
        "measure what pruning each layer alone costs, behind everything else",
        0, -1, WORD_LAYER, WORD_LAYER, WORD_LAYER)
COMMAND(criteria, "criteria LAYER [AMOUNT]",
        "measure what each criterion leaves at one layer's amount",
        1, 2, WORD_LAYER, WORD_AMOUNT, WORD_NONE)
COMMAND(robustness,
        "robustness [CORRUPTION ...] [N samples] [severity N,...] [also DATA]",
        "measure accuracy on corrupted pictures, beside the dense model",
        0, -1, WORD_NONE, WORD_NONE, WORD_NONE)
COMMAND(undo, "undo [STEPS]",
        "go back to the variant that this one was made from",
        0, 1, WORD_NUMBER, WORD_NONE, WORD_NONE)
COMMAND(redo, "redo [STEPS]",
        "go forward again to what was undone",
        0, 1, WORD_NUMBER, WORD_NONE, WORD_NONE)
COMMAND(older, "older [STEPS]",
        "go to the variant made before this one, on any branch",
        0, 1, WORD_NUMBER, WORD_NONE, WORD_NONE)
COMMAND(newer, "newer [STEPS]",
        "go to the variant made after this one, on any branch",
        0, 1, WORD_NUMBER, WORD_NONE, WORD_NONE)
COMMAND(goto, "goto NUMBER|NAME",
        "go to a variant by its number or a snapshot by its name",
        1, 1, WORD_SNAPSHOT, WORD_NONE, WORD_NONE)
COMMAND(snapshot, "snapshot [NAME]",
        "name the current variant (A, B, ... by default)",
        0, 1, WORD_SNAPSHOT, WORD_NONE, WORD_NONE)
COMMAND(tune, "tune [N epochs] [lr X] [SCHEDULE] [distill] [to AMOUNT] ...",
        "fine-tune the kept weights, or prune on while tuning",
        0, -1, WORD_NONE, WORD_NONE, WORD_NONE)
COMMAND(masks, "masks FILE",
        "keep the masks of a file, of a model that was tuned elsewhere",
        1, 1, WORD_PATH, WORD_NONE, WORD_NONE)
COMMAND(export, "export FILE",
        "write the current variant as an ONNX model",
        1, 1, WORD_PATH, WORD_NONE, WORD_NONE)
/* clang-format on */

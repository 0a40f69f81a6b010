/* Screens compared with stored ones in tests/golden. */
#ifndef SCREENS_GOLDEN_H
#define SCREENS_GOLDEN_H

/* Cells that change from run to run: they are blotted out before comparing. */
struct golden_mask {
    int row, column, rows, columns;
};

/*
 * Compares text with tests/golden/NAME.txt. With UPDATE_GOLDEN=1 the file is
 * written instead; a difference fails the test and shows both lines.
 *
 * masks  ends with rows 0; may be NULL
 */
void golden_assert(const char *name, const char *text,
                   const struct golden_mask *masks);

#endif

/* Inside `dataset`: the numbers of the zip container. */
#ifndef DATASET_ZIP_H
#define DATASET_ZIP_H

/* First four bytes of its records, read as a little-endian number. */
enum {
    ZIP_LOCAL = 0x04034b50,
    ZIP_DIRECTORY = 0x02014b50,
    ZIP_END = 0x06054b50,
};

/* Records without their names, extra fields and comments. */
enum {
    ZIP_LOCAL_BYTES = 30,
    ZIP_DIRECTORY_BYTES = 46,
    ZIP_END_BYTES = 22,
};

enum {
    ZIP_STORED = 0,
    ZIP_DEFLATED = 8,
    ZIP_ENCRYPTED = 1,  /* flag */
    ZIP_UTF8 = 1 << 11, /* flag: the name is UTF-8 */
};

#endif

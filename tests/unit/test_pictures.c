/* Data sets of pictures, CIFAR's binary files and CSV. */
#include "base/array.h"
#include "base/file.h"
#include "dataset/dataset.h"

#include <ftw.h>
#include <png.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <turbojpeg.h>
#include <unistd.h>
#include <cmocka.h>

static char root[] = "/tmp/espalier-pictures-XXXXXX";

static const char *in_root(const char *name)
{
    static char path[200];
    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static int begin(void **state)
{
    (void)state;
    memcpy(root + sizeof root - 7, "XXXXXX", 6);
    return mkdtemp(root) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *s, int type,
                      struct FTW *ftw)
{
    (void)s;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int end(void **state)
{
    (void)state;
    return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void make_folder(const char *name)
{
    assert_int_equal(mkdir(in_root(name), 0700), 0);
}

static void write_file(const char *name, const void *bytes, size_t count)
{
    assert_int_equal(file_write(in_root(name), bytes, count, NULL), 0);
}

/* Pixel (y, x) of channel c. */
static unsigned char pixel(int y, int x, int c)
{
    return (unsigned char)(40 * y + 7 * x + 90 * c);
}

static void fill(unsigned char *pixels, int height, int width, int channels)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < channels; c++)
                *pixels++ = pixel(y, x, c);
}

static void write_png(const char *name, int height, int width, int format)
{
    unsigned char pixels[64 * 64 * 4];
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)width,
                       .height = (png_uint_32)height,
                       .format = (png_uint_32)format};
    fill(pixels, height, width, PNG_IMAGE_PIXEL_CHANNELS(image.format));
    assert_true(
        png_image_write_to_file(&image, in_root(name), 0, pixels, 0, NULL));
}

static void write_jpeg(const char *name, int height, int width, int format,
                       int subsampling)
{
    unsigned char pixels[64 * 64 * 4], *bytes = NULL;
    unsigned long count = 0;
    tjhandle handle = tjInitCompress();
    for (int i = 0; i < height * width * tjPixelSize[format]; i++)
        pixels[i] = 100;
    assert_int_equal(tjCompress2(handle, pixels, width, 0, height, format,
                                 &bytes, &count, subsampling, 95, 0),
                     0);
    write_file(name, bytes, count);
    tjFree(bytes);
    tjDestroy(handle);
}

static struct dataset *open_set(const char *name,
                                const struct dataset_options *options)
{
    struct dataset *dataset = NULL;
    struct error err = {0};
    if (dataset_open(&dataset, in_root(name), options, &err) < 0)
        fail_msg("%s", err.message);
    return dataset;
}

static void expect_failure(const char *name,
                           const struct dataset_options *options,
                           enum error_code code, const char *part)
{
    struct dataset *dataset = NULL;
    struct error err = {0};
    assert_int_equal(dataset_open(&dataset, in_root(name), options, &err), -1);
    if (err.code != code || !strstr(err.message, part) ||
        strncmp(err.message, root, strlen(root)))
        fail_msg("%d: '%s', expected %d: '%s'", (int)err.code, err.message,
                 (int)code, part);
}

/* Raw values of one sample. */
static const float *sample(const struct dataset *dataset, int64_t i)
{
    static float values[3 * 64 * 64];
    struct transform none = transform_identity();
    dataset_read(dataset, 0, &none, DTYPE_FLOAT32, i, NULL, 1, values);
    return values;
}

static void assert_shape(const struct dataset *d, int64_t c, int64_t h,
                         int64_t w)
{
    struct shape shape = dataset_sample_shape(d, 0);
    assert_true(dataset_is_image(d));
    assert_int_equal(shape.dims[0], c);
    assert_int_equal(shape.dims[1], h);
    assert_int_equal(shape.dims[2], w);
}

static void folders_are_classes_in_the_order_of_names(void **state)
{
    (void)state;
    make_folder("b");
    make_folder("a");
    write_png("b/1.png", 3, 4, PNG_FORMAT_GRAY);
    write_png("a/2.PNG", 3, 4, PNG_FORMAT_GRAY);
    write_png("a/1.png", 3, 4, PNG_FORMAT_GRAY);
    write_file("a/notes.txt", "x", 1);
    struct dataset *d = open_set("", NULL);
    assert_string_equal(dataset_format(d), "pictures");
    assert_int_equal(dataset_count(d), 3);
    assert_int_equal(dataset_classes(d), 2);
    assert_int_equal(dataset_label(d, 1), 0);
    assert_int_equal(dataset_label(d, 2), 1);
    assert_shape(d, 1, 3, 4);
    for (int i = 0; i < 12; i++)
        assert_true(sample(d, 0)[i] == (float)pixel(i / 4, i % 4, 0));
    dataset_close(d);
}

static void grey_ones_join_coloured_ones(void **state)
{
    (void)state;
    make_folder("a");
    write_png("a/1.png", 2, 2, PNG_FORMAT_GRAY);
    write_png("a/2.png", 2, 2, PNG_FORMAT_RGB);
    write_png("a/3.png", 2, 2, PNG_FORMAT_RGBA);
    struct dataset *d = open_set("", NULL);
    assert_shape(d, 3, 2, 2);
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 4; i++) {
            float coloured = (float)pixel(i / 2, i % 2, c);
            assert_true(sample(d, 0)[c * 4 + i] ==
                        (float)pixel(i / 2, i % 2, 0));
            assert_true(sample(d, 1)[c * 4 + i] == coloured);
            assert_true(sample(d, 2)[c * 4 + i] == coloured);
        }
    dataset_close(d);
    struct dataset_options options = {.shape = {.bgr = true}};
    d = open_set("", &options);
    assert_true(sample(d, 1)[0] == (float)pixel(0, 0, 2));
    assert_true(sample(d, 1)[8] == (float)pixel(0, 0, 0));
    dataset_close(d);
}

static void jpegs_are_read_in_every_colour_space(void **state)
{
    (void)state;
    make_folder("a");
    write_jpeg("a/1.jpg", 9, 17, TJPF_GRAY, TJSAMP_GRAY);
    write_jpeg("a/2.jpeg", 9, 17, TJPF_RGB, TJSAMP_420);
    write_jpeg("a/3.jpg", 9, 17, TJPF_CMYK, TJSAMP_444);
    struct dataset *d = open_set("", NULL);
    assert_shape(d, 3, 9, 17);
    for (int i = 0; i < 3 * 9 * 17; i++) {
        assert_true(sample(d, 0)[i] >= 99 && sample(d, 0)[i] <= 101);
        assert_true(sample(d, 1)[i] >= 99 && sample(d, 1)[i] <= 101);
        /* ink 100 under black 100, both inverted: 100 * 100 / 255 */
        assert_true(sample(d, 2)[i] >= 38 && sample(d, 2)[i] <= 41);
    }
    dataset_close(d);
}

static void sizes_must_agree_or_be_made_to(void **state)
{
    (void)state;
    make_folder("a");
    write_png("a/1.png", 8, 12, PNG_FORMAT_GRAY);
    write_png("a/2.png", 16, 8, PNG_FORMAT_GRAY);
    expect_failure("", NULL, ERROR_SHAPE,
                   "2.png: gives 16x8 pixels, expected 8x12 as '1.png' does");
    struct dataset_options options = {.shape = {4, 0, 4, 4, false}};
    struct dataset *d = open_set("", &options);
    assert_shape(d, 1, 4, 4);
    dataset_close(d);
    options.shape =
        (struct picture_shape){.resize_height = 4, .resize_width = 4};
    d = open_set("", &options);
    assert_shape(d, 1, 4, 4);
    dataset_close(d);
    options.shape = (struct picture_shape){.crop_height = 9, .crop_width = 2};
    expect_failure("", &options, ERROR_SHAPE,
                   "1.png: has 8x12 pixels, expected at least the crop's 9x2");
}

/* Weights 1 3 3 1 (of 8) inside, 3 3 1 (of 7) at the edge. */
static void shrinking_widens_the_filter(void **state)
{
    (void)state;
    make_folder("a");
    write_png("a/1.png", 1, 8, PNG_FORMAT_GRAY);
    struct dataset_options options = {
        .shape = {.resize_height = 1, .resize_width = 4}};
    struct dataset *d = open_set("", &options);
    const float *got = sample(d, 0);
    assert_true(got[0] == (int)((3 * 0 + 3 * 7 + 14) / 7.0 + 0.5));
    assert_true(got[1] == (int)((7 + 3 * 14 + 3 * 21 + 28) / 8.0 + 0.5));
    assert_true(got[3] == (int)((35 + 3 * 42 + 3 * 49) / 7.0 + 0.5));
    dataset_close(d);
    options.shape.crop_height = 1;
    options.shape.crop_width = 2;
    d = open_set("", &options);
    assert_true(sample(d, 0)[0] ==
                (int)((7 + 3 * 14 + 3 * 21 + 28) / 8.0 + 0.5));
    dataset_close(d);
}

static void splits_are_folders(void **state)
{
    (void)state;
    make_folder("train");
    make_folder("train/x");
    make_folder("val");
    make_folder("val/x");
    write_png("train/x/1.png", 2, 2, PNG_FORMAT_GRAY);
    write_png("train/x/2.png", 2, 2, PNG_FORMAT_GRAY);
    write_png("val/x/1.png", 2, 2, PNG_FORMAT_GRAY);
    struct dataset_options train = {.split = "train"};
    struct dataset *d = open_set("", NULL);
    assert_string_equal(dataset_split(d), "test");
    assert_int_equal(dataset_count(d), 1);
    dataset_close(d);
    d = open_set("", &train);
    assert_int_equal(dataset_count(d), 2);
    dataset_close(d);
    expect_failure("val", &train, ERROR_NAME, "no 'train' split");
}

static void a_limit_takes_from_every_class(void **state)
{
    (void)state;
    make_folder("a");
    make_folder("b");
    write_png("a/1.png", 2, 2, PNG_FORMAT_GRAY);
    write_png("a/2.png", 2, 2, PNG_FORMAT_GRAY);
    write_png("b/1.png", 2, 2, PNG_FORMAT_GRAY);
    write_png("b/2.png", 2, 2, PNG_FORMAT_GRAY);
    struct dataset_options two = {.limit = 2};
    struct dataset *d = open_set("", &two);
    assert_int_equal(dataset_count(d), 2);
    assert_int_equal(dataset_label(d, 0), 0);
    assert_int_equal(dataset_label(d, 1), 1);
    dataset_close(d);
}

static void damaged_pictures_are_named(void **state)
{
    (void)state;
    make_folder("a");
    write_file("a/1.png", "\x89PNG\r\n\x1a\n", 8);
    expect_failure("", NULL, ERROR_FORMAT, "1.png: damaged PNG");
    write_file("a/1.png", "\xff\xd8\xff\xe0", 4);
    expect_failure("", NULL, ERROR_FORMAT, "1.png: damaged JPEG");
    write_file("a/1.png", "hello", 5);
    expect_failure("", NULL, ERROR_UNSUPPORTED,
                   "1.png: no picture, expected PNG or JPEG");
    write_file("a/1.webp", "RIFF", 4);
    remove(in_root("a/1.png"));
    expect_failure("", NULL, ERROR_UNSUPPORTED, "1.webp: cannot be read");
}

static void cifar_is_read_from_its_records(void **state)
{
    (void)state;
    static unsigned char records[3][3073];
    for (int i = 0; i < 3; i++) {
        records[i][0] = (unsigned char)(i * 4);
        memset(records[i] + 1, 10 + i, 3072);
    }
    write_file("test_batch.bin", records[2], 3073);
    write_file("data_batch_1.bin", records[0], 3073);
    write_file("data_batch_2.bin", records[1], 3073);
    struct dataset_options train = {.split = "train"};
    struct dataset *d = open_set("", NULL);
    assert_string_equal(dataset_format(d), "cifar");
    assert_int_equal(dataset_label(d, 0), 8);
    assert_shape(d, 3, 32, 32);
    assert_true(sample(d, 0)[3071] == 12);
    dataset_close(d);
    d = open_set("", &train);
    assert_int_equal(dataset_count(d), 2);
    assert_int_equal(dataset_label(d, 1), 4);
    assert_int_equal(dataset_classes(d), 10);
    assert_true(sample(d, 1)[0] == 11);
    dataset_close(d);
    records[0][0] = 10;
    write_file("data_batch_1.bin", records[0], 3073);
    expect_failure("", &train, ERROR_RANGE,
                   "record 0: label 10, expected less than 10");
    write_file("data_batch_1.bin", records[0], 3000);
    expect_failure("data_batch_1.bin", NULL, ERROR_FORMAT,
                   "3000 bytes, expected records of 3073 bytes");
}

static void the_fine_label_of_cifar_100_counts(void **state)
{
    (void)state;
    static unsigned char record[3074] = {7, 93};
    write_file("test.bin", record, sizeof record);
    struct dataset *d = open_set("", NULL);
    assert_int_equal(dataset_label(d, 0), 93);
    assert_int_equal(dataset_classes(d), 100);
    dataset_close(d);
}

static void rows_of_numbers_are_samples(void **state)
{
    (void)state;
    static const char named[] = "a;\"label\";b\r\n1.5;2;-3\r\n4;0;1e2\r\n\r\n";
    static const char plain[] = "3,0.5,1\n1,2,3"; /* no end of line */
    write_file("named.csv", named, sizeof named - 1);
    struct dataset *d = open_set("named.csv", NULL);
    assert_int_equal(dataset_count(d), 2);
    assert_int_equal(dataset_label(d, 0), 2);
    assert_int_equal(dataset_classes(d), 3);
    assert_false(dataset_is_image(d));
    assert_true(sample(d, 1)[0] == 4 && sample(d, 1)[1] == 100);
    dataset_close(d);
    write_file("plain.csv", plain, sizeof plain - 1);
    d = open_set("plain.csv", NULL);
    assert_int_equal(dataset_count(d), 2);
    assert_int_equal(dataset_label(d, 0), 3);
    assert_true(sample(d, 1)[1] == 3);
    dataset_close(d);
    write_file("bad.csv", "x,y\n1,0\n2", 9);
    expect_failure("bad.csv", NULL, ERROR_FORMAT,
                   "line 3: 1 columns, expected 2");
    write_file("bad.csv", "x,y\n1,0\nz,1\n", 12);
    expect_failure("bad.csv", NULL, ERROR_FORMAT,
                   "line 3, column 1: found 'z', expected a number");
    write_file("bad.csv", "x,y\n1,0.5\n", 10);
    expect_failure("bad.csv", NULL, ERROR_RANGE, "line 2: label 0.5");
    write_file("bad.csv", "x,y\n", 4);
    expect_failure("bad.csv", NULL, ERROR_FORMAT, "no rows");
}

static void rows_of_pixels_are_images(void **state)
{
    (void)state;
    char text[2000], *p = text;
    p += sprintf(p, "5");
    for (int i = 0; i < 64; i++)
        p += sprintf(p, ",%d", i);
    write_file("m.csv", text, (size_t)(p - text));
    struct dataset *d = open_set("m.csv", NULL);
    assert_shape(d, 1, 8, 8);
    assert_true(sample(d, 0)[63] == 63);
    dataset_close(d);
}

static void sizes_are_words(void **state)
{
    (void)state;
    struct picture_shape shape = {0};
    struct strbuf text = {0};
    struct error err = {0};
    assert_int_equal(picture_shape_word(&shape, "resize", "256", &err), 0);
    assert_int_equal(picture_shape_word(&shape, "crop", "224", &err), 0);
    assert_int_equal(picture_shape_word(&shape, "channels", "bgr", &err), 0);
    assert_int_equal(picture_shape_word(&shape, "layout", "nhwc", &err), 0);
    picture_shape_text(&text, &shape, "--");
    assert_string_equal(strbuf_text(&text),
                        " --resize 256 --crop 224x224 --channels bgr "
                        "--layout nhwc");
    strbuf_release(&text);
    static const char *const bad[] = {"", "0", "12x", "x9", "40000", "9x9x9"};
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
        assert_int_equal(picture_shape_word(&shape, "crop", bad[i], &err), -1);
    assert_int_equal(picture_shape_word(&shape, "channels", "cmyk", &err), -1);
    assert_int_equal(picture_shape_word(&shape, "layout", "hwc", &err), -1);
    assert_int_equal(picture_shape_word(&shape, "scale", "1", &err), -1);
    assert_true(picture_shape_knows("layout"));
    assert_false(picture_shape_knows("split"));
}

#define PICTURES(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PICTURES(folders_are_classes_in_the_order_of_names),
        PICTURES(grey_ones_join_coloured_ones),
        PICTURES(jpegs_are_read_in_every_colour_space),
        PICTURES(sizes_must_agree_or_be_made_to),
        PICTURES(shrinking_widens_the_filter),
        PICTURES(splits_are_folders),
        PICTURES(a_limit_takes_from_every_class),
        PICTURES(damaged_pictures_are_named),
        PICTURES(cifar_is_read_from_its_records),
        PICTURES(the_fine_label_of_cifar_100_counts),
        PICTURES(rows_of_numbers_are_samples),
        PICTURES(rows_of_pixels_are_images),
        PICTURES(sizes_are_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
